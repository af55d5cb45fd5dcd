"""The objects of a Kea configuration that have an identity, and how to tell one from another.

A configuration is a tree of maps and lists. In most lists order has no meaning and the members have a natural
key: a subnet its prefix, a reservation its identifier. This table says which, and where such lists stand, so that
comparing, fingerprinting and merging need no knowledge of their own. Lists that are not named here (interfaces,
identifiers, plain strings) are values and are compared whole.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Object = Mapping[str, Any]

# The identifiers of a reservation, in the order in which Kea looks for them by default.
IDENTIFIERS = ("hw-address", "duid", "circuit-id", "client-id", "flex-id")


def _subnet_key(item: Object) -> str:
    return str(item.get("subnet", ""))


def _name_key(item: Object) -> str:
    return str(item.get("name", ""))


def _pool_key(item: Object) -> str:
    return str(item.get("pool", "")).replace(" ", "")


def _pd_pool_key(item: Object) -> str:
    return f"{item.get('prefix')}/{item.get('prefix-len')} delegated {item.get('delegated-len')}"


def _reservation_key(item: Object) -> str:
    for identifier in IDENTIFIERS:
        if identifier in item:
            return f"{identifier} {item[identifier]}"
    return "without identifier"


_OWN_SPACES = frozenset({"", "dhcp4", "dhcp6"})  # without a space Kea takes the service's own


def _option_key(item: Object) -> str:
    name = item.get("name") or f"code {item.get('code')}"
    space = str(item.get("space", ""))
    return str(name) if space in _OWN_SPACES else f"{space}.{name}"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of object: what people call it, how its members are told apart, which lists of objects it holds
    (by their key), and whether the order of such a list has a meaning.
    """

    name: str
    key: Callable[[Object], str]
    children: Mapping[str, Kind] = field(default_factory=dict)
    is_ordered: bool = False


OPTION = Kind("option", _option_key)
OPTION_DEFINITION = Kind("option-def", _option_key)
POOL = Kind("pool", _pool_key, {"option-data": OPTION})
PD_POOL = Kind("pd-pool", _pd_pool_key, {"option-data": OPTION})
RESERVATION = Kind("reservation", _reservation_key, {"option-data": OPTION})
SUBNET = Kind(
    "subnet",
    _subnet_key,
    {"pools": POOL, "pd-pools": PD_POOL, "reservations": RESERVATION, "option-data": OPTION},
)
SHARED_NETWORK = Kind("shared-network", _name_key, {"option-data": OPTION, "subnet4": SUBNET, "subnet6": SUBNET})
# Kea evaluates classes in the order of the list, and a later one may ask for membership in an earlier one.
CLIENT_CLASS = Kind(
    "client-class", _name_key, {"option-data": OPTION, "option-def": OPTION_DEFINITION}, is_ordered=True
)

# The lists of objects directly below Dhcp4 or Dhcp6. The subnets of shared networks stand inside their network in
# Kea's tree; `subnets_of` brings all subnets together, since a prefix is unique on a server wherever it stands.
TOP: Mapping[str, Kind] = {
    "option-def": OPTION_DEFINITION,
    "option-data": OPTION,
    "client-classes": CLIENT_CLASS,
    "shared-networks": SHARED_NETWORK,
    "subnet4": SUBNET,
    "subnet6": SUBNET,
    "reservations": RESERVATION,
}

# Every list of objects by its key, wherever it stands.
CHILDREN: Mapping[str, Kind] = {
    **TOP,
    **{key: child for kind in TOP.values() for key, child in kind.children.items()},
}


def index(items: list[Any] | None, kind: Kind) -> dict[str, Object]:
    """Return the members of a list by their key, in the order of the list.

    Members with the same key (an option given twice for different classes) get an ordinal, so that none is lost.
    """
    found: dict[str, Object] = {}
    for item in items or ():
        key = kind.key(item)
        if key in found:
            ordinal = 2
            while f"{key} #{ordinal}" in found:
                ordinal += 1
            key = f"{key} #{ordinal}"
        found[key] = item
    return found


def subnets_of(config: Object, subnets: str) -> dict[str, tuple[str | None, Object]]:
    """Return every subnet of a configuration by prefix, with the name of its shared network or None.

    `subnets` is the key of the list, `subnet4` or `subnet6`.
    """
    found: dict[str, tuple[str | None, Object]] = {
        prefix: (None, subnet) for prefix, subnet in index(config.get(subnets), SUBNET).items()
    }
    for network in config.get("shared-networks") or ():
        name = network.get("name")
        for prefix, subnet in index(network.get(subnets), SUBNET).items():
            found[prefix] = (name, subnet)
    return found


def count_reservations(config: Object, subnets: str) -> int:
    """Return how many reservations a configuration holds, global ones included."""
    inside = sum(len(subnet.get("reservations") or ()) for _, subnet in subnets_of(config, subnets).values())
    return inside + len(config.get("reservations") or ())
