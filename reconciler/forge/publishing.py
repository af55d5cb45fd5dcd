"""One comment for each kind of page on a change, and one issue for as long as something is not as it should be."""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum

from reconciler.errors import UsageError
from reconciler.forge.posts import Forge, Post

_MARK = re.compile(r"<!-- kea-reconciler: ([a-z -]+) -->")
NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?")


class Done(StrEnum):
    """What became of a comment or an issue."""

    MADE = "made"
    CHANGED = "changed"
    KEPT = "kept as it is"
    CLOSED = "closed"
    NOTHING = "nothing to do"


def marked(page: str, name: str | None) -> tuple[str, str]:
    """Return the mark of a page that `--format markdown` wrote, and the page with it.

    `name` tells pages of the same kind apart. Raises UsageError for another text.
    """
    first, _, rest = page.partition("\n")
    found = _MARK.fullmatch(first)
    if found is None:
        raise UsageError("this is no page of ours: `--format markdown=FILE` writes those, with a hidden first line")
    if name is None:
        return first, page
    mark = f"<!-- kea-reconciler: {found[1]} of {name} -->"
    return mark, f"{mark}\n{rest}"


def comment(forge: Forge, change: int, page: str, name: str | None = None) -> tuple[Done, Post]:
    """Make a page the comment on a change; where there is one of its kind already, that becomes this page."""
    mark, text = marked(page, name)
    there = _with(mark, forge.comments(change))
    if there is None:
        return Done.MADE, forge.add_comment(change, text)
    if _same(there.text, text):
        return Done.KEPT, there
    return Done.CHANGED, forge.change_comment(change, there.number, text)


def issue(forge: Forge, page: str, *, is_well: bool, title: str, name: str | None = None) -> tuple[Done, Post | None]:
    """Open the issue for a page, give it this page where it is open already, or close it when all is well."""
    mark, text = marked(page, name)
    there = _with(mark, forge.issues())
    if is_well:
        words = "All is as it should be again; the run that found that closes this."
        return (Done.NOTHING, None) if there is None else (Done.CLOSED, forge.close_issue(there.number, words))
    if there is None:
        return Done.MADE, forge.open_issue(title, text)
    if _same(there.text, text):
        return Done.KEPT, there
    return Done.CHANGED, forge.change_issue(there.number, text)


def _with(mark: str, posts: Iterable[Post]) -> Post | None:
    return next((each for each in posts if each.text.partition("\n")[0].strip() == mark), None)


def _same(there: str, text: str) -> bool:
    return [line.rstrip() for line in there.splitlines()] == [line.rstrip() for line in text.splitlines()]
