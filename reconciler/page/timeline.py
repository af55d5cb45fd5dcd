"""The last day: what lasted as bars along a line for each relationship, and everything that happened as a list."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from reconciler.model import Entry, EventKind, Standing
from reconciler.model.history import CHANGED, OPERATED
from reconciler.page.cards import Tone
from reconciler.page.words import clock, stamp
from reconciler.reports.text_history import entry_words

DAY: Final = timedelta(days=1)
WIDTH: Final = 1440  # of the drawing: one for each minute
_NARROWEST: Final = 5  # what is shorter would not be seen
_LANES, _LINES = 24, 150  # more than these nobody reads: `history` has all
_QUARTERS: Final = 4
_TONES: Final = {"error": Tone.BAD, "warning": Tone.WARNING}
_OWN: Final = "the daemon"  # the lane of what is about no relationship


@dataclass(frozen=True, slots=True)
class Bar:
    """Something that lasted, in minutes from the left; `is_health` for a status, which is drawn above the rest."""

    x: int
    width: int
    tone: Tone
    is_health: bool
    words: str


@dataclass(frozen=True, slots=True)
class Mark:
    """Something of one moment: a server was changed, or a person did something."""

    x: int
    tone: Tone
    words: str


@dataclass(frozen=True, slots=True)
class Lane:
    """The line of one relationship."""

    name: str
    bars: tuple[Bar, ...]
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class Happening:
    """One line of the list."""

    key: str
    at: str
    clock: str
    relationship: str
    tone: Tone
    words: str
    details: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TimeLine:
    """The last day. `ticks` are the times under the drawing, `more_lanes` and `more_lines` how many are left out."""

    ticks: tuple[str, ...]
    lanes: tuple[Lane, ...]
    lines: tuple[Happening, ...]
    more_lanes: int
    more_lines: int


def time_line(entries: Iterable[Entry], now: datetime) -> TimeLine:
    """Return the time line of what happened in the day before `now`.

    `entries` are in any order; those of findings that began before that day may be among them, and are drawn from its
    begin on.
    """
    ordered = sorted(entries, key=lambda each: (each.at, each.number))
    begin = now - DAY
    lanes = _lanes(ordered, begin, now)
    recent = [each for each in reversed(ordered) if each.at >= begin]
    step = DAY / _QUARTERS
    return TimeLine(
        tuple(clock(begin + step * number) for number in range(_QUARTERS)),
        tuple(lanes[:_LANES]),
        tuple(_happening(each, now) for each in recent[:_LINES]),
        max(0, len(lanes) - _LANES),
        max(0, len(recent) - _LINES),
    )


def tone_of(entry: Entry) -> Tone:
    """Return how much an entry matters."""
    if entry.is_over:
        return Tone.GOOD
    failed = entry.exit_code or any(each.result == "failed" or each.persisted is False for each in entry.results)
    if failed or entry.standing is Standing.CUT_OFF:
        return Tone.BAD
    return _TONES.get(entry.severity, Tone.UNKNOWN)


def _happening(entry: Entry, now: datetime) -> Happening:
    return Happening(
        f"e{entry.number}",
        stamp(entry.at),
        clock(entry.at) if entry.at.date() == now.date() else f"{entry.at:%a} {clock(entry.at)}",
        entry.relationship or "",
        tone_of(entry),
        entry_words(entry).removeprefix("over: "),
        entry.details,
    )


# ------------------------------------------------------------------------------------------- the drawing


def _lanes(ordered: Sequence[Entry], begin: datetime, now: datetime) -> list[Lane]:
    """Return the lines in which there is anything to see, what is troubled most and lately first."""
    found: dict[str, tuple[list[Bar], list[Mark]]] = {}
    for name, bar in _bars(ordered, begin, now):
        found.setdefault(name, ([], []))[0].append(bar)
    for entry in ordered:
        if entry.at >= begin and entry.finding is None:
            mark = Mark(_x(entry.at, begin), tone_of(entry), f"{clock(entry.at)} {entry_words(entry)}")
            if entry.kind in {CHANGED, OPERATED, EventKind.APPLIED} or entry.relationship is None:
                found.setdefault(entry.relationship or _OWN, ([], []))[1].append(mark)
    lanes = [Lane(name, tuple(bars), tuple(marks)) for name, (bars, marks) in found.items()]
    return sorted(lanes, key=lambda lane: (-sum(bar.width for bar in lane.bars if bar.tone is Tone.BAD), lane.name))


def _bars(ordered: Sequence[Entry], begin: datetime, now: datetime) -> Iterator[tuple[str, Bar]]:
    """Yield what lasted, by lane. A finding whose begin nobody told of in this time lasted since before it."""
    running: dict[str, Entry] = {}
    for entry in ordered:
        if entry.finding is None:
            continue
        before = running.pop(entry.finding, None)
        if before is not None:
            yield _bar(before, before.at, entry.at, begin)
        elif entry.is_over:
            yield _bar(entry, begin, entry.at, begin)
        if not entry.is_over:
            running[entry.finding] = entry
    for entry in running.values():
        yield _bar(entry, entry.at, now, begin)


def _bar(entry: Entry, since: datetime, until: datetime, begin: datetime) -> tuple[str, Bar]:
    x = _x(since, begin)
    width = max(_NARROWEST, _x(until, begin) - x)
    tone = _TONES.get(entry.severity, Tone.WARNING if entry.is_over else Tone.UNKNOWN)
    words = f"{clock(max(since, begin))} to {clock(until)}: {entry_words(entry).removeprefix('over: ')}"
    return entry.relationship or _OWN, Bar(min(x, WIDTH - width), width, tone, entry.kind == EventKind.STATUS, words)


def _x(at: datetime, begin: datetime) -> int:
    return max(0, min(WIDTH, round((at - begin) / timedelta(minutes=1))))
