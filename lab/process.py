"""One process of the lab, in a session of its own, that never outlives us."""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING

from lab.errors import LabError
from lab.watchdog import Watchdog

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

_WATCHDOG = Watchdog()
# The new process itself tells the watchdog of its group, and only then becomes the daemon: there is no moment at
# which we could be killed and leave one behind.
_REPORT_AND_BECOME = 'echo "+$$" && exec "$@" >&2'
_RUNNING: set[Process] = set()


class Process:
    """A daemon from `start()` to `stop()` or `kill()`, and again.

    `command` is run with `environment` added to ours; what it prints goes to the file `output`. `pid_file`
    names the daemon where `command` wraps it in another process (faketime forks); the signals go to the daemon,
    while the end always takes the whole process group.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        output: Path,
        pid_file: Path | None = None,
    ) -> None:
        self.command = tuple(command)
        self.environment = dict(environment)
        self.output = output
        self.pid_file = pid_file
        self._popen: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the process; LabError if it is running already. Does not wait for it to be of use."""
        if self._popen is not None:
            raise LabError(f"{self.command[0]} is running already")
        if self.pid_file is not None:
            self.pid_file.unlink(missing_ok=True)  # one left by a kill could name somebody else by now
        with self.output.open("ab") as output:
            self._popen = subprocess.Popen(
                ["sh", "-c", _REPORT_AND_BECOME, "sh", *self.command],
                stdin=subprocess.DEVNULL,
                stdout=_WATCHDOG.pipe,
                stderr=output,
                env=os.environ | self.environment,
                start_new_session=True,
            )
        _RUNNING.add(self)

    @property
    def is_running(self) -> bool:
        """Whether it was started and has not ended, by us or by itself."""
        return self._popen is not None and not self._has_ended(self._popen)

    @property
    def pid(self) -> int:
        """The daemon's own process id; LabError when it is not running."""
        if self._popen is None:
            raise LabError(f"{self.command[0]} is not running")
        noted = self._noted_pid()
        return self._popen.pid if noted is None else noted

    def signal(self, number: signal.Signals) -> None:
        """Send one signal to the daemon."""
        os.kill(self.pid, number)

    def stop(self, grace: float = 3.0) -> None:
        """SIGTERM, also to a frozen daemon, and the end of its whole group after at most `grace` seconds."""
        if self._popen is None:
            return
        with contextlib.suppress(ProcessLookupError):
            self.signal(signal.SIGTERM)
            self.signal(signal.SIGCONT)
            popen = self._popen
            wait_until(lambda: self._has_ended(popen), grace)
        self.kill()

    def kill(self) -> None:
        """SIGKILL to the whole group, and wait until it is gone."""
        popen = self._popen
        if popen is None:
            return
        if self.pid != popen.pid:  # let a wrapper see its child end, and clean up behind it as faketime does
            with contextlib.suppress(ProcessLookupError):
                self.signal(signal.SIGKILL)
            wait_until(lambda: self._has_ended(popen), 1.0)
        self._popen = None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(popen.pid, signal.SIGKILL)
        popen.wait()
        _WATCHDOG.ended(popen.pid)
        _RUNNING.discard(self)

    def _noted_pid(self) -> int | None:
        """What the pid file says, if that is one of our own group."""
        if self.pid_file is None or self._popen is None:
            return None
        try:
            noted = int(self.pid_file.read_text())
            return noted if os.getpgid(noted) == self._popen.pid else None
        except (OSError, ValueError):
            return None

    @staticmethod
    def _has_ended(popen: subprocess.Popen[bytes]) -> bool:
        """Whether it has ended, without reaping it: as long as it is not reaped, its group's number is its own."""
        if popen.returncode is not None:
            return True
        return os.waitid(os.P_PID, popen.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def wait_until(is_so: Callable[[], bool], seconds: float, interval: float = 0.005) -> bool:
    """Ask `is_so` every `interval` seconds until it says yes; False when that took longer than `seconds`."""
    until = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > until:
            return False
        time.sleep(interval)
    return True


def _end_all(owner: int) -> None:
    if os.getpid() != owner:  # a fork of us: not its daemons
        return
    for process in tuple(_RUNNING):
        process.kill()
    _WATCHDOG.close()


atexit.register(_end_all, os.getpid())
