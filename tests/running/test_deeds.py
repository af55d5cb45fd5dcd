"""Single steps, where what they do can't be told from the end of an apply."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.model import Condition, Deed, Disruption, Fact, Stage, Step
from reconciler.planning.silence import LONGEST
from reconciler.running.apply import _is_as_planned
from reconciler.running.deeds import Deeds
from reconciler.running.setting import Server
from reconciler.running.telling import Tale
from tests.running.fake_kea import Fault, Pair
from tests.running.test_every_fault import differing

if TYPE_CHECKING:
    from collections.abc import Coroutine

A, B = "kea-a", "kea-b"
HANDED_OVER = Stage((B,), covered_by=((B, A),), method=Disruption.HAND_OVER, pauses=True)


class Bench:
    """A pair whose kea-b is to be set, in a stage."""

    def __init__(self, stage: Stage) -> None:
        self.pair: Pair = differing()
        plan = asyncio.run(self.pair.plan()).relationships[0]
        plan = replace(plan, stages=(stage,))
        hands = self.pair.hands()
        servers = [
            Server(each, self.pair.open_client(each.snapshot.endpoint), partial(_is_as_planned, plan, each))
            for each in plan.servers
        ]
        self.deeds = Deeds(plan, servers, hands, Tale("hq", hands), waved=frozenset())
        self.deeds.begin(stage)
        self.pair.story.clear()

    async def do(self, deed: Deed, server: str) -> bool:
        return await self.deeds.do(Step(deed, server))

    def place(self, command: str, server: str) -> int:
        """Where the first such command is in the story."""
        return self.pair.story.index((server, command))


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, 30))


@pytest.mark.parametrize("fault", [Fault.NOT_REACHED, Fault.FAILED, Fault.LOST_REPLY, Fault.UNAUTHORISED])
def test_who_was_off_for_the_moment_of_a_set_is_switched_on_once_before_the_server_is_read_and_tried_again_later(
    fault: Fault,
) -> None:
    """One that has died must not keep the others waiting: not a second passes for it."""
    bench = Bench(HANDED_OVER)

    async def go() -> None:
        assert await bench.do(Deed.SILENCE, A)
        began_at = bench.pair.clock.now
        bench.pair.faults = {len(bench.pair.story) + 1: fault}  # right after the set
        assert await bench.do(Deed.SET, B)
        assert bench.pair.clock.now - began_at < 1
        told = bench.pair.story[bench.place("config-set", B) :]
        assert told[1] == (A, "dhcp-enable")
        assert told.count((A, "dhcp-enable")) == 1
        assert await bench.do(Deed.SERVE, A)

    run(go())
    assert not bench.pair.a.is_disabled


def test_who_was_off_for_the_moment_of_a_set_stays_off_where_nobody_knows_whether_it_was_set() -> None:
    """A step of its own switches it on, when what became of the set is known."""
    bench = Bench(HANDED_OVER)

    async def go() -> None:
        assert await bench.do(Deed.SILENCE, A)
        bench.pair.faults = {len(bench.pair.story): Fault.LOST_REPLY}
        assert await bench.do(Deed.SET, B)
        assert (A, "dhcp-enable") not in bench.pair.story

    run(go())


@pytest.mark.parametrize("is_answered_for", [True, False])
def test_a_limit_comes_when_all_are_normal_and_somebody_is_about_to_give_back_its_clients(
    *, is_answered_for: bool
) -> None:
    bench = Bench(Stage((A, B), silenced=(B,)))

    async def go() -> None:
        assert await bench.do(Deed.SILENCE, B)
        if is_answered_for:
            assert await bench.do(Deed.WIDEN_WHEN_NORMAL, A)
        assert await bench.do(Deed.AWAIT_NORMAL, A)

    run(go())
    assert bench.pair.b.asked_off == ([None, LONGEST] if is_answered_for else [None])


def test_no_limit_comes_where_they_do_not_become_normal() -> None:
    bench = Bench(Stage((A, B), silenced=(B,)))

    async def go() -> None:
        assert await bench.do(Deed.SILENCE, B)
        assert await bench.do(Deed.WIDEN_WHEN_NORMAL, A)
        bench.pair.b.is_deaf = True
        assert not await bench.do(Deed.AWAIT_NORMAL, A)

    run(go())
    assert bench.pair.b.asked_off == [None]


def test_who_answers_for_another_and_is_not_put_back_since_somebody_changed_it_stops_all_the_same() -> None:
    bench = Bench(replace(HANDED_OVER, pauses=False))

    async def go() -> None:
        assert await bench.do(Deed.SET, B)
        assert await bench.do(Deed.WIDEN, B)
        assert bench.pair.b.scopes == [A]
        bench.pair.b.edit("valid-lifetime", 4711)
        assert not await bench.do(Deed.PUT_BACK, B)
        assert await bench.do(Deed.GIVE_BACK, B)

    run(go())
    assert bench.pair.b.scopes == []
    assert bench.pair.b.config["valid-lifetime"] == 4711


def test_who_was_silenced_and_is_not_put_back_since_somebody_changed_it_stays_off() -> None:
    bench = Bench(Stage((A, B), silenced=(B,)))

    async def go() -> None:
        assert await bench.do(Deed.SILENCE, B)
        assert await bench.do(Deed.SET, B)
        bench.pair.b.edit("valid-lifetime", 4711)
        assert not await bench.do(Deed.PUT_BACK, B)
        assert not await bench.deeds.do(Step(Deed.SERVE, B, before=(Condition(Fact.SURE, B),)))

    run(go())
    assert bench.pair.b.is_disabled
