"""One relationship as the page draws it: its servers as boxes, lines between them, and what is to be said of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from reconciler.model import Health, RelationshipStatus, Role, ServerStatus, Watched
from reconciler.page.words import ago, rest, span, stamp
from reconciler.reports.numbers import count, signed_seconds
from reconciler.reports.text_status import WORDS

_SHOWN = 4  # lines of drift that are seen at once; the others unfold
_SKEWED = 5.0  # seconds between two clocks that are worth a word
_STALE = 3  # intervals without a look at all servers, after which that is said


class Tone(StrEnum):
    """How something looks: well, to be looked at soon, now, or nobody knows. Never said by colour alone."""

    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"
    UNKNOWN = "unknown"


class Line(StrEnum):
    """Where data go between two boxes: to the right, to the left, down from the box above, or nowhere."""

    RIGHT = "right"
    LEFT = "left"
    DOWN = "down"
    NONE = "none"


_TONES = {Health.OK: Tone.GOOD, Health.IMPAIRED: Tone.WARNING, Health.SERVICE_DOWN: Tone.BAD}
_ORDER = (Tone.BAD, Tone.WARNING, Tone.UNKNOWN, Tone.GOOD)  # the worst first


@dataclass(frozen=True, slots=True)
class Box:
    """One server. `facts` are said in small letters: scopes, version, its clock if that is off."""

    server: str
    role: str
    state: str
    tone: Tone
    is_authority: bool
    facts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Branch:
    """A box and the line that leads to it; `words` say what that means, `sentence` says it to who doesn't see them."""

    box: Box
    line: Line
    tone: Tone
    words: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Note:
    """Something to be said of a relationship: a heading, lines at once, and lines that unfold."""

    title: str
    tone: Tone
    lines: tuple[str, ...] = ()
    rest: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Card:
    """One relationship. `left` is the box that all others are drawn beside; None before the first look."""

    key: str
    name: str
    service: str
    mode: str
    word: str
    tone: Tone
    sync_word: str
    sync_tone: Tone
    left: Box | None
    branches: tuple[Branch, ...]
    authority: str
    notes: tuple[Note, ...]
    chips: tuple[str, ...]
    looked_at: str
    looked_ago: str

    @property
    def worst(self) -> Tone:
        """The tone of the whole: that of the worst that is to be said of it."""
        tones = {self.tone, *(tone for tone in self._others() if tone in {Tone.WARNING, Tone.BAD})}
        return min(tones, key=_ORDER.index)

    @property
    def needs_attention(self) -> bool:
        """Whether a person should look."""
        return self.worst in {Tone.WARNING, Tone.BAD}

    def _others(self) -> Iterator[Tone]:
        yield self.sync_tone
        yield from (note.tone for note in self.notes)


def cards(watched: Sequence[Watched], now: datetime, interval: float) -> tuple[Card, ...]:
    """Return the cards of all relationships: what is worst first, then by name."""
    found = [card(each, now, interval) for each in watched]
    return tuple(sorted(found, key=lambda each: (_ORDER.index(each.tone), _ORDER.index(each.worst), each.name)))


def card(watched: Watched, now: datetime, interval: float) -> Card:
    """Return the card of one relationship."""
    status = watched.status
    word, tone = ("Not looked at yet", Tone.UNKNOWN) if status is None else _health(status)
    sync_word, sync_tone = _sync(watched)
    left, branches = (None, ()) if status is None else _drawn(status)
    looked = watched.looked_at
    return Card(
        key=f"{watched.service}-{watched.name}",
        name=watched.name,
        service=watched.service.value,
        mode="" if status is None else status.mode,
        word=word,
        tone=tone,
        sync_word=sync_word,
        sync_tone=sync_tone,
        left=left,
        branches=branches,
        authority="" if status is None else f"{status.authority or 'Nobody'} is the truth: {status.authority_reason}",
        notes=tuple(_notes(watched, now, interval)),
        chips=tuple(_chips(watched)),
        looked_at="" if looked is None else stamp(looked),
        looked_ago="" if looked is None else ago(looked, now),
    )


def _health(status: RelationshipStatus) -> tuple[str, Tone]:
    return WORDS[status.status][0], _TONES[status.status]


def _sync(watched: Watched) -> tuple[str, Tone]:
    """Return whether the servers have the same, in words."""
    if watched.drift_count:
        return f"drifted: {count(watched.drift_count, 'difference')}", Tone.WARNING
    if watched.change_count:
        return f"{count(watched.change_count, 'change')} not done yet", Tone.WARNING
    known = None if watched.status is None else watched.status.in_sync
    if known is None:
        return "in sync: unknown", Tone.UNKNOWN
    return ("in sync", Tone.GOOD) if known else ("not in sync", Tone.WARNING)


# ----------------------------------------------------------------------------------------- the drawing


def _drawn(status: RelationshipStatus) -> tuple[Box | None, tuple[Branch, ...]]:
    """Return the primary's box and the others beside it, the partner first, each with the line that leads to it."""
    servers = sorted(status.servers, key=lambda each: (each.role is not Role.PRIMARY, each.role is Role.BACKUP))
    if not servers:
        return None, ()
    first, *others = servers
    return _box(first, status), tuple(_branch(first, each, status) for each in others)


def _branch(first: ServerStatus, server: ServerStatus, status: RelationshipStatus) -> Branch:
    box, truth = _box(server, status), status.authority
    if truth is None:
        sentence = f"Nothing goes to {server.server}: nobody is the truth."
        return Branch(box, Line.NONE, Tone.BAD, "no authority", sentence)
    line = Line.RIGHT if truth == first.server else Line.LEFT if truth == server.server else Line.DOWN
    target = first if line is Line.LEFT else server
    tone, words, told = _standing(target)
    return Branch(box, line, tone, words, f"From {truth} to {target.server}: {told}.")


def _standing(target: ServerStatus) -> tuple[Tone, str, str]:
    if not target.is_reachable:
        return Tone.BAD, "unreachable", "it can't be reached"
    if target.in_sync is None:
        return Tone.UNKNOWN, "unknown", "whether it has the same is not known"
    return (Tone.GOOD, "in sync", "in sync") if target.in_sync else (Tone.WARNING, "differs", "it differs")


def _box(server: ServerStatus, status: RelationshipStatus) -> Box:
    state = server.ha_state or ("no HA" if server.is_reachable else "unreachable")
    tone = Tone.GOOD
    if not server.is_reachable:
        tone = Tone.BAD
    elif not server.is_normal or server.in_sync is False:
        tone = Tone.WARNING
    is_authority = server.server == status.authority
    return Box(server.server, server.role.value, state, tone, is_authority, tuple(_facts(server)))


def _facts(server: ServerStatus) -> Iterator[str]:
    if server.scopes:
        yield f"serves {', '.join(server.scopes)}"
    if server.heartbeat_age is not None:
        yield f"partner heard {span(server.heartbeat_age)} ago"
    if server.clock_skew is not None and abs(server.clock_skew) >= _SKEWED:
        yield f"clock {signed_seconds(server.clock_skew)}"
    if server.version:
        yield f"Kea {server.version}"


# -------------------------------------------------------------------------------------------- the notes


def _notes(watched: Watched, now: datetime, interval: float) -> Iterator[Note]:
    status = watched.status
    if status is not None and status.status is not Health.OK:
        yield _note("Why", _TONES[status.status], status.reasons)
    if watched.drift:
        since = "" if watched.drifted_since is None else f", for {span((now - watched.drifted_since).total_seconds())}"
        stale = "; they can't be compared now" if status is not None and status.in_sync is None else ""
        words = f"{count(watched.drift_count, 'difference')} that nobody asked for{since}{stale}"
        yield _note(words, Tone.WARNING, watched.drift)
    if watched.changes:
        yield _note(f"{count(watched.change_count, 'change')} that git asks for", Tone.UNKNOWN, watched.changes)
    if watched.waits:
        yield _note("Nothing is done about it, because", Tone.WARNING, watched.waits)
    if watched.contested:
        lines = (*watched.contested, *watched.left_alone)
        yield _note("Contested: drifts back again and again, and is left alone", Tone.BAD, lines)
    if watched.suspension is not None:
        each = watched.suspension
        words = f"by {each.user}: {each.reason}"
        yield Note(f"Suspended for another {rest((each.until - now).total_seconds())}", Tone.WARNING, (words,))
    yield from _silence(watched, now, interval)
    if status is not None and status.notes:
        yield _note("Good to know", Tone.UNKNOWN, status.notes)


def _silence(watched: Watched, now: datetime, interval: float) -> Iterator[Note]:
    """Yield that what stands here is old, or that looks fail."""
    if watched.failures:
        last = "never yet" if watched.succeeded_at is None else ago(watched.succeeded_at, now)
        yield Note(f"Failed {count(watched.failures, 'time')} in a row; went well {last}", Tone.WARNING)
    elif watched.looked_at is not None and (now - watched.looked_at).total_seconds() > _STALE * interval:
        yield Note(f"Looked at {ago(watched.looked_at, now)}: what stands here is old", Tone.WARNING)


def _note(title: str, tone: Tone, lines: Sequence[str]) -> Note:
    cut = len(lines) if len(lines) <= _SHOWN + 1 else _SHOWN  # never unfold a single one
    return Note(title, tone, tuple(lines[:cut]), tuple(lines[cut:]))


def _chips(watched: Watched) -> Iterator[str]:
    if watched.is_at_work:
        yield "being changed now"
    if watched.suspension is not None:
        yield "suspended"
    if watched.contested:
        yield "contested"
