"""A server's disk: the files that its daemons read and write, in memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import PurePosixPath


@dataclass(slots=True)
class Disk:
    """Files by path. Only `folders` can be written; `contents` may be read and changed at any time."""

    contents: dict[str, bytes] = field(default_factory=dict)
    folders: frozenset[str] = frozenset({"/etc/kea", "/var/lib/kea", "/tmp"})  # noqa: S108 (no file of this machine)

    def write(self, path: str, content: bytes, room: int | None = None) -> None:
        """Put a file in its place, cut off after `room` bytes; OSError where its folder is not among `folders`."""
        if str(PurePosixPath(path).parent) not in self.folders:
            raise FileNotFoundError(path)
        self.contents[path] = content if room is None else content[:room]
