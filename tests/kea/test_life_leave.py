"""Servers that leave a relationship which stays, on real servers: a backup, and a partner whose place another takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from lab.kea import base_configuration
from reconciler.kea import guards, hooks
from reconciler.model import Mode, Service
from tests.kea.removed import delete_file, has_no_relationship, must_be_removed, related, removal, subnets
from tests.kea.world import is_lasting, subnet

if TYPE_CHECKING:
    from lab.kea import KeaServer
    from lab.laboratory import Laboratory
    from tests.kea.traces import Trace
    from tests.kea.world import World

pytestmark = pytest.mark.kea

FOUR, SIX = Service
Topology = tuple[Mode, Service, int]  # the number of backups last


def new_server(world: World) -> KeaServer:
    """One more server, kea-n, without a relationship, that has other data."""
    before = base_configuration(world.service, subnets=[subnet(world.service, 9)])
    server = world.lab.server("kea-n", {world.service: before})
    world.proxies["kea-n"] = world.lab.proxy(server)
    world.controls["kea-n"] = {world.service: world.proxies["kea-n"].control}
    return server


def peer(server: KeaServer, role: str, service: Service) -> dict[str, Any]:
    return {"server": server.name, "role": role, "url": server.ha_url(service)}


def must_be_safe_once_all_are_off(world: World, trace: Trace) -> None:
    """Until then kea-n was nobody's, and served the same clients."""
    for last in world.silences()[-1:]:
        trace.forget_until(last.ended)
    trace.must_be_safe()


def on(*topologies: Topology) -> pytest.MarkDecorator:
    ids = [f"{mode}-{service}-{backups}" for mode, service, backups in topologies]
    return pytest.mark.parametrize("topology", topologies, ids=ids)


def planned(world: World) -> tuple[Any, list[str]]:
    """The plan of the relationship, and the approvals that it asks for."""
    told = next(each for each in world.run("plan", "--format", "json").json["relationships"] if each["name"] == "hq")
    assert told["unplanned"] is None
    return told, [word for each in told["objections"] for word in ("--approve", each["code"])]


@on(
    (Mode.HOT_STANDBY, FOUR, 0),
    (Mode.LOAD_BALANCING, SIX, 0),
    (Mode.HOT_STANDBY, SIX, 1),
    (Mode.LOAD_BALANCING, FOUR, 1),
)
def test_the_secondary_moves_to_another_server(lab: Laboratory, topology: Topology) -> None:
    world = related(lab, *topology)
    service, role = world.service, str(world.mode.partner_role)
    new, backups = new_server(world), [server.name for server in world.servers[2:]]
    before = subnets(world.config(world.a), service)
    world.document["peers"][1] = peer(new, role, service)
    world.write()
    told, approved = planned(world)
    leaves = {each["server"]: each["leaves"] for each in told["servers"]}
    assert leaves == {"kea-b": True, "kea-n": False, "kea-a": False, **dict.fromkeys(backups, False)}
    assert "remove-relationship" in approved
    old, world.b, world.servers = world.b, new, (world.a, new, *world.servers[2:])
    trace = removal(world, "the partner moves", *approved, leaver=old)
    sent = world.story("dhcp-disable", "config-set", "dhcp-enable")
    off = ["kea-b", *backups, "kea-n"]
    limited = [name for name, each in sent if not is_lasting(each)]
    were_in = [name for name in off if name != "kea-n"]  # who is off for a minute until the primary answers for all
    assert sorted(limited) == (sorted([*were_in, *off]) if world.mode is Mode.LOAD_BALANCING else [])
    story = [(name, each.command) for name, each in sent if is_lasting(each)]
    assert sorted(story[: len(off)]) == [(name, "dhcp-disable") for name in off]
    assert story[len(off) : -len(off)] == [(name, "config-set") for name in [*off, "kea-a"]]
    assert sorted(story[-len(off) :]) == [(name, "dhcp-enable") for name in off]
    world.until_normal()
    world.must_be_done()
    assert has_no_relationship(world, old)
    assert guards.is_silenced(world.config(old))
    assert subnets(world.config(new), service) == before
    must_be_safe_once_all_are_off(world, trace)


@on((Mode.HOT_STANDBY, FOUR, 0), (Mode.PASSIVE_BACKUP, SIX, 1))
def test_a_backup_leaves(lab: Laboratory, topology: Topology) -> None:
    world = related(lab, *topology)
    service, spare = world.service, new_server(world)
    world.document["peers"].append(peer(spare, "backup", service))
    world.write()
    world.must_apply("--approve", "authority-shrunk")  # it had a subnet of its own
    assert len(subnets(world.config(spare), service)) == 2
    world.document["peers"].pop()
    world.write()
    told, _ = planned(world)
    assert (told["servers"][0]["server"], told["servers"][0]["leaves"]) == ("kea-n", True)
    removal(world, "a backup leaves", leaver=spare).must_be_safe()
    world.until_normal()
    world.must_be_done()
    assert has_no_relationship(world, spare)
    assert guards.is_silenced(world.config(spare))
    for server in world.servers:
        assert peers_of(world, server) == ["kea-a", "kea-b"]
    world.document.update({"state": "absent", "on-remove": "keep"})  # which is nothing to one that is out already
    world.write()
    told, _ = planned(world)
    assert {each["server"] for each in told["servers"]} == {"kea-a", "kea-b"}
    assert not any("kea-n" in text for text in [*told["notes"], *(each["message"] for each in told["objections"])])


def peers_of(world: World, server: KeaServer) -> list[str]:
    """The names of those that a server has for peers, itself among them."""
    (block,) = hooks.relationships_of(world.config(server))
    return sorted(each["name"] for each in block["peers"])


# ------------------------------------------------------------------------------------------ gone for good


def lose(world: World, server: KeaServer) -> None:
    """A machine ends, and is taken out of servers.yaml."""
    server.stop()
    del world.controls[server.name]
    world.servers = tuple(each for each in world.servers if each is not server)


@on(
    (Mode.HOT_STANDBY, FOUR, 0),
    (Mode.LOAD_BALANCING, SIX, 0),
    (Mode.PASSIVE_BACKUP, FOUR, 1),
    (Mode.HOT_STANDBY, SIX, 1),
)
def test_a_peer_that_is_gone_for_good_is_left_out_or_replaced(lab: Laboratory, topology: Topology) -> None:
    """The last one: a backup, or the partner, in whose place another server comes."""
    world = related(lab, *topology)
    gone = world.document["peers"].pop()
    lose(world, world.servers[-1])
    if gone["role"] != "backup":
        world.b = new_server(world)
        world.document["peers"].append(peer(world.b, gone["role"], world.service))
        world.servers = (world.a, world.b)
    world.roles = world.roles[: len(world.servers)]
    world.write()
    told, approved = planned(world)
    assert any(f"{gone['server']} at {gone['url']} is none of servers.yaml" in note for note in told["notes"])
    assert "remove-relationship" in approved
    trace = removal(world, "a peer is gone for good", *approved)
    world.until_normal()
    world.must_be_done()
    for server in world.servers:
        assert peers_of(world, server) == sorted(each.name for each in world.servers)
        assert world.file(server) == world.config(server)
    must_be_safe_once_all_are_off(world, trace)


@on(
    (Mode.HOT_STANDBY, SIX, 0),
    (Mode.LOAD_BALANCING, FOUR, 0),
    (Mode.PASSIVE_BACKUP, SIX, 1),
    (Mode.HOT_STANDBY, FOUR, 1),
)
def test_a_removal_goes_on_without_a_server_that_is_gone_for_good(lab: Laboratory, topology: Topology) -> None:
    world = related(lab, *topology)
    gone = world.document["peers"][1]
    lose(world, world.b)
    delete_file(world)
    told, approved = planned(world)
    assert any(f"{gone['server']} at {gone['url']} is none of servers.yaml" in note for note in told["notes"])
    trace = removal(world, "removed without one that is gone", *approved)
    must_be_removed(world)
    assert [guards.is_silenced(world.config(server)) for server in world.servers] == [
        server is not world.a for server in world.servers
    ]
    trace.must_be_safe()
