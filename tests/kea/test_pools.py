"""Dividing pools between two load-balancing servers, and joining them again: pure, by tables and by properties."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_network
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.kea import pools
from reconciler.kea.locality import STAMP_KEY
from reconciler.model import Service

if TYPE_CHECKING:
    from collections.abc import Sequence

FOUR, SIX = Service.DHCP4, Service.DHCP6
NAMES = ("kea-a", "kea-b")
OLD, NEW = "2.2.0", "3.0.3"


def config(
    *members: dict[str, Any], key: str = "pools", service: Service = FOUR, guard: str | None = None
) -> dict[str, Any]:
    own = {"client-class": guard} if guard else {}
    return {service.subnets: [{"id": 1, "subnet": "net", key: list(members), **own}]}


def divided(made: dict[str, Any], version: str = OLD, service: Service = FOUR) -> dict[str, Any]:
    return dict(pools.divided(made, service, NAMES, version).config)


def members(made: Any, key: str = "pools", service: Service = FOUR) -> list[Any]:
    found: list[Any] = made[service.subnets][0][key]
    return found


# ---------------------------------------------------------------------------------------------- by tables


@pytest.mark.parametrize(
    ("pool", "first", "second"),
    [
        ("192.0.2.10-192.0.2.99", "192.0.2.10-192.0.2.54", "192.0.2.55-192.0.2.99"),
        ("192.0.2.9 - 192.0.2.11", "192.0.2.9-192.0.2.10", "192.0.2.11/32"),  # the odd one is the primary's
        ("192.0.2.0/25", "192.0.2.0/26", "192.0.2.64/26"),
        ("192.0.2.8/30", "192.0.2.8/31", "192.0.2.10/31"),
        ("192.0.2.7-192.0.2.8", "192.0.2.7/32", "192.0.2.8/32"),
        ("192.0.2.64-192.0.2.191", "192.0.2.64/26", "192.0.2.128/26"),
        ("2001:db8::10-2001:db8::13", "2001:db8::10/127", "2001:db8::12/127"),
        ("2001:db8::/64", "2001:db8::/65", "2001:db8:0:0:8000::/65"),
    ],
)
def test_a_pool_becomes_two_neighbours(pool: str, first: str, second: str) -> None:
    mark = {STAMP_KEY: {pools.MARK: {"pool": pool}}}
    assert members(divided(config({"pool": pool, "option-data": [1]}))) == [
        {"pool": first, "option-data": [1], "client-class": "HA_kea-a", "user-context": mark},
        {"pool": second, "option-data": [1], "client-class": "HA_kea-b", "user-context": mark},
    ]


@pytest.mark.parametrize("pool", ["192.0.2.7/32", "192.0.2.7-192.0.2.7"])
def test_a_single_address_is_the_primarys(pool: str) -> None:
    (only,) = members(divided(config({"pool": pool}), NEW))
    assert (only["pool"], only["client-classes"]) == ("192.0.2.7/32", ["HA_kea-a"])
    assert members(pools.joined(divided(config({"pool": pool})), FOUR).config) == [{"pool": pool}]


def test_delegated_prefixes_are_divided_with_the_prefix_that_is_left_out_of_each() -> None:
    pool = {
        "prefix": "2001:db8:1::",
        "prefix-len": 48,
        "delegated-len": 56,
        "excluded-prefix": "2001:db8:1:0:ab00::",
        "excluded-prefix-len": 72,
    }
    first, second = members(divided(config(pool, key="pd-pools", service=SIX), NEW, SIX), "pd-pools", SIX)
    assert (first["prefix"], first["prefix-len"], first["excluded-prefix"]) == (
        "2001:db8:1::",
        49,
        "2001:db8:1:0:ab00::",
    )
    assert (second["prefix"], second["prefix-len"]) == ("2001:db8:1:8000::", 49)
    assert second["excluded-prefix"] == "2001:db8:1:8000:ab00::"
    assert (first["delegated-len"], second["delegated-len"]) == (56, 56)


def test_a_single_delegated_prefix_is_the_primarys() -> None:
    pool = {"prefix": "2001:db8:1::", "prefix-len": 56, "delegated-len": 56}
    (only,) = members(divided(config(pool, key="pd-pools", service=SIX), OLD, SIX), "pd-pools", SIX)
    assert {**pool, "client-class": "HA_kea-a"}.items() <= only.items()


@pytest.mark.parametrize(
    "made",
    [
        config({"pool": "192.0.2.0/25", "client-class": "HA_kea-a"}),
        config({"pool": "192.0.2.0/25", "client-classes": ["HA_kea-b"]}),
        config({"pool": "192.0.2.0/25"}, guard="HA_kea-a"),
        config({"pool": "192.0.2.0/25", "client-class": "a-phones"})
        | {"client-classes": [{"name": "a-phones", "test": "member('HA_kea-a') and member('phones')"}]},
        {"shared-networks": [{"name": "n", "client-class": "HA_kea-b", **config({"pool": "192.0.2.0/25"})}]},
        config(),
        {},
    ],
)
def test_what_people_divided_stays_the_very_same(made: dict[str, Any]) -> None:
    found = pools.divided(made, FOUR, NAMES, OLD)
    assert found == pools.Pools(made)
    assert found.config is made
    assert pools.joined(made, FOUR).config is made
    assert pools.are_guarded(made, FOUR, NAMES)


def test_a_pool_with_a_class_of_its_own_is_named_and_stays() -> None:
    made = config({"pool": "192.0.2.0/25", "client-class": "phones"}, {"pool": "192.0.2.128/25"})
    found = pools.divided(made, FOUR, NAMES, OLD)
    assert found.classed == ("pool 192.0.2.0/25 of subnet net",)
    assert found.divided == ("pool 192.0.2.128/25 of subnet net",)
    assert members(found.config)[0] is members(made)[0]
    assert not pools.are_guarded(found.config, FOUR, NAMES)


def test_a_half_that_lost_its_guard_gets_it_back() -> None:
    made = divided(config({"pool": "192.0.2.0/25"}))
    first, second = members(made)
    bare = {key: value for key, value in second.items() if key != "client-class"}
    assert divided(config(first, bare)) == made
    assert divided(config(first, {**second, "client-class": "HA_gone"})) == made


def test_halves_that_were_changed_by_hand_are_not_joined_but_lose_guard_and_mark() -> None:
    first, second = members(divided(config({"pool": "192.0.2.0/25"})))
    longer = {**second, "pool": "192.0.2.64-192.0.2.200"}
    assert members(pools.joined(config(first, longer), FOUR).config) == [
        {"pool": "192.0.2.0/26"},
        {"pool": "192.0.2.64-192.0.2.200"},
    ]
    other = {**second, "option-data": ["o"]}
    assert members(pools.joined(config(first, other), FOUR).config) == [
        {"pool": "192.0.2.0/26"},
        {"pool": "192.0.2.64/26", "option-data": ["o"]},
    ]
    assert members(pools.joined(config(second), FOUR).config) == [{"pool": "192.0.2.64/26"}]
    classed = {**second, "client-class": "phones"}
    assert members(pools.joined(config(first, classed), FOUR).config)[1]["client-class"] == "phones"


@pytest.mark.parametrize("mark", [{}, {"pool": 7}, {"pool": "nonsense"}, {"prefix": "x"}, "text", ["a"]])
def test_a_damaged_mark_does_no_harm(mark: Any) -> None:
    pool = {"pool": "192.0.2.0/26", "client-class": "HA_kea-a", "user-context": {STAMP_KEY: {pools.MARK: mark}}}
    (found,) = members(pools.joined(config(pool), FOUR).config)
    assert found["pool"] == "192.0.2.0/26"


def test_guards_made_by_hand_go_where_nobody_is_in_the_class_any_more() -> None:
    made = {
        "shared-networks": [{"name": "n", "client-class": "HA_kea-a", **config({"pool": "192.0.2.0/25"})}],
        **config(
            {"pool": "198.51.100.0/25", "client-classes": ["HA_kea-b", "phones"]},
            {"pool": "198.51.100.128/25", "client-class": "phones"},
            guard="HA_kea-b",
        ),
    }
    found = pools.without_guards(made, FOUR, NAMES)
    assert found.config == {
        "shared-networks": [{"name": "n", **config({"pool": "192.0.2.0/25"})}],
        **config(
            {"pool": "198.51.100.0/25", "client-classes": ["phones"]},
            {"pool": "198.51.100.128/25", "client-class": "phones"},
        ),
    }
    assert set(found.joined) == {"shared-network n", "subnet net", "pool 198.51.100.0/25 of subnet net"}


def test_guards_of_peers_come_off_networks_subnets_and_pools() -> None:
    before = {
        "subnet6": [
            {
                "subnet": "a",
                "client-classes": ["HA_kea-a"],
                "pools": [{"pool": "1", "client-class": "HA_kea-b"}, {"pool": "2", "client-class": "phones"}],
                "pd-pools": [{"prefix": "p", "client-classes": ["HA_kea-b", "phones"]}],
            }
        ],
        "shared-networks": [{"name": "n", "client-class": "HA_kea-a", "subnet6": [{"subnet": "b"}]}],
    }
    assert pools.without_guards(before, SIX, ["kea-a", "kea-b"]).config == {
        "subnet6": [
            {
                "subnet": "a",
                "pools": [{"pool": "1"}, {"pool": "2", "client-class": "phones"}],
                "pd-pools": [{"prefix": "p", "client-classes": ["phones"]}],
            }
        ],
        "shared-networks": [{"name": "n", "subnet6": [{"subnet": "b"}]}],
    }
    assert pools.without_guards(before, SIX, ["kea-c"]).config is before


def test_guards_follow_a_peer_that_gets_another_name() -> None:
    made = config({"pool": "192.0.2.0/25", "client-class": "HA_kea-a"}, {"pool": "x", "client-classes": ["HA_kea-b"]})
    made["client-classes"] = [{"name": "c", "test": "member('HA_kea-b')"}, {"name": "d"}]
    found = pools.renamed(made, FOUR, {"kea-b": "kea-c"})
    assert members(found)[0] is members(made)[0]
    assert members(found)[1]["client-classes"] == ["HA_kea-c"]
    assert found["client-classes"] == [{"name": "c", "test": "member('HA_kea-c')"}, {"name": "d"}]
    assert pools.renamed(made, FOUR, {"other": "kea-c"}) is made


# ------------------------------------------------------------------------------------------- by properties


@st.composite
def ranges(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Pools of a subnet that don't overlap, in order, in either notation."""
    kind = draw(st.sampled_from([IPv4Address, IPv6Address]))
    base = int(kind("10.0.0.0" if kind is IPv4Address else "2001:db8::"))
    found: list[dict[str, Any]] = []
    for gap, length, is_prefix in draw(
        st.lists(st.tuples(st.integers(1, 50), st.integers(1, 70), st.booleans()), max_size=5)
    ):
        base += gap
        if is_prefix:
            bits = length % 7
            size = 1 << bits
            base = -(-base // size) * size
            text = f"{kind(base)}/{(32 if kind is IPv4Address else 128) - bits}"
        else:
            size = length
            text = f"{kind(base)}{draw(st.sampled_from(['-', ' - ']))}{kind(base + size - 1)}"
        found.append({"pool": text, **draw(st.sampled_from([{}, {"user-context": {"a": 1}}, {"pool-id": 7}]))})
        base += size
    return found


def addresses(found: Sequence[Any]) -> list[Any]:
    spans = [pools.ends(each["pool"]) for each in found]
    return [type(first)(number) for first, last in spans for number in range(int(first), int(last) + 1)]


@given(ranges(), st.sampled_from([OLD, NEW]))
def test_every_address_is_in_exactly_one_half(pool_list: list[dict[str, Any]], version: str) -> None:
    made = divided(config(*pool_list), version)
    assert addresses(members(made)) == addresses(pool_list)
    sizes = dict.fromkeys(NAMES, 0)
    for each in members(made):
        (guard,) = pools.classes(each)
        sizes[guard.removeprefix("HA_")] += len(addresses([each]))
    assert 0 <= sizes["kea-a"] - sizes["kea-b"] <= len(pool_list)
    assert pools.are_guarded(made, FOUR, NAMES)


@given(ranges(), st.sampled_from([OLD, NEW]))
def test_joining_takes_back_dividing_and_dividing_again_does_nothing(
    pool_list: list[dict[str, Any]], version: str
) -> None:
    before = config(*pool_list)
    made = divided(before, version)
    assert pools.divided(made, FOUR, NAMES, version).config is made
    back = pools.joined(made, FOUR)
    assert back.config == before
    assert len(back.joined) == len(pool_list)
    assert pools.without_guards(made, FOUR, NAMES).config == before
    assert pools.renamed(made, FOUR, {"kea-a": "kea-b", "kea-b": "kea-a"}) is not before


@given(st.integers(40, 64), st.integers(0, 8), st.booleans())
def test_every_delegated_prefix_is_in_exactly_one_half(length: int, more: int, has_excluded: bool) -> None:
    pool: dict[str, Any] = {"prefix": "2001:db8::", "prefix-len": length, "delegated-len": length + more}
    if has_excluded:
        pool |= {"excluded-prefix": "2001:db8::", "excluded-prefix-len": 80}
    before = config(pool, key="pd-pools", service=SIX)
    made = divided(before, NEW, SIX)
    found = [ip_network(f"{each['prefix']}/{each['prefix-len']}") for each in members(made, "pd-pools", SIX)]
    whole = ip_network(f"2001:db8::/{length}")
    assert found == ([whole] if more == 0 else list(whole.subnets()))
    assert pools.joined(made, SIX).config == before
