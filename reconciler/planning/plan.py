"""From desired and live to a plan: pure, and the same for plan, drift, apply and status."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from reconciler.errors import TooDeepError
from reconciler.kea.hooks import relationships_of
from reconciler.kea.shapes import misshapen
from reconciler.model import (
    Authority,
    Desired,
    Leftover,
    Live,
    Plan,
    Procedure,
    Relationship,
    RelationshipPlan,
    Service,
    Snapshot,
    Unreachable,
)
from reconciler.planning import data_alone, hub_rules, partial, preflight, proportion, returned, returning, unserved
from reconciler.planning.authority import acting, authority, promoted_authority
from reconciler.planning.departures import departing, with_departures
from reconciler.planning.draft import drafted
from reconciler.planning.elsewhere import sharing, with_elsewhere
from reconciler.planning.guard import Case, objections
from reconciler.planning.impaired import plan_without
from reconciler.planning.neighbours import NO_PROBES, NOBODY, Neighbours, Probes, neighbours
from reconciler.planning.notes import notes
from reconciler.planning.places import located, with_live_hubs
from reconciler.planning.pretence import judged
from reconciler.planning.recovery import with_recovery
from reconciler.planning.remnants import NO_LEAVERS, Leavers, Remains, Remnants, remnants
from reconciler.planning.removal import plan_removal
from reconciler.planning.schedule import in_order, order, procedure, stages
from reconciler.planning.service import with_ours
from reconciler.planning.structure import inexpressible, undecidable, unknown_parameters

LiveWorld = Mapping[tuple[str, Service], Live]


def plan(
    desired: Desired,
    live: LiveWorld,
    probes: Probes = NO_PROBES,
    left: Sequence[Leftover] = (),
    *,
    promoted: str | None = None,
    settling: Collection[tuple[str, Service]] = (),
) -> Plan:
    """Return what is to be done about every desired relationship, and about those of which only stamps still tell,
    sorted by name.

    `live` must hold every endpoint that a peer of these relationships names, and whatever else it holds is searched;
    `probes` say what was found at the urls of `preflight.urls`, as far as that was tried, and `left` what earlier runs
    left open. Of the relationship named `promoted` the partner is the truth. `settling` are
    servers that are back too short a time to be relied on: a primary among them is not the truth yet, and left alone.
    """
    live = with_ours(live, left)
    found = remnants(desired, live)
    around = neighbours(desired, live, probes)
    plans = [
        _still_elsewhere(each, live, found)
        or plan_relationship(
            each,
            live,
            desired.revision,
            around,
            found.of(each),
            is_promoted=each.name == promoted,
            settling={server for server, service in settling if service is each.service},
        )
        for each in desired.relationships
        if not each.is_absent
    ]
    plans += [_removal(each) for each in found.removed]
    known = (*desired.relationships, *desired.others)
    plans = [with_elsewhere(each, known, live) for each in plans]
    ordered = sorted(plans, key=lambda each: (each.relationship.name, each.relationship.service))
    made = Plan(desired.revision, tuple(ordered), found.unmanaged, desired.digest, desired.approvals, probes=probes)
    beside = sharing(desired.relationships, desired.others) if desired.is_selection else ()
    return with_recovery(made, live, left, beside)


def _removal(remains: Remains) -> RelationshipPlan:
    try:
        return plan_removal(remains)
    except (AttributeError, KeyError, TypeError, ValueError, TooDeepError, RecursionError):
        reason = _garbage({member.peer.server: member.snapshot for member in remains.members})
        if not reason:
            raise
    return replace(plan_removal(replace(remains, members=())), unplanned=reason)


def _still_elsewhere(relationship: Relationship, live: LiveWorld, found: Remnants) -> RelationshipPlan | None:
    """Return why a relationship can't be planned yet: a server of it has to be taken out of another one first."""
    going = {(m.snapshot.endpoint.server, r.service): r.name for r in found.removed for m in r.members if not r.is_gone}
    for peer in relationship.peers:
        name = going.get((peer.server, relationship.service))
        if name is not None and not _is_hub(live[peer.server, relationship.service]):
            reason = f"{peer.server} is still to be taken out of {name}: apply that first, then plan again"
            return RelationshipPlan(relationship, Authority(None, "not decided before that"), unplanned=reason)
    return None


def _is_hub(live: Live) -> bool:
    return isinstance(live, Snapshot) and len(relationships_of(live.config)) > 1


def plan_relationship(
    relationship: Relationship,
    live: LiveWorld,
    revision: str,
    around: Neighbours = NOBODY,
    leavers: Leavers = NO_LEAVERS,
    *,
    is_promoted: bool = False,
    settling: Collection[str] = (),
) -> RelationshipPlan:
    """Return what is to be done about one relationship, or why that can't be said. `is_promoted` as in `Authority`,
    `settling` are names of servers as for `plan`.
    """
    peers = {peer.server: live[peer.server, relationship.service] for peer in relationship.peers}
    primary = peers[acting(relationship, peers).primary.server]
    if is_promoted:
        truth = promoted_authority(relationship, peers)
    else:
        truth = authority(relationship, peers, is_settling=primary.endpoint.server in settling)
    is_settling = truth.server != primary.endpoint.server and isinstance(primary, Snapshot) and not is_promoted
    if is_settling:
        peers[primary.endpoint.server] = Unreachable(primary.endpoint, "it is back, but not for long enough")
    unreachable = tuple(each for each in peers.values() if isinstance(each, Unreachable))
    if truth.server is None and not unreachable:
        return RelationshipPlan(relationship, truth, unplanned=truth.reason)
    snapshots = {name: each for name, each in peers.items() if isinstance(each, Snapshot)}
    try:
        relationship = with_live_hubs(relationship, snapshots)
        snapshots = {name: located(relationship, each) for name, each in snapshots.items()}
        snapshots = judged(relationship, snapshots, around.probes)
        if unreachable:
            goes_on = plan_without(relationship, truth, snapshots, unreachable, revision, is_settling=is_settling)
            if goes_on.unplanned is None:
                return goes_on
            waits = partial.unreached(relationship, truth, unreachable, snapshots, revision, around, leavers)
            reasons = [each for each in (goes_on.unplanned, waits.unplanned) if each]
            return replace(waits, unplanned=_joined(reasons), servers=goes_on.servers)
        gone = departing(relationship, snapshots)
        barred = [*filter(None, [leavers.refusal(gone)]), *undecidable(relationship, snapshots, gone)]
        if barred:
            return partial.barred(relationship, truth, snapshots, around, barred)
        made = _decided(relationship, truth, snapshots, revision, around)
        strangers = {name: url for name, url in gone.items() if name not in leavers.names}
        is_left = made.unplanned is None and (leavers.members or strangers)
        return with_departures(made, leavers.members, strangers) if is_left else made
    except (TooDeepError, RecursionError):  # Kea before 2.6.5 takes any depth (in a user-context)
        reason = f"the configuration of {' or '.join(snapshots)} is nested too deep to be compared"
    except (AttributeError, KeyError, TypeError, ValueError):
        reason = _garbage(snapshots) or ""
        if not reason:
            raise
    told = ". ".join([partial.waiting(unreachable), reason] if unreachable else [reason])
    return RelationshipPlan(relationship, truth, unplanned=told, unreachable=unreachable)


def _joined(reasons: Sequence[str]) -> str:
    """Return why nothing is planned, each reason once: two looks at the same world begin with the same one."""
    return ". ".join(dict.fromkeys(part for reason in reasons for part in reason.split(". ")))


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
    around: Neighbours,
) -> RelationshipPlan:
    source = snapshots[truth.server or ""]
    peers = order(relationship, snapshots)
    draft = drafted(relationship, peers, source, snapshots, revision, is_promoted=truth.is_promoted)
    servers, written, pools = draft.servers, draft.written, draft.pools
    result = RelationshipPlan(relationship, truth, replicates=draft.replicates, servers=servers)
    remarks = tuple(notes(relationship, pools, snapshots, shared=draft.is_shared))
    if written:
        what = procedure(relationship, snapshots)
        steps = stages(relationship, servers)
        case = Case(relationship, what, source, snapshots, written, pools, steps, truth.is_promoted)
        inorder = tuple(in_order(servers, steps))
        found = (
            *objections(case),
            *returned.objections(case),
            *unserved.objections(case),
            *proportion.objections(case),
            *hub_rules.objections(case, steps),
            *preflight.objections(case, around),
        )
        remarks += tuple(returned.notes(case))
        foresight = tuple(preflight.notes(case, around))
        result = replace(result, servers=inorder, procedure=what, objections=found, stages=steps, foresight=foresight)
    refused = [
        *filter(None, (unknown_parameters(relationship, snapshots), inexpressible(source, snapshots, draft.words)))
    ]
    refused += data_alone.refusals(relationship, snapshots, pools, servers)
    if relationship.earlier is not None:
        lost = pools.inexpressible if draft.replicates else None
        primary = acting(relationship, snapshots).primary.server
        refused += returning.refusals(relationship, source, lost, servers, primary)
        remarks = (*remarks, returning.note(relationship.earlier))
    if refused:  # what else would go wrong is told all the same
        result = replace(result, procedure=Procedure.NOTHING, servers=(), stages=(), unplanned=". ".join(refused))
    return replace(result, notes=remarks)
