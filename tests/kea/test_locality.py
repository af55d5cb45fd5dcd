from __future__ import annotations

import copy
from typing import Any

import pytest

from reconciler.kea.locality import LOCAL, STAMP_KEY, overlay, replicated
from reconciler.model import Service

V4 = Service.DHCP4


def config(**parts: Any) -> dict[str, Any]:
    subnets = [{"subnet": "10.0.0.0/24", "id": 1, "interface": "eth0"}, {"subnet": "10.0.1.0/24", "id": 2}]
    inside = [{"subnet": "10.1.0.0/24", "id": 3, "interface": "eth1"}]
    networks = [{"name": "campus", "interface": "eth2", "subnet4": inside}]
    return {"subnet4": subnets, "shared-networks": networks, "valid-lifetime": 60, **parts}


def test_every_local_part_has_a_reason_and_does_not_follow() -> None:
    parts: dict[str, Any] = {key: {} for key in LOCAL}
    assert all(len(reason) > 20 for reason in LOCAL.values())
    assert replicated(config(**parts), V4) == config()


@pytest.mark.parametrize(
    ("context", "left"),
    [
        ({STAMP_KEY: {"revision": "1"}, "site": "hq"}, {"user-context": {"site": "hq"}}),
        ({STAMP_KEY: {"revision": "1"}}, {}),
        ({"site": "hq"}, {"user-context": {"site": "hq"}}),
        ({}, {}),
    ],
)
def test_our_stamp_is_no_data(context: dict[str, Any], left: dict[str, Any]) -> None:
    assert replicated({"user-context": context}, V4) == left


def test_a_pattern_for_subnets_means_those_in_shared_networks_too() -> None:
    part = replicated(config(), V4, ("/subnet4/*/interface",))
    assert [subnet.get("interface") for subnet in part["subnet4"]] == [None, None]
    assert part["shared-networks"] == [
        {"name": "campus", "interface": "eth2", "subnet4": [{"subnet": "10.1.0.0/24", "id": 3}]}
    ]


@pytest.mark.parametrize(
    "pattern",
    ["/no-such", "/no-such/*/key", "/subnet4/10.9.0.0~124/id", "/subnet4/0/id", "/valid-lifetime/*/a", "", "/"],
)
def test_a_pattern_that_fits_nothing_changes_nothing(pattern: str) -> None:
    assert replicated(config(), V4, (pattern,)) == config()
    assert overlay(config(), config(), V4, (pattern,)) == config()


def test_members_are_named_by_their_identity_with_slashes_escaped() -> None:
    part = replicated(config(), V4, ("/subnet4/10.0.0.0~124/interface",))
    assert part["subnet4"] == [{"subnet": "10.0.0.0/24", "id": 1}, {"subnet": "10.0.1.0/24", "id": 2}]
    context = {"a/b~c": 1, "d": 2}
    assert replicated({"user-context": context}, V4, ("/user-context/a~1b~0c",)) == {"user-context": {"d": 2}}


def test_a_list_without_identities_is_a_value_as_a_whole() -> None:
    identifiers = {"host-reservation-identifiers": ["duid", "hw-address"]}
    assert replicated(identifiers, V4, ("/host-reservation-identifiers/*",)) == identifiers
    assert replicated(identifiers, V4, ("/host-reservation-identifiers",)) == {}


def test_local_values_are_matched_by_identity_and_not_by_place() -> None:
    mine = config(subnet4=[{"subnet": "10.0.1.0/24", "interface": "ens2"}, {"subnet": "10.0.0.0/24"}])
    made = overlay(config(), mine, V4, ("/subnet4/*/interface",))
    assert made["subnet4"] == [
        {"subnet": "10.0.0.0/24", "id": 1},
        {"subnet": "10.0.1.0/24", "id": 2, "interface": "ens2"},
    ]


def test_a_subnet_that_moves_into_a_network_keeps_its_local_values() -> None:
    mine = config(subnet4=[{"subnet": "10.1.0.0/24", "interface": "ens9"}], **{"shared-networks": []})
    made = overlay(config(), mine, V4, ("/subnet4/*/interface",))
    assert made["shared-networks"][0]["subnet4"] == [{"subnet": "10.1.0.0/24", "id": 3, "interface": "ens9"}]


def test_a_subnet_that_moves_out_of_a_network_keeps_its_local_values() -> None:
    inside = [{"subnet": "10.0.1.0/24", "interface": "ens9"}]
    mine = config(subnet4=[], **{"shared-networks": [{"name": "campus", "subnet4": inside}]})
    made = overlay(config(), mine, V4, ("/subnet4/*/interface",))
    assert made["subnet4"][1] == {"subnet": "10.0.1.0/24", "id": 2, "interface": "ens9"}


def test_whole_local_subnets_stay_in_their_own_places() -> None:
    outside, inside = {"subnet": "10.8.0.0/24"}, {"subnet": "10.9.0.0/24"}
    mine = {"subnet4": [outside], "shared-networks": [{"name": "campus", "subnet4": [inside]}]}
    made = overlay(config(), mine, V4, ("/subnet4/*",))
    assert made["subnet4"] == [outside]
    assert [network["subnet4"] for network in made["shared-networks"]] == [[inside]]


def test_a_whole_local_subnet_outlives_its_network() -> None:
    mine = {"subnet4": [], "shared-networks": [{"name": "gone", "subnet4": [{"subnet": "10.9.0.0/24"}]}]}
    made = overlay(config(), mine, V4, ("/subnet4/10.9.0.0~124",))
    assert made["subnet4"] == [*config()["subnet4"], {"subnet": "10.9.0.0/24"}]


def test_a_local_list_of_which_nothing_is_shared_counts_as_absent() -> None:
    with_pools = {"subnet4": [{"subnet": "10.0.0.0/24", "pools": [{"pool": "10.0.0.0/28"}]}]}
    without = {"subnet4": [{"subnet": "10.0.0.0/24"}]}
    patterns = ("/subnet4/*/pools/*",)
    assert replicated(with_pools, V4, patterns) == replicated(without, V4, patterns) == without
    assert overlay(without, with_pools, V4, patterns) == with_pools


def test_a_local_key_of_a_map_that_only_one_side_has() -> None:
    mine = {"user-context": {"rack": "B2", "site": "hq"}}
    assert overlay({"valid-lifetime": 60}, mine, V4, ("/user-context/rack",)) == {
        "valid-lifetime": 60,
        "user-context": {"rack": "B2"},
    }


def test_nothing_is_altered_in_place() -> None:
    theirs, mine = config(), config(**{"valid-lifetime": 30})
    before = copy.deepcopy((theirs, mine))
    overlay(theirs, mine, V4, ("/subnet4/*/interface", "/subnet4/*", "/valid-lifetime", "/shared-networks/*/interface"))
    assert (theirs, mine) == before
