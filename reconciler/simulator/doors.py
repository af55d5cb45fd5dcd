"""Where the HA hooks of a world's daemons listen for their peers, open for whoever tries to connect."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from reconciler.simulator.direct import bound

if TYPE_CHECKING:
    import socket
    from collections.abc import Collection


class Doors:
    """Sockets at addresses and ports. Nothing is said there: the peers of a world talk to each other without them."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, int], socket.socket] = {}
        self._kept: list[socket.socket] = []

    def new_port(self, host: str) -> int:
        """Return a free port, which is kept until the end."""
        self._kept.append(bound(host, 0))
        port: int = self._kept[-1].getsockname()[1]
        return port

    def open(self, host: str, port: int) -> None:
        """Listen there, if not done yet, in the loop that runs; RefusedError with Kea's words where that fails."""
        if (host, port) in self._open:
            return
        opened = self._open[host, port] = bound(host, port)
        opened.settimeout(0)
        opened.listen()
        asyncio.get_running_loop().add_reader(opened, _turn_away, opened)

    def keep(self, wanted: Collection[tuple[str, int]]) -> None:
        """Listen nowhere else any more."""
        for place in self._open.keys() - set(wanted):
            closed = self._open.pop(place)
            asyncio.get_running_loop().remove_reader(closed)
            closed.close()

    def end(self) -> None:
        """Close all, and give the ports back."""
        self.keep(())
        while self._kept:
            self._kept.pop().close()


def _turn_away(opened: socket.socket) -> None:
    """Let whoever connected see that somebody listens, and no more."""
    with contextlib.suppress(OSError):  # it is gone again
        opened.accept()[0].close()
