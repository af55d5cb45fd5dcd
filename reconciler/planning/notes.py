"""What is worth saying about a plan and stops nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from reconciler.kea import ha
from reconciler.kea.rapid_commit import written_out
from reconciler.model import Action, Change, Pools, Relationship, Snapshot
from reconciler.planning import wanted
from reconciler.planning.diff import differences
from reconciler.planning.division import Division, are_split
from reconciler.planning.guard import SKEW_ERROR, SKEW_WARNING, clock_skew, describe_skew, not_divisible
from reconciler.planning.places import left_others

_MOST = 5  # objects that are named of those that differ


def notes(
    relationship: Relationship, truth: Division, snapshots: Mapping[str, Snapshot], *, shared: bool
) -> Iterator[str]:
    """Yield the notes of a plan.

    `truth` is the authority; `shared` says that a configuration backend shares the data already.
    """
    if shared:
        yield "config-control is present: the Configuration Backend shares the configuration, nothing is replicated"
    elif not relationship.replicate:
        yield "replicate is false: DHCP data is left alone"
        yield from _apart(relationship, truth.source, snapshots)
    if relationship.pools is Pools.SPLIT and (shared or not relationship.replicate):
        why = "config-control is present" if shared else "replicate is false"
        yield f"pools: split has no effect while {why}: pools are DHCP data, and stay as each server has them"
    yield from _version_notes(relationship, snapshots)
    for peer in relationship.peers:
        left = [each.relationship for each in left_others(relationship, snapshots[peer.server].config)]
        if left and peer.is_hub:
            yield (
                f"{peer.server} was in {' and '.join(left)} too: only the subnets and shared networks of this "
                "relationship follow to it, everything else that it has is its own"
            )
    if truth.classed:
        yield f"{not_divisible(truth)}; both servers hand out such addresses"
    elif not are_split(relationship, truth.authority):
        yield (
            "pools are shared by both servers of this load-balancing relationship; Kea's manual asks to split them "
            "by the classes HA_<peer>, so that a broken connection can't make both lease one address"
        )
    skew = clock_skew(list(snapshots.values()))
    if skew is not None and SKEW_WARNING <= skew < SKEW_ERROR:
        yield describe_skew(skew)


def _apart(relationship: Relationship, source: Snapshot, snapshots: Mapping[str, Snapshot]) -> Iterator[str]:
    """Yield where the servers' data differ from the authority's, although nothing is done about it."""
    for name, snapshot in snapshots.items():
        if snapshot is source:
            continue
        ours = wanted.in_words_of(relationship, source, snapshot.version).part
        theirs = wanted.replicated_part(relationship, snapshot)
        if ours == theirs:
            continue
        before, after = (written_out(each, relationship.service) for each in (theirs, ours))
        found = [_words(each.change) for each in differences(before, after, relationship.service)]
        if found:
            more = f" and {len(found) - _MOST} more" if len(found) > _MOST else ""
            yield f"{name} has other DHCP data than {source.endpoint.server}: {', '.join(found[:_MOST])}{more}"


def _words(change: Change) -> str:
    sign = {Action.ADD: "lacks ", Action.DELETE: "has in addition ", Action.CHANGE: "has another "}[change.action]
    return sign + " in ".join(f"{kind} {key}" for kind, key in reversed(change.path))


def _version_notes(relationship: Relationship, snapshots: Mapping[str, Snapshot]) -> Iterator[str]:
    """Yield what means something else, or nothing, to the version of Kea that a server runs."""
    for name, snapshot in snapshots.items():
        for parameter in ha.unknown(relationship, snapshot.version)[1]:
            yield f"{name} runs Kea {snapshot.version}, which has no {parameter}; it is left out there"
    versions = {name: snapshot.version for name, snapshot in snapshots.items()}
    for parameter in ha.differing_defaults(relationship.mode, versions.values()):
        if parameter not in relationship.parameters:
            shown = ", ".join(f"{name} runs {version}" for name, version in versions.items())
            yield f"desired leaves {parameter} to Kea, and its default is not the same everywhere: {shown}"
