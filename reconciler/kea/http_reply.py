"""Puts an HTTP/1.1 response together from pieces (RFC 9112), strictly, with every size bounded.

Kea sends a length always; chunks and the end of the stream as the end of the body come from proxies in front of it.
"""

from __future__ import annotations

import re
from enum import Enum, auto

from reconciler.kea.channel_faults import NotHttpError, TooLargeError

_LONGEST_HEAD = 65_536
_LONGEST_CHUNK_LINE = 1_024
_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9][0-9])(?: [^\r\n]*)?")
_HEADER = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\r\n\0]*?)[ \t]*")
_CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n]*)?")
_NO_BODY = frozenset({204, 304})


class _Stage(Enum):
    HEAD = auto()
    SIZED = auto()
    CHUNK_SIZE = auto()
    CHUNK = auto()
    TRAILERS = auto()
    UNTIL_END = auto()
    WHOLE = auto()


class HttpReply:
    """One response. `limit` is for its body, in bytes. `status`, `headers` (lower-case names, bytes, in order) and
    `body` are there once it is whole; `may_continue` says whether the connection can carry another exchange.
    `received` counts the bytes that came.
    """

    def __init__(self, limit: int) -> None:
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.body = bytearray()
        self.may_continue = False
        self.received = 0
        self._limit = limit
        self._stage = _Stage.HEAD
        self._waiting = bytearray()  # the head, or chunk lines, not understood yet
        self._missing = 0  # bytes of the body, or of the chunk, still to come
        self._searched = 0
        self._trailers = 0

    def feed(self, data: bytes) -> bool:
        """Take the next piece; True when the response is whole. NotHttpError, TooLargeError."""
        self.received += len(data)
        if self._stage in (_Stage.SIZED, _Stage.UNTIL_END) and not self._waiting:
            self._take_body(data)
        else:
            self._waiting += data
            while self._advance():
                pass
        return self._stage is _Stage.WHOLE

    def end(self) -> bool:
        """The stream has ended; True when that makes the response whole."""
        if self._stage is _Stage.UNTIL_END:
            self._stage = _Stage.WHOLE
        return self._stage is _Stage.WHOLE

    # ---------------------------------------------------------------------------------------- inside

    def _advance(self) -> bool:
        """Make one step with what is waiting; False when more has to come first."""
        if self._stage is _Stage.HEAD:
            return self._read_head()
        if self._stage is _Stage.CHUNK_SIZE:
            return self._read_chunk_size()
        if self._stage is _Stage.CHUNK:
            return self._read_chunk()
        if self._stage is _Stage.TRAILERS:
            return self._read_trailer()
        if self._waiting:
            data, self._waiting = bytes(self._waiting), bytearray()
            self._take_body(data)
        return False

    def _take_body(self, data: bytes) -> None:
        if self._stage is _Stage.WHOLE:
            self.may_continue = False  # more than was announced: what follows can't be trusted
            return
        if self._stage is _Stage.SIZED:
            if len(data) > self._missing:
                data, self.may_continue = data[: self._missing], False
            self._missing -= len(data)
        self._extend(data)
        if self._stage is _Stage.SIZED and self._missing == 0:
            self._stage = _Stage.WHOLE

    def _extend(self, data: bytes | bytearray) -> None:
        self._check_size(len(self.body) + len(data))
        self.body += data

    def _check_size(self, size: int) -> None:
        if size > self._limit:
            raise TooLargeError(f"the answer is larger than {self._limit} bytes ([limits] reply-bytes)")

    def _read_head(self) -> bool:
        if not self._waiting.startswith(b"HTTP/1."[: len(self._waiting)]):
            raise NotHttpError("it does not begin as HTTP/1.x does")
        end = self._waiting.find(b"\r\n\r\n", max(0, self._searched - 3))
        self._searched = len(self._waiting)
        if max(end, len(self._waiting) if end < 0 else 0) > _LONGEST_HEAD:
            raise NotHttpError("its head is too long")
        if end < 0:
            return False
        lines = bytes(self._waiting[:end]).split(b"\r\n")
        del self._waiting[: end + 4]
        self._searched = 0
        self._understand(lines)
        return True

    def _understand(self, lines: list[bytes]) -> None:
        """Take the head's lines in, and decide how the body ends (RFC 9112, section 6.3)."""
        first = _STATUS_LINE.fullmatch(lines[0])
        headers = [_HEADER.fullmatch(line) for line in lines[1:]]
        if first is None or None in headers:
            raise NotHttpError("its head is malformed")
        self.status = int(first[2])
        if self.status < 200:  # an interim response, such as 100 Continue: the real one follows
            return
        self.headers = [(match[1].lower(), match[2]) for match in headers if match is not None]
        options = b",".join(self._values(b"connection")).lower().replace(b" ", b"").split(b",")
        self.may_continue = b"close" not in options and (first[1] == b"1" or b"keep-alive" in options)
        self._decide_framing()

    def _decide_framing(self) -> None:
        lengths, codings = set(self._values(b"content-length")), self._values(b"transfer-encoding")
        if self.status in _NO_BODY:
            self._stage = _Stage.WHOLE
        elif codings:
            if lengths or len(codings) > 1 or codings[0].lower() != b"chunked":
                raise NotHttpError("the length of its body is ambiguous")
            self._stage = _Stage.CHUNK_SIZE
        elif lengths:
            self._expect(lengths)
        else:
            self._stage, self.may_continue = _Stage.UNTIL_END, False

    def _expect(self, lengths: set[bytes]) -> None:
        length = lengths.pop()
        if lengths or not length.isdigit() or len(length) > 18:
            raise NotHttpError("the length of its body is ambiguous")
        self._missing = int(length)
        self._check_size(self._missing)
        self._stage = _Stage.SIZED if self._missing else _Stage.WHOLE

    def _values(self, name: bytes) -> list[bytes]:
        return [value for key, value in self.headers if key == name]

    def _read_line(self) -> bytes | None:
        end = self._waiting.find(b"\r\n", 0, _LONGEST_CHUNK_LINE)
        if end < 0:
            if len(self._waiting) >= _LONGEST_CHUNK_LINE:
                raise NotHttpError("its chunks are malformed")
            return None
        line = bytes(self._waiting[:end])
        del self._waiting[: end + 2]
        return line

    def _read_chunk_size(self) -> bool:
        line = self._read_line()
        if line is None:
            return False
        match = _CHUNK_LINE.fullmatch(line)
        if match is None:
            raise NotHttpError("its chunks are malformed")
        self._missing = int(match[1], 16)
        self._check_size(len(self.body) + self._missing)
        self._stage = _Stage.CHUNK if self._missing else _Stage.TRAILERS
        return True

    def _read_chunk(self) -> bool:
        if self._missing:
            piece = self._waiting[: self._missing]
            del self._waiting[: len(piece)]
            self._missing -= len(piece)
            self._extend(piece)
        if self._missing or len(self._waiting) < 2:
            return False
        if not self._waiting.startswith(b"\r\n"):
            raise NotHttpError("its chunks are malformed")
        del self._waiting[:2]
        self._stage = _Stage.CHUNK_SIZE
        return True

    def _read_trailer(self) -> bool:
        line = self._read_line()
        if line is None:
            return False
        self._trailers += len(line)
        if self._trailers > _LONGEST_HEAD:
            raise NotHttpError("its trailers are too long")
        if not line:
            self._stage = _Stage.WHOLE
        return True
