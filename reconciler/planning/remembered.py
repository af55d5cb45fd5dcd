"""What a stamp remembers of replications before the last, so that a primary that is back with an old file is known."""

from __future__ import annotations

from dataclasses import replace

from reconciler.kea.fingerprints import fingerprints
from reconciler.kea.versions import parse_version
from reconciler.model import Fingerprints, Former, Relationship, Snapshot, Stamp
from reconciler.planning import wanted
from reconciler.planning.division import Division

EARLIER = 128  # fingerprints of replications before the last that a stamp remembers
FORMER = 3  # times with another `local` or version of Kea, for which it does that


def earlier(
    relationship: Relationship, stamp: Stamp | None, snapshot: Snapshot, marks: Fingerprints, *, stands_in: bool
) -> tuple[str, ...]:
    """Return the fingerprints for a server's stamp of what was replicated to it before, with `local` as it is.

    Without the last, where another server stands in for the primary: what that has when it comes back is no older than
    what it had.
    """
    if stamp is None or not _is_of_this_time(relationship, stamp, snapshot):
        return ()
    return tuple(each for each in _known(stamp, stands_in=stands_in) if each != marks.whole)[:EARLIER]


def former(
    relationship: Relationship, stamp: Stamp | None, snapshot: Snapshot, truth: Division, *, stands_in: bool
) -> tuple[Former, ...]:
    """Return the same of the times before `local`, or the server's version of Kea, became what it is, the last such
    time first; without what the authority has still, or again.
    """
    if stamp is None:
        return ()
    found = stamp.former
    if not _is_of_this_time(relationship, stamp, snapshot):
        known = _known(stamp, stands_in=stands_in)[:EARLIER]
        found = (Former(stamp.local, known, stamp.version or snapshot.version), *found)[:FORMER]
    return tuple(
        _without(each, fingerprint_with(each.local, relationship, truth.authority, each.version)) for each in found
    )


def _without(former: Former, mark: str) -> Former:
    return replace(former, fingerprints=tuple(each for each in former.fingerprints if each != mark))


def fingerprint_with(local: tuple[str, ...], relationship: Relationship, snapshot: Snapshot, version: str) -> str:
    """Return the fingerprint of a server's replicated part, with these patterns as what is local, in the words of a
    version of Kea.
    """
    return fingerprints(wanted.in_words_of(replace(relationship, local=local), snapshot, version).part).whole


def _is_of_this_time(relationship: Relationship, stamp: Stamp, snapshot: Snapshot) -> bool:
    """Whether what would be replicated now has the fingerprint that the stamp has, if it is the same."""
    version = parse_version(stamp.version or snapshot.version)
    return version == parse_version(snapshot.version) and stamp.local == wanted.local_patterns(relationship)


def _known(stamp: Stamp, *, stands_in: bool) -> tuple[str, ...]:
    return tuple(dict.fromkeys(stamp.earlier if stands_in else (stamp.fingerprints.whole, *stamp.earlier)))
