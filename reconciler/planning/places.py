"""Where a relationship stands on a server that may be in several: which entry of the HA hook's list is its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from reconciler.kea import hooks
from reconciler.kea.stamps import read_stamps
from reconciler.model import Relationship, Snapshot


def located(relationship: Relationship, snapshot: Snapshot) -> Snapshot:
    """Return a snapshot as one relationship sees it: `place` and `ha` are those of its entry in the HA hook's list."""
    found = place(relationship, snapshot.config)
    if found == snapshot.place:
        return snapshot
    view = snapshot.views[found] if found is not None and found < len(snapshot.views) else None
    return replace(snapshot, place=found, ha=view)


def place(relationship: Relationship, config: Mapping[str, Any]) -> int | None:
    """Return the position of a relationship's entry in the HA hook's list of a configuration, None where it has none.

    Peers' names are unique over all relationships of a server (Kea refuses others), so the entry that shares most of
    them is meant. A relationship whose peers were all renamed is found by its stamp: the entry that no other stamped
    relationship of the server can own. A server with one entry only has it for every relationship that names it, be
    it a wrong one: that is for the plan to say.
    """
    blocks = hooks.relationships_of(config)
    names = {peer.name for peer in relationship.peers}
    shared = [len(names & _names(block)) for block in blocks]
    if any(shared):
        return shared.index(max(shared))
    others = [stamp for stamp in read_stamps(config) if stamp.relationship != relationship.name]
    return 0 if len(blocks) == 1 and not others else None


def _names(block: Mapping[str, Any]) -> set[str]:
    peers = block.get("peers")
    return {str(peer.get("name")) for peer in peers if isinstance(peer, Mapping)} if isinstance(peers, list) else set()
