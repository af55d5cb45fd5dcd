"""What is known about each option: the standard ones and those of a configuration's own option-def."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reconciler.model import Service
from reconciler.simulator.configuration import keywords
from reconciler.simulator.configuration.refusal import RefusedError, at
from reconciler.simulator.releases import Release
from reconciler.simulator.tables import standard_options

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.model import Json
    from reconciler.simulator.configuration.context import Reading

NAME = re.compile(r"[A-Za-z0-9_-]+")
LARGEST_CODE = {Service.DHCP4: 255, Service.DHCP6: 65535}
_TYPES = [
    "empty",
    "binary",
    "boolean",
    "int8",
    "int16",
    "int32",
    "uint8",
    "uint16",
    "uint32",
    "ipv4-address",
    "ipv6-address",
    "ipv6-prefix",
    "psid",
    "string",
    "tuple",
    "fqdn",
    "record",
]


@dataclass(frozen=True, slots=True)
class Definition:
    """One option: `fields` are the types of its values, more than one for a record."""

    code: int
    name: str
    fields: tuple[str, ...]
    array: bool = False
    encapsulates: str = ""


Spaces = dict[str, dict[int | str, Definition]]
"""Option space -> definition, by code and by name."""


@functools.cache
def standard(service: Service, release: Release) -> Spaces:
    """The options that a release of Kea knows by itself."""
    return {
        space: _indexed(Definition(**(row | {"fields": tuple(row["fields"])})) for row in rows)
        for space, rows in standard_options(release)[service].items()
    }


def find(reading: Reading, spaces: Spaces, space: str, key: int | str) -> Definition | None:
    """The definition of an option by code or name: a standard one, or one of `spaces`; DOCSIS' by its enterprise."""
    own = spaces.get(space, {}).get(key)
    return own or standard(reading.service, reading.release).get(space, {}).get(key)


def parse(reading: Reading, value: Json) -> tuple[list[dict[str, Json]], Spaces]:
    """A list of option-def as config-get shows it (by space), and the definitions in it."""
    spaces: Spaces = {}
    shown = [_one(reading, item, spaces) for item in keywords.as_list(value)]
    return sorted(shown, key=lambda item: str(item["space"])), spaces


def _one(reading: Reading, value: Json, spaces: Spaces) -> dict[str, Json]:
    service = reading.service
    keywords.as_object(value)
    keywords.check(reading, "option-def", value)
    for key in ("name", "code", "type"):
        if key not in value:
            raise at(f"missing parameter '{key}'")
    space = value.get("space", service.value)
    _check_names(service, value["name"], value["code"], space)
    fields = _fields(reading, value)
    definition = Definition(
        value["code"], value["name"], fields, value.get("array", False), value.get("encapsulate", "")
    )
    _check_shape(space, value["type"], definition)
    _check_free(reading, space, definition, spaces)
    spaces.setdefault(space, {}).update(_indexed([definition]))
    return _shown(value, space, fields)


def _shown(value: dict[str, Json], space: str, fields: tuple[str, ...]) -> dict[str, Json]:
    shown: dict[str, Any] = {
        "array": value.get("array", False),
        "code": value["code"],
        "encapsulate": value.get("encapsulate", ""),
        "name": value["name"],
        "record-types": ", ".join(fields) if value["type"] == "record" else "",
        "space": space,
        "type": value["type"],
    }
    if "user-context" in value:
        shown["user-context"] = value["user-context"]
    return shown


def _check_names(service: Service, name: str, code: int, space: str) -> None:
    if not 0 <= code <= LARGEST_CODE[service]:
        raise at(f"invalid option code '{code}', it must not be greater than '{LARGEST_CODE[service]}'")
    if service is Service.DHCP4 and space == "dhcp4" and code in (0, 255):
        raise at(f"invalid option code '{code}': reserved for {'END' if code else 'PAD'}")
    if service is Service.DHCP6 and space == "dhcp6" and code == 0:
        raise at("invalid option code '0': reserved value")
    if not NAME.fullmatch(name):
        raise at(f"invalid option name '{name}'")
    if not NAME.fullmatch(space):
        raise at(f"invalid option space name '{space}'")


def _fields(reading: Reading, value: dict[str, Json]) -> tuple[str, ...]:
    records = [name.strip() for name in value.get("record-types", "").split(",") if name.strip()]
    if value["type"] not in _TYPES and not (value["type"] == "internal" and reading.release >= Release.KEA_2_6):
        raise at(f"option type {18 if reading.release < Release.KEA_2_6 else 255} not supported.")
    if value["type"] != "record":
        if records:
            reason = f"'record' option type must be used instead of '{value['type']}' to add data fields to the record"
            raise at(f"invalid record type values specified for the option definition: {reason}")
        return (value["type"],)
    if any(name not in _TYPES for name in records):
        reason = "attempted to add invalid data type 'unknown' to the record."
        raise at(f"invalid record type values specified for the option definition: {reason}")
    return tuple(records)


def _check_shape(space: str, kind: str, definition: Definition) -> None:
    """Kea's OptionDefinition::validate, as far as configurations meet it."""
    name = f"{space}.{definition.name}"
    if definition.encapsulates and definition.encapsulates == space:
        raise at(f"option must not encapsulate an option space it belongs to: '{name}' is set to encapsulate '{space}'")
    if definition.array and definition.encapsulates:
        raise at(f"option '{name}', comprising an array of data fields may not encapsulate any option space")
    if kind == "record" and len(definition.fields) < 2:
        count = len(definition.fields)
        reason = f"{count} specified for the option of type 'record'. Expected at least 2 fields."
        raise at(f"invalid number of data fields: {reason}")
    if "string" in definition.fields[:-1]:
        raise at("string data field can't be laid before data fields of other types.")
    if definition.array and definition.fields[-1] in ("string", "empty"):
        what = "strings" if definition.fields[-1] == "string" else "empty value"
        raise at(f"array of {what} is not a valid option definition.")


def _check_free(reading: Reading, space: str, definition: Definition, spaces: Spaces) -> None:
    service = reading.service
    is_deferred = service is Service.DHCP4 and definition.code == 43
    taken = standard(service, reading.release).get(space, {}) if space == service.value else {}
    if definition.code in taken and not is_deferred:
        raise at(f"unable to override definition of option '{definition.code}' in standard option space '{space}'")
    if definition.name in taken and not is_deferred:
        raise at(f"unable to override definition of option '{definition.name}' in standard option space '{space}'")
    own = spaces.get(space, {})
    if definition.code in own:
        raise at(f"option definition with code '{definition.code}' already exists in option space '{space}'")
    if definition.name in own:
        raise at(f"option definition with name '{definition.name}' already exists in option space '{space}'")


def _indexed(definitions: Iterable[Definition]) -> dict[int | str, Definition]:
    rows: dict[int | str, Definition] = {}
    for definition in definitions:
        rows[definition.code] = rows[definition.name] = definition
    return rows


__all__ = ["LARGEST_CODE", "NAME", "Definition", "RefusedError", "Spaces", "find", "parse", "standard"]
