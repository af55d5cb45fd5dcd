"""One relationship being changed, step by step."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.model import Deed, RelationshipPlan, Result, ServerOutcome, Stage, Step
from reconciler.planning import steps
from reconciler.running.deeds import Deeds
from reconciler.running.hands import Hands
from reconciler.running.setting import Server
from reconciler.running.stand_ins import StandIn
from reconciler.running.telling import Tale


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

    def told(self) -> tuple[ServerOutcome, ...]:
        """Return where each server stands, in the order of the plan."""
        return self._tale.outcomes(self._deeds.servers)

    async def carry_out(self) -> None:
        """Change the servers stage by stage, each stage whole or not at all, and stop where one did not reach its
        end.
        """
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
        return await self._deeds.do(step)
