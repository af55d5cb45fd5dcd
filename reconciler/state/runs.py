"""Runs of the program: who is at work now, on which endpoints, and which run ended without saying so.

A run holds the lock (flock) of a file of its own from its first moment to its last; the kernel lets go of it when the
process ends, however it ends. So no lock is ever stale, and a run that has no end in the database and no lock either
was cut off.
"""

from __future__ import annotations

import contextlib
import fcntl
import getpass
import json
import os
import secrets
import socket
import sqlite3
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from reconciler.errors import LockedError
from reconciler.model.journal import RunRecord
from reconciler.model.moments import moment
from reconciler.state import machine
from reconciler.state.addresses import place
from reconciler.state.database import open_database, told, transaction
from reconciler.state.directory import prepare, private_file

_PAUSE = 0.2  # seconds between two tries to get what another run holds
_COLUMNS = "number, command, user, host, pid, began_at, revision, ended_at IS NULL, token"


def now() -> str:
    """Return the time as it is written down."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


@dataclass(frozen=True, slots=True)
class Store:
    """A prepared state directory and its database, open for writing."""

    directory: Path
    database: sqlite3.Connection

    def close(self) -> None:
        """Close the database."""
        self.database.close()


def open_store(directory: Path) -> Store:
    """Return the store in a directory, both made where they aren't there. Raises StateError."""
    prepare(directory)
    return Store(directory, open_database(directory))


class Run:
    """The run at hand: written down when it begins, and alive until `end`, or until the process is gone."""

    def __init__(self, store: Store, command: str, revision: str = "") -> None:
        """Begin. Raises StateError where that can't be written down."""
        self._store = store
        self._machine = machine.Claims()
        self._places: frozenset[str] = frozenset()
        self.command = command
        token = secrets.token_hex(8)
        self._file = lock_file(store.directory, token)
        holder = {"pid": os.getpid(), "user": user(), "host": socket.gethostname(), "since": now(), "command": command}
        with told(store.directory):
            self._descriptor = private_file(self._file)
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.write(self._descriptor, json.dumps(holder).encode() + b"\n")
                cursor = store.database.execute(
                    "INSERT INTO run (token, command, user, host, pid, began_at, revision) "
                    "VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (token, command, holder["user"], holder["host"], holder["pid"], holder["since"], revision),
                )
            except BaseException:
                self.release()
                raise
        self.number = int(cursor.lastrowid or 0)

    def claim(
        self,
        controls: Collection[str],
        seconds: float,
        say: Callable[[str], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Get the endpoints with these control addresses for this run alone: all, or none of them.

        Waits, at most `seconds`, until runs that have one of them are done. Raises LockedError, which says who it is.
        """
        limit = clock() + seconds
        places = {place(each) for each in controls}
        while (holder := self._take(places)) is not None:
            if clock() >= limit:
                raise LockedError(
                    f"{holder} is at work on the same servers"
                    + (f", and was not done within {seconds:g} s" if seconds else "")
                    + "; nothing was changed. Wait until it is done, or give it more time with --lock-timeout"
                )
            say(f"waiting for {holder}")
            sleep(_PAUSE)
        self._places = frozenset(places)

    @contextlib.contextmanager
    def aside(self) -> Iterator[None]:
        """Let others have the endpoints while a person is asked something, and get them back after it.

        Raises LockedError where another run is at work on one of them then, or was meanwhile: what was shown before may
        not be so any more. One with another state directory is noticed only while it is at work.
        """
        with told(self._store.directory):
            ((last,),) = self._store.database.execute("SELECT coalesce(max(number), 0) FROM step").fetchall()
        self._machine.release()
        self._forget_claims()
        yield
        self.claim(self._places, 0)
        other = self._been_at_work(last)
        if other is not None:
            raise LockedError(f"{described(other)} worked on the same servers meanwhile; nothing was done, try again")

    def _been_at_work(self, since: int) -> RunRecord | None:
        """Return another run that sent something to one of the endpoints, or may have, after a step."""
        with told(self._store.directory):
            rows = self._store.database.execute(
                f"SELECT part.control, {', '.join(f'run.{each}' for each in _COLUMNS.split(', '))} "  # noqa: S608
                "FROM step JOIN run ON run.number = step.run LEFT JOIN part ON part.number = step.part "
                "WHERE step.number > ? AND step.run != ?",
                (since, self.number),
            ).fetchall()
        found = [row for control, *row in rows if control is None or place(control) in self._places]
        return record(found[0], is_cut_off=False) if found else None

    def _take(self, places: Collection[str]) -> str | None:
        """Get the endpoints at these places, all or none; returns in words who has one of them."""
        found = self._noted(set(places))
        if found is not None:
            return described(found)
        other = self._machine.take(places)
        if other is not None:
            self._forget_claims()
        return other

    def _forget_claims(self) -> None:
        with told(self._store.directory):
            self._store.database.execute("DELETE FROM claim WHERE run = ?", (self.number,))

    def _noted(self, wanted: set[str]) -> RunRecord | None:
        """Write down which endpoints this run has, where no other has one of them; else return that one."""
        database = self._store.database
        with told(self._store.directory), transaction(database):
            rows = database.execute(
                f"SELECT control, {_COLUMNS} FROM claim JOIN run ON run.number = claim.run WHERE run.number != ?",  # noqa: S608
                (self.number,),
            ).fetchall()
            for control, *row in rows:
                if control in wanted:
                    if is_alive(self._store.directory, row[-1]):
                        return record(row, is_cut_off=False)
                    database.execute("DELETE FROM claim WHERE run = ?", (row[0],))
            database.executemany(
                "INSERT OR REPLACE INTO claim (control, run) VALUES (?, ?)", [(each, self.number) for each in wanted]
            )
        return None

    def note_revision(self, revision: str) -> None:
        """Write down of which revision of desired this run is."""
        with told(self._store.directory):
            self._store.database.execute("UPDATE run SET revision = ? WHERE number = ?", (revision, self.number))

    def end(self, exit_code: int | None) -> None:
        """Write down that the run is over, and let go of everything."""
        try:
            with told(self._store.directory), transaction(self._store.database):
                values = (now(), exit_code, self.number)
                self._store.database.execute("UPDATE run SET ended_at = ?, exit_code = ? WHERE number = ?", values)
                self._store.database.execute("DELETE FROM claim WHERE run = ?", (self.number,))
        finally:
            self.release()

    def release(self) -> None:
        """Let go of the locks without a word, as the end of the process does."""
        self._machine.release()
        with contextlib.suppress(OSError):
            self._file.unlink(missing_ok=True)
            os.close(self._descriptor)


def holder(store: Store, controls: Collection[str]) -> str | None:
    """Return in words which run is at work on one of the endpoints with these control addresses, None where none is.

    Raises StateError.
    """
    return next(_holders(store, controls), None)


def _holders(store: Store, controls: Collection[str]) -> Iterator[str]:
    """Yield in words every run that is at work on one of these endpoints."""
    places = {place(each) for each in controls}
    with told(store.directory):
        rows = store.database.execute(
            f"SELECT control, {_COLUMNS} FROM claim JOIN run ON run.number = claim.run"  # noqa: S608
        ).fetchall()
    for control, *row in rows:
        if control in places and is_alive(store.directory, row[-1]):
            places.discard(control)
            yield described(record(row, is_cut_off=False))
    other = machine.holder(places)
    if other is not None:
        yield other


def wait_for_others(
    store: Store,
    controls: Collection[str],
    seconds: float,
    say: Callable[[str], None] = lambda _: None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> str | None:
    """Wait, at most `seconds`, until every run that is at work on one of these endpoints now is done with them.

    Returns in words one that is not, None where none is. Those that begin meanwhile are not waited for. Raises
    StateError.
    """
    limit = clock() + seconds
    waited_for = set(_holders(store, controls))
    for each in sorted(waited_for):
        say(each)
    while waited_for:
        waited_for &= set(_holders(store, controls))
        if waited_for and clock() >= limit:
            return min(waited_for)
        if waited_for:
            sleep(_PAUSE)
    return None


def writes_within(store: Store, command: str, now: datetime, window: timedelta) -> dict[tuple[str, str], int]:
    """Return how often runs of a command began to change each relationship, by (name, service), within the last time.

    Raises StateError.
    """
    with told(store.directory):
        rows = store.database.execute(
            "SELECT relationship, service, count(*) FROM work JOIN run ON run.number = work.run "
            "WHERE run.command = ? AND work.began_at > ? AND work.began_at <= ? GROUP BY relationship, service",
            (command, *(each.isoformat(timespec="milliseconds") for each in (now - window, now))),
        ).fetchall()
    return {(name, service): number for name, service, number in rows}


def user() -> str:
    """Return who runs this, by name where there is one."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without an entry in passwd
        return f"uid {os.geteuid()}"


def lock_file(directory: Path, token: str) -> Path:
    """Return the file whose lock a run holds while it lives; who it is stands in it."""
    return directory / f"run-{token}.lock"


def is_alive(directory: Path, token: str) -> bool:
    """Whether a run still goes on: whether its file is locked."""
    try:
        descriptor = os.open(lock_file(directory, token), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def record(row: Sequence[object], *, is_cut_off: bool) -> RunRecord:
    """Return the run of a row of `_COLUMNS`."""
    number, command, name, host, pid, began_at, revision = row[:7]
    return RunRecord(
        int(str(number)),
        str(command),
        str(name),
        str(host),
        int(str(pid)),
        datetime.fromisoformat(str(began_at)),
        str(revision),
        is_cut_off,
    )


def described(run: RunRecord) -> str:
    """Return in words which run is meant."""
    return f"`{run.command}` of {run.user} on {run.host} (pid {run.pid}, since {moment(run.began_at)})"
