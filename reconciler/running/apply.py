"""Carrying out a plan: one server of a relationship at a time, and every relationship on its own.

The promises, in the order of the code: nothing is sent where nothing changes; nothing is overwritten that the plan did
not show; a server is set only while its partner is well; a step that fails is put back; what stands where is said.
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Collection, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

from reconciler.errors import EndpointError, StateError
from reconciler.model import (
    Elsewhere,
    Live,
    Plan,
    Procedure,
    RelationshipOutcome,
    RelationshipPlan,
    Result,
    ServerOutcome,
    ServerPlan,
    Service,
    Snapshot,
    Unreachable,
)
from reconciler.planning import verdict, wanted
from reconciler.planning.division import division, undivided
from reconciler.planning.elsewhere import as_shown, with_elsewhere
from reconciler.planning.neighbours import neighbours_of
from reconciler.planning.places import located
from reconciler.planning.plan import plan_relationship
from reconciler.planning.recovery import PASSING
from reconciler.planning.removal import is_gone_as_planned
from reconciler.planning.server_plan import plan_server
from reconciler.planning.service import with_ours
from reconciler.planning.shown import is_within
from reconciler.planning.witness import witness
from reconciler.running.hands import Hands
from reconciler.running.observe import observe
from reconciler.running.recovery import has_waited_for_service, mend_after, mend_first, with_mended
from reconciler.running.setting import Server
from reconciler.running.stand_ins import StandIn
from reconciler.running.work import Work


async def apply(plan: Plan, hands: Hands, approved: Collection[str] = ()) -> tuple[RelationshipOutcome, ...]:
    """Carry out a plan and return what became of every relationship, in the order of the plan.

    `approved` holds the codes of objections that a person waved through for this run. Relationships are carried out
    side by side, those that share a server one after the other; one that fails or waits keeps no other from its goal.
    """
    groups = sharing(plan.relationships)
    found = await asyncio.gather(*(_one_after_the_other(each, hands, approved, plan) for each in groups))
    carried = (each for pair in zip(groups, found, strict=True) for each in zip(*pair, strict=True))
    told = {_key(each): outcome for each, outcome in carried}
    return tuple(told[_key(each)] for each in plan.relationships)


def _key(plan: RelationshipPlan) -> tuple[str, Service]:
    """Return what no other relationship of a plan has: one that is removed may have the name of one that is not."""
    return plan.relationship.name, plan.relationship.service


def sharing(plans: Sequence[RelationshipPlan]) -> list[list[RelationshipPlan]]:
    """Return the plans in groups, so that no endpoint is in two of them; the order in a group is that given.

    One for which nothing could be planned may have something to put right on another's server.
    """
    groups: list[tuple[set[tuple[str, Service, str]], list[RelationshipPlan]]] = []
    for plan in plans:
        found = {*plan.endpoints, *(each.partner.snapshot.endpoint for each in plan.elsewhere)}
        endpoints = {(each.server, each.service, each.control) for each in found}
        joined = [group for group in groups if not group[0].isdisjoint(endpoints)]
        groups = [group for group in groups if group[0].isdisjoint(endpoints)]
        members = [member for _, earlier in joined for member in earlier]
        groups.append((endpoints.union(*(group[0] for group in joined)), [*members, plan]))
    return [members for _, members in groups]


async def _one_after_the_other(
    plans: Sequence[RelationshipPlan], hands: Hands, approved: Collection[str], whole: Plan
) -> list[RelationshipOutcome]:
    """Carry out relationships that share servers. What one does to such a server changes what the next was planned
    from: that one is planned again, and carried out if what it changes is still what was shown.
    """
    outcomes: list[RelationshipOutcome] = []
    touched: set[str] = set()
    for shown in plans:
        plan = shown
        concerned = {server.peer.server for server in (*shown.servers, *(each.partner for each in shown.elsewhere))}
        is_mending_alone = bool(shown.mends) and not shown.has_changes  # which goes by what the servers are by then
        if touched & concerned and not is_mending_alone and not verdict.unapproved(shown, approved):
            found = await _planned_again(shown, whole, hands)
            if found is None:
                servers = (ServerOutcome(s.peer.server, Result.WORLD_CHANGED, _MOVED_ON) for s in shown.servers)
                outcomes.append(RelationshipOutcome(shown.relationship.name, tuple(servers)))
                continue
            plan = replace(found, mends=shown.mends, left=shown.left)
        outcomes.append(await _carried_out(plan, hands, approved, whole))
        touched |= {each.server for each in outcomes[-1].servers if each.result is not Result.NOTHING_TO_DO}
        touched |= {name for name in [witness(plan)] if name is not None}
    return outcomes


_MOVED_ON = "after another relationship of the same server was changed, this one would change otherwise than was shown"


async def _planned_again(shown: RelationshipPlan, whole: Plan, hands: Hands) -> RelationshipPlan | None:
    """Return the plan that is due now, None where it can't be made, or does something that was not shown."""
    endpoints = [server.snapshot.endpoint for server in shown.servers]
    endpoints += [each.endpoint for each in shown.unreachable]
    endpoints += [each.partner.snapshot.endpoint for each in shown.elsewhere]
    live = await observe(endpoints, hands.open_client)
    live = with_ours({key: _counted_as(shown, each) for key, each in live.items()}, shown.left)
    name, service = shown.relationship.name, shown.relationship.service
    if not any(server.leaves for server in shown.servers) and not shown.relationship.is_absent:
        around, is_promoted = neighbours_of(whole, live), shown.authority.is_promoted
        found = plan_relationship(shown.relationship, live, whole.revision, around, is_promoted=is_promoted)
        known = [*(each.relationship for each in whole.relationships), *(e.relationship for e in shown.elsewhere)]
        found = with_elsewhere(found, known, live)
    elif hands.again is not None:
        made = hands.again(live).relationships
        same = (each for each in made if (each.relationship.name, each.relationship.service) == (name, service))
        found = next(same, replace(shown, procedure=Procedure.NOTHING, servers=(), stages=(), objections=()))
    else:
        return None
    found = as_shown(found, shown, live)
    return found if found.unplanned is not None or is_within(found, shown) else None


def _counted_as(shown: RelationshipPlan, live: Live) -> Live:
    """Return what was read with the leases that were counted for the plan, which stand in what it says."""
    counts = {server.snapshot.endpoint: server.snapshot.active_leases for server in shown.servers}
    return live if isinstance(live, Unreachable) else replace(live, active_leases=counts.get(live.endpoint))


async def _carried_out(
    plan: RelationshipPlan, hands: Hands, approved: Collection[str], whole: Plan
) -> RelationshipOutcome:
    """Carry out one relationship; a mistake of ours in it must not cut the others off in the middle of a step."""
    try:
        return await _with_recovery(plan, hands, approved, whole)
    except Exception as error:  # noqa: BLE001 - see above; the text of an unforeseen exception may hold a secret
        frame = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(frame.filename).name}:{frame.lineno}"
        text = f"internal error, {type(error).__name__} in {where}; what it has now is unknown, look with `plan`"
        lost = tuple(ServerOutcome(p.server, Result.FAILED, text) for p in plan.relationship.peers)
        return RelationshipOutcome(plan.relationship.name, lost)


async def _with_recovery(
    shown: RelationshipPlan, hands: Hands, approved: Collection[str], whole: Plan
) -> RelationshipOutcome:
    """Put right what an earlier run left behind, before and after the relationship itself is carried out."""
    codes = {each.code for each in verdict.unapproved(shown, approved)}
    leaves = any(server.leaves for server in shown.servers) or shown.relationship.is_absent
    is_waiting = bool(shown.left) and bool(codes) and codes <= PASSING and (not leaves or hands.again is not None)
    has_waited = not codes and (not leaves or hands.again is not None) and await has_waited_for_service(shown, hands)
    plan, mended = shown, await mend_first(shown, hands, is_waiting=is_waiting)
    if (mended or is_waiting or has_waited) and shown.has_changes:
        found = await _planned_again(shown, whole, hands)
        if found is None:
            servers = (ServerOutcome(s.peer.server, Result.WORLD_CHANGED, _MENDED_FIRST) for s in shown.servers)
            return with_mended(RelationshipOutcome(shown.relationship.name, tuple(servers)), mended)
        plan = found
    outcome = await apply_relationship(plan, hands, approved)
    hands.journal.ends(outcome, plan)
    outcome = with_mended(outcome, mended)
    return with_mended(outcome, await mend_after(shown, outcome, hands, mended))


_MENDED_FIRST = "what an earlier run left behind was put right first, and not changed further; plan again"


async def apply_relationship(
    plan: RelationshipPlan, hands: Hands, approved: Collection[str] = ()
) -> RelationshipOutcome:
    """Carry out the plan of one relationship and return where each of its servers stands."""
    name = plan.relationship.name
    blocked_by = verdict.unapproved(plan, approved)
    if plan.unplanned is not None:  # an error, which no approval ends; what else is against it is said beside it
        told = "; ".join([plan.unplanned, *(each.message for each in blocked_by)])
        return RelationshipOutcome(name, _idle(plan, told))
    if plan.withheld is not None:
        return RelationshipOutcome(name, _idle(plan, plan.withheld))
    if blocked_by:
        return RelationshipOutcome(name, _idle(plan, "; ".join(each.message for each in blocked_by)), blocked_by)
    if plan.procedure is Procedure.NOTHING:
        still = tuple(ServerOutcome(s.peer.server, Result.NOTHING_TO_DO, "as desired") for s in plan.servers)
        return RelationshipOutcome(name, still)
    async with AsyncExitStack() as stack:
        try:
            servers = [await _opened(plan, each, hands, stack) for each in plan.servers]
            elsewhere = [await _standing_in(each, servers, hands, stack) for each in plan.elsewhere]
        except EndpointError as error:
            return RelationshipOutcome(name, _idle(plan, str(error)))
        try:
            hands.journal.begins(plan)
        except StateError as error:
            return RelationshipOutcome(name, _idle(plan, str(error)))
        waved = frozenset(each.code for each in plan.objections)
        work = Work(plan, servers, hands, waved=waved, elsewhere=elsewhere)
        await work.carry_out()
        return RelationshipOutcome(name, (*work.told(), *_away(plan)))


def _away(plan: RelationshipPlan) -> tuple[ServerOutcome, ...]:
    """Say of the servers that can't be read that they are left for later."""
    reason = "it is left for later: {}; the next apply after that brings it level"
    return tuple(
        ServerOutcome(each.endpoint.server, Result.NOT_ATTEMPTED, reason.format(each.reason))
        for each in plan.unreachable
    )


def _idle(plan: RelationshipPlan, reason: str) -> tuple[ServerOutcome, ...]:
    return tuple(ServerOutcome(peer.server, Result.NOT_ATTEMPTED, reason) for peer in plan.relationship.peers)


async def _opened(plan: RelationshipPlan, server: ServerPlan, hands: Hands, stack: AsyncExitStack) -> Server:
    client = await stack.enter_async_context(hands.open_client(server.snapshot.endpoint))
    return Server(server, client, partial(_is_as_planned, plan, server))


async def _standing_in(there: Elsewhere, servers: Sequence[Server], hands: Hands, stack: AsyncExitStack) -> StandIn:
    own = next(each for each in servers if each.name == there.hub.peer.server)
    client = await stack.enter_async_context(hands.open_client(there.partner.snapshot.endpoint))
    return StandIn(there.relationship, replace(own, plan=there.hub), Server(there.partner, client, lambda _: False))


def _is_as_planned(plan: RelationshipPlan, server: ServerPlan, live: Snapshot) -> bool:
    """Whether planning once more, with what was read now, finds nothing left to do on this server."""
    if server.leaves:
        return is_gone_as_planned(server, live)
    source = next(each.snapshot for each in plan.servers if each.peer.server == plan.authority.server)
    pools, data = undivided(source), None
    if server.outgoing is not None and plan.replicates:
        pools = division(plan.relationship, source)
        if source is not server.snapshot or pools.is_due:
            data = wanted.in_words_of(plan.relationship, pools.authority, server.snapshot.version).part
    seen = located(plan.relationship, live)
    return not plan_server(plan.relationship, server.peer, seen, data, pools, "").changes
