"""How long the program takes before it does anything, beside a bare interpreter."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from benchmarks.measure import BARE, PROGRAM, Row, side_by_side, wall

RUNS = 15


def rows(_folder: Path, _size: object) -> Iterator[Row]:
    """Yield the rows of `--help` and of `validate` on this repository's own desired/."""
    for name, arguments in (("--help", ["--help"]), ("validate desired/", ["validate", "--desired", "desired"])):
        ours, bare = side_by_side(partial(wall, [PROGRAM, *arguments]), partial(wall, BARE), RUNS)
        yield Row(f"{name}, beside `python -c pass`", ours, bare, None, RUNS)
