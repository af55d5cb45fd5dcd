"""Who answers the clients of a relationship, as far as its servers tell: no packet is ever sent to find out.

`peers` are the servers as they were read, by name, each as the relationship sees it (see `planning.places`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from reconciler.kea import guards
from reconciler.kea.objects import subnets_of
from reconciler.model import Live, Mode, Relationship, Role, Snapshot, Unreachable
from reconciler.planning import wanted
from reconciler.planning.pretence import hears
from reconciler.planning.standing import standing

# The states in which the HA hook lets the DHCP service run (ha_service.cc, adjustNetworkState).
SERVING = frozenset(
    {
        "communication-recovery",
        "hot-standby",
        "load-balancing",
        "partner-down",
        "partner-in-maintenance",
        "passive-backup",
        "terminated",
    }
)

# Those of them in which a server takes over from a partner that stays silent.
_TAKES_OVER = frozenset({"communication-recovery", "hot-standby", "load-balancing"})


def is_anybody_left_alone(relationship: Relationship, peers: Mapping[str, Live]) -> bool:
    """Whether nobody answers the clients, or those of a scope."""
    return not _is_any_answered(relationship, peers) or bool(_lonely(relationship, peers))


def reasons(relationship: Relationship, peers: Mapping[str, Live]) -> Iterator[str]:
    """Yield what is wrong with who answers whom, in words."""
    yield from _twice(relationship, peers)
    yield from _by_itself(relationship, peers)
    yield from _nobody(relationship, peers)


def heard_by(relationship: Relationship, peers: Mapping[str, Live]) -> str | None:
    """Return the server that hears its partner serve clients, where that can't be reached from here; else None."""
    partners = [peers[peer.server] for peer in relationship.peers if peer.role is not Role.BACKUP]
    if not any(isinstance(each, Unreachable) for each in partners):
        return None
    return next((name for name, live in peers.items() if isinstance(live, Snapshot) and _heard_scopes(live)), None)


def _heard_scopes(snapshot: Snapshot) -> tuple[str, ...]:
    """Return the scopes that a server hears its partner serve."""
    partner = snapshot.ha.partner if snapshot.ha is not None and hears(snapshot) else None
    return partner.last_scopes if partner is not None and partner.last_state in SERVING else ()


def _answers(live: Live) -> bool:
    """Whether a server answers clients: with HA those of its scopes, without it all of its subnets."""
    if isinstance(live, Unreachable) or live.disabled_by_user or live.is_off_by_us:
        return False
    if wanted.block_of(live) is None:
        return bool(_own_subnets(live))
    return live.ha is not None and live.ha.state in SERVING and bool(live.ha.scopes)


def _own_subnets(snapshot: Snapshot) -> set[str]:
    """Return the prefixes in which a server that has no HA answers: not those that our guards keep it from."""
    service = snapshot.endpoint.service
    if guards.is_silenced(snapshot.config):
        return set()
    return set(subnets_of(snapshot.config, service.subnets)) - set(guards.guarded_subnets(snapshot.config, service))


def _is_any_answered(relationship: Relationship, peers: Mapping[str, Live]) -> bool:
    return any(_answers(each) for each in peers.values()) or heard_by(relationship, peers) is not None


def _lonely(relationship: Relationship, peers: Mapping[str, Live]) -> list[str]:
    """Return the scopes that nobody serves, though some are served: those that each server which does has in its own
    entry, so that servers that are at odds over names or roles, as in an apply, leave nobody alone.
    """
    answering = [each for each in peers.values() if isinstance(each, Snapshot) and _answers(each)]
    if any(wanted.block_of(each) is None for each in answering):
        return []
    served = {scope for each in answering if each.ha for scope in each.ha.scopes}
    main = [peers[peer.server] for peer in relationship.peers if peer.role is not Role.BACKUP]
    read = [each for each in main if isinstance(each, Snapshot)]
    if len(read) == 1:  # its word for the other, which can't be reached, or is none of those to be removed for that
        served |= set(_heard_scopes(read[0]))
    listed = [_scopes(each) for each in answering]
    return sorted(frozenset.intersection(*listed) - served) if listed else []


def _scopes(snapshot: Snapshot) -> frozenset[str]:
    """Return the scopes of the relationship as a server has it: of each server that serves one while all is well."""
    block = wanted.block_of(snapshot) or {}
    roles = {Role.PRIMARY, Role.SECONDARY}
    return frozenset(str(each.get("name")) for each in block.get("peers") or () if each.get("role") in roles)


def _twice(relationship: Relationship, peers: Mapping[str, Live]) -> Iterator[str]:
    views = {name: live.ha for name, live in peers.items() if isinstance(live, Snapshot) and live.ha}
    serving = [name for name, view in views.items() if view.scopes]
    counts = Counter(scope for view in views.values() for scope in view.scopes)
    twice = sorted(scope for scope, count in counts.items() if count > 1)
    if twice:
        servers = [name for name in serving if set(twice) & set(views[name].scopes)]
        yield f"{' and '.join(servers)} serve the scope {', '.join(twice)} at the same time"
    elif len(serving) > 1 and not _are_balancing(relationship, peers):
        one = f"one server of a {relationship.mode} relationship"
        yield f"{' and '.join(serving)} serve although {one} should: has each the role that it should have?"


def _are_balancing(relationship: Relationship, peers: Mapping[str, Live]) -> bool:
    """Whether all that are in the relationship work in load-balancing, whatever they are to do."""
    found = [(peer, live) for peer in relationship.peers if isinstance(live := peers[peer.server], Snapshot)]
    modes = {standing(relationship, *each)[0] for each in found if wanted.block_of(each[1]) is not None}
    return modes == {Mode.LOAD_BALANCING}


def _by_itself(relationship: Relationship, peers: Mapping[str, Live]) -> Iterator[str]:
    """A server that has no HA answers in subnets in which another, that has it for a peer, answers too."""
    read = [(peer, live) for peer in relationship.peers if isinstance(live := peers[peer.server], Snapshot)]
    answering = [(peer, live) for peer, live in read if _answers(live)]
    alone = [(peer, live) for peer, live in answering if wanted.block_of(live) is None]
    for peer, live in alone:
        for other, partner in answering:
            named = (wanted.block_of(partner) or {}).get("peers") or ()
            if peer.name not in {each.get("name") for each in named}:
                continue
            common = len(_own_subnets(live) & set(subnets_of(partner.config, relationship.service.subnets)))
            if common:
                subnets = "1 subnet" if common == 1 else f"{common} subnets"
                clients = f"the same clients, those of {subnets}, and neither knows what the other leases"
                yield f"{peer.server}, which has no HA, and {other.server} answer {clients}"


def _nobody(relationship: Relationship, peers: Mapping[str, Live]) -> Iterator[str]:
    main = {peer.server: peers[peer.server] for peer in relationship.peers if peer.role is not Role.BACKUP}
    views = {name: live.ha for name, live in peers.items() if isinstance(live, Snapshot) and live.ha}
    lonely = _lonely(relationship, peers)
    if lonely:
        scopes = f"the scope {lonely[0]}" if len(lonely) == 1 else f"the scopes {', '.join(lonely)}"
        yield f"nobody answers the clients of {scopes}{_not_yet(main)}"
    elif not _is_any_answered(relationship, peers) and _not_yet(main):
        yield f"nobody answers clients{_not_yet(main)}"
    elif not any(view.scopes for view in views.values()) and all(name in views for name in main):
        yield "no server serves any scope"


def _not_yet(main: Mapping[str, Live]) -> str:
    """Return who has yet to take over from one that can't be reached, as the end of a sentence; "" if nobody has."""
    if not any(isinstance(each, Unreachable) for each in main.values()):
        return ""
    late = [
        name
        for name, each in main.items()
        if isinstance(each, Snapshot) and each.ha is not None and each.ha.state in _TAKES_OVER
    ]
    return f": {late[0]} has not taken over yet" if late else ""
