"""What a plan comes to on a pair that is made up, and what was sent to it."""

from __future__ import annotations

import asyncio
from typing import Any

from reconciler.model import Plan
from reconciler.running.apply import apply
from tests.running.fake_kea import WRITES, Pair


def carried_out(pair: Pair, plan: Plan | None = None, approved: tuple[str, ...] = (), **hands: Any) -> Any:
    """Apply, by default what is planned now; returns the outcome of each server by its name."""
    made = plan or asyncio.run(pair.plan())
    pair.story.clear()
    (outcome,) = asyncio.run(apply(made, pair.hands(**hands), approved))
    return {server.server: server for server in outcome.servers}


def writes(pair: Pair) -> list[tuple[str, str]]:
    return [each for each in pair.story if each[1] in WRITES]


def story_of(start: Any) -> list[tuple[str, str]]:
    pair: Pair = start()
    carried_out(pair)
    return pair.story


def place_of(start: Any, command: str) -> int:
    """The number of the first such command of an apply without a fault."""
    return next(number for number, each in enumerate(story_of(start)) if each[1] == command)
