from __future__ import annotations

import copy
from typing import Any

import pytest

from reconciler.kea import guards
from reconciler.model import Service

FOUR = Service.DHCP4


def config(service: Service = FOUR, **parts: Any) -> dict[str, Any]:
    key = service.subnets
    return {
        key: [
            {"id": 1, "subnet": "a", "pools": [{"pool": "1"}]},
            {"id": 2, "subnet": "b", "client-class": "phones", "user-context": {"site": "hq"}},
        ],
        "shared-networks": [{"name": "floor", key: [{"id": 3, "subnet": "c", "client-classes": ["x", "y"]}]}],
        "client-classes": [{"name": "phones"}],
    } | parts


@pytest.mark.parametrize("service", Service)
@pytest.mark.parametrize(
    ("version", "key", "value"), [("2.7.4", "client-class", str), ("2.7.5", "client-classes", list)]
)
def test_a_disabled_configuration_serves_nobody_and_comes_back_as_it_was(
    service: Service, version: str, key: str, value: type
) -> None:
    before = config(service)
    found = guards.disabled(copy.deepcopy(before), service, "hq", version)
    subnets = [*found[service.subnets], *found["shared-networks"][0][service.subnets]]
    assert [isinstance(each[key], value) and guards.NOBODY in each[key] for each in subnets] == [True] * 3
    other = {"client-class": "client-classes", "client-classes": "client-class"}[key]
    assert not any(other in each for each in subnets)
    assert guards.guarded_subnets(found, service) == {"a": "hq", "b": "hq", "c": "hq"}
    assert guards.is_silenced(found)
    assert found["client-classes"][-1]["test"] == "member('ALL')"
    assert guards.enabled(found, service) == before


def test_nothing_is_altered_in_place() -> None:
    before = config()
    shown = copy.deepcopy(before)
    guards.disabled(before, FOUR, "hq", "2.2.0")
    assert before == shown


def test_what_was_disabled_is_not_disabled_again() -> None:
    once = guards.disabled(config(), FOUR, "hq", "2.2.0")
    assert guards.disabled(once, FOUR, "annex", "2.2.0") == once


def test_a_class_drop_of_somebody_elses_comes_back() -> None:
    before = config() | {"client-classes": [{"name": "DROP", "test": "option[1].exists"}, {"name": "phones"}]}
    found = guards.disabled(before, FOUR, "hq", "2.2.0")
    assert [each["test"] for each in found["client-classes"] if each["name"] == "DROP"] == ["member('ALL')"]
    restored = guards.enabled(found, FOUR)
    assert sorted(each["name"] for each in restored["client-classes"]) == ["DROP", "phones"]
    assert {"name": "DROP", "test": "option[1].exists"} in restored["client-classes"]


def test_with_some_subnets_left_to_serve_packets_are_not_dropped() -> None:
    found = guards.disabled(config(), FOUR, "hq", "3.0.3", concerns=lambda each: each["subnet"] != "c")
    assert guards.guarded_subnets(found, FOUR).keys() == {"a", "b"}
    assert not guards.is_silenced(found)


def test_the_class_drop_stays_until_something_is_served() -> None:
    found = guards.disabled(config(), FOUR, "hq", "2.2.0")
    assert guards.is_silenced(guards.enabled(found, FOUR, concerns=lambda _: False))
    freed = guards.enabled(found, FOUR, concerns=lambda each: each["subnet"] == "a")
    assert not guards.is_silenced(freed)
    assert guards.guarded_subnets(freed, FOUR).keys() == {"b", "c"}


def test_a_server_without_subnets_is_let_out_of_its_silence() -> None:
    silent = guards.silenced({"subnet4": []}, "hq")
    assert guards.is_guarded(silent, FOUR)
    assert guards.enabled(silent, FOUR) == {"subnet4": [], "client-classes": []}


@pytest.mark.parametrize("mark", [None, 3, "hq", [], {}, {"disabled": 3}])
def test_only_our_own_marks_count(mark: Any) -> None:
    subnet = {"subnet": "a", "client-class": guards.NOBODY, "user-context": {"kea-reconciler": mark}}
    before = {"subnet4": [subnet]}
    assert not guards.is_guarded(before, FOUR)
    assert guards.enabled(before, FOUR) is before
