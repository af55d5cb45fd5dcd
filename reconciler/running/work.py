"""One relationship being changed, step by step."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations

from reconciler.errors import EndpointError
from reconciler.model import Mode, Procedure, RelationshipPlan, Result, ServerOutcome, Snapshot, Stage
from reconciler.planning import wanted
from reconciler.planning.places import located
from reconciler.running import identity, restoring, setting, waiting
from reconciler.running.cover import Cover
from reconciler.running.hands import Hands
from reconciler.running.observe import is_unchanged
from reconciler.running.setting import Found, Server, StepFailedError
from reconciler.running.switch import ServiceSwitch, end_hold

Done = tuple[Server, Snapshot]  # a server that was set, and what was read of it afterwards


@dataclass(frozen=True, slots=True)
class Attempt:
    """One stage being carried out: who is switched off, who answers for others, and what was set so far."""

    stage: Stage
    switches: Sequence[ServiceSwitch]
    cover: Cover
    done: list[Done] = field(default_factory=list)


_STALE = 1.0  # seconds after which a server is looked at once more before it is set


class Work:
    """One relationship being changed: what was done so far, and where each server stands."""

    def __init__(self, plan: RelationshipPlan, servers: list[Server], hands: Hands, *, waved: frozenset[str]) -> None:
        self._plan = plan
        self._relationship = plan.relationship
        self._servers = servers
        self._changing = [server for server in servers if server.plan.outgoing is not None]
        self._hands = hands
        self._waved = waved  # the codes of objections that a person let pass, each for what it says only
        self._told: dict[str, ServerOutcome] = {}
        self._seen_at: dict[str, float] = {}  # when the last that was looked at was found as the plan saw it
        self._unsure: set[str] = set()  # servers that may have, or come to have, what was not meant to stay

    def told(self) -> tuple[ServerOutcome, ...]:
        """Return where each server stands, in the order of the plan."""
        rest = {
            server.name: ServerOutcome(server.name, Result.NOTHING_TO_DO, "as desired")
            if server.plan.outgoing is None
            else ServerOutcome(server.name, Result.NOT_ATTEMPTED, "an earlier step did not reach its end")
            for server in self._servers
        }
        return tuple({**rest, **self._told}.values())

    # ------------------------------------------------------------------------------------------- stages

    async def carry_out(self) -> None:
        """Change the servers stage by stage, each stage whole or not at all, and stop where one did not reach its end.

        Before the first is set, every server that changes has been looked at and has tried what is planned for it.
        """
        if self._is_stopped(self._changing[0]):
            return
        for server in self._changing:
            if not await self._is_as_seen(server) or not await self._is_accepted(server):
                return
        if self._plan.procedure is Procedure.CREATE and not await self._are_different():
            return
        for stage in self._plan.stages:
            if not await self._carry_out(stage):
                return

    async def _carry_out(self, stage: Stage) -> bool:
        """Change the servers of one stage: all of them, or none.

        A server that is silenced has its DHCP service off from before the first set until all know of each other, so
        that at no time two servers hand out the same addresses without knowing of each other (Kea fact: a server with
        HA whose partner has none, or does not hear it, becomes partner-down after max-response-delay and serves
        everything).
        """
        servers = [server for name in stage.servers for server in self._servers if server.name == name]
        if self._is_stopped(servers[0]):
            return False
        if stage.needs_normal and not await self._all_are_well(servers[0]):
            return False
        attempt = Attempt(
            stage,
            [ServiceSwitch(server, self._hands) for server in self._servers if server.name in stage.silenced],
            Cover(self._relationship, self._hands),
        )
        if not await self._is_covered(attempt, servers[0]) or not await self._are_off(attempt):
            return False
        for server in servers:
            if not await self._is_changed(attempt, server):
                await self._undo(attempt)
                return False
        if any(not server.plan.leaves for server in servers) and not await self._all_well_again(attempt, servers[-1]):
            await self._undo(attempt)
            return False
        return await self._finish(attempt)

    async def _is_changed(self, attempt: Attempt, server: Server) -> bool:
        """Set one server of a stage, after those before it where they go one by one; returns whether that was done."""
        stage = attempt.stage
        if attempt.done and stage.in_turn:
            before = attempt.done[-1][0]
            if not await self._all_normal(before, alone=before, meanwhile=attempt.cover.keep):
                return False
        if attempt.done and not await self._is_covered(attempt, server):
            return False
        is_as_seen = self._is_as_seen_lately if stage.needs_normal and not attempt.done else self._is_as_seen
        live = await self._set(server) if await is_as_seen(server) else None
        if live is None:
            return False
        attempt.cover.forget(server)
        attempt.done.append((server, live))
        self._note_change(server, live)
        return True

    async def _is_covered(self, attempt: Attempt, server: Server) -> bool:
        """Let another answer the clients of a server that is set next, where the stage says so."""
        by = dict(attempt.stage.covered_by).get(server.name)
        if by is None:
            return True
        failure = await attempt.cover.widen(self._named(by))
        if failure:
            self._tell(server, Result.FAILED, f"{by} can't answer for it meanwhile: {failure}; nothing was changed")
        return failure is None

    async def _all_well_again(self, attempt: Attempt, last: Server) -> bool:
        """Wait until all are normal; in a change of a standing relationship the silenced serve as soon as all have
        heard each other.
        """
        keep = attempt.cover.keep
        if attempt.stage.reason and not attempt.stage.in_turn and self._relationship.mode is Mode.LOAD_BALANCING:
            # Two that begin anew become normal one after the other, up to a heartbeat apart.
            attempt.cover.hold(self._named(self._relationship.primary.server))
        is_early = attempt.switches and self._plan.procedure is not Procedure.CREATE
        if is_early and await waiting.until_met(self._relationship, self._staying(), self._hands, keep):
            for switch in attempt.switches:
                await switch.on()
        alone = last if len(attempt.done) == 1 or attempt.stage.in_turn else None
        return await self._all_normal(last, alone=alone, meanwhile=keep)

    async def _are_off(self, attempt: Attempt) -> bool:
        for place, switch in enumerate(attempt.switches):
            failure = await switch.off()
            if failure:
                self._tell(switch.server, Result.FAILED, failure)
                await self._undo(replace(attempt, switches=attempt.switches[:place]))
                return False
        return True

    async def _finish(self, attempt: Attempt) -> bool:
        """Let each serve its own again, and write every server's disk; returns whether all of that was done."""
        released = [ServiceSwitch(self._named(name), self._hands, is_off=True) for name in attempt.stage.released]
        failures = [(switch.server.name, await switch.on()) for switch in [*attempt.switches, *released]]
        failures += (await attempt.cover.narrow()).items()
        failures += [(server.name, await end_hold(server)) for server in self._servers]
        are_written = True
        for server, live in attempt.done:
            are_written = await self._persist(server, live) and are_written
        for name, failure in failures:
            if failure:
                self._add_failure(self._named(name), failure)
        return are_written and not any(failure for _, failure in failures)

    # -------------------------------------------------------------------------------------------- steps

    def _is_stopped(self, server: Server) -> bool:
        if self._hands.stop.is_set():
            self._tell(server, Result.NOT_ATTEMPTED, "stopped on request before this server was touched")
        return self._hands.stop.is_set()

    async def _is_as_seen(self, server: Server) -> bool:
        """Whether a server, and the authority whose data it gets, are still as the plan saw them."""
        self._say(server, "checking that nothing changed since the plan")
        began_at = self._hands.clock()
        for each in self._basis(server):
            try:
                if await is_unchanged(each.client, each.plan.snapshot):
                    continue
            except EndpointError as error:
                self._tell(server, Result.FAILED, f"{error}; nothing was changed")
                return False
            self._tell(each, Result.WORLD_CHANGED, "its configuration changed since the plan was made")
            return False
        self._seen_at = {server.name: began_at}  # what was looked at before that has had time to change
        return True

    async def _is_as_seen_lately(self, server: Server) -> bool:
        seen_at = self._seen_at.get(server.name)
        is_fresh = seen_at is not None and self._hands.clock() - seen_at <= _STALE
        return is_fresh or await self._is_as_seen(server)

    def _basis(self, server: Server) -> list[Server]:
        """The servers whose configurations a server's plan was made of, the one that is to be set last.

        The authority itself is changed after the others.
        """
        source = self._plan.authority.server if self._plan.replicates else None
        return [*(each for each in self._servers if each.name == source and each is not server), server]

    async def _is_accepted(self, server: Server) -> bool:
        """Whether the server, asked with config-test where that is due, takes what is planned. Changes nothing."""
        try:
            await setting.test(server)
        except StepFailedError as error:
            self._tell(server, Result.FAILED, f"{error}; nothing was changed")
            return False
        return True

    async def _are_different(self) -> bool:
        """Whether a process of its own answers for each server; an address may lead to another one's."""
        for first, second in combinations(self._servers, 2):
            try:
                is_one = await identity.is_same_process(first.client, second.client, self._relationship.service)
            except EndpointError as error:
                self._tell(first, Result.FAILED, f"{error}; nothing was changed")
                return False
            if is_one:
                shown = f"{first.name} and {second.name}"
                reason = f"the control addresses of {shown} lead to the same Kea; nothing was changed"
                for server in (first, second):
                    self._tell(server, Result.FAILED, reason)
                return False
        return True

    def _staying(self) -> list[Server]:
        """The servers that are to be in the relationship afterwards."""
        return [server for server in self._servers if not server.plan.leaves]

    async def _all_are_well(self, server: Server) -> bool:
        """The last look before a standing relationship is touched. An objection that was approved stays so, but only
        for what it says: one to the states of the servers does not let pass that they lose each other.
        """
        if "out-of-touch" in self._waved:
            return True
        self._say(server, "making sure that all servers are well")
        if "partner-not-normal" in self._waved:
            found = await waiting.out_of_touch(self._relationship, self._staying())
        else:
            limit = waiting.patience_before(self._relationship)
            found = await waiting.until_normal(self._relationship, self._staying(), self._hands, seconds=limit)
        if found:
            self._tell(server, Result.NOT_ATTEMPTED, f"the relationship is not well any more: {'; '.join(found)}")
        return not found

    def _note_change(self, server: Server, live: Snapshot) -> None:
        """Take what a server was set to for what the plan saw of it: it may be the authority that others follow."""
        seen = located(self._relationship, live)
        self._replace(replace(server, plan=replace(server.plan, snapshot=seen)))

    def _replace(self, server: Server) -> None:
        self._servers = [server if each.name == server.name else each for each in self._servers]

    def _named(self, name: str) -> Server:
        return next(server for server in self._servers if server.name == name)

    async def _set(self, server: Server) -> Snapshot | None:
        """Set one server; on failure put it back at once. Returns it as read afterwards, None when it failed."""
        self._say(server, "setting the configuration")
        try:
            live = await setting.set_planned(server, self._hands)
        except StepFailedError as error:
            await self._after_failed_set(server, error)
            return None
        self._tell(server, Result.APPLIED, "running, not yet persisted", persisted=False)
        return live

    async def _after_failed_set(self, server: Server, error: StepFailedError) -> None:
        match error.state:
            case Found.OLD:
                self._tell(server, Result.FAILED, f"{error}; nothing was changed")
            case Found.OTHER | Found.HARMED:
                self._tell(server, Result.FAILED, str(error))
                await self._restore(server, None)
            case Found.FOREIGN:
                text = f"{error}: somebody else changed or restarted it; nothing more was sent, look with `plan`"
                self._tell(server, Result.FAILED, text)
            case Found.SILENT:
                self._unsure.add(server.name)
                text = f"{error}; it may still carry out the change, look with `plan`, and send config-write if it did"
                self._tell(server, Result.FAILED, text)

    async def _all_normal(
        self, server: Server, *, alone: Server | None, meanwhile: Callable[[], Awaitable[None]]
    ) -> bool:
        self._say(server, "waiting for all servers to be normal")
        began_at = self._hands.clock()
        found = await waiting.until_normal(
            self._relationship,
            self._staying(),
            self._hands,
            seconds=self._hands.normal_within or waiting.time_limit(self._relationship),
            is_changed=True,
            alone=None if "out-of-touch" in self._waved else alone,
            meanwhile=meanwhile,
        )
        if found:
            waited = self._hands.clock() - began_at
            self._tell(server, Result.FAILED, f"not normal after {waited:.0f} s: {'; '.join(found)}")
        return not found

    async def _persist(self, server: Server, live: Snapshot) -> bool:
        self._say(server, "writing the configuration to its disk")
        reason = await setting.persist(server, live, self._hands)
        if reason is None:
            self._tell(server, Result.APPLIED, "has the planned configuration", persisted=True)
        else:
            self._tell(server, Result.APPLIED, f"running, NOT persisted: {reason}", persisted=False)
        return reason is None

    # ------------------------------------------------------------------------------------------- undoing

    async def _undo(self, attempt: Attempt) -> None:
        """Put back what was set, the last first, and then let the silenced serve again.

        Not one that may have the new configuration: it would serve the same addresses as the primary, which knows
        nothing of it. Who answers its clients goes on.
        """
        await self._take_back(attempt)
        for switch in attempt.switches:
            if switch.server.name in self._unsure:
                failure: str | None = (
                    "its DHCP service was switched off and stays off, since with the new configuration it would serve "
                    "beside the other server; apply again once it answers, or run dhcp-enable on it"
                )
            else:
                failure = await switch.on()
            if failure:
                self._add_failure(switch.server, failure)
        held = any(switch.is_holding for switch in attempt.switches)
        for name, why in ({} if held else await attempt.cover.narrow()).items():
            self._add_failure(self._named(name), why)

    async def _take_back(self, attempt: Attempt) -> None:
        for switch in attempt.switches if attempt.done else ():
            if not switch.is_holding:  # it serves again already
                await switch.off()
        if self._stays_removed():
            attempt.done[:] = [each for each in attempt.done if not each[0].plan.leaves]
        for server, live in reversed(attempt.done):
            if attempt.stage.in_turn:
                await self._settle(attempt)
                await self._cover_again(attempt, server)
            attempt.cover.forget(server)
            await self._restore(server, live)
        if attempt.done and attempt.stage.in_turn:
            await self._settle(attempt)
        for server, _ in attempt.done:
            if wanted.block_of(server.plan.snapshot) is not None:
                unheard = await waiting.until_heard(self._relationship, server, self._servers, self._hands)
                if unheard:
                    self._add_failure(server, unheard)

    async def _settle(self, attempt: Attempt) -> None:
        """Give the servers time to become normal before the next is put back; it is put back in any case."""
        limit = self._hands.normal_within or waiting.time_limit(self._relationship)
        await waiting.until_normal(
            self._relationship,
            self._staying(),
            self._hands,
            seconds=limit,
            is_changed=True,
            meanwhile=attempt.cover.keep,
        )

    async def _cover_again(self, attempt: Attempt, server: Server) -> None:
        """Let another answer for a server that is put back, if it can: putting back is worth more."""
        by = dict(attempt.stage.covered_by).get(server.name)
        if by is not None:
            await attempt.cover.widen(self._named(by))

    def _stays_removed(self) -> bool:
        """Whether the servers that left must not come back: the one that goes on may, or may come to, be without them.

        It would serve everything, and they too, since they don't hear it. As they are, they serve nobody, and the next
        apply goes on from there.
        """
        return any(server.plan.leaves and server.name in self._unsure for server in self._servers)

    async def _restore(self, server: Server, live: Snapshot | None) -> None:
        """Put a server back; `live` is what was last read of it, None where it can't have been changed since."""
        earlier = self._told.get(server.name)
        why = earlier.reason if earlier and earlier.result is Result.FAILED else "the relationship was not completed"
        self._say(server, "putting back what it had")
        try:
            if live is not None and not await restoring.still_has(server, live, self._hands):
                self._tell(server, Result.FAILED, f"{why}; {server.name} {Found.FOREIGN}, so it was not put back")
                return
            await restoring.put_back(server, self._hands)
            self._replace(server)
        except StepFailedError as error:
            self._unsure.add(server.name)
            self._tell(server, Result.FAILED, f"{why}; {error}; a person has to look, a restart of Kea may be needed")
            return
        self._tell(server, Result.RESTORED, f"{why}; it has its old configuration again")

    # ------------------------------------------------------------------------------------------- telling

    def _tell(self, server: Server, result: Result, reason: str, *, persisted: bool | None = None) -> None:
        self._told[server.name] = ServerOutcome(server.name, result, reason, persisted)

    def _add_failure(self, server: Server, failure: str) -> None:
        """Say of a server that besides what was told of it something else went wrong."""
        earlier = self._told.get(server.name)
        told = earlier or ServerOutcome(server.name, Result.FAILED, "the relationship was not completed")
        self._told[server.name] = replace(told, result=Result.FAILED, reason=f"{told.reason}; {failure}")

    def _say(self, server: Server, what: str) -> None:
        self._hands.say(f"{self._relationship.name}: {server.name}: {what}")
