"""What the daemon put right is counted for a while, also by one that starts anew."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from reconciler.state import database as schema
from reconciler.state.database import open_to_read
from reconciler.state.fights import fought, keep_fought
from reconciler.state.runs import open_store
from reconciler.state.suspensions import suspensions

if TYPE_CHECKING:
    from pathlib import Path

NOW, HOUR = datetime(2026, 11, 26, 12, tzinfo=UTC), timedelta(hours=1)


def test_each_is_counted_for_its_relationship_as_long_as_it_is_asked_for(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    keep_fought(store, "hq", ["a", "b"], NOW, HOUR)
    keep_fought(store, "berlin", ["a"], NOW, HOUR)
    keep_fought(store, "berlin", [], NOW, HOUR)
    keep_fought(store, "hq", ["a"], NOW + timedelta(minutes=10), HOUR)
    store.close()
    store = open_store(tmp_path)
    later = NOW + timedelta(minutes=10)
    assert fought(store.database, tmp_path, "hq", later, HOUR) == {"a": 2, "b": 1}
    assert fought(store.database, tmp_path, "hq", later, later - NOW) == {"a": 1}
    keep_fought(store, "hq", ["c"], NOW + HOUR, HOUR)
    assert fought(store.database, tmp_path, "berlin", NOW, 2 * HOUR) == {}  # forgotten for good
    assert fought(store.database, tmp_path, "hq", NOW + HOUR, HOUR) == {"a": 1, "c": 1}
    store.close()


def test_what_a_clock_that_was_ahead_dated_counts_for_nothing_and_goes(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    keep_fought(store, "hq", ["a"], NOW + 9000 * HOUR, HOUR)
    assert fought(store.database, tmp_path, "hq", NOW, HOUR) == {}
    keep_fought(store, "hq", ["b"], NOW, HOUR)
    assert fought(store.database, tmp_path, "hq", NOW + 9000 * HOUR, 9999 * HOUR) == {"b": 1}
    store.close()


def test_a_database_of_an_older_version_knows_of_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(schema, "_MIGRATIONS", schema._MIGRATIONS[:1])
        open_store(tmp_path).close()
    database = open_to_read(tmp_path)
    assert database is not None
    assert fought(database, tmp_path, "hq", NOW, HOUR) == {}
    assert suspensions(database, tmp_path, NOW) == {}
    database.close()
