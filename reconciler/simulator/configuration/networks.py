"""Subnets and shared networks."""

from __future__ import annotations

import contextlib
import ipaddress
from typing import TYPE_CHECKING

from reconciler.simulator.configuration import keywords, pools, reservations
from reconciler.simulator.configuration.addresses import address
from reconciler.simulator.configuration.network_parameters import check_timers, common
from reconciler.simulator.configuration.refusal import PLACE, RefusedError, at
from reconciler.simulator.releases import Release

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from reconciler.model import Json
    from reconciler.simulator.configuration.context import Reading, Shown

INHERITED = [
    "rebind-timer",
    "relay",
    "renew-timer",
    "valid-lifetime",
    "min-valid-lifetime",
    "max-valid-lifetime",
    "calculate-tee-times",
    "t1-percent",
    "t2-percent",
    "store-extended-info",
    "cache-threshold",
    "cache-max-age",
    "allocator",
    "offer-lifetime",
]
INHERITED6 = ("pd-allocator", "preferred-lifetime", "min-preferred-lifetime", "max-preferred-lifetime")
"""What a shared network takes from the globals and a subnet from what it lies in, unless given (DHCPv6: these too)."""

_ID_LIMIT = 2**32 - 1


def inherit(reading: Reading, outer: Mapping[str, Json], inner: Mapping[str, Json]) -> dict[str, Json]:
    """`inner` with what it takes from what it lies in."""
    keys = INHERITED if reading.is_v4 else [*INHERITED, *INHERITED6]
    return {key: outer[key] for key in keys if key in outer} | dict(inner)


def parse_subnets(reading: Reading, value: Json, outer: Mapping[str, Json], *, is_shared: bool = False) -> list[Shown]:
    """A list of subnets as config-get shows it, by id."""
    shown = []
    for item in keywords.as_list(value):
        subnet = _subnet(reading, inherit(reading, outer, keywords.as_object(item)), is_shared=is_shared)
        if subnet["id"] in reading.ids:
            raise at(f"ID of the new IPv{reading.version} subnet '{subnet['id']}' is already in use")
        if subnet["subnet"] in reading.prefixes:
            raise at(f"subnet with the prefix of '{subnet['subnet']}' already exists")
        reading.ids.add(subnet["id"])
        reading.prefixes.add(subnet["subnet"])
        shown.append(subnet)
    return sorted(shown, key=lambda subnet: int(subnet["id"]))


def parse_shared(reading: Reading, value: Json, outer: Mapping[str, Json]) -> list[Shown]:
    """The shared networks as config-get shows them, by name."""
    shown: dict[str, Shown] = {}
    for item in keywords.as_list(value):
        network = _shared(reading, inherit(reading, outer, keywords.as_object(item)))
        if network["name"] in shown:
            raise at(f"duplicate network '{network['name']}' found in the configuration")
        shown[network["name"]] = network
    return [shown[name] for name in sorted(shown)]


def _shared(reading: Reading, value: dict[str, Json]) -> Shown:
    try:
        shown = _network(reading, value)
    except RefusedError as refusal:
        is_plain = reading.is_v4 and reading.release < Release.KEA_3_0
        raise refusal if is_plain else at(str(refusal)) from None
    if not shown["name"]:
        inside = " ".join(subnet["subnet"] for subnet in shown[reading.service.subnets])
        raise RefusedError(f"Shared-network with subnets {inside} is missing mandatory 'name' parameter")
    _check_agreement(reading, value, shown[reading.service.subnets])
    return shown


def _network(reading: Reading, value: dict[str, Json]) -> Shown:
    keywords.check(reading, "network", value)
    if "name" not in value:
        raise at("missing parameter 'name'")
    check_timers(reading, value)
    key = reading.service.subnets
    subnets = parse_subnets(reading, value.get(key, []), value, is_shared=True)
    shown = common(reading, value, f"shared network {value['name']}")
    shown |= {"name": value["name"], key: subnets}
    if not reading.is_v4:
        shown["rapid-commit"] = value.get("rapid-commit", False)
    return shown


def _check_agreement(reading: Reading, value: Mapping[str, Json], subnets: list[Shown]) -> None:
    """What Kea wants to be the same in a whole shared network."""
    if reading.is_v4:
        _check_authoritative(value.get("authoritative", False), subnets)
        return
    seen = value.get("rapid-commit")
    for subnet in subnets:
        own = subnet.get("rapid-commit", seen)
        if seen is not None and own != seen:
            what = f"Subnet {subnet['subnet']} has specified rapid-commit {str(own).lower()}, but earlier subnet"
            rest = f"in the same shared-network or the shared-network itself used rapid-commit {str(seen).lower()}"
            raise RefusedError(f"All subnets in a shared network must have the same rapid-commit value. {what} {rest}")
        seen = own


def _check_authoritative(whole: Json, subnets: list[Shown]) -> None:
    for subnet in subnets:
        own = subnet.get("authoritative", whole)
        if own != whole:
            setting = f"{str(own).lower()} than the shared-network itself: {str(whole).lower()}"
            raise RefusedError(f"Subnet {subnet['subnet']} has different authoritative setting {setting}")


def _subnet(reading: Reading, value: dict[str, Json], *, is_shared: bool) -> Shown:
    if "subnet" not in value:
        reason = "mandatory 'subnet' parameter is missing for a subnet being configured"
        raise at(f"subnet configuration failed: {reason}")
    keywords.check(reading, "subnet", value)
    with _failing():
        prefix = _prefix(reading, value["subnet"])
        number = _id(reading, value)
    shown = common(reading, value, f"subnet {prefix}", _failing)
    shown |= {"subnet": str(prefix), "id": number}
    if reading.is_v4:
        with _failing():
            shown |= _over6(value)
    else:
        shown["pd-pools"] = pools.parse_delegated(reading, value.get("pd-pools", []), prefix)
        if "rapid-commit" in value or not is_shared:
            shown["rapid-commit"] = value.get("rapid-commit", False)
    shown["pools"] = pools.parse(reading, value.get("pools", []), prefix)
    inside = value.get("reservations", [])
    shown["reservations"] = reservations.parse(reading, inside, number, prefix.network)
    return shown


@contextlib.contextmanager
def _failing() -> Iterator[None]:
    """What goes wrong in a subnet's own parameters is said with these words before it."""
    try:
        yield
    except RefusedError as refusal:
        raise RefusedError(f"subnet configuration failed: {refusal}") from None


def _prefix(reading: Reading, text: str) -> ipaddress.IPv4Interface | ipaddress.IPv6Interface:
    first, slash, length = (part.strip() for part in text.partition("/"))
    if not slash:
        raise RefusedError(f"Invalid subnet syntax (prefix/len expected):{text} {PLACE}")
    found = address(first)
    if not length.isdigit():
        raise at(f"prefix length: '{length}' is not an integer")
    if found.version != reading.version:
        raise RefusedError(f"Non IPv{reading.version} prefix {found} specified in {reading.service.subnets}")
    if int(length) > found.max_prefixlen:
        raise at(f"Invalid prefix length specified for subnet: {length}")
    return ipaddress.ip_interface((found, int(length)))


def _id(reading: Reading, value: Mapping[str, Json]) -> int:
    """Its own, which it must have since 2.6, or before that also the next one that is free."""
    lowest = 0 if reading.release < Release.KEA_2_6 else 1
    if lowest and "id" not in value:
        raise at("missing parameter 'id'")
    wanted = value.get("id", 0)
    if not lowest <= wanted < _ID_LIMIT:
        raise RefusedError(f"The 'id' value ({wanted}) is not within expected range: ({lowest} - {_ID_LIMIT - 1})")
    return reading.subnet_id(wanted)


def _over6(value: Mapping[str, Json]) -> Shown:
    prefix = value.get("4o6-subnet", "")
    if prefix and "/" not in prefix:
        raise RefusedError(f"Missing / in the 4o6-subnet parameter:{prefix}, expected format: prefix6/length")
    return {key: value.get(key, "") for key in ("4o6-interface", "4o6-interface-id", "4o6-subnet")}
