"""Carrying out what the daemon may: with the servers for itself, and a journal, for this one pass."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace

from reconciler.model import Endpoint, Plan, RelationshipOutcome, RelationshipPlan, Result
from reconciler.planning.verdict import ExitCode, of_outcomes
from reconciler.running.apply import apply
from reconciler.running.hands import Hands
from reconciler.state.journal import Journal
from reconciler.state.retention import forget
from reconciler.state.runs import Run, Store
from reconciler.watching.edges import Edges

COMMAND = "kea-reconciler watch"
_log = logging.getLogger("reconciler.watching")
_CHANGED = {Result.APPLIED, Result.MENDED}
_NO_FAILURE = {ExitCode.OK, ExitCode.WORLD_CHANGED, ExitCode.BLOCKED}


@dataclass(frozen=True, slots=True)
class Deed:
    """What was planned for a relationship, and what became of it; `entry` is its id in the history."""

    plan: RelationshipPlan
    outcome: RelationshipOutcome
    is_interrupted: bool
    entry: int | None = None

    @property
    def applied(self) -> RelationshipPlan:
        """The part of the plan that was carried out."""
        done = {each.server for each in self.outcome.servers if each.result is Result.APPLIED}
        return replace(self.plan, servers=tuple(each for each in self.plan.servers if each.peer.server in done))

    @property
    def has_changed(self) -> bool:
        """Whether any server is another one now."""
        return any(each.result in _CHANGED for each in self.outcome.servers)

    @property
    def has_failed(self) -> bool:
        """Whether it did not reach its goal, without anybody else's doing. A server that can't be read was no goal."""
        away = {each.endpoint.server for each in self.plan.unreachable}
        tried = tuple(each for each in self.outcome.servers if each.server not in away)
        return not self.is_interrupted and of_outcomes([replace(self.outcome, servers=tried)]) not in _NO_FAILURE


class Acting:
    """All that is being carried out. `stop` ends it after the steps at hand, and nothing is begun afterwards."""

    def __init__(self, edges: Edges, store: Store) -> None:
        self._edges, self._store = edges, store
        self._under_way: list[Hands] = []
        self.is_stopping = False

    def stop(self) -> None:
        """Begin nothing new; what is under way is left in order after the step at hand."""
        if self._under_way and not self.is_stopping:
            _log.info("stopping: the step at hand is finished first, which can take a few minutes")
        self.is_stopping = True
        for hands in self._under_way:
            hands.stop.set()

    @contextlib.contextmanager
    def claimed(self, endpoints: Iterable[Endpoint], revision: str) -> Iterator[Journal]:
        """Have these endpoints for this pass alone, with a journal of what is sent to them.

        Raises LockedError where another run has one of them, and StateError.
        """
        run = Run(self._store, COMMAND, revision)
        code: int | None = None
        try:
            run.claim({endpoint.control for endpoint in endpoints}, 0)
            forget(self._store)
            yield Journal(self._store, run, scrub=self._edges.scrub)
            code = int(ExitCode.OK)
        finally:
            run.end(code)

    async def carry_out(self, plan: Plan, journal: Journal, approved: Collection[str]) -> list[Deed]:
        """Carry out a plan, and return what became of each of its relationships."""
        if self.is_stopping or not plan.relationships:
            return []
        hands = self._edges.hands(journal, _log.info)
        self._under_way.append(hands)
        try:
            outcomes = await apply(plan, hands, approved)
        finally:
            self._under_way.remove(hands)
        is_interrupted = hands.stop.is_set()
        return [
            Deed(each, told, is_interrupted, journal.entry(each.relationship.name, each.relationship.service))
            for each, told in zip(plan.relationships, outcomes, strict=True)
        ]
