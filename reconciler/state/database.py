"""The database in the state directory: opened, checked, brought to this version's schema; every error said in words."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from reconciler.errors import StateError
from reconciler.state.directory import held, private_file, unusable

FILE, GATE = "state.db", "state.lock"

# Each entry brings the schema one version further; `user_version` counts them. Entries are never altered.
_MIGRATIONS = (
    """
    CREATE TABLE run (
        number INTEGER PRIMARY KEY,
        token TEXT NOT NULL,        -- names the file whose lock it holds while it lives
        command TEXT NOT NULL,
        user TEXT NOT NULL,
        host TEXT NOT NULL,
        pid INTEGER NOT NULL,
        began_at TEXT NOT NULL,
        revision TEXT NOT NULL DEFAULT '',
        ended_at TEXT,
        exit_code INTEGER
    );
    CREATE TABLE claim (            -- who may write to which endpoint now
        control TEXT PRIMARY KEY,
        run INTEGER NOT NULL REFERENCES run ON DELETE CASCADE
    );
    CREATE TABLE configuration (    -- zlib of JSON, by its SHA-256
        digest TEXT PRIMARY KEY,
        body BLOB NOT NULL
    );
    CREATE TABLE work (             -- one relationship being changed in a run
        number INTEGER PRIMARY KEY,
        run INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
        relationship TEXT NOT NULL,
        service TEXT NOT NULL,
        description TEXT NOT NULL,
        began_at TEXT NOT NULL,
        ended_at TEXT,
        outcome TEXT
    );
    CREATE TABLE part (             -- one server in it, as it was found and as it is to be
        number INTEGER PRIMARY KEY,
        work INTEGER NOT NULL REFERENCES work ON DELETE CASCADE,
        service TEXT NOT NULL,
        server TEXT NOT NULL,
        control TEXT NOT NULL,
        kea_pid INTEGER NOT NULL,
        was_off INTEGER,
        before TEXT NOT NULL REFERENCES configuration,
        planned TEXT REFERENCES configuration,
        settled_at TEXT
    );
    CREATE TABLE step (             -- one command that changes, or may change, a server
        number INTEGER PRIMARY KEY,
        run INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
        part INTEGER REFERENCES part ON DELETE CASCADE,
        service TEXT NOT NULL,
        server TEXT NOT NULL,
        command TEXT NOT NULL,
        detail TEXT NOT NULL DEFAULT '',
        began_at TEXT NOT NULL,
        ended_at TEXT,
        result INTEGER              -- Kea's; none where it isn't known, or not yet
    );
    CREATE INDEX work_of_run ON work (run);
    CREATE INDEX part_of_work ON part (work);
    CREATE INDEX part_before ON part (before);
    CREATE INDEX part_planned ON part (planned);
    CREATE INDEX part_open ON part (settled_at) WHERE settled_at IS NULL;
    CREATE INDEX step_of_part ON step (part);
    CREATE INDEX step_of_run ON step (run);
    """,
    """
    CREATE TABLE used_plan (        -- plan files that were carried out
        id TEXT PRIMARY KEY,
        fingerprint TEXT NOT NULL,
        used_at TEXT NOT NULL
    );
    """,
    """
    CREATE TABLE suspension (       -- relationships that the daemon leaves alone
        relationship TEXT PRIMARY KEY,
        reason TEXT NOT NULL,
        user TEXT NOT NULL,
        since TEXT NOT NULL,
        until TEXT NOT NULL
    );
    """,
    """
    CREATE TABLE event (            -- what happened, in one order: changes, operations, and what the daemon told
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        at TEXT NOT NULL,
        kind TEXT NOT NULL,
        relationship TEXT,
        service TEXT,
        work INTEGER UNIQUE REFERENCES work ON DELETE CASCADE,
        run INTEGER UNIQUE REFERENCES run ON DELETE CASCADE,  -- of an operation
        severity TEXT NOT NULL DEFAULT '',
        summary TEXT NOT NULL DEFAULT '',
        details TEXT NOT NULL DEFAULT '[]',
        revision TEXT NOT NULL DEFAULT '',
        finding TEXT,
        is_over INTEGER NOT NULL DEFAULT 0
    );
    CREATE INDEX event_of_relationship ON event (relationship);
    CREATE INDEX event_of_finding ON event (finding) WHERE finding IS NOT NULL;
    INSERT INTO event (at, kind, relationship, service, work)
        SELECT began_at, 'changed', relationship, service, number FROM work ORDER BY number;
    ALTER TABLE part ADD COLUMN version TEXT NOT NULL DEFAULT '';
    """,
    """
    CREATE TABLE fight (            -- drift that the daemon put right, by a digest of each change
        relationship TEXT NOT NULL,
        mark TEXT NOT NULL,
        at TEXT NOT NULL
    );
    CREATE INDEX fight_of_relationship ON fight (relationship, at);
    """,
    """
    ALTER TABLE event ADD COLUMN mark TEXT;  -- of a plan that was shown: the same for what would do the same
    """,
    """
    CREATE TABLE notice (           -- what a webhook is still to be told
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        hook TEXT NOT NULL,
        turn TEXT NOT NULL,
        weight TEXT NOT NULL,
        at TEXT NOT NULL,           -- from here on as in event
        kind TEXT NOT NULL,
        severity TEXT NOT NULL,
        summary TEXT NOT NULL,
        relationship TEXT,
        service TEXT,
        details TEXT NOT NULL,
        revision TEXT NOT NULL,
        finding TEXT,
        is_over INTEGER NOT NULL
    );
    CREATE TABLE told (             -- what lasts and a webhook was, or is to be, told of
        hook TEXT NOT NULL,
        finding TEXT NOT NULL,
        severity TEXT NOT NULL,     -- how much it mattered at most
        PRIMARY KEY (hook, finding)
    );
    """,
    """
    ALTER TABLE told ADD COLUMN parts TEXT;  -- JSON: those that lasted when it was told last; NULL: it is not known
    """,
    """
    ALTER TABLE event ADD COLUMN authority TEXT;  -- the server that is the truth, where the event is about that
    ALTER TABLE notice ADD COLUMN authority TEXT;
    """,
    """
    ALTER TABLE part ADD COLUMN kea_started REAL;  -- seconds since 1970 by Kea's own clock; NULL: it is not known
    """,
)
NEWEST = len(_MIGRATIONS)


def open_database(directory: Path) -> sqlite3.Connection:
    """Open the database of a prepared state directory for writing, and make it where there is none.

    A commit is on the disk when it returns (synchronous=FULL). Raises StateError for one that is damaged, of a newer
    version, or that can't be written.
    """
    path = directory / FILE
    with told(directory), held(directory / GATE):
        if not path.exists():
            _make(path, directory)
        os.close(private_file(path))
        if path.stat().st_size == 0:
            raise damaged(directory, "the file is empty")
        connection = _connected(path)
        try:
            _migrate(connection, directory)
            _check(connection, directory)
        except BaseException:
            connection.close()
            raise
        return connection


def open_to_read(directory: Path) -> sqlite3.Connection | None:
    """Open the database to look into it; None where there is none, which is so before the first apply.

    Raises StateError where there is one that can't be read.
    """
    path = directory / FILE
    with told(directory):
        if not path.exists():
            return None
        if path.stat().st_size == 0:
            raise damaged(directory, "the file is empty")
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
        if connection.execute("PRAGMA user_version").fetchone()[0] > NEWEST:
            connection.close()
            raise _too_new(directory)
        return connection


def has_table(database: sqlite3.Connection, name: str) -> bool:
    """Whether the schema has a table: one that is only read stays at the version that it was written by."""
    query = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
    return database.execute(query, (name,)).fetchone() is not None


def has_column(database: sqlite3.Connection, table: str, name: str) -> bool:
    """Whether a table has a column; as for `has_table`."""
    query = "SELECT 1 FROM pragma_table_info(?) WHERE name = ?"
    return database.execute(query, (table, name)).fetchone() is not None


@contextlib.contextmanager
def told(directory: Path) -> Iterator[None]:
    """Turn what SQLite and the operating system say into StateError."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        name = getattr(error, "sqlite_errorname", "") or ""
        if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
            raise damaged(directory, str(error)) from error
        raise unusable(directory, _in_words(name, str(error))) from error
    except OSError as error:
        raise unusable(directory, f"can't be used: {error.strerror or type(error).__name__}") from error


def _in_words(name: str, text: str) -> str:
    for beginning, words in (
        ("SQLITE_FULL", "is on a disk that is full"),
        ("SQLITE_READONLY", "can't be written: it, or a file in it, is read-only"),
        ("SQLITE_CANTOPEN", "can't be opened: look at its permissions"),
        ("SQLITE_PERM", "can't be opened: look at its permissions"),
        ("SQLITE_BUSY", "is kept busy by another process"),
        ("SQLITE_IOERR", "is on a disk that fails, or is full"),
    ):
        if name.startswith(beginning):
            return f"{words} ({text})"
    return f"can't be used: {text}"


def damaged(directory: Path, why: str) -> StateError:
    """Return the error for a database whose content can't be trusted: what earlier runs left can't be told."""
    path = directory / FILE
    return StateError(
        f"{path} is damaged ({why}). Nothing was changed. What an earlier run may have left behind can't be told any "
        f"more: look with `kea-reconciler status`, then move all of it away (`mv {directory} {directory}.damaged`) and "
        "go on"
    )


def _too_new(directory: Path) -> StateError:
    return StateError(
        f"{directory / FILE} was written by a newer version of kea-reconciler; use that one, or another --state-dir"
    )


def _make(path: Path, directory: Path) -> None:
    """Make the database under another name first: an empty file under its own name is a damaged one."""
    young = path.with_suffix(".new")
    young.unlink(missing_ok=True)
    os.close(private_file(young))
    connection = sqlite3.connect(young, isolation_level=None)
    try:
        connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
        _migrate(connection, directory)
    finally:
        connection.close()
    for remains in ("-wal", "-shm"):  # of a database that somebody took away
        path.with_name(path.name + remains).unlink(missing_ok=True)
    young.rename(path)


def _connected(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, timeout=10.0)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")
    return connection


def _migrate(connection: sqlite3.Connection, directory: Path) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > NEWEST:
        raise _too_new(directory)
    for number, script in enumerate(_MIGRATIONS[version:], version + 1):
        connection.executescript(f"BEGIN IMMEDIATE;{script};PRAGMA user_version={number};COMMIT;")


def _check(connection: sqlite3.Connection, directory: Path) -> None:
    found = connection.execute("PRAGMA quick_check(1)").fetchone()
    if found != ("ok",):
        raise damaged(directory, "its pages contradict each other")


@contextlib.contextmanager
def at_leisure(connection: sqlite3.Connection) -> Iterator[None]:
    """Don't wait until what is committed inside is on the disk: the next commit takes it there. It outlives us in any
    case, and the machine perhaps.
    """
    connection.execute("PRAGMA synchronous=NORMAL")
    try:
        yield
    finally:
        connection.execute("PRAGMA synchronous=FULL")


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Commit what is done inside as one, or nothing of it."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
