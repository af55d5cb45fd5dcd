"""One round over a group of relationships: look, decide, do what may be done, look again, and tell.

Reading, planning and applying are those of every other command. What is new here is only what is kept between rounds.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from reconciler.errors import LockedError, StateError
from reconciler.kea.ha import heartbeat_delay
from reconciler.model import (
    Endpoint,
    Event,
    EventKind,
    Leftover,
    Plan,
    Probe,
    RelationshipPlan,
    Unmanaged,
    WatchMode,
)
from reconciler.planning.authority import acting
from reconciler.planning.recovery import PASSING
from reconciler.planning.status import statuses, until_proved
from reconciler.reports.text_shown import shown
from reconciler.running.planned import planned
from reconciler.state.events import begun
from reconciler.state.fights import keep_fought
from reconciler.state.runs import Store, holder, user
from reconciler.state.shown import keep_shown
from reconciler.watching import telling
from reconciler.watching.acting import COMMAND, Acting, Deed
from reconciler.watching.edges import Edges
from reconciler.watching.fights import WINDOW, contested_of, disputes, kept
from reconciler.watching.findings import (
    Findings,
    Remarks,
    Subject,
    events,
    glimpsed,
    lasting,
    of_failure,
    of_lost,
    of_watched,
)
from reconciler.watching.grouping import Group
from reconciler.watching.memory import Memory, remembered
from reconciler.watching.parts import with_parts
from reconciler.watching.reading import LiveWorld, Reader, looks_same
from reconciler.watching.records import Look, Record, is_quiet, new_record, seen
from reconciler.watching.ruling import Rules, ruling
from reconciler.watching.steadiness import presence, still_to_prove
from reconciler.watching.timing import FIRST, pause, spread

_log = logging.getLogger("reconciler.watching")
_LONG = 300.0  # seconds for which somebody else may be at work on servers before they are looked at all the same
Approved = Callable[[Plan], Collection[str]]


def nothing_approved(_: Plan) -> Collection[str]:
    """Return the codes of objections that are approved of a plan: none."""
    return ()


@dataclass(frozen=True, slots=True)
class Habits:
    """How the daemon goes about it: what it may do, at which pace in seconds, for how many seconds a primary that was
    away has to answer before it is the truth again, and how often an hour a relationship may be changed.
    """

    mode: WatchMode = WatchMode.REPORT
    interval: float = 60.0
    steady: float = 60.0
    writes_per_hour: int = 10


@dataclass(frozen=True, slots=True)
class _Picture:
    """A group as it was read and planned the last time."""

    group: Group
    plan: Plan
    read: LiveWorld

    def still_holds(self, group: Group, read: LiveWorld) -> bool:
        """Whether the plan of now would be the same: there was nothing to do, and nothing moved since."""
        return (
            self.group is group
            and all(map(is_quiet, self.plan.relationships))
            and self.read.keys() == read.keys()
            and all(looks_same(self.read[key], read[key]) for key in read)
        )


def _unseen(record: Record, look: Look) -> Findings:
    """Return what was told and can't be seen now. That something waits, or is contested, lasts as long as something
    differs; that the primary has to prove itself, or that there were too many changes, as long as it is so, be there
    something to do or not.
    """
    lasts = {
        EventKind.UNSTEADY: look.rules.unsteady > 0,
        EventKind.CAPPED: look.rules.is_capped or bool(look.rules.unreadable),
    }
    differs = bool(record.watched.drift or record.watched.changes)
    lasts |= dict.fromkeys(look.unknown & {EventKind.WAITING, EventKind.CONTESTED}, differs)
    return {kind: each for kind, each in record.findings.items() if lasts.get(kind)}


class Rounds:
    """All that is known of the relationships, by name, and how it becomes more.

    `approved` tells the codes of objections that are approved of a plan. A group must not be given to `once` while it
    is at it already. Raises StateError where what was told before can't be read.
    """

    def __init__(
        self,
        edges: Edges,
        habits: Habits,
        store: Store,
        reader: Reader,
        tell: Callable[[Event], None],
        approved: Approved = nothing_approved,
    ) -> None:
        self._edges, self._habits, self._store, self._reader = edges, habits, store, reader
        self._tell, self._approved = tell, approved
        self._acting = Acting(edges, store)
        self.records: dict[str, Record] = {}
        self.unmanaged: tuple[Unmanaged, ...] = ()
        self.at_work: set[tuple[str, ...]] = set()  # groups, by their names, that must not be cut off
        self._busy_since: dict[tuple[str, ...], float] = {}  # when somebody else was first seen at work
        self._free: tuple[Endpoint, ...] = ()  # those that no relationship names
        self._pictures: dict[tuple[str, ...], _Picture] = {}
        self._shown: dict[tuple[str, ...], set[str]] = {}  # which relationships a group told of
        self._lost: dict[tuple[str, ...], str] = {}  # why nothing is known of what was done before, by group
        self._findings: Findings = {}  # what was told of that, of no relationship
        self._begun = begun(store)  # since when what an earlier daemon told of lasts, until it is known here

    def adopt(self, groups: Sequence[Group]) -> None:
        """Work with these groups from now on: forget what is not among them; what was seen of those that are stays."""
        named = {name for group in groups for name in group.names}
        self._free = next((group.endpoints for group in groups if group.is_rest), ())
        revision = next((group.desired.revision for group in groups), "")
        for name in set(self.records) - named - self._shown.get((), set()):
            self._end(name, revision)
        for group in groups:
            for each in group.desired.relationships:
                if each.name in group.names and each.name not in self.records:
                    since = self._begun.pop(f"{EventKind.DRIFT}:{each.name}", None)
                    record = new_record(each.name, each.service)
                    record.watched = replace(record.watched, drifted_since=since)
                    self.records[each.name] = record
        own = {group.names: group for group in groups}
        self._lost = {names: reason for names, reason in self._lost.items() if names in own}
        self._pictures = {names: each for names, each in self._pictures.items() if own.get(names) is each.group}
        self._shown = {(): self._shown.get((), set())}

    def stop(self) -> None:
        """Begin nothing new; what is under way is left in order after the step at hand."""
        self._acting.stop()

    async def once(self, group: Group, *, is_eager: bool = False) -> float:
        """Look at a group, do what may be done, and return in how many seconds to look again.

        `is_eager`: servers that failed lately are asked too, whether it is their turn or not.
        """
        busy = self._busy(group)
        if busy is not None:  # what is seen in the middle of somebody's apply is no drift
            _log.info("%s: %s is at work there; looking again later", ", ".join(group.names), busy)
            since = self._busy_since.setdefault(group.names, self._edges.clock())
            if self._edges.clock() - since > _LONG:  # it may hang, and nobody would hear of what happens meanwhile
                await self._look(group, is_eager=is_eager)
            return pause(1, self._edges.chance())
        self._busy_since.pop(group.names, None)
        _, looks = await self._look(group, is_eager=is_eager)
        if any(look.due for look in looks) and not self._acting.is_stopping:
            self.at_work.add(group.names)
            try:
                looks = await self._act(group, looks)
            finally:
                self.at_work.discard(group.names)
        return self._next(group, looks)

    def failed(self, group: Group, reason: str) -> None:
        """Put it on the board and tell that a round came to nothing. What stands on the board besides stays."""
        for name in group.names:
            record = self.records.get(name)
            if record is None:
                continue
            record.troubled += 1
            record.watched = replace(record.watched, failures=record.failures or record.troubled)
            found = {**record.findings, EventKind.FAILED: of_failure(name, reason)}
            subject = Subject(group.desired.revision, name, record.watched.service)
            self._tell_findings(record, found, subject, self._edges.wall())

    def _busy(self, group: Group) -> str | None:
        try:
            return holder(self._store, {each.control for each in group.endpoints})
        except StateError:  # the look says so, and nothing is done
            return None

    # ----------------------------------------------------------------------------------------- looking

    async def _look(
        self,
        group: Group,
        *,
        is_eager: bool = False,
        also: Iterable[Endpoint] = (),
        left: Sequence[Leftover] | None = None,
    ) -> tuple[Plan, list[Look]]:
        """Read and plan a group, decide, and put it on the board. `also` are further endpoints that are read anew;
        `left` is what runs left open, where that is known. Returns the plan, and what was decided of each relationship.
        """
        began = self._edges.clock()
        memory = remembered(self._store, self._edges.wall(), left)
        own = [each for each in memory.left if group.has(each.relationship)]
        read = await self._reader.read({*group.endpoints, *also}, is_eager=is_eager)
        around = self._reader.live if group.is_rest else self._reader.known(self._free)
        read = {**around, **read}
        before = self._pictures.get(group.names)
        still_holds = before is not None and not own and before.still_holds(group, read)
        if before is not None and still_holds and await self._finds_the_same(before.plan):
            made, live = before.plan, read
        else:
            made, found = await planned(group.desired, read, self._reader.open, self._edges.probe, own)
            live = dict(found)
            self._pictures[group.names] = _Picture(group, made, read)
        looks = list(self._judged(made, live, memory, self._edges.clock() - began))
        looks = await with_parts(looks, group.desired, live, made, self._rules_of_part, own)
        lost = [look.rules.unreadable for look in looks if look.rules.unreadable]
        self._tell_of_memory(group, memory.unreadable or next(iter(lost), ""))
        self._show(group, made, looks)
        return made, looks

    async def _finds_the_same(self, made: Plan) -> bool:
        """Whether servers listen still where they did when a plan was made: of those without a partner nobody else
        tells. Where nothing answered then, that would only take its time again.
        """
        urls = [url for url, found in made.probes.items() if found not in {Probe.NO_ANSWER, Probe.NOT_TRIED}]
        return not urls or (await self._edges.probe(urls)).items() <= made.probes.items()

    def _judged(self, made: Plan, live: LiveWorld, memory: Memory, seconds: float) -> Iterable[Look]:
        """Yield for each relationship what it is like and what may be done about it."""
        now, at = self._edges.clock(), self._edges.wall()
        told = {each.name: each for each in statuses(made, live)}
        has_objections = any(each.objections for each in made.relationships)
        approved = self._approved(made) if has_objections else ()
        for plan in made.relationships:
            relationship = plan.relationship
            name, service = relationship.name, relationship.service
            if name not in told:  # it is absent, and gone from everywhere
                continue
            record = self._record(plan)
            rules = Rules(
                mode=self._habits.mode,
                approved=approved,
                suspension=memory.suspended.get(name),
                unsteady=self._to_prove(record, plan, told[name].primary, live),
                writes=memory.written.get((name, service.value), 0),
                most_writes=self._habits.writes_per_hour,
                resting=record.rests_until - now,
                unreadable=memory.unreadable,
            )
            rules = self._rules_of_part(plan, rules)
            if rules.unreadable:  # what was known stays so
                rules = replace(rules, suspension=record.watched.suspension, contested=record.watched.contested)
            status = replace(told[name], suspension=rules.suspension, contested=rules.contested)
            decided, before = ruling(plan, rules), record.watched.status
            was_away = before is not None and before.authority not in {None, before.primary}
            if decided.unsteady or (was_away and rules.unsteady > 0):
                status = until_proved(status, plan, live)
            yield Look(plan, status, rules, decided, at, seconds)

    def _to_prove(self, record: Record, plan: RelationshipPlan, primary: str | None, live: LiveWorld) -> float:
        """Note who answers since when, and return for how many seconds more the primary has to prove itself where it is
        the truth of a plan.
        """
        relationship, now = plan.relationship, self._edges.clock()
        keys = ((peer.server, relationship.service) for peer in relationship.peers)
        peers = {key[0]: live[key] for key in keys if key in live}  # of what was left, one may be no server any more
        record.presences = {name: presence(record.presences.get(name), each, now) for name, each in peers.items()}
        if primary is None or plan.authority.server != primary:
            return 0.0
        found, needed = record.presences[primary], self._habits.steady
        if not still_to_prove(found, None, needed, now):
            return 0.0
        partner = acting(relationship, peers).partner
        return still_to_prove(found, peers.get(partner.server) if partner else None, needed, now)

    def _rules_of_part(self, part: RelationshipPlan, rules: Rules) -> Rules:
        if rules.unreadable:
            return rules
        try:
            found = contested_of(part, self._store.database, self._store.directory, self._edges.wall())
        except StateError as error:
            return replace(rules, unreadable=str(error))
        return replace(rules, contested=tuple(each.words for each in found), staying=kept(part, found))

    # ------------------------------------------------------------------------------------------ acting

    async def _act(self, group: Group, looks: list[Look]) -> list[Look]:
        """Have the servers for ourselves, look once more, carry out what may be, and look at what became of it."""
        due = [look.due for look in looks if look.due]
        concerned = {endpoint for each in due for endpoint in each.endpoints}
        concerned |= {there.partner.snapshot.endpoint for each in due for there in each.elsewhere}
        known = group.desired.endpoints  # of what was left, one may be no server any more, or be elsewhere
        asked = [known[key] for key in sorted({(each.server, each.service) for each in concerned}) if key in known]
        deeds: list[Deed] = []
        failure = ""
        try:
            with self._acting.claimed({*group.endpoints, *concerned}, group.desired.revision) as journal:
                made, anew = await self._look(group, also=asked, left=journal.left())
                fresh = [look for look in anew if look.due]
                chosen = replace(made, relationships=tuple(look.due for look in fresh if look.due))
                self._mark_at_work(fresh, is_at_work=True)
                try:
                    deeds = await self._acting.carry_out(chosen, journal, fresh[0].rules.approved if fresh else ())
                finally:
                    self._mark_at_work(fresh, is_at_work=False)
        except LockedError as error:  # somebody was quicker
            _log.info("%s", error)
            return looks
        except StateError as error:
            failure = str(error)
        for deed in deeds:
            self._note(deed, group.desired.revision)
        for look in looks:
            if failure and look.due:
                self._fail(self._record(look.plan), failure)
        return looks if self._acting.is_stopping else (await self._look(group, also=asked))[1]

    def _mark_at_work(self, looks: Iterable[Look], *, is_at_work: bool) -> None:
        for look in looks:
            record = self._record(look.plan)
            record.watched = replace(record.watched, is_at_work=is_at_work)

    def _note(self, deed: Deed, revision: str) -> None:
        """Keep what was done, and what failed; and tell it."""
        record = self._record(deed.plan)
        try:
            keep_fought(self._store, deed.plan.relationship.name, disputes(deed.applied), self._edges.wall(), WINDOW)
        except StateError as error:
            _log.error("what was put right can't be remembered: %s", error)
        record.shown = ""
        if deed.has_changed:
            record.watched = replace(record.watched, applied_at=self._edges.wall())
        if deed.has_failed:
            self._fail(record, telling.failure(deed))
        elif not deed.is_interrupted:
            self._recover(record)
        self._tell(telling.applied(deed, self._edges.wall(), revision))

    def _record(self, plan: RelationshipPlan) -> Record:
        """Return what is kept of a relationship, be it one that desired lost in the middle of a round."""
        relationship = plan.relationship
        return self.records.setdefault(relationship.name, new_record(relationship.name, relationship.service))

    def _fail(self, record: Record, reason: str) -> None:
        record.failures += 1
        record.failure = reason
        record.rests_until = self._edges.clock() + pause(record.failures, self._edges.chance())

    @staticmethod
    def _recover(record: Record) -> None:
        record.failures, record.failure, record.rests_until = 0, "", 0.0

    # ----------------------------------------------------------------------------------------- telling

    def _show(self, group: Group, made: Plan, looks: Sequence[Look]) -> None:
        """Put what was found on the board, and tell what is new about it."""
        names = {look.plan.relationship.name for look in looks}
        for name in self._shown.get(group.names, set()) - names:
            self._end(name, made.revision)
        self._shown[group.names] = names
        if group.is_rest:
            self.unmanaged = made.unmanaged
        for look in looks:
            record = self._record(look.plan)
            if is_quiet(look.plan):
                record.shown = ""
            if is_quiet(look.plan) or look.part.is_level:
                self._recover(record)
            record.troubled = record.troubled + 1 if look.rules.unreadable else 0
            is_settled = PASSING.isdisjoint(each.code for each in look.plan.objections)
            if look.due is None and is_settled and not look.rules.unreadable:
                self._remember(look, made)
            failures = record.failures or record.troubled or self._reader.failures(group.endpoints)
            record.watched = seen(record.watched, look, failures)
            record.unknown = look.unknown
            subject = Subject(made.revision, record.watched.name, record.watched.service)
            remarks = Remarks(look.asks, look.ruling.unsteady, look.ruling.capped, record.failure)
            found = {**_unseen(record, look), **of_watched(record.watched, remarks)}
            apart = max(FIRST, heartbeat_delay(look.plan.relationship))  # servers become others at their heartbeats
            self._tell_findings(record, found, subject, look.at, apart)

    def _tell_of_memory(self, group: Group, unreadable: str) -> None:
        """Tell once that the state directory can't be read, whichever groups find so, and when none does any more."""
        if unreadable:
            self._lost[group.names] = unreadable
        else:
            self._lost.pop(group.names, None)
        found: Findings = {EventKind.FAILED: of_lost(next(iter(self._lost.values())))} if self._lost else {}
        for event in events(self._findings, found, Subject(group.desired.revision), self._edges.wall()):
            self._tell(event)
        self._findings = found

    def _tell_findings(
        self, record: Record, found: Findings, subject: Subject, at: datetime, apart: float = FIRST
    ) -> None:
        now = self._edges.clock()
        record.glimpse = glimpsed(record.glimpse, found, now)
        told = lasting(record.findings, found, now - record.glimpse.since if record.glimpse else 0.0, apart)
        for event in events(record.findings, told, subject, at):
            self._tell(event)
        record.findings = told

    def _remember(self, look: Look, made: Plan) -> None:
        """Keep a plan in the history that is only told; that it can't be kept is said, and stops nothing."""
        alone = replace(made, relationships=(look.plan,))
        record = self._record(look.plan)
        for each in shown(alone, COMMAND, user(), look.at, self._edges.scrub):
            if each.mark != record.shown:
                try:
                    keep_shown(self._store, each)
                    record.shown = each.mark
                except StateError as error:
                    _log.error("a plan can't be remembered: %s", error)

    def _end(self, name: str, revision: str) -> None:
        """Take a relationship off the board, with all that lasted about it."""
        record = self.records.pop(name, None)
        if record is not None:
            subject = Subject(revision, name, record.watched.service)
            told = record.findings.items()  # which is not to say that it would not last
            ending = {kind: replace(each, ended=f"not watched any more: {each.summary}") for kind, each in told}
            for event in events(ending, {}, subject, self._edges.wall()):
                self._tell(event)

    def _next(self, group: Group, looks: Sequence[Look]) -> float:
        """Return in how many seconds to look again, and put that on the board."""
        now, chance = self._edges.clock(), self._edges.chance
        seconds = [spread(self._habits.interval, chance())]
        retry = self._reader.next_try(group.endpoints)
        if retry is not None:
            seconds.append(max(0.0, retry - now))
        for look in looks:
            record = self._record(look.plan)
            record.hurried = record.hurried + 1 if look.is_passing else 0
            if record.hurried:
                seconds.append(pause(record.hurried, chance()))
            if look.ruling.unsteady or look.is_settling:
                seconds.append(look.rules.unsteady)
            if record.rests_until > now:
                seconds.append(record.rests_until - now)
            if look.due:
                seconds.append(pause(1, chance()))
        due = min(seconds)
        for look in looks:
            record = self._record(look.plan)
            record.watched = replace(record.watched, next_look=self._edges.wall() + timedelta(seconds=due))
        return due
