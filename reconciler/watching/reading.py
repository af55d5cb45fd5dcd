"""Reading servers again and again: whole only where something may have changed, and those that fail ever less often."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from reconciler.errors import EndpointError, NotReachedError
from reconciler.model import Endpoint, Live, Requests, Service, Snapshot, Unreachable
from reconciler.running.observe import read, refreshed
from reconciler.watching.timing import pause

if TYPE_CHECKING:
    from reconciler.kea.client import Client
    from reconciler.watching.edges import Edges

Key = tuple[str, Service]
LiveWorld = dict[Key, Live]
_SLOW = 2.0  # seconds for a reading, above which it keeps out of the others' way


@dataclass(frozen=True, slots=True)
class _Failing:
    """How often an endpoint could not be read in a row, and when it is tried again."""

    times: int
    until: float


class Reader:
    """What is known of all endpoints.

    Those that failed, or take long, wait for their turn in a lane of their own: a hundred dead or slow servers keep no
    other waiting.
    """

    def __init__(self, edges: Edges, concurrency: int) -> None:
        self._edges = edges
        self._well, self._ailing = asyncio.Semaphore(concurrency), asyncio.Semaphore(concurrency)
        self._clients: dict[Endpoint, Client] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._reading: Counter[Endpoint] = Counter()
        self._seen: dict[Endpoint, Snapshot] = {}  # the last that was read of each
        self._failing: dict[Endpoint, _Failing] = {}
        self._slow: set[Endpoint] = set()  # by their last reading
        self.live: LiveWorld = {}
        self.requests: dict[Key, Requests] = {}

    async def read(self, endpoints: Iterable[Endpoint], *, is_eager: bool = False) -> LiveWorld:
        """Return what these endpoints are like now; those that failed lately as they were then, unless `is_eager`."""
        wanted = list(endpoints)
        found = await asyncio.gather(*(self._one(each, is_eager=is_eager) for each in wanted))
        news = {(endpoint.server, endpoint.service): live for endpoint, live in zip(wanted, found, strict=True)}
        self.live.update(news)
        return news

    def known(self, endpoints: Iterable[Endpoint]) -> LiveWorld:
        """Return what is known of these endpoints without asking them."""
        return {
            (each.server, each.service): self.live.get((each.server, each.service))
            or Unreachable(each, "it was not read yet")
            for each in endpoints
        }

    def failures(self, endpoints: Iterable[Endpoint]) -> int:
        """Return how often the worst of these endpoints could not be read in a row."""
        return max((self._failing[each].times for each in endpoints if each in self._failing), default=0)

    def next_try(self, endpoints: Iterable[Endpoint]) -> float | None:
        """Return when the first of those that fail is tried again, None where none fails."""
        return min((self._failing[each].until for each in endpoints if each in self._failing), default=None)

    def forget_others(self, endpoints: Iterable[Endpoint]) -> None:
        """Forget what is no longer among the endpoints; an address that is not named is not asked again, and the
        connection to it is closed. Of one that is being read that is left for a later call.
        """
        kept = set(endpoints)
        for each in [each for each in self._clients if each not in kept and not self._reading[each]]:
            closing = asyncio.create_task(self._clients.pop(each).close())
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)
        for each in [each for each in {*self._seen, *self._failing} if each not in kept]:
            self._seen.pop(each, None)
            self._failing.pop(each, None)
        self._slow &= kept
        self._reading = +self._reading
        keys = {(each.server, each.service) for each in kept}
        self.live = {key: each for key, each in self.live.items() if key in keys and each.endpoint in kept}
        self.requests = {key: each for key, each in self.requests.items() if key in keys}

    def open(self, endpoint: Endpoint) -> Client:
        """Return a client whose requests are counted, to be closed by who asks for it."""
        return self._edges.open_client(endpoint, self._note)

    async def close(self) -> None:
        """Close every connection."""
        clients, self._clients = self._clients, {}
        await asyncio.gather(*(client.close() for client in clients.values()), *self._closing)

    # ----------------------------------------------------------------------------------------- inside

    async def _one(self, endpoint: Endpoint, *, is_eager: bool) -> Live:
        failing, key = self._failing.get(endpoint), (endpoint.server, endpoint.service)
        if failing is not None and not is_eager and self._edges.clock() < failing.until and key in self.live:
            return self.live[key]
        self._reading[endpoint] += 1
        try:
            live = await self._in_turn(endpoint, is_new=failing is None)
        finally:
            self._reading[endpoint] -= 1
        if isinstance(live, Snapshot):
            if live.config is not (seen.config if (seen := self._seen.get(endpoint)) else None):
                self._edges.learn([live])
            self._seen[endpoint] = live
            self._failing.pop(endpoint, None)
        else:
            times = failing.times + 1 if failing is not None else 1
            self._failing[endpoint] = _Failing(times, self._edges.clock() + pause(times, self._edges.chance()))
            await self._drop(endpoint)
        return live

    async def _in_turn(self, endpoint: Endpoint, *, is_new: bool) -> Live:
        """Read an endpoint when it is its turn. One that turns out to be slow goes on in the other lane, or begins anew
        there where that has no place for it.
        """
        reading: asyncio.Task[Live] | None = None
        try:
            if is_new and endpoint not in self._slow:
                async with self._well:
                    reading = asyncio.create_task(self._timed(endpoint, is_new=is_new))
                    await asyncio.wait({reading}, timeout=_SLOW)
                if reading.done():
                    return await reading
                if self._ailing.locked():
                    reading.cancel()
                    await asyncio.gather(reading, return_exceptions=True)
                    await self._drop(endpoint)
                    reading = None
            async with self._ailing:
                return await (reading or self._timed(endpoint, is_new=is_new))
        finally:
            if reading is not None:
                reading.cancel()

    async def _timed(self, endpoint: Endpoint, *, is_new: bool) -> Live:
        """Read an endpoint, and remember whether that takes long."""
        began = self._edges.clock()
        live = await self._asked(endpoint, is_new=is_new)
        (self._slow.add if self._edges.clock() - began > _SLOW else self._slow.discard)(endpoint)
        return live

    async def _asked(self, endpoint: Endpoint, *, is_new: bool) -> Live:
        """Read an endpoint. Where a connection does not come about in time, and that is new, it is tried once more: who
        gets too little processor, or asks many at once, would take living servers for dead.
        """
        try:
            return await self._read(endpoint)
        except EndpointError as error:
            if not (is_new and isinstance(error.__cause__, TimeoutError) and isinstance(error, NotReachedError)):
                return _unreachable(endpoint, error)
        try:
            return await self._read(endpoint)
        except EndpointError as error:
            return _unreachable(endpoint, error)

    async def _read(self, endpoint: Endpoint) -> Live:
        client, seen = self._client(endpoint), self._seen.get(endpoint)
        return await read(client, endpoint) if seen is None else await refreshed(client, seen)

    def _client(self, endpoint: Endpoint) -> Client:
        if endpoint not in self._clients:
            self._clients[endpoint] = self.open(endpoint)
        return self._clients[endpoint]

    async def _drop(self, endpoint: Endpoint) -> None:
        client = self._clients.pop(endpoint, None)
        if client is not None:
            await client.close()

    def _note(self, endpoint: Endpoint, seconds: float, *, is_answered: bool) -> None:
        key = (endpoint.server, endpoint.service)
        before = self.requests.get(key, Requests())
        self.requests[key] = replace(
            before,
            count=before.count + 1,
            failures=before.failures + (not is_answered),
            seconds=before.seconds + seconds,
            last_seconds=seconds,
        )


def _unreachable(endpoint: Endpoint, error: EndpointError) -> Unreachable:
    return Unreachable(endpoint, str(error).removeprefix(f"{endpoint} at "))


def looks_same(one: Live | None, other: Live | None) -> bool:
    """Whether an endpoint is as it was at an earlier look, apart from what changes by the second."""
    if isinstance(one, Snapshot) and isinstance(other, Snapshot):
        return one.config is other.config and _standing(one) == _standing(other)
    return isinstance(one, Unreachable) and one == other


def _standing(snapshot: Snapshot) -> tuple[object, ...]:
    views = tuple(
        replace(each, partner=replace(each.partner, age=0.0)) if each.partner else each for each in snapshot.views
    )
    own = (snapshot.pid, snapshot.disabled_by_user, snapshot.sockets_ready, snapshot.is_held_off, snapshot.commands)
    return (*own, views)
