"""Which changes of a plan a person asks about, and what there is to explain of each: pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconciler.kea.stamps import read_stamps
from reconciler.model import Change, RelationshipPlan, ServerPlan, Stamp

OF_RELATIONSHIP = "relationship"


def asked_for(plan: RelationshipPlan, words: str | None) -> list[tuple[ServerPlan, Change]]:
    """Return the changes, with their servers, of an object or parameter that has these words; all without words."""
    wanted = (words or "").lower().split()
    found = [(server, change) for server in plan.servers for change in server.changes]
    return [each for each in found if set(wanted) <= set(_words(each[1]))]


def _words(change: Change) -> Iterator[str]:
    """Yield what a change may be called by: kinds, keys, and names of parameters, in parts and whole."""
    for part in (*(text for pair in change.path for text in pair), *(field.name for field in change.fields)):
        yield from (part.lower(), *part.lower().split(), part.lower().rpartition(".")[2])


def parameters(change: Change) -> Sequence[str]:
    """Return the names of what a change gives another value; none where an object comes or goes whole."""
    kind, key = change.path[-1]
    names = [field.name for field in change.fields]
    if kind == "global":  # a map such as `sanity-checks` is told by its own name
        names = [key for _ in names]
    return tuple(dict.fromkeys(names))


def stamp_of(plan: RelationshipPlan, server: ServerPlan) -> Stamp | None:
    """Return what the last replication to a server left there; None where it left nothing."""
    stamps = read_stamps(server.snapshot.config)
    return next((each for each in stamps if each.relationship == plan.relationship.name), None)
