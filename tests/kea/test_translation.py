"""The words of one Kea version in those of another: what becomes of each, and what can't be said."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.kea.translation import translate
from reconciler.model import Service
from tests.contract.generator import configuration

OLD, MIDDLE, NEW = "2.2.0", "2.6.3", "3.0.3"
V4, V6 = Service.DHCP4, Service.DHCP6

Part = dict[str, Any]


def subnet4(**more: Any) -> Part:
    return {"id": 1, "subnet": "10.0.0.0/24", **more}


def named(part: Part, service: Service, source: str, target: str) -> list[str]:
    return [str(each) for each in translate(part, service, source, target).inexpressible]


@pytest.mark.parametrize("versions", [(OLD, OLD), (OLD, "2.2.1"), ("3.0.0", "3.0.3")])
def test_versions_between_which_nothing_changed_cost_nothing(versions: tuple[str, str]) -> None:
    part = {"subnet6": [subnet4()], "preferred-lifetime": 1}
    for service in Service:
        assert translate(part, service, *versions).part is part


UP_AND_DOWN: list[tuple[str, Service, tuple[str, str], Part, Part]] = [
    (
        "the class that guards a pool",
        V4,
        (MIDDLE, NEW),
        {
            "cache-threshold": 0.1,
            "subnet4": [subnet4(pools=[{"pool": "p", "client-class": "a"}], **{"cache-threshold": 0.1})],
        },
        {
            "cache-threshold": 0.1,
            "subnet4": [subnet4(pools=[{"pool": "p", "client-classes": ["a"]}], **{"cache-threshold": 0.1})],
        },
    ),
    (
        "classes to evaluate, and only then",
        V4,
        (MIDDLE, NEW),
        {
            "client-classes": [{"name": "a", "only-if-required": True}],
            "shared-networks": [{"name": "n", "require-client-classes": ["a"]}],
        },
        {
            "cache-threshold": 0.0,
            "client-classes": [{"name": "a", "only-in-additional-list": True}],
            "shared-networks": [{"name": "n", "evaluate-additional-classes": ["a"], "cache-threshold": 0.0}],
        },
    ),
    (
        "conflict resolution, and all that 2.6 shows",
        V4,
        (OLD, MIDDLE),
        {
            "ddns-use-conflict-resolution": False,
            "option-data": [{"code": 3}],
            "sanity-checks": {"lease-checks": "warn"},
            "subnet4": [subnet4(**{"ddns-use-conflict-resolution": True})],
        },
        {
            "allocator": "iterative",
            "ddns-conflict-resolution-mode": "no-check-with-dhcid",
            "option-data": [{"code": 3, "never-send": False}],
            "sanity-checks": {"lease-checks": "warn", "extended-info-checks": "fix"},
            "stash-agent-options": False,
            "subnet4": [subnet4(**{"ddns-conflict-resolution-mode": "check-with-dhcid", "allocator": "iterative"})],
        },
    ),
    (
        "lease caching, off in a 2.6 that doesn't say so",
        V4,
        (MIDDLE, NEW),
        {"subnet4": [subnet4(**{"cache-threshold": 0.25})], "shared-networks": [{"name": "n"}]},
        {
            "cache-threshold": 0.0,
            "subnet4": [subnet4(**{"cache-threshold": 0.25})],
            "shared-networks": [{"name": "n", "cache-threshold": 0.0}],
        },
    ),
    (
        "an option that 2.6 has a name for, in digits",
        V4,
        (OLD, MIDDLE),
        {"option-data": [{"code": 121, "csv-format": False, "data": "00", "space": "dhcp4"}]},
        {
            "allocator": "iterative",
            "stash-agent-options": False,
            "option-data": [
                {
                    "code": 121,
                    "name": "classless-static-route",
                    "csv-format": False,
                    "data": "00",
                    "space": "dhcp4",
                    "never-send": False,
                }
            ],
        },
    ),
    (
        "preferred lifetimes that 2.6 calculates",
        V6,
        (OLD, MIDDLE),
        {
            "valid-lifetime": 8000,
            "preferred-lifetime": 5000,
            "client-classes": [{"name": "a", "valid-lifetime": 80, "preferred-lifetime": 50}],
            "subnet6": [
                {
                    "subnet": "2001:db8::/64",
                    "valid-lifetime": 800,
                    "min-valid-lifetime": 400,
                    **dict.fromkeys(("preferred-lifetime", "min-preferred-lifetime", "max-preferred-lifetime"), 400),
                }
            ],
        },
        {
            "allocator": "iterative",
            "pd-allocator": "iterative",
            "valid-lifetime": 8000,
            "client-classes": [{"name": "a", "valid-lifetime": 80}],
            "subnet6": [
                {
                    "subnet": "2001:db8::/64",
                    "valid-lifetime": 800,
                    "min-valid-lifetime": 400,
                    "allocator": "iterative",
                    "pd-allocator": "iterative",
                }
            ],
        },
    ),
    (
        "preferred lifetimes that are 2.2's own",
        V6,
        (OLD, MIDDLE),
        {"valid-lifetime": 7200, "preferred-lifetime": 3600, "client-classes": [{"name": "a", "valid-lifetime": 8000}]},
        {
            "allocator": "iterative",
            "pd-allocator": "iterative",
            "valid-lifetime": 7200,
            "preferred-lifetime": 3600,
            "client-classes": [{"name": "a", "valid-lifetime": 8000}],
        },
    ),
]


@pytest.mark.parametrize(
    ("service", "versions", "older", "newer"), [row[1:] for row in UP_AND_DOWN], ids=[row[0] for row in UP_AND_DOWN]
)
def test_what_both_can_say_goes_up_and_comes_back(
    service: Service, versions: tuple[str, str], older: Part, newer: Part
) -> None:
    up, down = translate(older, service, *versions), translate(newer, service, *reversed(versions))
    assert (up.part, up.inexpressible) == (newer, ())
    assert (down.part, down.inexpressible) == (older, ())


DOWN_ONLY: list[tuple[str, Service, tuple[str, str], Part, Part]] = [
    (
        "3.0's own default of lease caching is told to 2.6",
        V4,
        (NEW, MIDDLE),
        {"cache-threshold": 0.25, "subnet4": [subnet4(**{"cache-threshold": 0.25})]},
        {"cache-threshold": 0.25, "subnet4": [subnet4(**{"cache-threshold": 0.25})]},
    ),
    (
        "what is set to what older ones do anyway",
        V4,
        (NEW, OLD),
        {
            "ddns-ttl": 0,
            "subnet4": [
                subnet4(
                    **{"offer-lifetime": 0, "client-classes": [], "option-data": [{"code": 3, "client-classes": []}]}
                )
            ],
        },
        {"subnet4": [subnet4(**{"option-data": [{"code": 3}]})]},
    ),
    (
        "a preferred lifetime above the valid one",
        V6,
        (MIDDLE, OLD),
        {"valid-lifetime": 800, "preferred-lifetime": 900, "max-preferred-lifetime": 1000},
        {"valid-lifetime": 800, "preferred-lifetime": 500, "max-preferred-lifetime": 500},
    ),
    (
        "a class that makes leases shorter than its subnets' preferred lifetimes",
        V6,
        (MIDDLE, OLD),
        {
            "valid-lifetime": 7200,
            "preferred-lifetime": 3600,
            "client-classes": [{"name": "a", "valid-lifetime": 80}, {"name": "b", "valid-lifetime": 3600}],
        },
        {
            "valid-lifetime": 7200,
            "preferred-lifetime": 3600,
            "client-classes": [
                {"name": "a", "valid-lifetime": 80, "preferred-lifetime": 50},
                {"name": "b", "valid-lifetime": 3600},
            ],
        },
    ),
]


@pytest.mark.parametrize(
    ("service", "versions", "newer", "older"), [row[1:] for row in DOWN_ONLY], ids=[row[0] for row in DOWN_ONLY]
)
def test_what_an_older_version_has_to_be_told_to_do_the_same(
    service: Service, versions: tuple[str, str], newer: Part, older: Part
) -> None:
    found = translate(newer, service, *versions)
    assert (found.part, found.inexpressible) == (older, ())


def subnet_option(**more: Any) -> Part:
    return {"subnet4": [subnet4(**{"option-data": [{"name": "routers", "code": 3, **more}]})]}


def host(**more: Any) -> Part:
    return {"subnet4": [subnet4(reservations=[{"hw-address": "01", **more}])]}


def pool(**more: Any) -> Part:
    network = {"name": "n", "subnet4": [subnet4(pools=[{"pool": "10.0.0.1-10.0.0.9", **more}])]}
    return {"shared-networks": [network]}


def timers(**more: Any) -> Part:
    return {"rebind-timer": 50, "subnet4": [subnet4(**{"renew-timer": 100, **more})]}


INEXPRESSIBLE: list[tuple[Service, tuple[str, str], Part, str]] = [
    (V4, (NEW, OLD), subnet_option(**{"never-send": True}), "option routers of subnet 10.0.0.0/24 has `never-send`"),
    (
        V4,
        (NEW, MIDDLE),
        subnet_option(**{"client-classes": ["a"]}),
        "option routers of subnet 10.0.0.0/24 has `client-classes`",
    ),
    (
        V4,
        (NEW, MIDDLE),
        pool(**{"client-classes": ["a", "b"]}),
        "pool 10.0.0.1-10.0.0.9 of subnet 10.0.0.0/24 has `client-classes` with more than one class",
    ),
    (V4, (NEW, MIDDLE), pool(**{"ddns-ttl": 1}), "pool 10.0.0.1-10.0.0.9 of subnet 10.0.0.0/24 has `ddns-ttl`"),
    (V4, (MIDDLE, OLD), pool(**{"pool-id": 1}), "pool 10.0.0.1-10.0.0.9 of subnet 10.0.0.0/24 has `pool-id`"),
    (V4, (MIDDLE, OLD), {"allocator": "random", **subnet_option()}, "the global level has `allocator`"),
    (
        V4,
        (MIDDLE, OLD),
        {"ddns-conflict-resolution-mode": "check-exists-with-dhcid"},
        "the global level has `ddns-conflict-resolution-mode` check-exists-with-dhcid",
    ),
    (
        V4,
        (NEW, MIDDLE),
        {"cache-threshold": 0.25, "subnet4": [subnet4(**{"cache-threshold": 0.0})]},
        "subnet 10.0.0.0/24 has `cache-threshold` 0 below another value",
    ),
    (V4, (MIDDLE, "2.3.5"), {"allocator": "flq"}, "the global level has `allocator` flq"),
    (
        V4,
        (MIDDLE, OLD),
        {"sanity-checks": {"extended-info-checks": "strict"}},
        "the global level has `extended-info-checks`",
    ),
    (
        V4,
        (NEW, MIDDLE),
        {"client-classes": [{"name": "a", "test": "match('a', option[12].text) and 'lcase(' == ''"}]},
        "client-class a has function `match` in class tests",
    ),
    (
        V4,
        (MIDDLE, OLD),
        {"client-classes": [{"name": "a", "template-test": "option[12].hex"}]},
        "client-class a has `template-test`",
    ),
    (
        V4,
        (MIDDLE, OLD),
        host(**{"hostname": "", "next-server": "0.0.0.0", "option-data": []}),  # noqa: S104 - Kea's "none"
        "reservation hw-address 01 of subnet 10.0.0.0/24 has reservations that reserve nothing",
    ),
    (V4, (MIDDLE, OLD), timers(), "subnet 10.0.0.0/24 has `renew-timer` above `rebind-timer`"),
    (
        V4,
        (MIDDLE, OLD),
        {"option-data": [{"name": "v4-dnr", "code": 162, "space": "dhcp4", "csv-format": True}]},
        "option v4-dnr has option v4-dnr",
    ),
    (
        V4,
        (OLD, NEW),
        {"option-def": [{"name": "mine", "code": 121, "space": "dhcp4"}]},
        "option-def mine has own definition of code 121 (it is classless-static-route there)",
    ),
    (
        V4,
        (MIDDLE, NEW),
        {"option-data": [{"code": 122, "space": "dhcp4", "csv-format": False, "data": "01"}]},
        "option code 122 has data for option cablelabs-client-conf (code 122)",
    ),
    (
        V4,
        (OLD, MIDDLE),
        {"reservations": [{"flex-id": "00" * 129}]},
        f"reservation flex-id {'00' * 129} has `flex-id` of 129 bytes",
    ),
    (V6, (OLD, MIDDLE), {"reservations": [{"duid": "00:01"}]}, "reservation duid 00:01 has `duid` of 2 bytes"),
    (
        V6,
        (OLD, NEW),
        {"preferred-lifetime": 9, "subnet6": [{"subnet": "2001:db8::/64", "preferred-lifetime": 0}]},
        "subnet 2001:db8::/64 has `preferred-lifetime` 0",
    ),
    (
        V6,
        (NEW, MIDDLE),
        {"reservations": [{"duid": "00:01:02", "excluded-prefixes": ["2001:db8::/64"]}]},
        "reservation duid 00:01:02 has `excluded-prefixes`",
    ),
]


@pytest.mark.parametrize(("service", "versions", "part", "told"), INEXPRESSIBLE)
def test_what_a_version_cannot_say_is_named(service: Service, versions: tuple[str, str], part: Part, told: str) -> None:
    assert named(part, service, *versions) == [told]


def test_what_is_inherited_is_named_once() -> None:
    networks = [{"name": "n", "allocator": "random", "subnet4": [subnet4(allocator="random")]}]
    part = {"allocator": "random", "shared-networks": networks}
    assert named(part, V4, MIDDLE, OLD) == ["the global level has `allocator`"]


def test_own_definitions_and_options_of_other_spaces_stay_as_they_are() -> None:
    part = {"option-data": [{"code": 121, "space": "vendor-1", "csv-format": False}], "option-def": [{"code": 230}]}
    assert not named(part, V4, OLD, NEW)
    assert "name" not in translate(part, V4, OLD, NEW).part["option-data"][0]


UPGRADED: list[tuple[Service, tuple[str, str], Part, Part]] = [
    # 3.0's default wasn't written before the upgrade, and nobody chose it; another value was.
    (
        V4,
        (NEW, MIDDLE),
        {"cache-threshold": 0.25, "subnet4": [subnet4(**{"cache-threshold": 0.25})]},
        {"subnet4": [subnet4()]},
    ),
    (V4, (NEW, MIDDLE), {"cache-threshold": 0.0}, {"cache-threshold": 0.0}),
    (V6, (MIDDLE, OLD), {"valid-lifetime": 80}, {"valid-lifetime": 80, "preferred-lifetime": 3600}),
    (
        V6,
        (MIDDLE, OLD),
        {"valid-lifetime": 80, "preferred-lifetime": 3600},
        {"valid-lifetime": 80, "preferred-lifetime": 3600},
    ),
]


@pytest.mark.parametrize(("service", "versions", "part", "before"), UPGRADED)
def test_what_stood_there_before_an_upgrade(
    service: Service, versions: tuple[str, str], part: Part, before: Part
) -> None:
    assert translate(part, service, *versions, upgraded=True).part == before


VERSIONS = (OLD, "2.3.5", "2.4.0", "2.5.3", MIDDLE, "2.7.5", NEW, "3.1.2")


@given(st.integers(0, 10_000), st.sampled_from(list(Service)), st.sampled_from(VERSIONS), st.sampled_from(VERSIONS))
def test_what_was_translated_is_the_other_version_s_own(seed: int, service: Service, source: str, target: str) -> None:
    """It needs no second translation, goes to any version as it would from there, and the input is left alone."""
    part = configuration(random.Random(seed), service)
    before = repr(part)
    here = translate(part, service, OLD, source)
    there = translate(here.part, service, source, target)
    assert translate(there.part, service, target, target).part is there.part
    assert repr(part) == before
    if not here.inexpressible and not there.inexpressible:
        back = translate(there.part, service, target, source)
        again = translate(back.part, service, source, target)
        assert not back.inexpressible
        assert again.part == there.part
