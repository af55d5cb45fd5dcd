"""Pools that the two servers of a load-balancing relationship divide between them, by the classes of Kea's HA hook.

The hook puts every client into HA_<peer>, of the peer that answers it (Kea manual, "Load-Balancing Configuration"). So
each pool becomes two neighbours of equal size, guarded by one peer's class each. Both carry a mark with the pool that
they were, by which they are joined again; what people divided by hand has none, and is left alone. Addresses are
written as config-get writes them: what is a whole prefix as one, anything else as a range.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

from reconciler.kea.locality import STAMP_KEY
from reconciler.kea.objects import PD_POOL, POOL, SUBNET, Kind
from reconciler.kea.versions import parse_version
from reconciler.model import Service

Object = Mapping[str, Any]
Address = IPv4Address | IPv6Address
Guard = tuple[str, str]  # the names of the two peers, the primary first

MARK = "half-of"
CLASS_KEYS = ("client-class", "client-classes")
_POOLS: Mapping[str, Kind] = {"pools": POOL, "pd-pools": PD_POOL}
_OF_RANGE = ("pool", "prefix", "prefix-len", "excluded-prefix", "excluded-prefix-len")
_HOOK = "HA_"


@dataclass(frozen=True, slots=True)
class Pools:
    """A configuration with its pools changed, and in words which were divided, joined, and left for having classes of
    their own. It is the very same configuration where nothing was to be done.
    """

    config: Object = field(repr=False)
    divided: tuple[str, ...] = ()
    joined: tuple[str, ...] = ()
    classed: tuple[str, ...] = ()


# ------------------------------------------------------------------------------------------------ dividing


def divided(config: Object, service: Service, names: Guard, version: str) -> Pools:
    """Return a configuration (what stands under Dhcp4 or Dhcp6) whose pools each are one peer's.

    What is guarded already stays: pools, and all in a subnet or shared network that is. Halves of ours that have lost
    their guard are joined first. A class of a peer's own is one whose test asks for membership in HA_<peer>.
    """
    peers = _classes_of_peers(config, names)
    told: dict[str, list[str]] = {"divided": [], "classed": []}

    def edit(subnet: Object, key: str, holders: Sequence[Object]) -> list[Object]:
        pools = list(subnet[key])
        if any(not peers.isdisjoint(classes(holder)) for holder in holders):
            return pools
        found: list[Object] = []
        for pool in _joined(pools, key, lambda half: peers.isdisjoint(classes(half))):
            if not peers.isdisjoint(classes(pool)):
                found.append(pool)
            elif classes(pool):
                told["classed"].append(_name(pool, key, subnet))
                found.append(pool)
            else:
                told["divided"].append(_name(pool, key, subnet))
                found += _halves(pool, key, names, version)
        return found

    return Pools(_edited(config, service, edit), **{key: tuple(value) for key, value in told.items()})


def _halves(pool: Object, key: str, names: Guard, version: str) -> list[Object]:
    """Return a pool as the primary's and the other's part; of a single address or prefix there is the former only."""
    mark = {each: pool[each] for each in _OF_RANGE if each in pool}
    context = {**(pool.get("user-context") or {}), STAMP_KEY: {MARK: mark}}
    plain = {each: value for each, value in pool.items() if each not in CLASS_KEYS}
    parts = _prefixes(pool) if key == "pd-pools" else _ranges(pool)
    return [
        {**plain, **part, **_guard(f"{_HOOK}{name}", version), "user-context": context}
        for part, name in zip(parts, names, strict=False)
    ]


def _guard(name: str, version: str) -> dict[str, Any]:
    """Return what asks for one class; from Kea 2.7.5 on a list (see `parameters`)."""
    return {"client-classes": [name]} if parse_version(version) >= (2, 7, 5) else {"client-class": name}


def _ranges(pool: Object) -> list[dict[str, Any]]:
    first, last = ends(pool["pool"])
    size = int(last) - int(first) + 1
    if size == 1:
        return [{"pool": _text(first, last)}]
    middle = first + (size + 1) // 2
    return [{"pool": _text(first, middle - 1)}, {"pool": _text(middle, last)}]


def _prefixes(pool: Object) -> list[dict[str, Any]]:
    length = int(pool["prefix-len"])
    if length >= int(pool["delegated-len"]):
        return [{}]
    first, second = ip_network(f"{pool['prefix']}/{length}", strict=False).subnets()
    parts = [{"prefix": str(each.network_address), "prefix-len": length + 1} for each in (first, second)]
    if int(pool.get("excluded-prefix-len") or 0):  # lies at the same place in each delegated prefix
        distance = int(second.network_address) - int(first.network_address)
        parts[1]["excluded-prefix"] = str(ip_address(pool["excluded-prefix"]) + distance)
    return parts


def ends(pool: str) -> tuple[Address, Address]:
    """Return the first and the last address of a pool of either notation; raises ValueError for anything else."""
    if "/" in pool:
        network = ip_network(pool.replace(" ", ""), strict=False)
        return network[0], network[-1]
    first, last = (ip_address(end.strip()) for end in pool.split("-"))
    if int(first) > int(last):
        raise ValueError(f"{pool} ends before it begins")
    return first, last


def _text(first: Address, last: Address) -> str:
    size = int(last) - int(first) + 1
    is_prefix = size & (size - 1) == 0 and int(first) % size == 0
    return f"{first}/{first.max_prefixlen - size.bit_length() + 1}" if is_prefix else f"{first}-{last}"


# ------------------------------------------------------------------------------------------------- joining


def joined(config: Object, service: Service) -> Pools:
    """Return a configuration in which what we divided is one pool again, without a guard.

    Halves that were changed by hand since stay as they are but for guard and mark, so that nothing gets lost.
    """
    told: list[str] = []

    def edit(subnet: Object, key: str, _: Sequence[Object]) -> list[Object]:
        pools = list(subnet[key])
        told.extend(dict.fromkeys(_was(mark, key, subnet) for pool in pools if (mark := mark_of(pool)) is not None))
        return _joined(pools, key, lambda _: True)

    return Pools(_edited(config, service, edit), joined=tuple(told))


def mark_of(pool: Object) -> Object | None:
    """Return what our mark on a pool says that it was part of, None without one."""
    context = pool.get("user-context")
    ours = context.get(STAMP_KEY) if isinstance(context, Mapping) else None
    mark = ours.get(MARK) if isinstance(ours, Mapping) else None
    return mark if isinstance(mark, Mapping) else None


def are_divided_by_us(config: Object, service: Service) -> bool:
    """Whether a configuration has any pool that we divided."""
    return any(mark_of(pool) is not None for subnet, key, _ in _places(config, service) for pool in subnet[key])


def _joined(pools: list[Object], key: str, concerns: Callable[[Object], bool]) -> list[Object]:
    """Return a list of pools in which those that we made of one, any of which is concerned, are that one again."""
    groups: dict[str, list[Object]] = {}
    for pool in pools:
        mark = mark_of(pool)
        if mark is not None:
            groups.setdefault(repr(sorted(mark.items())), []).append(pool)
    replaced: dict[int, list[Object]] = {}
    for members in groups.values():
        if any(concerns(member) for member in members):
            replaced |= {id(member): [] for member in members}
            replaced[id(members[0])] = _one_of(members, key)
    return [each for pool in pools for each in replaced.get(id(pool), [pool])]


def _one_of(members: list[Object], key: str) -> list[Object]:
    mark = dict(mark_of(members[0]) or {})
    plain = [_plain(member) for member in members]
    whole = {**{each: value for each, value in plain[0].items() if each not in _OF_RANGE}, **mark}
    rest = [{each: value for each, value in member.items() if each not in _OF_RANGE} for member in plain]
    if any(each != rest[0] for each in rest) or not _are_whole(members, mark, key):
        return list(plain)
    return [{each: whole[each] for each in (*mark, *whole)}]


def _are_whole(members: list[Object], mark: Object, key: str) -> bool:
    """Whether these are all the parts of a pool, as we made them."""
    try:
        parts = _prefixes({**members[0], **mark}) if key == "pd-pools" else _ranges(mark)
        made = [{**mark, **part} for part in parts]
        found = [{each: member[each] for each in _OF_RANGE if each in member} for member in members]
        return sorted(map(_extent, made)) == sorted(map(_extent, found))
    except (KeyError, TypeError, ValueError):
        return False  # the mark was changed by hand


def _extent(part: Object) -> tuple[str, ...]:
    pool = part.get("pool")
    own = map(str, ends(pool)) if pool is not None else ()
    return (*own, *(str(part.get(each)) for each in _OF_RANGE[1:]))


def _plain(pool: Object) -> Object:
    """Return a half of ours without our mark and without the guard."""
    context = {key: value for key, value in pool["user-context"].items() if key != STAMP_KEY}
    rest = {key: value for key, value in pool.items() if key not in (*CLASS_KEYS, "user-context")}
    own = [name for name in classes(pool) if not name.startswith(_HOOK)]
    kept = {key: pool[key] for key in CLASS_KEYS if own and key in pool}
    return {**rest, **kept, **({"user-context": context} if context else {})}


# ------------------------------------------------------------------------------------- guards by hand too


def without_guards(config: Object, service: Service, names: Collection[str]) -> Pools:
    """Return a configuration in which what we divided is joined, and no network, subnet or pool asks for HA_<peer> of
    these peers any more. Without the hook nobody is put into such a class, in hot-standby nobody into that of the
    standby: what asks for it serves nobody.
    """
    found = joined(config, service)
    guards = {f"{_HOOK}{name}" for name in names}
    told: list[str] = []

    def freed(item: Object) -> Object:
        if guards.isdisjoint(classes(item)):
            return item
        left = [name for name in classes(item) if name not in guards]
        rest = {key: value for key, value in item.items() if key not in CLASS_KEYS}
        if not left:
            return rest
        return {**rest, "client-class": left[0]} if "client-class" in item else {**rest, "client-classes": left}

    def edit(subnet: Object, key: str, _: Sequence[Object]) -> list[Object]:
        told.extend(_name(pool, key, subnet) for pool in subnet[key] if not guards.isdisjoint(classes(pool)))
        return [freed(pool) for pool in subnet[key]]

    def edit_holder(holder: Object) -> Object:
        changed = freed(holder)
        if changed is not holder:
            told.append(f"subnet {holder['subnet']}" if "subnet" in holder else f"shared-network {holder.get('name')}")
        return changed

    changed = _edited(found.config, service, edit, edit_holder)
    return Pools(changed, joined=(*found.joined, *told))


def renamed(config: Object, service: Service, names: Mapping[str, str]) -> Object:
    """Return a configuration that asks for the classes of the peers' new names, by the old ones, in every guard and in
    every class's test.
    """
    if not names:
        return config
    guards = {f"{_HOOK}{old}": f"{_HOOK}{new}" for old, new in names.items()}

    def replaced(item: Object) -> Object:
        if guards.keys().isdisjoint(classes(item)):
            return item
        own = {key: item[key] for key in CLASS_KEYS if item.get(key)}
        return {
            **item,
            **{
                key: guards.get(value, value) if isinstance(value, str) else [guards.get(each, each) for each in value]
                for key, value in own.items()
            },
        }

    def edit(subnet: Object, key: str, _: Sequence[Object]) -> list[Object]:
        return [replaced(pool) for pool in subnet[key]]

    changed = _edited(config, service, edit, replaced)
    own = changed.get("client-classes") or []
    tested = [_with_test(each, guards) for each in own]
    return changed if _is_same(own, tested) else {**changed, "client-classes": tested}


def _with_test(item: Object, guards: Mapping[str, str]) -> Object:
    test = str(item.get("test") or "")
    found = test
    for old, new in guards.items():
        found = found.replace(f"member('{old}')", f"member('{new}')")
    return item if found == test else {**item, "test": found}


# ------------------------------------------------------------------------------------------------- reading


def classes(item: Object) -> tuple[str, ...]:
    """Return the classes that a network, subnet or pool asks for, in either version's words."""
    one, several = (item.get(key) for key in CLASS_KEYS)
    return (*([str(one)] if one else []), *map(str, several if isinstance(several, list) else ()))


def are_guarded(config: Object, service: Service, names: Guard) -> bool:
    """Whether every pool, or what it is in, asks for a class of one of the peers."""
    peers = _classes_of_peers(config, names)
    return all(
        any(not peers.isdisjoint(classes(each)) for each in (*holders, pool))
        for subnet, key, holders in _places(config, service)
        for pool in subnet[key]
    )


def _classes_of_peers(config: Object, names: Guard) -> set[str]:
    """Return HA_<peer> of the peers, and the classes whose tests ask for membership in one of those."""
    own = {f"{_HOOK}{name}" for name in names}
    members = [f"member('{name}')" for name in own]
    return own | {
        str(each.get("name"))
        for each in config.get("client-classes") or ()
        if any(member in str(each.get("test") or "") for member in members)
    }


def _name(pool: Object, key: str, subnet: Object) -> str:
    return f"{_POOLS[key].name} {_POOLS[key].key(pool)} of subnet {SUBNET.key(subnet)}"


def _was(mark: Object, key: str, subnet: Object) -> str:
    length = next((each.get("delegated-len") for each in subnet[key] if mark_of(each) == mark), None)
    return _name({"delegated-len": length, **mark}, key, subnet)


# ------------------------------------------------------------------------------------------- every subnet


def _places(config: Object, service: Service) -> Iterator[tuple[Object, str, tuple[Object, ...]]]:
    """Yield every subnet with a key under which it has pools, and what they are in: the subnet, and its network."""
    for holder in (config, *(config.get("shared-networks") or ())):
        around = () if holder is config else (holder,)
        for subnet in holder.get(service.subnets) or ():
            yield from ((subnet, key, (*around, subnet)) for key in _POOLS if subnet.get(key))


def _edited(
    config: Object,
    service: Service,
    edit: Callable[[Object, str, Sequence[Object]], list[Object]],
    edit_holder: Callable[[Object], Object] = lambda holder: holder,
) -> Object:
    """Return a configuration with every list of pools as `edit` returns it, and every subnet and network as
    `edit_holder` does; what stays the same is shared, and so is the whole.
    """

    def subnet_of(subnet: Object, around: tuple[Object, ...]) -> Object:
        changed = edit_holder(subnet)
        for key in _POOLS:
            if subnet.get(key):
                pools = edit(subnet, key, (*around, subnet))
                changed = changed if _is_same(subnet[key], pools) else {**changed, key: pools}
        return changed

    def holder_of(holder: Object, around: tuple[Object, ...]) -> Object:
        subnets = holder.get(service.subnets) or []
        found = [subnet_of(subnet, around) for subnet in subnets]
        return holder if _is_same(subnets, found) else {**holder, service.subnets: found}

    changed = holder_of(config, ())
    networks = config.get("shared-networks") or []
    found = [holder_of(edit_holder(network), (network,)) for network in networks]
    return changed if _is_same(networks, found) else {**changed, "shared-networks": found}


def _is_same(before: Sequence[Object], after: Sequence[Object]) -> bool:
    return len(before) == len(after) and all(one is other for one, other in zip(before, after, strict=True))
