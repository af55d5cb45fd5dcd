"""Small values that several kinds of object share: class lists, relay addresses, lifetimes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.simulator.configuration import keywords
from reconciler.simulator.configuration.addresses import address
from reconciler.simulator.configuration.refusal import RefusedError, at
from reconciler.simulator.releases import Release

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model import Json
    from reconciler.simulator.configuration.context import Reading, Shown


def class_list(value: Json) -> list[str]:
    """Class names in their order, each once."""
    if any(not isinstance(name, str) or not name for name in keywords.as_list(value)):
        raise at("invalid class name")
    return list(dict.fromkeys(value))


def guards(reading: Reading, value: Mapping[str, Json]) -> Shown:
    """The classes that may use a pool or network, and those to evaluate for it, under the names of the release."""
    shown: Shown = {}
    for old, new in (("client-class", "client-classes"), ("require-client-classes", "evaluate-additional-classes")):
        refuse_both(value, old, new)
    guards, more = value.get("client-classes", []), value.get("require-client-classes", [])
    more = value.get("evaluate-additional-classes", more)
    if reading.release < Release.KEA_3_0:
        shown |= {"client-class": value["client-class"]} if value.get("client-class") else {}
        return shown | ({"require-client-classes": class_list(more)} if more else {})
    if value.get("client-class"):
        guards = [value["client-class"]]
    shown |= {"client-classes": class_list(guards)} if guards else {}
    return shown | ({"evaluate-additional-classes": class_list(more)} if more else {})


def refuse_both(value: Mapping[str, Json], old: str, new: str) -> None:
    """Refuse the old name of a parameter beside the new one."""
    if old in value and new in value:
        raise RefusedError(f"cannot specify both '{old}' and '{new}'. Use only the latter.")


def relay(reading: Reading, value: Json) -> Shown:
    """The relay of a subnet or shared network; the old single ip-address becomes a list (before 2.6)."""
    body = keywords.as_map(value)
    if reading.release >= Release.KEA_2_6:
        body = {key: item for key, item in body.items() if key != "ip-address"}
    if "ip-address" in body and "ip-addresses" in body:
        raise RefusedError("specify either ip-address or ip-addresses, not both")
    if "ip-address" in body:
        texts = [keywords.as_text(body["ip-address"])]
    elif "ip-addresses" in body:
        texts = [keywords.as_text(item) for item in keywords.as_list(body["ip-addresses"])]
    else:
        raise RefusedError("ip-addresses is required")
    shown: list[str] = []
    for text in texts:
        found = _relay_address(reading, text)
        if found in shown:
            why = f"RelayInfo already contains address: {found}"
            raise at(f"cannot add address: {found} to relay info: {why}")
        shown.append(found)
    return {"ip-addresses": shown}


def _relay_address(reading: Reading, text: str) -> str:
    family = f"IPv{reading.version}address"
    try:
        found = address(text)
    except RefusedError:
        raise at(f"address {text} is not a valid: {family}") from None
    if found.version != reading.version:
        raise at(f"address {text} is not a: {family}")
    return str(found)


def lifetime(value: Mapping[str, Json], name: str, where: str = " in <wire>:0:0") -> tuple[int, int, int] | None:
    """Minimum, default and maximum of `valid-lifetime` or `preferred-lifetime`, filled up from each other.

    None where none is given. Numbers wrap at 32 bits, as Kea's do.
    """
    default: Json = value.get(name)
    low: Json = value.get(f"min-{name}")
    high: Json = value.get(f"max-{name}")
    if default is None and low is None and high is None:
        return None
    if default is None:
        if low is not None and high is not None:
            raise RefusedError(f"have min-{name} and max-{name} but no {name} (default){where}")
        default = low if high is None else high
    is_range = low is not None and high is not None
    low, high = default if low is None else low, default if high is None else high
    low, default, high = low % 2**32, default % 2**32, high % 2**32
    _check_order(name, low, default, high, is_range=is_range)
    return low, default, high


def check_offer(value: Mapping[str, Json]) -> None:
    """Refuse an offer-lifetime below zero."""
    if value.get("offer-lifetime", 0) < 0:
        raise at(f"the value of offer-lifetime '{value['offer-lifetime']}' must be a positive number")


def _check_order(name: str, low: int, default: int, high: int, *, is_range: bool) -> None:
    """The two ends are compared with each other only where both were given."""
    if is_range and low > high:
        raise RefusedError(f"the value of min-{name} ({low}) is not less than max-{name} ({high})")
    if is_range and not low <= default <= high:
        limits = f"min-{name} ({low}) and max-{name} ({high})"
        raise RefusedError(f"the value of (default) {name} ({default}) is not between {limits}")
    if low > default:
        raise RefusedError(f"the value of min-{name} ({low}) is not less than (default) {name} ({default})")
    if default > high:
        raise RefusedError(f"the value of (default) {name} ({default}) is not less than max-{name} ({high})")
