"""What Kea 2.2.0 knows, as data: the keys of each kind of object and the standard options.

Both files were read out of the daemons themselves, by offering them keys and values and noting what they said.
"""

from __future__ import annotations

import functools
from importlib import resources
from typing import Any

import orjson


@functools.cache
def keywords() -> dict[str, dict[str, dict[str, str]]]:
    """Service -> kind of object -> key -> JSON type (`any` where Kea does not check it)."""
    table = _read("keywords.json")
    return {
        service: {
            kind: {key: name for name, keys in by_type.items() for key in keys} for kind, by_type in kinds.items()
        }
        for service, kinds in table.items()
    }


@functools.cache
def standard_options() -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Service -> option space -> definitions: code, name, fields, and array and encapsulates where they apply."""
    table: dict[str, dict[str, list[dict[str, Any]]]] = _read("options.json")
    return table


def _read(name: str) -> Any:
    return orjson.loads(resources.files(__package__).joinpath(name).read_bytes())
