"""Markdown that nothing from a server can break out of, and that is never longer than its reader takes.

All that is not our own words stands behind fences, where Markdown knows no mentions, links, HTML or tables; and a fence
is longer than any run of backticks inside, so that no line can end it (CommonMark 0.31, section 4.5).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

LONGEST_FENCE: Final = 16  # of longer runs of backticks, each is shown as an escape
_RUN = re.compile(r"`+")
_SAFE_NAME = re.compile(r"(?!(?i:.*www\.))[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")
_RESERVE: Final = 600  # for what is said where something was cut


@dataclass(frozen=True, slots=True)
class Limit:
    """How long a text may be, and how its length is taken."""

    most: int
    measure: Callable[[str], int]


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


COMMENT: Final = Limit(65_435, _units)
"""A comment on GitHub: under 65,536 characters; counted as UTF-16 has them, which is the larger number. The rest is for
the name that `publish` can put into the first line."""


def summary_limit(used: int = 0) -> Limit:
    """Return the limit of a job's summary on GitHub: under 1 MiB for each step, of which `used` bytes are there."""
    return Limit(max(0, (1 << 20) - 1 - used), _bytes)


@dataclass(frozen=True, slots=True)
class Block:
    """Lines that may hold anything, below a heading that holds only our own words.

    `language` is that of the fence. With `fold`, words of our own, it is folded under them.
    """

    heading: str
    lines: Sequence[str]
    language: str = "text"
    fold: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """A report. `name` goes into the hidden marker by which a comment is found again; `title` and `lead` hold only our
    own words, and `blocks` what is most urgent first.
    """

    name: str
    title: str
    lead: tuple[str, ...] = ()
    blocks: tuple[Block, ...] = ()


def marker(name: str) -> str:
    """Return the line that begins a comment and that nobody sees."""
    return f"<!-- kea-reconciler: {name} -->"


def code(name: str, otherwise: str) -> str:
    """Return a name for a paragraph, or other words of ours where it has anything but letters, digits and `._:-`."""
    return f"`{name}`" if _SAFE_NAME.fullmatch(name) else otherwise


def fold_code(name: str, otherwise: str) -> str:
    """Return the same for the words that a block is folded under, which are HTML."""
    return f"<code>{name}</code>" if _SAFE_NAME.fullmatch(name) else otherwise


def markdown(page: Page, limit: Limit = COMMENT, pointer: str = "") -> str:
    """Return a page as Markdown within a limit, without a line end at its end.

    Where it would be too long, lines are left out from the end, and it says how many and that `pointer` has them all.
    What is folded goes first; of what is open, a block leaves to those after it what they need, up to half of the room.
    A limit too small for the title alone gives nothing.
    """
    text = "\n\n".join([f"{marker(page.name)}\n## {page.title}", *page.lead])
    room, lost = limit.most - limit.measure(text) - _RESERVE, 0
    if room < 0:
        return ""
    parts = [text]
    needed = [0 if each.fold else limit.measure(_block(each, each.lines)) + 2 for each in page.blocks]
    for place, block in enumerate(page.blocks):
        own = room - min(sum(needed[place + 1 :]), room // 2)
        shown = _fitting(block, own, limit.measure) if not (lost and block.fold) else 0
        if shown or not block.lines:
            parts.append(_block(block, block.lines[:shown]))
            room -= limit.measure(parts[-1]) + 2
        lost += len(block.lines) - shown
    if lost:
        whole = pointer or "the log of the run and the artifacts that it keeps"
        parts.append(f"**{lost} more {'line is' if lost == 1 else 'lines are'} left out here.** All of it: {whole}.")
    return "\n\n".join(parts)


def _fitting(block: Block, room: int, measure: Callable[[str], int]) -> int:
    """Return how many lines of a block fit, none where not even its frame does."""
    lines = [_tame(line) for line in block.lines]
    around = measure(_block(block, ())) + 2 * LONGEST_FENCE + 2
    sums = accumulate((measure(line) + 1 for line in lines), initial=around)
    return max(0, sum(each <= room for each in sums) - 1)


def _block(block: Block, lines: Sequence[str]) -> str:
    tamed = [_tame(line) for line in lines]
    fence = "`" * max([3, *(len(run) + 1 for line in tamed for run in _RUN.findall(line))])
    inner = "\n".join([fence + block.language, *tamed, fence])
    if block.heading:
        inner = f"{block.heading}\n\n{inner}"
    return f"<details><summary>{block.fold}</summary>\n\n{inner}\n\n</details>" if block.fold else inner


def _tame(line: str) -> str:
    """Return a line that can't ask for a fence as long as itself."""
    return line.replace("`", "\\x60") if "`" * LONGEST_FENCE in line else line


def as_diff(line: str) -> str:
    """Return a line of a text report as one of a diff: its sign in the first column, which colours it."""
    inner = line.lstrip(" ")
    sign = {"+ ": "+", "~ ": "!", "- ": "-"}.get(inner[:2])
    if sign is None or inner == line:
        return f" {line}"
    indent = len(line) - len(inner)
    return f"{sign}{' ' * (indent + 1)}{inner[1:]}"
