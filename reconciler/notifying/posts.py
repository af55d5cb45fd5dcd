"""Posting to webhooks beside the daemon's work: each has a queue of its own, and is tried again until it takes it."""

from __future__ import annotations

import asyncio
import logging
import random
import socket
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import httpx

from reconciler.model import Event, Gravity, Told, Turn, Webhook
from reconciler.notifying.bodies import body
from reconciler.notifying.news import Notice, concerns, notice, told_after

_log = logging.getLogger("reconciler.notifying")
FIRST, FACTOR, LONGEST = 2.0, 3.0, 300.0  # seconds between two tries
MOST = 1000  # notices that wait for one webhook; beyond that the oldest are given up
_SECONDS = 10.0  # that one try may take
_TRY_AGAIN = frozenset({408, 425, 429})  # of the answers from 400 to 499; all others mean that it is never taken

Post = Callable[[str, bytes], Awaitable[int]]
"""Post a body to a url and return the status; raises OSError or httpx.HTTPError where there is no answer."""


async def post(url: str, content: bytes) -> int:
    """Post JSON with httpx, which honours the proxies of the environment. No redirect is followed: it would take the
    notice somewhere else. Of the answer only the status is read, and all of it takes _SECONDS at most.
    """
    headers = {"Content-Type": "application/json"}
    async with (
        asyncio.timeout(_SECONDS),
        httpx.AsyncClient(timeout=_SECONDS, follow_redirects=False) as client,
        client.stream("POST", url, content=content, headers=headers) as response,
    ):
        return response.status_code


def chance() -> float:
    """Return a number from 0 to 1."""
    return random.random()  # noqa: S311 - it spreads pauses, nothing more


class Kept(Protocol):
    """Where it is kept what webhooks, by their names, are still to be told, and which findings they were told of."""

    def told(self, hook: str) -> Mapping[str, Told]:
        """Return the findings that last and were told."""

    def waiting(self, hook: str) -> Sequence[tuple[int, Event, Turn, Gravity]]:
        """Return what waits, in its order, each with its number."""

    def add(self, hook: str, event: Event, turn: Turn, weight: Gravity) -> int | None:
        """Keep what is to be told; returns its number, None where it can't be kept."""

    def drop(self, number: int) -> None:
        """Forget what was taken, or given up."""

    def forget_told(self, hook: str, finding: str) -> None:
        """Forget that a finding was told."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A notice that waits, and the number by which it is kept."""

    news: Notice
    number: int | None


@dataclass(slots=True)
class _Box:
    """What one webhook is still to be told, and what lasts of what it was told. `failures` are tries in a row that
    failed.
    """

    hook: Webhook
    told: Mapping[str, Told]
    waiting: deque[_Waiting]
    is_filled: asyncio.Event = field(default_factory=asyncio.Event)
    failures: int = 0


class Posts:
    """Tells webhooks what is news. `tell` is an observer of the daemon, in its loop, and never waits; `run` posts.

    What waits, and what was told, is in `kept`, so that a daemon that starts anew goes on where another one ended.
    Nothing that fails here reaches the daemon.
    """

    def __init__(
        self,
        hooks: Sequence[Webhook],
        kept: Kept,
        *,
        send: Post = post,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        chance: Callable[[], float] = chance,
        host: str = "",
    ) -> None:
        """Raises StateError where what is kept can't be read."""
        self._kept = kept
        self._boxes = [_box(hook, kept) for hook in hooks]
        self._send, self._sleep, self._chance = send, sleep, chance
        self._host = host or socket.gethostname()

    def tell(self, event: Event) -> None:
        """Take an event, to be told where it is news."""
        for box in self._boxes:
            news = notice(event, box.told)
            if news is None or not concerns(box.hook, news):
                continue
            box.told = told_after(box.told, news)
            if len(box.waiting) >= MOST:
                lost = box.waiting.popleft()
                self._drop(lost)
                _log.error("%s takes nothing: given up: %s", box.hook.name, lost.news.event.summary)
            number = self._kept.add(box.hook.name, news.event, news.turn, news.weight)
            box.waiting.append(_Waiting(news, number))
            box.is_filled.set()

    def settle(self, lasting: Collection[str]) -> None:
        """Forget that anybody was told of what does not last any more, and of which the end is not known either."""
        for box in self._boxes:
            gone = box.told.keys() - set(lasting)
            for finding in gone:
                self._kept.forget_told(box.hook.name, finding)
            box.told = {key: weight for key, weight in box.told.items() if key not in gone}

    async def run(self) -> None:
        """Post what is told, until it is cancelled."""
        await asyncio.gather(*(self._empty_for_good(box) for box in self._boxes))

    async def finish(self, seconds: float) -> None:
        """Post what still waits, within this time; what is not taken then waits for the next daemon."""
        try:
            async with asyncio.timeout(seconds):
                await asyncio.gather(*(self._empty(box) for box in self._boxes))
        except TimeoutError:
            for box in self._boxes:
                for each in box.waiting:
                    text = "%s was not told, and is when a daemon runs again: %s"
                    _log.warning(text, box.hook.name, each.news.event.summary)

    def _drop(self, done: _Waiting) -> None:
        if done.number is not None:
            self._kept.drop(done.number)

    async def _empty_for_good(self, box: _Box) -> None:
        while True:
            await box.is_filled.wait()
            box.is_filled.clear()
            await self._empty(box)

    async def _empty(self, box: _Box) -> None:
        """Post everything that waits, in its order: a webhook is never told that something is over before it began."""
        while box.waiting:
            first = box.waiting[0]
            if await self._is_done_with(box, first.news):
                box.failures = 0
                if box.waiting and box.waiting[0] is first:  # else given up meanwhile
                    self._drop(box.waiting.popleft())
                continue
            box.failures += 1
            await self._sleep(pause(box.failures, self._chance()))

    async def _is_done_with(self, box: _Box, news: Notice) -> bool:
        """Try once; whether nothing more is to be done about it. Neither url nor answer is ever logged."""
        name = box.hook.name
        try:
            status = await self._send(box.hook.url, body(box.hook.form, news, self._host))
        except (OSError, httpx.HTTPError, httpx.InvalidURL) as error:
            self._complain(box, f"{name} can't be told, and is tried again: {type(error).__name__}")
            return False
        if 200 <= status < 300:
            if box.failures:
                _log.info("%s takes what it is told again", name)
            return True
        if 300 <= status < 500 and status not in _TRY_AGAIN:
            _log.error("%s does not take what it is told (status %d); it is given up", name, status)
            return True
        self._complain(box, f"{name} can't be told, and is tried again: status {status}")
        return False

    def _complain(self, box: _Box, text: str) -> None:
        """Say that a webhook fails, once."""
        if not box.failures:
            _log.warning("%s", text)


def _box(hook: Webhook, kept: Kept) -> _Box:
    waiting = [_Waiting(Notice(event, turn, weight), number) for number, event, turn, weight in kept.waiting(hook.name)]
    made = _Box(hook, kept.told(hook.name), deque(waiting))
    if waiting:
        made.is_filled.set()
    return made


def pause(failures: int, chance: float) -> float:
    """Return how many seconds to wait after so many failures in a row, a fifth more or less left to chance."""
    seconds = min(LONGEST, FIRST * FACTOR ** min(failures - 1, 10))
    return float(seconds * (0.8 + 0.4 * chance))
