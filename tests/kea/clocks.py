"""A clock of one server's own that a test puts forward and back while the server runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

_FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"


class Clock:
    """What a server reads for an offset each time it looks at its clock; `options` are those of its KeaServer."""

    def __init__(self, folder: Path, seconds: int = 0) -> None:
        self._path = folder / "clock"
        self.put(seconds)
        words = (f"LD_PRELOAD={_FAKETIME}", f"FAKETIME_TIMESTAMP_FILE={self._path}", "FAKETIME_NO_CACHE=1")
        self.options: dict[str, Any] = {"wrapper": ("env", *words, "FAKETIME_DONT_FAKE_MONOTONIC=1")}

    def put(self, seconds: int) -> None:
        """Let the clock be so far ahead from now on."""
        self._path.write_text(f"{seconds:+d}\n")
