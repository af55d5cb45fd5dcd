"""For how long nobody answers while a server that was set fetches the leases of its partner, whatever the method."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from reconciler.kea import ha
from reconciler.model import Live, Plan, RelationshipPlan, ServerPlan, Service, Snapshot
from reconciler.planning.method import is_commanded
from reconciler.planning.standing import standing

# Leases that a server fetches from its partner in a second, while both answer nobody. Measured on pairs of 2.2.0 and
# 3.0.3: "synchronization completed in" 1.4 to 2.2 s for 14,600 leases, and by tests/e2e 1.0 s (3.0.3) to 2.2 s (2.2.0)
# for 15,000; on a machine with ten times as much to do as processors up to 4.7 s. The slower end, in pages of Kea's
# default size; where `sync-page-limit` is small, each page costs a request more.
LEASES_A_SECOND = 6600.0
SECONDS_A_PAGE = 0.01


def pause(plan: RelationshipPlan, server: ServerPlan) -> float | None:
    """Return for about how many seconds neither a server of a plan nor its partner answers (see LEASES_A_SECOND).

    0 where it fetches no leases, None where those of its partner were not counted.
    """
    peers = [each for each in plan.servers if _fetches(plan, each)]
    is_set = any(server.peer.server in stage.servers for stage in plan.stages) and not is_commanded(plan, server)
    if server not in peers or not is_set:
        return 0.0
    counted = [each.snapshot.active_leases for each in peers if each is not server]
    leases = [sum(each.values()) for each in counted if each is not None]
    if not leases:
        return None if counted else 0.0
    page = ha.sync_page_limit(plan.relationship)
    return leases[0] / LEASES_A_SECOND + SECONDS_A_PAGE * (leases[0] // page)


def _fetches(plan: RelationshipPlan, server: ServerPlan) -> bool:
    """Whether a server has a partner to fetch leases from when its HA starts again."""
    talks = ha.hears_a_partner(*standing(plan.relationship, server.peer, server.snapshot))
    return talks and bool(plan.relationship.parameters.get("sync-leases", True)) and not server.leaves


def fetched_from(plan: Plan) -> set[tuple[str, Service]]:
    """Return the endpoints whose leases another fetches when a plan is carried out, as keys of the live world."""
    found = set()
    for each in plan.relationships:
        peers = [server for server in each.servers if _fetches(each, server)]
        set_ones = {server.peer.server for server in peers if server.changes}
        found |= {
            (server.peer.server, each.relationship.service)
            for server in peers
            if set_ones - {server.peer.server} and server.snapshot.active_leases is None
        }
    return found


def with_counts(plan: Plan, live: Mapping[tuple[str, Service], Live]) -> Plan:
    """Return a plan whose servers know how many leases they have, as far as the live world does."""

    def counted(server: ServerPlan, service: Service) -> ServerPlan:
        found = live.get((server.peer.server, service))
        if not isinstance(found, Snapshot) or found.active_leases is None:
            return server
        return replace(server, snapshot=replace(server.snapshot, active_leases=found.active_leases))

    relationships = (
        replace(each, servers=tuple(counted(server, each.relationship.service) for server in each.servers))
        for each in plan.relationships
    )
    return replace(plan, relationships=tuple(relationships))
