"""Telling systemd how the daemon is doing (sd_notify): one datagram to the socket that it names."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Mapping


class Notifier:
    """Sends to the socket of the environment; does nothing where systemd did not start us.

    `watchdog` is within how many seconds systemd wants to hear from us again, None where it does not.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "")
        micro = environment.get("WATCHDOG_USEC", "")
        is_ours = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        self.watchdog = int(micro) / 1e6 if micro.isdecimal() and is_ours else None

    def send(self, state: str) -> None:
        """Say a state, such as READY=1; a manager that does not listen keeps nobody from working."""
        if not self._address.startswith(("/", "@")):
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with (
            contextlib.suppress(OSError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out,
        ):
            out.settimeout(1.0)
            out.sendto(state.encode(), address)
