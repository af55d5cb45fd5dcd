"""What the daemon acts through, as one value, so that tests can give others."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.kea.client import Client, Gauge
    from reconciler.model import Endpoint, Event, Live, Probe
    from reconciler.running.hands import Hands
    from reconciler.state.journal import Journal

Observer = Callable[["Event"], None]


def now_utc() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


def chance() -> float:
    """Return a number from 0 to 1."""
    return random.random()  # noqa: S311 - it spreads pauses, nothing more


@dataclass(frozen=True, slots=True)
class Edges:
    """How to reach servers: to read them, and with a journal to change them; and what listens at urls.

    `learn` is given everything that was read, so that `scrub` can keep secrets out of what is told. `clock` is
    monotonic, in seconds; `wall` is the time in UTC.
    """

    open_client: Callable[[Endpoint, Gauge], Client]
    hands: Callable[[Journal, Callable[[str], None]], Hands]
    probe: Callable[[Iterable[str]], Awaitable[Mapping[str, Probe]]]
    learn: Callable[[Iterable[Live]], None] = lambda _: None
    scrub: Callable[[str], str] = str
    clock: Callable[[], float] = time.monotonic
    wall: Callable[[], datetime] = now_utc
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    chance: Callable[[], float] = chance
