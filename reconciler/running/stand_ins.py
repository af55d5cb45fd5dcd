"""The other relationships of a hub while it is set: its partner there answers the clients that the hub serves."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from reconciler.errors import EndpointError
from reconciler.model import Deed, Relationship, Result, Snapshot, Step
from reconciler.planning.places import located
from reconciler.planning.service import is_off
from reconciler.running import cover, waiting
from reconciler.running.cover import Cover
from reconciler.running.hands import WATCHING, Hands
from reconciler.running.observe import at_hand
from reconciler.running.setting import Server
from reconciler.running.telling import Tale

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class StandIn:
    """One of them: the hub, and the partner that answers for it, both as that relationship sees them."""

    relationship: Relationship
    hub: Server
    partner: Server


class StandIns:
    """All of them, for a relationship that is being changed. `do` carries out a step that is about one, and says
    whether it reached its end.
    """

    def __init__(
        self, pairs: Sequence[StandIn], hands: Hands, tale: Tale, *, meanwhile: Callable[[], Awaitable[None]]
    ) -> None:
        """`meanwhile` is called again and again by whoever waits; it calls `keep`."""
        self._pairs = {each.relationship.name: each for each in pairs}
        self._covers = {each.relationship.name: Cover(each.relationship, hands) for each in pairs}
        self._hands, self._tale = hands, tale
        self._meanwhile = meanwhile

    @property
    def is_on(self) -> bool:
        """Whether anybody answers for a hub now."""
        return any(each.is_on for each in self._covers.values())

    async def keep(self) -> None:
        """Keep those wide who answer for a hub, and narrow those whose hub is back."""
        for each in self._covers.values():
            await each.keep()

    async def keep_during(self, work: Awaitable[T], server: Server) -> T:
        """Do something to a server that takes its time, and keep those wide meanwhile that are."""
        for each in self._covers.values():
            work = each.keep_during(work, server)
        return await work

    def note_set(self, hub: str, live: Snapshot) -> None:
        """A server was set, or put back: its HA began anew, and this is what it has now."""
        for name, pair in self._pairs.items():
            if pair.hub.name == hub:
                plan = replace(pair.hub.plan, snapshot=located(pair.relationship, live))
                self._pairs[name] = replace(pair, hub=replace(pair.hub, plan=plan))
                self._covers[name].forget(pair.hub)
                self._covers[name].renew(self._pairs[name].hub)

    # ---------------------------------------------------------------------------------------------- steps

    async def do(self, step: Step) -> bool:
        """Carry out one step; where it does not reach its end, it is told of the hub why."""
        pair, by = self._pairs[step.elsewhere], self._covers[step.elsewhere]
        match step.deed:
            case Deed.AWAIT_WELL:
                return await self._await_well(pair)
            case Deed.REST | Deed.WIDEN:
                failure = await self._hand_over(pair, by, step)
                if failure and not step.is_final:
                    text = f"its clients in {step.elsewhere} can't be handed over to {pair.partner.name}: {failure}"
                    self._tale.tell(pair.hub, Result.FAILED, f"{text}; nothing was changed")
                return failure is None
            case Deed.AWAIT_NORMAL:
                failure = await self._await_normal(pair, by)
            case Deed.GIVE_BACK:
                failure = await self._give_back(pair, by, step)
            case _:
                raise ValueError(step.deed)
        if failure:
            self._tale.add_failure(pair.hub, f"in its relationship {step.elsewhere}: {failure}")
        return failure is None

    async def _await_well(self, pair: StandIn) -> bool:
        """Whether both are well, and the partner is able to answer for the hub still; where not, it is told why."""
        limit, name, by = waiting.patience_before(pair.relationship), pair.relationship.name, pair.partner
        found = await waiting.until_normal(pair.relationship, [pair.hub, by], self._hands, seconds=limit)
        try:
            is_able = bool(found) or not is_off(await at_hand(by.client, by.plan.snapshot))
        except EndpointError as error:
            is_able, found = True, [str(error)]
        if found:
            reason = f"its relationship {name}, which starts again too, is not well any more: {found[0]}"
            self._tale.tell(pair.hub, Result.NOT_ATTEMPTED, reason)
        elif not is_able:
            reason = f"{by.name}, which is to answer its clients in {name}, was switched off (dhcp-disable) meanwhile"
            self._tale.tell(pair.hub, Result.WORLD_CHANGED, reason)
        return is_able and not found

    async def _hand_over(self, pair: StandIn, by: Cover, step: Step) -> str | None:
        if by.is_on:  # it never stopped to, and goes on
            return None
        if step.deed is Deed.REST:
            return await by.rest(pair.hub)
        return await by.widen(pair.partner, until_back=pair.hub)

    async def _await_normal(self, pair: StandIn, by: Cover) -> str | None:
        """Wait until the hub answers by itself, and its partner has stopped to, which `keep` sees to."""
        began_at, limit = self._hands.clock(), self._hands.normal_within or waiting.time_limit(pair.relationship)
        both = [pair.hub, pair.partner]
        found = await waiting.until_normal(
            pair.relationship, both, self._hands, seconds=limit, lets_go_on=True, meanwhile=self._meanwhile
        )
        while not found and by.is_on and self._hands.clock() - began_at < limit:
            await self._hands.sleep(WATCHING)
            await self._meanwhile()
        if found or by.is_on:
            return "; ".join(found) or f"{pair.hub.name} answers nobody yet"
        return None

    async def _give_back(self, pair: StandIn, by: Cover, step: Step) -> str | None:
        """Let a server serve its own scopes only; not while its hub is on its way back, and nobody else would serve."""
        if step.server != pair.partner.name:
            return await by.give_back(pair.hub, [pair.partner])
        if by.is_on and not await self._can_serve(pair):
            return f"{pair.partner.name} goes on answering for it, since it is not back there; apply again"
        return await by.give_back(pair.partner, [pair.hub]) or await self._strange(pair)

    async def _can_serve(self, pair: StandIn) -> bool:
        """Whether a hub serves, or will as soon as it is asked to; where a partner holds it off, as while that one
        fetches leases, that is waited for.
        """
        began_at, limit = self._hands.clock(), self._hands.normal_within or waiting.time_limit(pair.relationship)
        while True:
            try:
                view, is_held_off = await waiting.look_closely(pair.relationship, pair.hub)
            except EndpointError:
                return False
            if view is None or waiting.complaint_of_state(pair.relationship, pair.hub, view) is not None:
                return False
            if not is_held_off or self._hands.clock() - began_at >= limit:
                return not is_held_off
            await self._hands.sleep(WATCHING)
            await self._meanwhile()

    async def _strange(self, pair: StandIn) -> str | None:
        found = await cover.strange_scopes(pair.relationship, pair.partner, self._hands)
        return f"{pair.partner.name}: {found}" if found else None
