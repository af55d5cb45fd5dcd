"""Bytes of a file into text that a YAML parser takes, or a problem that says which byte it stumbled over."""

from __future__ import annotations

import codecs
import re

from reconciler.model import Position, Problem

# Everything outside c-printable of YAML 1.2.2, section 5.1.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_LINE_BREAK = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
_WIDE = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def decode(content: bytes, file: str) -> str | Problem:
    """Return a file's text. It must be UTF-8, with or without a byte order mark, and free of control characters."""
    if content.startswith(_WIDE):
        return _problem(Position(file, 1, 1), "the file is UTF-16 or UTF-32, not UTF-8")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        good = content[: error.start].decode("utf-8-sig", "replace")
        return _problem(_end_of(good, file), f"the byte 0x{content[error.start]:02x} is not UTF-8")
    forbidden = _FORBIDDEN.search(text)
    if forbidden:
        position = _end_of(text[: forbidden.start()], file)
        return _problem(position, f"the control character U+{ord(forbidden.group()):04X} is not allowed in YAML")
    return text


def _problem(position: Position, message: str) -> Problem:
    return Problem(position, "yaml-encoding", message, "Save the file as plain text in UTF-8.")


def _end_of(text: str, file: str) -> Position:
    lines = _LINE_BREAK.split(text)
    return Position(file, len(lines), len(lines[-1]) + 1)
