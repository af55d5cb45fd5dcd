"""The other relationships of a hub while its HA begins anew in one: who answers the clients there that it serves."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from reconciler.model import Deed, Elsewhere, Relationship, Step
from reconciler.planning.steps import handing_over, taking_back
from reconciler.running.hands import Hands
from reconciler.running.setting import Server
from reconciler.running.stand_ins import StandIn, StandIns
from reconciler.running.telling import Tale


class Beside:
    """All of them, during an operation, by the same steps as during an apply. A reset restarts the HA of one
    relationship only: in the others the hub serves nobody until it is asked to again.
    """

    def __init__(
        self,
        relationship: Relationship,
        pairs: Sequence[StandIn],
        hands: Hands,
        *,
        meanwhile: Callable[[], Awaitable[None]],
    ) -> None:
        """`pairs` are the hub and its partner in each, with open clients; `meanwhile` is as for `StandIns`."""
        self._name = relationship.name
        self._hands = hands
        self._tale = Tale(relationship.name, hands)
        self._stand_ins = StandIns(pairs, hands, self._tale, meanwhile=meanwhile)
        self._done: list[Step] = []

    @property
    def is_on(self) -> bool:
        """Whether anybody answers for the hub now."""
        return self._stand_ins.is_on

    async def keep(self) -> None:
        """Keep those wide who answer for the hub; to be called again and again while we wait."""
        await self._stand_ins.keep()

    async def begin(self, elsewhere: Sequence[Elsewhere]) -> str | None:
        """Let the partners answer. Returns why one can't; `end` then gives back what was handed over before that."""
        for there in elsewhere:
            hub, by = there.hub.peer.server, there.partner.peer.server
            self._hands.say(f"{self._name}: {by} takes over the clients of {hub} in {there.relationship.name}")
            for step in handing_over(there):
                self._done.append(step)
                if not await self._stand_ins.do(step):
                    return "; ".join(self._tale.failures(hub))
        return None

    async def keep_through(self, work: Awaitable[str | None], hub: Server) -> str | None:
        """Do what sets the hub, whose HA then begins anew in the other relationships too, and keep those wide meanwhile
        who answer for it. Returns why that failed, as `work` does.
        """
        failure = await self._stand_ins.keep_during(work, hub)
        if failure is None:
            self._stand_ins.note_set(hub.name, hub.plan.snapshot)
            self._done.append(Step(Deed.SET, hub.name))
        return failure

    async def end(self, elsewhere: Sequence[Elsewhere]) -> tuple[str, ...]:
        """Let the hub answer by itself again. Where it is not back its partner goes on to, and the hub is not asked to.
        Returns what failed besides what `begin` said.
        """
        known = {each.hub.peer.server: self._tale.failures(each.hub.peer.server) for each in elsewhere}
        for there in elsewhere:
            for step in taking_back(there, self._done):
                if not await self._stand_ins.do(step):
                    break
        return tuple(each for hub, said in known.items() for each in self._tale.failures(hub)[len(said) :])
