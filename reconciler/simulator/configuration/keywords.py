"""Which keys an object may have, and of which JSON type."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.simulator.configuration.refusal import RefusedError, at
from reconciler.simulator.tables import keywords

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model import Json
    from reconciler.simulator.configuration.context import Reading

_TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "boolean": bool,
    "real": float,
    "list": list,
    "map": dict,
}


def known(reading: Reading, kind: str) -> Mapping[str, str]:
    """The keys that an object of a kind may have, with the JSON type of each."""
    return keywords(reading.release)[reading.service].get(kind, {})


def check(reading: Reading, kind: str, value: Json) -> None:
    """Refuse a value that is no map, an unknown key, or a value of the wrong type (Kea takes 1 for no real).

    Of several the first by name is refused, since Kea keeps maps in that order.
    """
    table = known(reading, kind)
    wrong = [key for key, item in as_map(value).items() if key not in table or not is_a(table[key], item)]
    if not wrong:
        return
    key = min(wrong)
    if key not in table:
        raise RefusedError(f"spurious '{key}' parameter")
    article = "an" if table[key] == "integer" else "a"
    raise RefusedError(f"'{key}' parameter is not {article} {table[key]}")


def is_a(kind: str, value: Json) -> bool:
    """Whether a value is of the JSON type; a boolean is no integer."""
    return isinstance(value, _TYPES[kind]) and not (kind == "integer" and isinstance(value, bool))


def as_map(value: Json) -> Mapping[str, Json]:
    """The value, refused where it is no map."""
    if not isinstance(value, dict):
        raise at("mapValue() called on non-map Element in")
    return value


def as_object(value: Json) -> Mapping[str, Json]:
    """The same for what Kea fills with defaults first, which goes wrong with other words."""
    if not isinstance(value, dict):
        raise at("get(string) called on a non-map Element in")
    return value


def as_list(value: Json) -> list[Json]:
    """The value, refused where it is no list."""
    if not isinstance(value, list):
        raise at("listValue() called on non-list Element in")
    return value


def as_text(value: Json) -> str:
    """The value, refused where it is no string."""
    if not isinstance(value, str):
        raise at("stringValue() called on non-string Element in")
    return value
