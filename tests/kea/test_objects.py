from __future__ import annotations

from typing import Any

import pytest

from reconciler.kea.objects import (
    CLIENT_CLASS,
    OPTION,
    OPTION_DEFINITION,
    PD_POOL,
    POOL,
    RESERVATION,
    SHARED_NETWORK,
    SUBNET,
    Kind,
    count_reservations,
    index,
    subnets_of,
)


@pytest.mark.parametrize(
    ("kind", "item", "key"),
    [
        (SUBNET, {"subnet": "10.0.0.0/24", "id": 7}, "10.0.0.0/24"),
        (SHARED_NETWORK, {"name": "campus"}, "campus"),
        (CLIENT_CLASS, {"name": "phones"}, "phones"),
        (POOL, {"pool": "10.0.0.1 - 10.0.0.9"}, "10.0.0.1-10.0.0.9"),
        (POOL, {"pool": "10.0.0.128/26"}, "10.0.0.128/26"),
        (PD_POOL, {"prefix": "2001:db8::", "prefix-len": 48, "delegated-len": 64}, "2001:db8::/48 delegated 64"),
        (RESERVATION, {"hw-address": "02:00:00:00:00:01", "ip-address": "10.0.0.9"}, "hw-address 02:00:00:00:00:01"),
        (RESERVATION, {"duid": "01:02"}, "duid 01:02"),
        (RESERVATION, {"circuit-id": "706F7274"}, "circuit-id 706F7274"),
        (RESERVATION, {"client-id": "0102"}, "client-id 0102"),
        (RESERVATION, {"flex-id": "0A"}, "flex-id 0A"),
        (RESERVATION, {"ip-address": "10.0.0.9"}, "without identifier"),
        (OPTION, {"name": "routers", "code": 3, "space": "dhcp4"}, "routers"),
        (OPTION, {"name": "dns-servers", "code": 23, "space": "dhcp6"}, "dns-servers"),
        (OPTION, {"name": "colour", "code": 1, "space": "acme"}, "acme.colour"),
        (OPTION, {"code": 251, "space": "dhcp4"}, "code 251"),
        (OPTION, {"code": 2, "space": "acme"}, "acme.code 2"),
        (OPTION, {"name": "routers"}, "routers"),
        (OPTION_DEFINITION, {"name": "colour", "code": 1, "space": "acme"}, "acme.colour"),
    ],
)
def test_an_object_is_told_from_others_by_its_key(kind: Kind, item: dict[str, Any], key: str) -> None:
    assert kind.key(item) == key


def test_members_with_the_same_key_are_kept_apart_by_their_order() -> None:
    items = [{"name": "routers", "data": data} for data in ("a", "b", "c")]
    assert index(items, OPTION) == {"routers": items[0], "routers #2": items[1], "routers #3": items[2]}


def test_no_list_is_an_empty_one() -> None:
    assert index(None, POOL) == index([], POOL) == {}


def test_subnets_are_found_wherever_they_stand() -> None:
    inside, outside = {"subnet": "10.1.0.0/24"}, {"subnet": "10.0.0.0/24"}
    config = {"subnet4": [outside], "shared-networks": [{"name": "campus", "subnet4": [inside]}, {"name": "empty"}]}
    assert subnets_of(config, "subnet4") == {"10.0.0.0/24": (None, outside), "10.1.0.0/24": ("campus", inside)}
    assert subnets_of({}, "subnet4") == {}


def test_reservations_are_counted_in_subnets_in_networks_and_globally() -> None:
    one, two = [{"duid": "01"}], [{"duid": "01"}, {"duid": "02"}]
    networks = [{"name": "campus", "subnet6": [{"subnet": "2001:db8:1::/64", "reservations": two}]}]
    config = {"subnet6": [{"subnet": "2001:db8::/64", "reservations": one}], "shared-networks": networks}
    assert count_reservations(config, "subnet6") == 3
    assert count_reservations({**config, "reservations": two}, "subnet6") == 5
