"""What the daemon costs while nothing happens: processor time over wall time, watching pairs of simulated servers."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.fleet import served
from benchmarks.measure import PROGRAM, Row

INTERVAL = 60  # seconds, the default
GOAL = 0.10
VERSIONS = ("2.6.3", "2.2.0")  # with config-hash-get, and without


def rows(folder: Path, size: tuple[int, int]) -> Iterator[Row]:
    """Yield the rows of a thousand quiet pairs (a tenth of the first of `size`), watched for two intervals."""
    pairs = size[0] // 10
    for version in VERSIONS:
        place = folder / version
        with served(place, pairs, version):
            command = [PROGRAM, "watch", "--desired", str(place / "desired"), "--state-dir", str(place / "state")]
            with subprocess.Popen([*command, "--log-level", "error", "--listen", "127.0.0.1:0"]) as daemon:
                try:
                    time.sleep(2 * INTERVAL)  # until everything was looked at once, and once again
                    began, spent = time.perf_counter(), _processor_seconds(daemon.pid)
                    time.sleep(2 * INTERVAL)
                    ours, theirs = _processor_seconds(daemon.pid) - spent, time.perf_counter() - began
                finally:
                    daemon.terminate()
        yield Row(f"watching {pairs} quiet pairs of {version} / wall time", ours, theirs, GOAL, 1)


def _processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
