"""The database: made, kept private, and never taken for empty when it is damaged, full or unwritable."""

from __future__ import annotations

import sqlite3
import stat
from typing import TYPE_CHECKING

import pytest

from reconciler.errors import StateError
from reconciler.state.database import FILE, NEWEST, at_leisure, open_database, open_to_read, told
from reconciler.state.runs import Run, open_store

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    found = tmp_path / "state"
    found.mkdir(mode=0o700)
    return found


def test_what_is_written_is_there_when_it_is_opened_again(directory: Path) -> None:
    for count in range(3):
        store = open_store(directory)
        assert store.database.execute("SELECT count(*) FROM run").fetchone() == (count,)
        Run(store, "apply").end(0)
        store.close()


def test_every_file_is_its_owner_s_alone(directory: Path) -> None:
    store = open_store(directory)
    run = Run(store, "apply")
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()}
    assert {FILE, f"{FILE}-wal"} <= modes.keys()
    assert set(modes.values()) == {0o600}
    run.end(0)
    store.close()


def test_a_commit_is_on_the_disk_before_it_returns(directory: Path) -> None:
    database = open_database(directory)
    assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert database.execute("PRAGMA synchronous").fetchone() == (2,)
    database.close()


def test_what_need_not_be_on_the_disk_at_once_is_taken_there_by_the_next_commit(directory: Path) -> None:
    database = open_database(directory)
    with at_leisure(database):
        assert database.execute("PRAGMA synchronous").fetchone() == (1,)
    with pytest.raises(sqlite3.OperationalError), at_leisure(database):
        database.execute("SELECT nonsense")
    assert database.execute("PRAGMA synchronous").fetchone() == (2,)
    database.close()


def test_before_the_first_apply_there_is_nothing_to_read(directory: Path) -> None:
    assert open_to_read(directory) is None
    assert open_to_read(directory / "nowhere") is None


@pytest.mark.parametrize("content", [b"", b"no database" * 200], ids=["empty", "text"])
def test_a_file_that_is_none_is_said_to_be_damaged_and_stays(directory: Path, content: bytes) -> None:
    (directory / FILE).write_bytes(content)
    with pytest.raises(StateError, match=r"damaged .* status.*mv "):
        open_database(directory)
    with pytest.raises(StateError, match="damaged"):
        open_to_read(directory)
    assert (directory / FILE).read_bytes() == content


def test_a_database_that_was_cut_is_said_to_be_damaged(directory: Path) -> None:
    store = open_store(directory)
    for _ in range(50):
        Run(store, "apply " * 100).end(0)
    store.close()
    whole = (directory / FILE).read_bytes()
    (directory / FILE).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(StateError, match="damaged"):
        open_database(directory)


def test_one_of_a_newer_version_is_left_alone(directory: Path) -> None:
    database = open_database(directory)
    database.execute(f"PRAGMA user_version={NEWEST + 1}")
    database.close()
    with pytest.raises(StateError, match="newer version"):
        open_database(directory)
    with pytest.raises(StateError, match="newer version"):
        open_to_read(directory)


def test_a_full_disk_is_called_so(directory: Path) -> None:
    store = open_store(directory)
    pages = store.database.execute("PRAGMA page_count").fetchone()[0]
    store.database.execute(f"PRAGMA max_page_count={pages}")
    with pytest.raises(StateError, match=r"disk that is full.*Nothing was changed"), told(directory):
        store.database.execute("INSERT INTO configuration VALUES ('x', zeroblob(100000))")
    store.close()


def test_an_error_of_the_system_is_said_in_words(directory: Path) -> None:
    with pytest.raises(StateError, match="can't be used: Read-only file system"), told(directory):
        raise OSError(30, "Read-only file system")
    with pytest.raises(StateError, match="can't be used"), told(directory):
        raise sqlite3.OperationalError("something odd")
