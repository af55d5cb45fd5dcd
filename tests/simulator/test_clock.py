"""Simulated time."""

from __future__ import annotations

from reconciler.simulator.clock import Clock, Scheduler


class Real:
    """A real clock that a test turns."""

    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


def test_time_runs_at_its_speed_and_does_not_jump_when_that_changes() -> None:
    real = Real()
    clock = Clock(2.0, monotonic=real, wall=lambda: 5000.0)
    real.time += 3
    assert (clock.now(), clock.wall()) == (6.0, 5006.0)
    clock.speed = 0
    real.time += 50
    assert clock.now() == 6.0
    clock.speed = 1
    real.time += 1
    assert clock.now() == 7.0
    clock.step(10)
    assert clock.now() == 17.0


def test_everything_on_the_way_happens_at_its_own_time_also_what_is_planned_meanwhile() -> None:
    clock = Clock(0)
    scheduler = Scheduler(clock)
    seen: list[tuple[str, float]] = []

    def again() -> None:
        seen.append(("again", clock.now()))
        scheduler.after(2, again)

    scheduler.after(5, lambda: seen.append(("late", clock.now())))
    scheduler.after(1, again)
    cancelled = scheduler.after(3, lambda: seen.append(("never", clock.now())))
    cancelled.cancel()
    scheduler.advance(6)
    assert seen == [("again", 1.0), ("again", 3.0), ("late", 5.0), ("again", 5.0)]
    assert clock.now() == 6.0
    assert scheduler.seconds_to_next() == 1.0


def test_nothing_is_called_before_it_is_due() -> None:
    real = Real()
    scheduler = Scheduler(Clock(1.0, monotonic=real))
    seen: list[int] = []
    scheduler.after(2, lambda: seen.append(1))
    real.time += 1.9
    scheduler.run_due()
    assert seen == []
    real.time += 0.2
    scheduler.run_due()
    assert seen == [1]
    assert scheduler.seconds_to_next() is None


def test_who_waits_is_told_when_something_is_due_earlier() -> None:
    told: list[float | None] = []
    scheduler = Scheduler(Clock(0), lambda: told.append(scheduler.seconds_to_next()))
    scheduler.after(10, lambda: None)
    scheduler.after(20, lambda: None)
    scheduler.after(5, lambda: None)
    assert told == [10, 5]
