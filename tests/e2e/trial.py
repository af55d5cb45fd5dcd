"""One case tried: the change made by `apply`, and then in the naive way, on the same pair; and nothing at all for
as long as that took, where Kea by itself gives one address to two clients now and then.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from tests.e2e.conditions import Case
from tests.e2e.scene import Measured, Scene, scene
from tests.kea.world import Run


@dataclass(frozen=True, slots=True)
class Trial:
    """What clients noticed of a case."""

    case: Case
    ours: Measured
    naive: Measured
    idle: Measured | None
    predicted: float  # the seconds for which the plan says that nobody is answered

    def complaints(self) -> Iterator[str]:
        """Everything that is not as required."""
        if self.ours.doubled:
            yield f"leased to two clients: {', '.join(self.ours.doubled)}"
        most = self.case.most_lost(self.naive.lost)
        if self.ours.lost > most:
            yield (
                f"lost {self.ours.lost} of {self.ours.report.begun}, at most {most} may be: "
                f"the naive way lost {self.naive.lost} of {self.naive.report.begun}"
            )


def tried(case: Case) -> Trial:
    """Try a case on a pair made for it. AssertionError where the apply does not do what it is to do."""
    with scene(case.pair, is_hurried=case.is_killed) as made:
        made.prepare(case.change)
        predicted = made.predicted_pause()
        ours = _killed(made) if case.is_killed else made.measured(made.must_apply)
        naively = partial(made.set_naively, case.change)
        action = partial(made.with_primary_killed, naively) if case.is_killed else naively
        naive = made.measured(action)
        idle = made.measured(partial(time.sleep, ours.seconds)) if case.pair.has_races else None
        return Trial(case, ours, naive, idle, predicted)


def _killed(made: Scene) -> Measured:
    """What clients notice of an apply whose primary is killed in the middle; the next apply has to reach the goal."""
    runs: list[Run] = []
    measured = made.measured(lambda: made.with_primary_killed(lambda: runs.append(made.apply())))
    assert "Traceback" not in runs[0].stderr, runs[0]
    made.must_apply()
    made.until_normal(made.patience)
    return measured
