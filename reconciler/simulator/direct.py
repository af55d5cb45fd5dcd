"""A daemon's own HTTP sockets, since 2.7.2: they answer whatever `service` says."""

from __future__ import annotations

import asyncio
import errno
import socket
from typing import TYPE_CHECKING

from reconciler.simulator.answering import Answering, listed, refused
from reconciler.simulator.configuration.refusal import RefusedError
from reconciler.simulator.http import NOTHING, Connection, basic

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.simulator.configuration.context import Shown
    from reconciler.simulator.endpoint import SimulatedEndpoint
    from reconciler.simulator.http import Answer
    from reconciler.simulator.requests import Request
    from reconciler.simulator.server import SimulatedServer

CANNOT_LISTEN = "unable to setup TCP acceptor for listening to the incoming HTTP requests: bind: "
IN_USE, NOT_OURS = "Address already in use [system:98", "Cannot assign requested address [system:99"
_NOT_ALLOWED = "Permission denied [system:13"
WHERE = " at /usr/include/boost/asio/detail/reactive_socket_service.hpp:161 in function 'bind']"
_BACKLOG = 64


def bound(address: str, port: int) -> socket.socket:
    """Return a socket at an address and port that does not listen yet; 0: a free one, which is kept meanwhile.

    RefusedError with Kea's words where that is not possible.
    """
    opened = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        opened.bind((address, port))
    except OSError as error:
        opened.close()
        reason = {errno.EADDRINUSE: IN_USE, errno.EACCES: _NOT_ALLOWED}.get(error.errno or 0, NOT_OURS)
        raise RefusedError(f"{CANNOT_LISTEN}{reason}{WHERE}") from None
    return opened


class DirectSocket(Answering):
    """One HTTP socket of a daemon, at an address and port; `entry` is how it is configured."""

    reads_services = False

    def __init__(self, endpoint: SimulatedEndpoint, entry: Shown) -> None:
        super().__init__()
        self._endpoint = endpoint
        self._connections: set[Connection] = set()
        self._server: asyncio.Task[asyncio.Server] | None = None
        self.configure(entry)

    @property
    def place(self) -> SimulatedServer:
        """The server of its daemon."""
        return self._endpoint.server

    def configure(self, entry: Shown) -> None:
        """Take over who may ask."""
        authentication = entry.get("authentication", {})
        self.realm = authentication.get("realm", "")
        clients = authentication.get("clients", [])
        self.credentials = frozenset(basic(client["user"], client["password"]) for client in clients)

    def open(self, address: str, port: int) -> None:
        """Listen; RefusedError with Kea's words where that is not possible."""
        opened = bound(address, port)
        opened.listen(_BACKLOG)  # whoever connects before asyncio serves it, waits in the backlog
        serving = asyncio.get_running_loop().create_server(lambda: Connection(self, self._connections), sock=opened)
        self._server = asyncio.ensure_future(serving)

    def close(self) -> None:
        """Listen no more; what is being answered still is."""
        if self._server is None:
            return
        self._server.add_done_callback(lambda opened: None if opened.cancelled() else opened.result().close())
        self._server = None
        self._endpoint.server.world.after_this(self._drop)

    def _drop(self) -> None:
        for connection in list(self._connections):
            connection.close()

    # ---------------------------------------------------------------------------------------- requests

    def addressed(self, request: Request) -> list[SimulatedEndpoint]:  # noqa: ARG002
        """Its daemon, whatever the request says."""
        return [self.place.endpoints[self._endpoint.service]]

    def carried_out(self, request: Request) -> bytes:
        """The daemon's answer."""
        if request.problem:
            return refused(request.problem)
        self.place.note(str(self._endpoint.service), request.command)
        return listed([self._endpoint.execute_to_bytes(request.command, request.arguments)])

    def given_up(self, endpoint: SimulatedEndpoint) -> Answer:  # noqa: ARG002
        """Nothing comes back."""
        return NOTHING


class DirectSockets:
    """All HTTP sockets of a daemon."""

    def __init__(self, endpoint: SimulatedEndpoint) -> None:
        self._endpoint = endpoint
        self._open: dict[tuple[str, int], DirectSocket] = {}

    @property
    def urls(self) -> list[str]:
        """Where the daemon listens."""
        return [f"http://{f'[{host}]' if ':' in host else host}:{port}/" for host, port in self._open]

    @property
    def places(self) -> set[tuple[str, int]]:
        """The same as addresses and ports."""
        return set(self._open)

    def listen(self, entries: Sequence[Shown]) -> None:
        """Open, keep and close sockets so that there is one for each entry; RefusedError where one can't be opened."""
        wanted = {
            (entry.get("socket-address", "127.0.0.1"), entry.get("socket-port", 8000)): entry for entry in entries
        }
        for place in [place for place in self._open if place not in wanted]:
            self._open.pop(place).close()
        for place, entry in wanted.items():
            if place in self._open:
                self._open[place].configure(entry)
                continue
            opened = DirectSocket(self._endpoint, entry)
            opened.open(*place)
            self._open[place] = opened

    def close(self) -> None:
        """Close all."""
        self.listen([])
