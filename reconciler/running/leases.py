"""Paging through the lease databases of a relationship, side by side, and looking twice at what differs.

Leases that agree are let go at once, so what is kept is what differs and, while paging, what one server has already
told and another not yet: about a page as long as all page in the order of the addresses, and more where they do not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.errors import EndpointError, NotReachedError, WrongAnswererError
from reconciler.kea import ha, leases, views
from reconciler.kea.leases import Key, Lease
from reconciler.model import Live, Peer, Relationship, Service, Snapshot, Unreachable
from reconciler.planning.leases import LeaseComparison, LeaseDifference, LeaseSource, difference, worst_first
from reconciler.planning.scenes import Scene
from reconciler.running.hands import Hands
from reconciler.running.observe import now_utc

if TYPE_CHECKING:
    from reconciler.kea.client import Client

PAGE = 1000  # leases a reply; Kea answers nothing else while it makes one
SETTLE = 2.0  # seconds; a lease update takes milliseconds, so what is still different then is not on its way
LOOKS = 2  # how often what differs is looked at again
ONE_BY_ONE = 500  # differences from which on all leases are read again instead of each on its own
_EMPTY, _UNSUPPORTED = 3, 2  # Kea's results


class Source:
    """One server's leases: where they are, how far they were read, how many there are, and why they can't be read."""

    def __init__(self, snapshot: Snapshot, client: Client, subnets: Collection[int] | None) -> None:
        self.name = snapshot.endpoint.server
        self.count = 0
        self.is_done = False
        self.failure: str | None = None
        self._snapshot = snapshot
        self._client = client
        self._subnets = subnets  # those of this relationship, None where the server has no other
        self._from = "start"
        self._passed: set[str] = set()

    @property
    def frontier(self) -> int:
        """Up to which address its leases were read, as a number."""
        return -1 if self._from == "start" else leases.place(self._from)

    def rewind(self) -> None:
        """Begin again."""
        self.count, self.is_done, self._from = 0, False, "start"
        self._passed.clear()

    def clock(self) -> float:
        """The time by the server's clock, in seconds since 1970."""
        return now_utc().timestamp() + (self._snapshot.clock_offset or 0.0)

    async def next_page(self) -> list[Lease]:
        """Read the next page. Raises EndpointError."""
        found = await self._ask("get-page", {"from": self._from, "limit": PAGE})
        if found:
            self._from = found[-1].address
            if self._from in self._passed:
                raise self._failed(WrongAnswererError(f"{self._snapshot.endpoint}: its pages of leases go in a circle"))
            self._passed.add(self._from)
        self.is_done = len(found) < PAGE
        own = [lease for lease in found if self._subnets is None or lease.subnet_id in self._subnets]
        self.count += len(own)
        return own

    async def look(self, key: Key) -> Lease | None:
        """Read one lease as it is now, None where there is none. Raises EndpointError."""
        type_, address = key
        typed = {} if type_ == leases.ANY_TYPE else {"type": type_}
        found = await self._ask("get", {"ip-address": address, **typed})
        return found[0] if found else None

    async def _ask(self, what: str, arguments: Mapping[str, object]) -> list[Lease]:
        endpoint = self._snapshot.endpoint
        command = f"lease{endpoint.service.value[-1]}-{what}"
        try:
            reply = await self._client.call(command, dict(arguments))
            if reply.result == _EMPTY:
                return []
            if reply.result == _UNSUPPORTED:
                why = f"it has no {command}: the hook libdhcp_lease_cmds.so is not loaded"
                raise WrongAnswererError(f"{endpoint}: {why}")
            if reply.result != 0:
                raise WrongAnswererError(f"{endpoint}: {command}: {self._client.quote(reply.text)}")
            with views.reading(endpoint):
                told = reply.arguments["leases"] if what == "get-page" else [reply.arguments]
                return [leases.read_lease(each) for each in told]
        except EndpointError as error:
            raise self._failed(error) from error

    def _failed(self, error: EndpointError) -> EndpointError:
        self.failure = str(error)
        return error


async def compare_leases(
    relationship: Relationship, live: Mapping[str, Live], hands: Hands, *, settle: float = SETTLE
) -> LeaseComparison:
    """Compare the leases of all peers of a relationship; `live` is what was read of each server, by name.

    A difference is reported only when it still stands after `settle` seconds. Reads only; what can't be read is said
    in the result.
    """
    unread = tuple(_unread(peer, live[peer.server]) for peer in relationship.peers)
    result = LeaseComparison(relationship.name, relationship.service.value, relationship.mode.value, unread)
    snapshots = {name: each for name, each in live.items() if isinstance(each, Snapshot)}
    if len(snapshots) < len(relationship.peers):
        return result
    result = replace(result, notes=tuple(_notes(relationship, snapshots)))
    if leases.shared_database([each.config for each in snapshots.values()]):
        return replace(
            result, not_compared="all servers keep their leases in one database, so there is nothing to compare"
        )
    names = {peer.name for peer in relationship.peers}
    async with AsyncExitStack() as stack:
        sources = [
            await _opened(snapshots[peer.server], relationship.service, names, hands, stack)
            for peer in relationship.peers
        ]
        try:
            return await _compared(result, sources, hands, settle)
        except EndpointError:
            failures = {source.name: source.failure or "" for source in sources}
            return replace(result, sources=tuple(replace(each, reason=failures[each.server]) for each in unread))


async def lacking(scene: Scene, taker: Peer, giver: Peer, hands: Hands) -> int:
    """Return how many leases of one server another does not have. Raises EndpointError."""
    names = {peer.name for peer in scene.relationship.peers}
    async with AsyncExitStack() as stack:
        sources = []
        for peer in (taker, giver):
            snapshot = scene.snapshot(peer)
            if snapshot is None:
                raise NotReachedError(f"{peer.server} can't be reached")
            sources.append(await _opened(snapshot, scene.relationship.service, names, hands, stack))
        found = await _sweep(sources, hands)
    return sum(each.leases[taker.server] is None for each in found.values())


async def _opened(
    snapshot: Snapshot, service: Service, names: Collection[str], hands: Hands, stack: AsyncExitStack
) -> Source:
    client = await stack.enter_async_context(hands.open_client(snapshot.endpoint))
    return Source(snapshot, client, leases.subnet_ids(snapshot.config, service, names))


def _unread(peer: Peer, live: Live) -> LeaseSource:
    if isinstance(live, Unreachable):
        return LeaseSource(peer.server, peer.role, None, None, live.reason)
    return LeaseSource(peer.server, peer.role, live.ha.state if live.ha else None, None)


def _notes(relationship: Relationship, snapshots: Mapping[str, Snapshot]) -> Iterator[str]:
    """What explains differences that have nothing to do with a fault."""
    for peer in relationship.peers:
        view = snapshots[peer.server].ha
        if view is None:
            yield f"{peer.server} has no HA hook in force, so it is told of no lease"
        elif view.state != ha.normal_state(relationship.mode, peer.role):
            yield f"{peer.server} is in state {view.state}: it may have leases to fetch or to send yet"
    if relationship.parameters.get("send-lease-updates") is False:
        yield "send-lease-updates is false: Kea doesn't keep these leases in step, unless their database does"


async def _compared(result: LeaseComparison, sources: Sequence[Source], hands: Hands, settle: float) -> LeaseComparison:
    found = await _sweep(sources, hands)
    counts, first = {source.name: source.count for source in sources}, len(found)
    for _ in range(LOOKS):
        if not found:
            break
        hands.say(f"{result.name}: looking again at what differs: {len(found)}")
        await hands.sleep(settle / LOOKS)
        found = await _again(found, sources, hands)
    return replace(
        result,
        sources=tuple(replace(each, leases=counts[each.server]) for each in result.sources),
        differences=worst_first(found.values()),
        passing=first - len(found),
    )


async def _sweep(sources: Sequence[Source], hands: Hands) -> dict[Key, LeaseDifference]:
    """Page through all sources, the ones that are behind first, and return where they disagree."""
    for source in sources:
        source.rewind()
    waiting: dict[Key, dict[str, Lease]] = {}
    while reading := [source for source in sources if not source.is_done]:
        behind = min(source.frontier for source in reading)
        due = [source for source in reading if source.frontier == behind]
        for source, page in zip(due, await asyncio.gather(*(each.next_page() for each in due)), strict=True):
            for lease in page:
                _note(waiting, source.name, lease, len(sources))
        hands.say(f"reading leases: {', '.join(f'{source.count} of {source.name}' for source in sources)}")
    now = {source.name: source.clock() for source in sources}
    judged = (
        difference(key, {source.name: held.get(source.name) for source in sources}, now)
        for key, held in waiting.items()
    )
    return {(each.type, each.address): each for each in judged if each is not None}


def _note(waiting: dict[Key, dict[str, Lease]], server: str, lease: Lease, servers: int) -> None:
    """Put one lease beside those that other servers have of it, and let go of all once they are the same."""
    held = waiting.setdefault(lease.key, {})
    held[server] = lease
    if len(held) == servers and all(each == lease for each in held.values()):
        del waiting[lease.key]


async def _again(
    found: Mapping[Key, LeaseDifference], sources: Sequence[Source], hands: Hands
) -> dict[Key, LeaseDifference]:
    """Return those of the differences that still stand, as they are now."""
    if len(found) > ONE_BY_ONE:
        fresh = await _sweep(sources, hands)
        return {key: each for key, each in fresh.items() if key in found}
    keys = list(found)
    read = await asyncio.gather(*(_read(source, keys) for source in sources))
    now = {source.name: source.clock() for source in sources}
    judged = {
        key: difference(key, {source.name: each[key] for source, each in zip(sources, read, strict=True)}, now)
        for key in keys
    }
    return {key: each for key, each in judged.items() if each is not None}


async def _read(source: Source, keys: Sequence[Key]) -> dict[Key, Lease | None]:
    return {key: await source.look(key) for key in keys}
