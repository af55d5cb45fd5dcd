"""Serving the pages in the daemon's own loop."""

from __future__ import annotations

import contextlib
import logging
import socket
from collections.abc import Iterator
from ipaddress import ip_address
from typing import TYPE_CHECKING

import uvicorn

from reconciler.errors import NotListeningError, UsageError
from reconciler.page.connections import MOST_AT_ONCE, Connection

if TYPE_CHECKING:
    from starlette.types import ASGIApp

_log = logging.getLogger("reconciler")


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the daemon."""
        yield


class Serving:
    """Serves an application at a socket that listens, from `serve` until `stop`."""

    def __init__(self, app: ASGIApp, listening: socket.socket) -> None:
        logging.getLogger("uvicorn").setLevel(logging.WARNING)
        self._listening = listening
        self._server = _Server(
            uvicorn.Config(
                app,
                http=Connection,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                limit_concurrency=MOST_AT_ONCE,
                timeout_keep_alive=15,
                timeout_graceful_shutdown=1,
            )
        )

    async def serve(self) -> None:
        """Answer until `stop`; what goes wrong here is said in the log, and keeps the daemon from nothing."""
        try:
            await self._server.serve(sockets=[self._listening])
        except Exception as error:  # noqa: BLE001 - see above
            _log.error("the status page has ended: %s", type(error).__name__)

    def stop(self) -> None:
        """End, within about a second."""
        self._server.should_exit = True


def address_of(text: str) -> tuple[str, int]:
    """Return the parts of ADDRESS:PORT, an IPv6 address in brackets. Raises UsageError."""
    address, colon, port = text.rpartition(":")
    bare = address.removeprefix("[").removesuffix("]")
    is_bracketed = address.startswith("[") and address.endswith("]")
    if not colon or not bare or not port.isdecimal() or int(port) > 65535 or is_bracketed is not (":" in bare):
        raise UsageError(f"--listen {text}: it has to be ADDRESS:PORT, such as 127.0.0.1:9767 or [::1]:9767, or none")
    return bare, int(port)


def listen(text: str) -> socket.socket:
    """Return a socket that listens at ADDRESS:PORT. Raises UsageError where that is none, and NotListeningError where
    this host can't listen there.
    """
    address, port = address_of(text)
    try:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        listening = socket.create_server((address, port), family=family)
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise NotListeningError(f"--listen {text}: {why}. Give another address or port, or `--listen none`") from error
    _log.info("the status page is at %s", url_of(listening))
    if not ip_address(listening.getsockname()[0]).is_loopback:
        _log.warning("the status page at %s asks for no password: whoever reaches it can read it", url_of(listening))
    return listening


def url_of(listening: socket.socket) -> str:
    """Return where the pages are."""
    address, port = listening.getsockname()[:2]
    return f"http://[{address}]:{port}/" if ":" in address else f"http://{address}:{port}/"
