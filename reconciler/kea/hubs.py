"""A server in several relationships (hub and spoke, Kea 2.5.5 and later): whose of its subnets are whose.

Kea goes by `ha-server-name` in the user-context of a subnet, or of its shared network: the name of any peer of the
relationship that serves it. With more than one relationship, packets for a subnet without it are dropped (Kea manual,
"Hub and Spoke Configuration"; ha_config.cc).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from reconciler.kea import guards
from reconciler.kea.objects import SHARED_NETWORK, SUBNET
from reconciler.model import Service

TAG = "ha-server-name"
NETWORKS = "shared-networks"

Config = Mapping[str, Any]


def keys(service: Service) -> tuple[str, str]:
    """Return the keys of what can be a relationship's own on a hub."""
    return service.subnets, NETWORKS


def tag_patterns(service: Service) -> tuple[str, ...]:
    """Return the path patterns of the tags, which each server keeps as it has them."""
    return tuple(f"/{key}/*/user-context/{TAG}" for key in keys(service))


def tag_of(item: Config) -> str | None:
    """Return the peer's name that a subnet or shared network carries, None without one."""
    context = item.get("user-context")
    tag = context.get(TAG) if isinstance(context, Mapping) else None
    return None if tag is None else str(tag)


def part_of(config: Config, service: Service, names: Collection[str], *, with_untagged: bool) -> dict[str, Any]:
    """Return what of a hub's configuration belongs to the relationship of the peers `names`: subnets and networks.

    A shared network belongs where it says so itself or any of its subnets does. `with_untagged` counts what says
    nothing too, which is right as long as the server is in no other relationship. Values are shared with `config`.
    """
    return {key: mine for key, mine, _ in _sorted_out(config, service, names, with_untagged=with_untagged)}


def joined(
    config: Config, service: Service, names: Collection[str], part: Config, tag: str, *, with_untagged: bool
) -> dict[str, Any]:
    """Return a hub's configuration with the relationship's part replaced by `part`, each member of it tagged.

    What belongs to others, and everything that is neither a subnet nor a shared network, stays.
    """
    merged = dict(config)
    for key, _, others in _sorted_out(config, service, names, with_untagged=with_untagged):
        theirs = [tagged(item, tag) for item in part.get(key) or ()]
        if key in config or theirs:
            merged[key] = [*others, *theirs]
    return merged


def tagged(item: Config, tag: str) -> dict[str, Any]:
    """Return a subnet or shared network that carries a peer's name."""
    return {**item, "user-context": {**(item.get("user-context") or {}), TAG: tag}}


def all_tagged(config: Config, service: Service, tag: str) -> dict[str, Any]:
    """Return a configuration in which everything that said nothing of a relationship carries a peer's name."""
    silent = untagged(config, service)
    kinds = ((service.subnets, SUBNET), (NETWORKS, SHARED_NETWORK))
    return {
        **config,
        **{
            key: [tagged(item, tag) if (kind.name, kind.key(item)) in silent else item for item in config[key]]
            for key, kind in kinds
            if config.get(key)
        },
    }


def untagged(config: Config, service: Service) -> dict[tuple[str, str], Config]:
    """Return the subnets and shared networks that say nothing of a relationship, by (kind, key).

    A subnet inside a network that does, or a network all of whose subnets do, is fine as it is.
    """
    found: dict[tuple[str, str], Config] = {
        (SUBNET.name, SUBNET.key(item)): item for item in config.get(service.subnets) or () if tag_of(item) is None
    }
    for network in config.get(NETWORKS) or ():
        subnets = network.get(service.subnets) or ()
        if tag_of(network) is None and (not subnets or any(tag_of(subnet) is None for subnet in subnets)):
            found[SHARED_NETWORK.name, SHARED_NETWORK.key(network)] = network
    return found


def has_disabled_of_others(config: Config, service: Service, names: Collection[str]) -> bool:
    """Whether a server keeps subnets, disabled by us, of a relationship that it has left while it was in another: they
    carry the name of a peer that is none of `names`.
    """
    return any(True for _ in disabled_of_others(config, service, names))


def disabled_of_others(config: Config, service: Service, names: Collection[str]) -> Iterator[str]:
    """Yield the prefixes of these subnets."""
    for holder in [config, *(config.get(NETWORKS) or ())]:
        for subnet in holder.get(service.subnets) or ():
            tag = tag_of(subnet) or tag_of(holder)
            if tag is not None and tag not in names and guards.mark_of(subnet) is not None:
                yield str(subnet.get("subnet"))


def duplicates(config: Config, service: Service) -> dict[str, bool]:
    """Return in words which prefixes, subnet ids and names of shared networks a configuration has more than once, and
    of each whether one of them says nothing of a relationship.
    """
    counts = Counter(what for what, _ in _identities(config, service))
    silent = {what for what, tag in _identities(config, service) if tag is None}
    return {what: what in silent for what, count in counts.items() if count > 1}


def _identities(part: Config, service: Service) -> Iterator[tuple[str, str | None]]:
    for network in part.get(NETWORKS) or ():
        yield f"shared-network {network.get('name')}", tag_of(network)
    for holder in [part, *(part.get(NETWORKS) or ())]:
        for subnet in holder.get(service.subnets) or ():
            tag = tag_of(subnet) or tag_of(holder)
            yield f"subnet {subnet.get('subnet')}", tag
            yield f"subnet id {subnet.get('id')}", tag


def _sorted_out(
    config: Config, service: Service, names: Collection[str], *, with_untagged: bool
) -> Iterator[tuple[str, list[Any], list[Any]]]:
    """Yield for each of the two lists its key, the members that belong to the relationship, and the others."""
    for key in keys(service):
        mine: list[Any] = []
        others: list[Any] = []
        for item in config.get(key) or ():
            tags = {tag_of(item)} - {None} or {tag_of(each) for each in item.get(service.subnets) or ()} - {None}
            belongs = with_untagged if not tags else not tags.isdisjoint(names)
            (mine if belongs else others).append(item)
        yield key, mine, others
