"""Which events are news, and to whom: pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from reconciler.model import Event, EventKind, Gravity, Told, Turn, Webhook

_ORDER: Final = (Gravity.INFO, Gravity.WARNING, Gravity.ERROR)


@dataclass(frozen=True, slots=True)
class Notice:
    """An event that is to be told, what it says of its finding, and how much that mattered at most: one that is over
    goes to those who were told of it.
    """

    event: Event
    turn: Turn
    weight: Gravity


def notice(event: Event, told: Mapping[str, Told]) -> Notice | None:
    """Return what is to be told of an event, None where it is no news.

    `told` are the findings that last and were told. One that goes on as another one (a server more that drifted) is no
    news unless it matters more, or a part of it began; or one is over, and others are not, or it matters less: which,
    is in the details. An apply that failed is told by the finding.
    """
    if event.finding is None:
        is_told_otherwise = event.kind is EventKind.APPLIED and event.severity is Gravity.ERROR
        return None if is_told_otherwise else Notice(event, Turn.ONCE, event.severity)
    known = told.get(event.finding)
    if event.is_over:
        return None if known is None else Notice(event, Turn.RECOVERED, known.weight)
    if known is None:
        return Notice(event, Turn.BEGUN, event.severity)
    parts = event.parts if known.parts is None else known.parts
    begun, over = event.parts - parts, parts - event.parts
    told_of = (*(f"new: {each}" for each in sorted(begun)), *(f"over: {each}" for each in sorted(over)))
    news = replace(event, details=(*told_of, *event.details))
    if begun or _weight(event.severity) > _weight(known.weight):
        return Notice(news, Turn.WORSE, max(event.severity, known.weight, key=_weight))
    if over and (event.parts or _weight(event.severity) < _weight(known.weight)):
        return Notice(news, Turn.BETTER, known.weight)
    return None


def told_after(told: Mapping[str, Told], news: Notice) -> dict[str, Told]:
    """Return the findings that last and were told, after a notice."""
    finding = news.event.finding
    if finding is None:
        return dict(told)
    rest = {key: weight for key, weight in told.items() if key != finding}
    return rest if news.turn is Turn.RECOVERED else {**rest, finding: Told(news.weight, news.event.parts)}


def concerns(hook: Webhook, news: Notice) -> bool:
    """Whether a notice is for a webhook. What is about no relationship is for all."""
    name = news.event.relationship
    is_theirs = not hook.relationships or name is None or name in hook.relationships
    return is_theirs and _weight(news.weight) >= _weight(hook.severity)


def _weight(severity: Gravity) -> int:
    return _ORDER.index(severity)
