r"""Text between Kea and us: Kea knows bytes, not characters.

Measured on 2.2.0: Kea keeps strings as the bytes that came, and writes every byte from 0x80 up as `\u00XX`. An "é" that
was sent as UTF-8 comes back as `\u00c3\u00a9`; read as JSON means it that is "Ã©", and sent once more it doubles again:
each config-set of what config-get said would spoil the text further. So the escapes are taken for the bytes that they
are, and these for UTF-8. Bytes that are no UTF-8 are carried along as characters of a private area, one for each byte,
and become the same bytes again on the way out: what was read can be sent back without a change.
"""

from __future__ import annotations

import re

_HIGH_ESCAPE = re.compile(rb"\\u00[89A-Fa-f]")
_ESCAPE = re.compile(rb"\\(?:u00([89A-Fa-f][0-9A-Fa-f])|.)", re.DOTALL)
# Bytes 0x80 to 0xff stand as U+10FF80 to U+10FFFF, the last characters there are; in UTF-8 these are F4 8F BE/BF xx.
_FIRST = 0x10FF00
_PRIVATE = re.compile(rb"\xf4\x8f[\xbe\xbf][\x80-\xbf]")
_PRIVATE_OF = {0xDC00 + byte: chr(_FIRST + byte) for byte in range(0x80, 0x100)}


def from_kea(body: bytes | bytearray) -> bytes | bytearray | str:
    """Return a JSON text of Kea's as JSON means it; the very same where all of it is ASCII."""
    if b"\\u00" in body and _HIGH_ESCAPE.search(body):
        body = _ESCAPE.sub(_byte_of_escape, body)
    elif body.isascii():
        return body
    body = _PRIVATE.sub(_private_of_private, body)
    return body.decode("utf-8", "surrogateescape").translate(_PRIVATE_OF) if not _is_utf8(body) else body


def to_kea(request: bytes) -> bytes:
    """Return a JSON text in UTF-8 as Kea is to get it: bytes that were no UTF-8 are themselves again."""
    return request if request.isascii() else _PRIVATE.sub(_byte_of_private, request)


def _is_utf8(body: bytes | bytearray) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _byte_of_escape(match: re.Match[bytes]) -> bytes:
    return bytes([int(match[1], 16)]) if match[1] else match[0]


def _private_of_private(match: re.Match[bytes]) -> bytes:
    """Keep the private area free of what the text itself has there: byte by byte, as if it were no UTF-8."""
    return "".join(chr(_FIRST + byte) for byte in match[0]).encode()


def _byte_of_private(match: re.Match[bytes]) -> bytes:
    return bytes([ord(match[0].decode()) - _FIRST])
