"""A server's service is off for a time: who has it begin anew, and when."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.planning.silence import UNTIL_SET
from reconciler.running.setting import Found, Server, StepFailedError
from reconciler.running.switch import ServiceSwitch
from tests.running.fake_kea import Fault, Pair

if TYPE_CHECKING:
    from collections.abc import Coroutine

LIMIT = 60


class Switching:
    """kea-b of a pair, and its switch. `asked` is for how long it was to be off, for each time that it was asked."""

    def __init__(self) -> None:
        self.pair = Pair(is_related=True)
        plan = asyncio.run(self.pair.plan()).relationships[0]
        mine = next(each for each in plan.servers if each.peer.server == "kea-b")
        self.server = Server(mine, self.pair.open_client(mine.snapshot.endpoint), lambda _: True)
        self.asked = self.pair.b.asked_off
        self.switch = ServiceSwitch(self.server, self.pair.hands(behind=0.0))

    @property
    def tries(self) -> int:
        """How often it was asked, whether it heard it or not."""
        return self.pair.story.count(("kea-b", "dhcp-disable"))

    async def asked_again(self, times: int) -> str:
        """A set that takes until it was asked so many times more."""
        awaited = self.tries + times
        while self.tries < awaited:  # noqa: ASYNC110 - a command that is lost sets off nothing
            await asyncio.sleep(0)
        return "set"


@pytest.fixture
def switching() -> Switching:
    return Switching()


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, 30))


def test_the_time_is_asked_for_behind_a_set_and_once_more_after_it(switching: Switching) -> None:
    async def go() -> None:
        assert await switching.switch.off(seconds=LIMIT) is None
        assert await switching.switch.keep_through(switching.asked_again(3)) == "set"
        known = len(switching.asked)
        assert known >= 4
        await switching.switch.keep()
        await switching.switch.keep()
        assert switching.asked == [LIMIT] * (known + 1)

    run(go())


def test_a_server_that_gives_no_answer_behind_a_set_is_asked_again(switching: Switching) -> None:
    async def go() -> None:
        assert await switching.switch.off(seconds=LIMIT) is None
        switching.pair.faults = {1: Fault.NOT_REACHED, 2: Fault.LOST_REPLY, 3: Fault.FAILED}
        assert await switching.switch.keep_through(switching.asked_again(4)) == "set"

    run(go())


def test_a_set_that_fails_tells_why(switching: Switching) -> None:
    async def failing() -> None:
        await switching.asked_again(1)
        raise StepFailedError("it is lost", Found.OTHER)

    async def go() -> None:
        assert await switching.switch.off(seconds=LIMIT) is None
        with pytest.raises(StepFailedError, match="it is lost"):
            await switching.switch.keep_through(failing())

    run(go())


@pytest.mark.parametrize("is_off", [True, False], ids=["off for good", "on"])
def test_nothing_is_asked_where_no_time_runs(switching: Switching, *, is_off: bool) -> None:
    async def go() -> None:
        if is_off:
            assert await switching.switch.off() is None
        await switching.switch.keep_through(asyncio.sleep(0.05))
        await switching.switch.keep()

    run(go())
    assert switching.asked == [None] * is_off


def test_what_is_off_for_good_gets_a_limit_when_that_is_safe(switching: Switching) -> None:
    async def go() -> None:
        assert await switching.switch.off() is None
        await switching.switch.limit(LIMIT)
        await switching.switch.limit(LIMIT)
        assert switching.asked == [None, LIMIT]
        switching.pair.clock.now += LIMIT / 2
        await switching.switch.keep()
        assert switching.asked == [None, LIMIT, LIMIT]

    run(go())


def test_a_limit_that_is_not_heard_is_asked_for_again(switching: Switching) -> None:
    async def go() -> None:
        assert await switching.switch.off() is None
        switching.pair.faults = {1: Fault.NOT_REACHED}
        await switching.switch.limit(LIMIT)
        switching.pair.clock.now += 2
        await switching.switch.keep()
        assert switching.asked == [None, LIMIT]

    run(go())


def found_off(switching: Switching, **marks: Any) -> None:
    """The plan saw that it is off already."""
    seen = replace(switching.server.plan.snapshot, disabled_by_user=True, **marks)
    server = replace(switching.server, plan=replace(switching.server.plan, snapshot=seen))
    switching.switch = ServiceSwitch(server, switching.pair.hands())


@pytest.mark.parametrize("is_off", [True, False], ids=["off by a person", "on"])
def test_only_what_we_switched_off_gets_a_limit(switching: Switching, *, is_off: bool) -> None:
    async def go() -> None:
        if is_off:
            found_off(switching)
            assert await switching.switch.off() is None
        await switching.switch.limit(LIMIT)

    run(go())
    assert switching.asked == [None] * is_off


@pytest.mark.parametrize("is_ours", [True, False], ids=["off by an earlier run of ours", "off by a person"])
def test_what_an_earlier_run_left_off_for_a_time_stays_so_for_a_time(switching: Switching, *, is_ours: bool) -> None:
    async def go() -> None:
        found_off(switching, is_off_by_us=is_ours)
        assert await switching.switch.off(seconds=LIMIT) is None
        assert switching.switch.is_timed == is_ours
        assert await switching.switch.on() is None

    run(go())
    assert switching.asked == [LIMIT if is_ours else None]
    assert switching.pair.story.count(("kea-b", "dhcp-enable")) == is_ours


def test_what_is_off_for_a_time_stays_off_until_the_set_and_then_for_good(switching: Switching) -> None:
    async def go() -> None:
        assert await switching.switch.off(seconds=LIMIT) is None
        assert await switching.switch.leave_off() is None
        switching.pair.clock.now += LIMIT
        await switching.switch.keep()
        await switching.switch.keep_through(asyncio.sleep(0.05))
        await switching.switch.keep()
        assert switching.asked == [LIMIT, UNTIL_SET]
        await switching.switch.limit(LIMIT)
        assert switching.asked == [LIMIT, UNTIL_SET, LIMIT]

    run(go())


@pytest.mark.parametrize("fault", [Fault.NOT_REACHED, Fault.LOST_REPLY, Fault.FAILED])
def test_without_a_clear_answer_it_may_come_on_when_its_time_is_over(switching: Switching, fault: Fault) -> None:
    async def go() -> None:
        assert await switching.switch.off(seconds=LIMIT) is None
        switching.pair.faults = {len(switching.pair.story): fault}
        assert "dhcp-disable" in (await switching.switch.leave_off() or "")

    run(go())


def test_what_is_off_for_good_is_not_asked_to_stay_so(switching: Switching) -> None:
    async def go() -> None:
        assert await switching.switch.off() is None
        assert await switching.switch.leave_off() is None

    run(go())
    assert switching.asked == [None]
