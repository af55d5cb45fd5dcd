"""Single commands that are refused, lost or cut off in the middle: the server ends as planned, or as it was before."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from lab.laboratory import Laboratory
from lab.proxy import Fault
from reconciler.kea.stamps import gathered
from reconciler.model import Mode
from tests.kea.shared import Shared, has_failed, shared_by
from tests.kea.test_life_single_commands import S4, change, host, made, sent, subnets
from tests.kea.traces import Trace
from tests.kea.world import Run, World

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.kea import Generation

pytestmark = [pytest.mark.kea, pytest.mark.generations("3.0"), pytest.mark.xdist_group("fault-single-commands")]

SET = b'"config-set"'
REFUSED = b'[{"result": 1, "text": "no more of these"}]'
LIMITS = {"connect-seconds": 1.0, "answer-seconds": 2.0, "configuration-seconds": 3.0}


@contextlib.contextmanager
def with_hooks(generation: Generation) -> Iterator[World]:
    """A pair whose kea-b has all of the hooks."""
    with Laboratory(generation=generation) as lab:
        world = made(lab, Mode.HOT_STANDBY, S4)
        (lab.directory / "limits.toml").write_text("[limits]\n" + "".join(f"{k} = {v}\n" for k, v in LIMITS.items()))
        yield world


standing = shared_by(with_hooks)


@pytest.fixture
def world(request: pytest.FixtureRequest, standing: Shared[World]) -> Iterator[World]:
    """The pair, normal and with four reservations to be added to kea-b."""
    with standing.lent(request.node) as world:
        world.until_normal()
        world.must_be_done()
        taken = len(subnets(world.config(world.a))[0]["reservations"])
        added = [host(S4, 1, 100 + taken + place) for place in range(4)]
        change(world, world.a, lambda config, _: subnets(config)[0]["reservations"].extend(added))
        yield world
        for proxy in world.proxies.values():
            proxy.heal()
        if not has_failed(request.node) and world.run("plan", "--detailed-exitcode").exit_code != 0:
            # Within ten seconds of its start kea-a counts as started with what it has, and no test knows the history.
            world.must_apply("--approve", "authority-older")


def apply(world: World) -> Run:
    """`apply` with small limits."""
    return world.run("apply", "--yes", "--format", "json", "--settings", str(world.lab.directory / "limits.toml"))


def outcome(done: Run) -> dict[str, Any]:
    """What was told of kea-b."""
    servers = done.json["relationships"][0]["servers"]
    return next(each for each in servers if each["server"] == "kea-b")


def third(world: World, fault: Fault, **options: Any) -> None:
    """Let something happen to the third of the commands."""
    proxy = world.proxies["kea-b"]
    proxy.on(b'"reservation-add"', fault, times=1, **options)
    proxy.on(b'"reservation-add"', Fault.PASS, times=2)


def test_one_that_is_refused_lets_the_whole_configuration_be_set(world: World) -> None:
    third(world, Fault.ANSWER, reply=REFUSED)
    done = apply(world)
    assert (done.exit_code, outcome(done)["result"], outcome(done)["persisted"]) == (0, "applied", True)
    assert sent(world, world.b)[1:] == [*3 * ["reservation-add"], "config-set", "config-write"]
    world.must_be_done()
    assert world.is_normal()


@pytest.mark.parametrize("fault", [Fault.CUT_BEFORE_REPLY, Fault.TRUNCATE, Fault.RESET, Fault.SWALLOW])
def test_what_a_lost_answer_means_is_read(world: World, fault: Fault) -> None:
    third(world, fault)
    with Trace(world.servers, world.service) as trace:
        done = apply(world)
    assert (done.exit_code, outcome(done)["result"], outcome(done)["persisted"]) == (0, "applied", True)
    assert "config-set" not in sent(world, world.b)
    assert trace.states() == {"hot-standby"}
    was_executed = fault in {Fault.CUT_BEFORE_REPLY, Fault.TRUNCATE}
    assert sent(world, world.b).count("reservation-add") == (4 if was_executed else 5)
    world.must_be_done()


def test_a_server_that_can_not_be_reached_is_left_alone(world: World) -> None:
    before = world.shared_part(world.b)
    world.proxies["kea-b"].on(b'"reservation-add"', Fault.SWALLOW, before=lambda _: world.proxies["kea-b"].refuse())
    done = apply(world)
    world.proxies["kea-b"].accept()
    assert (done.exit_code, outcome(done)["result"]) == (1, "failed")
    assert "config-set" not in sent(world, world.b)
    assert world.shared_part(world.b) == before


def test_a_stranger_s_change_in_between_is_not_overwritten(world: World) -> None:
    def meddle(_: bytes) -> None:
        reservation = {**host(S4, 2, 77), "subnet-id": 2}
        world.b.command(S4, "reservation-add", {"reservation": reservation, "operation-target": "memory"})

    third(world, Fault.ANSWER, reply=REFUSED, before=meddle)
    done = apply(world)
    told = outcome(done)
    assert told["result"] == "failed"
    assert "somebody else" in told["reason"]
    assert "config-set" not in sent(world, world.b)
    assert host(S4, 2, 77)["hw-address"] in [
        each["hw-address"] for each in subnets(world.config(world.b))[1]["reservations"]
    ]


def test_where_the_set_fails_too_the_server_gets_back_what_it_had_before_the_commands(world: World) -> None:
    before = gathered(world.config(world.b))
    third(world, Fault.ANSWER, reply=REFUSED)
    world.proxies["kea-b"].on(SET, Fault.ANSWER, reply=b'[{"result": 1, "text": "not today"}]', times=1)
    done = apply(world)
    assert outcome(done)["result"] == "restored"
    assert gathered(world.config(world.b)) == before
    world.until_normal()


def test_what_a_killed_run_left_is_finished_by_commands(world: World) -> None:
    command = [sys.executable, "-c", "from reconciler.cli import main; main()", "apply", "--yes"]
    process = subprocess.Popen([*command, "--desired", str(world.desired)], stdout=subprocess.DEVNULL)
    third(world, Fault.DELAY, seconds=0.3, before=lambda _: os.kill(process.pid, signal.SIGKILL))
    with Trace(world.servers, world.service) as trace:
        assert process.wait(60) == -signal.SIGKILL
        world.proxies["kea-b"].heal()
        assert 0 < sent(world, world.b).count("reservation-add") < 4
        world.forget()
        assert apply(world).exit_code == 0
    assert trace.states() == {"hot-standby"}
    assert 0 < sent(world, world.b).count("reservation-add") < 4
    assert "config-set" not in sent(world, world.b)
    world.must_be_done()
    assert subnets(world.file(world.b))[0]["reservations"] == subnets(world.config(world.b))[0]["reservations"]
