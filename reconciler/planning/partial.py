"""What is in the way of a relationship that can't be planned, as far as it can be told: all problems at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from reconciler.model import (
    Authority,
    Objection,
    Procedure,
    Relationship,
    RelationshipPlan,
    Role,
    ServerPlan,
    Snapshot,
    Unreachable,
)
from reconciler.planning import guard, hub_rules, preflight, proportion, wanted
from reconciler.planning.departures import farewell
from reconciler.planning.division import undivided
from reconciler.planning.draft import drafted
from reconciler.planning.guard import Case
from reconciler.planning.neighbours import Neighbours
from reconciler.planning.remnants import Leavers
from reconciler.planning.schedule import in_safe_order
from reconciler.planning.standing import own_entry
from reconciler.planning.structure import inexpressible, unable, unknown_parameters


def barred(
    relationship: Relationship,
    truth: Authority,
    snapshots: Mapping[str, Snapshot],
    around: Neighbours,
    reasons: Sequence[str],
) -> RelationshipPlan:
    """Return that nothing can be planned for servers that all answered, for these reasons."""
    told = [*reasons, *filter(None, [unknown_parameters(relationship, snapshots)])]
    found = tuple(_without_plan(relationship, snapshots, around, guard.PLAIN_RULES))
    return RelationshipPlan(relationship, truth, unplanned=". ".join(told), objections=found)


def unreached(
    relationship: Relationship,
    truth: Authority,
    unreachable: Sequence[Unreachable],
    snapshots: Mapping[str, Snapshot],
    revision: str,
    around: Neighbours,
    leavers: Leavers,
) -> RelationshipPlan:
    """Return that nothing is planned before all servers can be read, and what is in the way on those that could be.

    What the unread ones say may change who is the authority, whether a server goes by another name for good, and
    whether it is in another relationship: nothing is said about these.
    """
    reasons = [waiting(unreachable), *unable(relationship, snapshots), *filter(None, [leavers.refusal(())])]
    reasons += filter(None, [unknown_parameters(relationship, snapshots)])
    source = _source(relationship, truth, snapshots)
    found: tuple[Objection, ...]
    if source is None or len(reasons) > 1:
        found = tuple(_without_plan(relationship, snapshots, around, guard.PARTIAL_RULES))
    else:
        read = [peer for peer in in_safe_order(relationship) if peer.server in snapshots]
        draft = drafted(relationship, read, source, snapshots, revision)
        case = Case(relationship, Procedure.NOTHING, source, snapshots, draft.written, draft.pools)
        found = (
            *guard.objections(case, guard.PARTIAL_RULES),
            *proportion.objections(case),
            *hub_rules.objections(case, ()),
            *preflight.objections(case, around),
        )
        reasons += filter(None, [inexpressible(source, snapshots, draft.words)])
    if leavers.members:
        found = (*farewell(relationship.name, leavers.members, {}), *found)
    told = ". ".join(reasons)
    return RelationshipPlan(relationship, truth, unplanned=told, unreachable=tuple(unreachable), objections=found)


def waiting(unreachable: Sequence[Unreachable]) -> str:
    """Return in words that a relationship waits until all its servers can be read."""
    names = " and ".join(each.endpoint.server for each in unreachable)
    return f"{names} can't be reached; nothing is changed until then"


def _source(relationship: Relationship, truth: Authority, snapshots: Mapping[str, Snapshot]) -> Snapshot | None:
    """Return the primary where it is the authority for sure, be the others what they may."""
    primary = snapshots.get(relationship.primary.server)
    if primary is None or truth.server != relationship.primary.server:
        return None
    own = own_entry(primary)
    return primary if own is None or own.get("role") == Role.PRIMARY else None


def _without_plan(
    relationship: Relationship, snapshots: Mapping[str, Snapshot], around: Neighbours, rules: guard.Rules
) -> Iterator[Objection]:
    """Yield what is in the way whatever the plan will be; servers that have no relationship yet will be set."""
    for source in [*snapshots.values()][:1]:
        newcomers = [
            ServerPlan(peer, snapshots[peer.server])
            for peer in relationship.peers
            if peer.server in snapshots and wanted.block_of(snapshots[peer.server]) is None
        ]
        case = Case(relationship, Procedure.NOTHING, source, snapshots, newcomers, undivided(source))
        yield from guard.objections(case, rules)
        yield from preflight.objections(case, around)
