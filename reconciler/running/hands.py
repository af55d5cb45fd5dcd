"""The edges that an apply acts through, as one value, so that tests and the simulator can give others."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from reconciler.model import Probe

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.kea.client import Client
    from reconciler.model import (
        Endpoint,
        Leftover,
        Live,
        Plan,
        RelationshipOutcome,
        RelationshipPlan,
        Service,
        Snapshot,
    )


class Journal(Protocol):
    """Where it is written down what is done to a relationship, before it is done. The commands themselves are written
    down by the clients that send them. `begins` and `left` raise StateError, the others never.
    """

    @property
    def is_failing(self) -> bool:
        """Whether something could not be written down."""

    def begins(self, plan: RelationshipPlan, *, is_operation: bool = False) -> None:
        """Write down what every server has and is to have; it is on the disk when this returns."""

    def ends(self, outcome: RelationshipOutcome, plan: RelationshipPlan) -> None:
        """Write down what became of it."""

    def persisted(self, endpoint: Endpoint) -> None:
        """Write down that what a server runs is on its disk."""

    def restored(self, endpoint: Endpoint) -> None:
        """Write down that a server has again what it had."""

    def left(self) -> tuple[Leftover, ...]:
        """Return what earlier runs, and this one so far, left open."""

    def finds(self, live: Snapshot) -> None:
        """Write down that what is sent to a server from now on goes to another process of Kea than was read, or to one
        whose service was switched on since.
        """

    def continues(self, leftover: Leftover) -> None:
        """Count what is sent to its endpoint from now on to what was left open there."""

    def settles(self, leftover: Leftover) -> None:
        """Write down that it is put right, or needs nothing."""


class _NoJournal:
    """Remembers nothing."""

    is_failing = False

    def begins(self, plan: RelationshipPlan, *, is_operation: bool = False) -> None:
        pass

    def ends(self, outcome: RelationshipOutcome, plan: RelationshipPlan) -> None:
        pass

    def persisted(self, endpoint: Endpoint) -> None:
        pass

    def restored(self, endpoint: Endpoint) -> None:
        pass

    def left(self) -> tuple[Leftover, ...]:
        return ()

    def finds(self, live: Snapshot) -> None:
        pass

    def continues(self, leftover: Leftover) -> None:
        pass

    def settles(self, leftover: Leftover) -> None:
        pass


NO_JOURNAL = _NoJournal()
WATCHING = 0.03  # seconds between two looks at a server that answers for another: it may fall back at any moment
BEHIND = 0.05  # seconds in which a config-set is taken up before what is sent after it


async def _not_tried(_: str) -> Probe:
    return Probe.NOT_TRIED


@dataclass(frozen=True, slots=True)
class Hands:
    """How to reach an endpoint, the clock (seconds, monotonic), how to wait, where progress is said, and the flag
    by which a person asks to stop between two steps. `patience` is how long, in seconds, a server that gave no
    clear answer is looked at again before it is called silent; `normal_within`, in seconds, stands for
    `waiting.time_limit` where it is given. `again` makes the whole plan once more, with what was read of some servers
    since: who leaves a relationship is told by all servers and by desired. Without it no such plan is made again.
    `probe` says what listens at a url, seen from here. `watching` is `WATCHING` by the real clock, while a server is
    being set, and `behind` is `BEHIND`.
    """

    open_client: Callable[[Endpoint], Client]
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    say: Callable[[str], None] = lambda _: None
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    patience: float = 180.0
    normal_within: float | None = None
    journal: Journal = NO_JOURNAL
    again: Callable[[Mapping[tuple[str, Service], Live]], Plan] | None = None
    probe: Callable[[str], Awaitable[Probe]] = _not_tried
    watching: float = WATCHING
    behind: float = BEHIND
