"""The end of a relationship on real servers: who stops, who goes on, and what is left behind."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import pytest

from lab.kea import base_configuration
from reconciler.kea import guards
from reconciler.model import Mode, Service
from tests.kea.clients import BEHIND_RELAY, SERVED, Clients
from tests.kea.removed import (
    APPROVED,
    delete_file,
    guard,
    lease,
    must_be_removed,
    related,
    removal,
    say_absent,
    subnets,
)
from tests.kea.safety import must_not_be
from tests.kea.world import World, is_lasting, subnet, until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lab.kea import KeaServer
    from lab.laboratory import Laboratory

pytestmark = pytest.mark.kea

FOUR = Service.DHCP4
Topology = tuple[Mode, Service, int]  # the number of backups last
TOPOLOGIES = [
    pytest.param(each, id=f"{each[0]}-{each[1]}-{each[2]}")
    for each in (
        (Mode.HOT_STANDBY, Service.DHCP4, 0),
        (Mode.LOAD_BALANCING, Service.DHCP6, 0),
        (Mode.PASSIVE_BACKUP, Service.DHCP6, 1),
        (Mode.LOAD_BALANCING, Service.DHCP4, 1),
        (Mode.HOT_STANDBY, Service.DHCP6, 1),
    )
]


@pytest.fixture
def clients() -> Iterator[Clients]:
    with Clients(("kea-a", "kea-b")) as found:
        yield found


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_state_absent_takes_the_relationship_off_and_disables_the_others(lab: Laboratory, topology: Topology) -> None:
    world = related(lab, *topology)
    service, others = world.service, world.servers[1:]
    before = {server.name: subnets(world.config(server), service) for server in world.servers}
    lease(world, world.a, 20)
    assert world.run("sync", "kea-b", "--yes").exit_code == 0  # which its statistics don't show (2.6.3)
    say_absent(world)
    planned = world.run("plan")
    assert planned.exit_code == 3, planned
    assert "remove-relationship" in planned.stdout
    is_serving = world.mode is Mode.LOAD_BALANCING
    what = "stops answering" if is_serving else "is never to answer"
    assert f"kea-b {what} the clients of its 2 subnets with 1 active lease" in planned.stdout
    assert world.run("apply", "--yes").exit_code == 3
    assert world.story() == []
    removal(world, "removed").must_be_safe()
    must_be_removed(world)
    sent = world.story("dhcp-disable", "config-set", "dhcp-enable")
    story = [(name, each.command) for name, each in sent if is_lasting(each)]
    number, names = len(others), [server.name for server in others]
    assert len(sent) - len(story) == (number if world.mode is Mode.LOAD_BALANCING else 0)
    assert sorted(story[:number]) == [(name, "dhcp-disable") for name in names]
    assert story[number:-number] == [(name, "config-set") for name in [*names[::-1], "kea-a"]]
    assert sorted(story[-number:]) == [(name, "dhcp-enable") for name in names]
    assert subnets(world.config(world.a), service) == before["kea-a"]
    for server in others:
        after = world.config(server)
        assert guards.guarded_subnets(after, service).keys() == {each["subnet"] for each in before[server.name]}
        assert guards.is_silenced(after)
        assert subnets(guards.enabled(after, service), service) == before[server.name]
    enabled = others[-1]
    refused = world.run("enable", enabled.name, "--yes")
    assert (refused.exit_code, "two-would-serve" in refused.stdout) == (3, True), refused
    done = world.run("enable", enabled.name, "--yes", "--approve", "two-would-serve")
    assert done.exit_code == 0, done
    assert not guards.is_silenced(world.config(enabled))
    assert subnets(world.config(enabled), service) == before[enabled.name]
    say_absent(world, state="present")
    world.must_apply()
    assert world.is_normal()
    for server in others:
        assert not guards.is_guarded(world.config(server), service)
        assert subnets(world.config(server), service) == before[server.name]


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_a_deleted_file_does_what_the_stamps_remember(lab: Laboratory, topology: Topology) -> None:
    """`on-remove` is changed while the relationship stands, and is said from the start the next times. Leases stay.
    Of two pairs with a backup one shows `keep`, the other `disable`.
    """
    world = related(lab, *topology)
    service, others = world.service, world.servers[1:]
    before = subnets(world.config(world.a), service)
    for server, number in product(world.servers, (20, 21)):
        lease(world, server, number)
    left_out = {(Mode.LOAD_BALANCING, 1): "keep", (Mode.HOT_STANDBY, 1): "disable"}.get((world.mode, len(others) - 1))
    for on_remove in (each for each in ("delete", "keep", "disable") if each != left_out):
        world.document["on-remove"] = on_remove
        world.write()
        world.must_apply()
        assert world.is_normal()
        document = delete_file(world)
        (told,) = (each for each in world.run("plan", "--format", "json").json["relationships"] if each["name"] == "hq")
        left = [(server["server"], server["leaves"]) for server in told["servers"]]
        assert left == [(server.name, True) for server in (*others[::-1], world.a)]
        assert [each["code"] for each in told["objections"]] == ["remove-relationship"]
        assert "2 subnets with 2 active leases" in told["objections"][0]["message"]
        trace = removal(world, f"its file deleted, on-remove {on_remove}")
        must_be_removed(world)
        for server in others:
            after = world.config(server)
            assert guards.is_silenced(after) == (on_remove != "keep")
            assert len(guards.guarded_subnets(after, service)) == (2 if on_remove == "disable" else 0)
            if on_remove == "delete":
                assert (subnets(after, service), after["shared-networks"]) == ([], [])
                world.restart(server)
            assert number_of_leases(world, server) == 2
            if on_remove == "keep":
                assert subnets(after, service) == before
        if on_remove == "keep":  # as the plan warns
            assert {fault.is_of_two for fault in trace.faults()} == {True}, trace
        else:
            trace.must_be_safe()
        warned = len(others) if on_remove == "keep" else 0
        assert ["without knowing of each other's leases" in note for note in told["notes"]] == warned * [True]
        assert subnets(world.config(world.a), service) == before
        world.documents.insert(0, document)


def number_of_leases(world: World, server: KeaServer) -> int:
    return len(server.command(world.service, f"lease{world.service.value[-1]}-get-all")["arguments"]["leases"])


def served(lab: Laboratory, clients: Clients, mode: Mode, config: Mapping[str, Any], **parts: Any) -> World:
    """A pair that answers the clients, with `parts` in its file."""
    configurations = {"kea-a": config, "kea-b": config}
    world = World(lab, FOUR, mode, configurations=configurations, is_logged=True, options=clients.options())
    world.document.update(parts)
    world.write()
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
    assert {name for name, _ in world.story("dhcp-disable")} == {"kea-b"}
    ((_, switched_off), *_) = world.story("dhcp-disable")
    assert switched_off.ended is not None
    later = [client for client in clients.asked if client.asked > switched_off.ended]
    must_not_be((client for client in later if "kea-b" in client.offers), "kea-b answered after it was switched off")
    taken = next(each for name, each in world.story("config-set") if name == "kea-a")
    assert taken.ended is not None
    asked_before = [client for client in clients.asked if client.asked < taken.started - 0.1]
    if mode is Mode.LOAD_BALANCING:  # it answers for kea-b's half from when that is off
        ((name, widened), *_) = world.story("ha-scopes")
        assert name == "kea-a"
        assert widened.ended is not None
        assert switched_off.ended < widened.started
        asked_before = [client for client in asked_before if client.asked > widened.ended]
    lost = [client for client in asked_before if client.offers != {"kea-a"}]
    assert lost == []
    after = [client for client in clients.asked if client.asked > taken.ended + 0.2]
    assert len(after) > 20
    assert all(client.offers == {"kea-a"} for client in after)
    rebound, rebooted = clients.rebind("10.0.1.15"), clients.reboot("10.0.1.16")
    clients.offered()
    assert rebound.refusals | rebooted.refusals == set()


@pytest.mark.parametrize("on_remove", ["keep", "disable"])
@pytest.mark.parametrize("mode", [Mode.HOT_STANDBY, Mode.LOAD_BALANCING])
def test_who_answers_after_its_file_is_deleted_is_as_the_stamps_remember_and_the_plan_says(
    lab: Laboratory, clients: Clients, mode: Mode, on_remove: str
) -> None:
    """With `keep` both do, each all clients, and a split pool is as good as any other."""
    config = base_configuration(FOUR, subnets=[subnet(FOUR, 1, **BEHIND_RELAY)], **SERVED)
    if mode is Mode.LOAD_BALANCING:
        split(config, lab)
    world = served(lab, clients, mode, config, **{"on-remove": on_remove})
    for server in world.servers:
        lease(world, server, 20)
    delete_file(world)
    planned = world.run("plan")
    assert planned.exit_code == 3, planned
    warning = "kea-b and kea-a will serve the same subnets without knowing of each other's leases"
    assert (warning in planned.stdout) == (on_remove == "keep"), planned.stdout
    becomes = {
        (Mode.HOT_STANDBY, "keep"): "begins to serve its",
        (Mode.LOAD_BALANCING, "keep"): "goes on serving its",
        (Mode.HOT_STANDBY, "disable"): "is never to answer the clients of its",
        (Mode.LOAD_BALANCING, "disable"): "stops answering the clients of its",
    }
    assert f"kea-b {becomes[mode, on_remove]} 1 subnet with 1 active lease" in planned.stdout, planned.stdout
    assert world.run("apply", "--yes").exit_code == 3
    assert world.story() == []
    assert world.is_normal()
    removal(world, f"its file deleted, on-remove {on_remove}, with clients")
    must_be_removed(world)
    asked = [clients.ask() for _ in range(10)]
    clients.offered()
    answering = {"kea-a", "kea-b"} if on_remove == "keep" else {"kea-a"}
    assert all(client.offers == answering for client in asked), [client.offers for client in asked]


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
    assert "~ clients of 1 subnet: answered false -> true" in refused.stdout
    assert world.sent(world.b) == []
    config = world.config(world.a)
    config["subnet4"][0] |= {"id": 2, "subnet": "10.0.0.0/16"}
    world.a.set_config(FOUR, config)
    refused = world.run("enable", "kea-b", "--yes")
    assert refused.exit_code == 3, refused
    assert "kea-a serves the same addresses: 10.0.1.0/24 (the other has 10.0.0.0/16)" in refused.stdout
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
    world = related(lab, Mode.HOT_STANDBY, FOUR)
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
