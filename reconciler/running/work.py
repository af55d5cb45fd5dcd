"""One relationship being changed, step by step."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.errors import StateError
from reconciler.model import Deed, RelationshipPlan, Result, ServerOutcome, Stage, Step
from reconciler.planning import recovery, steps
from reconciler.running.deeds import Deeds
from reconciler.running.hands import Hands
from reconciler.running.setting import Server
from reconciler.running.stand_ins import StandIn
from reconciler.running.stopping import LeftError, while_reached
from reconciler.running.telling import Tale

_CHANGES_NOTHING = frozenset({Deed.LOOK, Deed.TELL_APART, Deed.TEST, Deed.AWAIT_WELL})
_GOES_ON = "the next apply goes on from what is on record"


class Work:
    """One relationship being changed: its steps, one after the other, and where each server stands."""

    def __init__(
        self,
        plan: RelationshipPlan,
        servers: list[Server],
        hands: Hands,
        *,
        waved: frozenset[str],
        elsewhere: Sequence[StandIn] = (),
    ) -> None:
        """`waved` and `elsewhere` are as for `Deeds`."""
        self._plan = plan
        self._hands = hands
        self._tale = Tale(plan.relationship.name, hands)
        self._deeds = Deeds(plan, servers, hands, self._tale, waved=waved, elsewhere=elsewhere)
        self._clients = [*(each.client for each in servers), *(each.partner.client for each in elsewhere)]
        self._at_hand: Step | None = None

    def told(self) -> tuple[ServerOutcome, ...]:
        """Return where each server stands, in the order of the plan."""
        return self._tale.outcomes(self._deeds.servers)

    async def carry_out(self) -> None:
        """Change the servers stage by stage, each stage whole or not at all, and stop where one did not reach its
        end. Where a person asks to stop and no server can be reached any more, all is left as it is.
        """
        try:
            await while_reached(self._carry_out(), self._clients, self._hands)
        except LeftError as error:
            self._leave(str(error))

    async def _carry_out(self) -> None:
        for stage, part in zip((None, *self._plan.stages), steps.parts(self._plan), strict=True):
            if self._is_stopped(part) or not await self._is_carried_out(stage, part):
                return

    def _is_stopped(self, part: steps.Steps) -> bool:
        """Whether a person asked to stop; between the first step of a stage and its last nobody is listened to."""
        if self._hands.stop.is_set():
            first = next(step for step in part if step.deed in {Deed.LOOK, Deed.SET})
            reason = "stopped on request before this server was touched"
            self._tale.tell(self._deeds.named(first.server), Result.NOT_ATTEMPTED, reason)
        return self._hands.stop.is_set()

    def _leave(self, why: str) -> None:
        """Say of each server what it was left with: who was in the middle of a step, or owes something, or neither."""
        owed = self._owed()
        step = self._at_hand
        for server in self._deeds.servers:
            parts = [*owed.get(server.name, ()), *self._deeds.asked_of(server)]
            is_in_it = step is not None and step.server == server.name and step.deed not in _CHANGES_NOTHING
            if parts or is_in_it:
                self._tale.add_failure(server, "; ".join([why, *parts, _GOES_ON]))
            elif server.plan.outgoing is not None and self._tale.of(server) is None:
                self._tale.tell(server, Result.NOT_ATTEMPTED, f"{why}, before this server was touched")

    def _owed(self) -> dict[str, list[str]]:
        """Return in words what the journal has open on each server. Where it can't be read, the log has said so."""
        try:
            found = recovery.of(self._plan.relationship, self._hands.journal.left())
        except StateError:
            return {}
        return {each.server: recovery.owed_words(each) for each in found}

    async def _is_carried_out(self, stage: Stage | None, part: steps.Steps) -> bool:
        self._deeds.begin(stage)
        is_whole, done = True, list[Step]()
        for step in part:
            is_done = await self._is_done(step)
            if not is_done and not step.is_final:
                if stage is not None and stage.otherwise is not None and self._deeds.is_short_of_plan:
                    instead = steps.instead_of_commands(self._plan, stage)
                    is_whole = await self._is_carried_out(stage.otherwise, instead)
                    self._deeds.tell_what_commands_left(stage.servers[0])
                    return is_whole
                if stage is not None:
                    await self._undo(stage, done, step)
                return False
            is_whole = is_whole and is_done
            done.append(step)
        return is_whole

    async def _undo(self, stage: Stage, done: list[Step], failed: Step) -> None:
        tried = [*done, failed] if failed.deed in {Deed.WIDEN, Deed.REST} else done  # it may have been carried out
        deeds = self._deeds
        if deeds.alone:
            undoing = steps.leaving_alone(self._plan, stage, tried, deeds.alone)
        else:
            undoing = steps.undoing(self._plan, stage, tried, harmed=deeds.harmed, unsure=deeds.unsure)
        for step in undoing:
            await self._is_done(step)

    async def _is_done(self, step: Step) -> bool:
        """Carry out one step, forwards or backwards: the one place at which every step begins and ends."""
        self._at_hand = step
        return await self._deeds.do(step)
