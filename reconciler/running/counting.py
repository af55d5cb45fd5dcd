"""Asking servers how many leases they have in use, where a plan concerns them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.errors import EndpointError
from reconciler.kea.statistics import active_leases
from reconciler.model import Endpoint, Live, Service, Snapshot
from reconciler.running.leases import PAGE, Source

if TYPE_CHECKING:
    from reconciler.kea.client import Client

LiveWorld = Mapping[tuple[str, Service], Live]


_PAGES = 20  # read of one server at the most, of a thousand leases each: Kea answers nobody while it makes one


async def with_leases(
    live: LiveWorld,
    endpoints: Iterable[tuple[str, Service]],
    open_client: Callable[[Endpoint], Client],
    *,
    is_exact: bool = False,
) -> dict[tuple[str, Service], Live]:
    """Return the live world with the counts of leases of these endpoints; one that doesn't tell stays without.

    Kea's own statistics tell, at once. With `is_exact` the leases themselves are counted besides where there are not
    too many: those that a server fetched from its partner are in no statistic before its next set (seen on 2.6.3).
    """
    keys = [key for key in endpoints if isinstance(live.get(key), Snapshot)]
    counted = await asyncio.gather(*(_counted(live[key], open_client, is_exact=is_exact) for key in keys))
    return {**live, **dict(zip(keys, counted, strict=True))}


async def _counted(seen: Live, open_client: Callable[[Endpoint], Client], *, is_exact: bool) -> Live:
    if not isinstance(seen, Snapshot):
        return seen
    try:
        async with open_client(seen.endpoint) as client:
            reply = await client.call("statistic-get-all")
            told = None if reply.result else active_leases(reply.arguments, seen.endpoint.service)
            if is_exact and _can_page(seen) and sum((told or {}).values()) <= _PAGES * PAGE:
                told = await _paged(Source(seen, client, None), told or {})
    except EndpointError:
        return seen
    return seen if told is None else replace(seen, active_leases=told)


def _can_page(seen: Snapshot) -> bool:
    return f"lease{seen.endpoint.service.value[-1]}-get-page" in (seen.commands or ())


async def _paged(source: Source, told: Mapping[int, int]) -> dict[int, int]:
    """Return how many leases are in use by subnet id: as counted, and where that comes to no end or fails the greater
    of it and of what was `told`.
    """
    found: Counter[int] = Counter()
    now = source.clock()
    try:
        for _ in range(_PAGES):
            found.update(lease.subnet_id for lease in await source.next_page() if lease.is_active(now))
            if source.is_done:
                return {number: found[number] for number in told.keys() | found.keys()}
    except EndpointError:
        pass
    return Counter(told) | found
