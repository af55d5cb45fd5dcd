"""Putting right what earlier runs left behind: before a relationship is changed what would be in the way, after it what
may only be done once all are well.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from reconciler.errors import EndpointError, StateError
from reconciler.kea import ha, hooks, views
from reconciler.model import (
    HaView,
    Leftover,
    Mend,
    Peer,
    Relationship,
    RelationshipOutcome,
    RelationshipPlan,
    Remedy,
    Result,
    Role,
    ServerOutcome,
    ServerPlan,
    Snapshot,
    Unreachable,
)
from reconciler.planning import recovery, wanted
from reconciler.planning.scenes import PARTNER_IN_MAINTENANCE
from reconciler.planning.silence import LONGEST
from reconciler.planning.standing import own_scopes
from reconciler.running import restoring, setting, waiting
from reconciler.running.hands import Hands
from reconciler.running.observe import observe
from reconciler.running.setting import Server, StepFailedError, excerpt
from reconciler.running.stopping import LeftError, while_reached

if TYPE_CHECKING:
    from reconciler.kea.client import Client

_TRIES = 3
_LATE = 5  # seconds that Kea's timer may be late
_DONE = {
    Remedy.RESTORE: "it has its last good configuration again",
    Remedy.END_MAINTENANCE: "the maintenance is ended",
    Remedy.WRITE: "what it runs is on its disk",
    Remedy.SERVE: "its DHCP service is on again",
    Remedy.NARROW: "it serves its own scopes again",
}
_ANY = HaView("", "", "", (), None)  # HA in force, whatever it says


@dataclass(frozen=True, slots=True)
class Mended:
    """What was put right on one server, or why that failed (`failure`); `is_early` says that it isn't safe yet."""

    server: str
    what: str
    failure: str | None = None
    is_early: bool = False


async def mend_first(plan: RelationshipPlan, hands: Hands, *, is_waiting: bool) -> list[Mended]:
    """Put right what would keep the plan from being carried out: hooks and listeners that are gone, maintenance; and,
    where all are well, a service that is off on a server which is to answer another's clients.

    Waits until all are normal then, as far as that comes; so it does where `is_waiting` says that nothing but the
    servers' states, on their way since a run was cut off, keeps the plan from being carried out.
    """
    now, when_well = recovery.due_first(plan)
    if not now and not when_well and not is_waiting:
        return []
    async with _Recovery(plan, hands) as work:
        await work.look()
        done = await work.carry_out(now | when_well if work.is_well() else now)
        if is_waiting or any(each.failure is None for each in done):
            await work.until_normal()
        return [each for each in done if not each.is_early]  # tried again after the plan


async def has_waited_for_service(plan: RelationshipPlan, hands: Hands) -> bool:
    """Wait as long as Kea may take to end by itself what an apply of another host left off: what is off after that is
    meant to be. False where there is nothing to wait for.
    """
    off = recovery.may_end_soon(plan)
    if not off:
        return False
    limit = hands.clock() + LONGEST + _LATE
    hands.say(f"{plan.relationship.name}: waiting whether Kea ends by itself that a DHCP service is off")
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(hands.open_client(each.endpoint)) for each in off]
        while hands.clock() < limit and not hands.stop.is_set() and await _is_any_off(clients):
            await hands.sleep(1.0)
    return True


async def _is_any_off(clients: Sequence[Client]) -> bool:
    """Whether any of these servers says that its service is off; one that gives no answer may say so later."""
    for client in clients:
        try:
            reply = await client.call("status-get")
        except EndpointError:
            return True
        if views.disabled_by_user(reply.arguments if isinstance(reply.arguments, dict) else {}):
            return True
    return False


async def mend_after(
    plan: RelationshipPlan, outcome: RelationshipOutcome, hands: Hands, earlier: Sequence[Mended] = ()
) -> list[Mended]:
    """Put right what is left of what earlier runs left behind, each thing as soon as it is safe, and settle it.
    `earlier` is what was put right before the plan was carried out.
    """
    if not plan.mends and not plan.left:
        return []
    async with _Recovery(plan, hands) as work:
        results = {each.result for each in outcome.servers}
        if (
            results & {Result.FAILED, Result.RESTORED, Result.WORLD_CHANGED}
            or outcome.blocked_by
            or hands.stop.is_set()
        ):
            await work.look()
        else:
            await work.until_normal()
        done = await work.carry_out(set(Remedy))
        work.settle(done)
        return [*done, *work.missed({each.server for each in earlier if each.failure is None})]


def with_mended(outcome: RelationshipOutcome, mended: Sequence[Mended]) -> RelationshipOutcome:
    """Return the outcome with what was put right on each server, and what could not be."""
    servers = {each.server: each for each in outcome.servers}
    for each in mended:
        told = servers.get(each.server) or ServerOutcome(each.server, Result.NOTHING_TO_DO, "as desired")
        if each.is_early and outcome.blocked_by:  # what waits for an approval waits with the relationship
            told = replace(told, reason=_joined(told, each.failure or ""))
        elif each.failure is not None:
            told = replace(told, result=Result.FAILED, reason=_joined(told, each.failure))
        else:
            result = Result.MENDED if told.result is Result.NOTHING_TO_DO else told.result
            told = replace(told, result=result, reason=_joined(told, each.what))
        servers[each.server] = told
    return replace(outcome, servers=tuple(servers.values()))


def _joined(told: ServerOutcome, text: str) -> str:
    return text if told.reason == "as desired" else f"{told.reason}; {text}"


class _Recovery:
    """One relationship being put right. A context manager: its clients are closed at the end."""

    def __init__(self, plan: RelationshipPlan, hands: Hands) -> None:
        self._plan = plan
        self._relationship: Relationship = plan.relationship
        self._hands = hands
        self._stack = AsyncExitStack()
        self._away: set[str] = set()
        self._found: dict[str, Snapshot] = {}
        self._servers: dict[str, Server] = {}
        self.left: list[Leftover] = []

    async def __aenter__(self) -> _Recovery:
        try:
            earlier = {each.server for each in self._plan.left}  # what this run leaves open is told by its outcome
            found = recovery.of(self._relationship, self._hands.journal.left()) if earlier else []
            self.left = [each for each in found if each.server in earlier]
        except StateError as error:
            self._hands.say(str(error))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def look(self) -> None:
        """Read every server anew."""
        live = await observe(self._plan.endpoints, self._hands.open_client)
        self._away = {server for (server, _), each in live.items() if isinstance(each, Unreachable)}
        self._found = recovery.seen(self._relationship, live, self.left)
        for name, snapshot in self._found.items():
            client = self._servers[name].client if name in self._servers else None
            if client is None:
                client = await self._stack.enter_async_context(self._hands.open_client(snapshot.endpoint))
            self._servers[name] = Server(ServerPlan(self._peer(name), snapshot), client, lambda _: False)

    def _peer(self, name: str) -> Peer:
        peers = [*self._relationship.peers, *(server.peer for server in self._plan.servers)]
        return next((each for each in peers if each.server == name), Peer(name, name, Role.BACKUP, ""))

    def is_well(self) -> bool:
        """Whether those that answer clients are well, as they were read last."""
        return recovery.are_well(self._relationship, self._found)

    async def until_normal(self) -> None:
        """Wait until the servers that are in the relationship are normal; not for ever, nor where one is away."""
        await self.look()
        inside = [each for each in self._servers.values() if wanted.block_of(each.plan.snapshot) is not None]
        needed = {*self._servers, *(peer.server for peer in ha.talking_peers(self._relationship))}
        if inside and needed <= self._found.keys():
            limit = self._hands.normal_within or waiting.time_limit(self._relationship)
            wait = waiting.until_normal(self._relationship, inside, self._hands, seconds=limit, lets_go_on=True)
            with suppress(LeftError):
                await while_reached(wait, self._clients(), self._hands)
        await self.look()

    async def carry_out(self, remedies: Collection[Remedy]) -> list[Mended]:
        """Do what is due of these remedies now, in an order in which one makes way for the next."""
        due = list(recovery.mends(self._relationship, self._found, self.left))
        done: list[Mended] = []
        for remedy in Remedy:
            for mend in due:
                if mend.remedy is remedy and remedy in remedies:
                    self._hands.say(f"{self._relationship.name}: {mend.server}: putting right what was left behind")
                    self._continue(mend.server)
                    early = recovery.why_early(self._relationship, mend, due, self._found)
                    try:
                        failure = early or await while_reached(self._mend(mend), self._clients(), self._hands)
                    except LeftError as error:
                        return [*done, Mended(mend.server, _DONE[remedy], f"{error}; {mend.reason}")]
                    done.append(Mended(mend.server, _DONE[remedy], failure, is_early=early is not None))
        return done

    def _clients(self) -> list[Client]:
        return [each.client for each in self._servers.values()]

    def _continue(self, server: str) -> None:
        for each in self.left:
            if each.server == server:
                self._hands.journal.continues(each)

    async def _mend(self, mend: Mend) -> str | None:
        """Do one thing; returns why that failed, and what a person has to do."""
        server = self._servers[mend.server]
        match mend.remedy:
            case Remedy.RESTORE:
                return await self._restore(server)
            case Remedy.END_MAINTENANCE:
                view = server.plan.snapshot.ha
                is_alone = view is not None and view.state == PARTNER_IN_MAINTENANCE
                command = "ha-maintenance-cancel" if is_alone else "ha-reset"
                return await self._sent(server, command, "the maintenance may still go on")
            case Remedy.WRITE:
                reason = await setting.persist(server, server.plan.snapshot, self._hands)
                return None if reason is None else f"it runs what is NOT on its disk: {reason}"
            case Remedy.SERVE:
                return await self._sent(server, "dhcp-enable", "its DHCP service may still be off")
            case Remedy.NARROW:
                arguments: dict[str, object] = {"scopes": own_scopes(server.plan.snapshot)}
                if len(hooks.relationships_of(server.plan.snapshot.config)) > 1:
                    arguments["server-name"] = (wanted.block_of(server.plan.snapshot) or {}).get("this-server-name")
                return await self._sent(server, "ha-scopes", "it may still serve its partner's scopes too", arguments)

    async def _restore(self, server: Server) -> str | None:
        before = next((each.before for each in self.left if each.server == server.name and each.before), None)
        if before is None:
            return "what it had before is not kept any more"
        has_ha = bool(hooks.relationships_of(before))
        snapshot = replace(server.plan.snapshot, config=before, ha=_ANY if has_ha else None)
        try:
            await restoring.put_back(replace(server, plan=replace(server.plan, snapshot=snapshot)), self._hands)
        except StepFailedError as error:
            return f"{error}; a person has to look, a restart of Kea may be needed"
        self._hands.journal.restored(snapshot.endpoint)
        return None

    async def _sent(
        self, server: Server, command: str, danger: str, arguments: Mapping[str, object] | None = None
    ) -> str | None:
        failure = ""
        for attempt in range(_TRIES):
            if attempt:
                await self._hands.sleep(1.0)
            try:
                reply = await server.client.call(command, arguments)
            except EndpointError as error:
                failure = str(error)
                continue
            if reply.result == 0:
                return None
            failure = excerpt(reply.text)
        return f"{danger}, run {command} on it: {failure}"

    def missed(self, done: Collection[str]) -> list[Mended]:
        """Return what the plan was to put right on servers that give no answer any more, but for those in `done`."""
        return [
            Mended(each.server, _DONE[each.remedy], f"it gives no answer, so that this is left: {each.reason}")
            for each in self._plan.mends
            if each.server in self._away and each.server not in done
        ]

    def settle(self, done: Sequence[Mended]) -> None:
        """Have done with what is put right, and with what needs nothing."""
        failed = {each.server for each in done if each.failure is not None}
        for each in self.left:
            snapshot = self._found.get(each.server)
            if snapshot is not None and each.server not in failed and recovery.is_meant(each, snapshot):
                self._hands.journal.settles(each)
