"""Objects that drift back again and again: somebody else sets them to what we take away, and fighting helps nobody.

What counts is the very same change of the same object on the same server: an operator who works on one subnet of the
authority all day makes a different change each time, and is followed. Where a server gets back what it had, whatever
somebody set there instead makes no difference.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

from reconciler.kea.fingerprints import digest
from reconciler.model import Cause, Change, RelationshipPlan
from reconciler.reports.text_changes import object_words
from reconciler.state.fights import fought

WINDOW, TIMES = timedelta(hours=1), 3  # how often a change may be made within that time


def marks(plan: RelationshipPlan) -> dict[str, str]:
    """Return what a plan would do about drift: the mark of each change, and the object in words."""
    return {
        _mark(server.peer.server, change): f"{object_words(change)} on {server.peer.server}"
        for server in plan.servers
        for change in server.changes
        if change.cause is not Cause.GIT
    }


def _mark(server: str, change: Change) -> str:
    if change.cause is Cause.PEER or server in change.moved:  # be it that the authority moved elsewhere in the section
        return digest([server, change.action, change.path, [[each.name, each.after] for each in change.fields]])
    fields = [[each.name, each.before, each.after] for each in change.fields]
    return digest([server, change.action, change.path, fields, change.summary])


def contested(fights: Mapping[str, int], wanted: Mapping[str, str]) -> tuple[str, ...]:
    """Return the objects, in words, of those wanted changes that were made too often lately; `fights` is how often."""
    return tuple(words for mark, words in wanted.items() if fights.get(mark, 0) >= TIMES)


def contested_of(
    plan: RelationshipPlan, database: sqlite3.Connection, directory: Path, now: datetime
) -> tuple[str, ...]:
    """Return the contested objects of a plan, by what the state directory knows. Raises StateError."""
    wanted = marks(plan)
    return contested(fought(database, directory, plan.relationship.name, now, WINDOW), wanted) if wanted else ()
