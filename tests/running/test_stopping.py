"""A person asks to stop: what can be put right is, and nobody is waited for who is gone."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.model import Result
from reconciler.running.hands import _NoJournal
from tests.running.carried import carried_out, story_of
from tests.running.fake_kea import Fault, Pair
from tests.running.test_every_fault import CASES, differing, half, slower

if TYPE_CHECKING:
    from collections.abc import Callable

SECONDS = 15.0  # in which an apply ends with whom nobody speaks any more
WHY = "stopped on request while no server could be reached"


def dying(pair: Pair, stop: asyncio.Event, died_at: list[float] | None = None) -> Callable[[], None]:
    """Both die, and a person asks to stop."""

    def die() -> None:
        pair.a.is_dead = pair.b.is_dead = True
        stop.set()
        if died_at is not None:
            died_at.append(pair.clock.now)

    return die


@pytest.mark.parametrize(("start", "number"), CASES)
def test_where_all_die_at_any_command_a_stop_ends_it_in_seconds_and_the_next_apply_completes(
    start: Any, number: int
) -> None:
    pair, stop, died_at = start(), asyncio.Event(), list[float]()
    plan = asyncio.run(pair.plan())
    pair.events = {number: dying(pair, stop, died_at)}
    told = carried_out(pair, plan, stop=stop)
    assert pair.clock.now - died_at[0] < SECONDS
    assert not any("internal error" in each.reason for each in told.values())
    assert any(
        each.result in {Result.FAILED, Result.NOT_ATTEMPTED} or each.persisted is False for each in told.values()
    )
    assert start is half or pair.double == []
    for kea in pair.keas:  # from its disk, with which a new relationship may be half of one
        kea.restart()
    pair.clock.now += 100
    pair.events = {}
    carried_out(pair)
    assert not asyncio.run(pair.plan()).relationships[0].has_changes


def waiting(start: Any) -> int:
    """The number of the first command after kea-b was set and read, with which it is waited for."""
    story = story_of(start)
    return story.index(("kea-b", "list-commands"), story.index(("kea-b", "config-set"))) + 1


def at(start: Any, name: str, command: str) -> int:
    """The number of the first such command to a server in an apply without a fault."""
    return story_of(start).index((name, command))


def test_it_says_what_is_left_of_each_server() -> None:
    pair = slower()
    plan = asyncio.run(pair.plan())
    stop = asyncio.Event()
    pair.events = {waiting(slower): dying(pair, stop)}
    told = carried_out(pair, plan, stop=stop)
    assert (told["kea-b"].result, told["kea-b"].persisted) == (Result.FAILED, False)
    assert told["kea-b"].reason == f"running, not yet persisted; {WHY}; the next apply goes on from what is on record"
    assert told["kea-a"].result is Result.NOT_ATTEMPTED
    assert told["kea-a"].reason == f"{WHY}, before this server was touched"


def test_who_answers_is_put_right_however_long_the_other_is_away() -> None:
    """kea-b dies right after its set; kea-a answers, and is not given up for that."""
    ends = []
    for asks in (False, True):
        pair = slower()
        plan = asyncio.run(pair.plan())
        stop = asyncio.Event()
        number = at(slower, "kea-b", "config-set")
        pair.faults = {number: Fault.DIES_AFTER}
        pair.events = {number + 1: stop.set} if asks else {}
        told = carried_out(pair, plan, stop=stop)
        ends.append({name: each.result for name, each in told.items()})
        assert not any(WHY in each.reason for each in told.values())
        assert not any(kea.is_disabled for kea in pair.keas)
    assert ends[0] == ends[1]


@pytest.mark.parametrize(("fault", "away"), [(Fault.FREEZES, 40.0), (Fault.DIES_AFTER, 3.0)])
def test_who_comes_back_is_finished_with(fault: Fault, away: float) -> None:
    """Who is frozen may be at work, and is waited for; who starts anew has a few seconds for that."""
    pair, stop, gone_at = differing(), asyncio.Event(), list[float]()
    plan = asyncio.run(pair.plan())

    def all_go() -> None:
        stop.set()
        pair.a.is_frozen, pair.a.is_dead = fault is Fault.FREEZES, fault is Fault.DIES_AFTER
        gone_at.append(pair.clock.now)

    async def sleep(seconds: float) -> None:
        pair.clock.now += seconds
        await asyncio.sleep(0)
        if gone_at and pair.clock.now > gone_at[0] + away:
            gone_at.clear()
            for kea in pair.keas:
                kea.revive()

    pair.clock.sleep = sleep  # type: ignore[method-assign]
    number = at(differing, "kea-b", "config-set")
    pair.faults, pair.events = {number: fault}, {number: all_go}
    told = carried_out(pair, plan, stop=stop)
    assert WHY not in told["kea-b"].reason
    assert told["kea-b"].result is (Result.APPLIED if fault is Fault.FREEZES else Result.FAILED)


class Failing(_NoJournal):
    """A journal that can't be written any more."""

    is_failing = True


def test_where_nothing_is_on_record_servers_are_waited_for() -> None:
    pair = differing()
    plan = asyncio.run(pair.plan())
    stop = asyncio.Event()
    pair.events = {waiting(differing): dying(pair, stop)}
    began_at = pair.clock.now
    told = carried_out(pair, plan, stop=stop, journal=Failing())
    assert pair.clock.now - began_at > 60
    assert WHY not in told["kea-b"].reason
