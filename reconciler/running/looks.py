"""The steps of an apply that look at the servers of one relationship, or wait for them, and what is known of these."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

from reconciler.errors import EndpointError
from reconciler.model import Disruption, RelationshipPlan, Result, Role, Snapshot, Stage, Step
from reconciler.planning import wanted
from reconciler.planning.places import located
from reconciler.planning.scenes import PARTNER_DOWN
from reconciler.planning.service import is_off
from reconciler.planning.silence import LONGEST
from reconciler.planning.steps import staying
from reconciler.running import cover, identity, setting, waiting
from reconciler.running.cover import Cover
from reconciler.running.hands import Hands
from reconciler.running.observe import at_hand, is_unchanged
from reconciler.running.setting import Server, StepFailedError
from reconciler.running.stand_ins import StandIn, StandIns
from reconciler.running.switch import ServiceSwitch
from reconciler.running.telling import Tale

_CHANGED = "its configuration changed since the plan was made"
_RESTARTED = "it was started anew since the plan was made, with another configuration"
_SWITCHED_OFF = "its DHCP service was switched off (dhcp-disable) since the plan was made"
_STALE = 1.0  # seconds after which a server is looked at once more before it is set


class Looks:
    """The servers of a relationship at work, what is known of them, and each step that looks at them or waits. Such a
    step says whether it reached its end.
    """

    def __init__(
        self,
        plan: RelationshipPlan,
        servers: list[Server],
        hands: Hands,
        tale: Tale,
        *,
        waved: frozenset[str],
        elsewhere: Sequence[StandIn] = (),
    ) -> None:
        """`waved` are the codes of objections that a person let pass, each for what it says only; `elsewhere` is what
        the plan says of other relationships, with open clients.
        """
        self.servers = servers
        self.unsure: set[str] = set()  # servers that may have, or come to have, what was not meant to stay
        self.harmed: list[str] = []  # servers that a failed set left neither as they were nor as planned
        self.foreign: set[str] = set()  # servers that are not put back, since somebody else changed them
        self._plan = plan
        self._relationship = plan.relationship
        self._hands = hands
        self._tale = tale
        self._waved = waved
        self._stand_ins = StandIns(elsewhere, hands, tale, meanwhile=self._keep)
        self._untouched: dict[str, Server] = {}  # servers to which commands were sent, as they were before
        self._seen_at: dict[str, float] = {}  # when the last that was looked at was found as the plan saw it
        self.begin(None)

    def begin(self, stage: Stage | None) -> None:
        """Begin with a part of the plan: what the one before did is over."""
        self.is_short_of_plan = False  # whether commands left a server between what it had and what is planned
        self._stage = stage
        is_handed_over = stage is not None and stage.method is Disruption.HAND_OVER
        leaving = {server.peer.server for server in self._plan.servers if server.leaves}
        goes_on = stage is not None and not leaving.isdisjoint(stage.servers)  # who leaves wants no lease updates
        self._cover = Cover(self._relationship, self._hands, in_recovery=is_handed_over or goes_on)
        self._switches: dict[str, ServiceSwitch] = {}
        self._before: dict[str, Server] = {}  # the servers as they were before they were set
        self._set: dict[str, Snapshot] = {}  # what was read of them afterwards
        self._written: set[str] = set()  # the servers that were told to write what they were set to
        self._have_met = False
        self.alone = ""  # the server that took over since the other one of a pair gives no answer

    def asked_of(self, server: Server) -> list[str]:
        """Return in words what a server may do at our request and is not written down: every host sees it (NARROW)."""
        return list(filter(None, [self._cover.asked_of(server)]))

    def named(self, name: str) -> Server:
        """Return the server of this name."""
        return next(server for server in self.servers if server.name == name)

    # ------------------------------------------------------------------------------------------- looking

    async def look(self, server: Server, _: Step) -> bool:
        """Whether a server, and the authority whose data it gets, are still as the plan saw them."""
        seen_at = self._seen_at.get(server.name)
        is_needed_well = self._stage is not None and self._stage.needs_normal and not self._set
        if is_needed_well and seen_at is not None and self._hands.clock() - seen_at <= _STALE:
            return True
        self._tale.say(server, "checking that nothing changed since the plan")
        began_at = self._hands.clock()
        for each in self._basis(server):
            try:
                is_same = await is_unchanged(each.client, each.plan.snapshot)
                reason = await self._why_unknown(each) if is_same else _CHANGED
            except EndpointError as error:
                self._tale.tell(server, Result.FAILED, f"{error}; nothing was changed")
                return False
            if reason is not None:
                self._tale.tell(each, Result.WORLD_CHANGED, reason)
                return False
        self._seen_at = {server.name: began_at}  # what was looked at before that has had time to change
        return True

    async def _why_unknown(self, server: Server) -> str | None:
        """Return why a server is not what was read any more, None where it is: the same process, or a new one with the
        same configuration, known from now on: what is sent to it is to be put right in that one, and nothing that was
        off is off any more; nor is what somebody switched on since. Who was switched off since is to stay so, and can
        answer for nobody. Raises EndpointError.
        """
        seen = server.plan.snapshot
        known = self._as_read(server, await at_hand(server.client, seen))
        fresh = known.plan.snapshot
        if fresh == seen:
            return None
        if fresh.config != seen.config:
            return _RESTARTED
        if is_off(fresh) and not is_off(seen):
            return _SWITCHED_OFF
        self._hands.journal.finds(fresh)
        self._replace(known)
        return None

    def _basis(self, server: Server) -> list[Server]:
        """The servers whose configurations a server's plan was made of, the one that is to be set last.

        The authority itself is changed after the others.
        """
        source = self._plan.authority.server if self._plan.replicates else None
        return [*(each for each in self.servers if each.name == source and each is not server), server]

    async def test(self, server: Server, _: Step) -> bool:
        """Whether the server, asked with config-test, takes what is planned. Changes nothing."""
        try:
            await setting.test(server)
        except StepFailedError as error:
            self._tale.tell(server, Result.FAILED, f"{error}; nothing was changed")
            return False
        return True

    async def tell_apart(self, *_: object) -> bool:
        """Whether a process of its own answers for each server; an address may lead to another one's."""
        for first, second in combinations(self.servers, 2):
            try:
                is_one = await identity.is_same_process(first.client, second.client, self._relationship.service)
            except EndpointError as error:
                self._tale.tell(first, Result.FAILED, f"{error}; nothing was changed")
                return False
            if is_one:
                shown = f"{first.name} and {second.name}"
                reason = f"the control addresses of {shown} lead to the same Kea; nothing was changed"
                for server in (first, second):
                    self._tale.tell(server, Result.FAILED, reason)
                return False
        return True

    # ------------------------------------------------------------------------------------------- waiting

    async def await_well(self, server: Server, _: Step) -> bool:
        """The last look before a standing relationship is touched. An objection that was approved stays so, but only
        for what it says: one to the states of the servers does not let pass that they lose each other.
        """
        if "out-of-touch" in self._waved:
            return True
        if not await self._are_well(server):
            return False
        for each in self._staying():  # one that was started anew meanwhile may be well again
            try:
                reason = await self._why_unknown(each)
            except EndpointError as error:
                self._tale.tell(server, Result.NOT_ATTEMPTED, str(error))
                return False
            if reason is not None:
                self._tale.tell(each, Result.WORLD_CHANGED, reason)
                return False
        return True

    async def _are_well(self, server: Server) -> bool:
        self._tale.say(server, "making sure that all servers are well")
        if "partner-not-normal" in self._waved:
            found = await waiting.out_of_touch(self._relationship, self._staying())
        else:
            limit = waiting.patience_before(self._relationship)
            found = await waiting.until_normal(self._relationship, self._staying(), self._hands, seconds=limit)
        if found:
            reason = f"the relationship is not well any more: {'; '.join(found)}"
            self._tale.tell(server, Result.NOT_ATTEMPTED, reason)
        return not found

    async def await_met(self, *_: object) -> bool:
        """Wait until all have heard each other; that they have not shows in what follows."""
        self._have_met = await waiting.until_met(self._relationship, self._staying(), self._hands, self._keep)
        return True

    async def await_normal(self, server: Server, step: Step) -> bool:
        """Wait until all servers are normal."""
        self._tale.say(server, "waiting for all servers to be normal")
        began_at = self._hands.clock()
        found = await self._until_normal(alone=server if step.is_lone and "out-of-touch" not in self._waved else None)
        if found:
            waited = self._hands.clock() - began_at
            reason = f"not normal after {waited:.0f} s: {'; '.join(found)}"
            self.alone = await self._who_serves_alone() if step.is_lone else ""
            if self.alone == server.name:
                self._tale.add_failure(server, f"{reason}; it serves alone now, apply again when its partner is back")
            elif self.alone:
                text = f"{reason}; it was set, and {self.alone} serves all clients now; apply again when it is back"
                self._tale.tell(server, Result.FAILED, text)
            else:
                self._tale.tell(server, Result.FAILED, reason)
        elif self._cover.is_on:  # all know of each other now, and who answers for those that are off is about to stop
            for switch in self._switches.values():
                await switch.limit(LONGEST)
        return not found

    async def _who_serves_alone(self) -> str:
        """Return which server serves everybody since the other one gives no answer, not because the two don't
        understand each other; nothing where none does.
        """
        states, silent = dict[str, str](), False
        for each in self._staying():
            if each.peer.role is Role.BACKUP:
                continue
            try:
                view = await waiting.look(self._relationship, each)
            except EndpointError:
                silent = True
            else:
                states[each.name] = view.state if view is not None else ""
        return next((name for name, state in states.items() if silent and state == PARTNER_DOWN), "")

    async def settle(self, *_: object) -> bool:
        """Give the servers time to become normal, whether they do or not."""
        await self._until_normal(alone=None)
        return True

    async def _until_normal(self, *, alone: Server | None) -> list[str]:
        return await waiting.until_normal(
            self._relationship,
            self._staying(),
            self._hands,
            seconds=self._hands.normal_within or waiting.time_limit(self._relationship),
            is_changed=True,
            alone=alone,
            meanwhile=self._keep if self._is_keeping() else None,
        )

    def _is_keeping(self) -> bool:
        return self._cover.is_on or self._stand_ins.is_on or any(switch.is_timed for switch in self._switches.values())

    async def _keep(self) -> None:
        """Keep off who is off, and wide who answers for others; to be called again and again while we wait."""
        for switch in self._switches.values():
            await switch.keep()
        await self._cover.keep()
        await self._stand_ins.keep()

    async def await_heard(self, server: Server, _: Step) -> bool:
        """Say so where the partner of a server that was put back doesn't hear it."""
        if wanted.block_of(server.plan.snapshot) is None:
            return True
        return self._is_fine(server, await waiting.until_heard(self._relationship, server, self.servers, self._hands))

    def _staying(self) -> list[Server]:
        """The servers that are to be in the relationship afterwards, and can be well then."""
        names = staying(self._plan)
        return [server for server in self.servers if server.name in names]

    async def check_scopes(self, server: Server, _: Step) -> bool:
        """Look whether a server serves its own clients, all of them and no others."""
        return self._is_fine(server, await cover.strange_scopes(self._relationship, server, self._hands))

    def _as_read(self, server: Server, live: Snapshot) -> Server:
        """Return a server with what was read of it in place of what the plan saw: it may be the authority that others
        follow. That its service is off is our doing where we hold it off.
        """
        switch = self._switches.get(server.name)
        if switch is not None and switch.is_holding:
            seen = server.plan.snapshot
            live = replace(live, disabled_by_user=seen.disabled_by_user, is_off_by_us=seen.is_off_by_us)
        return replace(server, plan=replace(server.plan, snapshot=located(self._relationship, live)))

    def _replace(self, server: Server) -> None:
        self.servers = [server if each.name == server.name else each for each in self.servers]

    def _is_fine(self, server: Server, failure: str | None) -> bool:
        if failure:
            self._tale.add_failure(server, failure)
        return failure is None
