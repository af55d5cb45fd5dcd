"""The JSON Schemas: where they are, and one compiled validator for each in a process."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from reconciler.errors import UsageError

InputSchema = Literal["servers", "relationship", "approvals"]

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

    from reconciler.model import Json

_PACKAGE = Path(__file__).resolve().parent.parent
_FOLDERS = (_PACKAGE / "schemas", _PACKAGE.parent / "schemas")  # of an installed package, of a checkout
ABOUT = "x-about"
_EXPLANATIONS = frozenset(
    {
        "$schema",
        "$id",
        "$defs",
        "title",
        "description",
        "default",
        "examples",
        "enumDescriptions",
        "patternErrorMessage",
    }
)
_NAME = re.compile(r"[a-z]+(-[a-z]+)*")


def schema_path(name: str) -> Path:
    """Return the file of the schema called `name`, such as `relationship`; UsageError where there is none."""
    if _NAME.fullmatch(name):
        for folder in _FOLDERS:
            path = folder / f"{name}.schema.json"
            if path.is_file():
                return path
    raise UsageError(f"there is no schema of that name; there are {', '.join(schema_names())}")


def schema_names() -> list[str]:
    """Return the names of all schemas, sorted."""
    return sorted({path.name.partition(".")[0] for folder in _FOLDERS for path in folder.glob("*.schema.json")})


@cache
def schema(name: str) -> dict[str, Any]:
    """Return a schema as data, shared and not to be altered."""
    data: dict[str, Any] = json.loads(schema_path(name).read_text(encoding="utf-8"))
    return data


@cache
def validator(name: InputSchema) -> Validator:
    """Return the compiled validator of an input schema. Compiling per file was 30 times slower (measured).

    Unlike JSON Schema, 10000.0 is no integer here: Kea refuses it where it wants one (measured on 2.2.0). The
    original of the subschema that an error carries is under `ABOUT`.
    """
    from jsonschema import Draft202012Validator, validators

    checker = Draft202012Validator.TYPE_CHECKER.redefine("integer", _is_integer)
    extend: Any = validators.extend
    compiled: Validator = extend(Draft202012Validator, type_checker=checker)(_lean(schema(name), schema(name)))
    return compiled


def _lean(node: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    """Return a subschema with references written out, and its explanations moved out of the validator's way.

    The validator looks at every key of every subschema for every value: so it takes half the time (measured).
    """
    if "$ref" in node:
        return _lean(root["$defs"][node["$ref"].rpartition("/")[2]], root)
    lean = {key: value for key, value in node.items() if key not in _EXPLANATIONS}
    if "properties" in lean:
        lean["properties"] = {name: _lean(inner, root) for name, inner in lean["properties"].items()}
    for key in ("items", "additionalProperties", "propertyNames"):
        if isinstance(lean.get(key), dict):
            lean[key] = _lean(lean[key], root)
    return {**lean, ABOUT: node}


def _is_integer(_checker: object, instance: Json) -> bool:
    return isinstance(instance, int) and not isinstance(instance, bool)


def parameter_names() -> tuple[str, ...]:
    """Return the HA parameters that a relationship may hold, in the order of the schema."""
    return tuple(schema("relationship")["$defs"]["parameters"]["properties"])


def peer_option_names() -> tuple[str, ...]:
    """Return the HA peer parameters that a peer may hold beside server, role, url and name, in schema order."""
    names = schema("relationship")["$defs"]["peer"]["properties"]
    return tuple(name for name in names if name not in {"server", "role", "url", "name"})
