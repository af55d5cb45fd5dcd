"""Just enough HTTP/1.1 to cut a stream of messages into single ones: what the proxy stands between."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

_LENGTH = re.compile(rb"^content-length:[ \t]*(\d+)", re.IGNORECASE | re.MULTILINE)
_HEAD_END = b"\r\n\r\n"


class MessageReader:
    """Reads whole messages, one after the other, from a connection that may stay open between them."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._rest = b""

    def next(self) -> tuple[bytes, bytes] | None:
        """The next message as (head with its empty line, body); None where the stream ends, whole or cut."""
        data = self._filled(lambda held: _HEAD_END in held)
        if data is None:
            return None
        head, _, rest = data.partition(_HEAD_END)
        length = _LENGTH.search(head)
        size = int(length[1]) if length else 0
        self._rest = rest
        body = self._filled(lambda held: len(held) >= size)
        if body is None:
            return None
        self._rest = body[size:]
        return head + _HEAD_END, body[:size]

    def _filled(self, is_enough: Callable[[bytes | bytearray], bool]) -> bytes | None:
        held = bytearray(self._rest)
        while not is_enough(held):
            piece = self._connection.recv(1 << 16)
            if not piece:
                return None
            held += piece
        return bytes(held)


def reply(body: bytes) -> bytes:
    """A reply as Kea's agent sends one, with `body`."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nContent-Type: application/json\r\n\r\n"
    return head % len(body) + body
