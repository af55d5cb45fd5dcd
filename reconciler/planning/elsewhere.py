"""The other relationships of a hub that is set: who answers the clients there that the hub serves.

A set starts all state machines of a server anew, and Kea answers nobody in any of its relationships as long as one of
them waits (seen on 2.6.3 and 3.0.3). Its partner in another relationship can answer that one's clients meanwhile, in
the way of a hand-over without being switched off: the hub gives up its scope there (ha-scopes), its partner takes it,
and gives it back as soon as the hub serves again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from reconciler.kea import hooks
from reconciler.model import (
    Elsewhere,
    Live,
    Mode,
    Peer,
    Relationship,
    RelationshipPlan,
    Role,
    ServerPlan,
    Service,
    Snapshot,
)
from reconciler.planning.places import at_place, has_others, located
from reconciler.planning.service import is_off, why_unable
from reconciler.planning.standing import name_each_other, own_scopes, standing

LiveWorld = Mapping[tuple[str, Service], Live]


def with_elsewhere(plan: RelationshipPlan, known: Sequence[Relationship], live: LiveWorld) -> RelationshipPlan:
    """Return a plan with who answers the clients of other relationships while a hub of it is set, and with a note on
    those whom nobody answers. `known` are the relationships of desired.
    """
    gently = {name for stage in plan.stages if stage.otherwise is not None for name in stage.servers}
    names = {name for stage in plan.stages for name in stage.servers}
    together = [set(stage.servers) for stage in plan.stages]
    found: list[Elsewhere] = []
    told: list[str] = []
    for server in plan.servers:
        if server.peer.server in names and has_others(server.snapshot):
            for each in _of_hub(server, known, live, together):
                if isinstance(each, Elsewhere):
                    found.append(each)
                elif server.peer.server not in gently:
                    told.append(each)
    return replace(plan, elsewhere=tuple(found), foresight=(*plan.foresight, *told)) if found or told else plan


def as_shown(plan: RelationshipPlan, shown: RelationshipPlan, live: LiveWorld) -> RelationshipPlan:
    """Return a plan that was made once more, with the hand-overs that were shown and no other. One that isn't possible
    at the moment stays: it is waited for before the hub is set, and if that is in vain the hub is not set.
    """
    made = {_key(each): each for each in plan.elsewhere}
    hubs = {server.peer.server: server.snapshot for server in plan.servers}
    told = [made.get(_key(each)) or _still(each, hubs.get(each.hub.peer.server), live) for each in shown.elsewhere]
    return replace(plan, elsewhere=tuple(filter(None, told)))


def _still(there: Elsewhere, hub: Snapshot | None, live: LiveWorld) -> Elsewhere | None:
    """Return a hand-over as it is now; None where the hub is not in that relationship any more."""
    now = located(there.relationship, hub) if hub is not None else None
    if hub is None or now is None or now.place in {None, hub.place}:
        return None
    partner = live.get((there.partner.peer.server, there.relationship.service))
    read = located(there.relationship, partner) if isinstance(partner, Snapshot) else there.partner.snapshot
    return replace(there, hub=replace(there.hub, snapshot=now), partner=replace(there.partner, snapshot=read))


def _key(each: Elsewhere) -> tuple[str, str, str]:
    return each.relationship.name, each.hub.peer.server, each.partner.peer.server


def beside(peer: Peer, snapshot: Snapshot, known: Sequence[Relationship], live: LiveWorld) -> list[Elsewhere | str]:
    """Return who answers the clients of a server's other relationships while its HA begins anew in this one, and why
    nobody does where nobody can.
    """
    return list(_of_hub(ServerPlan(peer, snapshot), known, live, (), "begins anew"))


def sharing(relationships: Iterable[Relationship], others: Iterable[Relationship]) -> Iterator[Relationship]:
    """Yield those of the others that share a server with one of the relationships: a set starts them anew as well."""
    servers = {(peer.server, each.service) for each in relationships for peer in each.peers}
    yield from (each for each in others if any((peer.server, each.service) in servers for peer in each.peers))


def _of_hub(
    server: ServerPlan,
    known: Sequence[Relationship],
    live: LiveWorld,
    together: Sequence[Collection[str]],
    meanwhile: str = "is set",
) -> Iterator[Elsewhere | str]:
    """Yield what is handed over in each other relationship in which a server answers clients, or why nothing is.
    `together` are the servers that are set in one stage each: none of those can answer for another.
    """
    snapshot = server.snapshot
    for place, view in enumerate(snapshot.views):
        hub = at_place(snapshot, place)
        if place == snapshot.place or not own_scopes(hub) or is_off(snapshot):
            continue
        same = [each for each in known if each.service is snapshot.endpoint.service]
        there = next((each for each in same if _is_at(each, hub)), None)
        made = _handed_over(there, hub, live) if there else "no file describes it"
        if isinstance(made, Elsewhere):
            pair = {server.peer.server, made.partner.peer.server}
            made = "its partner there is set with it" if any(pair <= set(each) for each in together) else made
        if isinstance(made, Elsewhere):
            yield made
        elif view.scopes:
            name = there.name if there else f"of {' and '.join(_peers(hub))}"
            yield (
                f"while {server.peer.server} {meanwhile}, nobody answers the clients that it serves in the "
                f"relationship {name}: {made}"
            )


def _is_at(relationship: Relationship, hub: Snapshot) -> bool:
    is_peer = any(peer.server == hub.endpoint.server for peer in relationship.peers)
    return is_peer and located(relationship, hub).place == hub.place


def _peers(hub: Snapshot) -> list[str]:
    block = hooks.relationships_of(hub.config)[hub.place or 0]
    return sorted(str(peer.get("name")) for peer in block.get("peers") or ())


def _handed_over(relationship: Relationship, hub: Snapshot, live: LiveWorld) -> Elsewhere | str:
    """Return a relationship of a hub as one that is handed over, or why it can't be."""
    read = [(peer, live.get((peer.server, relationship.service))) for peer in relationship.peers]
    own = next(peer for peer, _ in read if peer.server == hub.endpoint.server)
    placed = [
        (peer, located(relationship, each)) for peer, each in read if isinstance(each, Snapshot) and peer is not own
    ]
    partners = [(peer, each) for peer, each in placed if _is_standby(relationship, peer, each, hub)]
    if not partners:
        return "its partner there could not be read, or is not the one that the file names"
    ((peer, partner), *_) = partners
    for name, each in ((own.server, hub), (peer.server, partner)):
        if not _is_well(each):
            return f"{name} is not in its normal state there, or does not hear its partner"
    why = why_unable(partner)
    if why is not None:
        return f"{peer.server} {why}"
    return Elsewhere(relationship, ServerPlan(own, hub), ServerPlan(peer, partner))


def _is_standby(relationship: Relationship, peer: Peer, snapshot: Snapshot, hub: Snapshot) -> bool:
    """Whether a server is the hub's standby there now: each names the other."""
    is_one = standing(relationship, peer, snapshot) == (Mode.HOT_STANDBY, Role.STANDBY)
    return is_one and name_each_other((hub, snapshot))


def _is_well(snapshot: Snapshot) -> bool:
    view = snapshot.ha
    if view is None or view.state != Mode.HOT_STANDBY or view.partner is None:
        return False
    return view.partner.is_heard and view.partner.last_state == Mode.HOT_STANDBY
