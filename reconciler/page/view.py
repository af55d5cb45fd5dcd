"""The whole status page as values, which its template writes down."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from reconciler import __version__
from reconciler.model import Board, Entry, WatchMode
from reconciler.page.cards import Card, Tone, cards
from reconciler.page.timeline import TimeLine, time_line
from reconciler.page.words import span, stamp
from reconciler.reports.numbers import count

_MODES = {
    WatchMode.REPORT: "reports only",
    WatchMode.REPLICATE: "carries data to partners",
    WatchMode.ENFORCE: "applies what git says",
}
_FEW = 9
_LATE = 30.0  # seconds without a turn of the loop, after which it is said to hang


@dataclass(frozen=True, slots=True)
class Tile:
    """A number at the top of the page."""

    number: int
    words: str
    tone: Tone


@dataclass(frozen=True, slots=True)
class View:
    """Everything on the page. `refresh` is after how many seconds it is old."""

    title: str
    headline: str
    tone: Tone
    mode: str
    revision: str
    at: str
    clock: str
    up: str
    version: str
    refresh: int
    tiles: tuple[Tile, ...]
    alarms: tuple[str, ...]
    troubled: tuple[Card, ...]
    new: tuple[Card, ...]
    well: tuple[Card, ...]
    unmanaged: tuple[str, ...]
    time_line: TimeLine | None

    @property
    def is_fleet(self) -> bool:
        """Whether there are so many that those which are well are drawn small, and last."""
        return len(self.well) > _FEW


def is_ticking(board: Board) -> bool:
    """Whether the daemon's loop runs: it does so each second."""
    return (board.at - board.ticked_at).total_seconds() < _LATE


def view(board: Board, entries: Iterable[Entry] | None) -> View:
    """Return the page of a board; `entries` are what happened on the last day, None where that can't be read."""
    found = cards(board.relationships, board.at, board.interval)
    troubled = tuple(each for each in found if each.needs_attention)
    headline, tone = _headline(found, troubled, is_ready=board.is_ready)
    alarms = tuple(_alarms(board, has_history=entries is not None))
    return View(
        title=f"{len(troubled)} of {len(found)} need a look" if troubled else headline.rstrip("."),
        headline=headline,
        tone=Tone.BAD if not is_ticking(board) else tone,
        mode=_MODES[board.mode],
        revision=board.revision,
        at=stamp(board.at),
        clock=board.at.strftime("%H:%M:%S"),
        up=span((board.at - board.started_at).total_seconds()),
        version=__version__,
        refresh=max(5, min(30, round(board.interval / 2))),
        tiles=_tiles(found),
        alarms=alarms,
        troubled=troubled,
        new=tuple(each for each in found if each.worst is Tone.UNKNOWN),
        well=tuple(each for each in found if each.worst is Tone.GOOD),
        unmanaged=tuple(
            f"{each.server} ({each.service}): a relationship of {', '.join(each.peers)}" for each in board.unmanaged
        ),
        time_line=None if entries is None else time_line(entries, board.at),
    )


def _headline(found: tuple[Card, ...], troubled: tuple[Card, ...], *, is_ready: bool) -> tuple[str, Tone]:
    if not found:
        return "No relationship is desired.", Tone.UNKNOWN
    if any(each.tone is Tone.BAD for each in found):
        down = sum(each.tone is Tone.BAD for each in found)
        others = len(troubled) - down
        more = f", {others} more {'needs' if others == 1 else 'need'} a look" if others else ""
        return f"{count(down, 'relationship')} {'is' if down == 1 else 'are'} down{more}.", Tone.BAD
    if not is_ready:
        return "Looking at all servers for the first time.", Tone.UNKNOWN
    if troubled:
        verb = "needs" if len(troubled) == 1 else "need"
        return f"{len(troubled)} of {count(len(found), 'relationship')} {verb} a look.", Tone.WARNING
    if len(found) == 1:
        return "The relationship is well.", Tone.GOOD
    return f"All {len(found)} relationships are well.", Tone.GOOD


def _tiles(found: tuple[Card, ...]) -> tuple[Tile, ...]:
    """Return how many are how; those that are none but for the first are left out."""
    numbers = (
        (sum(each.tone is Tone.GOOD for each in found), "OK", Tone.GOOD),
        (sum(each.tone is Tone.WARNING for each in found), "Impaired", Tone.WARNING),
        (sum(each.tone is Tone.BAD for each in found), "Service down", Tone.BAD),
        (sum(each.tone is Tone.UNKNOWN for each in found), "not looked at yet", Tone.UNKNOWN),
        (sum(each.sync_word.startswith("drifted") for each in found), "drifted", Tone.WARNING),
        (sum("suspended" in each.chips for each in found), "suspended", Tone.UNKNOWN),
    )
    return tuple(Tile(*each) for place, each in enumerate(numbers) if each[0] or not place)


def _alarms(board: Board, *, has_history: bool) -> Iterable[str]:
    if not is_ticking(board):
        yield f"The daemon's loop has not run for {span((board.at - board.ticked_at).total_seconds())}."
    yield from board.problems
    if not has_history:
        yield "What happened can't be read from the state directory; the log says why."
