"""Host reservations."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from reconciler.simulator.configuration import keywords, options, reserved_prefixes
from reconciler.simulator.configuration.addresses import Address, address, colons, octets
from reconciler.simulator.configuration.refusal import RefusedError, at
from reconciler.simulator.releases import Release

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from reconciler.model import Json
    from reconciler.simulator.configuration.context import Reading, Shown

_T = TypeVar("_T")
_KINDS = ("hw-address", "duid", "circuit-id", "client-id", "flex-id")
_LIMITS = {"server-hostname": ("server hostname", 63), "boot-file-name": ("boot file", 127)}
_LONGEST_2_2 = {"hw-address": 20, "duid": 128}
_LONGEST = {"hw-address": 20, "duid": 130, "flex-id": 128}
_SHORTEST_DUID = 3
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(slots=True)
class _Host:
    kind: str
    identifier: bytes
    resources: list[str] = field(default_factory=list)
    shown: Shown = field(default_factory=dict)

    @property
    def text(self) -> str:
        return colons(self.identifier)


def parse(reading: Reading, value: Json, subnet_id: int, network: Network | None) -> list[Shown]:
    """The reservations of one subnet (0 and None: the global ones) as config-get shows them, by identifier."""
    if not value and isinstance(value, list):
        return []
    hosts: dict[tuple[bytes, int], _Host] = {}
    taken: dict[str, _Host] = {}
    for item in keywords.as_list(value):
        host = _host(reading, item)
        if network is not None:
            _check_inside(reading, host, network)
        if reading.release >= Release.KEA_2_6:
            _check_shortest(host)
        _add(reading, host, subnet_id, hosts, taken)
    return [hosts[key].shown for key in sorted(hosts)]


def _add(
    reading: Reading, host: _Host, subnet_id: int, hosts: dict[tuple[bytes, int], _Host], taken: dict[str, _Host]
) -> None:
    family = f"IPv{reading.version} subnet id '{subnet_id}'"
    key = (host.identifier, _KINDS.index(host.kind))
    if key in hosts and host.kind in ("hw-address", "duid"):
        what = "HW address" if host.kind == "hw-address" else "DUID"
        why = "as this host has already been added"
        raise RefusedError(f"failed to add new host using the {what} '{host.text}' to the {family} {why}")
    if key in hosts and reading.is_v4:
        what = f"{host.kind}={host.identifier.hex().upper()}"
        raise RefusedError(f"failed to add duplicate IPv4 host using identifier: {what}")
    while key in hosts:  # kea-dhcp6 keeps two reservations for the same flex-id
        key = (key[0], key[1] + len(_KINDS))
    for resource in host.resources:
        if resource in taken and reading.addresses_are_unique:
            raise _clash(reading, host, resource, family)
        taken[resource] = host
    hosts[key] = host


def _clash(reading: Reading, host: _Host, resource: str, family: str) -> RefusedError:
    hardware = host.text if host.kind == "hw-address" else "(null)"
    duid = host.text if host.kind == "duid" else "(null)"
    who = f"host using the HW address '{hardware} and DUID '{duid}' to the {family}"
    if reading.is_v4:
        why = f"for the address {resource}: There's already a reservation for this address"
        return RefusedError(f"failed to add new {who} {why}")
    plain = resource.partition("/")[0]
    why = f"for address/prefix {plain}: There's already reservation for this address/prefix"
    return RefusedError(f"failed to add address reservation for {who} {why}")


def _host(reading: Reading, value: Json) -> _Host:
    known = keywords.known(reading, "reservation")
    for key in _as_map(value):
        if key not in known:
            raise at(f"unsupported configuration parameter '{key}'")
    kind, identifier = _identifier(reading, value)
    host = _Host(kind, identifier)
    text = host.text if kind in ("hw-address", "duid") else identifier.hex().upper()
    host.shown = {kind: text, "hostname": _text(value, "hostname"), "client-classes": _classes(value)}
    host.shown["option-data"] = options.parse(reading, value.get("option-data", []))
    if "user-context" in value:
        host.shown["user-context"] = value["user-context"]
    is_bare = _fill4(host, value) if reading.is_v4 else _fill6(reading, host, value)
    if (
        reading.release < Release.KEA_2_6
        and is_bare
        and not (host.shown["hostname"] or host.shown["client-classes"] or host.shown["option-data"])
    ):
        raise _empty(host)
    return host


def _identifier(reading: Reading, value: dict[str, Json]) -> tuple[str, bytes]:
    allowed = [kind for kind in _KINDS if kind in keywords.known(reading, "reservation")]
    given = [kind for kind in sorted(value) if kind in allowed]
    if not given:
        names = ", ".join(sorted(allowed))
        raise at(f"one of the supported identifiers must be specified for host reservation: {names}")
    if len(given) > 1:
        raise at(f"the '{given[1]}' and '{given[0]}' are mutually exclusive")
    text = _as_text(value[given[0]])
    if not text:
        raise at("empty host identifier used")
    found = octets(text)
    if not found:
        raise at(f"invalid host identifier value '{text}'")
    _check_longest(reading, given[0], len(found))
    return given[0], found


def _check_longest(reading: Reading, kind: str, length: int) -> None:
    is_old = reading.release < Release.KEA_2_6
    limit = (_LONGEST_2_2 if is_old else _LONGEST).get(kind, length)
    if length <= limit:
        return
    if not is_old:
        raise at(f"too long client identifier type {kind} length {length}")
    reasons = {"duid": f"DUID size is {length} bytes, exceeds maximum of {limit}"}
    raise RefusedError(reasons.get(kind, "address vector size exceeds MAX_HWADDR_LEN"))


def _check_shortest(host: _Host) -> None:
    length = len(host.identifier)
    if host.kind == "duid" and length < _SHORTEST_DUID:
        raise RefusedError(f"identifier is too short ({length}), at least {_SHORTEST_DUID} is required")


def _classes(value: dict[str, Json]) -> list[str]:
    names = [_as_text(name) for name in _as_list(value.get("client-classes", []))]
    return list(dict.fromkeys(names))


def _text(value: dict[str, Json], key: str) -> str:
    return _as_text(value.get(key, ""))


def _fill4(host: _Host, value: dict[str, Json]) -> bool:
    """The DHCPv4 half; whether it reserves nothing."""
    next_server = _address(value["next-server"]) if "next-server" in value else None
    host.shown["next-server"] = str(next_server or "0.0.0.0")  # noqa: S104 (Kea's mark for "none")
    for key, (what, limit) in _LIMITS.items():
        text = _text(value, key)
        if len(text) > limit:
            raise at(f"{what} length must not exceed {limit}")
        host.shown[key] = text
    if "ip-address" in value:
        reserved = _address(_as_text(value["ip-address"]))
        if reserved.version != 4:
            raise at(f"address '{reserved}' is not a valid IPv4 address")
        if int(reserved) in (0, 2**32 - 1):
            raise at(f"must not make reservation for the '{reserved}' address")
        host.shown["ip-address"] = str(reserved)
        host.resources.append(str(reserved))
    has_server = next_server is not None and int(next_server) != 0
    return not (host.resources or has_server or host.shown["server-hostname"] or host.shown["boot-file-name"])


def _fill6(reading: Reading, host: _Host, value: dict[str, Json]) -> bool:
    """The DHCPv6 half; whether it reserves nothing."""
    host.shown["ip-addresses"] = addresses = []
    host.shown["prefixes"] = prefixes = []
    for item in reserved_prefixes.items(reading, value.get("ip-addresses", [])):
        found = _address(_as_text(item))
        if found.version != 6:
            raise at(f"invalid prefix '{found}' for new IPv6 reservation")
        addresses.append(_once(host, str(found)))
    items = reserved_prefixes.items(reading, value.get("prefixes", []))
    prefixes += [_once(host, reserved_prefixes.prefix(reading, _as_text(item))) for item in items]
    excluded = reserved_prefixes.excluded(reading, value, prefixes)
    host.shown |= {"excluded-prefixes": excluded} if excluded else {}
    return not host.resources


def _once(host: _Host, resource: str) -> str:
    if resource in host.resources:
        raise at(f"failed on attempt to add a duplicated host reservation for {resource}")
    host.resources.append(resource)
    return resource


def _address(text: str) -> Address:
    try:
        return address(text)
    except RefusedError as refusal:
        raise at(str(refusal)) from None


def _empty(host: _Host) -> RefusedError:
    """The words are Kea's: it names the other kind of identifier."""
    kinds = {"hw-address": f"for DUID: hwtype=1 {host.text}", "duid": f"for HW address: {host.text}"}
    what = "must include at least one resource, i.e. hostname, IPv4 address, IPv6 address/prefix, options"
    return RefusedError(f"specified reservation {kinds.get(host.kind, '')} {what}")


def _check_inside(reading: Reading, host: _Host, network: Network) -> None:
    for resource in host.resources:
        if "/" not in resource and address(resource) not in network:
            family = f"IPv{reading.version}"
            why = f"is not within the {family} subnet '{network}'"
            raise RefusedError(f"specified reservation '{resource}' {why}")


def _as_map(value: Json) -> Mapping[str, Json]:
    return _twice(keywords.as_map, value)


def _as_list(value: Json) -> list[Json]:
    return _twice(keywords.as_list, value)


def _as_text(value: Json) -> str:
    return _twice(keywords.as_text, value)


def _twice(check: Callable[[Json], _T], value: Json) -> _T:
    """A value of the wrong type: Kea says where twice."""
    try:
        return check(value)
    except RefusedError as refusal:
        raise at(str(refusal)) from None
