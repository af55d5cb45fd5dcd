"""The end of a relationship on real servers: who stops, who goes on, and what is left behind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from lab.kea import base_configuration
from reconciler.kea import guards, hooks
from reconciler.model import Mode, Service
from tests.kea.clients import BEHIND_RELAY, SERVED, Clients
from tests.kea.world import World, relationship, subnet, until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lab.kea import KeaServer
    from lab.laboratory import Laboratory

pytestmark = pytest.mark.kea

FOUR = Service.DHCP4
PAIRS = [
    pytest.param((mode, service), id=f"{mode}-{service}", marks=pytest.mark.xdist_group(f"remove-{mode}-{service}"))
    for mode, service in ((Mode.HOT_STANDBY, Service.DHCP4), (Mode.LOAD_BALANCING, Service.DHCP6))
]
APPROVED = ("--approve", "remove-relationship")


@pytest.fixture
def clients() -> Iterator[Clients]:
    with Clients(("kea-a", "kea-b")) as found:
        yield found


def pair(lab: Laboratory, mode: Mode, service: Service) -> World:
    """A normal pair with two subnets, one of them with a guard of its own and one in a shared network."""
    start = base_configuration(
        service,
        subnets=[subnet(service, 1, **guard(lab, "printers"))],
        client_classes=[{"name": "printers", "test": "member('ALL')"}],
        **{"shared-networks": [{"name": "floor", service.subnets: [subnet(service, 2)]}]},
    )
    world = World(lab, service, mode, configurations={"kea-a": start, "kea-b": start}, is_logged=True)
    world.must_apply()
    world.forget()
    return world


def guard(lab: Laboratory, name: str) -> dict[str, Any]:
    """What lets a subnet serve only one class, in the words of this generation."""
    return {"client-classes": [name]} if (lab.generation.version or "") >= "3" else {"client-class": name}


def say_absent(world: World, **parts: Any) -> None:
    world.document.update({"state": "absent", **parts})
    world.write()


def delete_file(world: World) -> None:
    """Delete the relationship's file. Another relationship remains, of a server of its own, and that is absent."""
    other = world.lab.server("kea-c", {world.service: base_configuration(world.service)})
    world.controls["kea-c"] = {world.service: other.control}
    annex = relationship("annex", world.service, Mode.PASSIVE_BACKUP, other)
    world.documents = [{**annex, "state": "absent"}]
    (world.desired / "relationships" / "hq.yaml").unlink()
    world.write()


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


@pytest.mark.parametrize("what", PAIRS)
def test_state_absent_takes_the_relationship_off_and_disables_the_others(
    lab: Laboratory, what: tuple[Mode, Service]
) -> None:
    world = pair(lab, *what)
    service = world.service
    before = {server.name: subnets(world.config(server), service) for server in world.servers}
    say_absent(world)
    planned = world.run("plan")
    assert planned.exit_code == 3, planned
    assert "remove-relationship" in planned.stdout
    assert "2 subnets with 0 active leases" in planned.stdout
    assert world.run("apply", "--yes").exit_code == 3
    assert world.sent(world.a) == world.sent(world.b) == []
    done = world.apply(*APPROVED)
    assert done.exit_code == 0, done
    must_be_removed(world)
    story = [(name, each.command) for name, each in world.story("dhcp-disable", "config-set", "dhcp-enable")]
    assert story == [
        ("kea-b", "dhcp-disable"),
        ("kea-b", "config-set"),
        ("kea-a", "config-set"),
        ("kea-b", "dhcp-enable"),
    ]
    assert subnets(world.config(world.a), service) == before["kea-a"]
    after = world.config(world.b)
    assert guards.guarded_subnets(after, service).keys() == {each["subnet"] for each in before["kea-b"]}
    assert guards.is_silenced(after)
    assert subnets(guards.enabled(after, service), service) == before["kea-b"]
    say_absent(world, state="present")
    world.must_apply()
    assert world.is_normal()
    assert not guards.is_guarded(world.config(world.b), service)
    assert subnets(world.config(world.b), service) == before["kea-b"]


@pytest.mark.parametrize("on_remove", ["disable", "delete", "keep"])
def test_a_deleted_file_does_what_the_stamps_remember(lab: Laboratory, on_remove: str) -> None:
    world = pair(lab, Mode.HOT_STANDBY, FOUR)
    before = subnets(world.config(world.b), FOUR)
    world.document["on-remove"] = on_remove
    world.write()
    world.must_apply()
    delete_file(world)
    (told,) = (each for each in world.run("plan", "--format", "json").json["relationships"] if each["name"] == "hq")
    assert [(server["server"], server["leaves"]) for server in told["servers"]] == [("kea-b", True), ("kea-a", True)]
    assert [each["code"] for each in told["objections"]] == ["remove-relationship"]
    done = world.apply(*APPROVED)
    assert done.exit_code == 0, done
    must_be_removed(world)
    after = world.config(world.b)
    if on_remove == "disable":
        assert guards.is_silenced(after)
        assert len(guards.guarded_subnets(after, FOUR)) == 2
    elif on_remove == "delete":
        assert guards.is_silenced(after)
        assert (subnets(after, FOUR), after["shared-networks"]) == ([], [])
    else:
        assert not guards.is_guarded(after, FOUR)
        assert subnets(after, FOUR) == before
        assert "without knowing of each other's leases" in told["notes"][0]
    assert subnets(world.config(world.a), FOUR) == before


def served(lab: Laboratory, clients: Clients, mode: Mode, config: Mapping[str, Any]) -> World:
    """A pair that answers the clients."""
    configurations = {"kea-a": config, "kea-b": config}
    world = World(lab, FOUR, mode, configurations=configurations, is_logged=True, options=clients.options())
    world.must_apply()
    world.forget()
    return world


def split(config: dict[str, Any], lab: Laboratory) -> None:
    """Split the pools between the servers as Kea's manual asks for in load-balancing."""
    for each in subnets(config, FOUR):
        number = each["id"]
        pools = {"kea-a": f"10.0.{number}.10-10.0.{number}.20", "kea-b": f"10.0.{number}.30-10.0.{number}.40"}
        each["pools"] = [{"pool": pool, **guard(lab, f"HA_{name}")} for name, pool in pools.items()]


@pytest.mark.parametrize("mode", [Mode.HOT_STANDBY, Mode.LOAD_BALANCING])
def test_the_primary_goes_on_for_all_clients_and_the_other_answers_nobody(
    lab: Laboratory, clients: Clients, mode: Mode
) -> None:
    config = base_configuration(FOUR, subnets=[subnet(FOUR, 1, **BEHIND_RELAY)], **SERVED)
    if mode is Mode.LOAD_BALANCING:
        split(config, lab)
    world = served(lab, clients, mode, config)
    say_absent(world)
    with clients.asking():
        clients.offered()
        begun = len(clients.asked)
        done = world.apply(*APPROVED)
        assert done.exit_code == 0, done
        until(lambda: len(clients.asked) > begun + 90, "further clients")
    ((name, switched_off),) = world.story("dhcp-disable")
    assert name == "kea-b"
    assert switched_off.ended is not None
    later = [client for client in clients.asked if client.asked > switched_off.ended]
    assert [client for client in later if "kea-b" in client.offers] == []
    taken = next(each for name, each in world.story("config-set") if name == "kea-a")
    assert taken.ended is not None
    if mode is Mode.HOT_STANDBY:  # in load-balancing the clients of kea-b's half wait for kea-a's set
        before = [client for client in clients.asked if client.asked < taken.started - 0.1]
        assert all(client.offers == {"kea-a"} for client in before)
    after = [client for client in clients.asked if client.asked > taken.ended + 0.2]
    assert len(after) > 20
    assert all(client.offers == {"kea-a"} for client in after)
    rebound, rebooted = clients.rebind("10.0.1.15"), clients.reboot("10.0.1.16")
    clients.offered()
    assert rebound.refusals | rebooted.refusals == set()


def test_without_the_class_drop_a_disabled_server_would_refuse_clients(lab: Laboratory, clients: Clients) -> None:
    """A subnet with a guard is none to Kea: it refuses clients that ask all servers, those of the primary too."""
    config = base_configuration(FOUR, subnets=[subnet(FOUR, 1, **BEHIND_RELAY)], **SERVED)
    server = lab.server("kea-a", {FOUR: config}, **clients.options()["kea-a"])
    disabled = guards.disabled(server.config(FOUR), FOUR, "hq", str(server.command(FOUR, "version-get")["text"]))
    server.set_config(FOUR, disabled)
    rebound, rebooted = clients.rebind("10.0.1.15"), clients.reboot("10.0.1.16")
    assert clients.offered() == set()
    assert rebound.refusals | rebooted.refusals == set()
    server.set_config(FOUR, {**disabled, "client-classes": []})
    rebound = clients.rebind("10.0.1.17")
    assert clients.offered() == set()
    assert rebound.refusals == {"kea-a"}  # from 2.6 on Kea refuses only these


# ------------------------------------------------------------------------------------- leaving what stays


def third(world: World) -> KeaServer:
    """One more server, kea-c, without a relationship, that has what the primary began with."""
    before = base_configuration(world.service, subnets=[subnet(world.service, 9)])
    server = world.lab.server("kea-c", {world.service: before})
    world.controls["kea-c"] = {world.service: server.control}
    return server


def peer(server: KeaServer, role: str, service: Service) -> dict[str, Any]:
    return {"server": server.name, "role": role, "url": server.ha_url(service)}


@pytest.mark.parametrize("what", PAIRS)
def test_the_secondary_moves_to_another_server(lab: Laboratory, what: tuple[Mode, Service]) -> None:
    world = pair(lab, *what)
    service, role = world.service, str(world.mode.partner_role)
    new = third(world)
    before = subnets(world.config(world.a), service)
    world.document["peers"] = [world.document["peers"][0], peer(new, role, service)]
    world.write()
    told = world.run("plan", "--format", "json").json["relationships"][0]
    assert [(each["server"], each["leaves"]) for each in told["servers"]] == [
        ("kea-b", True),
        ("kea-c", False),
        ("kea-a", False),
    ]
    assert "remove-relationship" in [each["code"] for each in told["objections"]]
    approved = [each for code in told["objections"] for each in ("--approve", code["code"])]
    world.forget()
    done = world.apply(*approved)
    assert done.exit_code == 0, done
    story = [(name, each.command) for name, each in world.story("dhcp-disable", "config-set", "dhcp-enable")]
    assert story == [
        ("kea-b", "dhcp-disable"),
        ("kea-b", "config-set"),
        ("kea-a", "config-set"),
        ("kea-b", "dhcp-enable"),
    ]
    old, world.b, world.servers = world.b, new, (world.a, new)
    world.until_normal()
    world.must_be_done()
    assert has_no_relationship(world, old)
    assert guards.is_silenced(world.config(old))
    assert subnets(world.config(new), service) == before


def test_a_backup_leaves(lab: Laboratory) -> None:
    world = pair(lab, Mode.HOT_STANDBY, FOUR)
    spare = third(world)
    peers = list(world.document["peers"])
    world.document["peers"] = [*peers, peer(spare, "backup", FOUR)]
    world.write()
    world.must_apply()
    assert len(subnets(world.config(spare), FOUR)) == 2
    world.document["peers"] = peers
    world.write()
    told = world.run("plan", "--format", "json").json["relationships"][0]
    assert next((each["server"], each["leaves"]) for each in told["servers"]) == ("kea-c", True)
    done = world.apply(*APPROVED)
    assert done.exit_code == 0, done
    world.until_normal()
    world.must_be_done()
    assert has_no_relationship(world, spare)
    assert guards.is_silenced(world.config(spare))
    for server in world.servers:
        (block,) = hooks.relationships_of(world.config(server))
        assert sorted(each["name"] for each in block["peers"]) == ["kea-a", "kea-b"]


def test_a_disabled_server_is_enabled_once_nobody_else_serves_its_subnets(lab: Laboratory, clients: Clients) -> None:
    config = base_configuration(FOUR, subnets=[subnet(FOUR, 1, **BEHIND_RELAY)], **SERVED)
    world = served(lab, clients, Mode.HOT_STANDBY, config)
    say_absent(world)
    assert world.apply(*APPROVED).exit_code == 0
    assert clients.offered() == {"kea-a"}
    world.forget()
    refused = world.run("enable", "kea-b", "--yes")
    assert refused.exit_code == 3, refused
    assert "two-would-serve" in refused.stdout
    assert "1 subnet with 0 active leases" in refused.stdout
    assert world.sent(world.b) == []
    world.a.stop_daemon(FOUR)
    assert world.run("enable", "kea-b", "--yes").exit_code == 3  # whether it serves can't be told
    assert clients.offered() == set()
    done = world.run("enable", "kea-b", "--yes", "--approve", "two-would-serve")
    assert done.exit_code == 0, done
    assert clients.offered() == {"kea-b"}
    assert not guards.is_guarded(world.file(world.b), FOUR)
    assert "kea-reconciler" not in world.config(world.b).get("user-context", {})
    assert world.run("enable", "kea-b", "--yes").exit_code == 0  # nothing to do
    world.a.start_daemon(FOUR)


def test_a_server_in_another_relationship_of_its_own_is_unmanaged(lab: Laboratory) -> None:
    """What neither a file describes nor a stamp tells of is listed and left alone."""
    world = pair(lab, Mode.HOT_STANDBY, FOUR)
    for server in world.servers:
        config = world.config(server)
        del config["user-context"]
        server.set_config(FOUR, config)
    world.until_normal()
    delete_file(world)
    world.forget()
    planned = world.run("plan", "--format", "json")
    assert planned.exit_code == 0, planned
    peers = ["kea-a", "kea-b"]
    assert planned.json["unmanaged"] == [{"server": name, "service": "dhcp4", "peers": peers} for name in peers]
    assert world.run("plan").stdout.startswith("Unmanaged, and left alone")
    assert "kea-a (dhcp4): a relationship of kea-a, kea-b" in world.run("status").stdout
    assert world.apply(*APPROVED).exit_code == 0
    assert world.sent(world.a) == world.sent(world.b) == []
    assert world.is_normal()


def test_leaving_load_balancing_takes_the_guards_of_split_pools_off(lab: Laboratory, clients: Clients) -> None:
    """The class of the standby has nobody in it, so its half of the pools would never be handed out."""
    config = base_configuration(FOUR, subnets=[subnet(FOUR, 1, **BEHIND_RELAY)], **SERVED)
    split(config, lab)
    world = served(lab, clients, Mode.LOAD_BALANCING, config)
    world.document["mode"] = "hot-standby"
    world.document["peers"][1]["role"] = "standby"
    world.write()
    told = world.run("plan", "--format", "json").json["relationships"][0]
    for server in told["servers"]:
        freed = [
            each["path"][-1][0] for each in server["changes"] if each["fields"][0]["name"].startswith("client-class")
        ]
        assert freed == ["pool", "pool"], server
    world.must_apply()
    world.mode = Mode.HOT_STANDBY
    world.until_normal()
    for server in world.servers:
        (found,) = subnets(world.config(server), FOUR)
        assert not any(each.get("client-class") or each.get("client-classes") for each in found["pools"])
    asked = [clients.ask() for _ in range(10)]
    clients.offered()
    assert all(client.offers == {"kea-a"} for client in asked)
