"""How desired wants the authority's pools: divided between two load-balancing servers, or as they are."""

from __future__ import annotations

from dataclasses import dataclass, replace

from reconciler.kea import pools
from reconciler.kea.translation import Inexpressible
from reconciler.model import Mode, Pools, Relationship, Snapshot
from reconciler.planning.renaming import moved
from reconciler.planning.returning import returned
from reconciler.planning.wanted import block_of


@dataclass(frozen=True, slots=True)
class Division:
    """The authority as it is (`source`) and as its pools are to be (`authority`, the very same where they are so), and
    in words which pools that divides, which it joins or frees of guards, and which can't be divided. `inexpressible` is
    what of earlier data, which are to be brought back, the authority can't say.
    """

    source: Snapshot
    authority: Snapshot
    divided: tuple[str, ...] = ()
    joined: tuple[str, ...] = ()
    classed: tuple[str, ...] = ()
    inexpressible: tuple[Inexpressible, ...] = ()

    @property
    def is_due(self) -> bool:
        """Whether the authority's own pools, or their guards, are to change, or earlier data be brought back."""
        return self.authority is not self.source

    @property
    def is_newly_due(self) -> bool:
        """Whether that is since desired wants the pools otherwise, and not since the authority got another pool."""
        service = self.source.endpoint.service
        return self.is_due and (bool(self.joined) or not pools.are_divided_by_us(self.source.config, service))


def undivided(source: Snapshot) -> Division:
    """Return an authority whose data are left alone."""
    return Division(source, source)


def division(relationship: Relationship, source: Snapshot) -> Division:
    """Return the authority `source` with its pools as desired wants them.

    | mode           | pools  | what was divided by us | guards by hand |
    |----------------|--------|------------------------|----------------|
    | load-balancing | split  | stays                  | stay           |
    | load-balancing | shared | is joined              | stay           |
    | another        |        | is joined              | stay           |

    Guards follow peers that get another name. On a server that leaves load-balancing all of them go with the mode (see
    `wanted.without_pool_guards`).
    """
    found = returned(relationship, source)
    pools_of = _divided(relationship, found.authority)
    if relationship.earlier is None:
        return pools_of
    was = _divided(replace(relationship, earlier=None), source)  # what is so already is not to be approved again
    return Division(
        source,
        pools_of.authority,
        pools_of.divided if was.divided else (),
        pools_of.joined if was.joined else (),
        pools_of.classed,
        found.inexpressible,
    )


def _divided(relationship: Relationship, source: Snapshot) -> Division:
    service = relationship.service
    config = pools.renamed(source.config, service, moved(relationship, source))
    if relationship.mode is Mode.LOAD_BALANCING and relationship.pools is Pools.SPLIT:
        found = pools.divided(config, service, _peers(relationship), source.version)
    elif relationship.mode is not Mode.LOAD_BALANCING and _balances(source):
        return undivided(source)
    else:
        found = pools.joined(config, service)
    authority = source if found.config is source.config else replace(source, config=found.config)
    return Division(source, authority, found.divided, found.joined, found.classed)


def are_split(relationship: Relationship, snapshot: Snapshot) -> bool:
    """Whether every pool is guarded by a class of one peer, as Kea's manual asks for in load-balancing."""
    if relationship.mode is not Mode.LOAD_BALANCING:
        return True
    return pools.are_guarded(snapshot.config, relationship.service, _peers(relationship))


def _peers(relationship: Relationship) -> tuple[str, str]:
    partner = relationship.partner
    return relationship.primary.name, partner.name if partner else relationship.primary.name


def _balances(snapshot: Snapshot) -> bool:
    return (block_of(snapshot) or {}).get("mode") == Mode.LOAD_BALANCING
