"""Servers of both kinds and of each generation for the contract, kept for as long as a test module needs them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lab.kea import GENERATIONS, OLDEST, Generation
from lab.laboratory import Laboratory
from lab.ports import Port
from reconciler.model import Service
from reconciler.simulator import Clock, Release, World
from tests.contract.group import Group
from tests.contract.pair import Pair
from tests.contract.sides import Real, Side, Simulated

if TYPE_CHECKING:
    from collections.abc import Iterator

BOTH = [pytest.param(("simulator", each), id=f"simulator-{each}") for each in GENERATIONS]
BOTH += [pytest.param(("kea", each), id=f"kea-{each}", marks=pytest.mark.kea) for each in GENERATIONS]

SEVERAL = [param for param in BOTH if not str(param.id).endswith(f"-{OLDEST}")]
"""The generations that know several relationships of one server: since 2.5.5."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Real pairs take seconds to become well: those of kea-dhcp6, whose hook is the same, only of one generation."""
    left_out = {item for item in items if item.path.parent == Path(__file__).parent and _is_slow_twin(item)}
    config.hook.pytest_deselected(items=list(left_out))
    items[:] = [item for item in items if item not in left_out]


def _is_slow_twin(item: pytest.Item) -> bool:
    if "pair" not in getattr(item, "fixturenames", ()) or item.get_closest_marker("kea") is None:
        return False
    parameters: dict[str, Any] = item.callspec.params  # type: ignore[attr-defined]
    return parameters.get("service") is Service.DHCP6 and ("kea", GENERATIONS[-1]) not in parameters.values()


def servers_of(kind: str, *names: str, generation: Generation, is_direct: bool = False) -> Iterator[list[Side]]:
    """Servers of a kind and generation with both services; `is_direct`: with HTTP sockets of the daemons' own too."""
    bodies: dict[Service, dict[str, Any]] = {service: {} for service in Service}
    if kind == "kea":
        with Laboratory(generation=generation) as laboratory:
            direct: dict[str, Any] | None = {} if is_direct else None
            yield [Real(laboratory.server(name, bodies, direct=direct)) for name in names]
        return
    version = next(release for release in Release if release.startswith(f"{generation}."))
    with World(Clock(speed=0)) as world:  # the tests move the time, see Side.let_pass
        yield [Simulated(world.add_server(name, bodies, version=version, direct=is_direct)) for name in names]


@pytest.fixture(scope="module", params=BOTH)
def side(request: pytest.FixtureRequest) -> Iterator[Side]:
    """One server of either kind, with both services."""
    kind, generation = request.param
    for servers in servers_of(kind, "kea-a", generation=generation):
        yield servers[0]


@pytest.fixture(scope="module")
def simulated(generation: Generation) -> Iterator[Side]:
    """A simulated server."""
    for servers in servers_of("simulator", "kea-a", generation=generation):
        yield servers[0]


@pytest.fixture(scope="module")
def real(generation: Generation) -> Iterator[Side]:
    """A real server, for tests marked kea."""
    for servers in servers_of("kea", "kea-a", generation=generation):
        yield servers[0]


@pytest.fixture(scope="module", params=BOTH)
def servers(request: pytest.FixtureRequest) -> Iterator[list[Side]]:
    """Two unrelated servers of either kind."""
    kind, generation = request.param
    yield from servers_of(kind, "kea-a", "kea-b", generation=generation)


@pytest.fixture(params=list(Service), ids=str)
def service(request: pytest.FixtureRequest) -> Service:
    """Each of the services."""
    found: Service = request.param
    return found


@pytest.fixture
def pair(servers: list[Side], service: Service) -> Iterator[Pair]:
    """The two servers without a relationship, ready to be given one."""
    pair = Pair(servers[0], servers[1], service)
    pair.reset()
    yield pair
    pair.reset()


@pytest.fixture(scope="module", params=BOTH)
def three(request: pytest.FixtureRequest) -> Iterator[list[Side]]:
    """Three unrelated servers of either kind."""
    kind, generation = request.param
    yield from servers_of(kind, "kea-a", "kea-b", "kea-c", generation=generation)


@pytest.fixture
def group(three: list[Side]) -> Iterator[Group]:
    """The three servers without a relationship, with two ports to spare for listeners of the first one."""
    ports = Port(), Port()
    group = Group(three, Service.DHCP4, [f"http://127.0.0.1:{port.number}/" for port in ports])
    group.reset()
    yield group
    group.reset()
    for port in ports:
        port.release()
