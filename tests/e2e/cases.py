"""All that is tried for the table in the README, and of it what every run of the tests tries."""

from __future__ import annotations

from reconciler.model import Mode
from tests.e2e.conditions import Case, Change, Pair

_HS, _LB = Mode.HOT_STANDBY, Mode.LOAD_BALANCING
_MADE = (Change.TIMERS, Change.RESERVATIONS, Change.SUBNETS)
_FEW = [
    Pair(series, mode, has_split_pools=is_split)
    for series in ("2.2", "3.0")
    for mode, is_split in ((_HS, False), (_LB, True), (_LB, False))
]
_MANY = 15_000

EVERY = (
    *(Case(pair, change) for pair in _FEW for change in _MADE),
    *(
        Case(Pair("3.0", mode, has_split_pools=mode is _LB, has_commands=True), change)
        for mode in (_HS, _LB)
        for change in _MADE[1:]
    ),
    *(
        Case(Pair("3.0", mode, has_split_pools=mode is _LB, has_commands=True, leases=_MANY), _MADE[1])
        for mode in (_HS, _LB)
    ),
    *(Case(Pair(series, mode, leases=_MANY), Change.TIMERS) for series in ("2.2", "3.0") for mode in (_HS, _LB)),
    *(Case(Pair(series, mode, heartbeat=10_000), Change.TIMERS) for series in ("2.2", "3.0") for mode in (_HS, _LB)),
    *(Case(Pair(series, mode), Change.TIMERS, is_killed=True) for series in ("2.2", "3.0") for mode in (_HS, _LB)),
)

# What takes longest begins: they run side by side.
TESTED = (
    Case(Pair("3.0", _LB, heartbeat=10_000), Change.TIMERS),
    Case(Pair("3.0", _LB), Change.TIMERS),
    Case(Pair("2.2", _LB), Change.TIMERS),
    Case(Pair("3.0", _LB), Change.TIMERS, is_killed=True),
    Case(Pair("3.0", _HS), Change.TIMERS, is_killed=True),
    Case(Pair("3.0", _LB, has_split_pools=True, has_commands=True, leases=_MANY), Change.RESERVATIONS),
    Case(Pair("3.0", _HS, leases=_MANY), Change.TIMERS),
    Case(Pair("3.0", _LB, has_split_pools=True), Change.RESERVATIONS),
    Case(Pair("2.2", _HS), Change.SUBNETS),
    Case(Pair("3.0", _HS), Change.TIMERS),
)
