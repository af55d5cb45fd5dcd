"""When to look again: at the usual pace, and after failures."""

from __future__ import annotations

FIRST, FACTOR, LONGEST = 2.0, 3.0, 300.0  # seconds, and how much longer each pause is than the one before
_SPREAD = 0.2  # the part of a pause that is left to chance, so that not all come back at the same moment


def pause(failures: int, chance: float) -> float:
    """Return how many seconds to wait after that many failures in a row; `chance` is from 0 to 1."""
    longest = FIRST
    for _ in range(failures - 1):
        longest = min(LONGEST, longest * FACTOR)
    return spread(longest, chance)


def spread(seconds: float, chance: float) -> float:
    """Return about that many seconds: up to a tenth more or less. `chance` is from 0 to 1."""
    return seconds * (1 + _SPREAD * (chance - 0.5))
