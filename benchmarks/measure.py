"""Running commands and taking their wall time; medians and ratios; a table of what was found."""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

BARE = [sys.executable, "-c", "pass"]
PROGRAM = str(Path(sys.executable).with_name("kea-reconciler"))


@dataclass(frozen=True, slots=True)
class Row:
    """One result: what was measured against what, their medians in seconds (or bytes), and the goal for the ratio."""

    name: str
    ours: float
    theirs: float
    goal: float | None
    runs: int
    unit: str = "s"

    def __str__(self) -> str:
        goal = f"goal <= {self.goal}" if self.goal else ""
        scale, unit = (1e6, "MB") if self.unit == "B" else (1, self.unit)
        sizes = f"{self.ours / scale:8.3f} {unit} / {self.theirs / scale:8.3f} {unit}"
        return f"{self.name:<62} {self.ours / self.theirs:6.2f} x   {sizes}  n={self.runs}  {goal}"


def wall(command: Sequence[str], *, codes: tuple[int, ...] = (0,), stdin: bytes | None = None) -> float:
    """Run a command to its end and return its wall time in seconds; RuntimeError where it ends otherwise."""
    begun = time.perf_counter()
    ended = subprocess.run(command, input=stdin, capture_output=True, check=False)
    took = time.perf_counter() - begun
    if ended.returncode not in codes:
        raise RuntimeError(
            f"{command[0]} ended with {ended.returncode}: {ended.stderr[-400:].decode(errors='replace')}"
        )
    return took


def side_by_side(ours: Callable[[], float], theirs: Callable[[], float], runs: int) -> tuple[float, float]:
    """Measure two things in turn, so that a busy machine strikes both, and return their medians."""
    pairs = [(theirs(), ours()) for _ in range(runs)]
    return statistics.median(our for _, our in pairs), statistics.median(their for their, _ in pairs)


def peak_of(command: Sequence[str]) -> int:
    """Run a command that prints `peak BYTES` as its last line and return that number.

    Each program reads its own VmHWM: ru_maxrss of a child starts at that of the process that forked it.
    """
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(ended.stdout.split()[-1])


def own_peak() -> int:
    """Return the largest resident size that this process has had, in bytes (VmHWM)."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    if found is None:
        raise RuntimeError("this system does not tell VmHWM")
    return int(found[1]) * 1024
