"""Client classes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from reconciler.simulator.configuration import keywords, names, option_definitions, options
from reconciler.simulator.configuration.addresses import address
from reconciler.simulator.configuration.refusal import PLACE, RefusedError, at
from reconciler.simulator.releases import Release

if TYPE_CHECKING:
    from reconciler.model import Json
    from reconciler.simulator.configuration.context import Reading, Shown

_MEMBER = re.compile(r"member\(\s*'([^']*)'\s*\)")
_BUILT_IN = ("ALL", "KNOWN", "UNKNOWN", "BOOTP")
_BUILT_IN_PREFIXES = ("VENDOR_CLASS_", "HA_", "AFTER_", "EXTERNAL_", "SKIP_HOOK_")
_WORDS = re.compile(r"[a-zA-Z_][\w.-]*|'[^']*'|\S")
_DEFERRED = (43, *range(224, 255))
"""Options that a class may define itself: vendor-encapsulated-options, and the private ones by Kea's code."""


def parse(reading: Reading, value: Json) -> list[Shown]:
    """The classes as config-get shows them, in their order: what one tests must stand before it."""
    seen: set[str] = set()
    shown: list[Shown] = []
    for item in keywords.as_list(value):
        shown.append(_one(reading, keywords.as_object(item), seen))
        seen.add(shown[-1]["name"])
    return shown


def _one(reading: Reading, value: Json, seen: set[str]) -> Shown:
    name = _name(value)
    shown: Shown = {"name": name}
    shown |= _tests(reading, value, seen)
    definitions, shown["option-data"] = _options(reading, value)
    if name in seen:
        raise at(f"Can't add class: Client Class: {name} has already been defined")
    if reading.is_v4:
        shown["option-def"] = definitions
    shown |= _boot(reading, value) | _lifetimes(reading, value)
    shown |= _additional(reading, value)
    if "user-context" in value:
        shown["user-context"] = value["user-context"]
    return shown


def _additional(reading: Reading, value: Json) -> Shown:
    """Whether it is only evaluated where a list asks for it, under the name of the release."""
    if reading.release < Release.KEA_3_0:
        return {"only-if-required": True} if value.get("only-if-required") else {}
    names.refuse_both(value, "only-if-required", "only-in-additional-list")
    is_so = value.get("only-in-additional-list") or value.get("only-if-required")
    return {"only-in-additional-list": True} if is_so else {}


def _options(reading: Reading, value: Json) -> tuple[list[Shown], list[Shown]]:
    """The class's own definitions, and its options; before 3.0 their names are those that the whole server knows."""
    wanted = value.get("option-def", [])
    for definition in keywords.as_list(wanted):
        code, space = definition.get("code", 0), definition.get("space", reading.service.value)
        if space == reading.service.value and code and not (reading.is_v4 and code in _DEFERRED):
            raise RefusedError(f"Not allowed option definition for code '{code}' in space '{space}' at {PLACE}")
    definitions, spaces = option_definitions.parse(reading, wanted)
    visible = {space: {**reading.spaces.get(space, {}), **own} for space, own in spaces.items()}
    data = options.parse(reading, value.get("option-data", []), reading.spaces | visible)
    if reading.release >= Release.KEA_3_0:
        return definitions, data
    for option in data:
        known = option_definitions.find(reading, reading.spaces, option["space"], option["code"])
        option.pop("name", None)
        option.update({"name": known.name} if known is not None else {})
        if known is not None and known.fields == ("empty",) and reading.release >= Release.KEA_2_6:
            option["data"] = ""
    return definitions, data


def _name(value: Json) -> str:
    if "name" not in value:
        raise at("missing parameter 'name'")
    if not isinstance(value["name"], str):
        raise at("invalid type specified for parameter 'name'")
    if not value["name"]:
        raise RefusedError(f"not empty parameter 'name' is required {PLACE.lstrip('(')}")
    return value["name"]


def _tests(reading: Reading, value: Json, seen: set[str]) -> Shown:
    """The expression; since 2.3.2 it may be one that makes the names of classes."""
    template = value.get("template-test") if reading.release >= Release.KEA_2_6 else None
    if template is None:
        return {"test": _test(value["test"], seen)} if "test" in value else {}
    if "test" in value:
        raise RefusedError(f"can not use both 'test' and 'template-test' {PLACE} and {PLACE}")
    if not template:
        raise RefusedError(f"expression can not be empty at {PLACE}")
    if not re.match(r"'|\w+\W", template):
        raise RefusedError(f"expression: [{template}] error: <string>:1.1: Invalid character: {template[0]} at {PLACE}")
    return {"template-test": template}


def _test(text: Json, seen: set[str]) -> str:
    """Only what decides whether Kea takes an expression at all: that it is one, and which classes it names."""
    if not isinstance(text, str):
        raise RefusedError(f"expression [{text}] must be a string, at {PLACE}")
    reason = _syntax(text)
    for found in _MEMBER.finditer(text):
        name = found.group(1)
        if not (name in seen or name in _BUILT_IN or name.startswith(_BUILT_IN_PREFIXES)):
            start = found.start(1)
            reason = reason or f"<string>:1.{start}-{start + len(name) + 1}: Not defined client class '{name}'"
    if reason:
        raise RefusedError(f"expression: [{text}] error: {reason} at {PLACE}")
    return text


def _syntax(text: str) -> str:
    if not text:
        return "<string>:1.1: syntax error, unexpected end of file"
    if not re.search(r"==|member\(|\.exists|^\s*not\b", text):
        first = _WORDS.match(text.strip())
        if first and re.match(r"(?:option|relay|pkt|substring|concat|vendor|hexstring)", first.group()):
            return f"<string>:1.{len(text) + 1}: syntax error, unexpected end of file, expecting == or +"
        return f"<string>:1.1: Invalid character: {text[0]}"
    return ""


def _boot(reading: Reading, value: Json) -> Shown:
    """Checked in both services, shown in one."""
    server = value.get("next-server", "0.0.0.0")  # noqa: S104 (Kea's mark for "none")
    try:
        found = address(server)
    except RefusedError:
        raise at(f"Invalid next-server value specified: '{server}'") from None
    if found.version != 4:
        raise at(f"Invalid next-server value: '{server}', must be IPv4 address")
    shown: Shown = {"next-server": server}
    for key, limit in (("server-hostname", 63), ("boot-file-name", 127)):
        shown[key] = value.get(key, "")
        if len(shown[key]) > limit and (key, len(shown[key])) != ("boot-file-name", 128):
            raise at(f"{key} must be at most {limit} bytes long, it is {len(shown[key])}")
    return shown if reading.is_v4 else {}


def _lifetimes(reading: Reading, value: Json) -> Shown:
    shown: Shown = {}
    if reading.release >= Release.KEA_2_6:
        names.check_offer(value)
        shown |= {"offer-lifetime": value["offer-lifetime"]} if reading.is_v4 and "offer-lifetime" in value else {}
    for name in ("valid-lifetime",) if reading.is_v4 else ("valid-lifetime", "preferred-lifetime"):
        found = names.lifetime(value, name)
        if found is not None:
            low, shown[name], high = found
            shown |= {f"min-{name}": low} if low < shown[name] else {}
            shown |= {f"max-{name}": high} if high > shown[name] else {}
    return shown
