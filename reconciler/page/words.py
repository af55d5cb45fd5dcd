"""Times in words, as the page shows them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

_UNITS: Final = ((86400, "d"), (3600, "h"), (60, "min"))


def span(value: float) -> str:
    """Return a length of time in its largest unit, which is as exact as anybody wants it: `40 s`, `5 min`, `3 h`."""
    whole = max(0, round(value))
    return next((f"{whole // size} {unit}" for size, unit in _UNITS if whole >= size), f"{whole} s")


def rest(value: float) -> str:
    """Return how long something goes on, with what is left of the largest unit: `1 h 59 min`."""
    whole = max(0, round(value))
    left = whole % next((size for size, _ in _UNITS if whole >= size), 1)
    return span(whole) if left < 60 else f"{span(whole)} {span(left)}"


def clock(at: datetime) -> str:
    """Return the time of the day, in UTC, as the log has it."""
    return at.astimezone(UTC).strftime("%H:%M")


def stamp(at: datetime) -> str:
    """Return a time for programs, as `<time datetime>` wants it."""
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def ago(at: datetime, now: datetime) -> str:
    """Return how long ago something was."""
    seconds = (now - at).total_seconds()
    return "just now" if seconds < 1 else f"{span(seconds)} ago"
