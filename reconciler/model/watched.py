"""What the daemon knows, and what it tells: the board, and events."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from reconciler.model.decided import Unmanaged
    from reconciler.model.desired import Service
    from reconciler.model.health import RelationshipStatus


class WatchMode(StrEnum):
    """What the daemon may do by itself: nothing; carry data from the authority to the others; or that, and what desired
    asks for. What needs an approval is never done.
    """

    REPORT = "report"
    REPLICATE = "replicate"
    ENFORCE = "enforce"


class Gravity(StrEnum):
    """How much an event matters: it is good to know, somebody should look at it soon, or now."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class EventKind(StrEnum):
    """What an event is about.

    Those of one moment: the daemon began or ended, desired was taken over anew, a relationship was carried out (or
    failed to be). Those that begin and end (findings): desired can't be used, the git branch can't be followed, a
    relationship is suspended, it is not OK, another server than the primary is the truth, servers differ although
    nobody changed desired, what desired asks for is not done yet, something waits for a person, an object is contested,
    a primary that came back has to prove itself, too much was written, a look or an apply failed.
    """

    STARTED = "started"
    STOPPED = "stopped"
    DESIRED = "desired"
    APPLIED = "applied"
    SUSPENDED = "suspended"
    STATUS = "status"
    AUTHORITY = "authority"
    DESIRED_REFUSED = "desired-refused"
    GIT_REFUSED = "git-refused"
    DRIFT = "drift"
    CHANGES = "changes"
    WAITING = "waiting"
    CONTESTED = "contested"
    UNSTEADY = "unsteady"
    CAPPED = "capped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened, told once.

    `at` is in UTC. `relationship` and `service` are None where it is about desired, or the daemon itself. `summary` is
    one sentence, `details` are lines that say more; neither has a secret, but both may hold what a server said, to be
    escaped where it is shown. `revision` is that of the desired state that is in force.

    `finding` is a stable key of what lasts: the first event with it begins the finding, others with it say that it is
    another one now (its summary changed), and the one with `is_over` ends it. It is None for what is over as soon as it
    is told. A daemon that starts tells of what it finds as if it had begun then, and ends what it finds no more only if
    it had told of it itself: who keeps events knows which findings are open.

    `parts` are what of a finding begins and ends by itself, such as each server that is away, in words that stay the
    same as long as it lasts. They are told at once, and not kept. `authority` is the server that is the truth where it
    is told that the primary is not; None where nobody is.
    """

    at: datetime
    kind: EventKind
    severity: Gravity
    summary: str
    relationship: str | None = None
    service: Service | None = None
    details: tuple[str, ...] = ()
    revision: str = ""
    finding: str | None = None
    is_over: bool = False
    parts: frozenset[str] = frozenset()
    authority: str | None = None


@dataclass(frozen=True, slots=True)
class Suspension:
    """Until when nothing is changed in a relationship by the daemon, why, and who said so, since when."""

    relationship: str
    reason: str
    user: str
    since: datetime
    until: datetime

    @property
    def told(self) -> tuple[str, tuple[str, ...]]:
        """What an event says of it: its summary and its details."""
        until = f"until {self.until.isoformat(timespec='seconds')}"
        return f"{self.relationship} is suspended by {self.user}: {self.reason}", (until,)


@dataclass(frozen=True, slots=True)
class Requests:
    """The requests to one endpoint since the daemon began: how many, how many of them got no answer, and how long all
    of them and the last one took, in seconds.
    """

    count: int = 0
    failures: int = 0
    seconds: float = 0.0
    last_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Watched:
    """What is known of one relationship.

    `status` is what `status` would say, as of `looked_at`; None before the first look. `drift` says in words, a line
    for each, what differs although nobody changed desired, and `drifted_since` since when there is any; `changes` are
    what desired asks for and is not done. `drift_counts` and `change_counts` are how many changes that are on which
    server, by its name; the lines may be fewer, with one that says how many more there are. `waits` says why nothing is
    done about it; empty where nothing is to be done. `contested` are objects that drifted back again and again, and are
    no longer fought over, and `left_alone` says what is left alone with them, and why. `looked_at` is when its servers
    were read last, all that answer; `succeeded_at` when all answered, and nothing failed. `applied_at` is when
    something was changed last. `failures` are how many looks or applies in a row failed, and `next_look` when the next
    is due. `seconds` is how long the last look took. `is_at_work` says that it is being changed at the moment.
    """

    name: str
    service: Service
    status: RelationshipStatus | None = None
    drift: tuple[str, ...] = ()
    drift_counts: Mapping[str, int] = field(default_factory=dict)
    drifted_since: datetime | None = None
    changes: tuple[str, ...] = ()
    change_counts: Mapping[str, int] = field(default_factory=dict)
    waits: tuple[str, ...] = ()
    contested: tuple[str, ...] = ()
    left_alone: tuple[str, ...] = ()
    suspension: Suspension | None = None
    looked_at: datetime | None = None
    succeeded_at: datetime | None = None
    applied_at: datetime | None = None
    failures: int = 0
    next_look: datetime | None = None
    seconds: float | None = None
    is_at_work: bool = False

    @property
    def drift_count(self) -> int:
        """How many changes `drift` stands for."""
        return sum(self.drift_counts.values())

    @property
    def change_count(self) -> int:
        """How many changes `changes` stand for."""
        return sum(self.change_counts.values())


@dataclass(frozen=True, slots=True)
class Board:
    """All that the daemon knows now, as of `at`; a value that stays as it is when the daemon goes on.

    `ticked_at` is when its loop ran last. `revision` is that of the desired state in force, and `problems` say why it
    is not the one in the folder (what is wrong with that, or with the git branch). `is_ready` says that every
    relationship was looked at once. `requests` are by (server, service). `unmanaged` are relationships of others on
    servers that no relationship names.
    """

    at: datetime
    started_at: datetime
    ticked_at: datetime
    mode: WatchMode
    interval: float
    revision: str
    relationships: tuple[Watched, ...] = ()
    unmanaged: tuple[Unmanaged, ...] = ()
    problems: tuple[str, ...] = ()
    requests: Mapping[tuple[str, Service], Requests] = field(default_factory=dict)
    is_ready: bool = False
