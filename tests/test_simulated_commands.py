"""Random changes by single commands: what a simulated 3.0 has afterwards is what it would have been set to."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.kea.rapid_commit import written_out
from reconciler.model import Service
from reconciler.planning.commands import single_commands
from reconciler.planning.diff import differences
from reconciler.simulator import Clock, Release, World
from tests.contract.generator import between, configuration
from tests.contract.test_single_commands import HOOKS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.simulator.endpoint import SimulatedEndpoint

OBJECTS = ("shared-networks", "client-classes", "reservations")


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """Two servers of 3.0."""
    with World(Clock(speed=0)) as made:
        for name in ("kea-a", "kea-b"):
            made.add_server(name, {service: {} for service in Service}, version=Release.KEA_3_0)
        yield made


@pytest.mark.parametrize("service", Service)
@pytest.mark.parametrize("seed", range(60))
def test_commands_bring_a_server_to_what_is_wanted(world: World, service: Service, seed: int) -> None:
    rng = random.Random(f"{service} {seed}")
    one, two = (world.servers[name].endpoint(service) for name in ("kea-a", "kea-b"))
    before, other = (configuration(rng, service, Release.KEA_3_0) for _ in "ab")
    _set(one, before)
    _set(two, between(rng, before, other, service))
    wanted = {**one.config, **{key: two.config.get(key, []) for key in (service.subnets, *OBJECTS)}}
    commands = single_commands(one.config, wanted, service, one.command_names())
    assert commands
    for command in commands:
        answer = one.command(command.name, command.arguments)
        assert answer["result"] == 0, (command.name, answer)
    assert list(_differences(one, two)) == []


def _set(endpoint: SimulatedEndpoint, config: dict[str, Any]) -> None:
    sockets = {key: value for key, value in endpoint.config.items() if key.startswith("control-socket")}
    endpoint.set_config({**config, **sockets, "hooks-libraries": HOOKS})


def _differences(one: SimulatedEndpoint, two: SimulatedEndpoint) -> Iterator[Any]:
    names = (one.service.subnets, *OBJECTS)
    parts = [written_out({key: each.config.get(key, []) for key in names}, one.service) for each in (one, two)]
    return iter(differences(parts[0], parts[1], one.service))
