"""Objections as lines: what is against a plan, what to do instead, and how to approve it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from reconciler.model import Objection
from reconciler.planning.verdict import is_approved
from reconciler.redaction import visible
from reconciler.reports.colours import Style, paint


def objection_lines(
    objections: Sequence[Objection], approved: Collection[str] = (), *, colour: bool = False
) -> Iterator[str]:
    """Yield the lines of objections; those whose code is in `approved` are said to be so, without advice."""
    for each in objections:
        about = f" ({visible(each.object)})" if each.object else ""
        text = f"{visible(each.code)}{about}: {visible(each.message)}"
        if is_approved(each, approved):
            yield paint(f"approved: {text}", Style.WARNING, colour=colour)
            continue
        yield paint(f"blocked: {text}", Style.BAD, colour=colour)
        yield f"    {visible(each.advice)}"
        yield (
            f"    to approve it for one run: --approve {visible(each.code)}"
            if each.approvable
            else ("    it can't be approved")
        )
