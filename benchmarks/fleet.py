"""Planning many pairs at once, on simulated servers, beside `curl --parallel` fetching the same configurations."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import PROGRAM, Row, side_by_side, wall

RUNS = 3
PARALLEL = 100


def rows(folder: Path, size: tuple[int, int]) -> Iterator[Row]:
    """Yield the row of a plan over a thousand pairs (a tenth of the first of `size`)."""
    pairs = size[0] // 10
    command = [sys.executable, "-m", "benchmarks.fleet", str(folder), str(pairs)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True) as servers:
        try:
            if servers.stdout is None or servers.stdout.readline().strip() != "ready":
                raise RuntimeError("the simulated servers did not start")
            plan = [PROGRAM, "plan", "--desired", str(folder / "desired")]
            curl = ["curl", "--silent", "--fail", "--parallel", "--parallel-max", str(PARALLEL)]
            curl += ["--config", str(folder / "curl.txt")]
            ours, theirs = side_by_side(lambda: wall(plan), lambda: wall(curl), RUNS)
            yield Row(f"plan of {pairs} simulated pairs / curl --parallel config-get", ours, theirs, None, RUNS)
        finally:
            servers.terminate()
