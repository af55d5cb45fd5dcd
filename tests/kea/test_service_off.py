"""A person switched a real server's DHCP service off: HA doesn't look at that, and gives it clients all the same. Kea
2.6.2 and later tell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab.kea import base_configuration
from reconciler.model import Mode, Service
from tests.kea.operated import Operated
from tests.kea.world import World, subnet

if TYPE_CHECKING:
    from lab.kea import KeaServer
    from lab.laboratory import Laboratory

pytestmark = [pytest.mark.kea, pytest.mark.generations("2.6", "3.0")]

FOUR, SIX = Service.DHCP4, Service.DHCP6


def is_off(world: World, server: KeaServer) -> bool:
    state = server.command(world.service, "status-get")["arguments"]["dhcp-state"]
    return bool(state["disabled-by-user"])


def must_be_refused(world: World, server: str) -> None:
    refused = world.apply("--approve", "shared-pools")
    assert (refused.exit_code, "nobody-would-serve" in refused.stdout) == (3, True), refused
    assert f"send dhcp-enable to {server} first" in refused.stdout
    assert world.story() == []


def swap(world: World) -> None:
    first, second = world.document["peers"]
    first["role"], second["role"] = second["role"], first["role"]
    world.write()


def test_no_clients_are_given_to_it(lab: Laboratory) -> None:
    """Neither as the primary, nor as the half of a pair in load-balancing, nor while the other is set."""
    world = Operated(lab, FOUR, Mode.HOT_STANDBY)
    world.b.command(FOUR, "dhcp-disable")
    swap(world)
    must_be_refused(world, "kea-b")
    swap(world)
    world.document["mode"], world.document["peers"][1]["role"] = "load-balancing", "secondary"
    world.write()
    must_be_refused(world, "kea-b")
    world.document["mode"], world.document["peers"][1]["role"] = "hot-standby", "standby"
    world.document["parameters"]["max-ack-delay"] = 3333
    world.write()
    planned = world.run("plan").stdout
    assert "disruption: restart; its HA starts again, and the clients of scope kea-a get no answer" in planned
    assert "kea-b can't answer for it: it has its DHCP service switched off by dhcp-disable" in planned
    world.must_apply()
    assert world.story("ha-scopes") == []
    world.until_normal()
    assert (world.scopes(), is_off(world, world.b)) == ((["kea-a"], []), True)
    refused = world.must("reset", "kea-a", result="refused", code=3)
    assert [each["code"] for each in refused["refusals"]] == ["service-off"]


def test_a_primary_that_is_off_gives_its_role_to_the_other(lab: Laboratory) -> None:
    world = Operated(lab, SIX, Mode.HOT_STANDBY)
    world.a.command(SIX, "dhcp-disable")
    swap(world)
    world.must_apply()
    world.until_normal()
    assert (world.scopes(), is_off(world, world.a), is_off(world, world.b)) == (([], ["kea-b"]), True, False)
    assert all(name != "kea-a" for name, _ in world.story("ha-scopes", "dhcp-enable"))


def test_no_relationship_is_made_in_which_it_would_be_the_one_that_serves(lab: Laboratory) -> None:
    bodies = {name: base_configuration(SIX, subnets=[subnet(SIX, 1)]) for name in ("kea-a", "kea-b")}
    world = World(lab, SIX, Mode.HOT_STANDBY, configurations=bodies, is_logged=True)
    world.a.command(SIX, "dhcp-disable")
    must_be_refused(world, "kea-a")
    world.a.command(SIX, "dhcp-enable")
    world.b.command(SIX, "dhcp-disable")
    world.must_apply()
    world.until_normal()
    assert (world.scopes(), is_off(world, world.b)) == ((["kea-a"], []), True)
