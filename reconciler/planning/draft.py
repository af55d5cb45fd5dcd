"""What the servers of a relationship are to become, one by one, before it is said how they get there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from reconciler.kea.translation import Translation
from reconciler.model import Peer, Relationship, ServerPlan, Snapshot
from reconciler.planning import wanted
from reconciler.planning.division import Division, division, undivided
from reconciler.planning.server_plan import apart, is_primary, next_generation, plan_server


@dataclass(frozen=True, slots=True)
class Draft:
    """The servers' plans; `pools` is what becomes of the authority's, `words` its data in the words of the versions of
    the others. `is_shared` says that a configuration backend shares the data already, `replicates` that we do.
    """

    servers: tuple[ServerPlan, ...]
    pools: Division
    words: Mapping[str, Translation]
    replicates: bool
    is_shared: bool

    @property
    def written(self) -> list[ServerPlan]:
        """The servers that would be set."""
        return [server for server in self.servers if server.changes]


def drafted(
    relationship: Relationship,
    peers: Iterable[Peer],
    source: Snapshot,
    snapshots: Mapping[str, Snapshot],
    revision: str,
    *,
    is_promoted: bool = False,
) -> Draft:
    """Return what `peers`, in this order, are to become; `source` is the authority, in one plan alone where it
    `is_promoted`: then its stamp, too, says what all had alike, so that a primary from before that is known as older.
    """
    is_shared = any("config-control" in snapshot.config for snapshot in snapshots.values())
    replicates = relationship.replicate and not is_shared
    versions = {each.version for each in snapshots.values() if each is not source} if replicates else set()
    pools = division(relationship, source) if replicates else undivided(source)
    words = {version: wanted.in_words_of(relationship, pools.authority, version) for version in versions}
    servers, generation = [], next_generation(relationship, snapshots.values())
    for peer in peers:
        snapshot = snapshots[peer.server]
        data = words[snapshot.version].part if replicates and snapshot is not source else None
        if snapshot is source and pools.is_due:
            data = wanted.replicated_part(relationship, pools.authority)
        server = plan_server(relationship, peer, snapshot, data, pools, revision, generation)
        is_told = not relationship.replicate and not is_shared and snapshot is not source
        servers.append(replace(server, apart=apart(relationship, snapshot, source)) if is_told else server)
    if is_promoted and any(is_primary(relationship, each.snapshot) and each.changes for each in servers):
        servers = [
            plan_server(relationship, each.peer, source, None, pools, revision, generation, is_renewed=True)
            if each.snapshot is source and replicates and not pools.is_due
            else each
            for each in servers
        ]
    return Draft(tuple(servers), _made_of(pools, servers), words, replicates, is_shared)


def _made_of(pools: Division, servers: Iterable[ServerPlan]) -> Division:
    """Return what becomes of the authority's pools, in words nothing where they stay as they are since that is
    contested there.
    """
    held = (change for server in servers if server.snapshot is pools.source for change in server.changes)
    is_made = any(change.path[0][0] in {"subnet", "shared-network"} for change in held)
    return pools if is_made or not pools.is_due else replace(pools, divided=(), joined=(), classed=())
