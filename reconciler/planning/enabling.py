"""Letting a server serve again that was disabled when it left its relationship."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from reconciler.kea import guards, hooks, hubs, prefixes
from reconciler.kea.objects import subnets_of
from reconciler.kea.stamps import read_departures, without_stamp
from reconciler.model import (
    Action,
    Authority,
    Change,
    Departure,
    FieldChange,
    Live,
    Objection,
    OnRemove,
    Peer,
    Procedure,
    Relationship,
    RelationshipPlan,
    Role,
    ServerPlan,
    Service,
    Snapshot,
    Stage,
    Unreachable,
)
from reconciler.planning.diff import differences
from reconciler.planning.hub_rules import others_not_normal
from reconciler.planning.places import at_place
from reconciler.planning.removal import leases_in, subnet_words
from reconciler.planning.risk import CLIENTS
from reconciler.planning.silence import may_be_silenced

CODE = "two-would-serve"
LiveWorld = Mapping[tuple[str, Service], Live]


def plan_enabling(server: str, service: Service, live: LiveWorld) -> RelationshipPlan:
    """Return how the guards come off a server; nothing where it has none.

    `live` holds the server and every other that may serve the same clients.
    """
    found = live[server, service]
    if isinstance(found, Unreachable):
        nobody = _relationship(server, service, _departure(server, {}))
        truth = Authority(None, "it can't be read")
        return RelationshipPlan(nobody, truth, unplanned=f"{server} can't be reached", unreachable=(found,))
    departure = _departure(server, found.config)
    relationship = _relationship(server, service, departure)
    truth = Authority(server, f"{server} keeps its own configuration; only the guards come off")
    (peer,) = relationship.peers
    if not guards.is_guarded(found.config, service):
        return RelationshipPlan(relationship, truth, servers=(ServerPlan(peer, found),))
    reason = _refusal(found)
    if reason:
        return RelationshipPlan(relationship, truth, unplanned=reason)
    return RelationshipPlan(
        relationship,
        truth,
        Procedure.ENABLE,
        servers=(_enabled(peer, at_place(found, None)),),
        objections=(*_objections(server, service, live), *others_not_normal(at_place(found, None))),
        notes=tuple(_notes(found)),
        stages=(Stage((server,), needs_normal=False, released=_released(peer, found)),),
    )


def _released(peer: Peer, snapshot: Snapshot) -> tuple[str, ...]:
    """Return the server where an earlier run may have left its service off, which can't be told before Kea 2.6.2."""
    is_off = snapshot.disabled_by_user is not False and may_be_silenced(peer, at_place(snapshot, None))
    return (peer.server,) if is_off else ()


def _refusal(snapshot: Snapshot) -> str | None:
    """Return why what a server keeps can't serve, None where it can."""
    server, blocks = snapshot.endpoint.server, hooks.relationships_of(snapshot.config)
    if len(blocks) > 1:
        return (
            f"{server} is in {len(blocks)} relationships, and Kea drops the packets for a subnet that belongs to none "
            "of them: what it keeps of one that it has left serves again once that one is back"
        )
    if blocks and not _left_over(snapshot):
        return f"{server} is in a relationship: `apply` takes off it what keeps it from serving there"
    return None


def _left_over(snapshot: Snapshot) -> frozenset[str]:
    """Return the prefixes of the disabled subnets that are of no relationship in which the server is."""
    blocks = hooks.relationships_of(snapshot.config)
    present = {str(peer.get("name")) for block in blocks for peer in block.get("peers") or ()}
    return frozenset(hubs.disabled_of_others(snapshot.config, snapshot.endpoint.service, present))


def _notes(snapshot: Snapshot) -> Iterator[str]:
    for block in hooks.relationships_of(snapshot.config):
        own = [each for each in block.get("peers") or () if each.get("name") == block.get("this-server-name")]
        if not any(each.get("role") == Role.PRIMARY for each in own):
            yield (
                f"{snapshot.endpoint.server} is the standby in its relationship: Kea answers the clients of these "
                "subnets only while it serves there too, in place of its partner"
            )


def _departure(server: str, config: Mapping[str, object]) -> Departure:
    """Return what the server left last, as far as it tells."""
    left = read_departures(config)
    return left[-1] if left else Departure(server, server, OnRemove.DISABLE)


def _relationship(server: str, service: Service, departure: Departure) -> Relationship:
    peer = Peer(server, departure.peer, departure.role, "")
    return Relationship(departure.relationship, service, departure.mode, (peer,), is_absent=True)


def _enabled(peer: Peer, snapshot: Snapshot) -> ServerPlan:
    service, is_hub = snapshot.endpoint.service, bool(hooks.relationships_of(snapshot.config))
    freed = _left_over(snapshot) if is_hub else frozenset(guards.guarded_subnets(snapshot.config, service))
    config = guards.enabled(snapshot.config, service, concerns=lambda each: each.get("subnet") in freed)
    for departure in read_departures(snapshot.config):
        # What it keeps is still not that of the relationship that it is in.
        kept = replace(departure, on_remove=OnRemove.KEEP) if is_hub else None
        config = without_stamp(config, departure.relationship, kept)
    before, after = (_classes_only(each) for each in (snapshot.config, config))
    changes = [each.change for each in differences(before, after, service)]
    if freed:  # there are none where on-remove was delete: then only the class goes that drops everything
        answers = FieldChange("answered", before=False, after=True)
        path, leases = ((CLIENTS, f"of {subnet_words(freed)}"),), leases_in(snapshot, freed)
        changes.insert(0, Change(Action.CHANGE, path, (answers,), leases=leases))
    return ServerPlan(peer, snapshot, tuple(changes), config, leaves=True)


def _classes_only(config: Mapping[str, object]) -> dict[str, object]:
    return {"client-classes": config["client-classes"]} if config.get("client-classes") else {}


def _objections(server: str, service: Service, live: LiveWorld) -> Iterator[Objection]:
    """Yield who would serve the same subnets beside it, or may: outside a relationship neither knows of the other."""
    me = live[server, service]
    own = _prefixes(me)
    if isinstance(me, Snapshot) and hooks.relationships_of(me.config):
        own = set(_left_over(me))
    for (other, its), each in sorted(live.items()):
        if other == server or its is not service:
            continue
        shared = [_told(*pair) for pair in prefixes.overlaps(own, _prefixes(each) - _guarded(each))]
        if isinstance(each, Unreachable):
            why = f"{other} can't be read, so it can't be told whether it serves the same subnets"
        elif shared:
            more = f" and {len(shared) - 3} more" if len(shared) > 3 else ""
            why = f"{other} serves the same addresses: {', '.join(shared[:3])}{more}"
        else:
            continue
        yield Objection(
            CODE,
            f"{why}; two servers outside a relationship hand out one address twice without knowing of each other",
            f"put both into a relationship, or take the subnets off one; approve if {other} will not serve them",
            object=other,
        )


def _told(own: str, other: str) -> str:
    return own if own == other else f"{own} (the other has {other})"


def _guarded(live: Live) -> set[str]:
    return set() if isinstance(live, Unreachable) else set(guards.guarded_subnets(live.config, live.endpoint.service))


def _prefixes(live: Live) -> set[str]:
    if isinstance(live, Unreachable):
        return set()
    return set(subnets_of(live.config, live.endpoint.service.subnets))
