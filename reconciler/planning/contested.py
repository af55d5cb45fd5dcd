"""What a server is to have where some of its objects are contested: the authority's data, but for these.

Somebody sets them again and again to something else than the authority has. They stay as each server has them, and
everything else goes on to follow.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from reconciler.kea.fingerprints import section
from reconciler.kea.keeping import keeping
from reconciler.model import Fingerprints, Peer, Relationship, Stamp

Part = Mapping[str, Any]


def goal(relationship: Relationship, peer: Peer, data: Part | None, theirs: Part) -> tuple[Part | None, str]:
    """Return the replicated part that a server is to have, `data` being the authority's in its words and `theirs` what
    it has. Where contested objects can't be kept alone, it is what it has, and it is told why.
    """
    contested = relationship.contested.get(peer.server)
    if data is None or not contested:
        return data, ""
    kept = keeping(data, theirs, relationship.service, contested)
    return (theirs, kept) if isinstance(kept, str) else (kept, "")


def marks_beside(
    marks: Fingerprints, data: Part | None, due: Part | None, theirs: Part, stamp: Stamp | None
) -> Fingerprints:
    """Return the fingerprints for the stamp of a server that is to have `due`, and has `theirs` and `stamp` now. They
    are `marks`, those of the authority's `data`, so that what it keeps goes on to be told as changed there.

    But where only the authority moved, and the server had what was replicated last, it goes on not to have moved.
    """
    if data is None or due is None or due is data or stamp is None:
        return marks
    differing = [name for name in {**data, **due} if due.get(name) != data.get(name)]
    last = stamp.fingerprints.sections
    own = {name: _digest(due, name) for name in differing if _digest(theirs, name) == last.get(name)}
    sections = {name: mark for name, mark in {**marks.sections, **own}.items() if mark is not None}
    return replace(marks, sections=sections)


def _digest(part: Part, name: str) -> str | None:
    return section(part, name) if name in part else None
