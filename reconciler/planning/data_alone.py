"""DHCP data that go on while another change of their relationship waits, such as one of git for an approval.

The relationship then is planned as its servers have it now, whatever is desired: its entry in the HA hook stays as it
is, and so does what the stamps say of that. A server whose hook isn't in force, or isn't heard, is mended by being set
with that entry, unless somebody else made it. Neither can be where a change that waits decides which data a server is
to have, or has come half way.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from reconciler.kea import ha, hooks
from reconciler.kea.versions import parse_version
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
    strange = [each.peer.server for each in plan.servers if _has_a_strange_entry(relationship, each, members, inside)]
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


def _has_a_strange_entry(
    relationship: Relationship, server: ServerPlan, members: Mapping[str, Snapshot], inside: Sequence[ServerPlan]
) -> bool:
    """Whether a server doesn't do its part, and has in its hook what somebody else set, which may be the reason: being
    set with it would mend nothing.

    Where git changed too, the cause of a change doesn't tell. Then an entry is known to be good where the server's
    stamp is of that, or where another server does its part with the same.
    """
    changes = [change for change in server.changes if change.path[0][0] == "relationship"]
    if not changes or not wanted.is_broken(server.snapshot):
        return False
    if any(change.cause is Cause.PEER for change in changes):
        return True
    if _is_stamped(relationship, server.snapshot, members):
        return False
    well = (each.snapshot for each in inside if not wanted.is_broken(each.snapshot))
    return not any(_have_the_same(relationship, server.snapshot, each) for each in well)


def _is_stamped(relationship: Relationship, snapshot: Snapshot, members: Mapping[str, Snapshot]) -> bool:
    """Whether a server's entry is what desired wanted when the server was set last, by its stamp."""
    stamp, entry = stamp_of(relationship, snapshot), _entry(relationship, snapshot)
    roles = [str(each.get("role")) for each in entry["peers"]]
    names = {str(each.get("name")) for each in entry["peers"]}
    if stamp is None or not names <= members.keys() or not are_roles_of(str(entry.get("mode")), sorted(roles)):
        return False
    found = replace(as_it_stands(relationship.service, members, entry), local=stamp.local)
    return stamp.desired in {wanted.desired_digest(replace(found, replicate=each)) for each in (True, False)}


def _have_the_same(relationship: Relationship, one: Snapshot, other: Snapshot) -> bool:
    """Whether two servers have the same entry, as far as both versions know what is in it."""
    oldest = min(one.version, other.version, key=parse_version)
    forms = [ha.comparable(_entry(relationship, each), oldest) for each in (one, other)]
    return forms[0] == forms[1]


def _entry(relationship: Relationship, snapshot: Snapshot) -> dict[str, Any]:
    """Return a server's entry without what is its own: its name, passwords, and the files that desired doesn't name."""
    block = wanted.block_of(snapshot) or {}
    options = {peer.name: peer.options for peer in relationship.peers}
    own = {"this-server-name", *ha.FILES} - relationship.parameters.keys()
    peers = [
        {
            k: v
            for k, v in each.items()
            if k not in {ha.PASSWORD, *ha.FILES} - options.get(str(each.get("name")), {}).keys()
        }
        for each in block.get("peers") or ()
    ]
    return {**{key: value for key, value in block.items() if key not in own}, "peers": peers}


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
        stamp = stamp_of(relationship, server.snapshot)
        is_asked = any(change.cause is Cause.GIT for change in server.changes)
        if is_asked or (stamp and stamp.local != wanted.local_patterns(relationship)):
            reasons.append(f"what is to follow the authority to {server.peer.server}")
        if stamp is None:
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
