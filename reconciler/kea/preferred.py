"""DHCPv6's preferred-lifetime across Kea 2.3.8, which began to calculate it.

From then on it is 5/8 of the valid-lifetime where nobody set it, where it is 0, and where it is above the
valid-lifetime. Before, it is 3600 seconds where nobody set it, and goes to the client whatever the valid-lifetime is: a
client throws away an address that is preferred for longer than it is valid. Subnets and networks show what they
inherit, its limits included (config-get and clients' answers of 2.2.0, 2.6.3 and 3.0.3).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from reconciler.kea.parameters import CALCULATED_PREFERRED, OLD_PREFERRED
from reconciler.kea.versions import Version
from reconciler.model import Service

NAME, LOWEST, HIGHEST = "preferred-lifetime", "min-preferred-lifetime", "max-preferred-lifetime"
_ALL = (NAME, LOWEST, HIGHEST)
_VALID, _LOWEST_VALID = "valid-lifetime", "min-valid-lifetime"
_SUBNETS = Service.DHCP6.subnets

Object = Mapping[str, Any]


def differs(service: Service, source: Version, target: Version) -> bool:
    """Whether one of two versions calculates preferred lifetimes and the other doesn't."""
    return service is Service.DHCP6 and (source < CALCULATED_PREFERRED) is not (target < CALCULATED_PREFERRED)


def translate(part: Object, source: Version, target: Version, *, upgraded: bool) -> tuple[dict[str, Any], list[str]]:
    """Return a replicated part with every preferred lifetime as the target has to be told it, and the names of
    objects whose addresses are never preferred (0), which a version that calculates can't be told.

    With `upgraded` nobody chose what is not set: before the upgrade it meant 3600.
    """
    if source < target:
        return _up(part)
    told = _told_unless_set if upgraded else _told
    changed = _with_holders(part, told)
    classes = part.get("client-classes")
    if classes and not upgraded:
        given = [0 if _is_calculated(holder) else holder[NAME] for _, holder in _holders(part)]
        changed["client-classes"] = [_told_class(each, given) for each in classes]
    return changed, []


def _calculated(holder: Object) -> int:
    """Return what a server that calculates takes, but never more than the shortest valid lifetime it may give."""
    valid = int(holder.get(_VALID, 7200))
    return min(5 * valid // 8, int(holder.get(_LOWEST_VALID, valid)))


def _is_calculated(holder: Object) -> bool:
    """Whether a server that calculates does so for what is set here."""
    return not 0 < holder.get(NAME, 0) <= holder.get(_VALID, 7200)


def _told(holder: Object, names: Sequence[str]) -> Object:
    return {**holder, **dict.fromkeys(names, _calculated(holder))} if _is_calculated(holder) else holder


def _told_unless_set(holder: Object, names: Sequence[str]) -> Object:
    return holder if NAME in holder else {**holder, **dict.fromkeys(names, OLD_PREFERRED)}


def _told_class(item: Object, preferred: Sequence[int]) -> Object:
    """Tell a class with a valid-lifetime of its own the preferred one too, unless those of all subnets do for it.

    `preferred` are those of the subnets, 0 where they are calculated.
    """
    valid = item.get(_VALID)
    if not valid or (NAME in item and not _is_calculated(item)):
        return item
    if NAME not in item and all(0 < lifetime <= valid for lifetime in preferred):
        return item
    return {**item, NAME: _calculated(item)}


def _up(part: Object) -> tuple[dict[str, Any], list[str]]:
    """Leave to the target what is just what it calculates, so that it comes back as it was."""
    holders = list(_holders(part))
    lost = [where for where, holder in holders if holder.get(NAME) == 0]
    if not all(holder.get(name, _calculated(holder)) == _calculated(holder) for _, holder in holders for name in _ALL):
        return dict(part), lost
    changed = _with_holders(part, _stripped)
    if part.get("client-classes"):
        changed["client-classes"] = [
            _stripped(each) if each.get(_VALID) and each.get(NAME) == _calculated(each) else each
            for each in part["client-classes"]
        ]
    return changed, lost


def _stripped(holder: Object, _names: Sequence[str] = ()) -> Object:
    return {key: value for key, value in holder.items() if key not in _ALL}


def _holders(part: Object) -> Iterator[tuple[str, Object]]:
    """Yield what shows preferred lifetimes, by name: the global level, networks and subnets."""
    yield "the global level", part
    for network in part.get("shared-networks") or ():
        yield f"shared-network {network.get('name')}", network
    for holder in (part, *(part.get("shared-networks") or ())):
        for subnet in holder.get(_SUBNETS) or ():
            yield f"subnet {subnet.get('subnet')}", subnet


def _with_holders(part: Object, change: Callable[[Object, Sequence[str]], Object]) -> dict[str, Any]:
    """Return the part with all its holders changed; networks and subnets show the limits too, globals if set."""
    changed = dict(change(part, [NAME, *(name for name in (LOWEST, HIGHEST) if name in part)]))
    if changed.get("shared-networks"):
        changed["shared-networks"] = [
            _with_subnets(dict(change(network, _ALL)), change) for network in changed["shared-networks"]
        ]
    return _with_subnets(changed, change)


def _with_subnets(holder: dict[str, Any], change: Callable[[Object, Sequence[str]], Object]) -> dict[str, Any]:
    if holder.get(_SUBNETS):
        holder[_SUBNETS] = [change(subnet, _ALL) for subnet in holder[_SUBNETS]]
    return holder
