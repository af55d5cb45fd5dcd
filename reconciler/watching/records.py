"""What is kept of one relationship between two looks at it, and what of that stands on the board."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from reconciler.model import (
    Cause,
    Change,
    EventKind,
    RelationshipPlan,
    RelationshipStatus,
    ServerPlan,
    Service,
    Watched,
)
from reconciler.reports.text_changes import cause_words, change_lines
from reconciler.watching.findings import Findings, Glimpse
from reconciler.watching.ruling import Rules, Ruling
from reconciler.watching.steadiness import Presence

_LINES = 50  # of a relationship's drift on the board and in events


@dataclass(slots=True)
class Record:
    """One relationship. `failures` are applies in a row that failed, `hurried` rounds in a row that ended with it
    waiting for what comes by itself, `troubled` looks in a row that failed themselves or found no memory of what was
    done before; `failure` is what failed last, and `rests_until` when that may be tried again. `presences` are since
    when which server answers, by its name. `findings` are what was told to last, `glimpse` since when looks find the
    status that the last one found, and `unknown` what that could not tell. `shown` is the mark of the plan that was
    kept last.
    """

    watched: Watched
    presences: dict[str, Presence] = field(default_factory=dict)
    findings: Findings = field(default_factory=dict)
    glimpse: Glimpse | None = None
    unknown: frozenset[EventKind] = frozenset()
    failures: int = 0
    hurried: int = 0
    troubled: int = 0
    failure: str = ""
    rests_until: float = 0.0
    shown: str = ""


def new_record(name: str, service: Service) -> Record:
    """Return what is known of a relationship before the first look."""
    return Record(Watched(name, service))


@dataclass(frozen=True, slots=True)
class Part:
    """What of a plan may be carried out although the whole may not: another plan, or none, and why that waits too;
    `is_passing` and `asks` as in `Ruling`. `left_alone` says what besides contested objects is left with them, and why;
    `is_level` that nothing is due but what is contested.
    """

    plan: RelationshipPlan | None = None
    waits: str = ""
    is_passing: bool = False
    asks: tuple[str, ...] = ()
    left_alone: tuple[str, ...] = ()
    is_level: bool = False


@dataclass(frozen=True, slots=True)
class Look:
    """One look at a relationship: what it is like, what is to be done, and what may be. `at` is when it was over."""

    plan: RelationshipPlan
    status: RelationshipStatus | None
    rules: Rules
    ruling: Ruling
    at: datetime
    seconds: float
    part: Part = Part()

    @property
    def due(self) -> RelationshipPlan | None:
        """What is to be carried out now: the plan, a part of it, or nothing."""
        return self.plan if self.ruling.may else self.part.plan

    @property
    def is_settling(self) -> bool:
        """Whether another is the truth until the primary, which is back, has proved itself."""
        return self.status is not None and self.status.authority != self.plan.authority.server

    @property
    def is_compared(self) -> bool:
        """Whether it is known what differs: all is planned, and from the server that is the truth."""
        return self.plan.unplanned is None and not self.plan.unreachable and not self.is_settling

    @property
    def unknown(self) -> frozenset[EventKind]:
        """Which findings can't be told of: they are as they were before."""
        if self.plan.unplanned is not None:
            return frozenset({EventKind.DRIFT, EventKind.CHANGES, EventKind.WAITING, EventKind.CONTESTED})
        return frozenset() if self.is_compared else frozenset({EventKind.DRIFT, EventKind.CHANGES})

    @property
    def is_passing(self) -> bool:
        """Whether what it waits for comes by itself within seconds."""
        return self.ruling.is_passing or self.part.is_passing

    @property
    def asks(self) -> tuple[str, ...]:
        """For which reasons a person has to do something."""
        return (*self.ruling.asks, *self.part.asks)


def is_quiet(plan: RelationshipPlan) -> bool:
    """Whether nothing is to be done about a relationship."""
    return not (plan.has_changes or plan.mends or plan.left or plan.unplanned is not None)


def seen(before: Watched, look: Look, failures: int) -> Watched:
    """Return what stands on the board after a look; `failures` are how often in a row something failed.

    On servers that could not be compared, what differs is what was known of that before; so it is on all of them while
    the primary proves itself, since the plan compares with that.
    """
    is_well = not look.plan.unreachable and not failures
    return replace(
        _differing(before, look),
        status=look.status,
        waits=(*look.ruling.waits, *filter(None, [look.part.waits])),
        contested=look.rules.contested,
        left_alone=look.part.left_alone,
        suspension=look.rules.suspension,
        looked_at=look.at,
        succeeded_at=look.at if is_well else before.succeeded_at,
        failures=failures,
        seconds=look.seconds,
    )


def _differing(before: Watched, look: Look) -> Watched:
    drift, drift_counts = _differences(look, before.drift, before.drift_counts, is_git=False)
    changes, change_counts = _differences(look, before.changes, before.change_counts, is_git=True)
    return replace(
        before,
        drift=drift,
        drift_counts=drift_counts,
        drifted_since=(before.drifted_since or look.at) if drift else None,
        changes=changes,
        change_counts=change_counts,
    )


def _differences(
    look: Look, known: Sequence[str], known_counts: Mapping[str, int], *, is_git: bool
) -> tuple[tuple[str, ...], Mapping[str, int]]:
    """Return what differs, a line for each change, and how many there are on which server; more than can be shown are
    told by a last line. On servers that could not be compared it is what was known before: `known` and `known_counts`.
    """
    compared = () if look.is_settling else tuple(each for each in look.plan.servers if each.is_compared)
    found = {each.peer.server: len(_of_cause(each, is_git=is_git)) for each in compared}
    left = {} if look.is_compared else {name: each for name, each in known_counts.items() if name not in found}
    counts = {name: number for name, number in (found | left).items() if number}
    lines = _lines(look.plan, compared, is_git=is_git)
    lines += (each for each in known if each.partition(": ")[0] in left)  # the one that says how many more is of nobody
    more = sum(counts.values()) - len(lines)
    if more:
        lines.append(f"and {more} more; `kea-reconciler {'plan' if is_git else 'drift'}` says all")
    return tuple(lines), counts


def _of_cause(server: ServerPlan, *, is_git: bool) -> list[Change]:
    return [each for each in server.told if (each.cause is Cause.GIT) is is_git]


def _lines(plan: RelationshipPlan, servers: Iterable[ServerPlan], *, is_git: bool) -> list[str]:
    """Return what would change on which of the servers and why, a line for each change, as many as are shown."""
    due = [(server.peer.server, change) for server in servers for change in _of_cause(server, is_git=is_git)]
    lines: list[str] = []
    for name, change in due[:_LINES]:
        why = "" if is_git else f" ({cause_words(change.cause, change.moved, name, plan.authority.server)})"
        first, *rest = (line.strip() for line in change_lines(change, colour=False))
        lines.append(f"{name}: {' '.join((first, ', '.join(rest))).strip()}{why}")
    return lines


def by_name(records: Mapping[str, Record]) -> tuple[Watched, ...]:
    """Return what stands on the board, in the order of the names."""
    return tuple(record.watched for _, record in sorted(records.items()))
