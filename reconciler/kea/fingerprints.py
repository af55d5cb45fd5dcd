"""Our own digests over the replicated part of a configuration: equal between peers that agree.

Kea's hash covers everything, this-server-name included, so it differs between any two peers; it tells only whether
one server changed. These are computed per section (top-level key), so that it can be told where a server moved.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import orjson

from reconciler.errors import TooDeepError
from reconciler.kea.objects import CHILDREN, OPTION, OPTION_DEFINITION, Kind
from reconciler.model import Fingerprints

_LENGTH = 16  # hexadecimal digits; enough to tell versions of one configuration apart, short enough for a stamp


def digest(value: Any) -> str:
    """Return a short digest of a JSON value, the same for equal values whatever the order of keys.

    Raises TooDeepError where it is nested more than 254 levels deep, which orjson won't write.
    """
    try:
        text = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError as error:
        raise TooDeepError("it is nested too deep to be looked at") from error
    return hashlib.sha256(text).hexdigest()[:_LENGTH]


def fingerprints(part: Mapping[str, Any]) -> Fingerprints:
    """Return the digests of a replicated part (see `locality.replicated`).

    Kea itself prints subnets, pools, networks and reservations in an order of its own whatever the input's was, but
    keeps the order of options and option definitions, which has no meaning: those are sorted here. Raises
    TooDeepError.
    """
    sections = {key: section(part, key) for key in sorted(part)}
    return Fingerprints(digest(sections), sections)


def section(part: Mapping[str, Any], key: str) -> str:
    """Return the digest of one section that a replicated part has. Raises TooDeepError."""
    value, kind = part[key], CHILDREN.get(key)
    return digest(value if kind is None else canonical(value, kind))


def canonical(value: list[Any], kind: Kind) -> list[Any]:
    """Return a list of objects with its own and inner option lists sorted, the very same where nothing is to be."""
    changed: dict[int, Any] = {}
    for key, child in kind.children.items():
        least = 0 if child.children else 1  # a single option is in order; most lists are empty: this is about speed
        for place, member in enumerate(value):
            inner = member.get(key)
            if inner and len(inner) > least:
                ordered = canonical(inner, child)
                if ordered is not inner:
                    changed[place] = {**changed.get(place, member), key: ordered}
    if changed:
        value = [changed.get(place, member) for place, member in enumerate(value)]
    is_in_any_order = kind is OPTION or kind is OPTION_DEFINITION
    return sorted(value, key=kind.key) if is_in_any_order and len(value) > 1 else value
