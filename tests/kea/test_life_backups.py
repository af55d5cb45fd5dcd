"""Relationships with backups, and of passive-backup, on real servers: made, replicated, repaired, changed, imported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from lab.kea import Generation, base_configuration
from lab.laboratory import Laboratory
from reconciler.model import Mode, Service
from tests.kea.world import World, run, subnet

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.kea

PASSIVE, BALANCED, STANDBY = Mode.PASSIVE_BACKUP, Mode.LOAD_BALANCING, Mode.HOT_STANDBY
# mode, service, backups; the states and the scopes of kea-a, kea-b, ... once all is well
TOPOLOGIES = {
    "passive-backup-0": (PASSIVE, Service.DHCP4, 0, ["passive-backup"], (["kea-a"],)),
    "passive-backup-1": (PASSIVE, Service.DHCP6, 1, ["passive-backup", "backup"], (["kea-a"], [])),
    "passive-backup-2": (PASSIVE, Service.DHCP4, 2, ["passive-backup", "backup", "backup"], (["kea-a"], [], [])),
    "load-balancing-1": (
        BALANCED,
        Service.DHCP4,
        1,
        ["load-balancing", "load-balancing", "backup"],
        (["kea-a"], ["kea-b"], []),
    ),
    "hot-standby-2": (
        STANDBY,
        Service.DHCP6,
        2,
        ["hot-standby", "hot-standby", "backup", "backup"],
        (["kea-a"], [], [], []),
    ),
}


def configuration(service: Service, place: int) -> dict[str, Any]:
    """What a server has before: the primary two subnets, each other one subnet of its own beside one of those."""
    numbers = (1, 2) if place == 0 else (1, 10 + place)
    return base_configuration(service, subnets=[subnet(service, number) for number in numbers])


@pytest.fixture(scope="module", params=TOPOLOGIES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def world(name: str, generation: Generation) -> Iterator[World]:
    """A relationship made of servers that did not know of each other."""
    mode, service, backups, *_ = TOPOLOGIES[name]
    bodies = {f"kea-{letter}": configuration(service, place) for place, letter in enumerate("abcd")}
    with Laboratory(generation=generation) as lab:
        made = World(lab, service, mode, backups=backups, configurations=bodies)
        made.must_apply()
        yield made


def test_every_server_is_in_its_state_and_serves_what_it_should(world: World, name: str) -> None:
    *_, states, scopes = TOPOLOGIES[name]
    world.until_normal()
    assert world.ha_states() == states
    assert world.scopes() == scopes
    status = world.run("status", "--format", "json")
    assert status.exit_code == 0, status
    told = status.json["relationships"][0]
    assert (told["status"], told["reasons"], told["in_sync"]) == ("ok", [], True)
    assert [server["ha_state"] for server in told["servers"]] == states
    assert tuple(server["scopes"] for server in told["servers"]) == scopes
