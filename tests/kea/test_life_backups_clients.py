"""What DHCP clients notice of backups: real packets while they are made, join, leave, and are given up again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from lab.kea import base_configuration
from lab.proxy import Fault
from reconciler.model import Mode, Service
from tests.kea.clients import BEHIND_RELAY, SERVED, Clients
from tests.kea.safety import must_not_be
from tests.kea.traces import Trace
from tests.kea.world import World, subnet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.laboratory import Laboratory

pytestmark = pytest.mark.kea

FOUR = Service.DHCP4
NAMES = ("kea-a", "kea-b", "kea-c")


@pytest.fixture
def clients() -> Iterator[Clients]:
    with Clients(NAMES) as found:
        yield found


def served(lab: Laboratory, clients: Clients, mode: Mode, **options: Any) -> World:
    """Three servers that don't know of each other and all answer the clients."""
    start = base_configuration(FOUR, subnets=[subnet(FOUR, 1, **BEHIND_RELAY)], **SERVED)
    configurations = dict.fromkeys(NAMES, start)
    backups = 2 if mode is Mode.PASSIVE_BACKUP else 1
    return World(
        lab,
        FOUR,
        mode,
        backups=backups,
        configurations=configurations,
        is_logged=True,
        options=clients.options(),
        **options,
    )


def trace_of(world: World, what: str) -> Trace:
    """A recording of all servers."""
    title = f"{what} {world.mode} on Kea {world.a.generation}"
    return Trace(world.servers, FOUR, title, world.switched)


def states(trace: Trace, place: int) -> list[str]:
    """The states of all servers in one sample."""
    return [each.state for each in trace.samples[place][1].values()]


def test_backups_of_a_new_relationship_fall_silent_and_stay_so(lab: Laboratory, clients: Clients) -> None:
    """The service that was switched off for the making is on again at the end: it is HA that keeps a backup silent."""
    world = served(lab, clients, Mode.PASSIVE_BACKUP, parameters={"wait-backup-ack": True})
    assert clients.offered() == set(NAMES)
    with clients.asking():
        world.must_apply()
    switched_off = [each.ended for _, each in world.story("dhcp-disable")]
    assert len(switched_off) == 2
    later = [client for client in clients.asked if client.asked > max(t for t in switched_off if t is not None)]
    assert len(later) >= 3
    must_not_be((client.offers for client in later if client.offers - {"kea-a"}), "a backup answered")
    # The primary's own set is the only time at which nobody answers.
    ((_, own),) = [each for each in world.story("config-set") if each[0] == "kea-a"]
    assert own.ended is not None
    lost = [client for client in later if not client.offers]
    assert all(own.started - 0.5 < client.asked < own.ended + 1.5 for client in lost)
    assert world.ha_states() == ["passive-backup", "backup", "backup"]
    assert clients.offered() == {"kea-a"}


def test_all_answer_again_when_the_making_is_undone(lab: Laboratory, clients: Clients) -> None:
    world = served(lab, clients, Mode.PASSIVE_BACKUP)
    before = [world.config(server) for server in world.servers]
    refusal = b'[{"result": 1, "text": "One or more hook libraries failed to load"}]'
    world.proxies["kea-a"].on(b'"config-set"', Fault.ANSWER, reply=refusal, times=1)
    ended = world.apply()
    assert ended.exit_code == 1, ended
    assert [world.config(server) for server in world.servers] == before
    assert clients.offered() == set(NAMES)


@pytest.mark.parametrize("mode", Mode)
def test_a_backup_joins_and_leaves_a_standing_relationship(lab: Laboratory, clients: Clients, mode: Mode) -> None:
    world = served(lab, clients, mode)
    backup = world.document["peers"].pop()
    world.write()
    world.must_apply()
    is_passive = mode is Mode.PASSIVE_BACKUP
    second = "backup" if is_passive else mode
    assert clients.offered() - {"kea-c"}
    assert "kea-c" in clients.offered()  # which no relationship keeps from it so far
    world.document["peers"].append(backup)
    world.write()
    world.forget()
    planned = world.run("plan", "--format", "json").json["relationships"][0]
    order = ["kea-b", "kea-c", "kea-a"] if is_passive else ["kea-c", "kea-b", "kea-a"]  # backups first, by name
    assert [each["server"] for each in planned["servers"]] == order
    with trace_of(world, "a backup joins") as trace, clients.asking():
        world.must_apply()
    story = [(name, each.command) for name, each in world.story("dhcp-disable", "config-set", "dhcp-enable")]
    assert [name for name, command in story if command == "config-set"] == order
    handed_over = {Mode.LOAD_BALANCING: ["kea-b", "kea-a"], Mode.HOT_STANDBY: ["kea-a"]}.get(mode, [])
    for name in ["kea-c", *handed_over]:  # its own service is off while it is set, and its partner answers for it
        own = [step for step in story if step[0] == name]
        at = own.index((name, "config-set"))
        assert own[at - 1 : at + 1] == [(name, "dhcp-disable"), (name, "config-set")]
        assert own[-1] == (name, "dhcp-enable")
    ((_, switched_off), *_) = world.story("dhcp-disable")
    assert switched_off.ended is not None
    later = [client for client in clients.asked if client.asked > switched_off.ended]
    must_not_be((client.offers for client in later if "kea-c" in client.offers), "a backup answered")
    assert states(trace, 0) == [mode, second, "no HA"]
    assert states(trace, -1) == [mode, second, "backup"]
    trace.forget_until(switched_off.ended)  # till then all three served
    trace.must_be_safe()
    world.until_normal()

    world.document["peers"].pop()
    world.write()
    world.forget()
    refused = world.apply()
    assert refused.exit_code == 3, refused
    with trace_of(world, "a backup leaves") as trace:
        world.must_apply("--approve", "remove-relationship")
    assert [name for name, _ in world.story("config-set")] == ["kea-c", "kea-b", "kea-a"]
    assert "high-availability" not in str(world.config(world.servers[2])["hooks-libraries"])
    assert states(trace, -1) == [mode, second, "no HA"]
    trace.must_be_safe()
    assert "kea-c" not in clients.offered()
