"""The parameters that subnets and shared networks have in common."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from reconciler.simulator.configuration import ddns, names, options
from reconciler.simulator.configuration.addresses import of_family
from reconciler.simulator.configuration.refusal import PLACE, RefusedError, at
from reconciler.simulator.releases import Release

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

    from reconciler.model import Json
    from reconciler.simulator.configuration.context import Reading, Shown

_AS_GIVEN = [
    "authoritative",
    "match-client-id",
    "reservations-global",
    "reservations-in-subnet",
    "reservations-out-of-pool",
    "ddns-send-updates",
    "ddns-override-no-update",
    "ddns-override-client-update",
    "ddns-replace-client-name",
    "ddns-generated-prefix",
    "ddns-qualifying-suffix",
    "ddns-update-on-renew",
    "ddns-use-conflict-resolution",
    "ddns-conflict-resolution-mode",
    "offer-lifetime",
    "allocator",
    "pd-allocator",
    "hostname-char-set",
    "hostname-char-replacement",
    "cache-threshold",
    "user-context",
    "calculate-tee-times",
    "t1-percent",
    "t2-percent",
    "store-extended-info",
]
_UNLESS_EMPTY = ("interface", "interface-id", "next-server", "server-hostname", "boot-file-name")
_SECONDS = ("renew-timer", "rebind-timer", "cache-max-age")
_LENGTHS = {"server-hostname": 63, "boot-file-name": 127}
_TAKEN = ("boot-file-name", 128)  # one more than Kea says it takes
_ALLOCATORS = ("iterative", "random", "flq")
_NEITHER = {"reservations-global": False, "reservations-in-subnet": False}
_MODES = {
    "disabled": _NEITHER,
    "off": _NEITHER,
    "global": {"reservations-global": True, "reservations-in-subnet": False},
    "out-of-pool": {"reservations-global": False, "reservations-in-subnet": True, "reservations-out-of-pool": True},
    "all": {"reservations-global": False, "reservations-in-subnet": True, "reservations-out-of-pool": False},
}


def common(
    reading: Reading,
    value: Mapping[str, Json],
    who: str,
    failing: Callable[[], AbstractContextManager[None]] = contextlib.nullcontext,
) -> Shown:
    """What a subnet and a shared network show alike; `failing` puts its words before what is wrong with its own."""
    shown: Shown = {"option-data": options.parse(reading, value.get("option-data", []))}
    shown["relay"] = names.relay(reading, value.get("relay", {"ip-addresses": []}))
    with failing():
        shown |= {key: value[key] for key in _AS_GIVEN if key in value}
        shown |= {key: value[key] for key in _UNLESS_EMPTY if value.get(key)}
        shown |= {key: value[key] % 2**32 for key in _SECONDS if key in value}
        shown |= mode(reading, value) | names.guards(reading, value) | ddns.times(value)
        check_timers(reading, shown)
        _check_times(reading, shown)
        _check_names(reading, shown, who)
        _check_texts(reading, shown, who)
        shown |= _lifetimes(reading, value)
    _check_allocators(reading, shown)
    return shown


def mode(reading: Reading, value: Mapping[str, Json]) -> Shown:
    """What the old reservation-mode stands for; it is never shown itself (deprecated in 1.9.1, gone in 2.6)."""
    if "reservation-mode" not in value or reading.release >= Release.KEA_2_6:
        return {}
    if any(key in value for key in _MODES["all"]):
        keys = "'reservations-global', 'reservations-in-subnet' or 'reservations-out-of-pool'"
        raise RefusedError(f"invalid use of both 'reservation-mode' and one of {keys} parameters")
    found = _MODES.get(value["reservation-mode"])
    if found is None:
        raise at(f"invalid reservation-mode parameter: '{value['reservation-mode']}'")
    return dict(found)


def _lifetimes(reading: Reading, value: Mapping[str, Json]) -> Shown:
    shown: Shown = {}
    for name in ("valid-lifetime",) if reading.is_v4 else ("preferred-lifetime", "valid-lifetime"):
        found = names.lifetime(value, name)
        if found is not None:
            shown |= {f"min-{name}": found[0], name: found[1], f"max-{name}": found[2]}
    return shown


def check_timers(reading: Reading, value: Mapping[str, Json]) -> None:
    """Refuse timers in the wrong order, as was done before 2.6."""
    renew, rebind = value.get("renew-timer"), value.get("rebind-timer")
    if reading.release >= Release.KEA_2_6 or renew is None or rebind is None:
        return
    if renew > rebind:
        text = f"the value of renew-timer ({renew}) is greater than the value of rebind-timer ({rebind})"
        raise RefusedError(text)


def _check_times(reading: Reading, shown: Shown) -> None:
    threshold = shown.get("cache-threshold", 0.5)
    may_be_none = reading.release >= Release.KEA_3_0
    if not (0.0 < threshold < 1.0 or (threshold == 0.0 and may_be_none)):
        lowest = "greater than or equal to 0.0" if may_be_none else "greater than 0.0"
        raise RefusedError(f"cache-threshold: {threshold:g} is invalid, it must be {lowest} and less than 1.0")
    names.check_offer(shown)
    if shown.get("calculate-tee-times"):
        _check_percents(shown["t1-percent"], shown["t2-percent"])


def _check_allocators(reading: Reading, shown: Shown) -> None:
    for key in ("allocator", "pd-allocator"):
        if shown.get(key, _ALLOCATORS[0]) not in _ALLOCATORS:
            raise RefusedError("supported allocators are: iterative, random and flq")
    if not reading.is_v4 and shown.get("allocator") == "flq":
        raise RefusedError("Free Lease Queue allocator is not supported for IPv6 address pools")


def _check_percents(first: float, second: float) -> None:
    """Only looked at where times are calculated from them."""
    for name, value in (("t1", first), ("t2", second)):
        if not 0.0 < value < 1.0:
            limits = "it must be greater than 0.0 and less than 1.0"
            raise RefusedError(f"{name}-percent:  {value:g} is invalid, {limits}")
    if first >= second:
        raise RefusedError(f"t1-percent:  {first:g} is invalid, it must be less than t2-percent: {second:g}")


def _check_names(reading: Reading, shown: Shown, who: str) -> None:
    interface = shown.get("interface")
    if interface and interface not in reading.machine.interfaces:
        raise at(f"Specified network interface name {interface} for {who} is not present in the system")
    if interface and "interface-id" in shown:
        local = "interface (defined for locally reachable subnets)"
        relayed = "interface-id (defined for subnets reachable via relays)"
        raise RefusedError(f"parser error: {local} and {relayed} cannot be defined at the same time for {who}{PLACE}")
    server = shown.get("next-server")
    if server and of_family(server, 4) is None:
        raise RefusedError(f"invalid parameter next-server : {server}{PLACE}")
    for key, limit in _LENGTHS.items():
        length = len(shown.get(key, ""))
        if length > limit and (key, length) != _TAKEN:
            raise at(f"{key} must be at most {limit} bytes long, it is {length}")


def _check_texts(reading: Reading, shown: Shown, who: str) -> None:
    ddns.check_replacement(shown)
    try:
        ddns.check_characters(shown)
    except RefusedError as refusal:
        is_wrapped = reading.is_v4 and not who.startswith("subnet") and reading.release < Release.KEA_3_0
        raise at(str(refusal)) if is_wrapped else refusal from None
