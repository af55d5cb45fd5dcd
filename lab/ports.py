"""Free TCP ports on loopback that stay ours until they are given back, also between processes.

Asking the kernel for "any port" and closing the socket races with every other worker that does the same. So a
port is taken by an exclusive lock on a file named after it, and counts as free only if it can be bound then.
The kernel drops such a lock when its process ends, however it ends.
"""

from __future__ import annotations

import errno
import fcntl
import os
import random
import socket
import tempfile
from pathlib import Path
from typing import IO

from lab.errors import LabError

# Below Linux's range for outgoing connections (32768 and up), which would take a port behind our back.
_RANGE = range(20000, 32000)


class Port:
    """One port of `address`, reserved from construction to `release()`; `number` is the TCP port.

    A free one is chosen unless a `number` is asked for; LabError where there is none, or that one is taken.
    """

    def __init__(self, address: str = "127.0.0.1", number: int | None = None) -> None:
        folder = Path(tempfile.gettempdir()) / f"kea-lab-ports-{os.getuid()}"
        folder.mkdir(mode=0o700, exist_ok=True)
        for candidate in random.sample(_RANGE, 200) if number is None else [number]:
            lock = _locked(folder / f"{address}-{candidate}")
            if lock is None:
                continue
            if not is_taken(address, candidate):
                self.number = candidate
                self._lock = lock
                return
            lock.close()
        raise LabError(f"TCP port {number or 'of the lab'} of {address} is taken")

    def release(self) -> None:
        """Give the port back; once is enough, more does no harm."""
        self._lock.close()


def _locked(path: Path) -> IO[bytes] | None:
    """The open file with an exclusive lock on it, or None where somebody else has it."""
    file = path.open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return None
    return file


def is_taken(address: str, number: int) -> bool:
    """Whether a listener of Kea's kind (SO_REUSEADDR) would find the port taken.

    An address that this network namespace does not have says nothing about the one that has it.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, number))
        except OSError as error:
            return error.errno != errno.EADDRNOTAVAIL
    return False
