"""Servers that are not what their configuration says: a hook that isn't loaded, a listener that nobody can reach.

Kea's config-get shows what was meant. Whether it came true is told by status-get and list-commands, and by the partner.
Who has none (a backup, and all in passive-backup) is looked at from here: nobody listens where a connection is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import permutations

from reconciler.kea import ha
from reconciler.model import Desired, Live, Peer, Probe, Relationship, Service, Snapshot
from reconciler.planning.neighbours import NO_PROBES, Probes, listener_of
from reconciler.planning.places import located
from reconciler.planning.standing import standing
from reconciler.planning.wanted import block_of

# In the others Kea sends no heartbeats (ha_service.cc), so silence there means nothing.
_ASKING = frozenset(
    {"communication-recovery", "hot-standby", "load-balancing", "partner-down", "ready", "syncing", "waiting"}
)


def urls(desired: Desired, live: Mapping[tuple[str, Service], Live]) -> set[str]:
    """Return the urls at which servers without a partner are to listen already, and which are worth a look."""
    found = (
        _lonely_listener(relationship, peer, located(relationship, each))
        for relationship in desired.relationships
        if not relationship.is_absent
        for peer in relationship.peers
        if isinstance(each := live[peer.server, relationship.service], Snapshot)
    )
    return {url for url in found if url is not None}


def _lonely_listener(relationship: Relationship, peer: Peer, snapshot: Snapshot) -> str | None:
    """Return where a server that exchanges no heartbeats has a HA listener of its own, None without one."""
    try:
        mode, role = standing(relationship, peer, snapshot)
    except (AttributeError, KeyError, TypeError, ValueError):  # nothing that Kea would have, as the plan will say
        return None
    return None if ha.hears_a_partner(mode, role) or snapshot.ha is None else listener_of(snapshot)


def judged(
    relationship: Relationship, snapshots: Mapping[str, Snapshot], probes: Probes = NO_PROBES
) -> dict[str, Snapshot]:
    """Return the snapshots with `is_heard` false for a server that its partner doesn't hear although it hears it, and
    for one without a partner at whose url nobody listens, as far as `probes` tell.
    """
    deaf = {unheard(relationship, snapshots)}
    for peer in relationship.peers if probes else ():
        url = _lonely_listener(relationship, peer, snapshots[peer.server]) if peer.server in snapshots else None
        if url is not None and probes.get(url) is Probe.REFUSED:
            deaf.add(peer.server)
    return {name: replace(each, is_heard=False) if name in deaf else each for name, each in snapshots.items()}


def unheard(relationship: Relationship, snapshots: Mapping[str, Snapshot]) -> str | None:
    """Return the server whose HA listener its partner can't reach, as far as the two together tell.

    It hears its partner, so there is a way between them; the partner asks it, and gets no answer. Kea leaves a server
    so when its listener could not be bound, and 2.7.3 to 3.0.3 after a config-test (seen on 2.6.3 and 3.0.3). One whose
    listener failed a second time doesn't even ask.
    """
    pair = [peer.server for peer in ha.talking_peers(relationship) if peer.server in snapshots]
    for one, other in permutations(pair, 2):
        if (hears(snapshots[one]) or _is_asleep(snapshots[one])) and _is_left_without_answer(snapshots[other]):
            return one
    return None


def describe_unheard(relationship: Relationship, peer: Peer) -> str:
    """Return in words what is wrong with a server that `judged` found not to be heard."""
    if ha.hears_a_partner(relationship.mode, peer.role):
        return (
            f"{peer.server} gives its partner no answer, and nothing else is between them: "
            f"its HA listener at {peer.url} is not open, or something blocks the way there alone"
        )
    return (
        f"{peer.server} is to listen at {peer.url}, and nobody does: its HA listener is not open, so that no peer "
        "reaches it, or a firewall refuses this host there"
    )


def hears(snapshot: Snapshot) -> bool:
    """Return whether a server has heard its partner lately: within what a lost heartbeat or a reload explains."""
    partner = snapshot.ha.partner if snapshot.ha else None
    return partner is not None and partner.is_heard and partner.age <= _patience(snapshot)


def _is_asleep(snapshot: Snapshot) -> bool:
    """Whether a server never tried to reach its partner since its last commit: the time without an answer stands still,
    while that of a server that asks in vain grows (seen on 2.6.3 and 3.0.3).
    """
    partner, patience = snapshot.ha.partner if snapshot.ha else None, _patience(snapshot)
    if partner is None or partner.in_touch or partner.interrupted or (snapshot.ha and snapshot.ha.state != "waiting"):
        return False
    return partner.age + patience < snapshot.reload


def _is_left_without_answer(snapshot: Snapshot) -> bool:
    """Whether a server asks and hears nothing, for longer than a lost heartbeat or a reload of its partner explain."""
    view, patience = snapshot.ha, _patience(snapshot)
    if view is None or view.partner is None or view.state not in _ASKING or snapshot.reload <= patience:
        return False
    return not view.partner.is_heard or view.partner.age > patience


def _patience(snapshot: Snapshot) -> float:
    """Return how long, in seconds, the partner of a server that works may go unheard."""
    return 3 + 3 * ha.beat(block_of(snapshot) or {})
