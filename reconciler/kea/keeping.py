"""Data that follow the authority, but for some objects that stay as a server has them: pure.

An object is kept as it is alone where what remains is a configuration that Kea takes and that means the same. Where
others depend on it (a definition, a class that comes or goes), or clash with it (an address or id that now is another
one's), it can't be told apart from them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from reconciler.kea.objects import CHILDREN, SHARED_NETWORK, SUBNET, TOP, Kind, Object, index, subnets_of
from reconciler.model import Service

ObjectPath = tuple[tuple[str, str], ...]
_NETWORKS = "shared-networks"
_POOLS = ("pool", "pd-pool")
_UNIQUE = "ip-reservations-unique"
_MEMBER = re.compile(r"\bmember\s*\(")
# What Kea wants to be the same for a shared network and all subnets in it.
_ALIKE = ("interface", "rapid-commit", "authoritative")
_LIFETIMES = frozenset(
    [
        *(f"{bound}{name}-lifetime" for name in ("valid", "preferred") for bound in ("", "min-", "max-")),
        *("renew-timer", "rebind-timer", "calculate-tee-times", "t1-percent", "t2-percent"),
    ]
)


def keeping(
    data: Mapping[str, Any], own: Mapping[str, Any], service: Service, paths: Iterable[ObjectPath]
) -> dict[str, Any] | str:
    """Return `data` with the objects at `paths` as `own` has them, or in words why they can't be kept alone.

    Both are replicated parts (see `locality`) in the words of one version, and `paths` those of changes from `own` to
    `data`. Of an object that both have its own parameters are kept, not what it holds; one that only `own` has stays
    whole, one that only `data` has doesn't come. The pools of a subnet of which one comes or goes are kept together,
    and so are lifetimes and timers at the top, and options beside one that is given twice. Nothing is altered in place.
    """
    kept = frozenset(paths)
    tied = next(filter(None, (_tied(path, data, own) for path in sorted(kept))), None)
    if tied is not None:
        return tied
    work = _Work(service, kept, frozenset(path[:length] for path in kept for length in range(len(path))))
    part = work.globals(data, own)
    tops = {path[0][0] for path in kept}
    for key, kind in TOP.items():
        if kind.name in tops and kind not in (SUBNET, SHARED_NETWORK):
            work.put(part, key, work.merged(data.get(key), own.get(key), kind, ()))
    if not tops.isdisjoint({SUBNET.name, SHARED_NETWORK.name}):
        homeless = work.put_subnets(part, data, own)
        if homeless is not None:
            return homeless
    return next(_clashes(part, data, own, work), None) or part


def _tied(path: ObjectPath, data: Mapping[str, Any], own: Mapping[str, Any]) -> str | None:
    """Return why an object can't be told apart from others by what it is."""
    kind, key = path[-1]
    if kind == "option-def":
        return f"options may need option-def {key}"
    if kind == "global" and key == _UNIQUE:
        return f"reservations go by {key}"
    if kind == "client-class":
        ours, theirs = (index(side.get("client-classes"), TOP["client-classes"]).get(key) for side in (own, data))
        if ours is None or theirs is None:
            return f"others may need client-class {key}, or the order of the classes"
        if any(_MEMBER.search(str(ours.get(name, ""))) for name in ("test", "template-test")):
            return f"client-class {key} needs others"
    return None


@dataclass(slots=True)
class _Work:
    """Putting kept objects into data. `parents` are the paths of what holds a kept object; `objects` are those kept."""

    service: Service
    paths: frozenset[ObjectPath]
    parents: Collection[ObjectPath]
    objects: list[Object] = field(default_factory=list)

    def globals(self, data: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
        """Return the data with the global parameters that are kept."""
        part = dict(data)
        names = {path[0][1] for path in self.paths if path[0][0] == "global"}
        for name in sorted(names | (_LIFETIMES if names & _LIFETIMES else frozenset())):
            if name in own:
                part[name] = own[name]
            else:
                part.pop(name, None)
        return part

    @staticmethod
    def put(holder: dict[str, Any], key: str, value: list[Any]) -> None:
        """Give an object a list, where there is something in it or it had one."""
        if value or key in holder:
            holder[key] = value

    def merged(self, theirs: Any, mine: Any, kind: Kind, inside: ObjectPath) -> list[Any]:
        """Return the members of a list: those of the authority, but for the kept ones."""
        old, new = index(mine, kind), index(theirs, kind)
        paths = {key: (*inside, (kind.name, key)) for key in (*new, *old)}
        kept = [key for key, path in paths.items() if path in self.paths]
        is_of_one = kind.name in _POOLS and any((key in old) != (key in new) for key in kept)
        if is_of_one or (kept and any(_has_twins(each, kind) for each in (old, new))):
            self.objects += old.values()
            return list(mine or ())
        found = [
            item if key not in old else self._object(item, old[key], kind, paths[key])
            for key, item in new.items()
            if key in old or paths[key] not in self.paths
        ]
        alone = [item for key, item in old.items() if key not in new and paths[key] in self.paths]
        self.objects += alone
        return [*found, *alone]

    def _object(self, theirs: Object, mine: Object, kind: Kind, path: ObjectPath) -> Object:
        if path not in self.paths and path not in self.parents:
            return theirs
        made = dict(theirs)
        if path in self.paths:
            ours = {key: value for key, value in mine.items() if key not in kind.children}
            self.objects.append(ours)
            made = {**ours, **{key: value for key, value in theirs.items() if key in kind.children}}
        for key, child in kind.children.items():
            if path in self.parents and child is not SUBNET:
                self.put(made, key, self.merged(theirs.get(key), mine.get(key), child, path))
        return made

    def put_subnets(self, part: dict[str, Any], data: Mapping[str, Any], own: Mapping[str, Any]) -> str | None:
        """Put shared networks and subnets in their places; in words which subnet has none."""
        key = self.service.subnets
        networks = index(self.merged(data.get(_NETWORKS), own.get(_NETWORKS), SHARED_NETWORK, ()), SHARED_NETWORK)
        places: dict[str | None, list[Any]] = {None: [], **{name: [] for name in networks}}
        for prefix, (place, subnet) in self._subnets(subnets_of(data, key), subnets_of(own, key)):
            if place not in places:
                return f"subnet {prefix} would have no shared-network {place}"
            places[place].append(subnet)
        self.put(part, key, places[None])
        told = []
        for name, network in networks.items():
            made = dict(network)
            self.put(made, key, places[name])
            told.append(made)
        self.put(part, _NETWORKS, told)
        return None

    def _subnets(
        self, theirs: Mapping[str, tuple[str | None, Object]], mine: Mapping[str, tuple[str | None, Object]]
    ) -> Iterator[tuple[str, tuple[str | None, Object]]]:
        for prefix, (place, subnet) in theirs.items():
            path = ((SUBNET.name, prefix),)
            if prefix in mine:
                where = mine[prefix][0] if path in self.paths else place
                yield prefix, (where, self._object(subnet, mine[prefix][1], SUBNET, path))
            elif path not in self.paths:
                yield prefix, (place, subnet)
        for prefix, found in mine.items():
            if prefix not in theirs and ((SUBNET.name, prefix),) in self.paths:
                self.objects.append(found[1])
                yield prefix, found


def _has_twins(found: Mapping[str, Object], kind: Kind) -> bool:
    """Whether members of a list have one key, and are told from each other by their order alone."""
    return any(kind.key(item) != key for key, item in found.items())


def _clashes(part: Mapping[str, Any], data: Mapping[str, Any], own: Mapping[str, Any], work: _Work) -> Iterator[str]:
    """Yield in words what of the data and the kept objects can't be together."""
    key = work.service.subnets
    if _definitions(data) != _definitions(own) and any(map(_has_options, work.objects)):
        yield "options that are kept may need other definitions of options"
    known = set(_doubles(data, key))
    yield from (each for each in _doubles(part, key) if each not in known)
    before = index(data.get(_NETWORKS), SHARED_NETWORK)
    for name, network in index(part.get(_NETWORKS), SHARED_NETWORK).items():
        if not _are_alike(network, key) and _are_alike(before.get(name, {}), key):
            yield f"the subnets of shared-network {name} would differ in {' or '.join(_ALIKE)}"


def _definitions(part: Mapping[str, Any]) -> dict[str, dict[str, Object]]:
    """Return the definitions of options, those of everybody and those of each class that has any."""
    holders = {"": part, **index(part.get("client-classes"), TOP["client-classes"])}
    return {
        name: index(each["option-def"], TOP["option-def"]) for name, each in holders.items() if each.get("option-def")
    }


def _has_options(item: Object) -> bool:
    """Whether an object is an option, or holds one."""
    if "data" in item or item.get("option-data"):
        return True
    inside = (each for key in CHILDREN if isinstance(item.get(key), list) for each in item[key])
    return any(_has_options(each) for each in inside if isinstance(each, Mapping))  # of classes there may be only names


def _doubles(part: Mapping[str, Any], key: str) -> Iterator[str]:
    """Yield in words which subnets have one id, and which reservations beside each other one address or prefix."""
    subnets = {prefix: subnet for prefix, (_, subnet) in subnets_of(part, key).items()}
    ids = Counter(subnet["id"] for subnet in subnets.values() if "id" in subnet)
    yield from (f"two subnets would have the id {each}" for each, times in ids.items() if times > 1)
    if part.get(_UNIQUE) is False:
        return
    for words, holder in {"no subnet": part, **subnets}.items():
        leased = Counter(each for item in holder.get("reservations") or () for each in _leased(item))
        yield from (f"two reservations in {words} would have {each}" for each, times in leased.items() if times > 1)


def _leased(reservation: Object) -> Iterator[str]:
    """Yield the addresses and prefixes of a reservation."""
    several = (reservation.get(name) or () for name in ("ip-addresses", "prefixes"))
    yield from filter(None, (reservation.get("ip-address"), *(value for values in several for value in values)))


def _are_alike(network: Object, key: str) -> bool:
    """Whether the subnets of a shared network go with each other, and with what the network itself says."""
    return all(len(_values(network, key, name)) < 2 for name in _ALIKE)


def _values(network: Object, key: str, name: str) -> set[Any]:
    """Return the values of a parameter in a shared network. What a subnet leaves out is the network's, and None what
    nobody says, or switched off.
    """
    whole = network.get(name)
    told = (each.get(name) for each in network.get(key) or ())
    found = {(whole if value in (None, "") else value) or None for value in told}
    return found | {whole} if whole else found
