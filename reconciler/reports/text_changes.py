"""One server's changes as lines, grouped by why they are due."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from reconciler.model import Action, Cause, Change, FieldChange
from reconciler.reports.colours import Style, paint
from reconciler.reports.numbers import count
from reconciler.reports.values import shown_name, shown_pair

SIGNS: Final = {
    Action.ADD: ("+", Style.ADDED),
    Action.CHANGE: ("~", Style.CHANGED),
    Action.DELETE: ("-", Style.DELETED),
}
_ORDER: Final = "order"
_CAUSES: Final = tuple(Cause)


def change_groups(changes: Sequence[Change], server: str, authority: str | None, *, colour: bool) -> Iterator[str]:
    """Yield the lines of one server's changes: a heading per cause, its changes below in their own order.

    `server` is the one that would be set, `authority` the one whose data it would get.
    """
    groups: dict[tuple[Cause, tuple[str, ...]], list[Change]] = {}
    for change in changes:
        groups.setdefault((change.cause, change.moved), []).append(change)
    for cause, moved in sorted(groups, key=lambda group: (_CAUSES.index(group[0]), group[1])):
        yield paint(cause_words(cause, moved, server, authority), Style.QUIET, colour=colour)
        for change in groups[cause, moved]:
            yield from (f"  {line}" for line in change_lines(change, colour=colour))


def cause_words(cause: Cause, moved: Sequence[str], server: str, authority: str | None) -> str:
    """Return why changes are due, in words that name the server that moved where that is known."""
    truth = shown_name(authority or "the authority")
    if cause is Cause.GIT:
        return "git: desired changed"
    if cause is Cause.PEER:
        return f"peer: {' and '.join(map(shown_name, moved)) or shown_name(server)} was changed behind our back"
    if cause is Cause.VERSION:
        return "version: Kea was upgraded since the last replication, and what nobody set means something else now"
    if cause is Cause.ROLLBACK:
        return "rollback: brought back as it was"
    others = [shown_name(name) for name in moved if name != authority]
    if others:
        return f"primary: {truth}'s data changed, and {' and '.join(others)} was changed too"
    if moved:
        return f"primary: {truth}'s data changed"
    return f"primary: {truth}'s data differs; which server changed can't be told"


def change_lines(change: Change, *, colour: bool) -> list[str]:
    """Return one change as lines: its sign and object, then what of it, further parameters on lines of their own."""
    sign, style = SIGNS[change.action]
    fields = [_field_text(change, field) for field in change.fields]
    head = f"{sign} {object_words(change)}"
    if change.summary:
        head += f": {shown_name(change.summary)}"
    if len(fields) == 1:
        head, fields = f"{head}: {fields[0]}", []
    if change.leases:
        head += f" ({count(change.leases, 'lease')} in use)"
    lines = [f"{head}:" if fields else head, *(f"    {field}" for field in fields)]
    return [paint(line, style, colour=colour) for line in lines]


def object_words(change: Change) -> str:
    """Return which object a change is of, from the inside out: `pool 10.0.0.10-10.0.0.20 in subnet 10.0.0.0/24`."""
    words = [f"{shown_name(kind)} {shown_name(key)}" for kind, key in change.path]
    if _is_order(change):
        words[-1] = f"order of {shown_name(change.path[-1][0])}"
    return " in ".join(reversed(words))


def _is_order(change: Change) -> bool:
    return change.path[-1][1] == _ORDER and [field.name for field in change.fields] == [_ORDER]


def _field_text(change: Change, field: FieldChange) -> str:
    before, after = shown_pair(field.before, field.after)
    values = f"{before} -> {after}"
    kind, key = change.path[-1]
    if _is_order(change) or (kind == "global" and field.name == key):
        return values
    name = field.name.removeprefix(f"{key}.") if kind == "global" else field.name
    return f"{shown_name(name)} {values}"
