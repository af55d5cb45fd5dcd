"""Pools of addresses and of delegated prefixes."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.simulator.configuration import ddns, keywords, options
from reconciler.simulator.configuration.addresses import Address, address, of_family
from reconciler.simulator.configuration.names import guards
from reconciler.simulator.configuration.refusal import RefusedError, at
from reconciler.simulator.releases import Release

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.model import Json
    from reconciler.simulator.configuration.context import Reading, Shown

_BITS = {4: 32, 6: 128}


@dataclass(slots=True)
class Pool:
    """One pool: its first and last address as numbers, and what config-get shows."""

    first: int
    last: int
    shown: Shown


def parse(reading: Reading, value: Json, subnet: ipaddress.IPv4Interface | ipaddress.IPv6Interface) -> list[Shown]:
    """The pools of a subnet as config-get shows them, in the order of their addresses."""
    pools = [_pool(reading, item) for item in keywords.as_list(value)]
    network = subnet.network
    low, high = int(network.network_address), int(network.broadcast_address)
    kind = "V4" if reading.is_v4 else "IA_NA"
    for pool in pools:
        if pool.first < low or pool.last > high:
            raise _clash(reading, pool, kind, "does not match the prefix of a subnet:", subnet)
    return _in_order(reading, pools, kind, subnet)


def parse_delegated(
    reading: Reading, value: Json, subnet: ipaddress.IPv4Interface | ipaddress.IPv6Interface
) -> list[Shown]:
    """The pd-pools of a DHCPv6 subnet as config-get shows them."""
    pools = [_delegated(reading, item) for item in keywords.as_list(value)]
    return _in_order(reading, pools, "IA_PD", subnet)


def _in_order(
    reading: Reading, pools: Sequence[Pool], kind: str, subnet: ipaddress.IPv4Interface | ipaddress.IPv6Interface
) -> list[Shown]:
    taken: list[Pool] = []
    for pool in pools:
        if any(pool.first <= other.last and other.first <= pool.last for other in taken):
            raise _clash(reading, pool, kind, "overlaps with an existing pool in the subnet:", subnet)
        taken.append(pool)
    return [pool.shown for pool in sorted(taken, key=lambda pool: pool.first)]


def _clash(
    reading: Reading,
    pool: Pool,
    kind: str,
    how: str,
    subnet: ipaddress.IPv4Interface | ipaddress.IPv6Interface,
) -> RefusedError:
    ends = f"{_printed(reading, pool.first)}-{_printed(reading, pool.last)}"
    text = f"a pool of type {kind}, with the following address range: {ends} {how} {subnet} to which it is being added"
    return at(f"subnet configuration failed: {text}")


def _printed(reading: Reading, number: int) -> str:
    return str(ipaddress.IPv4Address(number) if reading.is_v4 else ipaddress.IPv6Address(number))


def _pool(reading: Reading, value: Json) -> Pool:
    keywords.check(reading, "pool", value)
    if "pool" not in value:
        raise at("Mandatory 'pool' entry missing in definition:")
    first, last = _ends(reading, value["pool"])
    shown: Shown = {"pool": _range(reading, first, last)}
    return Pool(first, last, shown | _common(reading, value))


def _ends(reading: Reading, text: str) -> tuple[int, int]:
    """First and last address of `a-b` or `prefix/length`; before 2.6 bits behind a prefix's length are kept."""
    bits = _BITS[reading.version]
    plain = text.replace(" ", "").replace("\t", "")
    for mark in "/-":
        left, found, right = plain.partition(mark)
        if found:
            break
    else:
        formats = "There are two acceptable formats <min address-max address> or <prefix/len>"
        raise at(f"invalid pool definition: {text}. {formats}")
    try:
        start, end = address(left), int(right) if mark == "/" else address(right)
    except (RefusedError, ValueError):
        raise at(f"Failed to parse pool definition: {text}") from None
    if isinstance(end, int):
        if start.version != reading.version or not 0 < end <= bits:
            raise at(f"Failed to create pool defined by: {text}")
        size = 2 ** (bits - end)
        if reading.release >= Release.KEA_2_6 and int(start) % size:
            raise at(f"Failed to create pool defined by: {text}")
        return int(start), int(start) | (size - 1)
    return _checked(reading, text, start, end)


def _checked(reading: Reading, text: str, start: Address, end: Address) -> tuple[int, int]:
    if start.version != reading.version or end.version != reading.version or int(end) < int(start):
        raise at(f"Failed to create pool defined by: {text}")
    return int(start), int(end)


def _range(reading: Reading, first: int, last: int) -> str:
    """As a prefix where it is exactly one, else as both ends."""
    size = last - first + 1
    if size & (size - 1) == 0 and first % size == 0:
        return f"{_printed(reading, first)}/{_BITS[reading.version] - size.bit_length() + 1}"
    return f"{_printed(reading, first)}-{_printed(reading, last)}"


def _common(reading: Reading, value: dict[str, Json]) -> Shown:
    shown: Shown = {"option-data": options.parse(reading, value.get("option-data", []))}
    shown |= guards(reading, value) | _number(value)
    shown |= {key: value[key] for key in value if key.startswith(("ddns-", "hostname-char-"))} | ddns.times(value)
    ddns.check_replacement(shown)
    ddns.check_characters(shown)
    if "user-context" in value:
        shown["user-context"] = value["user-context"]
    return shown


def _number(value: dict[str, Json]) -> Shown:
    if "pool-id" not in value:
        return {}
    number = value["pool-id"]
    if number <= 0:
        raise RefusedError(f"pool-id {number} is not a positive integer greater than 0")
    if number >= 2**32:
        raise RefusedError(f"pool-id {number} is not a 32 bit unsigned integer")
    return {"pool-id": number}


def _delegated(reading: Reading, value: Json) -> Pool:
    keywords.check(reading, "pd-pool", value)
    for key in ("prefix", "prefix-len", "delegated-len"):
        if key not in value:
            raise at(f"missing parameter '{key}'")
    try:
        prefix = address(value["prefix"])
    except RefusedError as refusal:
        raise at(str(refusal)) from None
    length, delegated = value["prefix-len"], value["delegated-len"]
    if prefix.version != 6:
        raise at("Invalid Pool6 address boundaries: not IPv6")
    if not 0 < length <= _BITS[6]:
        raise at(f"Invalid prefix length: {length}")
    if delegated < length:
        raise at(f"Delegated length ({delegated}) must be longer than or equal to prefix length ({length})")
    shown: Shown = {"prefix": str(prefix), "prefix-len": length, "delegated-len": delegated}
    first, size = int(prefix), 2 ** (_BITS[6] - length)
    if reading.release >= Release.KEA_2_6 and first % size:
        whole = ipaddress.ip_network((first - first % size, length))
        raise at(f"Invalid Pool6 address boundaries: {prefix} is not the first address in prefix: {whole}")
    shown |= _excluded(reading, value, prefix, delegated)
    return Pool(first, first | (size - 1), shown | _common(reading, value))


def _excluded(reading: Reading, value: dict[str, Json], prefix: Address, delegated: int) -> Shown:
    text, length = value.get("excluded-prefix", "::"), value.get("excluded-prefix-len", 0)
    excluded = of_family(text, 6)
    if excluded is None or not (length or int(excluded)):
        return {}
    if not length:
        raise at(f"invalid excluded prefix {excluded}/0")
    if length <= delegated and reading.release >= Release.KEA_2_6:
        limit = f"must be longer than the delegated prefix length ({delegated})"
        raise at(f"Excluded prefix ({length}) {limit}")
    if length <= delegated:
        whole = f"{excluded}/{length} must be greater than the length of the delegated prefix {prefix}/{delegated}"
        raise at(f"length of the excluded prefix {whole}")
    shift = _BITS[6] - delegated
    if int(excluded) >> shift != int(prefix) >> shift:
        same = f"must have the same common prefix part of {delegated} as the delegated prefix {prefix}/{delegated}"
        raise at(f"excluded prefix {excluded}/{length} {same}")
    kept = int(excluded) >> (_BITS[6] - length) << (_BITS[6] - length)
    return {"excluded-prefix": _printed(reading, kept), "excluded-prefix-len": length}
