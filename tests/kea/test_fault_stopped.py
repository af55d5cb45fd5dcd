"""The reconciler is interrupted, or killed: a defined state, said where it can be, and completed by the next run."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any

import pytest

from tests.kea.standing import SET, S, Standing, run_and_signal
from tests.kea.world import until

if TYPE_CHECKING:
    from lab.laboratory import Laboratory

pytestmark = [pytest.mark.kea, pytest.mark.xdist_group("fault-stopped")]


@pytest.fixture
def world(lab: Laboratory) -> Standing:
    return Standing(lab)


def test_an_interrupted_create_is_finished_and_says_so(world: Standing) -> None:
    done = run_and_signal(world, "kea-b", SET, signal.SIGINT, "apply", "--yes", "--format", "json")
    assert done.exit_code == 130, done
    assert "The step at hand is finished first" in done.stderr
    assert {each["result"] for each in world.outcome(done).values()} == {"applied"}
    assert all(each["persisted"] for each in world.outcome(done).values())
    assert world.is_normal()
    world.must_be_done()


def test_an_interrupted_change_ends_between_two_servers(world: Standing) -> None:
    world.must_apply()
    world.document["parameters"]["max-ack-delay"] = 3000
    world.write()
    world.forget()
    before = world.config(world.a)
    done = run_and_signal(world, "kea-b", SET, signal.SIGTERM, "apply", "--yes", "--format", "json")
    assert done.exit_code == 130, done
    told = world.outcome(done)
    assert (told["kea-b"]["result"], told["kea-b"]["persisted"]) == ("applied", True)
    assert told["kea-a"]["result"] == "not-attempted"
    assert "stopped on request" in told["kea-a"]["reason"]
    assert world.config(world.a) == before
    assert world.is_normal()
    world.must_apply()
    assert world.sets(world.b) == 1
    assert world.sets(world.a) == 1


def test_an_interrupt_while_the_servers_are_read_sends_nothing(world: Standing) -> None:
    done = run_and_signal(world, "kea-b", b'"status-get"', signal.SIGINT, "apply", "--yes")
    assert done.exit_code == 130, done
    assert "Traceback" not in done.stderr
    assert world.story() == []


@pytest.mark.parametrize(
    ("name", "match"),
    [("kea-b", b'"dhcp-disable"'), ("kea-b", SET), ("kea-a", SET), ("kea-b", b'"config-write"')],
    ids=["partner-off", "partner-set", "primary-set", "write"],
)
def test_a_killed_create_is_completed_by_the_next_one(world: Standing, name: str, match: bytes) -> None:
    killed = run_and_signal(world, name, match, signal.SIGKILL, "apply", "--yes")
    assert killed.exit_code == -signal.SIGKILL
    until(lambda: not any(exchange.ended is None for _, exchange in world.story()), "end of what was sent")
    for server in world.servers:
        assert_old_or_new(world, server)
    world.forget()
    until(lambda: world.apply().exit_code == 0, "apply that succeeds")
    world.until_normal()
    world.must_be_done()
    told = world.b.command(S, "status-get")["arguments"].get("dhcp-state")
    if told is None:
        assert match == b'"config-write"' or "dhcp-enable" in world.sent(world.b)
    else:  # since 2.6.2 Kea tells that it is off, and not who did it: the journal does
        assert not told["disabled-by-user"]
    for server in world.servers:
        assert world.file(server) == world.config(server)


def assert_old_or_new(world: Standing, server: Any) -> None:
    """Without HA, or in the relationship: nothing in between."""
    config = server.config(S)
    is_new = bool(config["hooks-libraries"])
    assert (world.ha(server) is not None) is is_new
    assert ("kea-reconciler" in config.get("user-context", {})) is is_new
