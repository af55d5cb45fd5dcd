"""Asking servers how many leases they have in use, where a plan concerns them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.errors import EndpointError
from reconciler.kea.statistics import active_leases
from reconciler.model import Endpoint, Live, Service, Snapshot

if TYPE_CHECKING:
    from reconciler.kea.client import Client

LiveWorld = Mapping[tuple[str, Service], Live]


async def with_leases(
    live: LiveWorld, endpoints: Iterable[tuple[str, Service]], open_client: Callable[[Endpoint], Client]
) -> dict[tuple[str, Service], Live]:
    """Return the live world with the counts of leases of these endpoints; one that doesn't tell stays without."""
    keys = [key for key in endpoints if isinstance(live.get(key), Snapshot)]
    counted = await asyncio.gather(*(_counted(live[key], open_client) for key in keys))
    return {**live, **dict(zip(keys, counted, strict=True))}


async def _counted(seen: Live, open_client: Callable[[Endpoint], Client]) -> Live:
    if not isinstance(seen, Snapshot):
        return seen
    try:
        async with open_client(seen.endpoint) as client:
            reply = await client.call("statistic-get-all")
    except EndpointError:
        return seen
    return (
        replace(seen, active_leases=active_leases(reply.arguments, seen.endpoint.service)) if not reply.result else seen
    )
