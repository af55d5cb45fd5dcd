"""Relationships of real servers that end, or that a server leaves: what they are made of, and what is left of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lab.kea import base_configuration
from reconciler.kea import hooks
from reconciler.model import Mode, Service
from tests.kea.traces import Trace
from tests.kea.world import World, relationship, subnet

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lab.kea import KeaServer
    from lab.laboratory import Laboratory

APPROVED = ("--approve", "remove-relationship")
ANNEX = "kea-x"  # a server of a relationship of its own, so that desired/ is not empty without the other


def related(lab: Laboratory, mode: Mode, service: Service, backups: int = 0) -> World:
    """A normal relationship with two subnets, one of them with a guard of its own and one in a shared network."""
    start = base_configuration(
        service,
        subnets=[subnet(service, 1, **guard(lab, "printers"))],
        client_classes=[{"name": "printers", "test": "member('ALL')"}],
        **{"shared-networks": [{"name": "floor", service.subnets: [subnet(service, 2)]}]},
    )
    bodies = {f"kea-{letter}": start for letter in "abcd"}
    world = World(lab, service, mode, backups=backups, configurations=bodies, is_logged=True)
    world.must_apply()
    world.forget()
    return world


def guard(lab: Laboratory, name: str) -> dict[str, Any]:
    """What lets a subnet serve only one class, in the words of this generation."""
    return {"client-classes": [name]} if (lab.generation.version or "") >= "3" else {"client-class": name}


def say_absent(world: World, **parts: Any) -> None:
    world.document.update({"state": "absent", **parts})
    world.write()


def delete_file(world: World) -> dict[str, Any]:
    """Delete the relationship's file, and return what it said. An absent one of a server of its own remains."""
    if ANNEX not in world.controls:
        other = world.lab.server(ANNEX, {world.service: base_configuration(world.service)})
        world.controls[ANNEX] = {world.service: other.control}
        annex = relationship("annex", world.service, Mode.PASSIVE_BACKUP, other)
        world.documents.append({**annex, "state": "absent"})
    document = world.documents.pop(0)
    (world.desired / "relationships" / f"{document['name']}.yaml").unlink()
    world.write()
    return document


def removal(world: World, what: str, *approved: str, leaver: KeaServer | None = None) -> Trace:
    """Apply with the approval that a removal needs; returns what was seen meanwhile, of a server too that leaves and is
    no longer one of the world's.
    """
    backups = " with a backup" if world.mode is not Mode.PASSIVE_BACKUP and len(world.servers) > 2 else ""
    seen = (*world.servers, leaver) if leaver else world.servers
    title = f"{world.lab.generation} {world.mode}{backups}: {what}"
    world.forget()
    with Trace(seen, world.service, title, world.switched) as trace:
        done = world.apply(*APPROVED, *approved)
    assert done.exit_code == 0, done
    return trace


def lease(world: World, server: KeaServer, number: int) -> None:
    """Give an address (16 to 99) of the first subnet to a client, on one server only."""
    own: dict[str, Any] = {"ip-address": f"10.0.1.{number}", "hw-address": f"aa:bb:cc:00:00:{number:02x}"}
    if world.service is Service.DHCP6:
        own = {"ip-address": f"2001:db8:1::{number}", "duid": f"00:03:00:01:aa:bb:cc:00:00:{number:02x}", "iaid": 1}
    reply = server.command(world.service, f"lease{world.service.value[-1]}-add", {**own, "subnet-id": 1})
    assert reply["result"] == 0, reply


def subnets(config: Mapping[str, Any], service: Service) -> list[Any]:
    networks = [config, *config.get("shared-networks", ())]
    return [each for network in networks for each in network.get(service.subnets, ())]


def has_no_relationship(world: World, server: KeaServer) -> bool:
    found = hooks.find(world.config(server), hooks.HA_LIBRARY) is None
    return found and world.ha(server) is None and hooks.find(world.file(server), hooks.HA_LIBRARY) is None


def must_be_removed(world: World) -> None:
    for server in world.servers:
        assert has_no_relationship(world, server), server
    planned = world.run("plan", "--detailed-exitcode")
    assert planned.exit_code == 0, planned
