"""The answer to config-set is lost, late or nonsense: what the server has is read, and never guessed."""

from __future__ import annotations

from typing import Any

import pytest

from lab.proxy import Fault
from tests.kea.standing import SET, S, Standing
from tests.kea.world import until

pytestmark = pytest.mark.kea

HTML = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 14\r\n\r\n<html>?</html>"
REFUSED = b'HTTP/1.1 401 Unauthorized\r\nContent-Length: 39\r\n\r\n{"result": 401, "text": "Unauthorized"}'
GONE = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n"

# Executed by Kea, but we never hear so.
EXECUTED: dict[str, dict[str, Any]] = {
    "cut-before-reply": {"fault": Fault.CUT_BEFORE_REPLY},
    "cut-in-reply": {"fault": Fault.CUT_IN_REPLY},
    "truncated": {"fault": Fault.TRUNCATE},
    "html": {"fault": Fault.REPLACE, "reply": HTML},
    "garbage": {"fault": Fault.REPLACE, "reply": b"\x00\xff\x16\x03"},
    "other-json": {"fault": Fault.REPLACE, "reply": b'[{"result": "none"}]'},
    "refusal": {"fault": Fault.REPLACE, "reply": REFUSED},
    "bad-gateway": {"fault": Fault.REPLACE, "reply": GONE},
    "later-than-we-wait": {"fault": Fault.DELAY, "seconds": 4.5},
}
# Never reaches Kea.
UNEXECUTED: dict[str, dict[str, Any]] = {
    "reset": {"fault": Fault.RESET},
    "swallowed": {"fault": Fault.SWALLOW},
    "html": {"fault": Fault.ANSWER, "reply": HTML},
    "refusal": {"fault": Fault.ANSWER, "reply": REFUSED},
    "bad-gateway": {"fault": Fault.ANSWER, "reply": GONE},
    "agent-lost-it": {
        "fault": Fault.ANSWER,
        "reply": b'[{"result": 1, "text": "unable to forward command to the dhcp4 service: End of file. '
        b'The server is likely to be offline"}]',
    },
}


def grouped(cases: dict[str, dict[str, Any]], group: str) -> list[Any]:
    return [pytest.param(how, id=name, marks=pytest.mark.xdist_group(group)) for name, how in cases.items()]


@pytest.mark.parametrize("how", grouped(EXECUTED, "fault-executed"))
def test_what_was_executed_is_found_and_gone_on_with(world: Standing, how: dict[str, Any]) -> None:
    added = world.move()
    world.proxies["kea-b"].on(SET, times=1, **how)
    done = world.apply("--format", "json")
    assert done.exit_code == 0, done
    assert world.outcome(done)["kea-b"]["result"] == "applied"
    assert world.outcome(done)["kea-b"]["persisted"] is True
    assert world.has(world.b, added)
    assert world.is_in(world.file(world.b), added)
    assert world.sets(world.b) == 1
    assert world.sent(world.a) == []
    assert world.is_normal()
    world.must_apply()  # what it runs now is not on its disk yet
    world.must_be_done()


@pytest.mark.parametrize("how", grouped(UNEXECUTED, "fault-unexecuted"))
def test_what_was_not_executed_is_found_and_left_alone(world: Standing, how: dict[str, Any]) -> None:
    added = world.move()
    before = world.config(world.b)
    world.proxies["kea-b"].on(SET, times=1, **how)
    done = world.apply("--format", "json")
    assert done.exit_code == 1, done
    told = world.outcome(done)["kea-b"]
    assert told["result"] == "failed"
    assert "still has its old configuration" in told["reason"]
    assert "nothing was changed" in told["reason"]
    assert world.config(world.b) == before
    assert world.sets(world.b) == 1
    assert world.is_normal()
    world.must_apply()
    assert world.has(world.b, added)


@pytest.mark.xdist_group("fault-late")
def test_a_frozen_server_that_carries_it_out_after_we_gave_up_is_sent_nothing_older(world: Standing) -> None:
    added = world.move()
    world.proxies["kea-b"].on(SET, Fault.PASS, times=1, before=lambda _: world.b.freeze(S))
    done = world.apply("--format", "json")
    assert done.exit_code == 1, done
    told = world.outcome(done)["kea-b"]
    assert told["result"] == "failed"
    assert "it may still carry out the change" in told["reason"]
    world.b.thaw(S)
    until(lambda: world.has(world.b, added), "change that was carried out late")
    world.until_normal()
    assert world.sets(world.b) == 1
    world.must_apply()  # what it runs now is not on its disk yet
    world.must_be_done()


@pytest.mark.xdist_group("fault-late")
def test_a_request_that_arrives_after_we_gave_up_is_seen_by_the_next_plan(world: Standing) -> None:
    added = world.move()
    world.proxies["kea-b"].on(SET, Fault.DELAY_REQUEST, seconds=9.0, times=1)
    done = world.apply()
    assert done.exit_code == 1, done
    assert world.sets(world.b) == 1
    until(lambda: world.has(world.b, added), "late request")
    world.until_normal()
    world.must_apply()  # what it runs now is not on its disk yet
    world.must_be_done()


@pytest.mark.xdist_group("fault-late")
@pytest.mark.parametrize("comes_back", [False, True], ids=["stays-down", "restarts-at-once"])
def test_a_server_that_dies_in_the_set_has_what_is_on_its_disk(world: Standing, comes_back: bool) -> None:
    added = world.move()
    old = world.config(world.b)

    def die(_: bytes) -> None:
        world.b.kill_daemon(S)
        if comes_back:
            world.b.start_daemon(S)

    world.proxies["kea-b"].on(SET, Fault.RESET if comes_back else Fault.PASS, times=1, before=die)
    done = world.apply("--format", "json")
    assert done.exit_code == 1, done
    assert world.outcome(done)["kea-b"]["result"] == "failed"
    assert world.sets(world.b) == 1
    if not comes_back:
        world.b.start_daemon(S)
    assert world.config(world.b) == old
    assert not world.has(world.b, added)
    world.until_normal()
    world.must_apply()
    assert world.has(world.b, added)
