"""An apply is killed on real servers, and the next one knows nothing of it, or of another process of Kea: it leaves no
clients without an answer.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from lab.proxy import Fault
from reconciler.model import Mode
from tests.kea.standing import SET, S, Standing
from tests.kea.test_killed_applies import Death, must_be_finished
from tests.kea.world import until

if TYPE_CHECKING:
    from pathlib import Path

    from lab.laboratory import Laboratory

pytestmark = pytest.mark.kea

APPROVED = ("--approve", "shared-pools")


def with_own_listeners(lab: Laboratory) -> Standing:
    world = Standing(lab, Mode.LOAD_BALANCING)
    del world.document["parameters"]["multi-threading"]
    for peer, server in zip(world.document["peers"], world.servers, strict=True):
        peer["url"] = server.ha_url(S)
    world.write()
    return world


def later(world: Standing) -> None:
    world.document["parameters"]["max-ack-delay"] = 3000
    world.write()


def killed(world: Standing, death: Death) -> None:
    """Make it, and let an apply die that changes it."""
    world.must_apply(*APPROVED)
    later(world)
    death.happens(world)


@pytest.mark.parametrize("server", ["kea-a", "kea-b"])
@pytest.mark.generations("3.0")
def test_another_host_leaves_who_answers_for_a_server_that_is_off(
    lab: Laboratory, server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In hot-standby while the other answers for it; in load-balancing, with listeners of their own, while both are
    off for the moment of a set.
    """
    world = Standing(lab) if server == "kea-a" else with_own_listeners(lab)
    killed(world, Death(server, SET, is_carried_out=False))
    wide = world.b if server == "kea-a" else world.a
    scopes = world.scopes()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "another-host"))
    world.forget()
    refused = world.apply(*APPROVED)
    assert (refused.exit_code, "nobody-would-serve" in refused.stdout) == (3, True), refused
    assert world.story("config-set", "ha-scopes", "dhcp-disable") == []
    assert world.scopes() == scopes
    assert "kea-a" in scopes[world.servers.index(wide)]
    until(lambda: not any(world.is_off(each) for each in world.servers), "service of both", 70.0)
    must_be_finished(world, *APPROVED)


@pytest.mark.generations("3.0")
def test_another_host_waits_for_a_server_that_is_off_and_nobody_answers_for(
    lab: Laboratory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = Standing(lab)
    killed(world, Death("kea-b", b'"ha-scopes"', is_carried_out=False))
    assert world.is_off(world.a)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "another-host"))
    assert "and for good: with a set Kea forgets the time" in world.run("plan").stdout
    must_be_finished(world)


@pytest.mark.generations("2.2")
def test_another_host_switches_on_who_is_answered_for_where_kea_does_not_tell(
    lab: Laboratory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = Standing(lab)
    killed(world, Death("kea-a", SET, is_carried_out=False))
    assert "kea-a" in world.scopes()[1]
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "another-host"))
    world.forget()
    must_be_finished(world)
    story = [(name, each.command) for name, each in world.story("ha-scopes", "dhcp-enable", "config-set")]
    assert story[:2] == [("kea-b", "ha-scopes"), ("kea-a", "dhcp-enable")]


PAUSING = """
import sys, time
from pathlib import Path
from reconciler.cli import main, session
planned, reached, may_go_on = session.make_plan, Path(sys.argv.pop(1)), Path(sys.argv.pop(1))
def pausing(*arguments, **options):
    made = planned(*arguments, **options)
    reached.touch()
    while not may_go_on.exists():
        time.sleep(0.1)
    return made
session.make_plan = pausing
main()
"""


@pytest.mark.generations("3.0")
def test_a_server_that_was_started_anew_after_the_plan_is_put_right_too(lab: Laboratory, tmp_path: Path) -> None:
    world = Standing(lab)
    world.must_apply()
    later(world)
    world.forget()
    reached, may_go_on = tmp_path / "reached", tmp_path / "may-go-on"
    files = ("--desired", str(world.desired), "--settings", str(world.settings))
    command = (sys.executable, "-c", PAUSING, str(reached), str(may_go_on), "apply", "--yes", *files)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as apply:
        until(reached.exists, "the plan", 30.0)
        world.restart(world.a)
        world.until_normal()
        kill = lambda _: os.kill(apply.pid, signal.SIGKILL)  # noqa: E731
        world.proxies["kea-a"].on(SET, Fault.SWALLOW, times=1, before=kill)
        may_go_on.touch()
        apply.communicate(timeout=90)
    assert apply.returncode == -signal.SIGKILL
    assert world.is_off(world.a)
    must_be_finished(world)
