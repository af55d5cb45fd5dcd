"""The program git, of which what is under way can be ended: a remote may never answer, and the daemon has to end."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path

from reconciler.errors import ReconcilerError

_SECONDS = 120.0  # for which git may be at it
_PATIENCE = 5.0  # seconds in which what was asked to end may do so
_SLICE = 0.5  # seconds between two looks at whether it was, and is not gone
_OPTIONS = ("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "protocol.ext.allow=never")


class GitError(ReconcilerError):
    """The branch can't be followed; what was in force stays so."""


class Git:
    """Runs git, one command at a time; `stop` may be called from another thread.

    Hooks and what else a repository may want to run stay off; ssh keys and the like are those of the user.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._may_end: subprocess.Popen[str] | None = None  # what is under way and need not be carried to its end
        self._ends_by: float | None = None  # from `stop` on; then what is left is killed

    def run(self, directory: Path, *arguments: str, to_its_end: bool = False) -> subprocess.CompletedProcess[str]:
        """Run a command in a directory. `to_its_end`: ending it would leave something half done, so `stop` does not.

        Raises GitError where git isn't there, takes too long, or was ended.
        """
        process = self._begin(directory, arguments, to_its_end=to_its_end)
        try:
            out, err = self._finish(process, arguments[0])
        finally:
            with self._lock:
                self._may_end = None
        if process.returncode != 0 and self._ends_by is not None and not to_its_end:
            _signal(process, signal.SIGKILL)  # what it started was asked to end as well, and may not have listened
            raise GitError(f"git {arguments[0]} was ended, since the daemon ends")
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def stop(self) -> None:
        """End what is under way, with all that it started, and let nothing begin any more."""
        with self._lock:
            self._ends_by = time.monotonic() + _PATIENCE
            if self._may_end is not None and self._may_end.returncode is None:
                _signal(self._may_end, signal.SIGTERM)  # upon which git takes its locks and unfinished files away

    def _begin(self, directory: Path, arguments: tuple[str, ...], *, to_its_end: bool) -> subprocess.Popen[str]:
        program = shutil.which("git")
        if program is None:
            raise GitError("the program git is not installed")
        environment = {**os.environ, "LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_ASKPASS": "/bin/false"}
        environment.setdefault("GIT_SSH_COMMAND", "ssh -o BatchMode=yes")
        with self._lock:
            if self._ends_by is not None:
                raise GitError(f"git {arguments[0]} was not begun, since the daemon ends")
            try:
                process = subprocess.Popen(
                    [program, *_OPTIONS, "-C", str(directory.absolute()), *arguments],
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                    errors="replace",
                    start_new_session=True,  # a group of its own, which is ended as a whole: ssh is in it
                )
            except OSError as error:
                raise GitError(f"git {arguments[0]} can't be run: {type(error).__name__}") from error
            self._may_end = None if to_its_end else process
        return process

    def _finish(self, process: subprocess.Popen[str], command: str) -> tuple[str, str]:
        """Return what git prints. Raises GitError where that takes too long, and ends it then."""
        limit, is_asked = time.monotonic() + _SECONDS, False
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                said = process.communicate(timeout=_SLICE)
                if not is_asked:
                    return said
                break
            now = time.monotonic()
            ends_by = self._ends_by if process is self._may_end and self._ends_by is not None else limit + _PATIENCE
            if now >= ends_by:
                break
            if now >= limit and not is_asked:
                _signal(process, signal.SIGTERM)
                is_asked = True
        _signal(process, signal.SIGKILL)
        process.wait()
        for pipe in (process.stdout, process.stderr):  # somebody who left the group may hold them for ever
            if pipe is not None:
                pipe.close()
        raise GitError(
            f"git {command} was not done {f'within {_SECONDS:g} s' if is_asked else 'when the daemon ended'}"
        )


def _signal(process: subprocess.Popen[str], number: signal.Signals) -> None:
    """Send a signal to a process and all that it started, as far as they are not gone."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)
