"""Posting to webhooks beside the daemon's work: each has a queue of its own, and is tried again until it takes it."""

from __future__ import annotations

import asyncio
import logging
import random
import socket
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

import httpx

from reconciler.model import Event, Gravity, Webhook
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
    notice somewhere else.
    """
    async with httpx.AsyncClient(timeout=_SECONDS, follow_redirects=False) as client:
        response = await client.post(url, content=content, headers={"Content-Type": "application/json"})
        return response.status_code


def chance() -> float:
    """Return a number from 0 to 1."""
    return random.random()  # noqa: S311 - it spreads pauses, nothing more


@dataclass(slots=True)
class _Outbox:
    """What one webhook is still to be told. `failures` are tries in a row that failed."""

    hook: Webhook
    waiting: deque[Notice] = field(default_factory=deque)
    is_filled: asyncio.Event = field(default_factory=asyncio.Event)
    failures: int = 0


class Posts:
    """Tells webhooks what is news. `tell` is an observer of the daemon, in its loop, and never waits; `run` posts.

    `told` are the findings that were told before this daemon began. Nothing that fails here reaches the daemon.
    """

    def __init__(
        self,
        hooks: Sequence[Webhook],
        told: Mapping[str, Gravity],
        *,
        send: Post = post,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        chance: Callable[[], float] = chance,
        host: str = "",
    ) -> None:
        self._boxes = [_Outbox(hook) for hook in hooks]
        self._told = dict(told)
        self._send, self._sleep, self._chance = send, sleep, chance
        self._host = host or socket.gethostname()

    def tell(self, event: Event) -> None:
        """Take an event, to be told where it is news."""
        news = notice(event, self._told)
        if news is None:
            return
        self._told = told_after(self._told, news)
        for box in self._boxes:
            if concerns(box.hook, news):
                if len(box.waiting) >= MOST:
                    lost = box.waiting.popleft()
                    _log.error("%s takes nothing: given up: %s", box.hook.name, lost.event.summary)
                box.waiting.append(news)
                box.is_filled.set()

    async def run(self) -> None:
        """Post what is told, until it is cancelled."""
        await asyncio.gather(*(self._empty_for_good(box) for box in self._boxes))

    async def finish(self, seconds: float) -> None:
        """Post what still waits, within this time; what is not taken then is given up."""
        try:
            async with asyncio.timeout(seconds):
                await asyncio.gather(*(self._empty(box) for box in self._boxes))
        except TimeoutError:
            for box in self._boxes:
                for news in box.waiting:
                    _log.error("%s was not told: %s", box.hook.name, news.event.summary)

    async def _empty_for_good(self, box: _Outbox) -> None:
        while True:
            await box.is_filled.wait()
            box.is_filled.clear()
            await self._empty(box)

    async def _empty(self, box: _Outbox) -> None:
        """Post everything that waits, in its order: a webhook is never told that something is over before it began."""
        while box.waiting:
            news = box.waiting[0]
            if await self._is_done_with(box, news):
                box.failures = 0
                if box.waiting and box.waiting[0] is news:  # else given up meanwhile
                    box.waiting.popleft()
                continue
            box.failures += 1
            await self._sleep(pause(box.failures, self._chance()))

    async def _is_done_with(self, box: _Outbox, news: Notice) -> bool:
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

    def _complain(self, box: _Outbox, text: str) -> None:
        """Say that a webhook fails, once."""
        if not box.failures:
            _log.warning("%s", text)


def pause(failures: int, chance: float) -> float:
    """Return how many seconds to wait after so many failures in a row, a fifth more or less left to chance."""
    seconds = min(LONGEST, FIRST * FACTOR ** min(failures - 1, 10))
    return float(seconds * (0.8 + 0.4 * chance))
