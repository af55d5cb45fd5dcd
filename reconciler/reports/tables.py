"""Columns of text."""

from __future__ import annotations

from collections.abc import Sequence


def table(rows: Sequence[Sequence[str]], gap: str = "  ") -> list[str]:
    """Return rows as lines with aligned columns; all rows have the same number of cells, in plain text.

    Lines end where their last filled cell does.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [gap.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
