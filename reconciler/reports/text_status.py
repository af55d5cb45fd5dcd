"""How relationships are doing, as text for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from reconciler.model import Health, RelationshipStatus, ServerStatus, Suspension, Unmanaged
from reconciler.model.moments import moment
from reconciler.redaction import visible
from reconciler.reports.colours import Style, paint
from reconciler.reports.numbers import count, seconds, signed_seconds
from reconciler.reports.tables import table
from reconciler.reports.text_plan import unmanaged_lines
from reconciler.reports.values import shown_name

WORDS: Final = {
    Health.OK: ("OK", Style.GOOD),
    Health.IMPAIRED: ("Impaired", Style.WARNING),
    Health.SERVICE_DOWN: ("Service down", Style.BAD),
}
_COLUMNS: Final = ("server", "role", "state", "scopes", "partner heard", "clock", "Kea", "in sync")
_UNKNOWN: Final = "-"


def text_status(
    statuses: Sequence[RelationshipStatus], unmanaged: Sequence[Unmanaged] = (), *, colour: bool = False
) -> str:
    """Return statuses as text, in their own order, and what is none of ours, without a line end at its end."""
    blocks = ["\n".join(status_lines(each, colour=colour)) for each in statuses]
    if unmanaged:
        blocks.append("\n".join(unmanaged_lines(unmanaged)))
    return "\n\n".join([*blocks, paint(status_summary(statuses), Style.HEADING, colour=colour)])


def status_lines(status: RelationshipStatus, *, colour: bool = False) -> Iterator[str]:
    """Yield how one relationship is doing."""
    word, style = WORDS[status.status]
    head = f"{shown_name(status.name)}: {status.service}, {status.mode}: "
    yield paint(head, Style.HEADING, colour=colour) + paint(word, style, colour=colour)
    yield from (f"  because {visible(reason)}" for reason in status.reasons)
    yield f"  authority: {shown_name(status.authority or 'none')} ({visible(status.authority_reason)})"
    yield f"  in sync: {_answer(status.in_sync)}{'' if status.in_sync is not False else ' (plan says what differs)'}"
    if status.suspension is not None:
        yield f"  {paint(visible(suspension_words(status.suspension)), Style.WARNING, colour=colour)}"
    for each in status.contested:
        words = f"contested: {visible(each)} drifts back again and again; the daemon leaves it alone"
        yield f"  {paint(words, Style.BAD, colour=colour)}"
    yield from (f"  {line}" for line in table([_COLUMNS, *map(_row, status.servers)]))
    yield from (f"  note: {visible(note)}" for note in status.notes)


def suspension_words(suspension: Suspension) -> str:
    """Return who keeps the daemon off, until when (in the time zone of who reads it), and why."""
    return f"suspended until {moment(suspension.until, 'minutes')} by {suspension.user}: {suspension.reason}"


def _row(server: ServerStatus) -> tuple[str, ...]:
    return (
        shown_name(server.server),
        server.role,
        shown_name(server.ha_state or ("no HA" if server.is_reachable else "unreachable")),
        ", ".join(map(shown_name, server.scopes)) or ("none" if server.ha_state else _UNKNOWN),
        _UNKNOWN if server.heartbeat_age is None else f"{seconds(round(server.heartbeat_age))} ago",
        _UNKNOWN if server.clock_skew is None else signed_seconds(server.clock_skew),
        shown_name(server.version or _UNKNOWN),
        _answer(server.in_sync),
    )


def _answer(claim: bool | None) -> str:  # noqa: FBT001 - a claim to be put in a word, not a switch
    return "unknown" if claim is None else "yes" if claim else "no"


def status_summary(statuses: Sequence[RelationshipStatus]) -> str:
    """Return in one sentence how they all are."""
    if not statuses:
        return "Nothing to look at: no relationship is desired."
    found = Counter(each.status for each in statuses)
    parts = ", ".join(f"{found[health]} {word}" for health, (word, _) in WORDS.items() if found[health])
    return f"{count(len(statuses), 'relationship')}: {parts}."
