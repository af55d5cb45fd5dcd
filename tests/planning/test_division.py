"""What is done to the authority's pools, and why, as desired wants them divided or not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconciler.model import Mode, Peer, Pools, Relationship, Role, Service, Snapshot
from reconciler.planning import wanted
from reconciler.planning.division import are_split, division
from reconciler.planning.renaming import moved
from tests.planning.cases import read_case
from tests.planning.strategies import snapshot

PAIR = read_case("nothing-to-do").desired.relationships[0]
PRIMARY, STANDBY = PAIR.peers

BALANCED = replace(PAIR, mode=Mode.LOAD_BALANCING, peers=(PRIMARY, Peer("kea-b", "kea-b", Role.SECONDARY, STANDBY.url)))


@pytest.mark.parametrize(
    ("subnet", "is_so"),
    [
        ({"pools": []}, True),
        ({"pools": [{"pool": "a"}]}, False),
        ({"pools": [{"pool": "a", "client-class": "HA_kea-a"}, {"pool": "b", "client-class": "HA_kea-b"}]}, True),
        ({"pools": [{"pool": "a", "client-class": "HA_kea-a"}, {"pool": "b"}]}, False),
        ({"pools": [{"pool": "a", "client-class": "HA_kea-c"}]}, False),
        ({"pools": [{"pool": "a", "client-classes": ["x", "HA_kea-b"]}]}, True),
        ({"client-class": "HA_kea-a", "pools": [{"pool": "a"}]}, True),
        ({"pd-pools": [{"prefix": "2001:db8::"}]}, False),
    ],
)
def test_pools_are_split_by_the_classes_of_the_peers(subnet: dict[str, Any], *, is_so: bool) -> None:
    for config in ({"subnet4": [subnet]}, {"shared-networks": [{"name": "campus", "subnet4": [subnet]}]}):
        assert are_split(BALANCED, snapshot(BALANCED, PRIMARY, config)) is is_so
        assert are_split(PAIR, snapshot(PAIR, PRIMARY, config)) is True


def test_the_service_decides_which_lists_are_looked_at() -> None:
    six = replace(BALANCED, service=Service.DHCP6)
    assert are_split(six, snapshot(six, PRIMARY, {"subnet6": [{"pools": [{"pool": "a"}]}]})) is False


SPLIT = replace(BALANCED, pools=Pools.SPLIT)
WHOLE = [{"pool": "192.0.2.0/25"}]


def config(pools: list[dict[str, Any]], *names: str, mode: str = "load-balancing") -> dict[str, Any]:
    """A server's configuration with these pools, and a relationship of peers that have these names."""
    roles = ("primary", "secondary" if mode == "load-balancing" else "standby")
    peers = [
        {"name": name, "role": role, "url": f"http://192.0.2.{len(name)}/"}
        for name, role in zip(names, roles, strict=False)
    ]
    block = {"this-server-name": names[0], "mode": mode, "peers": peers} if names else None
    hook = {"library": "libdhcp_ha.so", "parameters": {"high-availability": [block]}}
    return {"subnet4": [{"subnet": "192.0.2.0/24", "pools": pools}], "hooks-libraries": [hook] if block else []}


def pools_of(relationship: Relationship, found: dict[str, Any]) -> list[tuple[str, str | None]]:
    """What the pools of a server become, with their guards."""
    source = snapshot(relationship, relationship.primary, found)
    made = division(relationship, source)
    assert made.is_due is (made.authority.config != found)
    return [(each["pool"], each.get("client-class")) for each in made.authority.config["subnet4"][0]["pools"]]


def divided(*names: str, mode: str = "load-balancing") -> dict[str, Any]:
    source = snapshot(SPLIT, SPLIT.primary, config(WHOLE, "kea-a", "kea-b"))
    halves = division(SPLIT, source).authority.config["subnet4"][0]["pools"]
    return config(halves, *names, mode=mode)


HALVES = [("192.0.2.0/26", "HA_kea-a"), ("192.0.2.64/26", "HA_kea-b")]
BY_HAND = [{"pool": "a", "client-class": "HA_kea-a"}, {"pool": "b", "client-class": "HA_kea-b"}]


def test_pools_are_divided_where_desired_says_so() -> None:
    assert pools_of(SPLIT, config(WHOLE)) == HALVES
    assert pools_of(SPLIT, config(WHOLE, "kea-a", "kea-b")) == HALVES
    assert pools_of(SPLIT, divided("kea-a", "kea-b")) == HALVES
    assert pools_of(BALANCED, config(WHOLE)) == [("192.0.2.0/25", None)]


def test_what_we_divided_is_joined_where_desired_no_longer_says_so() -> None:
    whole = [("192.0.2.0/25", None)]
    assert pools_of(BALANCED, divided("kea-a", "kea-b")) == whole
    assert pools_of(PAIR, divided("kea-a", "kea-b", mode="hot-standby")) == whole
    assert pools_of(PAIR, divided()) == whole


def test_guards_by_hand_stay() -> None:
    for relationship, mode in ((BALANCED, "load-balancing"), (SPLIT, "load-balancing"), (PAIR, "hot-standby")):
        assert not division(relationship, _source(relationship, config(BY_HAND, "kea-a", "kea-b", mode=mode))).is_due


def test_with_the_mode_all_guards_go_on_each_server() -> None:
    for found in (divided("kea-a", "kea-b"), config(BY_HAND, "kea-a", "kea-b")):
        source = _source(PAIR, found)
        assert not division(PAIR, source).is_due
        (subnet,) = wanted.without_pool_guards(PAIR, source)["subnet4"]
        assert [each.get("client-class") for each in subnet["pools"]] in ([None], [None, None])


def _source(relationship: Relationship, found: dict[str, Any]) -> Snapshot:
    return snapshot(relationship, relationship.primary, found)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("kea-a", "kea-b"), {}),
        (("kea-b", "kea-a"), {}),
        (("old", "kea-b"), {"old": "kea-a"}),
        (("kea-a", "old"), {"old": "kea-b"}),
        (("kea-b", "old"), {"old": "kea-a"}),
        (("old", "older"), {"old": "kea-a", "older": "kea-b"}),
        ((), {}),
    ],
)
def test_guards_follow_peers_that_get_another_name(names: tuple[str, ...], expected: dict[str, str]) -> None:
    assert moved(BALANCED, snapshot(BALANCED, PRIMARY, config(WHOLE, *names))) == expected


@pytest.mark.parametrize("relationship", [BALANCED, SPLIT])
def test_a_rename_leaves_the_division_as_it_is(relationship: Relationship) -> None:
    found = config([{**each, "pool": f"192.0.2.{n}/32"} for n, each in enumerate(BY_HAND)], "old", "kea-b")
    found["subnet4"][0]["pools"][0]["client-class"] = "HA_old"
    assert pools_of(relationship, found) == [("192.0.2.0/32", "HA_kea-a"), ("192.0.2.1/32", "HA_kea-b")]
