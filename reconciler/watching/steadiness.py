"""Whether a primary that was away is back for good, so that its data may be the truth again.

The servers' own uptime tells it without any memory of ours; that the network went and came only we can know.
"""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.model import Live, Snapshot


@dataclass(frozen=True, slots=True)
class Presence:
    """Since when, on our monotonic clock in seconds, a server answers without a break; `pid` 0 while it does not."""

    pid: int
    since: float


def presence(before: Presence | None, live: Live | None, now: float) -> Presence:
    """Return what is known of a server's presence once it was read."""
    if not isinstance(live, Snapshot):
        return Presence(0, now)
    if before is not None and before.pid == live.pid:
        return before
    was_away = before is not None and before.pid == 0
    return Presence(live.pid, now if was_away else now - live.uptime)


def still_to_prove(found: Presence, needed: float, now: float) -> float:
    """Return for how many seconds more a server has to answer before it counts as being back; 0 where it does."""
    return max(0.0, found.since + needed - now) if found.pid else 0.0
