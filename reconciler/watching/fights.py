"""Objects that drift back again and again: somebody else sets them to what we take away, and fighting helps nobody.

What counts is the very same change of the same object on the same server. An operator who works on one subnet all
day makes a different change each time, and is followed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from reconciler.kea.fingerprints import digest
from reconciler.model import Cause, Change, RelationshipPlan
from reconciler.reports.text_changes import object_words

WINDOW, TIMES = 3600.0, 3  # seconds, and how often a change may be made within them

Fights = Mapping[str, tuple[float, ...]]  # when each change was made, by its mark


def marks(plan: RelationshipPlan) -> dict[str, str]:
    """Return what a plan would do about drift: the mark of each change, and the object in words."""
    return {
        _mark(server.peer.server, change): f"{object_words(change)} on {server.peer.server}"
        for server in plan.servers
        for change in server.changes
        if change.cause is not Cause.GIT
    }


def _mark(server: str, change: Change) -> str:
    fields = [[each.name, each.before, each.after] for each in change.fields]
    return digest([server, change.action, change.path, fields, change.summary])


def with_fought(fights: Fights, fought: Iterable[str], now: float) -> Fights:
    """Return what was fought over, these changes of now included and those of long ago left out."""
    kept = {mark: tuple(each for each in times if each > now - WINDOW) for mark, times in fights.items()}
    for mark in fought:
        kept[mark] = (*kept.get(mark, ()), now)
    return {mark: times for mark, times in kept.items() if times}


def contested(fights: Fights, wanted: Mapping[str, str], now: float) -> tuple[str, ...]:
    """Return the objects, in words, of those wanted changes that were made too often lately."""
    return tuple(
        words for mark, words in wanted.items() if sum(each > now - WINDOW for each in fights.get(mark, ())) >= TIMES
    )
