"""Kills the lab's daemons when the process that started them is gone, however it went.

`atexit` does not run after SIGKILL or SIGTERM. So a small process of its own session holds the reading end of a
pipe: it is told each process group that starts and ends, and when the pipe closes, the groups that are left
are killed. It knows no other groups than those.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO


class Watchdog:
    """The end of the pipe that the lab holds. The process is started when the pipe is first asked for."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pipe(self) -> IO[bytes]:
        """Where a process writes the line `+GROUP` before it becomes a daemon of that process group."""
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(Path(__file__))],
                stdin=subprocess.PIPE,
                bufsize=0,
                start_new_session=True,
            )
        assert self._process.stdin is not None  # noqa: S101 - asked for above
        return self._process.stdin

    def ended(self, group: int) -> None:
        """Note that process group `group` has ended; its number may come to mean somebody else."""
        with contextlib.suppress(BrokenPipeError):
            self.pipe.write(f"-{group}\n".encode())

    def close(self) -> None:
        """End the watchdog; it kills whatever it still knows."""
        if self._process is not None:
            self._process.communicate()
            self._process = None


def watch() -> None:
    """Read lines `+GROUP` and `-GROUP` from stdin until it ends, then kill the groups that are left."""
    groups: set[int] = set()
    for line in sys.stdin:
        (groups.add if line[0] == "+" else groups.discard)(int(line[1:]))
    for group in groups:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    watch()
