"""A relationship with a server that can't be read: what goes on without it, and what waits.

DHCP data go on to the servers that nobody misses: to backups, and where it is a backup that is away, to the partner.
The relationship itself is changed only while all of its servers can be read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from reconciler.model import (
    Authority,
    Peer,
    Procedure,
    Relationship,
    RelationshipPlan,
    Role,
    ServerPlan,
    Snapshot,
    Stage,
    Unreachable,
)
from reconciler.planning import guard, proportion, returned, transition, wanted
from reconciler.planning.authority import acting
from reconciler.planning.division import Division, division
from reconciler.planning.schedule import in_safe_order
from reconciler.planning.server_plan import next_generation, plan_server


def plan_without(
    relationship: Relationship,
    truth: Authority,
    snapshots: Mapping[str, Snapshot],
    away: Sequence[Unreachable],
    revision: str,
    *,
    is_settling: bool = False,
) -> RelationshipPlan:
    """Return what goes on in a relationship while the servers `away` can't be read.

    `snapshots` are the others, as the relationship sees them. `is_settling` says that the primary answers, and only is
    not the truth yet. Where nothing goes on, the plan says why not.
    """
    waiting = RelationshipPlan(relationship, truth, unplanned=_waiting(away), unreachable=tuple(away))
    source = snapshots.get(truth.server or "")
    if source is None or len(snapshots) == 1 or not _replicates(relationship, snapshots):
        return waiting
    reason = _why_not(relationship, snapshots, source, is_settling=is_settling)
    pools = division(relationship, source) if reason is None else None
    if pools is None or pools.is_due:
        return replace(waiting, unplanned=". ".join(filter(None, [waiting.unplanned, reason])))
    servers, left = _servers(relationship, snapshots, pools, revision)
    written = [server for server in servers if server.changes]
    if not written:
        compared = tuple(server for server in servers if server.peer.server not in left)
        return replace(waiting, unplanned=". ".join([_waiting(away), *_pending(left)]), servers=compared)
    stages = tuple(_stages(relationship, servers))
    case = guard.Case(relationship, Procedure.MODIFY, source, snapshots, written, pools, stages)
    return replace(
        waiting,
        unplanned=None,
        procedure=Procedure.MODIFY,
        replicates=True,
        servers=tuple(servers),
        stages=stages,
        objections=(*guard.objections(case), *returned.objections(case), *proportion.objections(case)),
        notes=tuple(_notes(away, left)) + tuple(returned.notes(case)),
    )


def _waiting(away: Sequence[Unreachable]) -> str:
    return f"{_names(away)} can't be reached; nothing is changed until then"


def _names(away: Sequence[Unreachable]) -> str:
    return " and ".join(each.endpoint.server for each in away)


def _notes(away: Sequence[Unreachable], left: Sequence[str]) -> list[str]:
    return [f"{_names(away)} can't be reached; the next apply after that brings it level", *_pending(left)]


def _pending(left: Sequence[str]) -> list[str]:
    names = " and ".join(left)
    return [f"the relationship itself would change on {names}, which waits until all are there"] if left else []


def _replicates(relationship: Relationship, snapshots: Mapping[str, Snapshot]) -> bool:
    return relationship.replicate and not any("config-control" in each.config for each in snapshots.values())


def _why_not(
    relationship: Relationship, snapshots: Mapping[str, Snapshot], source: Snapshot, *, is_settling: bool
) -> str | None:
    """Return why the data of the authority must not be carried on, None where they may."""
    peer = wanted.peer_of(relationship, source)
    block = wanted.block_of(source)
    if acting(relationship, snapshots).primary.server != relationship.primary.server:
        return "roles are to be changed, which takes all servers"
    if block is None or not wanted.is_in_force(source) or not _is_as_described(relationship, peer, block):
        return f"{peer.server} is not in the relationship as it is described"
    if peer.role is not Role.PRIMARY and not is_settling and _hears_its_partner(source):
        primary = relationship.primary.server
        return f"{peer.server} still hears {primary}, whose data may be newer, though it can't be reached from here"
    return None


def _is_as_described(relationship: Relationship, peer: Peer, block: Mapping[str, Any]) -> bool:
    names = {str(each.get("name")) for each in block.get("peers") or ()}
    return block.get("this-server-name") == peer.name and names == {each.name for each in relationship.peers}


def _hears_its_partner(snapshot: Snapshot) -> bool:
    partner = snapshot.ha.partner if snapshot.ha is not None else None
    return partner is not None and partner.in_touch and not partner.interrupted


def _servers(
    relationship: Relationship, snapshots: Mapping[str, Snapshot], pools: Division, revision: str
) -> tuple[list[ServerPlan], list[str]]:
    """Return the plans of the servers that can be read, and on which of them the relationship itself would change:
    these are left as they are.
    """
    source = pools.source
    halves = [peer for peer in relationship.peers if peer.role is not Role.BACKUP]
    is_whole = all(peer.server in snapshots for peer in halves)
    has_primary = relationship.primary.server in snapshots
    generation = next_generation(relationship, snapshots.values())
    words = {each.version: wanted.in_words_of(relationship, source, each.version) for each in snapshots.values()}
    servers, left = [], []
    for peer in in_safe_order(relationship):
        snapshot = snapshots.get(peer.server)
        if snapshot is None:
            continue
        said = words[snapshot.version]
        follows = snapshot is not source and (peer.role is Role.BACKUP or is_whole) and not peer.is_hub
        data = said.part if follows and not said.inexpressible else None
        made = plan_server(relationship, peer, snapshot, data, pools, revision, generation, stands_in=not has_primary)
        if not _is_data_alone(made):
            left.append(peer.server)
        servers.append(made if data is not None and _is_data_alone(made) else ServerPlan(peer, snapshot))
    return servers, left


def _is_data_alone(server: ServerPlan) -> bool:
    return server.changes == returned.data_changes(server) and _is_well_known(server.peer, server.snapshot)


def _is_well_known(peer: Peer, snapshot: Snapshot) -> bool:
    return (wanted.block_of(snapshot) or {}).get("this-server-name") == peer.name


def _stages(relationship: Relationship, servers: Sequence[ServerPlan]) -> list[Stage]:
    """Return the stages; where the primary or its partner is away, backups are set whatever state the other is in."""
    made = list(transition.stages(relationship, servers))
    present = {server.peer.server for server in servers}
    if all(peer.server in present for peer in relationship.peers if peer.role is not Role.BACKUP):
        return made
    return [_whatever_the_states_are(stage) for stage in made]


def _whatever_the_states_are(stage: Stage) -> Stage:
    otherwise = stage.otherwise and replace(stage.otherwise, needs_normal=False)
    return replace(stage, needs_normal=False, otherwise=otherwise)
