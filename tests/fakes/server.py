"""A server that does what a script says: for each request the next act, the last one for all that follow.

It is not Kea and knows nothing of it (the simulator does); it is what can stand in Kea's place, and fail.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import orjson

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable
    from pathlib import Path

JSON = "application/json"
DATE = "Tue, 23 Nov 2021 15:26:19 GMT"
_LINGER_NOT = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came: the number of its connection (from 0), its head in lines, its body."""

    connection: int
    head: tuple[str, ...]
    body: bytes = field(repr=False)

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)

    def header(self, name: str) -> str | None:
        found = [line.partition(":")[2].strip() for line in self.head[1:] if line.lower().startswith(f"{name}:")]
        assert len(found) < 2, f"{name} was sent more than once"
        return found[0] if found else None


class Conversation:
    """What an act can do with the connection on which a request came."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    def close(self) -> None:
        self.writer.close()

    def reset(self) -> None:
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
        self.writer.transport.abort()


class FakeServer:
    """Listens on a free loopback port, or on the unix socket `path`, while it is an async context.

    `requests` holds all that came, `connections` counts the connections. With `serves_http` False a request is
    one JSON value without a head, as on Kea's unix socket, and the connection is closed after its act.
    """

    def __init__(
        self,
        *acts: Callable[[Conversation], Awaitable[None]],
        tls: ssl.SSLContext | None = None,
        path: Path | None = None,
        serves_http: bool = True,
        reads: bool = True,
    ) -> None:
        self._acts = list(acts)
        self._tls = tls
        self._path = path
        self._serves_http = serves_http and path is None
        self._reads = reads
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.requests: list[Request] = []
        self.connections = 0
        self.port = 0

    @property
    def control(self) -> str:
        if self._path is not None:
            return f"unix:{self._path}"
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}/"

    async def __aenter__(self) -> Self:
        if self._path is not None:
            self._server = await asyncio.start_unix_server(self._serve, self._path)
        else:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
            self.port = int(self._server.sockets[0].getsockname()[1])
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        number, self.connections = self.connections, self.connections + 1
        try:
            await self._converse(number, Conversation(reader, writer))
        except (OSError, EOFError):
            pass  # the client went away, which is its right
        except asyncio.CancelledError:
            writer.transport.abort()
        finally:
            writer.close()
            self._tasks.discard(task)

    async def _converse(self, number: int, talk: Conversation) -> None:
        while self._reads:
            request = await (self._read_http(number, talk) if self._serves_http else self._read_json(number, talk))
            self.requests.append(request)
            act = self._acts.pop(0) if len(self._acts) > 1 else self._acts[0]
            await act(talk)
            if not self._serves_http or talk.writer.is_closing():
                return
        await self._acts[0](talk)

    async def _read_http(self, number: int, talk: Conversation) -> Request:
        head = (await talk.reader.readuntil(b"\r\n\r\n")).decode("ascii").strip().split("\r\n")
        request = Request(number, tuple(head), b"")
        return Request(number, tuple(head), await talk.reader.readexactly(int(request.header("content-length") or 0)))

    async def _read_json(self, number: int, talk: Conversation) -> Request:
        body = b""
        while True:
            piece = await talk.reader.read(65536)
            if not piece:
                raise EOFError
            body += piece
            try:
                orjson.loads(body)
            except orjson.JSONDecodeError:
                continue
            return Request(number, (), body)


# ----------------------------------------------------------------------------------------------- acts


def message(body: bytes, *, status: str = "200 OK", content_type: str = JSON, length: int | None = None) -> bytes:
    """A whole HTTP response; `length` is what it claims where that is not the truth."""
    size = len(body) if length is None else length
    head = f"HTTP/1.1 {status}\r\nContent-Length: {size}\r\nContent-Type: {content_type}\r\nDate: {DATE}\r\n\r\n"
    return head.encode() + body


def kea(**reply: Any) -> bytes:
    """A reply as Kea's agent gives it: a list with one map; `result` is 0 unless said otherwise."""
    return orjson.dumps([{"result": 0, **reply}])


def answer(body: bytes, **how: Any) -> Callable[[Conversation], Awaitable[None]]:
    """Answer with an HTTP message around `body`, and keep the connection."""
    return raw(message(body, **how))


def raw(*pieces: bytes, seconds: float = 0.0, then_close: bool = False) -> Callable[[Conversation], Awaitable[None]]:
    """Send the pieces as they are, `seconds` apart."""

    async def act(talk: Conversation) -> None:
        for piece in pieces:
            await talk.send(piece)
            await asyncio.sleep(seconds)
        if then_close:
            talk.close()

    return act


def cut(data: bytes) -> Callable[[Conversation], Awaitable[None]]:
    """Send `data`, then end the connection in good order."""
    return raw(data, then_close=True)


def reset(data: bytes = b"") -> Callable[[Conversation], Awaitable[None]]:
    """Send `data`, then reset the connection."""

    async def act(talk: Conversation) -> None:
        if data:
            await talk.send(data)
            await asyncio.sleep(0.05)  # a reset overtakes what the other side has not read
        talk.reset()

    return act


async def silence(_: Conversation) -> None:
    """Say nothing, for as long as it takes."""
    await asyncio.Event().wait()


def trickle(data: bytes, seconds: float) -> Callable[[Conversation], Awaitable[None]]:
    """Send one byte every `seconds`."""
    return raw(*(data[index : index + 1] for index in range(len(data))), seconds=seconds)
