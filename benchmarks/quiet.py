"""What the daemon costs while nothing happens: processor time over wall time, watching pairs of simulated servers.

The servers are a process of their own, whose time is not counted. What is measured begins when every pair was found to
be well, and holds only if all still are at the end, and were looked at in every interval.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from benchmarks.fleet import served
from benchmarks.measure import PROGRAM, Row
from lab.ports import Port

INTERVAL = 60  # seconds, the default
ROUNDS = 3  # intervals that are measured: a part of one would have more than its share of looks, or less
GOAL = 0.10
VERSIONS = ("2.6.3", "2.2.0")  # with config-hash-get, and without
_PATIENCE = 900.0  # seconds until all pairs are well


def rows(folder: Path, size: tuple[int, int]) -> Iterator[Row]:
    """Yield the rows of a thousand quiet pairs (a tenth of the first of `size`), watched for some intervals."""
    pairs = size[0] // 10
    for version in VERSIONS:
        place = folder / version
        port = Port()
        with served(place, pairs, version):
            command = [PROGRAM, "watch", "--desired", str(place / "desired"), "--state-dir", str(place / "state")]
            address = f"127.0.0.1:{port.number}"
            with subprocess.Popen([*command, "--log-level", "error", "--listen", address]) as daemon:
                try:
                    _until_all_are_well(address, pairs, daemon)
                    looks = _number(address, "request_duration_seconds_count")
                    began, spent = time.perf_counter(), _processor_seconds(daemon.pid)
                    time.sleep(ROUNDS * INTERVAL)
                    ours, theirs = _processor_seconds(daemon.pid) - spent, time.perf_counter() - began
                    looks = _number(address, "request_duration_seconds_count") - looks
                    if _well(address) != pairs or looks < 0.8 * ROUNDS * 2 * pairs:  # a request a server at least
                        raise RuntimeError("it was not quiet, or the daemon did not keep its interval")
                finally:
                    daemon.terminate()
                    port.release()
        yield Row(f"watching {pairs} quiet pairs of {version} / wall time", ours, theirs, GOAL, 1)


def _until_all_are_well(address: str, pairs: int, daemon: subprocess.Popen[bytes]) -> None:
    limit = time.monotonic() + _PATIENCE
    while _well(address) != pairs:
        if daemon.poll() is not None or time.monotonic() > limit:
            raise RuntimeError("the pairs did not get well")
        time.sleep(10)


def _well(address: str) -> float:
    """Return how many relationships are OK and have nothing that differs."""
    if _number(address, "drift_differences") or _number(address, "pending_changes"):
        return 0.0
    return _number(address, "relationship_status", 'status="ok"')


def _number(address: str, name: str, labels: str = "") -> float:
    """Return the sum of a metric over all its labels; 0 while nobody answers."""
    try:
        with urllib.request.urlopen(f"http://{address}/metrics", timeout=60) as answer:
            text = answer.read().decode()
    except OSError:
        return 0.0
    found = re.findall(rf"^kea_reconciler_{name}{{(.*)}} (\S+)$", text, re.MULTILINE)
    return sum(float(value) for own, value in found if labels in own)


def _processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
