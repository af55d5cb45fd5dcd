"""What the daemon may do about a relationship's plan by itself, and if nothing, why."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from reconciler.kea.keeping import ObjectPath
from reconciler.model import Cause, Objection, Procedure, RelationshipPlan, Suspension, WatchMode
from reconciler.planning.recovery import PASSING
from reconciler.planning.server_plan import stamp_of
from reconciler.planning.status import HOLDING
from reconciler.planning.terminated import has_terminated
from reconciler.planning.verdict import unapproved
from reconciler.reports.numbers import count
from reconciler.reports.text_status import suspension_words


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds for one relationship now. `approved` are codes of objections; `unsteady` is for how many seconds more
    the primary has to prove itself, where it is the truth; `contested` are objects in words, and `staying` those that
    can stay as they are while all else goes on, as `Relationship.contested` has it; `writes` are how often it was
    changed within the last hour, of at most `most_writes`. `resting` is for how many seconds nothing is tried after a
    try that failed. `unreadable` is why nothing is known of what was done before, empty where it is.
    """

    mode: WatchMode
    approved: Collection[str] = ()
    suspension: Suspension | None = None
    unsteady: float = 0.0
    contested: tuple[str, ...] = ()
    staying: Mapping[str, tuple[ObjectPath, ...]] = field(default_factory=dict)
    writes: int = 0
    most_writes: int = 10
    resting: float = 0.0
    unreadable: str = ""

    @property
    def is_capped(self) -> bool:
        """Whether it was changed as often as it may be."""
        return self.writes >= self.most_writes


@dataclass(frozen=True, slots=True)
class Ruling:
    """Whether a plan is to be carried out now, and else why it is not: `waits`, empty where there is nothing to do.

    `is_passing`: what it waits for comes by itself within seconds, such as a server's normal state. `asks` are those of
    the reasons for which a person has to do something, `unsteady` and `capped` those that say so.
    """

    may: bool = False
    waits: tuple[str, ...] = ()
    is_passing: bool = False
    asks: tuple[str, ...] = ()
    unsteady: str = ""
    capped: str = ""


def ruling(plan: RelationshipPlan, rules: Rules) -> Ruling:
    """Return what may be done about a plan.

    | the plan                                   | report | replicate          | enforce            |
    |--------------------------------------------|--------|--------------------|--------------------|
    | has nothing to do                          |        |                    |                    |
    | can't be made, and puts nothing right      | waits  | waits              | waits              |
    | has an objection that nobody approved      | waits  | waits              | waits              |
    | is held back (suspended, contested, ...)   | waits  | waits              | waits              |
    | changes something because of git           | waits  | waits              | is carried out     |
    | changes only what drifted, or mends        | waits  | is carried out     | is carried out     |
    """
    if plan.unplanned is None and not (plan.has_changes or plan.mends):
        return Ruling()
    if plan.unplanned is not None and not plan.mends:
        return Ruling(
            waits=(plan.unplanned,),
            is_passing=bool(plan.unreachable),
            asks=tuple(_asked_unplanned(plan, plan.unplanned)),
        )
    objections = unapproved(plan, rules.approved) if plan.has_changes else ()
    codes = {each.code for each in objections}
    unsteady, capped = _unsteady(plan, rules), _capped(rules)
    held = tuple(filter(None, (*_held(plan, rules), unsteady, capped)))
    if plan.left and codes <= PASSING and not held:  # what was left half done is finished whatever the servers' states
        return Ruling(may=True)
    told = {each.code: _words(each) for each in objections}
    passing = frozenset() if has_terminated(plan) else PASSING
    reasons = (*told.values(), *held)
    return Ruling(
        may=not reasons,
        waits=reasons,
        is_passing=bool(codes) and codes <= passing and not held,
        asks=tuple(text for code, text in told.items() if code not in passing),
        unsteady=unsteady,
        capped=capped,
    )


def _asked_unplanned(plan: RelationshipPlan, unplanned: str) -> Iterator[str]:
    """Yield for what a person has to do something before anything can be planned. Servers that are away come back by
    themselves, and much of what is in the way while they are may then be gone.
    """
    if not plan.unreachable:
        yield unplanned
    yield from {each.code: _words(each) for each in plan.objections if each.code in HOLDING}.values()


def _words(objection: Objection) -> str:
    return f"{objection.code}: {objection.message}; {objection.advice}"


def _held(plan: RelationshipPlan, rules: Rules) -> Iterator[str]:
    """Yield what keeps the daemon from a plan that could be carried out."""
    is_asked = any(change.cause is Cause.GIT for server in plan.servers for change in server.changes)
    if rules.mode is WatchMode.REPORT:
        yield "the mode is report: nothing is changed; `kea-reconciler apply` would"
    if rules.mode is WatchMode.REPLICATE and is_asked:
        yield "desired changed, and the mode is replicate: `kea-reconciler apply` does it"
    if rules.unreadable:
        yield f"nothing is changed as long as nothing is known of earlier runs: {rules.unreadable}"
    if rules.suspension is not None:
        yield suspension_words(rules.suspension)
    if rules.contested:
        yield f"contested: {'; '.join(rules.contested)} drifted back again and again: somebody else sets it"
    if rules.resting > 0:
        yield f"the last try failed; the next is due in {round(rules.resting) or 1} s"


def _unsteady(plan: RelationshipPlan, rules: Rules) -> str:
    """Return that the primary has to prove itself before its data may overwrite others' again."""
    truth = plan.authority.server
    others = [server.snapshot for server in plan.servers if server.peer.server != truth]
    stands = any(stamp_of(plan.relationship, each) is not None for each in others)
    is_owed = any(each.is_owed for each in plan.left)  # clients may be waiting for what an earlier run began
    if rules.unsteady <= 0 or is_owed or not (stands or plan.procedure is Procedure.MODIFY):
        return ""
    return f"{truth} came back; it is the truth again once it has answered for {round(rules.unsteady) or 1} s more"


def _capped(rules: Rules) -> str:
    if not rules.is_capped:
        return ""
    return f"it was changed {count(rules.writes, 'time')} within an hour, which is the most that is allowed"
