"""Carrying out a plan: one server of a relationship at a time, and every relationship on its own.

The promises, in the order of the code: nothing is sent where nothing changes; nothing is overwritten that the plan did
not show; a server is set only while its partner is well; a step that fails is put back; what stands where is said.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from contextlib import AsyncExitStack
from functools import partial

from reconciler.errors import EndpointError
from reconciler.model import (
    Objection,
    Plan,
    Procedure,
    RelationshipOutcome,
    RelationshipPlan,
    Result,
    Role,
    ServerOutcome,
    ServerPlan,
    Snapshot,
)
from reconciler.planning import wanted
from reconciler.planning.plan import plan_server
from reconciler.running import setting, waiting
from reconciler.running.hands import Hands
from reconciler.running.observe import is_unchanged
from reconciler.running.setting import Found, Server, StepFailedError


async def apply(plan: Plan, hands: Hands, approved: Collection[str] = ()) -> tuple[RelationshipOutcome, ...]:
    """Carry out a plan and return what became of every relationship, in the order of the plan.

    `approved` holds the codes of objections that a person waved through for this run. Relationships are carried out
    side by side; one that fails or waits keeps no other from its goal.
    """
    return tuple(await asyncio.gather(*(apply_relationship(each, hands, approved) for each in plan.relationships)))


def blocking(plan: RelationshipPlan, approved: Collection[str]) -> tuple[Objection, ...]:
    """Return the objections of a plan that nobody approved."""
    return tuple(each for each in plan.objections if not (each.approvable and each.code in approved))


async def apply_relationship(
    plan: RelationshipPlan, hands: Hands, approved: Collection[str] = ()
) -> RelationshipOutcome:
    """Carry out the plan of one relationship and return where each of its servers stands."""
    name = plan.relationship.name
    blocked_by = blocking(plan, approved)
    reason = plan.unplanned or ("; ".join(each.message for each in blocked_by) if blocked_by else None)
    if reason:
        idle = tuple(ServerOutcome(p.server, Result.NOT_ATTEMPTED, reason) for p in plan.relationship.peers)
        return RelationshipOutcome(name, idle, blocked_by)
    if plan.procedure is Procedure.NOTHING:
        still = tuple(ServerOutcome(s.peer.server, Result.NOTHING_TO_DO, "as desired") for s in plan.servers)
        return RelationshipOutcome(name, still)
    async with AsyncExitStack() as stack:
        servers = [await _opened(plan, each, hands, stack) for each in plan.servers]
        work = Work(plan, servers, hands, is_out_of_normal_approved=_is_waved_through(plan))
        await (work.create() if plan.procedure is Procedure.CREATE else work.modify())
        return RelationshipOutcome(name, work.told())


def _is_waved_through(plan: RelationshipPlan) -> bool:
    """Objections to the state of a partner that got this far were approved, so they don't stop us again."""
    return any(each.code in {"partner-not-normal", "out-of-touch"} for each in plan.objections)


async def _opened(plan: RelationshipPlan, server: ServerPlan, hands: Hands, stack: AsyncExitStack) -> Server:
    client = await stack.enter_async_context(hands.open_client(server.snapshot.endpoint))
    return Server(server, client, partial(_is_as_planned, plan, server))


def _is_as_planned(plan: RelationshipPlan, server: ServerPlan, live: Snapshot) -> bool:
    """Whether planning once more, with what was read now, finds nothing left to do on this server."""
    source = plan.authority.server or ""
    data = None
    if source != server.peer.server and server.outgoing is not None and plan.replicates:
        authority = next(each.snapshot for each in plan.servers if each.peer.server == source)
        data = wanted.replicated_part(plan.relationship, authority)
    return not plan_server(plan.relationship, server.peer, live, data, source, "").changes


class Work:
    """One relationship being changed: what was done so far, and where each server stands."""

    def __init__(
        self, plan: RelationshipPlan, servers: list[Server], hands: Hands, *, is_out_of_normal_approved: bool
    ) -> None:
        self._plan = plan
        self._relationship = plan.relationship
        self._servers = servers
        self._changing = [server for server in servers if server.plan.outgoing is not None]
        self._hands = hands
        self._waived = is_out_of_normal_approved
        self._told: dict[str, ServerOutcome] = {}
        self._is_disabled_by_us = False

    def told(self) -> tuple[ServerOutcome, ...]:
        """Return where each server stands, in the order of the plan."""
        rest = {
            server.name: ServerOutcome(server.name, Result.NOTHING_TO_DO, "as desired")
            if server.plan.outgoing is None
            else ServerOutcome(server.name, Result.NOT_ATTEMPTED, "an earlier step did not reach its end")
            for server in self._servers
        }
        return tuple({**rest, **self._told}.values())

    # --------------------------------------------------------------------------------------- procedures

    async def modify(self) -> None:
        """Change the servers of a standing relationship one after the other, each from normal to normal."""
        for server in self._changing:
            if self._is_stopped(server) or not await self._preflight(server):
                return
            if not await self._partner_is_well(server) or not await self._change(server):
                return

    async def create(self) -> None:
        """Make a relationship of two servers that may both be serving: all of it, or nothing of it.

        The future partner's DHCP service is off from before its set until the primary knows of it, so that at no time
        two servers hand out the same addresses without knowing of each other (Kea fact: a server with HA whose partner
        has none becomes partner-down after max-response-delay and serves everything).
        """
        if self._is_stopped(self._changing[0]):
            return
        for server in self._changing:
            if not await self._preflight(server):
                return
        if not await self._switch_partner_off():
            return
        done: list[tuple[Server, Snapshot]] = []
        for server in self._changing:
            live = await self._set(server)
            if live is None:
                await self._undo([each for each, _ in done])
                return
            done.append((server, live))
        await self._switch_partner_on()
        if await self._all_normal(done[-1][0]):
            for server, live in done:
                await self._persist(server, live)
        else:
            await self._undo([each for each, _ in done])

    # -------------------------------------------------------------------------------------------- steps

    def _is_stopped(self, server: Server) -> bool:
        if self._hands.stop.is_set():
            self._tell(server, Result.NOT_ATTEMPTED, "stopped on request before this server was touched")
        return self._hands.stop.is_set()

    async def _preflight(self, server: Server) -> bool:
        """Is it still as the plan saw it, and does it take what is planned? Changes nothing."""
        self._say(server, "checking that nothing changed since the plan")
        try:
            if not await is_unchanged(server.client, server.plan.snapshot):
                self._tell(server, Result.WORLD_CHANGED, "its configuration changed since the plan was made")
                return False
            await setting.test(server)
        except (EndpointError, StepFailedError) as error:
            self._tell(server, Result.FAILED, f"{error}; nothing was changed")
            return False
        return True

    async def _partner_is_well(self, server: Server) -> bool:
        """The last look before a standing relationship is touched; a broken hook on the very server is the reason
        to touch it, and an approved objection to its state stays approved.
        """
        if self._waived or server.plan.snapshot.ha is None:
            return True
        self._say(server, "making sure that both servers are well")
        limit = waiting.patience_before(self._relationship)
        found = await waiting.until_normal(self._relationship, self._servers, self._hands, seconds=limit)
        if found:
            self._tell(server, Result.NOT_ATTEMPTED, f"the pair is not well any more: {'; '.join(found)}")
        return not found

    async def _change(self, server: Server) -> bool:
        live = await self._set(server)
        if live is None:
            return False
        if not await self._all_normal(server):
            await self._restore(server)
            return False
        return await self._persist(server, live)

    async def _set(self, server: Server) -> Snapshot | None:
        """Set one server; on failure put it back at once. Returns it as read afterwards, None when it failed."""
        self._say(server, "setting the configuration")
        try:
            live = await setting.set_planned(server, self._hands)
        except StepFailedError as error:
            if error.state is Found.SILENT:
                text = f"{error}; it may still carry out the change, look again with `plan`"
                self._tell(server, Result.FAILED, text)
            elif error.state is Found.OLD:
                self._tell(server, Result.FAILED, f"{error}; nothing was changed")
            else:
                self._tell(server, Result.FAILED, str(error))
                await self._restore(server)
            return None
        self._tell(server, Result.APPLIED, "running, not yet persisted", persisted=False)
        return live

    async def _all_normal(self, server: Server) -> bool:
        self._say(server, "waiting for both servers to be normal")
        limit = waiting.time_limit(self._relationship)
        found = await waiting.until_normal(self._relationship, self._servers, self._hands, seconds=limit)
        if found:
            self._tell(server, Result.FAILED, f"not normal within {limit:.0f} s: {'; '.join(found)}")
        return not found

    async def _persist(self, server: Server, live: Snapshot) -> bool:
        self._say(server, "writing the configuration to its disk")
        reason = await setting.persist(server, live, self._hands)
        if reason is None:
            self._tell(server, Result.APPLIED, "has the planned configuration", persisted=True)
        else:
            text = f"running, NOT persisted (a restart would bring the old configuration back): {reason}"
            self._tell(server, Result.APPLIED, text, persisted=False)
        return reason is None

    async def _undo(self, done: list[Server]) -> None:
        for server in reversed(done):
            await self._restore(server)
        await self._switch_partner_on()

    async def _restore(self, server: Server) -> None:
        earlier = self._told.get(server.name)
        why = earlier.reason if earlier and earlier.result is Result.FAILED else "the relationship was not completed"
        self._say(server, "putting back what it had")
        try:
            await setting.put_back(server, self._hands)
        except StepFailedError as error:
            self._tell(server, Result.FAILED, f"{why}; {error}; a person has to look, a restart of Kea may be needed")
            return
        self._tell(server, Result.RESTORED, f"{why}; it has its old configuration again")

    # ------------------------------------------------------------------------- the partner's DHCP service

    async def _switch_partner_off(self) -> bool:
        partner = self._partner()
        try:
            reply = await partner.client.call("dhcp-disable")
        except EndpointError as error:
            self._tell(partner, Result.FAILED, f"dhcp-disable: {error}")
            return False
        self._is_disabled_by_us = not partner.plan.snapshot.disabled_by_user
        if reply.result != 0:
            self._tell(partner, Result.FAILED, f"dhcp-disable: {setting.excerpt(reply.text)}")
        return reply.result == 0

    async def _switch_partner_on(self) -> None:
        """Undo our dhcp-disable. Where Kea tells that a person had switched it off (2.6.2 and later) it stays off."""
        if not self._is_disabled_by_us:
            return
        partner = self._partner()
        try:
            reply = await partner.client.call("dhcp-enable")
            failure = None if reply.result == 0 else setting.excerpt(reply.text)
        except EndpointError as error:
            failure = str(error)
        if failure:
            earlier = self._told.get(partner.name)
            text = f"its DHCP service is still off, run dhcp-enable on it: {failure}"
            self._tell(partner, Result.FAILED, f"{earlier.reason}; {text}" if earlier else text)
        self._is_disabled_by_us = bool(failure)

    def _partner(self) -> Server:
        return next(server for server in self._servers if server.peer.role is not Role.PRIMARY)

    # ------------------------------------------------------------------------------------------- telling

    def _tell(self, server: Server, result: Result, reason: str, *, persisted: bool | None = None) -> None:
        self._told[server.name] = ServerOutcome(server.name, result, reason, persisted)

    def _say(self, server: Server, what: str) -> None:
        self._hands.say(f"{self._relationship.name}: {server.name}: {what}")
