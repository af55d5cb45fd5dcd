"""Simulated time: real by default, faster or frozen where a test wants that, and stepped by hand."""

from __future__ import annotations

import heapq
import itertools
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Clock:
    """Seconds since the simulation began, at `speed` simulated seconds a real one (0: only `step` moves it).

    `monotonic` and `wall` are the real clocks behind it. Changing the speed does not move the time.
    """

    def __init__(
        self,
        speed: float = 1.0,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._speed = speed
        self._monotonic = monotonic
        self._since = monotonic()
        self._passed = 0.0
        self._epoch = wall()

    @property
    def speed(self) -> float:
        """Simulated seconds a real one."""
        return self._speed

    @speed.setter
    def speed(self, speed: float) -> None:
        self._passed, self._since = self.now(), self._monotonic()
        self._speed = speed

    def now(self) -> float:
        """Simulated seconds since the beginning."""
        return self._passed + (self._monotonic() - self._since) * self._speed

    def wall(self) -> float:
        """Simulated seconds since 1970."""
        return self._epoch + self.now()

    def step(self, seconds: float) -> None:
        """Move the time forward at once."""
        self._passed += seconds


@dataclass(order=True, slots=True)
class Timer:
    """A call that is due at a simulated time."""

    due: float
    number: int
    call: Callable[[], None] = field(compare=False)
    is_cancelled: bool = field(default=False, compare=False)

    def cancel(self) -> None:
        """Forget it."""
        self.is_cancelled = True


class Scheduler:
    """Calls things at simulated times, in one thread; `on_change` is told when the next one may be due earlier."""

    def __init__(self, clock: Clock, on_change: Callable[[], None] = lambda: None) -> None:
        self.clock = clock
        self._on_change = on_change
        self._timers: list[Timer] = []
        self._numbers = itertools.count()

    def after(self, seconds: float, call: Callable[[], None]) -> Timer:
        """Call it `seconds` from now; the answer can cancel it."""
        timer = Timer(self.clock.now() + seconds, next(self._numbers), call)
        heapq.heappush(self._timers, timer)
        if self._timers[0] is timer:
            self._on_change()
        return timer

    def seconds_to_next(self) -> float | None:
        """Simulated seconds until the next call is due, None where nothing is planned."""
        while self._timers and self._timers[0].is_cancelled:
            heapq.heappop(self._timers)
        return max(0.0, self._timers[0].due - self.clock.now()) if self._timers else None

    def run_due(self) -> None:
        """Make every call that is due by now."""
        now = self.clock.now()
        while self._timers and self._timers[0].due <= now:
            timer = heapq.heappop(self._timers)
            if not timer.is_cancelled:
                timer.call()

    def advance(self, seconds: float) -> None:
        """Move the time, and make every call on the way at its own time, those that are planned meanwhile too."""
        end = self.clock.now() + seconds
        while True:
            wait = self.seconds_to_next()
            if wait is None or self.clock.now() + wait > end:
                break
            self.clock.step(wait)
            self.run_due()
        self.clock.step(max(0.0, end - self.clock.now()))
        self._on_change()
