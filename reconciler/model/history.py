"""What happened, as it is remembered on the management host."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from reconciler.model.desired import Service
    from reconciler.model.journal import RunRecord
    from reconciler.model.json import Json


class Standing(StrEnum):
    """Where something stands that takes a while: it goes on, it ended, or it was cut off before it could say so."""

    GOES_ON = "goes on"
    ENDED = "ended"
    CUT_OFF = "cut off"


CHANGED, OPERATED, PLANNED = "changed", "operated", "planned"  # kinds of entries beside the daemon's events


@dataclass(frozen=True, slots=True)
class Shown:
    """A plan that was shown and not carried out: by which command and whom, of which revision of desired, in words.
    Two with the same `mark` would do the same.
    """

    at: datetime
    command: str
    user: str
    relationship: str
    service: Service
    revision: str
    mark: str
    summary: str
    details: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PastResult:
    """What became of one server, in the words of `outcomes.Result`; `persisted` and `reason` as there, and no reason
    where that was not written down.
    """

    server: str
    result: str
    persisted: bool | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened; `number` is its place in the order of all, and never given to another.

    `kind` is `changed` (servers of a relationship were changed, or were to be), `operated` (an operation sent something
    to them), `planned` (a plan was shown, and not carried out), or that of an event of the daemon. `run`, `ended_at`,
    `standing` and `results` are there for the first two; `summary`, `severity`, `details`, `finding` and `is_over` for
    events, and mean what they do there; a plan that was shown has the first and the third of them. `exit_code`
    is that of an operation's run. `back_to` is the entry before which the data were that a rollback brought back.
    """

    number: int
    at: datetime
    kind: str
    relationship: str | None = None
    service: Service | None = None
    run: RunRecord | None = None
    ended_at: datetime | None = None
    standing: Standing = Standing.ENDED
    exit_code: int | None = None
    results: tuple[PastResult, ...] = ()
    summary: str = ""
    severity: str = ""
    details: tuple[str, ...] = ()
    revision: str = ""
    finding: str | None = None
    is_over: bool = False
    back_to: int | None = None


@dataclass(frozen=True, slots=True)
class PastServer:
    """One server in an entry: its configuration as it was found, and as it was to be; None where that was the same.

    `version` is the Kea that it ran then, empty where that was not written down. `authority` is whether its data were
    the truth then, None where that was not written down.
    """

    server: str
    service: Service
    version: str = ""
    authority: bool | None = None
    before: Mapping[str, Json] | None = field(default=None, repr=False, compare=False)
    planned: Mapping[str, Json] | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class PastStep:
    """One command that was sent to a server, or the first of many in a row; `result` is Kea's, None where nobody
    knows it, negative where the command certainly was not executed.
    """

    at: datetime
    server: str
    command: str
    result: int | None


@dataclass(frozen=True, slots=True)
class Past:
    """All that is remembered of one entry."""

    entry: Entry
    servers: tuple[PastServer, ...] = ()
    steps: tuple[PastStep, ...] = ()
