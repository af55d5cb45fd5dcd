"""For how long nobody answers: while a server that was set fetches the leases of its partner, whatever the method, and
while Kea takes a configuration for which both are off.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from reconciler.kea import ha
from reconciler.kea.versions import Version, parse_version
from reconciler.model import Live, Plan, RelationshipPlan, ServerPlan, Service, Snapshot
from reconciler.planning.method import is_commanded
from reconciler.planning.standing import standing

# Leases that a server fetches from its partner in a second, while both answer nobody, by the version from which on that
# is so. Measured by tests/e2e with 15,000 leases, both servers of a pair set: 7,500 to 8,100 on 2.2.0, 16,300 to 18,900
# on 2.6.3, 18,800 to 20,000 on 3.0.3; on a busy machine half of that. In pages of Kea's default size; where
# `sync-page-limit` is small, each page costs a request more.
LEASES_A_SECOND: Mapping[Version, float] = {(0, 0, 0): 6600.0, (2, 6, 0): 14000.0}
SECONDS_A_PAGE = 0.01
# That Kea takes for a config-set, of what config-get answers: 0.22 to 0.34 of processor time for 1 to 8 MB on 2.2.0,
# 2.6.3 and 3.0.3 (`benchmarks.configurations`, 300 to 3,000 subnets).
SECONDS_A_MEGABYTE = 0.3


def leases_a_second(*versions: str) -> float:
    """Return how many leases servers of these versions of Kea pass on in a second: as many as the oldest of them."""
    oldest = min(map(parse_version, versions))
    return LEASES_A_SECOND[max(since for since in LEASES_A_SECOND if since <= oldest)]


def pause(plan: RelationshipPlan, server: ServerPlan) -> float | None:
    """Return for about how many seconds neither a server of a plan nor its partner answers, altogether.

    None where it fetches leases, and those of its partner were not counted.
    """
    fetching = _fetching(plan, server)
    return None if fetching is None else fetching + taking(plan, server)


def taking(plan: RelationshipPlan, server: ServerPlan) -> float:
    """Return for about how many seconds both are off while Kea takes the configuration of a server; 0 where the other
    answers meanwhile.
    """
    name = server.peer.server
    is_paused = any(stage.pauses and name in dict(stage.covered_by) for stage in plan.stages)
    if not is_paused or is_commanded(plan, server):
        return 0.0
    return SECONDS_A_MEGABYTE * max(each.snapshot.size for each in plan.servers) / 1e6


def _fetching(plan: RelationshipPlan, server: ServerPlan) -> float | None:
    peers = [each for each in plan.servers if _fetches(plan, each)]
    is_set = any(server.peer.server in stage.servers for stage in plan.stages) and not is_commanded(plan, server)
    if server not in peers or not is_set:
        return 0.0
    givers = [each.snapshot for each in peers if each is not server]
    giver = next((each for each in givers if each.active_leases is not None), None)
    if giver is None or giver.active_leases is None:
        return None if givers else 0.0
    leases = sum(giver.active_leases.values())
    a_second = leases_a_second(giver.version, server.snapshot.version)
    return leases / a_second + SECONDS_A_PAGE * (leases // ha.sync_page_limit(plan.relationship))


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
