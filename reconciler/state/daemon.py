"""The one daemon of a state directory: who it is, and how it is told to look."""

from __future__ import annotations

import fcntl
import os
import signal
from pathlib import Path

from reconciler.errors import LockedError
from reconciler.state.database import told
from reconciler.state.directory import private_file

FILE = "watch.lock"


class DaemonLock:
    """Held by the daemon while it lives; the kernel lets go of it when the process ends, however it ends."""

    def __init__(self, directory: Path) -> None:
        """Raises LockedError where another daemon has it, StateError where the directory can't be used."""
        with told(directory):
            self._descriptor = private_file(directory / FILE)
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                os.close(self._descriptor)
                text = f"another `kea-reconciler watch` (pid {daemon(directory)}) works with {directory}"
                raise LockedError(f"{text}; stop that one first, or give this one another --state-dir") from error
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let go of it."""
        os.close(self._descriptor)


def daemon(directory: Path) -> int | None:
    """Return the process id of the daemon that works with a state directory, None where none runs."""
    try:
        descriptor = os.open(directory / FILE, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return int(os.pread(descriptor, 20, 0) or 0) or None
    finally:
        os.close(descriptor)
    return None


def nudge(directory: Path) -> int | None:
    """Tell the daemon to look at everything now, and return its process id; None where none runs.

    Raises StateError where that is not allowed to this user.
    """
    with told(directory):
        pid = daemon(directory)
        if pid is not None:
            os.kill(pid, signal.SIGHUP)
    return pid
