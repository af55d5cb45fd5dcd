"""Where a relationship stands on a server that may be in several: which entry of the HA hook's list is its own."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from reconciler.kea import hooks, hubs
from reconciler.model import Relationship, Snapshot


def located(relationship: Relationship, snapshot: Snapshot) -> Snapshot:
    """Return a snapshot as one relationship sees it: `place` and `ha` are those of its entry in the HA hook's list."""
    found = place(relationship, snapshot.config, snapshot.endpoint.server)
    return snapshot if found == snapshot.place else at_place(snapshot, found)


def at_place(snapshot: Snapshot, place: int | None) -> Snapshot:
    """Return a snapshot as the relationship sees it whose entry stands at this place of the HA hook's list."""
    view = snapshot.views[place] if place is not None and place < len(snapshot.views) else None
    return replace(snapshot, place=place, ha=view)


def place(relationship: Relationship, config: Mapping[str, Any], server: str) -> int | None:
    """Return where in the HA hook's list of a server's configuration the relationship's entry is, None where nowhere.

    Peers' names are unique over all relationships of a server (Kea refuses others), so the entry that shares most of
    them is meant. A relationship whose peers were all renamed is the only one of a server, unless the server is to be
    in several: one entry is then another's, and else it is that of any relationship that names the server, be it a
    wrong one, which is for the plan to say.
    """
    blocks = hooks.relationships_of(config)
    names = {peer.name for peer in relationship.peers}
    shared = [len(names & _names(block)) for block in blocks]
    if any(shared):
        return shared.index(max(shared))
    is_hub = any(peer.is_hub for peer in relationship.peers if peer.server == server)
    return 0 if len(blocks) == 1 and not is_hub else None


def with_live_hubs(relationship: Relationship, snapshots: Mapping[str, Snapshot]) -> Relationship:
    """Return the relationship with those peers marked as hubs whose servers are in others too, described or not, or
    keep subnets of others that they have left: these are not the relationship's to replace, or to serve.
    """
    names = {peer.name for peer in relationship.peers}
    peers = tuple(
        replace(peer, is_hub=peer.is_hub or _is_hub(relationship, names, snapshots[peer.server].config))
        if peer.server in snapshots
        else peer
        for peer in relationship.peers
    )
    return relationship if peers == relationship.peers else replace(relationship, peers=peers)


def _is_hub(relationship: Relationship, names: Collection[str], config: Mapping[str, Any]) -> bool:
    blocks = hooks.relationships_of(config)
    names = {*names, *(name for block in blocks for name in _names(block))}
    return len(blocks) > 1 or (len(blocks) == 1 and hubs.has_disabled_of_others(config, relationship.service, names))


def _names(block: Mapping[str, Any]) -> set[str]:
    peers = block.get("peers")
    return {str(peer.get("name")) for peer in peers if isinstance(peer, Mapping)} if isinstance(peers, list) else set()
