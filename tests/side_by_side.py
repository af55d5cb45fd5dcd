"""How tests share the processors: those with real daemons mostly wait, and all others calculate. Workers are given some
of both from beginning to end, so that neither the waiting nor the calculating is left for the end, and what takes long
begins early.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pytest

_GROUP, _LONG = 25, 300  # as much work as so many tests of their kind, a large group and one that takes long
_GIVING_WAY = 10
_CAP_SYS_NICE = 23  # capabilities(7)
_STATUS = Path("/proc/self/status")
_MEMORY = Path("/dev/shm")
_ENOUGH = 4 << 30


def in_turns(items: Sequence[pytest.Item]) -> list[pytest.Item]:
    """The same tests in the order in which workers are to be given them; a group of tests is one piece of work."""
    pieces: dict[object, list[pytest.Item]] = {}
    for item in items:
        groups = tuple(str(marker.args or marker.kwargs) for marker in item.iter_markers("xdist_group"))
        pieces.setdefault(groups or item.nodeid, []).append(item)
    real = [piece for piece in pieces.values() if is_real(piece[0])]
    others = [piece for piece in pieces.values() if not is_real(piece[0])]
    real.sort(key=lambda piece: (not _is_long(piece[0]), -len(piece)))
    others.sort(key=lambda piece: not _is_long(piece[0]))
    placed = [*_placed(real), *_placed(others)]
    placed.sort(key=lambda each: each[0])
    return [item for _, piece in placed for item in piece]


def is_real(item: pytest.Item) -> bool:
    """Whether it has real daemons."""
    return item.get_closest_marker("kea") is not None


def _is_long(item: pytest.Item) -> bool:
    return item.get_closest_marker("long") is not None


def _placed(pieces: Sequence[list[pytest.Item]]) -> Iterator[tuple[float, list[pytest.Item]]]:
    """Each piece with the part of all work that comes before it."""
    works = [_LONG if _is_long(piece[0]) else min(len(piece), _GROUP) for piece in pieces]
    done = 0
    for piece, work in zip(pieces, works, strict=True):
        yield done / sum(works), piece
        done += work


@contextlib.contextmanager
def giving_way() -> Iterator[None]:
    """Let everybody else have the processor first, where that can be taken back afterwards."""
    if not _may_take_back():
        yield
        return
    own = os.getpriority(os.PRIO_PROCESS, 0)
    os.setpriority(os.PRIO_PROCESS, 0, own + _GIVING_WAY)
    try:
        yield
    finally:
        os.setpriority(os.PRIO_PROCESS, 0, own)


def _may_take_back() -> bool:
    with contextlib.suppress(OSError, StopIteration, ValueError):
        held = next(line for line in _STATUS.read_text().splitlines() if line.startswith("CapEff:"))
        return bool(int(held.split()[1], 16) >> _CAP_SYS_NICE & 1)
    return False


def folder_in_memory() -> str | None:
    """Where files cost least; None where the usual place has to do. Thousands of databases that are written to the disk
    take a fourth of the time of the tests that have them.
    """
    with contextlib.suppress(OSError):
        found = os.statvfs(_MEMORY)
        if os.access(_MEMORY, os.W_OK) and found.f_bavail * found.f_frsize >= _ENOUGH:
            return str(_MEMORY)
    return None
