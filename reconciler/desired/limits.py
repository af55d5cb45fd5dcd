"""How much of desired/ is read before it is refused: no file can make us spend memory or time without end."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on the input.

    `file_bytes` is the size of one file, `files` how many are read, `depth` how deep mappings and lists nest,
    and `nodes` how many keys and values one file may hold once its aliases are written out.
    """

    file_bytes: int = 1024 * 1024
    files: int = 10_000
    depth: int = 64
    nodes: int = 100_000


LIMITS = Limits()
