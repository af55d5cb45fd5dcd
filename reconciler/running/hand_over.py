"""A server answers its partner's clients while that one's HA begins anew, as in the hand-over of an apply."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TypeVar

from reconciler.model import Relationship
from reconciler.planning.silence import LONGEST, may_be_silenced
from reconciler.running.cover import Cover, is_serving, strange_scopes
from reconciler.running.hands import Hands
from reconciler.running.setting import Server
from reconciler.running.switch import ServiceSwitch

T = TypeVar("T")


class HandOver:
    """One server, `by`, that answers for another, which is `covered`.

    Never do both answer the same clients (see `planning.steps`): the other's DHCP service is off from before this one
    answers for it until after it has stopped to. A hub's is never switched off; it gives up its scopes of the
    relationship instead, and its partner stops to answer for it as soon as it serves them again by itself.
    """

    def __init__(self, relationship: Relationship, covered: Server, by: Server, hands: Hands) -> None:
        self._relationship = relationship
        self._covered = covered
        self._by = by
        self._hands = hands
        self._cover = Cover(relationship, hands)
        is_alone = may_be_silenced(covered.peer, covered.plan.snapshot)
        self._switch = ServiceSwitch(covered, hands) if is_alone else None

    async def begin(self) -> str | None:
        """Let the one answer for the other. Returns why that failed; then each serves its own, as far as can be."""
        by, covered = self._by, self._covered
        self._hands.say(f"{self._relationship.name}: {by.name} takes over the clients of {covered.name}")
        if self._switch is not None:
            failure = await self._switch.off(seconds=LONGEST)
            if failure:
                return f"{covered.name}: {failure}; nothing else was sent"
            failure = await self._cover.widen(by)
        else:
            failure = await self._cover.rest(covered) or await self._cover.widen(by, until_back=covered)
        if failure is None:
            return None
        why = f"{by.name} can't answer the clients of {covered.name} meanwhile: {failure}"
        return "; ".join([why, *await self._each_its_own()])

    async def keep(self) -> None:
        """Keep the one off and the other wide; to be called again and again while we wait."""
        if self._switch is not None:
            await self._switch.keep()
        await self._cover.keep()

    async def keep_through(self, work: Awaitable[T]) -> T:
        """Do what sets the one, and keep it off and the other wide meanwhile."""
        setting_it = work if self._switch is None else self._switch.keep_through(work)
        return await self._cover.keep_during(setting_it, self._covered)

    async def end(self, *, is_back: bool) -> tuple[str, ...]:
        """Let each serve its own again; one that answers for a server which is not back, nor serves since it takes the
        other for dead, goes on to. Returns what a person has to know of it, nothing where all is as before.
        """
        if is_back or await is_serving(self._relationship, self._covered):
            failures = await self._each_its_own()
            for each in (self._covered, self._by) if is_back else ():
                strange = await strange_scopes(self._relationship, each, self._hands)
                failures += [f"{each.name}: {strange}"] if strange else []
            return tuple(failures)
        failure = await self._switch.on() if self._switch is not None else None
        goes_on = (
            f"{self._by.name} goes on answering the clients of {self._covered.name}; once both are normal, "
            "`kea-reconciler apply` gives each its own"
        )
        return (*([f"{self._covered.name}: {failure}"] if failure else []), goes_on)

    async def _each_its_own(self) -> list[str]:
        """First the one that answers for the other stops to. Returns what failed."""
        by, covered = self._by, self._covered
        found = [(by, await self._cover.give_back(by, [covered]))]
        back = self._switch.on() if self._switch is not None else self._cover.give_back(covered, [by])
        found.append((covered, await back))
        return [f"{server.name}: {failure}" for server, failure in found if failure]
