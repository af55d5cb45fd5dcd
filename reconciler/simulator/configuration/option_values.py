"""The values of an option: checked as Kea checks them, and packed where one option carries others."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from reconciler.simulator.configuration.addresses import address, of_family
from reconciler.simulator.configuration.refusal import RefusedError
from reconciler.simulator.releases import Release

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from reconciler.simulator.configuration.option_definitions import Definition

_RANGES = {
    "uint8": (0, 2**8 - 1),
    "uint16": (0, 2**16 - 1),
    "uint32": (0, 2**32 - 1),
    "int8": (-(2**7), 2**7 - 1),
    "int16": (-(2**15), 2**15 - 1),
    "int32": (-(2**31), 2**31 - 1),
}
_LONGEST_LABEL = 63
_SHORTEST_ROUTE = 5
_COMMA = re.compile(r"(?<!\\),")
_NUMBER = re.compile(r"[+-]?\d+|(?:0x)?[0-9a-fA-F]+")


def packed(release: Release, definition: Definition, data: str) -> bytes:
    """The option's content for a comma-separated value; RefusedError with Kea's reason where it does not fit."""
    if definition.fields == ("empty",) and data:
        raise RefusedError("attempt to write invalid option data field type into the option buffer: 0")
    if data and definition.fields == ("static-routes",):
        return _routes(data)
    if data and definition.fields == ("resolvers",):
        return _resolvers(definition, data)
    values = _values(definition, data)
    if not values:
        return _nothing(definition)
    if len(values) < len(definition.fields):
        reason = f"number of data fields for the option type '{definition.code}' is greater than number of values"
        raise RefusedError(f"{reason} provided.")
    kinds = [*definition.fields]
    if definition.array:
        kinds += [definition.fields[-1]] * (len(values) - len(kinds))
    return b"".join(_pack(release, kind, value) for kind, value in zip(kinds, values, strict=False))


def _values(definition: Definition, data: str) -> list[str]:
    if definition.fields == ("string",):
        return [data] if data else []
    parts = [part.replace("\\,", ",").strip() for part in _COMMA.split(data)]
    return [part for part in parts if part]


def _nothing(definition: Definition) -> bytes:
    """An option without a value: only where it is empty by nature or a list of addresses or names."""
    last = definition.fields[-1]
    if len(definition.fields) > 1:
        reason = f"number of data fields for the option type '{definition.code}' is greater than number of values"
        raise RefusedError(f"{reason} provided.")
    if definition.array and last in _RANGES:
        raise RefusedError(f"option {definition.code} empty")
    if last == "empty" or definition.array:
        return b""
    raise RefusedError("no option value specified")


def _pack(release: Release, kind: str, text: str) -> bytes:
    if kind in _RANGES:
        return _integer(kind, text)
    if kind == "binary":
        return _binary(release, text)
    return _PACKERS[kind](text)


def _integer(kind: str, text: str) -> bytes:
    low, high = _RANGES[kind]
    if not _NUMBER.fullmatch(text):
        raise RefusedError(f"unable to convert the value '{text}' to integer data type")
    value = int(text) if re.fullmatch(r"[+-]?\d+", text) else int(text, 16)
    if not low <= value <= high:
        reason = f"This value is expected to be in the range of {low}..{high}"
        raise RefusedError(f"unable to convert '{text}' to numeric type. {reason}")
    return value.to_bytes(_width(kind), "big", signed=low < 0)


def _address(text: str) -> bytes:
    return address(text).packed


def _boolean(text: str) -> bytes:
    if text not in ("true", "false", "1", "0"):
        raise RefusedError(f"unable to covert the value '{text}' to boolean data type")
    return b"\x01" if text in ("true", "1") else b"\x00"


def _binary(release: Release, text: str) -> bytes:
    try:
        digits = bytes.fromhex(text)
    except ValueError:
        odd = re.fullmatch("[0-9a-fA-F]+", text)
        incomplete = "Incomplete input for base16:" if release < Release.KEA_2_6 else "non-zero bits left over"
        why = incomplete if odd else "attempt to decode a value not in base16 char set:"
        raise RefusedError(f"unable to cast {text} to binary data type: {why} {text}") from None
    return digits


def _fqdn(text: str) -> bytes:
    labels = text.rstrip(".").split(".")
    if not all(labels):
        raise RefusedError(f"duplicate period in {text}")
    if any(len(label) > _LONGEST_LABEL for label in labels):
        raise RefusedError(f"label is too long in {text}")
    return b"".join(bytes([len(label)]) + label.encode() for label in labels) + b"\0"


def _prefix(text: str) -> bytes:
    prefix, slash, length = text.partition("/")
    if not slash or of_family(prefix, 6) is None or not length.isdigit():
        raise RefusedError("invalid prefix")
    size = int(length)
    return bytes([size]) + address(prefix).packed[: (size + 7) // 8]


def _psid(text: str) -> bytes:
    value, slash, length = text.partition("/")
    if not slash or not value.isdigit() or not length.isdigit():
        raise RefusedError(f"invalid PSID value {text}")
    return bytes([int(length)]) + (int(value) << (16 - int(length))).to_bytes(2, "big")


def _tuple(text: str) -> bytes:
    return len(text).to_bytes(2, "big") + text.encode()


def _routes(text: str) -> bytes:
    """Classless static routes as `10.0.0.0/8 - 192.0.2.1`, one or more."""
    content = b""
    for route in text.split(","):
        prefix, dash, router = (part.strip() for part in route.partition("-"))
        target, slash, length = prefix.partition("/")
        if not (dash and slash and length.isdigit()):
            check_routes(len(text))
        size = int(length)
        content += bytes([size]) + address(target).packed[: (size + 7) // 8] + address(router).packed
    return content


def check_routes(length: int) -> None:
    """Refuse what is too short for one route."""
    if length < _SHORTEST_ROUTE:
        reason = f"has invalid length={length}, must be at least {_SHORTEST_ROUTE}."
        raise RefusedError(f"DHCPv4 OptionClasslessStaticRoute 121 {reason}")


def _resolvers(definition: Definition, text: str) -> bytes:
    """Encrypted DNS resolvers, as far as they are looked at: a priority and a name at least."""
    if "," not in text:
        family = "DHCPv4" if definition.name == "v4-dnr" else "DHCPv6"
        reason = "Option config requires at least comma separated Service Priority and ADN"
        raise RefusedError(f"{family} Encrypted DNS Option ({definition.code}) malformed: {reason}")
    return text.encode()


_PACKERS: dict[str, Callable[[str], bytes]] = {
    "ipv4-address": _address,
    "ipv6-address": _address,
    "boolean": _boolean,
    "string": str.encode,
    "fqdn": _fqdn,
    "ipv6-prefix": _prefix,
    "psid": _psid,
    "tuple": _tuple,
}


_SIZES = {"empty": 0, "boolean": 1, "ipv4-address": 4, "ipv6-address": 16}


def _width(kind: str) -> int:
    """Bytes of a value of the type, -1 where that depends on the value."""
    return int(kind.lstrip("uint")) // 8 if kind in _RANGES else _SIZES.get(kind, -1)


def fields_of(definition: Definition, content: bytes) -> bytes:
    """The option's own fields, without what is inside it."""
    widths = [_width(kind) for kind in definition.fields]
    return content if min(widths) < 0 else content[: sum(widths)]


def opened(definition: Definition, content: bytes, size: int) -> tuple[bytes, dict[int, bytes]]:
    """The option's own fields, and the options inside it by code; all of it is its own where that does not work out.

    `size` is that of code and length: 1 byte for DHCPv4, 2 for DHCPv6.
    """
    widths = [_width(kind) for kind in definition.fields]
    place = sum(widths)
    if min(widths) < 0 or place > len(content):
        return content, {}
    head, inside = content[:place], {}
    while place < len(content):
        code = int.from_bytes(content[place : place + size], "big")
        start = place + 2 * size
        place = start + int.from_bytes(content[place + size : start], "big")
        if place > len(content):
            return content, {}
        inside[code] = content[start:place]
    return head, inside


def enveloped(size: int, options: Mapping[int, bytes]) -> bytes:
    """Options by code, as they lie inside another one."""
    parts = ((code, options[code]) for code in sorted(options))
    return b"".join(code.to_bytes(size, "big") + len(part).to_bytes(size, "big") + part for code, part in parts)
