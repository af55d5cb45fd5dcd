"""Where in desired a change comes from."""

from __future__ import annotations

from reconciler.model import Cause, Change, Peer, Position, Relationship

_OF_THE_RELATIONSHIP = frozenset({"mode", "on-remove"})  # fields of a change that stand at the top of the document


def source_of(relationship: Relationship, peer: Peer, change: Change) -> Position | None:
    """Return the place in the files that asks for a change, None where the files say nothing of it any more.

    What git changed has the place of the very parameter where the file has it, else that of the relationship. What a
    server changed has the place of the peer that is set.
    """
    if change.told_source is not None:
        return change.told_source
    places, kind = relationship.positions, change.path[0][0]
    if change.cause is not Cause.GIT:
        return peer.position or relationship.position
    if kind != "relationship":  # its data follow the authority, as pools, replicate and local say
        return places.get(("pools",)) or peer.position or relationship.position
    for field in change.fields:
        name, *inner = field.name.split(".")
        if name in _OF_THE_RELATIONSHIP and (name,) in places:
            return places[name,]
        if name == "peers" and inner:
            return next((each.position for each in relationship.peers if each.name == inner[0]), relationship.position)
        if ("parameters", name) in places:
            return places["parameters", name]
    return peer.position or relationship.position
