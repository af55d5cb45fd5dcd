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
from reconciler.planning.authority import acting, still_to_be_applied
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
    not the truth yet. Where nothing goes on, the plan says why not. What goes on does so in the mode and the roles that
    the servers have: those of the plan's relationship.
    """
    works = acting(relationship, snapshots)
    waiting = RelationshipPlan(works, truth, unplanned=_waiting(away), unreachable=tuple(away))
    source = snapshots.get(truth.server or "")
    if source is None or len(snapshots) == 1 or not _replicates(works, snapshots):
        return waiting
    reason = _why_not(works, truth, source, is_settling=is_settling)
    pools = division(works, source) if reason is None else None
    if pools is None or pools.is_due:
        return replace(waiting, unplanned=". ".join(filter(None, [waiting.unplanned, reason])))
    servers = _servers(relationship, works, snapshots, pools, revision)
    written = [server for server in servers if server.changes]
    if not written:
        compared = tuple(server for server in servers if server.is_compared)
        return replace(waiting, unplanned=". ".join([_waiting(away), *_pending(servers)]), servers=compared)
    stages = tuple(_stages(works, servers))
    case = guard.Case(works, Procedure.MODIFY, source, snapshots, written, pools, stages)
    return replace(
        waiting,
        unplanned=None,
        procedure=Procedure.MODIFY,
        replicates=True,
        servers=tuple(servers),
        stages=stages,
        objections=(*guard.objections(case), *returned.objections(case), *proportion.objections(case)),
        notes=(*_notes(away, servers), *still_to_be_applied(relationship, works), *returned.notes(case)),
    )


def _waiting(away: Sequence[Unreachable]) -> str:
    return f"{_names(away)} can't be reached; nothing is changed until then"


def _names(away: Sequence[Unreachable]) -> str:
    return " and ".join(each.endpoint.server for each in away)


def _notes(away: Sequence[Unreachable], servers: Sequence[ServerPlan]) -> list[str]:
    return [f"{_names(away)} can't be reached; the next apply after that brings it level", *_pending(servers)]


def _pending(servers: Sequence[ServerPlan]) -> list[str]:
    left = [server.peer.server for server in servers if server.put_off]
    names = " and ".join(left)
    return [f"the relationship itself would change on {names}, which waits until all are there"] if left else []


def _replicates(relationship: Relationship, snapshots: Mapping[str, Snapshot]) -> bool:
    return relationship.replicate and not any("config-control" in each.config for each in snapshots.values())


def _why_not(relationship: Relationship, truth: Authority, source: Snapshot, *, is_settling: bool) -> str | None:
    """Return why the data of the authority must not be carried on, None where they may."""
    peer = wanted.peer_of(relationship, source)
    block = wanted.block_of(source)
    if truth.is_promoted:
        return "what the partner has is taken over once all servers are there"
    if block is None or not wanted.is_in_force(source) or not _is_as_described(relationship, peer, block):
        return f"{peer.server} is not in the relationship as it is described"
    if peer.role is not Role.PRIMARY and not is_settling and source.ha is not None and source.ha.hears_partner:
        primary = relationship.primary.server
        return f"{peer.server} still hears {primary}, whose data may be newer, though it can't be reached from here"
    return None


def _is_as_described(relationship: Relationship, peer: Peer, block: Mapping[str, Any]) -> bool:
    names = {str(each.get("name")) for each in block.get("peers") or ()}
    return block.get("this-server-name") == peer.name and names == {each.name for each in relationship.peers}


def _servers(
    desired: Relationship, relationship: Relationship, snapshots: Mapping[str, Snapshot], pools: Division, revision: str
) -> list[ServerPlan]:
    """Return the plans of the servers that can be read, in the mode and the roles that they have. Of the others that
    desired has nothing is done, and nothing at all on servers on which the relationship itself would change besides.
    """
    source = pools.source
    halves = [peer for peer in relationship.peers if peer.role is not Role.BACKUP]
    is_whole = all(peer.server in snapshots for peer in halves)
    has_primary = relationship.primary.server in snapshots
    generation = next_generation(relationship, snapshots.values())
    words = {each.version: wanted.in_words_of(relationship, source, each.version) for each in snapshots.values()}
    servers = []
    for peer in in_safe_order(relationship):
        snapshot = snapshots.get(peer.server)
        if snapshot is None:
            continue
        said = words[snapshot.version]
        follows = snapshot is not source and (peer.role is Role.BACKUP or is_whole) and not peer.is_hub
        data = said.part if follows and not said.inexpressible else None
        made = plan_server(relationship, peer, snapshot, data, pools, revision, generation, stands_in=not has_primary)
        goes_on = data is not None and _is_data_alone(made)
        put_off = () if goes_on else made.changes
        if desired is not relationship:
            named, rest = wanted.peer_of(desired, snapshot), None if goes_on else data
            put_off = plan_server(desired, named, snapshot, rest, pools, revision).changes
        made = made if goes_on else ServerPlan(peer, snapshot)
        servers.append(replace(made, put_off=put_off, is_compared=data is not None or snapshot is source))
    return servers


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
