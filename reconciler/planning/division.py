"""How desired wants the authority's pools: divided between two load-balancing servers, or as they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from reconciler.kea import pools
from reconciler.model import Mode, Pools, Relationship, Role, Snapshot
from reconciler.planning.wanted import block_of

_SERVING = (Role.PRIMARY, Role.SECONDARY, Role.STANDBY)


@dataclass(frozen=True, slots=True)
class Division:
    """The authority as it is (`source`) and as its pools are to be (`authority`, the very same where they are so), and
    in words which pools that divides, which it joins or frees of guards, and which can't be divided.
    """

    source: Snapshot
    authority: Snapshot
    divided: tuple[str, ...] = ()
    joined: tuple[str, ...] = ()
    classed: tuple[str, ...] = ()

    @property
    def is_due(self) -> bool:
        """Whether the authority's own pools, or their guards, are to change."""
        return self.authority is not self.source


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
    service = relationship.service
    names = moved(relationship, source)
    config = pools.renamed(source.config, service, names)
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


def moved(relationship: Relationship, source: Snapshot) -> Mapping[str, str]:
    """Return the new names of the peers that answer clients, by those that the authority has them under."""
    old = _standing(source)
    new = [each.name for each in (relationship.primary, relationship.partner) if each is not None]
    return dict(zip((name for name in old if name not in new), (name for name in new if name not in old), strict=False))


def _peers(relationship: Relationship) -> tuple[str, str]:
    partner = relationship.partner
    return relationship.primary.name, partner.name if partner else relationship.primary.name


def _standing(source: Snapshot) -> list[str]:
    """Return the names of the peers that answer clients, the primary first, as a server has them."""
    peers = (block_of(source) or {}).get("peers") or ()
    serving = [each for each in peers if each.get("role") in _SERVING]
    return [str(each.get("name")) for each in sorted(serving, key=lambda each: _SERVING.index(Role(each["role"])))]


def _balances(snapshot: Snapshot) -> bool:
    return (block_of(snapshot) or {}).get("mode") == Mode.LOAD_BALANCING
