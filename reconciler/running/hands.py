"""The edges that an apply acts through, as one value, so that tests and the simulator can give others."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.kea.client import Client
    from reconciler.model import Endpoint


@dataclass(frozen=True, slots=True)
class Hands:
    """How to reach an endpoint, the clock (seconds, monotonic), how to wait, where progress is said, and the flag
    by which a person asks to stop between two steps. `patience` is how long, in seconds, a server that gave no
    clear answer is looked at again before it is called silent; `normal_within`, in seconds, stands for
    `waiting.time_limit` where it is given.
    """

    open_client: Callable[[Endpoint], Client]
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    say: Callable[[str], None] = lambda _: None
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    patience: float = 180.0
    normal_within: float | None = None
