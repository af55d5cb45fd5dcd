"""A world whose time stands still until a test moves it, with two servers in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.model import Service
from reconciler.simulator import Clock, SimulatedServer, World

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def world() -> Iterator[World]:
    with World(Clock(speed=0)) as world:
        yield world


@pytest.fixture
def server(world: World) -> SimulatedServer:
    return world.add_server("kea-a", {Service.DHCP4: {}, Service.DHCP6: {}})


@pytest.fixture
def other(world: World) -> SimulatedServer:
    return world.add_server("kea-b", {Service.DHCP4: {}})
