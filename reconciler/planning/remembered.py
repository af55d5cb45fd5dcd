"""What a stamp remembers of replications before the last, so that a primary that is back with an old file is known."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeGuard

from reconciler.kea.fingerprints import fingerprints
from reconciler.kea.versions import parse_version
from reconciler.model import Fingerprints, Former, Relationship, Snapshot, Stamp
from reconciler.planning import wanted
from reconciler.planning.division import Division

EARLIER = 32  # fingerprints of replications before the last that a stamp remembers
FORMER = 2  # values of `local` before the one that it has, for which it does that


def earlier(
    relationship: Relationship, stamp: Stamp | None, snapshot: Snapshot, marks: Fingerprints, *, stands_in: bool
) -> tuple[str, ...]:
    """Return the fingerprints for a server's stamp of what was replicated to it before, with `local` as it is.

    Without the last, where another server stands in for the primary: what that has when it comes back is no older than
    what it had. Nothing where the version of Kea is another one than then: what was replicated can't be told by these.
    """
    if not _tells_before(stamp, snapshot) or stamp.local != wanted.local_patterns(relationship):
        return ()
    return tuple(each for each in _known(stamp, stands_in=stands_in) if each != marks.whole)[:EARLIER]


def former(
    relationship: Relationship, stamp: Stamp | None, snapshot: Snapshot, truth: Division, *, stands_in: bool
) -> tuple[Former, ...]:
    """Return the same of the time before `local` became what it is, the last such time first; without what the
    authority has still, or again.
    """
    if not _tells_before(stamp, snapshot):
        return ()
    found = stamp.former
    if stamp.local != wanted.local_patterns(relationship):
        found = (Former(stamp.local, _known(stamp, stands_in=stands_in)[:EARLIER]), *found)[:FORMER]
    return tuple(
        _without(each, fingerprint_with(each.local, relationship, truth.authority, snapshot.version)) for each in found
    )


def _without(former: Former, mark: str) -> Former:
    return replace(former, fingerprints=tuple(each for each in former.fingerprints if each != mark))


def fingerprint_with(local: tuple[str, ...], relationship: Relationship, snapshot: Snapshot, version: str) -> str:
    """Return the fingerprint of a server's replicated part, with these patterns as what is local, in the words of a
    version of Kea.
    """
    return fingerprints(wanted.in_words_of(replace(relationship, local=local), snapshot, version).part).whole


def _tells_before(stamp: Stamp | None, snapshot: Snapshot) -> TypeGuard[Stamp]:
    if stamp is None:
        return False
    return parse_version(stamp.version or snapshot.version) == parse_version(snapshot.version)


def _known(stamp: Stamp, *, stands_in: bool) -> tuple[str, ...]:
    return tuple(dict.fromkeys(stamp.earlier if stands_in else (stamp.fingerprints.whole, *stamp.earlier)))
