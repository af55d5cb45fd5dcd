"""What setting a server costs the DHCP clients, in words.

Kea unloads and loads all hooks with every config-set, so the HA state machine starts again at `waiting`, where the
DHCP service is off until the server has heard its partner (Kea's source: ha_service.cc). Measured on 2.2.0, in both
modes, with few leases: one heartbeat-delay for one server of a pair, two to three for a pair that is made.
"""

from __future__ import annotations

from reconciler.kea import ha
from reconciler.model import Mode, Procedure, Relationship, RelationshipPlan, Role, ServerPlan, Stage
from reconciler.planning import wanted
from reconciler.planning.method import UNCOVERED, disruption, is_commanded
from reconciler.planning.pause import pause, taking
from reconciler.planning.standing import own_scopes, standing
from reconciler.reports.numbers import seconds
from reconciler.reports.values import shown_name

BECOMES_BACKUP = "its DHCP service is off from the first step on: a backup answers no client"


def is_affected(plan: RelationshipPlan, server: ServerPlan) -> bool:
    """Whether clients of a server may notice the plan: it is set, or switched off while its primary is given HA."""
    if server.told_cost is not None:
        return True
    is_switched_off = plan.procedure is Procedure.CREATE and server.peer.role is not Role.PRIMARY
    return bool(server.changes) or is_switched_off


def cost(plan: RelationshipPlan, server: ServerPlan) -> str:
    """Return what the clients notice of one affected server of a plan, seen from how the server was read.

    A set starts the HA of every relationship anew that the server is in; commands for single objects start none.
    """
    if server.told_cost is not None:
        return server.told_cost
    seconds_off = pause(plan, server) or 0.0
    about = seconds(round(seconds_off, 1))
    what = "taking the configuration and fetching the leases" if taking(plan, server) else "fetching the leases"
    waiting = f"; {what} takes about {about}, in which nobody answers" if seconds_off >= 0.1 else ""
    return f"{_cost(plan, server)}{waiting}"


def _cost(plan: RelationshipPlan, server: ServerPlan) -> str:
    stage = next((stage for stage in plan.stages if server.peer.server in stage.servers), None)
    if stage is not None and is_commanded(plan, server):
        return f"no outage: {stage.because}"
    elsewhere = _cost_elsewhere(plan, server, stage)
    if not server.changes or not elsewhere:
        return _cost_here(plan, server)
    here = _cost_here(plan, server).removeprefix("no outage: ")
    return f"{here}; its other relationships start again too: {' and '.join(elsewhere)}"


def disruption_words(plan: RelationshipPlan, server: ServerPlan) -> str:
    """Return what the clients notice of one affected server of a plan, in a word and why."""
    return f"{disruption(plan, server)}; {cost(plan, server).removeprefix('no outage: ')}"


def _cost_elsewhere(plan: RelationshipPlan, server: ServerPlan, stage: Stage | None) -> list[str]:
    """Return what clients notice that the server answers in its other relationships."""
    snapshot = server.snapshot
    others = (view for place, view in enumerate(snapshot.views) if place != snapshot.place)
    covered = [each for each in plan.elsewhere if each.hub.peer.server == server.peer.server]
    kept = {scope for each in covered for scope in own_scopes(each.hub.snapshot)}
    lost = tuple(sorted({scope for view in others for scope in view.scopes} - kept))
    found = [
        f"{shown_name(each.partner.peer.server)} answers the clients of {shown_name(each.relationship.name)} meanwhile "
        f"(ha-scopes on {shown_name(server.peer.server)} and {shown_name(each.partner.peer.server)})"
        for each in covered
    ]
    if lost:
        is_alone = server.leaves or stage is None or len(stage.servers) == 1 or stage.in_turn
        until = "for about one heartbeat-delay" if is_alone else "until both sides of this one know of each other"
        found.append(f"the clients of {_names(lost)} get no answer {until}")
    return found


def _cost_here(plan: RelationshipPlan, server: ServerPlan) -> str:
    if server.leaves:
        return _cost_of_leaving(plan, server)
    if plan.procedure is Procedure.CREATE:
        return _cost_of_creating(plan.relationship, server)
    view = server.snapshot.ha
    if view is None and server.peer.role is Role.BACKUP and wanted.block_of(server.snapshot) is None:
        return BECOMES_BACKUP
    if view is None:
        return "its HA hook is not in force, so it probably answers no client now"
    stage = next((stage for stage in plan.stages if server.peer.server in stage.servers), None)
    if stage is not None and len(stage.servers) > 1 and not stage.in_turn:
        return _cost_together(plan, server, stage)
    if server.peer.role is Role.BACKUP and wanted.is_waited_for(each.snapshot for each in plan.servers):
        return "meanwhile the primary gives no lease, since it waits for every backup (wait-backup-ack)"
    if not view.scopes:
        return "no outage: it answers no client now; its HA starts again"
    if not ha.hears_a_partner(*standing(plan.relationship, server.peer, server.snapshot)):
        return f"its HA starts again and waits for nobody: the clients of {_names(view.scopes)} miss it for a moment"
    cover = dict(stage.covered_by).get(server.peer.server) if stage is not None else None
    if cover is not None:
        both_off = "takes the configuration, for which both are off, and " if stage is not None and stage.pauses else ""
        return (
            f"its HA starts again; {shown_name(cover)} answers its clients meanwhile, but for the time in which Kea "
            f"{both_off}fetches leases"
        )
    silence = f"its HA starts again, and the clients of {_names(view.scopes)} get no answer from it"
    if not view.hears_partner:
        limit = seconds(ha.max_response_delay(plan.relationship))
        return f"{silence} for up to max-response-delay ({limit}), since it is out of touch with its partner"
    beat = seconds(ha.heartbeat_delay(plan.relationship))
    hindrance = stage.because if stage is not None and stage.because != UNCOVERED else ""
    why = f"; {hindrance}" if hindrance else ""
    return f"{silence} for about one heartbeat-delay ({beat}), longer when it has many leases to fetch{why}"


def _cost_of_leaving(plan: RelationshipPlan, server: ServerPlan) -> str:
    if plan.procedure is Procedure.ENABLE:
        return "it answers clients from then on"
    if plan.procedure is Procedure.REMOVE and plan.authority.server == server.peer.server:
        is_covering = any(server.peer.server in dict(stage.covered_by).values() for stage in plan.stages)
        since = "the first step" if is_covering else "its set"
        return f"it serves all clients from {since} on; none waits longer than for Kea's own reload"
    if all(server.peer.server not in stage.silenced for stage in plan.stages):
        return "it answers no client of this relationship from its set on"
    return "its DHCP service is off from the first step until the servers that go on have their part"


def _cost_together(plan: RelationshipPlan, server: ServerPlan, stage: Stage) -> str:
    """What it costs that servers can't work together until the last of them is set: all begin anew at once."""
    span = seconds(3 * ha.heartbeat_delay(plan.relationship))
    others = " and ".join(shown_name(name) for name in stage.servers if name != server.peer.server)
    off = ", its DHCP service off until they know of each other" if server.peer.server in stage.silenced else ""
    if server.snapshot.ha is None or not server.snapshot.ha.scopes:
        return f"it answers no client now; it is set together with {others}{off}"
    return (
        f"set together with {others}, it answers no client from its set until all are up, up to three heartbeat-delays "
        f"({span}){off}"
    )


def _cost_of_creating(relationship: Relationship, server: ServerPlan) -> str:
    if server.peer.role is Role.BACKUP:
        return BECOMES_BACKUP
    if relationship.mode is Mode.PASSIVE_BACKUP:
        return "it answers no client for a moment, while it is set"
    span = f"until the pair is up, up to three heartbeat-delays ({seconds(3 * ha.heartbeat_delay(relationship))})"
    if server.peer.role is Role.PRIMARY:
        return f"it answers no client from its set {span}"
    if server.peer.is_hub:
        return f"it answers no client of this relationship {span} after the last set"
    return f"its DHCP service is off from the first step {span} after the last"


def _names(scopes: tuple[str, ...]) -> str:
    return f"scope{'' if len(scopes) == 1 else 's'} {' and '.join(map(shown_name, scopes))}"
