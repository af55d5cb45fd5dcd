"""DHCP data that go on while another change of their relationship waits, such as one of git for an approval.

The relationship then is planned as its servers have it now, whatever is desired: its entry in the HA hook stays as it
is, and so does what the stamps say of that. A server whose hook isn't in force, or isn't heard, is mended by being set
with that entry, unless somebody else made it. Neither can be where a change that waits decides which data a server is
to have, or has come half way.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from reconciler.kea import hooks
from reconciler.model import Cause, Relationship, RelationshipPlan, ServerPlan, Snapshot
from reconciler.planning import wanted
from reconciler.planning.division import Division
from reconciler.planning.imported import are_roles_of, as_it_stands
from reconciler.planning.returned import data_changes
from reconciler.planning.server_plan import stamp_of
from reconciler.planning.standing import Aspect, is_torn

_HOOK = (("hook", hooks.HA_LIBRARY),)


def is_mixed(plan: RelationshipPlan) -> bool:
    """Whether a plan has drift of DHCP data, or hooks to mend, beside other changes, which may keep that waiting."""
    changes = [change for server in plan.servers for change in server.changes]
    alone = [change for server in plan.servers for change in data_changes(server) if change.cause is not Cause.GIT]
    alone += [change for change in changes if change.path == _HOOK]
    return bool(alone) and len(alone) < len(changes) and not (plan.left or plan.mends or plan.unreachable)


def without_the_rest(plan: RelationshipPlan) -> Relationship | str:
    """Return the relationship of which data alone are to be planned, or in words what has to come first."""
    relationship = plan.relationship
    leaving = [server.peer.server for server in plan.servers if server.leaves]
    inside = [server for server in plan.servers if wanted.block_of(server.snapshot) is not None]
    members = {str((wanted.block_of(each.snapshot) or {}).get("this-server-name")): each.snapshot for each in inside}
    truth = next((each.snapshot for each in inside if each.peer.server == plan.authority.server), None)
    if leaving or truth is None:
        return _waits([f"{name} leaves" for name in leaving] or ["the relationship is created"])
    block = wanted.block_of(truth) or {}
    peers = block.get("peers") or ()
    strange = [server.peer.server for server in plan.servers if _has_a_strange_entry(server)]
    if strange:
        return _waits([f"the hook of {name}, whose entry somebody else set" for name in strange])
    unknown = sorted({str(each.get("name")) for each in peers} - members.keys())
    if unknown or len(members) < len(peers):
        return _waits([f"{name} leaves" for name in unknown] or ["two servers have one name"])
    if not are_roles_of(str(block.get("mode")), sorted(str(each.get("role")) for each in peers)):
        return _waits(["the roles of the peers"])
    found = as_it_stands(relationship.service, members, block)
    named = replace(
        relationship,
        mode=found.mode,
        peers=found.peers,
        parameters=found.parameters,
        pools=found.pools,
        is_data_alone=True,
    )
    if is_torn(named, [(peer, members[peer.name]) for peer in named.peers], by=Aspect):
        return _waits(["a change of the relationship that only a part of its servers has got"])
    return named


def _has_a_strange_entry(server: ServerPlan) -> bool:
    """Whether a server doesn't do its part, and has in its hook what somebody else set, which may be the reason."""
    drifted = (change.path[0][0] == "relationship" and change.cause is Cause.PEER for change in server.changes)
    return wanted.is_broken(server.snapshot) and any(drifted)


def refusals(
    relationship: Relationship, snapshots: Mapping[str, Snapshot], pools: Division, servers: Sequence[ServerPlan]
) -> Iterator[str]:
    """Yield what has to come before the data of a relationship that is planned alone; `servers` are their plans, and
    `pools` is what becomes of the authority's.
    """
    written = [server for server in servers if server.changes]
    if not relationship.is_data_alone or not written:
        return
    reasons = [*_of_servers(relationship, snapshots)]
    if pools.is_due:
        reasons.append("the division of the pools")
    for server in written:
        if any(change.cause is Cause.GIT for change in server.changes):
            reasons.append(f"what is to follow the authority to {server.peer.server}")
        if stamp_of(relationship, server.snapshot) is None:
            reasons.append(f"the first set of {server.peer.server}")
    if reasons:
        yield _waits(reasons)


def _of_servers(relationship: Relationship, snapshots: Mapping[str, Snapshot]) -> Iterator[str]:
    for name, snapshot in snapshots.items():
        if hooks.find(snapshot.config, hooks.LEASE_COMMANDS_LIBRARY) is None:
            yield f"the hooks of {name}"
        if wanted.without_guards(relationship, snapshot) is not snapshot.config:
            yield f"{name} serves its clients again"
        if wanted.untagged(relationship, snapshot):
            yield f"marks that say whose the subnets of {name} are"


def _waits(reasons: Sequence[str]) -> str:
    return f"DHCP data wait as well; this comes first: {'; '.join(dict.fromkeys(reasons))}"
