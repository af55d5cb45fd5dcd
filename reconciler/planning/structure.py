"""Why nothing can be planned for servers that all answered: what is out of reach of any order of steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler.kea import ha, hooks
from reconciler.kea.translation import Translation
from reconciler.model import Relationship, Snapshot
from reconciler.planning import wanted
from reconciler.planning.diff import field_changes


def undecidable(relationship: Relationship, snapshots: Mapping[str, Snapshot]) -> str | None:
    """Return why nothing can be planned for servers that all answered, None where it can."""
    for name, snapshot in snapshots.items():
        blocks = hooks.relationships_of(snapshot.config)
        if len(blocks) > 1:
            return f"{name} has {len(blocks)} relationships in its HA hook; hub-and-spoke is not supported yet"
        if not blocks and wanted.hooks_directory(snapshot) is None:
            return f"{name} does not tell where its hook libraries are; give hooks-directory in the inventory"
    return _restructured(relationship, snapshots)


_MOST_LACKS, _MOST_PLACES = 5, 3  # that are named of what a server's version can't say


def inexpressible(source: Snapshot, snapshots: Mapping[str, Snapshot], words: Mapping[str, Translation]) -> str | None:
    """Return which servers run a version of Kea that can't say what the authority's data say, and what that is; None
    where all can.

    `words` are the authority's data in the words of the versions of the other servers. Nothing of a relationship is
    changed then: the server would do something else than the authority, and a client would get the one or the other.
    """
    told = {
        name: f"{name} runs {each.version}, which has {_lacking(words[each.version])}"
        for name, each in snapshots.items()
        if each is not source and each.version in words and words[each.version].inexpressible
    }
    if not told:
        return None
    authority = source.endpoint.server
    way = f"take it out of {authority}'s configuration, or bring {' and '.join(told)} to the version of {authority}"
    return f"{'. '.join(told.values())}; {way}"


def _lacking(words: Translation) -> str:
    places: dict[str, list[str]] = {}
    for each in words.inexpressible:
        places.setdefault(each.lacks, []).append(each.where)
    parts = [f"no {lacks}: {_some(found, _MOST_PLACES, ', ')}" for lacks, found in places.items()]
    return _some(parts, _MOST_LACKS, "; ")


def _some(texts: list[str], most: int, between: str) -> str:
    more = f" and {len(texts) - most} more" if len(texts) > most else ""
    return between.join(texts[:most]) + more


def _restructured(relationship: Relationship, snapshots: Mapping[str, Snapshot]) -> str | None:
    """A structure (mode, peers, roles, urls) that one server alone has otherwise is drift and put back; one that all
    have otherwise is another relationship, or a change that needs an order of its own.
    """
    differing = {}
    for peer in relationship.peers:
        block = wanted.block_of(snapshots[peer.server])
        if block is None:
            continue
        live, desired = _structure(block), _structure(ha.wanted_block(relationship, peer, block))
        if live == desired:
            return None
        differing[peer.server] = (live, desired)
    if not differing:
        return None
    server, (live, desired) = next(iter(differing.items()))
    if live["peers"].keys() != desired["peers"].keys():
        peers = ", ".join(sorted(live["peers"]))
        return (
            f"{server} already is in another relationship, of the peers {peers}; "
            "describe that one (`kea-reconciler import`), or take the HA hook off the server first"
        )
    fields = [f.name for key in sorted(live) for f in field_changes(key, live[key], desired[key])]
    return (
        f"{', '.join(fields)} of a standing relationship would change, which needs a safe order of its own and "
        "is not supported yet"
    )


def _structure(block: Mapping[str, Any]) -> dict[str, Any]:
    form = ha.normal_form(block, "0")
    peers = {name: {key: peer.get(key) for key in ("role", "url")} for name, peer in form["peers"].items()}
    return {"mode": form.get("mode"), "peers": peers}
