"""An apply that changes, replicates or removes is killed (SIGKILL) on real servers: the next one finishes its work."""

from __future__ import annotations

import contextlib
import copy
import os
import signal
import sqlite3
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from reconciler.model import Mode
from reconciler.planning.silence import LONGEST
from reconciler.state.database import FILE
from reconciler.state.directory import default_directory
from tests.kea.clocks import Clock
from tests.kea.removed import APPROVED, has_no_relationship
from tests.kea.standing import SET, S, Standing, healed, run_and_signal
from tests.kea.world import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.laboratory import Laboratory

pytestmark = pytest.mark.kea

WRITE = b'"config-write"'
APPLY = ("apply", "--yes", "--approve", "shared-pools")


@dataclass(frozen=True)
class Death:
    """Where an apply dies: at this command to this server, which carries it out or never gets it; with `behind` at one
    that is sent while that request has no answer yet.
    """

    server: str
    match: bytes
    is_carried_out: bool
    behind: bytes | None = None

    def happens(self, world: Standing, *arguments: str) -> None:
        """Apply until then, and let what was sent come to its end."""
        world.forget()
        killed = run_and_signal(
            world,
            self.server,
            self.match,
            signal.SIGKILL,
            *APPLY,
            *arguments,
            is_carried_out=self.is_carried_out,
            behind=self.behind,
        )
        assert killed.exit_code == -signal.SIGKILL, killed
        if self.is_carried_out:
            until(lambda: all(each.ended is not None for _, each in world.story()), "end of what was sent")


@pytest.fixture
def world(request: pytest.FixtureRequest, pair: Standing) -> Iterator[Standing]:
    document = copy.deepcopy(pair.document)
    with healed(pair, request.node):
        yield pair
    pair.documents[:] = [document]


def must_be_in_order(world: Standing) -> None:
    """All that the killed apply began is over: what runs is on the disk, nobody is off, and no run is remembered."""
    world.must_be_done()
    status = world.run("status")
    assert "earlier run" not in status.stdout, status
    assert "cut off" not in status.stdout, status
    for server in world.servers:
        assert world.file(server) == world.config(server)
        assert not world.is_off(server)


def must_be_related(world: Standing) -> None:
    """Both are normal, in no maintenance, and serve their own clients."""
    assert world.is_normal()
    names = [server.name for server in world.servers]
    own = ([names[0]], []) if world.mode is Mode.HOT_STANDBY else ([names[0]], [names[1]])
    assert world.scopes() == own


def must_be_finished(world: Standing, *arguments: str) -> None:
    """The next apply finishes what was begun on two that stay related."""
    done = world.apply(*arguments)
    assert done.exit_code == 0, done
    must_be_in_order(world)
    must_be_related(world)


# -------------------------------------------------------------------------------------------- to modify


@pytest.mark.parametrize(
    ("death", "is_wide"),
    [
        pytest.param(Death("kea-b", WRITE, is_carried_out=False), False, id="partner-set-and-not-written"),
        pytest.param(Death("kea-b", b'"ha-scopes"', is_carried_out=False), False, id="primary-off-and-nobody-wide"),
        pytest.param(Death("kea-a", SET, is_carried_out=False), True, id="between-the-two"),
        pytest.param(Death("kea-a", SET, is_carried_out=True), True, id="primary-set-unseen"),
    ],
)
@pytest.mark.xdist_group("killed")
def test_a_killed_change_of_timers_is_finished(world: Standing, death: Death, is_wide: bool) -> None:
    delay = 3000 + world.document["parameters"]["max-ack-delay"]
    world.document["parameters"]["max-ack-delay"] = delay
    world.write()
    death.happens(world)
    assert ("kea-a" in world.scopes()[1]) is is_wide
    must_be_finished(world)
    for server in world.servers:
        (library,) = (each for each in world.config(server)["hooks-libraries"] if "libdhcp_ha" in each["library"])
        assert library["parameters"]["high-availability"][0]["max-ack-delay"] == delay


@pytest.mark.xdist_group("killed")
def test_who_is_left_alone_and_switched_off_serves_again(world: Standing) -> None:
    """One fault takes the apply and the partner, as where both are on one host. Kea would end it within a minute."""
    world.document["parameters"]["max-ack-delay"] += 2000
    world.write()
    Death("kea-a", SET, is_carried_out=False).happens(world)
    assert world.is_off(world.a)
    asked = [each.arguments for _, each in world.story("dhcp-disable")]
    assert asked.count({"max-period": LONGEST}) == len(asked)  # once more where the set took its time
    world.b.kill_daemon(S)
    until(lambda: world.state(world.a) == "partner-down", "kea-a takes over", 30.0)
    status = world.run("status")
    assert "Service down" in status.stdout, status
    assert "it is switched on if its partner gives no answer" in status.stdout, status
    done = world.apply()
    assert done.exit_code == 1, done  # nothing can be changed
    assert "its DHCP service is on again" in done.stdout, done
    assert not world.is_off(world.a)


@pytest.mark.xdist_group("killed")
@pytest.mark.generations("3.0")  # which tells whether it is off
def test_what_a_person_switches_off_after_a_restart_is_not_taken_for_what_was_left(world: Standing) -> None:
    """As in a container: the journal knows the new process by the id of the old one."""
    world.document["parameters"]["max-ack-delay"] += 1000
    world.write()
    until(lambda: world.a.command(S, "status-get")["arguments"]["uptime"] > 12, "daemon that runs for a while")
    Death("kea-a", SET, is_carried_out=False).happens(world)
    assert world.is_off(world.a)
    assert "switched its DHCP service off; it is switched on" in world.run("plan").stdout
    world.restart(world.a)
    pid = world.a.command(S, "status-get")["arguments"]["pid"]
    with contextlib.closing(sqlite3.connect(default_directory(os.environ) / FILE)) as journal, journal:
        journal.execute("UPDATE part SET kea_pid = ? WHERE server = 'kea-a' AND settled_at IS NULL", (pid,))
    world.a.command(S, "dhcp-disable")
    told = world.run("plan").stdout
    assert "nothing here tells that an apply did it: it stays so" in told
    assert "switched its DHCP service off" not in told
    world.a.command(S, "dhcp-enable")
    world.until_normal()
    must_be_finished(world)


@pytest.mark.xdist_group("killed-and-left")
@pytest.mark.generations("3.0")  # which tells whether it is off; tests/contract has all versions
def test_kea_ends_by_itself_what_a_killed_apply_switched_off(lab: Laboratory) -> None:
    """It was set, with which Kea forgets for how long it is off, and was told that once more behind its set."""
    world = Standing(lab)
    world.must_apply()
    world.document["parameters"]["max-ack-delay"] = 5000
    world.write()
    Death("kea-a", b'"max-period"', is_carried_out=True, behind=SET).happens(world)
    assert world.sets(world.a) == 1
    assert world.is_off(world.a)
    until(lambda: not world.is_off(world.a), "end of the time for which it was off", LONGEST + 30.0)


# ----------------------------------------------------------------------------------------- to replicate


@pytest.mark.parametrize(
    "death",
    [
        pytest.param(Death("kea-b", SET, is_carried_out=True), id="set-unseen"),
        pytest.param(Death("kea-b", WRITE, is_carried_out=False), id="set-and-not-written"),
    ],
)
@pytest.mark.xdist_group("killed")
def test_a_killed_replication_is_finished(world: Standing, death: Death) -> None:
    added = world.move()
    world.a.command(S, "config-write")
    death.happens(world)
    assert not world.is_in(world.file(world.b), added)
    must_be_finished(world)
    assert world.sets(world.b) == 1
    assert world.has(world.b, added)


@pytest.mark.xdist_group("killed-hand-over")
@pytest.mark.generations("3.0")
@pytest.mark.parametrize("is_removed", [False, True], ids=["and-it-goes-on", "and-it-is-removed"])
def test_both_servers_that_a_killed_hand_over_switched_off_serve_again(lab: Laboratory, *, is_removed: bool) -> None:
    """With HA listeners of their own and long heartbeats both are off for the moment of a set in load-balancing. One
    apply ends that and does its own work, be it a removal.
    """
    world = Standing(lab, Mode.LOAD_BALANCING)
    del world.document["parameters"]["multi-threading"]
    for peer, server in zip(world.document["peers"], world.servers, strict=True):
        peer["url"] = server.ha_url(S)
    world.document["parameters"]["heartbeat-delay"] = 2100
    world.write()
    world.must_apply()
    world.document["parameters"]["max-ack-delay"] = 3000
    world.write()
    Death("kea-b", SET, is_carried_out=False).happens(world)
    assert [world.is_off(server) for server in world.servers] == [True, True]
    if is_removed:
        world.document["state"] = "absent"
        world.write()
    done = world.apply(*(APPROVED if is_removed else ()))
    assert done.exit_code == 0, done
    must_be_in_order(world)
    if is_removed:
        assert all(has_no_relationship(world, server) for server in world.servers)
    else:
        must_be_related(world)


@pytest.mark.xdist_group("killed-mode")
@pytest.mark.generations("2.2", "3.0")
@pytest.mark.parametrize("mode", [Mode.HOT_STANDBY, Mode.LOAD_BALANCING])
def test_a_partner_that_is_a_backup_already_is_waited_for_no_more(lab: Laboratory, mode: Mode) -> None:
    """It hears nobody any more, and the primary hears it in a state that is none of its mode."""
    world = Standing(lab, mode)
    world.must_apply()
    world.document["mode"], world.mode = Mode.PASSIVE_BACKUP.value, Mode.PASSIVE_BACKUP
    world.document["peers"][1]["role"] = "backup"
    world.write()
    Death("kea-a", SET, is_carried_out=False).happens(world)
    until(lambda: world.ha(world.a)["remote"]["last-state"] == "backup", "heartbeat of the backup")  # type: ignore[index]
    done = world.apply()
    assert done.exit_code == 0, done
    must_be_in_order(world)


# -------------------------------------------------------------------------------------------- to remove


@pytest.mark.parametrize(
    "death",
    [
        pytest.param(Death("kea-b", SET, is_carried_out=True), id="partner-set-unseen"),
        pytest.param(Death("kea-a", SET, is_carried_out=False), id="between-the-two"),
        pytest.param(Death("kea-b", b'"dhcp-enable"', is_carried_out=False), id="partner-still-off"),
    ],
)
@pytest.mark.xdist_group("killed")
def test_a_killed_removal_is_finished(world: Standing, death: Death) -> None:
    world.document["state"] = "absent"
    world.write()
    death.happens(world, *APPROVED)
    assert world.is_off(world.b)
    if any(world.ha(server) for server in world.servers):
        # Nobody approved it: it fails at nothing. One that is out already may be on again, and answers nobody then.
        waiting = world.apply()
        assert (waiting.exit_code, "failed" in waiting.stdout) == (3, False), waiting
    done = world.apply(*APPROVED)
    assert done.exit_code == 0, done
    must_be_in_order(world)
    assert all(has_no_relationship(world, server) for server in world.servers)


def test_when_a_process_began_stays_the_same_moment_whoever_sets_its_clock(lab: Laboratory) -> None:
    """By its own clock: `uptime` goes by that too."""
    clock = Clock(lab.directory)
    server = lab.server("kea-a", {S: {}}, **clock.options)
    began = []
    for ahead in (0, 3600, -3600):
        clock.put(ahead)
        began.append(time.time() + ahead - server.command(S, "status-get")["arguments"]["uptime"])
    assert max(began) - min(began) < 5, began
