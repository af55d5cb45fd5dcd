"""HTTP as Kea speaks it: POST, exact content type, no chunks, ten seconds for a body."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from dataclasses import dataclass
from email.utils import formatdate
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable

BODY_SECONDS = 10.0
_HEAD_LIMIT = 65536
_PHRASES = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 408: "Request Timeout", 502: "Bad Gateway"}


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back. `cut` closes the connection after that many bytes of the body, -1 before anything at all."""

    body: bytes
    status: int = 200
    kind: str = "application/json"
    cut: int | None = None

    @classmethod
    def failed(cls, status: int) -> Answer:
        """An answer of HTTP's own, in the form that the agent gives it."""
        return cls(b'{ "result": %d, "text": "%s" }' % (status, _PHRASES[status].encode()), status)


NOTHING = Answer(b"", cut=-1)
"""Close the connection without an answer."""


class Site(Protocol):
    """What answers requests."""

    @property
    def credentials(self) -> frozenset[str]:
        """The allowed values of an Authorization header; none: everybody."""

    @property
    def realm(self) -> str:
        """What one has to be allowed for."""

    def answer(self, body: bytes) -> Answer | Awaitable[Answer]:
        """The answer to a request that HTTP has nothing against."""


def basic(user: str, password: str) -> str:
    """The value of an Authorization header."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


class Connection(asyncio.Protocol):
    """One connection to an agent: requests one after the other, kept open where HTTP/1.1 keeps it."""

    def __init__(self, site: Site, open_ones: set[Connection]) -> None:
        self._site = site
        self._open_ones = open_ones
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None

    # ----------------------------------------------------------------------------- called by asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client is there."""
        self._transport = transport  # type: ignore[assignment]
        self._open_ones.add(self)

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002
        """It has gone; what it asked for is carried out all the same."""
        self._open_ones.discard(self)
        self._stop_timer()
        self._transport = None

    def data_received(self, data: bytes) -> None:
        """Something came."""
        self._received += data
        if self._task is None:
            self._next_request()

    def close(self) -> None:
        """Drop the connection at once."""
        if self._task is not None:
            self._task.cancel()
        if self._transport is not None:
            self._transport.abort()

    # ---------------------------------------------------------------------------------------- requests

    def _next_request(self) -> None:
        self._stop_timer()
        end = self._received.find(b"\r\n\r\n")
        if end < 0:
            if len(self._received) > _HEAD_LIMIT:
                self._send(Answer.failed(400), keep=False)
            return
        head = _Head.read(bytes(self._received[:end]))
        if head.problem:
            self._send(Answer.failed(head.problem), keep=False, version=head.version)
            return
        body = self._received[end + 4 : end + 4 + head.length]
        if len(body) < head.length:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(BODY_SECONDS, self._send, Answer.failed(408))
            return
        del self._received[: end + 4 + head.length]
        self._handle(head, bytes(body))

    def _handle(self, head: _Head, body: bytes) -> None:
        allowed = self._site.credentials
        if allowed and head.authorization not in allowed:
            self._send(Answer.failed(401), keep=head.keep, version=head.version)
            return
        answer = self._site.answer(body)
        if isinstance(answer, Answer):
            self._send(answer, keep=head.keep, version=head.version)
        else:
            self._task = asyncio.ensure_future(self._later(answer, head))

    async def _later(self, answer: Awaitable[Answer], head: _Head) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            found = await answer
            self._task = None
            self._send(found, keep=head.keep, version=head.version)

    def _send(self, answer: Answer, *, keep: bool = True, version: str = "1.1") -> None:
        transport = self._transport
        if transport is None:
            return
        if answer.cut is None:
            transport.write(_head(answer, version, self._site.realm) + answer.body)
        elif answer.cut >= 0:
            transport.write(_head(answer, version, self._site.realm) + answer.body[: answer.cut])
        if answer.cut is not None or not keep:
            transport.close()
        elif self._received:
            asyncio.get_running_loop().call_soon(self._next_request)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


@dataclass(slots=True)
class _Head:
    version: str = "1.0"
    length: int = 0
    keep: bool = True
    authorization: str = ""
    problem: int = 0

    @classmethod
    def read(cls, text: bytes) -> _Head:
        """The head of a request; `problem` is the HTTP status of a refusal."""
        line, *lines = text.decode("latin-1").split("\r\n")
        words = line.split(" ")
        if len(words) != 3 or not words[2].startswith("HTTP/"):
            return cls(problem=400)
        fields = {name.strip().lower(): value.strip() for name, _, value in (item.partition(":") for item in lines)}
        version = words[2].removeprefix("HTTP/")
        wanted = fields.get("connection", "keep-alive" if version == "1.1" else "close").lower()
        head = cls(version, keep=wanted == "keep-alive", authorization=fields.get("authorization", ""))
        length = fields.get("content-length", "")
        is_json = fields.get("content-type", "").lower() == "application/json"
        if words[0] != "POST" or not is_json or not length.isdigit():
            head.problem = 400
        else:
            head.length = int(length)
        return head


def _head(answer: Answer, version: str, realm: str) -> bytes:
    lines = [
        f"HTTP/{version} {answer.status} {_PHRASES[answer.status]}",
        f"Content-Length: {len(answer.body)}",
        f"Content-Type: {answer.kind}",
        f"Date: {formatdate(usegmt=True)}",
    ]
    if answer.status == 401:
        lines.append(f'WWW-Authenticate: Basic realm="{realm}"')
    return ("\r\n".join(lines) + "\r\n\r\n").encode()
