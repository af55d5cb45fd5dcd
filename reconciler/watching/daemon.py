"""The daemon's loop: which group's turn it is, and what makes it look before that.

Nothing is remembered of *what* changed. Files, the interval, a signal and a person only say when to look; what is to be
done comes from desired and from the servers, each time anew.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from dataclasses import replace

from watchfiles import awatch

from reconciler.errors import StateError
from reconciler.model import Board, Desired, Event, EventKind, Gravity, Thresholds
from reconciler.running.planned import within
from reconciler.state.retention import forget
from reconciler.state.runs import Store
from reconciler.watching.edges import Edges, Observer
from reconciler.watching.findings import Finding, Findings, Subject, events
from reconciler.watching.grouping import Group, groups
from reconciler.watching.reading import Reader
from reconciler.watching.records import by_name
from reconciler.watching.rounds import Approved, Habits, Rounds, nothing_approved
from reconciler.watching.source import Source
from reconciler.watching.systemd import Notifier
from reconciler.watching.telling import unforeseen
from reconciler.watching.timing import pause, spread

_log = logging.getLogger("reconciler.watching")
_LEVELS = {Gravity.INFO: logging.INFO, Gravity.WARNING: logging.WARNING, Gravity.ERROR: logging.ERROR}
_TICK = 1.0  # seconds between two signs of life, at most
_AT_ONCE = 0.2  # seconds; what is due so soon is begun at once: each turn looks at a thousand groups
_STEP = 200  # milliseconds without a change, after which what was written is read
_AN_HOUR = 3600.0
_A_SECOND = 50  # groups that are begun with at the start of the daemon


class Daemon:
    """Watches everything that `source` desires. `run` it in a loop of asyncio; `board` says what it knows.

    `observers` are told of every event, in the loop: they have to be quick. `thresholds` are what the operator allows a
    plan, and `approved` the codes that are approved of one.
    """

    def __init__(
        self,
        source: Source,
        edges: Edges,
        habits: Habits,
        store: Store,
        *,
        observers: Sequence[Observer] = (),
        notifier: Notifier | None = None,
        thresholds: Thresholds | None = None,
        approved: Approved = nothing_approved,
        concurrency: int = 100,
    ) -> None:
        self._source, self._edges, self._habits, self._store = source, edges, habits, store
        self._observers, self._notifier = tuple(observers), notifier or Notifier({})
        self._thresholds = thresholds
        self._reader = Reader(edges, concurrency)
        self._rounds = Rounds(edges, habits, store, self._reader, self._tell, approved)
        self._groups: tuple[Group, ...] = ()
        self._due: dict[tuple[str, ...], float] = {}
        self._running: dict[asyncio.Task[None], Group] = {}
        self._eager: set[tuple[str, ...]] = set()  # to be looked at as soon as can be, dead servers too
        self._failing: dict[tuple[str, ...], int] = {}
        self._nearest = 0.0  # when the next turn is, if nothing happens before
        self._is_waited_for = False  # whether a group is due whose servers another one is at
        self._findings: Findings = {}
        self._wake, self._stop, self._told = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._has_looked_at_desired = False
        self._started_at = self._ticked_at = edges.wall()

    @property
    def revision(self) -> str:
        """The revision of desired that is in force."""
        return self._source.desired.revision

    @property
    def is_settled(self) -> bool:
        """Whether everything was looked at once: every relationship, and desired with its git branch."""
        return self._has_looked_at_desired and self.board().is_ready

    @property
    def unknown(self) -> frozenset[str]:
        """The findings, by their keys, of which the last looks could not tell whether they last."""
        records = self._rounds.records.items()
        return frozenset(f"{kind}:{name}" for name, record in records for kind in record.unknown)

    def board(self) -> Board:
        """Return what is known now."""
        records = self._rounds.records
        return Board(
            at=self._edges.wall(),
            started_at=self._started_at,
            ticked_at=self._ticked_at,
            mode=self._habits.mode,
            interval=self._habits.interval,
            revision=self.revision,
            relationships=by_name(records),
            unmanaged=self._rounds.unmanaged,
            problems=(*self._source.problems, *filter(None, [self._source.git_problem])),
            requests=dict(self._reader.requests),
            is_ready=bool(self._groups) and all(each.watched.looked_at for each in records.values()),
        )

    def stop(self) -> None:
        """End: nothing new is begun, and what is under way is left in order after the step at hand."""
        self._rounds.stop()
        self._stop.set()
        self._source.stop()
        self._wake.set()

    def look_now(self) -> None:
        """Look at everything as soon as can be: at desired, and at all servers, be it their turn or not."""
        self._eager.update(group.names for group in self._groups)
        self._told.set()
        self._wake.set()

    async def run(self) -> None:
        """Watch until `stop` is called."""
        self._adopt(self._source.desired)
        self._tell(self._own(EventKind.STARTED, f"watching begins; the mode is {self._habits.mode}"))
        beside = (self._follow_files(), self._follow_desired(), self._forget_hourly())
        followers = [asyncio.create_task(each) for each in beside]
        self._told.set()
        self._notifier.send(f"READY=1\nSTATUS={self._habits.mode}")
        try:
            while not self._stop.is_set():
                await self._turn()
        finally:
            self._notifier.send("STOPPING=1")
            for task in followers:
                task.cancel()
            await asyncio.gather(*followers, return_exceptions=True)
            await self._wind_up()
            await self._reader.close()
            self._tell(self._own(EventKind.STOPPED, "watching ends"))

    # ------------------------------------------------------------------------------------------- turns

    async def _turn(self) -> None:
        """Begin the rounds that are due, and wait until something is to be done again."""
        self._ticked_at = self._edges.wall()
        if self._notifier.watchdog is not None:
            self._notifier.send("WATCHDOG=1")
        self._wake.clear()
        now = self._edges.clock()
        busy = {endpoint for group in self._running.values() for endpoint in group.endpoints}
        at_it = {group.names for group in self._running.values()}
        nearest = now + min(_TICK, (self._notifier.watchdog or 2 * _TICK) / 2)
        self._is_waited_for = False
        for group in self._groups:
            is_eager, due = group.names in self._eager, self._due[group.names]
            if group.names in at_it:
                continue
            if due > now + _AT_ONCE and not is_eager:  # nearly all of a thousand, each time
                nearest = min(nearest, due)
            elif busy.isdisjoint(group.endpoints):
                self._eager.discard(group.names)
                self._begin(group, is_eager=is_eager)
                busy.update(group.endpoints)
            else:
                self._is_waited_for = True
        self._nearest = nearest
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), max(0.0, nearest - now))

    def _begin(self, group: Group, *, is_eager: bool) -> None:
        task = asyncio.create_task(self._round(group, is_eager=is_eager))
        self._running[task] = group
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        group = self._running.pop(task)
        is_past = all(each is not group for each in self._groups)  # by identity: a thousand are compared at each end
        if is_past and not self._stop.is_set():  # it was at it when desired became another
            self._rounds.adopt(self._groups)
            self._forget_others()
        is_soon = self._due.get(group.names, 0.0) < self._nearest or group.names in self._eager
        if is_past or is_soon or self._is_waited_for or self._stop.is_set():
            self._wake.set()

    async def _round(self, group: Group, *, is_eager: bool) -> None:
        """Do one round; whatever goes wrong in it keeps no other group from its own."""
        try:
            seconds = await self._rounds.once(group, is_eager=is_eager)
            self._failing.pop(group.names, None)
        except Exception as error:  # noqa: BLE001 - see above; the text of an unforeseen exception may hold a secret
            seconds = self._failed(group, unforeseen(error))
        self._due[group.names] = self._edges.clock() + seconds

    def _failed(self, group: Group, reason: str) -> float:
        times = self._failing[group.names] = self._failing.get(group.names, 0) + 1
        _log.error("%s: %s", ", ".join(group.names) or "what no relationship names", reason)
        self._rounds.failed(group, reason)
        return pause(times, self._edges.chance())

    async def _wind_up(self) -> None:
        """End the rounds: those that only look at once, those that change something after the step at hand."""
        for task, group in list(self._running.items()):
            if group.names not in self._rounds.at_work:
                task.cancel()
        await asyncio.gather(*list(self._running), return_exceptions=True)

    # ----------------------------------------------------------------------------------------- desired

    def _adopt(self, desired: Desired) -> None:
        """Work with another desired state from now on, and look at everything at once."""
        told = within(desired, self._thresholds) if self._thresholds is not None else desired
        old, self._groups = self._groups, groups(told)
        now = self._edges.clock()
        within_seconds = 0.0 if old else min(self._habits.interval, len(self._groups) / _A_SECOND)
        self._due = {each.names: now + within_seconds * self._edges.chance() for each in self._groups}
        self._eager.update(group.names for group in self._running.values())  # what they are at is out of date
        self._rounds.adopt(self._groups)
        self._forget_others()
        self._wake.set()

    def _forget_others(self) -> None:
        """Forget the servers that desired does not name any more."""
        self._reader.forget_others({endpoint for group in self._groups for endpoint in group.endpoints})

    async def _follow_desired(self) -> None:
        """Look at the folder when something was told of it, and else at the usual pace."""
        is_another = False  # whether another desired state is in force than is worked with
        while not self._stop.is_set():  # a cancellation that meets the end of `wait_for` is lost on Python 3.11
            seconds = spread(self._habits.interval, self._edges.chance())
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._told.wait(), seconds)
            is_told = self._told.is_set()
            self._told.clear()
            is_another = await self._source.look(is_told=is_told) or is_another
            if self._stop.is_set():  # which ends looking in the middle
                return
            try:
                if is_another:
                    self._adopt(self._source.desired)
                    is_another = False
                    self._tell(self._own(EventKind.DESIRED, f"desired is {self.revision} now"))
                self._tell_of_desired()
            except Exception as error:  # noqa: BLE001 - it goes on to be followed; the text may hold a secret
                _log.error("desired can't be taken over: %s", unforeseen(error))
            self._has_looked_at_desired = True

    async def _follow_files(self) -> None:
        """Notice what is written below the folder; where that can't be noticed, the usual pace has to do."""
        while not self._stop.is_set():
            try:
                async for _ in awatch(self._source.directory, step=_STEP, rust_timeout=1000, stop_event=self._stop):
                    self._told.set()
            except Exception as error:  # noqa: BLE001 - of the system's limits watchfiles tells by one of its own
                reason = (error.strerror if isinstance(error, OSError) else None) or type(error).__name__
                _log.warning("%s can't be followed: %s", self._source.directory, reason)
                await self._edges.sleep(self._habits.interval)
                self._told.set()

    async def _forget_hourly(self) -> None:
        """Forget what is old, now and each hour, also where nothing is ever changed."""
        while not self._stop.is_set():
            try:
                forget(self._store, self._edges.wall())
            except Exception as error:  # noqa: BLE001 - it is tried again in an hour, whatever it was
                reason = str(error) if isinstance(error, StateError) else unforeseen(error)
                _log.error("what is old can't be forgotten: %s", reason)
            await self._edges.sleep(_AN_HOUR)

    # ----------------------------------------------------------------------------------------- telling

    def _tell_of_desired(self) -> None:
        """Tell what is wrong with desired and with the git branch, once, and when it is over."""
        found = {each.kind: each for each in _of_source(self._source)}
        for event in events(self._findings, found, Subject(self.revision), self._edges.wall()):
            self._tell(event)
        self._findings = found

    def _own(self, kind: EventKind, summary: str) -> Event:
        return Event(self._edges.wall(), kind, Gravity.INFO, summary, revision=self.revision)

    def _tell(self, event: Event) -> None:
        """Tell an event to all, without a secret in it."""
        scrub = self._edges.scrub
        details, parts = tuple(map(scrub, event.details)), frozenset(map(scrub, event.parts))
        clean = replace(event, summary=scrub(event.summary), details=details, parts=parts)
        _log.log(_LEVELS[clean.severity], "%s", clean.summary, extra={"event": clean})
        for observer in self._observers:
            try:
                observer(clean)
            except Exception as error:  # noqa: BLE001 - who listens must not keep the daemon from its work
                _log.error("an event could not be passed on: %s", type(error).__name__)


def _of_source(source: Source) -> list[Finding]:
    found = []
    if source.problems:
        text = f"desired can't be used, {source.desired.revision} stays in force: {source.problems[0]}"
        over = "desired can be used again"
        sign = "\n".join(source.problems)
        found.append(Finding(EventKind.DESIRED_REFUSED, Gravity.ERROR, text, over, sign, source.problems))
    if source.git_problem:
        text, over = f"the git branch is not followed: {source.git_problem}", "the git branch is followed again"
        found.append(Finding(EventKind.GIT_REFUSED, Gravity.ERROR, text, over, source.git_problem))
    return found
