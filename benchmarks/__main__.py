"""`python -m benchmarks [NAME ...] [--small]`: runs the benchmarks and prints one line for each result.

Names: startup, ownwork, fleet, quiet, pair. `--small` takes a tenth of the sizes, to see that they run. The figures are
ratios of medians taken in one run on one machine; a single absolute time means little.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks import fleet, ownwork, pair, quiet, startup
from benchmarks.measure import Row

SIZE, SMALL = (10_000, 10), (1_000, 10)
PARTS = {"startup": startup.rows, "ownwork": ownwork.rows, "fleet": fleet.rows, "quiet": quiet.rows, "pair": pair.rows}


def run(names: list[str], size: tuple[int, int]) -> Iterator[Row]:
    """Yield the rows of the named parts."""
    for name in names:
        with tempfile.TemporaryDirectory(prefix="kea-bench-") as folder:
            yield from PARTS[name](Path(folder), size)


if __name__ == "__main__":
    asked = [argument for argument in sys.argv[1:] if argument != "--small"] or list(PARTS)
    unknown = set(asked) - set(PARTS)
    if unknown:
        sys.exit(f"no such benchmark: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    for row in run(asked, SMALL if "--small" in sys.argv else SIZE):
        print(row, flush=True)
