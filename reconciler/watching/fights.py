"""Objects that drift back again and again: somebody else sets them to what we take away, and fighting helps nobody.

What counts is the very same change of the same object on the same server: an operator who works on one subnet of the
authority all day makes a different change each time, and is followed. Where a server gets back what it had, whatever
somebody set there instead makes no difference.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

from reconciler.kea.fingerprints import digest
from reconciler.kea.keeping import ObjectPath
from reconciler.model import Cause, Change, RelationshipPlan
from reconciler.planning.returned import data_changes
from reconciler.planning.server_plan import stamp_of
from reconciler.reports.text_changes import object_words
from reconciler.state.fights import fought

WINDOW, TIMES = timedelta(hours=1), 3  # how often a change may be made within that time


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Dispute:
    """An object that somebody else sets: of which server, by the path of its change, and in words."""

    server: str
    path: ObjectPath
    words: str


def disputes(plan: RelationshipPlan) -> dict[str, Dispute]:
    """Return what a plan would do about drift: the mark of each change, and the object."""
    return {
        _mark(server.peer.server, change): Dispute(
            server.peer.server, change.path, f"{object_words(change)} on {server.peer.server}"
        )
        for server in plan.servers
        for change in server.changes
        if change.cause is not Cause.GIT
    }


def _mark(server: str, change: Change) -> str:
    if change.cause is Cause.PEER or server in change.moved:  # be it that the authority moved elsewhere in the section
        return digest([server, change.action, change.path, [[each.name, each.after] for each in change.fields]])
    fields = [[each.name, each.before, each.after] for each in change.fields]
    return digest([server, change.action, change.path, fields, change.summary])


def contested(fights: Mapping[str, int], wanted: Mapping[str, T]) -> tuple[T, ...]:
    """Return the objects of those wanted changes, by mark, that were made too often lately; `fights` is how often."""
    return tuple(each for mark, each in wanted.items() if fights.get(mark, 0) >= TIMES)


def contested_of(
    plan: RelationshipPlan, database: sqlite3.Connection, directory: Path, now: datetime
) -> tuple[Dispute, ...]:
    """Return the contested objects of a plan, by what the state directory knows. Raises StateError."""
    wanted = disputes(plan)
    return contested(fought(database, directory, plan.relationship.name, now, WINDOW), wanted) if wanted else ()


def kept(plan: RelationshipPlan, found: Iterable[Dispute]) -> dict[str, tuple[ObjectPath, ...]]:
    """Return which contested objects can stay as each server has them while everything else goes on, as
    `Relationship.contested` has it: DHCP data.

    What is contested on the authority stays on all servers that are in the relationship: neither what it has there,
    nor what is made of that, is carried on.
    """
    data = {(server.peer.server, change.path) for server in plan.servers for change in data_changes(server)}
    inside = [each.peer.server for each in plan.servers if stamp_of(plan.relationship, each.snapshot) is not None]
    staying: dict[str, tuple[ObjectPath, ...]] = {}
    for each in found:
        if (each.server, each.path) in data:
            for name in inside if each.server == plan.authority.server else [each.server]:
                staying[name] = (*staying.get(name, ()), each.path)
    return staying
