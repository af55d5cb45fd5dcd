"""Who may write to an endpoint on this machine, whatever user and state directory a run has: a daemon, or CI.

Linux has socket names that are no files: one can be bound once at a time, by anybody, and the kernel takes it back when
the process ends, however it ends; of who listens there it tells process and user (unix(7): abstract sockets,
SO_PEERCRED). They are those of one network namespace, so a container doesn't see those of its host. Elsewhere than on
Linux, runs with different state directories don't see each other.
"""

from __future__ import annotations

import errno
import hashlib
import pwd
import socket
import struct
import sys
from collections.abc import Collection, Iterable

PREFIX = "kea-reconciler"
_CREDENTIALS = struct.Struct("3i")  # struct ucred: pid, uid, gid
_WAITING = 64  # connections that nobody accepts: each asks once who listens


class Claims:
    """The endpoints that one run has for itself on this machine."""

    def __init__(self) -> None:
        self._held: dict[str, socket.socket] = {}

    def take(self, controls: Collection[str]) -> str | None:
        """Get the endpoints with these control addresses: all, or none of them. Returns in words who has one, else
        None.
        """
        taken: list[str] = []
        for control in sorted(set(controls) - self._held.keys()):
            listening = socket.socket(socket.AF_UNIX)
            try:
                listening.bind(_name(control))
                listening.listen(_WAITING)
            except OSError as error:
                listening.close()
                if error.errno == errno.EADDRINUSE:
                    self._let_go(taken)
                    return holder([control]) or "another run"
                continue  # no such names here
            self._held[control] = listening
            taken.append(control)
        return None

    def release(self) -> None:
        """Let go of all of them."""
        self._let_go(list(self._held))

    def _let_go(self, controls: Iterable[str]) -> None:
        for control in controls:
            self._held.pop(control).close()


def holder(controls: Iterable[str]) -> str | None:
    """Return in words who has one of the endpoints with these control addresses, None where nobody has."""
    for control in controls:
        with socket.socket(socket.AF_UNIX) as asking:
            asking.settimeout(0)
            try:
                asking.connect(_name(control))
            except BlockingIOError:  # too many asked before
                return "another run"
            except OSError:
                continue
            return _described(asking)
    return None


def _name(control: str) -> str:
    return f"\0{PREFIX}/{hashlib.sha256(control.encode()).hexdigest()[:32]}"


def _described(connected: socket.socket) -> str:
    if sys.platform != "linux":
        return "another run"
    pid, uid, _ = _CREDENTIALS.unpack(connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
    try:
        user = pwd.getpwuid(uid).pw_name
    except KeyError:
        user = f"uid {uid}"
    return f"a run with another state directory, of {user} on {socket.gethostname()} (pid {pid}),"
