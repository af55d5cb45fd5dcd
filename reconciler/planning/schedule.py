"""In which order the servers of a relationship are changed, and which of them together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reconciler.model import Peer, Procedure, Relationship, Role, ServerPlan, Snapshot, Stage
from reconciler.planning import transition, wanted
from reconciler.planning.silence import may_be_silenced

_ORDER = (Role.BACKUP, Role.STANDBY, Role.SECONDARY, Role.PRIMARY)


def in_safe_order(relationship: Relationship) -> list[Peer]:
    """Return the peers in the order in which they are changed: backups, then the partner, the primary last.

    Backups and a standby answer nobody, so changing them costs nothing, and what goes wrong goes wrong there first.
    """
    return sorted(relationship.peers, key=lambda peer: (_ORDER.index(peer.role), peer.name))


def order(relationship: Relationship, snapshots: Mapping[str, Snapshot]) -> list[Peer]:
    """Return the peers of a relationship in the order in which they are changed now.

    In a standing one a server whose HA hook is not in force goes first, whatever its role: it serves nobody, and
    until it is mended its partner can't be changed from normal to normal.
    """
    ordered = in_safe_order(relationship)
    if procedure(relationship, snapshots) is Procedure.CREATE:
        return sorted(ordered, key=lambda peer: _waits_for_the_primary(peer, snapshots[peer.server]))
    if relationship.earlier is not None:  # so that one that is cut off is finished by the next apply, and not undone
        ordered.sort(key=lambda peer: (peer.role is not Role.BACKUP, peer.role is not Role.PRIMARY))
    return sorted(ordered, key=lambda peer: not wanted.is_broken(snapshots[peer.server]))


def _waits_for_the_primary(peer: Peer, snapshot: Snapshot) -> bool:
    """Whether a future partner goes last: it can't be silenced, and would take over while the primary, that has yet to
    hear of it, serves. A primary that is set first waits for it, or serves alone.
    """
    return peer.role in {Role.STANDBY, Role.SECONDARY} and not may_be_silenced(peer, snapshot)


def procedure(relationship: Relationship, snapshots: Mapping[str, Snapshot]) -> Procedure:
    """Return what a plan that changes something does: a relationship is created as long as its primary or its partner
    is not in it.
    """
    needed = [peer for peer in relationship.peers if peer.role is not Role.BACKUP]
    are_in = all(wanted.block_of(snapshots[peer.server]) is not None for peer in needed)
    return Procedure.MODIFY if are_in else Procedure.CREATE


def stages(relationship: Relationship, servers: Sequence[ServerPlan]) -> tuple[Stage, ...]:
    """Return the stages in which the servers that change are changed; `servers` are in safe order.

    A new relationship is made in one stage, its future partner and backups silenced meanwhile: a server without the HA
    hook serves everything, and one whose partner has none takes over after max-response-delay (Kea manual, "High
    Availability"). How a standing one is changed, `transition` says.
    """
    changing = [server for server in servers if server.changes]
    snapshots = {server.peer.server: server.snapshot for server in servers}
    if changing and procedure(relationship, snapshots) is Procedure.CREATE:
        silenced = tuple(
            server.peer.server
            for server in servers
            if server.peer.role is not Role.PRIMARY and may_be_silenced(server.peer, server.snapshot)
        )
        return (Stage(tuple(server.peer.server for server in changing), silenced, needs_normal=False),)
    return tuple(transition.stages(relationship, servers))


def in_order(servers: Sequence[ServerPlan], steps: Sequence[Stage]) -> list[ServerPlan]:
    """Return the servers of a plan in the order in which its stages set them, those that stay where they were."""
    places = [name for stage in steps for name in stage.servers]
    moved = iter(sorted((s for s in servers if s.peer.server in places), key=lambda s: places.index(s.peer.server)))
    return [next(moved) if server.peer.server in places else server for server in servers]
