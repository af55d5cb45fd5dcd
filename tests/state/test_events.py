"""The daemon's events in the state directory: which are kept, and what a daemon that starts anew knows of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from reconciler.model import Event, EventKind, Gravity
from reconciler.state.events import EventKeeper, begun, open_findings
from reconciler.state.history import entries, lately
from reconciler.state.runs import Store, open_store
from tests.notifying.test_news import AT, DRIFT, OVER, SUSPENDED
from tests.state.test_history import carried_out

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    found = open_store(tmp_path / "state")
    yield found
    found.close()


def kept(store: Store) -> list[tuple[str, bool]]:
    return [(each.summary, each.is_over) for each in reversed(entries(store))]


def test_an_event_comes_back_as_it_was(store: Store) -> None:
    EventKeeper(store).keep(DRIFT)
    (entry,) = entries(store, "hq", DRIFT.service)
    told = (entry.at, entry.kind, entry.severity, entry.summary, entry.details, entry.revision, entry.finding)
    assert told == (AT, "drift", "warning", DRIFT.summary, DRIFT.details, "abcdef", "drift:hq")
    assert open_findings(store) == {"drift:hq": DRIFT}


def test_who_is_the_truth_is_kept_and_unknown_of_what_an_earlier_version_kept(store: Store) -> None:
    told = replace(DRIFT, kind=EventKind.AUTHORITY, finding="authority:hq", authority="kea-b")
    EventKeeper(store).keep(told)
    assert open_findings(store) == {"authority:hq": told}
    store.database.execute("ALTER TABLE event DROP COLUMN authority")
    assert open_findings(store) == {"authority:hq": replace(told, authority=None)}


def test_a_daemon_that_starts_anew_keeps_nothing_twice(store: Store) -> None:
    EventKeeper(store).keep(DRIFT)
    anew = EventKeeper(store)
    assert set(anew.open) == {"drift:hq"}
    anew.keep(replace(DRIFT, at=AT.replace(hour=5)))
    anew.keep(SUSPENDED)
    assert anew.settle(AT, "new") == ()
    assert kept(store) == [(DRIFT.summary, False), (SUSPENDED.summary, False)]


def test_what_ended_while_no_daemon_watched_is_over(store: Store) -> None:
    EventKeeper(store).keep(DRIFT)
    anew = EventKeeper(store)
    (end,) = anew.settle(AT, "new")
    anew.keep(end)
    assert (end.finding, end.is_over, end.revision) == ("drift:hq", True, "new")
    assert kept(store)[-1] == (f"over since before the daemon began: {DRIFT.summary}", True)
    assert open_findings(store) == {}
    assert anew.settle(AT, "new") == ()


def test_what_is_over_is_not_open(store: Store) -> None:
    keeper = EventKeeper(store)
    for event in (DRIFT, OVER):
        keeper.keep(event)
    assert open_findings(store) == {}
    assert begun(store) == {}


def test_what_becomes_another_lasts_since_it_began(store: Store) -> None:
    keeper, hours = EventKeeper(store), (1, 2, 3, 4)
    first, over, again, other = (
        replace(event, at=AT + timedelta(hours=hour))
        for event, hour in zip((DRIFT, OVER, DRIFT, DRIFT), hours, strict=True)
    )
    for event in (first, over, again, replace(other, summary="more", details=("more",))):
        keeper.keep(event)
    assert begun(store) == {"drift:hq": again.at}


def test_an_apply_that_the_journal_has_is_no_entry_of_its_own(store: Store) -> None:
    applied = Event(AT, EventKind.APPLIED, Gravity.INFO, "hq: kea-b changed", "hq")
    keeper = EventKeeper(store)
    carried_out(store)
    keeper.keep(applied)
    assert len(entries(store)) == 1
    keeper.keep(DRIFT)
    keeper.keep(replace(applied, summary="hq: nothing changed"))
    assert kept(store)[1:] == [(DRIFT.summary, False), ("hq: nothing changed", False)]


def test_an_apply_that_the_journal_has_is_none_either_where_something_else_was_told_before(store: Store) -> None:
    applied = Event(AT, EventKind.APPLIED, Gravity.INFO, "hq: kea-b changed", "hq")
    keeper = EventKeeper(store)
    carried_out(store)
    keeper.keep(DRIFT)  # such as the end of what lasted before the daemon began
    keeper.keep(applied)
    assert [each.kind for each in entries(store)] == ["drift", "changed"]
    anew = EventKeeper(store)  # the next daemon may have the same process id, as in a container
    anew.keep(applied)
    assert len(entries(store)) == 3


def test_text_that_is_none_is_kept_all_the_same(store: Store) -> None:
    EventKeeper(store).keep(replace(DRIFT, summary="x\ud800", details=("\ud801",)))
    assert entries(store)[0].summary == "x\\ud800"


def test_what_can_t_be_kept_stops_nothing(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    keeper = EventKeeper(store)
    store.database.execute("PRAGMA query_only=ON")
    keeper.keep(DRIFT)
    assert "can't be remembered" in caplog.text


def test_what_lasts_since_before_is_among_what_happened_lately(store: Store) -> None:
    keeper = EventKeeper(store)
    later = AT + timedelta(days=2)
    other = replace(DRIFT, relationship="east", finding="drift:east")
    more = replace(DRIFT, at=later, summary="hq has drifted: 2 differences")
    for event in (DRIFT, other, replace(other, is_over=True), more):
        keeper.keep(event)

    def found(since: datetime) -> list[tuple[str | None, str]]:
        return [(each.finding, each.summary) for each in lately(store, since)]

    assert found(later + timedelta(hours=1)) == [("drift:hq", more.summary)]  # its last word, and no other
    assert [finding for finding, _ in found(AT)] == ["drift:hq", "drift:east", "drift:east", "drift:hq"]
