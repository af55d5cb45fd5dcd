"""Our own digests over the replicated part of a configuration: equal between peers that agree.

Kea's hash covers everything, this-server-name included, so it differs between any two peers; it tells only whether
one server changed. These are computed per section (top-level key), so that it can be told where a server moved.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import orjson

from reconciler.kea.objects import CHILDREN, Kind
from reconciler.model import Fingerprints

_LENGTH = 16  # hexadecimal digits; enough to tell versions of one configuration apart, short enough for a stamp


def digest(value: Any) -> str:
    """Return a short digest of a JSON value, the same for equal values whatever the order of keys."""
    return hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).hexdigest()[:_LENGTH]


def fingerprints(part: Mapping[str, Any]) -> Fingerprints:
    """Return the digests of a replicated part (see `locality.replicated`).

    Kea itself prints subnets, pools, networks and reservations in an order of its own whatever the input's was, but
    keeps the order of options and option definitions, which has no meaning: those are sorted here.
    """
    sections = {key: digest(_canonical(part[key], CHILDREN.get(key))) for key in sorted(part)}
    return Fingerprints(digest(sections), sections)


def _canonical(value: Any, kind: Kind | None) -> Any:
    """Return the list with its own and inner option lists sorted, the very same list where nothing is to be sorted."""
    if kind is None or not isinstance(value, list):
        return value
    members = [_canonical_member(member, kind) for member in value]
    if any(new is not old for new, old in zip(members, value, strict=True)):
        value = members
    if kind.name in {"option", "option-def"} and len(value) > 1:
        return sorted(value, key=kind.key)
    return value


def _canonical_member(member: Any, kind: Kind) -> Any:
    if not kind.children or not isinstance(member, Mapping):
        return member
    changed = {}
    for key, child in kind.children.items():
        inner = member.get(key)
        if inner:
            canonical = _canonical(inner, child)
            if canonical is not inner:
                changed[key] = canonical
    return {**member, **changed} if changed else member
