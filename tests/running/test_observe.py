"""Reading the world: every endpoint for itself, and nothing that one says or does can harm the reading of another."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from reconciler.errors import AccessRefusedError
from reconciler.kea.client import Client
from reconciler.model import Endpoint, Live, Service, Snapshot, Unreachable
from reconciler.running.observe import observe
from tests.running.fake_kea import Fault, Pair, base

A, B = ("kea-a", Service.DHCP4), ("kea-b", Service.DHCP4)


def read(pair: Pair, **options: Any) -> dict[tuple[str, Service], Live]:
    return asyncio.run(observe(pair.desired.endpoints.values(), pair.open_client, **options))


def reason(live: Live) -> str:
    assert isinstance(live, Unreachable)
    return live.reason


def test_what_is_read() -> None:
    pair = Pair(is_related=True)
    live = read(pair)[A]
    assert isinstance(live, Snapshot)
    assert (live.config, live.version, live.pid) == (pair.a.config, "2.2.0", 1)
    assert live.ha is not None
    assert live.ha.state == "hot-standby"


COMMANDS = 4  # that a reading needs of an unrelated server: status-get, version-get, config-get, build-report


@pytest.mark.parametrize("fault", list(Fault))
@pytest.mark.parametrize("number", range(2 * COMMANDS))
def test_any_fault_at_any_command_of_one_leaves_the_other_read(fault: Fault, number: int) -> None:
    pair = Pair()
    pair.faults = {number: fault}
    found = read(pair)
    touched = pair.story[number][0]
    for (name, _), live in found.items():
        assert isinstance(live, Snapshot) or name == touched
        assert isinstance(live, Snapshot) or live.reason


def test_an_endpoint_that_can_not_be_opened_is_unreachable() -> None:
    pair = Pair()

    def opened(endpoint: Endpoint) -> Client:
        if endpoint.server == "kea-b":
            raise AccessRefusedError(f"{endpoint} at {endpoint.control}: its TLS files can't be used")
        return pair.open_client(endpoint)

    found = asyncio.run(observe(pair.desired.endpoints.values(), opened))
    assert isinstance(found[A], Snapshot)
    assert "its TLS files can't be used" in reason(found[B])


SHAPES = [
    ("_status_get", {"arguments": {"high-availability": 1}}),
    ("_status_get", {"arguments": {"high-availability": [1]}}),
    ("_status_get", {"arguments": {"high-availability": [{"ha-servers": []}]}}),
    ("_status_get", {"arguments": {"high-availability": [{"ha-servers": {"local": {}, "remote": {"age": "1"}}}]}}),
    ("_status_get", {"arguments": {"pid": "none"}}),
    ("_status_get", {"arguments": {"pid": None}}),
    ("_status_get", {"arguments": {"pid": 1e400}}),
    ("_status_get", {"arguments": {"reload": []}}),
    ("_status_get", {"arguments": []}),
    ("_status_get", {"arguments": None}),
    ("_status_get", {"result": 1, "text": "no \x1b[31m"}),
    ("_config_get", {"arguments": {"Dhcp6": {}}}),
    ("_config_get", {"arguments": {"Control-agent": {}}}),
    ("_config_get", {"arguments": {"Dhcp4": None}}),
    ("_config_get", {"arguments": {"Dhcp4": [1]}}),
    ("_config_get", {"arguments": None}),
]
BODIES: list[dict[str, Any]] = [
    {"hooks-libraries": 1},
    {"hooks-libraries": ["libdhcp_ha.so"]},
    {"hooks-libraries": [{"library": "libdhcp_ha.so", "parameters": {"high-availability": [{"peers": 1}]}}]},
    {"hooks-libraries": [{"library": "libdhcp_ha.so", "parameters": {"high-availability": [{"peers": ["a"]}]}}]},
    {"subnet4": {}},
    {"subnet4": [1]},
    {"subnet4": "10.0.0.0/8"},
    {"client-classes": [[]]},
    {"user-context": []},
    {"lease-database": "memfile"},
    {"multi-threading": 1},
]


@pytest.mark.parametrize(
    ("command", "answer"), [*SHAPES, *(("_config_get", {"arguments": {"Dhcp4": base(**body)}}) for body in BODIES)]
)
def test_an_answer_of_another_shape_is_nothing_to_plan_with(command: str, answer: dict[str, Any]) -> None:
    pair = Pair()
    pair.b.__dict__[command] = lambda _: answer
    found = read(pair)
    assert isinstance(found[A], Snapshot)
    assert "\x1b" not in reason(found[B])


def test_a_frozen_one_is_given_up_after_its_own_time_and_the_others_are_told_of_before() -> None:
    pair = Pair()
    pair.faults = {0: Fault.FREEZES}
    told: list[tuple[str, float]] = []
    began_at = pair.clock.now
    found = read(pair, say=lambda text: told.append((text, pair.clock.now - began_at)))
    assert sorted(type(live).__name__ for live in found.values()) == ["Snapshot", "Unreachable"]
    assert [text for text, _ in told] == ["read 1 of 2 endpoints", "read 2 of 2 endpoints"]


def test_no_more_than_so_many_are_read_at_once() -> None:
    pair = Pair()
    read(pair, concurrency=1)
    assert [name for name, _ in pair.story] == ["kea-a"] * COMMANDS + ["kea-b"] * COMMANDS
