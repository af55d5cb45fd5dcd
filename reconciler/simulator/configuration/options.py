"""option-data: one list of it as config-get shows it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.model import Service
from reconciler.simulator.configuration import keywords, option_values
from reconciler.simulator.configuration.addresses import octets
from reconciler.simulator.configuration.option_definitions import LARGEST_CODE, NAME, Definition, Spaces, find
from reconciler.simulator.configuration.refusal import RefusedError, at
from reconciler.simulator.releases import Release

if TYPE_CHECKING:
    from reconciler.model import Json
    from reconciler.simulator.configuration.context import Reading

_VENDOR = re.compile(r"vendor-(\d+)")
_FIXED = {"ipv4-address": 4, "ipv6-address": 16}


@dataclass(slots=True)
class _Option:
    space: str
    code: int
    definition: Definition | None
    text: str
    content: bytes
    value: dict[str, Json]


def parse(reading: Reading, value: Json, spaces: Spaces | None = None) -> list[dict[str, Json]]:
    """A list of option-data as config-get shows it: by space (a vendor's last), names and codes filled in.

    `spaces`: what is known here besides the standard options, unless it is what the whole configuration knows.
    """
    if not value and isinstance(value, list):
        return []
    known = reading.spaces if spaces is None else spaces
    options = [_one(reading, known, item) for item in keywords.as_list(value)]
    options.sort(key=_place)
    return [_shown(reading, option, options) for option in options]


def _place(option: _Option) -> tuple[int, str]:
    vendor = _VENDOR.fullmatch(option.space)
    return (int(vendor.group(1)) + 1, "") if vendor else (0, option.space)


def _shown(reading: Reading, option: _Option, beside: list[_Option]) -> dict[str, Json]:
    shown: dict[str, Json] = {
        "always-send": option.value.get("always-send", False),
        "code": option.code,
        "csv-format": bool(option.text),
        "data": option.text or _whole(reading, option, beside).hex().upper(),
        "space": option.space,
    }
    if reading.release >= Release.KEA_2_6:
        shown["never-send"] = option.value.get("never-send", False)
    if option.value.get("client-classes"):
        shown["client-classes"] = list(dict.fromkeys(option.value["client-classes"]))
    if option.definition is not None:
        shown["name"] = option.definition.name
    if "user-context" in option.value:
        shown["user-context"] = option.value["user-context"]
    return shown


def _whole(reading: Reading, option: _Option, beside: list[_Option]) -> bytes:
    """The option's content, before 2.6 with the options of the same list whose space it encapsulates.

    One that its raw data carries already is not put in again, so that reading what was shown changes nothing.
    """
    if option.definition is None or not option.definition.encapsulates:
        return option.content
    if reading.release >= Release.KEA_2_6:
        return option_values.fields_of(option.definition, option.content)
    size = 1 if reading.is_v4 else 2
    head, inside = option_values.opened(option.definition, option.content, size)
    for other in beside:
        if other.space == option.definition.encapsulates:
            inside.setdefault(other.code, _whole(reading, other, beside))
    return head + option_values.enveloped(size, inside)


def _one(reading: Reading, spaces: Spaces, value: Json) -> _Option:
    keywords.as_object(value)
    keywords.check(reading, "option-data", value)
    if any(not isinstance(name, str) for name in value.get("client-classes", [])):
        raise RefusedError("elements of list must be valid strings")
    name, code, space = _names(reading.service, value)
    definition = find(reading, spaces, space, code if code is not None else name)
    if definition is not None and name and code is not None and definition.name != name:
        reason = f"specified option name '{name}' does not match the option definition"
        raise at(f"{reason}: '{space}.{definition.name}'")
    wants_text = value.get("csv-format", definition is not None)
    if definition is None and (code is None or wants_text or "csv-format" not in value):
        raise at(f"definition for the option '{space}.{name}' having code '{code or 0}' does not exist")
    text, content = _content(reading, definition, space, code, value.get("data", ""), is_text=wants_text)
    number = code if code is not None else definition.code if definition is not None else 0
    return _Option(space, number, definition, text, content, value)


def _names(service: Service, value: dict[str, Json]) -> tuple[str, int | None, str]:
    name, code, space = value.get("name", ""), value.get("code"), value.get("space", service.value)
    if code is None and not name:
        raise at("option data configuration requires one of 'code' or 'name' parameters to be specified")
    if code is not None and not 0 <= code <= LARGEST_CODE[service]:
        verb = "be greater than" if service is Service.DHCP4 else "exceed"
        raise at(f"invalid option code '{code % 2**32}', it must not {verb} '{LARGEST_CODE[service]}'")
    if " " in name:
        raise at(f"invalid option name '{name}', space character is not allowed")
    other = Service.DHCP6 if service is Service.DHCP4 else Service.DHCP4
    if space == other.value:
        raise at(f"'{space}' option space name is reserved for {other.value.replace('dhcp', 'DHCPv')} server")
    if not NAME.fullmatch(space):
        raise at(f"invalid option space name '{space}'")
    return name, code, space


def _content(
    reading: Reading, definition: Definition | None, space: str, code: int | None, data: str, *, is_text: bool
) -> tuple[str, bytes]:
    """The text to show (empty where Kea keeps none) and the bytes of an option."""
    raw = b""
    if not is_text and data:
        found = octets(data)
        if found is None:
            raise at(f"option data is not a valid string of hexadecimal digits: {data}")
        raw = found
    if definition is None:
        return "", raw
    try:
        if is_text or not raw:
            return (
                (data, option_values.packed(reading.release, definition, data))
                if is_text
                else ("", option_values.packed(reading.release, definition, ""))
            )
        _check_length(definition, raw)
    except RefusedError as refusal:
        number = code if code is not None else definition.code
        raise at(f"option data does not match option definition (space: {space}, code: {number}): {refusal}") from None
    return "", raw


def _check_length(definition: Definition, raw: bytes) -> None:
    if definition.fields == ("static-routes",):
        option_values.check_routes(len(raw))
    unit = _FIXED.get(definition.fields[0])
    if unit is None or not definition.array or len(definition.fields) > 1 or len(raw) % unit == 0:
        return
    if unit == _FIXED["ipv4-address"]:
        reason = f"has invalid length={len(raw)}, must be divisible by 4."
        raise RefusedError(f"DHCPv4 Option4AddrLst {definition.code} {reason}")
    raise RefusedError(f"Option {definition.code} malformed: len={len(raw)} is not divisible by 16.")
