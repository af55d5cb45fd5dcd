"""What a plain (unquoted) YAML scalar means, and whether all YAML readers agree about it.

YAML 1.1, which PyYAML and many older tools read, turns `on`, `010`, `1:30` and `2026-01-31` into something that
YAML 1.2, which editors read, does not. A desired state must not depend on who reads it, so a scalar that the two
read differently is reported as ambiguous instead of being guessed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from yaml.resolver import Resolver

if TYPE_CHECKING:
    from reconciler.model import Json

_PREFIX = "tag:yaml.org,2002:"
_TEXT, _NULL, _BOOL, _INT, _FLOAT = (_PREFIX + name for name in ("str", "null", "bool", "int", "float"))

# The core schema of YAML 1.2.2, section 10.3.2.
_CORE: tuple[tuple[str, re.Pattern[str]], ...] = (
    (_NULL, re.compile(r"null|Null|NULL|~|")),
    (_BOOL, re.compile(r"true|True|TRUE|false|False|FALSE")),
    (_INT, re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")),
    (_FLOAT, re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")),
)
_CORE_BEGINNINGS = frozenset("nN~tTfF-+.0123456789")
_OLD_OCTAL = re.compile(r"[-+]?0[0-9_]+")
_LONGEST_NUMBER = 40
_KINDS = {_TEXT: "text", _NULL: "no value", _BOOL: "true or false", _INT: "a number", _FLOAT: "a number"}


@dataclass(frozen=True, slots=True)
class Scalar:
    """The value of a plain scalar; `doubt` says how readers disagree about it, None where they agree."""

    value: Json
    doubt: str | None = None


def resolve(text: str) -> Scalar:
    """Return what a plain scalar means; of an ambiguous one the value is its text."""
    old, new = _old_kind(text), _core_kind(text)
    if old == new == _TEXT:
        return Scalar(text)
    if old != new:
        return Scalar(text, f"{_describe(old)} to YAML 1.1 and {_describe(new)} to YAML 1.2")
    if new == _INT and _OLD_OCTAL.fullmatch(text):
        return Scalar(text, "an octal number to YAML 1.1 and a decimal number to YAML 1.2")
    if new in (_INT, _FLOAT) and len(text) > _LONGEST_NUMBER:
        return Scalar(text, f"a number of {len(text)} digits, which not every reader can hold")
    return Scalar(_construct(new, text))


def _construct(kind: str, text: str) -> Json:
    if kind == _NULL:
        return None
    if kind == _BOOL:
        return text.lower() == "true"
    if kind == _INT:
        return int(text, 16) if text.startswith("0x") else int(text)
    return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))


def _core_kind(text: str) -> str:
    if text and text[0] not in _CORE_BEGINNINGS:
        return _TEXT
    return next((kind for kind, pattern in _CORE if pattern.fullmatch(text)), _TEXT)


def _old_kind(text: str) -> str:
    """Return the tag that PyYAML gives to a plain scalar, from its own table of YAML 1.1 patterns."""
    candidates = Resolver.yaml_implicit_resolvers.get(text[:1], ())
    return next((tag for tag, pattern in candidates if pattern.match(text)), _TEXT)


def _describe(kind: str) -> str:
    return _KINDS.get(kind, "a date" if kind.endswith("timestamp") else "a special value")
