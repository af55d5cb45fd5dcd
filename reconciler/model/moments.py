"""Times as people read them."""

from __future__ import annotations

from datetime import datetime


def moment(at: datetime, timespec: str = "seconds") -> str:
    """Return a time in this machine's time zone, and how far that is from UTC: `2026-11-26 16:02:41+01:00`.

    `timespec` is its last part, as `datetime.isoformat` calls it.
    """
    return at.astimezone().isoformat(sep=" ", timespec=timespec)
