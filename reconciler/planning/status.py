"""How a relationship is doing: made from the same plan and the same reading that `plan` and `drift` show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from reconciler.kea import ha
from reconciler.model import (
    Endpoint,
    Health,
    Live,
    Peer,
    Plan,
    Relationship,
    RelationshipPlan,
    RelationshipStatus,
    Role,
    ServerStatus,
    Snapshot,
    Unreachable,
)
from reconciler.model.health import NORMAL
from reconciler.planning import answering, wanted
from reconciler.planning.authority import acting, authority, still_to_be_applied
from reconciler.planning.guard import SKEW_ERROR, clock_skew, describe_skew
from reconciler.planning.neighbours import NO_PROBES, Probes
from reconciler.planning.places import located
from reconciler.planning.plan import LiveWorld
from reconciler.planning.pretence import describe_unheard, judged
from reconciler.planning.service import with_ours
from reconciler.planning.standing import own_entry, standing
from reconciler.planning.terminated import TERMINATED, way_out

HEARD = "hears it all the same, and that it serves clients"
"""What is said of the partner of a server that can't be reached: the one reason that is good news."""


def statuses(plan: Plan, live: LiveWorld) -> list[RelationshipStatus]:
    """Return the status of every planned relationship, but of none that was removed."""
    return [status(each, live, plan.probes) for each in plan.relationships if not _is_removed(each)]


def _is_removed(plan: RelationshipPlan) -> bool:
    return plan.relationship.is_absent and not (plan.has_changes or plan.mends) and plan.unplanned is None


def status(plan: RelationshipPlan, live: LiveWorld, probes: Probes = NO_PROBES) -> RelationshipStatus:
    """Return the status of one planned relationship; `live` and `probes` are what the plan was made from."""
    relationship, live = plan.relationship, with_ours(live, plan.left)
    peers = {peer.server: _located(relationship, _live_of(peer, relationship, live)) for peer in relationship.peers}
    works = acting(relationship, peers)
    read = {name: each for name, each in peers.items() if isinstance(each, Snapshot)}
    peers |= judged(works, read, probes)
    servers = tuple(_server_status(plan, works, peer, peers) for peer in relationship.peers)
    in_sync = None if plan.unplanned else not (plan.has_changes or plan.is_apart)
    reasons = (*_unread(plan), *_reasons(works, peers))
    if plan.unplanned and not plan.unreachable:  # what can't be planned isn't looked after either
        reasons += (plan.unplanned,)
    return RelationshipStatus(
        relationship.name,
        relationship.service.value,
        works.mode.value,
        _health(works, peers, is_free_of_reasons=not reasons),
        reasons,
        plan.authority.server,
        plan.authority.reason,
        in_sync,
        servers,
        (*_notes(plan), *still_to_be_applied(relationship, works)),
        primary=next((peer.server for peer in works.peers if peer.role is Role.PRIMARY), None),
    )


def until_proved(status: RelationshipStatus, plan: RelationshipPlan, live: LiveWorld) -> RelationshipStatus:
    """Return the status of a relationship whose primary is back, and has yet to prove itself to the daemon: its partner
    goes on to be the truth for that, where it answers. A person's `apply` does not wait, and a note says so.

    Whether anybody has the same as the partner is not told: the plan compares with the primary.
    """
    relationship = plan.relationship
    primary = status.primary
    if relationship.is_absent or plan.authority.server != primary:
        return status
    peers = {peer.server: live[peer.server, relationship.service] for peer in relationship.peers}
    truth = authority(relationship, peers, is_settling=True)
    if truth.server == primary:
        return status
    note = f"the daemon waits until {primary} has proved itself; an `apply` would take it for the truth at once"
    return replace(
        status,
        authority=truth.server,
        authority_reason=truth.reason,
        in_sync=None,
        servers=tuple(replace(each, in_sync=None) for each in status.servers),
        notes=(*status.notes, note),
    )


def _unread(plan: RelationshipPlan) -> Iterator[str]:
    """Yield who can't be reached of a relationship that is to be removed: only the others are its peers."""
    named = {peer.server for peer in plan.relationship.peers}
    for each in plan.unreachable:
        if each.endpoint.server not in named:
            yield f"{each.endpoint.server} can't be reached: {each.reason}"


HOLDING = frozenset({"authority-empty", "authority-older", "authority-shrunk", "identity", "partner-changed"})
"""Objections that are said whatever else there is: data may be lost, or a server be another."""


def _notes(plan: RelationshipPlan) -> Iterator[str]:
    """Yield what says nothing against the relationship as it stands, but about what is due next."""
    if plan.relationship.is_absent:
        yield plan.authority.reason
    yield from (f"the next apply puts {mend.server} right: {mend.reason}" for mend in plan.mends)
    for each in plan.objections:
        if plan.unplanned is not None:
            yield f"also in the way of the next apply: {each.code}: {each.message}"
        elif each.code in HOLDING:
            yield f"held ({each.code}): {each.message}; {each.advice}"
    yield from plan.notes


def _live_of(peer: Peer, relationship: Relationship, live: LiveWorld) -> Live:
    """Return what was read of a peer; of what a killed run left, one may be in the inventory no more."""
    gone = Unreachable(Endpoint(peer.server, relationship.service, ""), "it is not in servers.yaml any more")
    return live.get((peer.server, relationship.service), gone)


def _located(relationship: Relationship, live: Live) -> Live:
    return located(relationship, live) if isinstance(live, Snapshot) else live


def _health(relationship: Relationship, peers: Mapping[str, Live], *, is_free_of_reasons: bool) -> Health:
    if answering.is_anybody_left_alone(relationship, peers) or _missing_backups(relationship, peers):
        return Health.SERVICE_DOWN
    return Health.OK if is_free_of_reasons else Health.IMPAIRED


def _reasons(relationship: Relationship, peers: Mapping[str, Live]) -> Iterator[str]:
    hearing = answering.heard_by(relationship, peers)
    for peer in relationship.peers:
        live = peers[peer.server]
        if isinstance(live, Unreachable):
            yield f"{peer.server} can't be reached: {live.reason}"
            if hearing is not None and peer.role is not Role.BACKUP:
                yield f"{hearing} {HEARD}"
        elif not _is_to_join(relationship, peer, peers):
            yield from _server_reasons(relationship, peer, live)
    snapshots = [each for each in peers.values() if isinstance(each, Snapshot)]
    yield from answering.reasons(relationship, peers)
    missing = _missing_backups(relationship, peers)
    if missing:
        unconfirmed = f"without a confirmation from {' and '.join(missing)} (wait-backup-ack)"
        yield f"{relationship.primary.server} gives no lease {unconfirmed}"
    skew = clock_skew(snapshots)
    if skew is not None and skew >= SKEW_ERROR:
        yield describe_skew(skew)


def _missing_backups(relationship: Relationship, peers: Mapping[str, Live]) -> list[str]:
    """Return the backups that the primary waits for in vain with every lease, as far as the servers tell."""
    if not any(peer.role is Role.PRIMARY for peer in relationship.peers):
        return []  # of one that is to be removed, and whose primary can't be reached
    primary = peers[relationship.primary.server]
    block = wanted.block_of(primary) if isinstance(primary, Snapshot) else None
    if block is None or not wanted.waits_for_backups(block):
        return []
    names = {str(peer.get("name")) for peer in block.get("peers") or ()}
    awaited = [peer for peer in relationship.backups if peer.name in names]
    return [peer.server for peer in awaited if not _is_backup(peers[peer.server])]


def _is_backup(live: Live) -> bool:
    return isinstance(live, Snapshot) and live.ha is not None and live.ha.state == Role.BACKUP and live.is_heard


def _is_to_join(relationship: Relationship, peer: Peer, peers: Mapping[str, Live]) -> bool:
    """Whether a server is to be in a relationship that stands without it: nobody has it for a peer so far, and nobody
    is worse off for that.
    """
    blocks = {name: wanted.block_of(live) for name, live in peers.items() if isinstance(live, Snapshot)}
    told = [each for block in blocks.values() if block is not None for each in block.get("peers") or ()]
    known = any(each.get("name") == peer.name or ha.same_url(str(each.get("url")), peer.url) for each in told)
    return bool(told) and blocks.get(peer.server) is None and not known and not relationship.is_absent


def _server_reasons(relationship: Relationship, peer: Peer, snapshot: Snapshot) -> Iterator[str]:
    view, normal = snapshot.ha, ha.normal_state(*standing(relationship, peer, snapshot))
    block = wanted.block_of(snapshot)
    if block is not None and block.get("this-server-name") != peer.name and not _is_to_be_renamed(peer, snapshot):
        yield f"{peer.server} says it is {block.get('this-server-name')!r}, not {peer.name!r}"
    if wanted.block_of(snapshot) is None:
        how = "is out of the relationship already" if relationship.is_absent else "is not in the relationship yet"
        yield f"{peer.server} {how}"
    elif not wanted.is_in_force(snapshot):
        gone = snapshot.commands is not None and "ha-heartbeat" not in snapshot.commands
        what = ", its commands are gone" if gone else ""
        yield f"{peer.server} has the HA hook configured, but not in force{what}; it probably serves nobody"
    elif not snapshot.is_heard:
        yield describe_unheard(relationship, peer)
    elif wanted.is_idle(snapshot):
        yield f"{peer.server} is in state {normal} and serves no scope, as after an ha-reset; only a set ends that"
    elif view and view.state != normal:
        out = f"; {way_out(peer.server)}" if view.state == TERMINATED else ""
        yield f"{peer.server} is in state {view.state}, not {normal}{out}"
    elif view and view.partner and not view.partner.is_heard:
        yield f"{peer.server} is out of touch with its partner"
    if not snapshot.sockets_ready:
        yield f"{peer.server} has DHCP sockets that are not ready"
    if snapshot.is_held_off and view and view.state == normal:
        yield (
            f"{peer.server} has its DHCP service held off by its partner, as while that fetches leases; "
            'if it stays so, dhcp-enable with {"origin": "ha-partner"} ends it'
        )
    if snapshot.disabled_by_user:
        yield f"{peer.server} has its DHCP service switched off by dhcp-disable"
    elif snapshot.is_off_by_us:  # Kea 2.2 doesn't tell
        yield f"{peer.server} has its DHCP service switched off by an apply that did not come to its end"


def _is_to_be_renamed(peer: Peer, snapshot: Snapshot) -> bool:
    """Whether a server that goes by another name is the one that is meant, by the url at which it is reached."""
    own = own_entry(snapshot)
    return own is not None and ha.same_url(str(own.get("url")), peer.url)


def _server_status(plan: RelationshipPlan, works: Relationship, peer: Peer, peers: Mapping[str, Live]) -> ServerStatus:
    """Return the status of one server, in the role that it has now, or is to have where it has yet to join."""
    live, now = peers[peer.server], next(each for each in works.peers if each.server == peer.server)
    role = peer.role if _is_to_join(works, peer, peers) else now.role
    if isinstance(live, Unreachable):
        return ServerStatus(peer.server, role, is_reachable=False, reason=live.reason)
    planned = next((server for server in plan.servers if server.peer.server == peer.server), None)
    in_sync = None if planned is None or not planned.is_compared else not planned.told
    reason = "; ".join(_server_reasons(works, now, live)) or NORMAL
    others = [each.clock_offset for each in peers.values() if isinstance(each, Snapshot) and each is not live]
    skews = [live.clock_offset - other for other in others if other is not None and live.clock_offset is not None]
    return ServerStatus(
        peer.server,
        role,
        is_reachable=True,
        reason=reason,
        version=live.version,
        ha_state=live.ha.state if live.ha else None,
        scopes=live.ha.scopes if live.ha else (),
        heartbeat_age=live.ha.partner.age if live.ha and live.ha.partner else None,
        clock_skew=max(skews, key=abs, default=None),
        in_sync=in_sync,
    )
