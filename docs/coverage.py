"""Writes docs/coverage.md: what is shown on which real Kea, and by which test.

    python -m docs.coverage

docs/coverage.yaml says which tests show a cell: globs over pytest's ids below tests/, or a sentence why there can be
none. Which versions of Kea they run on is asked of pytest itself, so that the page can't claim more than there is.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml

from lab.generation import GENERATIONS

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "coverage.md"
SOURCE = ROOT / "docs" / "coverage.yaml"

HEAD = """\
# What is shown on real Kea

<!-- Generated from docs/coverage.yaml and the tests by `make docs`. -->

Every cell names the series of Kea on whose real daemons a test shows it, with links to the tests, or says why there is
nothing to show: because Kea has no such thing, or, plainly, because no test shows it. `make test` runs all of them.
The first table runs through the control agent of each version, the next two through the other channels, and all
others through agents again where nothing else is said.
"""


class CoverageError(Exception):
    """The source names tests that don't exist."""


def text() -> str:
    """Return the whole page. Raises CoverageError with every cell whose tests are missing."""
    source = yaml.safe_load(SOURCE.read_text(encoding="utf-8"))
    known, missing = collected(_files(source)), []
    parts = [HEAD]
    for table in source["tables"]:
        parts += [f"## {table['title']}\n", f"{table['text']}\n"]
        columns = _columns(table)
        parts.append("| | " + " | ".join(columns) + " |")
        parts.append("|---" * (len(columns) + 1) + "|")
        for row in table["rows"]:
            cells = [_cell(_value(table, row, column), known, missing) for column in columns]
            parts.append(f"| {row['name']} | " + " | ".join(cells) + " |")
        parts.append("")
    if missing:
        raise CoverageError("no test matches " + ", ".join(missing))
    return "\n".join(parts)


def collected(files: Sequence[str]) -> list[str]:
    """Return the ids of the tests in these files that run real Kea, as pytest collects them."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-m", "kea", "-p", "no:cacheprovider", *files]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return [line for line in done.stdout.splitlines() if "::" in line]


def _files(source: Any) -> list[str]:
    """The files that the source names tests of; those that don't exist are left out, and found missing later."""
    cells = [
        _value(table, row, column) for table in source["tables"] for row in table["rows"] for column in _columns(table)
    ]
    patterns = [pattern for value in cells if isinstance(value, list) for pattern in value]
    found = {path for pattern in patterns for path in (ROOT / "tests").glob(pattern.partition("::")[0])}
    return [str(path.relative_to(ROOT)) for path in sorted(found)]


def _columns(table: Mapping[str, Any]) -> list[str]:
    return list(table.get("places") or table["columns"])


def _value(table: Mapping[str, Any], row: Mapping[str, Any], column: str) -> Any:
    """What the source says of a cell: globs, or a text."""
    places = table.get("places")
    if places is None:
        return row["cells"].get(column)
    found = row.get("cells", {}).get(column, row["tests"])
    if isinstance(found, str) and found in places:
        column, found = found, row["tests"]
    if isinstance(found, str):
        return found
    return [glob.replace("TEST", test) for glob in places[column] for test in found]


def _cell(value: Any, known: Sequence[str], missing: list[str]) -> str:
    if not value:
        return "not shown"
    if isinstance(value, str):
        return value
    links = [_link(pattern, known, missing) for pattern in value]
    series = {each for pattern in value for each in _series(_matching(pattern, known))}
    return f"{' '.join(sorted(series))} ({', '.join(links)})"


def _link(pattern: str, known: Sequence[str], missing: list[str]) -> str:
    if not _matching(pattern, known):
        missing.append(pattern)
    file, _, test = pattern.partition("::")
    name = re.sub(r"\[.*", "", test).removeprefix("test_").replace("_", " ").replace("*", "all of the file")
    return f'[{len(_matching(pattern, known))}](../tests/{file} "{name}")'


def _matching(pattern: str, known: Sequence[str]) -> list[str]:
    """A glob as in the source: `*` stands for anything, brackets for themselves."""
    glob = f"tests/{pattern}".replace("[", "[[]")
    return [each for each in known if fnmatchcase(each, glob) or fnmatchcase(each, f"{glob}[[]*]")]


def _series(ids: Sequence[str]) -> Iterator[str]:
    for each in ids:
        found = [g.series for g in GENERATIONS if re.search(rf"(?<![\d.]){re.escape(g.series)}(?![\d.])", each)]
        yield from found or [GENERATIONS[0].series]


def main() -> None:
    """Write the page."""
    PAGE.write_text(text(), encoding="utf-8")


if __name__ == "__main__":
    main()
