"""From desired and live to a plan: pure, and the same for plan, drift, apply and status."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from reconciler.errors import TooDeepError
from reconciler.kea.shapes import misshapen
from reconciler.model import (
    Authority,
    Desired,
    Live,
    Plan,
    Relationship,
    RelationshipPlan,
    Service,
    Snapshot,
    Unreachable,
)
from reconciler.planning import hub_rules, preflight, wanted
from reconciler.planning.authority import acting_authority, authority
from reconciler.planning.guard import Case, objections
from reconciler.planning.notes import notes
from reconciler.planning.places import located, with_live_hubs
from reconciler.planning.pretence import judged
from reconciler.planning.schedule import in_order, order, procedure, stages
from reconciler.planning.server_plan import plan_server
from reconciler.planning.structure import inexpressible, undecidable

LiveWorld = Mapping[tuple[str, Service], Live]
NO_PROBES: preflight.Probes = MappingProxyType({})


def plan(desired: Desired, live: LiveWorld, probes: preflight.Probes = NO_PROBES) -> Plan:
    """Return what is to be done about every desired relationship, sorted by name.

    `live` must hold every endpoint that a peer of these relationships names; `probes` say what was found at the urls of
    `preflight.urls`, as far as that was tried.
    """
    ordered = sorted(desired.relationships, key=lambda relationship: relationship.name)
    return Plan(desired.revision, tuple(plan_relationship(each, live, desired.revision, probes) for each in ordered))


def plan_relationship(
    relationship: Relationship, live: LiveWorld, revision: str, probes: preflight.Probes = NO_PROBES
) -> RelationshipPlan:
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
        relationship = with_live_hubs(relationship, snapshots)
        snapshots = judged(relationship, {name: located(relationship, each) for name, each in snapshots.items()})
        truth = acting_authority(relationship, snapshots) or truth
        reason = undecidable(relationship, snapshots) or ""
        if not reason:
            return _decided(relationship, truth, snapshots, revision, probes)
    except (TooDeepError, RecursionError):  # Kea before 2.6.5 takes any depth (in a user-context)
        reason = f"the configuration of {' or '.join(snapshots)} is nested too deep to be compared"
    except (AttributeError, KeyError, TypeError, ValueError):
        reason = _garbage(snapshots) or ""
        if not reason:
            raise
    return RelationshipPlan(relationship, truth, unplanned=reason)


def _garbage(snapshots: Mapping[str, Snapshot]) -> str | None:
    """Return what of the configurations was never made by Kea, None where all might be."""
    for name, snapshot in snapshots.items():
        part = misshapen(snapshot.config)
        if part:
            return f"{name} answers with a configuration whose {part} is not built as Kea builds it"
    return None


def _decided(
    relationship: Relationship,
    truth: Authority,
    snapshots: Mapping[str, Snapshot],
    revision: str,
    probes: preflight.Probes,
) -> RelationshipPlan:
    source = snapshots[truth.server or ""]
    shared = any("config-control" in snapshot.config for snapshot in snapshots.values())
    replicates = relationship.replicate and not shared
    versions = {each.version for each in snapshots.values() if each is not source} if replicates else set()
    words = {version: wanted.in_words_of(relationship, source, version) for version in versions}
    refused = inexpressible(source, snapshots, words)
    if refused:
        return RelationshipPlan(relationship, truth, replicates=replicates, unplanned=refused)
    servers = []
    for peer in order(relationship, snapshots):
        snapshot = snapshots[peer.server]
        data = words[snapshot.version].part if replicates and snapshot is not source else None
        servers.append(plan_server(relationship, peer, snapshot, data, source, revision))
    result = RelationshipPlan(relationship, truth, replicates=replicates, servers=tuple(servers))
    written = [server for server in servers if server.changes]
    remarks = list(notes(relationship, source, snapshots, shared=shared))
    if written:
        what = procedure(relationship, snapshots)
        case = Case(relationship, what, source, snapshots, written)
        steps = stages(relationship, servers)
        inorder = tuple(in_order(servers, steps))
        found = (*objections(case), *hub_rules.objections(case), *preflight.objections(case, probes))
        result = replace(result, servers=inorder, procedure=what, objections=found, stages=steps)
        remarks += preflight.notes(case, probes)
    return replace(result, notes=tuple(remarks))
