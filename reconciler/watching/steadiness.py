"""Whether a primary that was away is back for good, so that its data may be the truth again.

The servers' own uptime tells it without any memory of ours; that the network went and came only we can know.
"""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.model import Live, Process, Snapshot

_WHOLE = 1.0  # seconds: servers tell whole ones
_LATE = (
    5.0  # seconds; one that began that much later is another process, whatever its id (in containers all have the same)
)


@dataclass(frozen=True, slots=True)
class Presence:
    """Since when, on our monotonic clock in seconds, a server answers without a break; `pid` 0 while it does not.
    `started` is when its process began, as its uptime tells.
    """

    pid: int
    since: float
    started: float = 0.0


def presence(before: Presence | None, live: Live | None, now: float) -> Presence:
    """Return what is known of a server's presence once it was read."""
    if not isinstance(live, Snapshot):
        return Presence(0, now)
    started = live.read_at - live.uptime
    process = Process(live.pid, started)
    if before is not None and not process.is_another_than(Process(before.pid, before.started), _LATE):
        return before
    was_away = before is not None and before.pid == 0
    return Presence(live.pid, now if was_away else now - live.uptime, started)


def still_to_prove(found: Presence, partner: Live | None, needed: float, now: float) -> float:
    """Return for how many seconds more a server has to answer before it counts as being back; 0 where it does.

    One whose partner was started only after that was the first of two that were away, and is the truth from then on.
    """
    is_first = isinstance(partner, Snapshot) and now - partner.uptime > found.since + _WHOLE
    return 0.0 if is_first or not found.pid else max(0.0, found.since + needed - now)
