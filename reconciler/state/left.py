"""What runs left open, worked out from the steps of all that is not settled."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from reconciler.model import Mode, Peer, Process, Role, Service
from reconciler.model.journal import Leftover
from reconciler.state.configurations import kept
from reconciler.state.database import has_column, told
from reconciler.state.runs import is_alive, now, record

PERSISTED, RESTORED = "(persisted)", "(restored)"  # stand among the commands, for what was found out and not sent
_REFUSED = 2  # Kea's result for a command that it doesn't know: nothing was executed
NOT_SENT = -1  # stands for the result of a command that certainly was not executed
NOT_EXECUTED = frozenset({NOT_SENT, _REFUSED})
_SLOW = timedelta(seconds=5)  # in which Kea takes up a command, and its timer is late
_FOREIGN = ("origin", "origin-id")  # a dhcp-enable or dhcp-disable with one of these is about a partner's hold
_NO_CHANGE = frozenset({"config-write", "config-reload", "ha-scopes", "ha-reset", "ha-continue", "ha-sync"})


class _Step(NamedTuple):
    """One command: `result` is None as long as nobody knows how it ended."""

    command: str
    detail: str
    result: int | None
    began_at: str
    ended_at: str | None

    def may_precede(self, earlier: _Step) -> bool:
        """Whether Kea may have carried it out before a command that was sent earlier, and had no answer yet."""
        return earlier.ended_at is None or datetime.fromisoformat(self.began_at) < datetime.fromisoformat(
            earlier.ended_at
        )

    @property
    def lasts_until(self) -> datetime | None:
        """When Kea takes a dhcp-disable back by itself, at the latest; None where it doesn't."""
        seconds = json.loads(self.detail or "{}").get("max-period")
        if seconds is None:
            return None
        return datetime.fromisoformat(self.ended_at or self.began_at) + timedelta(seconds=seconds) + _SLOW


@dataclass(slots=True)
class _Open:
    """What is open on one endpoint so far."""

    row: tuple[Any, ...]  # of the last part
    before: str  # digests; of the part in which it was set, and before the first set of unclear end
    planned: str | None
    is_silenced: bool = False
    silenced_until: datetime | None = None  # when Kea switches it on by itself
    is_unwritten: bool = False
    is_unclear: bool = False
    is_maintaining: bool = False
    last_set: _Step | None = None  # of the part at hand

    @property
    def process(self) -> Process:
        """The process of Kea that the last part is about."""
        return Process(self.row[4], self.row[-1])

    @property
    def is_owed(self) -> bool:
        return self.is_silenced or self.is_unwritten or self.is_unclear or self.is_maintaining

    def follow(self, row: tuple[Any, ...], step: _Step) -> None:
        """Take one step into account. A result that nobody knows may be either."""
        command, detail, result = step.command, step.detail, step.result
        if result in NOT_EXECUTED:
            return
        may_have, is_sure, was_off = result in {None, 0}, result == 0, bool(row[5])
        match command:
            case "dhcp-disable":
                if may_have and not _is_foreign(detail) and (self.is_silenced or not was_off):
                    self._note_silence(step)
            case "dhcp-enable":
                self.is_silenced = self.is_silenced and not (is_sure and not _is_foreign(detail))
            case "ha-maintenance-start":
                self.is_maintaining = self.is_maintaining or may_have
            case "ha-maintenance-cancel":
                self.is_maintaining = self.is_maintaining and not is_sure
            case "config-set":
                self._note_set(row)
                self.is_unwritten, self.is_unclear, self.last_set = True, not is_sure, step
            case _ if command == PERSISTED:
                self.is_unwritten = False
            case _ if command == RESTORED:
                self.is_unwritten = self.is_unclear = False
            case "class-add" | "class-update" | "reservation-add" | "reservation-update" if row[7] is None:
                pass  # of a server that is not to be changed only its memory is marked
            case _ if command not in _NO_CHANGE:  # a change in memory, of one subnet or reservation for instance
                self._note_set(row)
                self.is_unwritten = True

    def _note_silence(self, step: _Step) -> None:
        is_for_good = self.is_silenced and self.silenced_until is None and step.result is None  # or it has a time now
        is_for_good = is_for_good or (self.last_set is not None and step.may_precede(self.last_set))
        self.silenced_until = None if is_for_good else step.lasts_until
        self.is_silenced = True

    def judge(self, moment: datetime) -> None:
        """Kea has ended by itself what was for a time: who switched the service off since is somebody else."""
        if self.silenced_until is not None and self.silenced_until < moment:
            self.is_silenced, self.silenced_until = False, None

    def _note_set(self, row: tuple[Any, ...]) -> None:
        self.silenced_until = None  # Kea forgets it, and the service stays off
        self.before, self.planned = self.before if self.is_unclear else row[6], row[7]


def _is_foreign(detail: str) -> bool:
    return bool(detail) and any(key in json.loads(detail) for key in _FOREIGN)


_PARTS = """
    SELECT part.number, part.service, part.server, part.control, part.kea_pid, part.was_off, part.before, part.planned,
        work.relationship, work.description, run.number, run.command, run.user, run.host, run.pid, run.began_at,
        run.revision, run.ended_at IS NULL, run.token, part.kea_started
    FROM part JOIN work ON work.number = part.work JOIN run ON run.number = work.run
    WHERE part.settled_at IS NULL ORDER BY part.number
"""


_STEPS = "SELECT command, detail, result, began_at, ended_at FROM step WHERE part = ? ORDER BY number"


def _open_parts(database: sqlite3.Connection) -> dict[tuple[str, str], _Open]:
    found: dict[tuple[str, str], _Open] = {}
    is_told = has_column(database, "part", "kea_started")  # earlier versions did not keep that
    for row in database.execute(_PARTS if is_told else _PARTS.replace("part.kea_started", "NULL")).fetchall():
        state = found.setdefault((row[1], row[2]), _Open(row, row[6], row[7]))
        earlier, state.row, state.last_set = state.process, row, None
        if state.process.is_another_than(earlier):  # Kea was started anew: what was switched off is on again
            state.is_silenced, state.silenced_until = False, None
        if not (state.is_unwritten or state.is_unclear):
            state.before, state.planned = row[6], row[7]
        for step in map(_Step._make, database.execute(_STEPS, (row[0],)).fetchall()):
            state.follow(row, step)
    moment = datetime.fromisoformat(now())
    for state in found.values():
        state.judge(moment)
    return found


def owed(database: sqlite3.Connection) -> set[tuple[str, str]]:
    """Return the endpoints, as (service, server), on which something is to be put right or looked at."""
    return {key for key, state in _open_parts(database).items() if state.is_owed}


def leftovers(database: sqlite3.Connection, directory: Path, *, own: int | None = None) -> tuple[Leftover, ...]:
    """Return what is open on each endpoint, sorted; nothing of runs that still go on, but for our `own`.

    Raises StateError.
    """
    with told(directory):
        found = tuple(_leftovers(database, directory, own))
    return tuple(sorted(found, key=lambda each: (each.service, each.server)))


def _leftovers(database: sqlite3.Connection, directory: Path, own: int | None) -> Iterator[Leftover]:
    for (service, server), state in _open_parts(database).items():
        part, _, _, control, _, _, _, _, relationship, description, *run, has_no_end, token, _ = state.row
        if run[0] != own and has_no_end and is_alive(directory, token):
            continue
        about = json.loads(description)
        needs_both = state.is_unwritten or state.is_unclear
        yield Leftover(
            record(run, is_cut_off=bool(has_no_end) and run[0] != own),
            part,
            relationship,
            Service(service),
            Mode(about["mode"]),
            tuple(
                Peer(each["server"], each["name"], Role(each["role"]), each["url"], is_hub=each["is-hub"])
                for each in about["peers"]
            ),
            server,
            control,
            state.process,
            is_silenced=state.is_silenced,
            silenced_until=state.silenced_until,
            is_unwritten=state.is_unwritten,
            is_unclear=state.is_unclear,
            is_maintaining=state.is_maintaining,
            before=kept(database, state.before) if needs_both else None,
            planned=kept(database, state.planned) if needs_both else None,
        )
