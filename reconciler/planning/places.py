"""Where a relationship stands on a server that may be in several: which entry of the HA hook's list is its own."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any

from reconciler.kea import hooks, hubs
from reconciler.kea.ha import same_url
from reconciler.kea.stamps import read_departures, read_stamps
from reconciler.model import Departure, Relationship, Snapshot


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
    them is meant. One whose peers were all renamed is told by the stamp, which has the names that they had, or by the
    server's own url, of which it has one for each relationship. Without either it is the only one of a server, be it a
    wrong one, which is for the plan to say, unless the server is to be in several: one entry is then another's.
    """
    blocks = hooks.relationships_of(config)
    named = {peer.name for peer in relationship.peers}
    stamped = {name for each in read_stamps(config) if each.relationship == relationship.name for name in each.peers}
    for names in (named, stamped):
        shared = [len(names & _names(block)) for block in blocks]
        if any(shared):
            return shared.index(max(shared))
    urls = [peer.url for peer in relationship.peers if peer.server == server]
    for position, block in enumerate(blocks):
        if any(same_url(own, url) for own in _own_urls(block) for url in urls):
            return position
    is_hub = any(peer.is_hub for peer in relationship.peers if peer.server == server)
    return 0 if len(blocks) == 1 and not is_hub else None


def has_others(snapshot: Snapshot) -> bool:
    """Whether a server is in other relationships besides: its service can't be switched off then (see `silence`)."""
    return len(hooks.relationships_of(snapshot.config)) > (snapshot.place is not None)


def with_live_hubs(relationship: Relationship, snapshots: Mapping[str, Snapshot]) -> Relationship:
    """Return the relationship with those peers marked as hubs whose servers are in others too, described or not, or
    were: what they keep of these is not the relationship's to replace, or to serve, and what they have at the top is
    their own as it was before.
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
    if len(blocks) != 1:
        return len(blocks) > 1
    return bool(left_others(relationship, config)) or hubs.has_disabled_of_others(config, relationship.service, names)


def left_others(relationship: Relationship, config: Mapping[str, Any]) -> tuple[Departure, ...]:
    """Return which other relationships a server has left, as its marks tell."""
    return tuple(each for each in read_departures(config) if each.relationship != relationship.name)


def _own_urls(block: Mapping[str, Any]) -> Iterator[str]:
    """Yield the url at which a server is to be reached by an entry of its HA hook."""
    peers = block.get("peers")
    for peer in peers if isinstance(peers, list) else ():
        if isinstance(peer, Mapping) and peer.get("name") == block.get("this-server-name"):
            yield str(peer.get("url", ""))


def _names(block: Mapping[str, Any]) -> set[str]:
    peers = block.get("peers")
    return {str(peer.get("name")) for peer in peers if isinstance(peer, Mapping)} if isinstance(peers, list) else set()
