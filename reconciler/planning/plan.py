"""From desired and live to a plan: pure, and the same for plan, drift, apply and status."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from reconciler.errors import TooDeepError
from reconciler.kea import ha, hooks
from reconciler.kea.fingerprints import fingerprints, section
from reconciler.kea.shapes import misshapen
from reconciler.kea.stamps import read_stamp
from reconciler.kea.versions import parse_version
from reconciler.model import (
    ABSENT,
    Action,
    Authority,
    Cause,
    Change,
    Desired,
    FieldChange,
    Fingerprints,
    Live,
    Peer,
    Plan,
    Procedure,
    Relationship,
    RelationshipPlan,
    Role,
    ServerPlan,
    Service,
    Snapshot,
    Stamp,
    Unreachable,
)
from reconciler.planning import wanted
from reconciler.planning.authority import authority
from reconciler.planning.diff import Difference, differences, field_changes
from reconciler.planning.guard import SKEW_ERROR, SKEW_WARNING, Case, clock_skew, describe_skew, objections

LiveWorld = Mapping[tuple[str, Service], Live]


def plan(desired: Desired, live: LiveWorld) -> Plan:
    """Return what is to be done about every desired relationship, sorted by name.

    `live` must hold every endpoint that a peer of these relationships names.
    """
    ordered = sorted(desired.relationships, key=lambda relationship: relationship.name)
    return Plan(desired.revision, tuple(plan_relationship(each, live, desired.revision) for each in ordered))


def plan_relationship(relationship: Relationship, live: LiveWorld, revision: str) -> RelationshipPlan:
    """Return what is to be done about one relationship, or why that can't be said."""
    peers = {peer.server: live[peer.server, relationship.service] for peer in relationship.peers}
    truth = authority(relationship, peers)
    unreachable = tuple(each for each in peers.values() if isinstance(each, Unreachable))
    if unreachable or truth.server is None:
        names = " and ".join(each.endpoint.server for each in unreachable)
        reason = f"{names} can't be reached; nothing is changed until then"
        return RelationshipPlan(relationship, truth, unplanned=reason, unreachable=unreachable)
    snapshots = {name: each for name, each in peers.items() if isinstance(each, Snapshot)}
    try:
        undecidable = _undecidable(relationship, snapshots)
        if not undecidable:
            return _decided(relationship, truth, snapshots, revision)
    except (TooDeepError, RecursionError):  # Kea before 2.6.5 takes any depth (in a user-context)
        undecidable = f"the configuration of {' or '.join(snapshots)} is nested too deep to be compared"
    except (AttributeError, KeyError, TypeError, ValueError):
        undecidable = _garbage(snapshots)
        if not undecidable:
            raise
    return RelationshipPlan(relationship, truth, unplanned=undecidable)


def _garbage(snapshots: Mapping[str, Snapshot]) -> str | None:
    """Return what of the configurations was never made by Kea, None where all might be."""
    for name, snapshot in snapshots.items():
        part = misshapen(snapshot.config)
        if part:
            return f"{name} answers with a configuration whose {part} is not built as Kea builds it"
    return None


def _decided(
    relationship: Relationship, truth: Authority, snapshots: Mapping[str, Snapshot], revision: str
) -> RelationshipPlan:
    source = snapshots[truth.server or ""]
    shared = any("config-control" in snapshot.config for snapshot in snapshots.values())
    replicates = relationship.replicate and not shared
    data = wanted.replicated_part(relationship, source) if replicates else None
    servers = []
    for peer in _order(relationship, snapshots):
        snapshot = snapshots[peer.server]
        theirs = None if snapshot is source else data
        servers.append(plan_server(relationship, peer, snapshot, theirs, source.endpoint.server, revision))
    procedure = _procedure(servers)
    result = RelationshipPlan(relationship, truth, procedure, replicates, tuple(servers))
    written = [server for server in servers if server.changes]
    if written:
        case = Case(relationship, procedure, source, snapshots, written)
        result = replace(result, objections=objections(case))
    return replace(result, notes=tuple(_notes(relationship, source, snapshots, shared=shared)))


def in_safe_order(relationship: Relationship) -> list[Peer]:
    """Return the peers in the order in which they are changed: partner first, the primary last.

    A standby answers nobody, so changing it costs nothing, and what goes wrong goes wrong there first.
    """
    return sorted(relationship.peers, key=lambda peer: (peer.role is Role.PRIMARY, peer.name))


def _order(relationship: Relationship, snapshots: Mapping[str, Snapshot]) -> list[Peer]:
    """Return the peers of a relationship in the order in which they are changed now.

    In a standing one a server whose HA hook is not in force goes first, whatever its role: it serves nobody, and
    until it is mended its partner can't be changed from normal to normal.
    """
    ordered = in_safe_order(relationship)
    if any(wanted.block_of(snapshot) is None for snapshot in snapshots.values()):
        return ordered
    return sorted(ordered, key=lambda peer: snapshots[peer.server].ha is not None)


def _procedure(servers: list[ServerPlan]) -> Procedure:
    if not any(server.changes for server in servers):
        return Procedure.NOTHING
    without = [server for server in servers if wanted.block_of(server.snapshot) is None]
    return Procedure.CREATE if without else Procedure.MODIFY


# ------------------------------------------------------------------------------------------- one server


def plan_server(
    relationship: Relationship,
    peer: Peer,
    snapshot: Snapshot,
    data: Mapping[str, Any] | None,
    source: str,
    revision: str,
) -> ServerPlan:
    """Return what one server is to become.

    `data` is the authority's replicated part, None where this server keeps its own; `source` is the authority.
    """
    block_changes = list(_relationship_changes(relationship, peer, snapshot))
    theirs = wanted.replicated_part(relationship, snapshot)
    found = _data_differences(theirs, data, relationship.service) if data is not None else []
    if not block_changes and not found:
        return ServerPlan(peer, snapshot)
    marks = fingerprints(theirs if data is None else data)
    changes = (*block_changes, *_attributed(found, theirs, marks, relationship, snapshot, source))
    config = wanted.outgoing(
        relationship, peer, snapshot, data, marks=marks, block_changes=bool(block_changes), revision=revision
    )
    return ServerPlan(
        peer,
        snapshot,
        changes,
        config,
        needs_test(
            snapshot.config,
            config,
            changes,
            relationship.service,
            is_stamped=stamp_of(relationship, snapshot) is not None,
        ),
    )


def stamp_of(relationship: Relationship, snapshot: Snapshot) -> Stamp | None:
    """Return the stamp that a server carries of this relationship; another's says nothing about this one."""
    stamp = read_stamp(snapshot.config)
    return stamp if stamp and stamp.relationship == relationship.name else None


def _relationship_changes(relationship: Relationship, peer: Peer, snapshot: Snapshot) -> Iterator[Change]:
    """Yield what differs in the HA hook's entry, and what of the hooks is not as the configuration says."""
    path = (("relationship", relationship.name),)
    stamp = stamp_of(relationship, snapshot)
    is_ours = stamp is not None and stamp.desired == wanted.desired_digest(relationship)
    cause, moved = (Cause.PEER, (peer.server,)) if is_ours else (Cause.GIT, ())
    standing = wanted.block_of(snapshot)
    block = ha.wanted_block(relationship, peer, standing)
    if standing is None:
        partner = next(other for other in relationship.peers if other is not peer)
        summary = f"{relationship.mode}, {peer.role} {peer.name}, partner {partner.name} at {partner.url}"
        yield Change(Action.ADD, path, summary=summary, cause=cause, moved=moved)
        return
    before, after = ha.normal_form(standing, snapshot.version), ha.normal_form(block, snapshot.version)
    names = sorted(before.keys() | after.keys())
    fields = [f for name in names for f in field_changes(name, before.get(name, ABSENT), after.get(name, ABSENT))]
    if fields:
        yield Change(Action.CHANGE, path, tuple(fields), cause=cause, moved=moved)
    if hooks.find(snapshot.config, hooks.LEASE_COMMANDS_LIBRARY) is None:
        yield Change(Action.ADD, (("hook", hooks.LEASE_COMMANDS_LIBRARY),), cause=cause, moved=moved)
    if snapshot.ha is None:
        lies = FieldChange("in force", before=False, after=True)
        yield Change(Action.CHANGE, (("hook", hooks.HA_LIBRARY),), (lies,), cause=Cause.PEER, moved=(peer.server,))


def _data_differences(theirs: Mapping[str, Any], data: Mapping[str, Any], service: Service) -> list[Difference]:
    if theirs == data:  # compared in C, and by far the commonest case
        return []
    return list(differences(theirs, data, service))


def _attributed(
    found: list[Difference],
    theirs: Mapping[str, Any],
    marks: Fingerprints,
    relationship: Relationship,
    snapshot: Snapshot,
    source: str,
) -> list[Change]:
    """Give every difference its cause, as fine as the server's stamp tells; `marks` are those of the authority."""
    stamp = stamp_of(relationship, snapshot)
    if stamp is None:
        # Never replicated by us: either the relationship is new here, or it is older than we are.
        cause = Cause.GIT if wanted.block_of(snapshot) is None else Cause.PRIMARY
        return [replace(each.change, cause=cause) for each in found]
    was_left_alone = stamp.desired == wanted.desired_digest(replace(relationship, replicate=False))
    if was_left_alone or stamp.local != tuple(sorted(relationship.local)):
        return [replace(each.change, cause=Cause.GIT) for each in found]
    touched = {name for each in found for name in each.sections}
    replicated = stamp.fingerprints.sections
    by_source = {name for name in touched if marks.sections.get(name) != replicated.get(name)}
    # Where only one of two that differ is as it was, the other has moved: no digest of a large section for that.
    by_peer = {name for name in touched if name not in by_source or _digest(theirs, name) != replicated.get(name)}
    return [_caused(each, {source: by_source, snapshot.endpoint.server: by_peer}, source) for each in found]


def _digest(part: Mapping[str, Any], name: str) -> str | None:
    return section(part, name) if name in part else None


def _caused(difference: Difference, sections: Mapping[str, set[str]], source: str) -> Change:
    """Say which server moved away from what was last replicated; `sections` are those that each server moved in."""
    moved = tuple(server for server, names in sections.items() if not names.isdisjoint(difference.sections))
    cause = Cause.PEER if source not in moved else Cause.PRIMARY
    return replace(difference.change, cause=cause, moved=moved)


# What a server that took the whole configuration from us once, in this very form, takes again with other members.
_PLAIN = {"subnet", "shared-network", "option", "reservation"}


def needs_test(
    standing: Mapping[str, Any],
    going_out: Mapping[str, Any],
    changes: tuple[Change, ...],
    service: Service,
    *,
    is_stamped: bool,
) -> bool:
    """Whether the server is to try the configuration before it is set; for a large one that takes Kea many seconds.

    Always the first time: not everything that config-get shows can be set (a class's own option-def for code 43,
    seen on 2.2.0), and before Kea 2.3.6 a refused config-set takes the server's sockets away. Once it carries our
    stamp, it took this authority's configuration before; what can still fail then are hooks, global parameters beside
    its local ones, definitions, classes, and interfaces that it hasn't got.
    """
    if not is_stamped or any(change.path[0][0] not in _PLAIN for change in changes):
        return True
    return not _interfaces(going_out, service) <= _interfaces(standing, service)


def _interfaces(config: Mapping[str, Any], service: Service) -> set[str]:
    networks = config.get("shared-networks") or []
    holders = [*networks, *(subnet for each in [config, *networks] for subnet in each.get(service.subnets) or ())]
    return {str(holder[key]) for holder in holders for key in ("interface", "4o6-interface") if holder.get(key)}


# ---------------------------------------------------------------------------------- what can't be decided


def _undecidable(relationship: Relationship, snapshots: Mapping[str, Snapshot]) -> str | None:
    """Return why nothing can be planned for servers that all answered, None where it can."""
    versions = {name: snapshot.version for name, snapshot in snapshots.items()}
    if len({parse_version(version) for version in versions.values()}) > 1:
        shown = ", ".join(f"{name} runs {version}" for name, version in versions.items())
        return f"the servers run different versions of Kea ({shown}), which this release can't replicate between"
    for name, snapshot in snapshots.items():
        blocks = hooks.relationships_of(snapshot.config)
        if len(blocks) > 1:
            return f"{name} has {len(blocks)} relationships in its HA hook; hub-and-spoke is not supported yet"
        if not blocks and wanted.hooks_directory(snapshot) is None:
            return f"{name} does not tell where its hook libraries are; give hooks-directory in the inventory"
    return _restructured(relationship, snapshots)


def _restructured(relationship: Relationship, snapshots: Mapping[str, Snapshot]) -> str | None:
    """A structure (mode, peers, roles, urls) that one server alone has otherwise is drift and put back; one that all
    have otherwise is another relationship, or a change that needs an order of its own.
    """
    differing = {}
    for peer in relationship.peers:
        block = wanted.block_of(snapshots[peer.server])
        if block is None:
            continue
        live, desired = _structure(block), _structure(ha.wanted_block(relationship, peer, block))
        if live == desired:
            return None
        differing[peer.server] = (live, desired)
    if not differing:
        return None
    server, (live, desired) = next(iter(differing.items()))
    if live["peers"].keys() != desired["peers"].keys():
        peers = ", ".join(sorted(live["peers"]))
        return (
            f"{server} already is in another relationship, of the peers {peers}; "
            "describe that one (`kea-reconciler import`), or take the HA hook off the server first"
        )
    fields = [f.name for key in sorted(live) for f in field_changes(key, live[key], desired[key])]
    return (
        f"{', '.join(fields)} of a standing relationship would change, which needs a safe order of its own and "
        "is not supported yet"
    )


def _structure(block: Mapping[str, Any]) -> dict[str, Any]:
    form = ha.normal_form(block, "0")
    peers = {name: {key: peer.get(key) for key in ("role", "url")} for name, peer in form["peers"].items()}
    return {"mode": form.get("mode"), "peers": peers}


# ------------------------------------------------------------------------------------------------- notes


def _notes(
    relationship: Relationship, source: Snapshot, snapshots: Mapping[str, Snapshot], *, shared: bool
) -> Iterator[str]:
    if shared:
        yield "config-control is present: the Configuration Backend shares the configuration, nothing is replicated"
    elif not relationship.replicate:
        yield "replicate is false: DHCP data is left alone"
    for name, snapshot in snapshots.items():
        for parameter in ha.without_effect(relationship, snapshot.version):
            yield f"{name} runs Kea {snapshot.version}, where {parameter} has no effect"
    if not wanted.pools_are_split(relationship, source):
        yield (
            "pools are shared by both servers of this load-balancing relationship; Kea's manual asks to split them "
            "by the classes HA_<peer>, so that a broken connection can't make both lease one address"
        )
    skew = clock_skew(list(snapshots.values()))
    if skew is not None and SKEW_WARNING <= skew < SKEW_ERROR:
        yield describe_skew(skew)
