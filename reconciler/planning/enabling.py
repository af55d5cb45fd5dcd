"""Letting a server serve again that was disabled when it left its relationship."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from reconciler.kea import guards, hooks
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
    ServerPlan,
    Service,
    Snapshot,
    Stage,
    Unreachable,
)
from reconciler.planning.diff import differences
from reconciler.planning.removal import scope_words

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
    if hooks.relationships_of(found.config):
        reason = (
            f"{server} is in a relationship: `apply` takes off it what keeps it from serving there, and what it keeps "
            "of one that it has left serves again once that one is back"
        )
        return RelationshipPlan(relationship, truth, unplanned=reason)
    return RelationshipPlan(
        relationship,
        truth,
        Procedure.ENABLE,
        servers=(_enabled(peer, found),),
        objections=tuple(_objections(server, service, live)),
        # Before Kea 2.6.2 it can't be told whether its DHCP service was left switched off.
        stages=(Stage((server,), needs_normal=False, released=() if found.disabled_by_user is False else (server,)),),
    )


def _departure(server: str, config: Mapping[str, object]) -> Departure:
    """Return what the server left last, as far as it tells."""
    left = read_departures(config)
    return left[-1] if left else Departure(server, server, OnRemove.DISABLE)


def _relationship(server: str, service: Service, departure: Departure) -> Relationship:
    peer = Peer(server, departure.peer, departure.role, "")
    return Relationship(departure.relationship, service, departure.mode, (peer,), is_absent=True)


def _enabled(peer: Peer, snapshot: Snapshot) -> ServerPlan:
    service = snapshot.endpoint.service
    config = guards.enabled(snapshot.config, service)
    for departure in read_departures(snapshot.config):
        config = without_stamp(config, departure.relationship, None)
    what = scope_words(snapshot, frozenset(guards.guarded_subnets(snapshot.config, service)))
    answers = FieldChange("answered", before=False, after=True)
    clients = Change(Action.CHANGE, (("clients", f"of {what}"),), (answers,))
    before, after = (_classes_only(each) for each in (snapshot.config, config))
    classes = [each.change for each in differences(before, after, service)]
    return ServerPlan(peer, snapshot, (clients, *classes), config, leaves=True)


def _classes_only(config: Mapping[str, object]) -> dict[str, object]:
    return {"client-classes": config["client-classes"]} if config.get("client-classes") else {}


def _objections(server: str, service: Service, live: LiveWorld) -> Iterator[Objection]:
    """Yield who would serve the same subnets beside it, or may: outside a relationship neither knows of the other."""
    me = live[server, service]
    own = _prefixes(me)
    for (other, its), each in sorted(live.items()):
        if other == server or its is not service:
            continue
        shared = sorted(own & (_prefixes(each) - _guarded(each)))
        if isinstance(each, Unreachable):
            why = f"{other} can't be read, so it can't be told whether it serves the same subnets"
        elif shared:
            more = f" and {len(shared) - 3} more" if len(shared) > 3 else ""
            why = f"{other} serves the same subnets: {', '.join(shared[:3])}{more}"
        else:
            continue
        yield Objection(
            CODE,
            f"{why}; two servers outside a relationship hand out the same addresses without knowing of each other",
            f"put both into a relationship, or take the subnets off one; approve if {other} will not serve them",
        )


def _guarded(live: Live) -> set[str]:
    return set() if isinstance(live, Unreachable) else set(guards.guarded_subnets(live.config, live.endpoint.service))


def _prefixes(live: Live) -> set[str]:
    if isinstance(live, Unreachable):
        return set()
    return set(subnets_of(live.config, live.endpoint.service.subnets))
