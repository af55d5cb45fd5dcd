"""Carrying out a plan: one server of a relationship at a time, and every relationship on its own.

The promises, in the order of the code: nothing is sent where nothing changes; nothing is overwritten that the plan did
not show; a server is set only while its partner is well; a step that fails is put back; what stands where is said.
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Collection
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

from reconciler.errors import EndpointError
from reconciler.model import (
    Plan,
    Procedure,
    RelationshipOutcome,
    RelationshipPlan,
    Result,
    ServerOutcome,
    ServerPlan,
    Snapshot,
)
from reconciler.planning import verdict, wanted
from reconciler.planning.places import located
from reconciler.planning.server_plan import plan_server
from reconciler.running.hands import Hands
from reconciler.running.setting import Server
from reconciler.running.work import Work


async def apply(plan: Plan, hands: Hands, approved: Collection[str] = ()) -> tuple[RelationshipOutcome, ...]:
    """Carry out a plan and return what became of every relationship, in the order of the plan.

    `approved` holds the codes of objections that a person waved through for this run. Relationships are carried out
    side by side; one that fails or waits keeps no other from its goal.
    """
    return tuple(await asyncio.gather(*(_carried_out(each, hands, approved) for each in plan.relationships)))


async def _carried_out(plan: RelationshipPlan, hands: Hands, approved: Collection[str]) -> RelationshipOutcome:
    """Carry out one relationship; a mistake of ours in it must not cut the others off in the middle of a step."""
    try:
        return await apply_relationship(plan, hands, approved)
    except Exception as error:  # noqa: BLE001 - see above; the text of an unforeseen exception may hold a secret
        frame = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(frame.filename).name}:{frame.lineno}"
        text = f"internal error, {type(error).__name__} in {where}; what it has now is unknown, look with `plan`"
        lost = tuple(ServerOutcome(p.server, Result.FAILED, text) for p in plan.relationship.peers)
        return RelationshipOutcome(plan.relationship.name, lost)


async def apply_relationship(
    plan: RelationshipPlan, hands: Hands, approved: Collection[str] = ()
) -> RelationshipOutcome:
    """Carry out the plan of one relationship and return where each of its servers stands."""
    name = plan.relationship.name
    blocked_by = verdict.unapproved(plan, approved)
    reason = plan.unplanned or ("; ".join(each.message for each in blocked_by) if blocked_by else None)
    if reason:
        return RelationshipOutcome(name, _idle(plan, reason), blocked_by)
    if plan.procedure is Procedure.NOTHING:
        still = tuple(ServerOutcome(s.peer.server, Result.NOTHING_TO_DO, "as desired") for s in plan.servers)
        return RelationshipOutcome(name, still)
    async with AsyncExitStack() as stack:
        try:
            servers = [await _opened(plan, each, hands, stack) for each in plan.servers]
        except EndpointError as error:
            return RelationshipOutcome(name, _idle(plan, str(error)))
        work = Work(plan, servers, hands, waved=frozenset(each.code for each in plan.objections))
        await work.carry_out()
        return RelationshipOutcome(name, work.told())


def _idle(plan: RelationshipPlan, reason: str) -> tuple[ServerOutcome, ...]:
    return tuple(ServerOutcome(peer.server, Result.NOT_ATTEMPTED, reason) for peer in plan.relationship.peers)


async def _opened(plan: RelationshipPlan, server: ServerPlan, hands: Hands, stack: AsyncExitStack) -> Server:
    client = await stack.enter_async_context(hands.open_client(server.snapshot.endpoint))
    return Server(server, client, partial(_is_as_planned, plan, server))


def _is_as_planned(plan: RelationshipPlan, server: ServerPlan, live: Snapshot) -> bool:
    """Whether planning once more, with what was read now, finds nothing left to do on this server."""
    source = next(each.snapshot for each in plan.servers if each.peer.server == plan.authority.server)
    data = None
    if source is not server.snapshot and server.outgoing is not None and plan.replicates:
        data = wanted.in_words_of(plan.relationship, source, server.snapshot.version).part
    seen = located(plan.relationship, live)
    return not plan_server(plan.relationship, server.peer, seen, data, source, "").changes
