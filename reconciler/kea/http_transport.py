"""An httpx transport for one server: pinned to checked addresses, and sure about what was sent when.

httpx's own transport can't tell a request that was never sent from one that may have been executed, may send a
command on a connection that the server is just closing, and costs three times as much (measured: 1.0 against 0.3 ms
of processor time for a short command). This one keeps what it may reuse, and says which phase failed.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import httpx

from reconciler.kea.channel_faults import broken_off, unconnected
from reconciler.kea.channel_wire import Wire
from reconciler.kea.http_reply import HttpReply

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from ssl import SSLContext

    from reconciler.kea.access_targets import HttpTarget
    from reconciler.kea.channel import Patience

_REUSABLE_SECONDS = 10.0  # Kea closes an idle connection after 30 s (measured: 29.7)
_JOINED = 65_536  # a head and a body up to this size go out as one piece


class Body(httpx.AsyncByteStream):
    """A body that has arrived whole; it comes out once, as the one piece that it is, and is not kept."""

    def __init__(self, content: bytearray) -> None:
        self._content = content

    async def __aiter__(self) -> AsyncIterator[bytes]:
        content, self._content = self._content, bytearray()
        yield content  # type: ignore[misc]  # httpx passes raw pieces through, and a copy may be 160 MB


class PinnedTransport(httpx.AsyncBaseTransport):
    """Sends requests to the first of `addresses()` that can be connected to, whatever host a URL names.

    `addresses` is called until it has given some, and then never again. With `tls` the certificate must be for the
    host of `target`. A request's extensions hold `patience` (Patience) and `is_repeatable` (bool).
    Raises the errors of `reconciler.errors`. `limit` caps a body, in bytes.
    """

    def __init__(
        self,
        label: str,
        target: HttpTarget,
        addresses: Callable[[], Awaitable[tuple[str, ...]]],
        tls: SSLContext | None,
        limit: int,
    ) -> None:
        self._label = label
        self._target = target
        self._resolve = addresses
        self._addresses: tuple[str, ...] = ()
        self._resolving = asyncio.Lock()
        self._tls = tls
        self._limit = limit
        self._idle: Wire | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Exchange one request for its response, which is whole when this returns."""
        patience: Patience = request.extensions["patience"]
        pieces = _written(request)
        if request.extensions["is_repeatable"] and (idle := self._take_idle()) is not None:
            reply = HttpReply(self._limit)
            try:
                await idle.exchange(pieces, reply, patience.silence)
                return self._response(idle, reply)
            except (EOFError, ConnectionError) as error:
                if reply.received:
                    raise broken_off(self._label, error) from error
                # The server closed an idle connection. What only reads may be asked again.
            except (OSError, ValueError) as error:
                raise broken_off(self._label, error) from error
        return await self._exchange_afresh(pieces, patience)

    async def aclose(self) -> None:
        """Close the idle connection."""
        self._keep(None)

    # ---------------------------------------------------------------------------------------- inside

    async def _exchange_afresh(self, pieces: list[bytes], patience: Patience) -> httpx.Response:
        wire = await self._connect(patience)
        reply = HttpReply(self._limit)
        try:
            await wire.exchange(pieces, reply, patience.silence)
        except (OSError, EOFError, ValueError) as error:
            raise broken_off(self._label, error) from error
        return self._response(wire, reply)

    async def _connect(self, patience: Patience) -> Wire:
        """Connect to the first address that can be; each has its own time."""
        async with self._resolving:
            self._addresses = self._addresses or await self._resolve()
        loop = asyncio.get_running_loop()
        name = self._target.host if self._tls else None
        failure: Exception = OSError("no address")
        for address in self._addresses:
            try:
                async with asyncio.timeout(patience.connect):
                    _, wire = await loop.create_connection(
                        Wire, address, self._target.port, ssl=self._tls, server_hostname=name
                    )
            except OSError as error:  # TimeoutError and ssl.SSLError are some
                failure = error
                continue
            return wire
        raise unconnected(self._label, failure) from failure

    def _take_idle(self) -> Wire | None:
        """Return the idle connection where it can be used again."""
        wire, self._idle = self._idle, None
        if wire is None:
            return None
        if wire.is_open and asyncio.get_running_loop().time() - wire.idle_since < _REUSABLE_SECONDS:
            return wire
        wire.abort()
        return None

    def _keep(self, wire: Wire | None) -> None:
        """Make `wire` the one idle connection, and close the one before."""
        if self._idle is not None:
            self._idle.abort()
        self._idle = wire

    def _response(self, wire: Wire, reply: HttpReply) -> httpx.Response:
        if reply.may_continue and wire.is_open:
            self._keep(wire)
        else:
            wire.abort()
        return httpx.Response(reply.status, headers=reply.headers, stream=Body(reply.body))


def _written(request: httpx.Request) -> list[bytes]:
    """Write the request as it goes over the wire, in one piece or in two."""
    lines = [b"%s %s HTTP/1.1" % (request.method.encode(), request.url.raw_path)]
    lines += [b"%s: %s" % header for header in request.headers.raw]
    head = b"\r\n".join([*lines, b"", b""])
    return [head + request.content] if len(request.content) <= _JOINED else [head, request.content]
