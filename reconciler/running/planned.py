"""From what was read to a plan, with what has to be looked at besides: urls that are new, and leases in danger."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from reconciler.model import Desired, Endpoint, Leftover, Live, Plan, Probe, Service, Snapshot, Thresholds
from reconciler.planning import preflight, pretence
from reconciler.planning.plan import plan
from reconciler.planning.removal import leaving
from reconciler.planning.risk import endangering, with_leases_at_stake
from reconciler.running.counting import with_leases

if TYPE_CHECKING:
    from reconciler.kea.client import Client

LiveWorld = Mapping[tuple[str, Service], Live]
_LARGE = 1_000_000  # bytes of configurations, of which a plan takes more than a moment


async def plan_aside(desired: Desired, live: LiveWorld, *arguments: Any, **options: Any) -> Plan:
    """Return what `plan` returns. Of large configurations it is made in a thread: that takes seconds where much of them
    differs, and what else this loop serves goes on meanwhile. It is pure, and nothing that it reads is ever altered.
    """
    work = partial(plan, desired, live, *arguments, **options)
    size = sum(each.size for each in live.values() if isinstance(each, Snapshot))
    return await asyncio.to_thread(work) if size > _LARGE else work()


async def planned(
    desired: Desired,
    live: LiveWorld,
    open_client: Callable[[Endpoint], Client],
    probe: Callable[[Iterable[str]], Awaitable[Mapping[str, Probe]]],
    left: Sequence[Leftover] = (),
    *,
    promoted: str | None = None,
) -> tuple[Plan, LiveWorld]:
    """Return the plan, and the live world that it was made from: with counts of leases where some are in danger.

    `probe` says what listens at urls; `left` is what earlier runs left open; `promoted` is as for `plan`.
    """
    wanted = preflight.urls(desired, live) | pretence.urls(desired, live)
    probes = await probe(wanted) if wanted else {}
    made = await plan_aside(desired, live, probes, left, promoted=promoted)
    concerned = {
        (server.peer.server, each.relationship.service) for each, server in (*leaving(made), *endangering(made))
    }
    if concerned:  # only then are leases counted: with many subnets that is a long answer
        live = await with_leases(live, concerned, open_client, is_exact=True)
        made = with_leases_at_stake(await plan_aside(desired, live, probes, left, promoted=promoted))
    return made, live


def again(desired: Desired, live: LiveWorld, made: Plan) -> Callable[[LiveWorld], Plan]:
    """Return what makes a plan once more, with what was read of some servers since; nothing else is read for it."""
    known = dict(live)

    def planned_again(fresh: LiveWorld) -> Plan:
        known.update(fresh)
        return plan(desired, known, made.probes)

    return planned_again


def within(desired: Desired, thresholds: Thresholds) -> Desired:
    """Return the relationships with what the operator allows a plan for them."""
    return replace(desired, relationships=tuple(replace(each, thresholds=thresholds) for each in desired.relationships))
