"""Objections as JSON values."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from reconciler.model import Objection
from reconciler.planning.verdict import is_approved


def objection_values(objections: Sequence[Objection], approved: Collection[str] = ()) -> list[dict[str, Any]]:
    """Return objections as maps, in their own order; `approved` are the codes that were waved through."""
    return [
        {
            "code": each.code,
            "object": each.object,
            "message": each.message,
            "advice": each.advice,
            "approvable": each.approvable,
            "approved": is_approved(each, approved),
        }
        for each in objections
    ]
