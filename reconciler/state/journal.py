"""The journal: what is begun on which server, on disk before it is sent, and how it ended."""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import orjson

from reconciler.errors import NotReachedError, StateError
from reconciler.model import (
    Endpoint,
    RelationshipOutcome,
    RelationshipPlan,
    Result,
    ServerPlan,
    Service,
    Shown,
    Snapshot,
)
from reconciler.model.history import CHANGED, OPERATED
from reconciler.model.journal import Leftover
from reconciler.state import configurations, plans
from reconciler.state.database import at_leisure, told, transaction
from reconciler.state.events import sound
from reconciler.state.left import NOT_EXECUTED, NOT_SENT, PERSISTED, RESTORED, leftovers, owed
from reconciler.state.runs import Run, Store, now
from reconciler.state.shown import keep_shown

_log = logging.getLogger("reconciler")
_HARMLESS = frozenset({"config-test"})  # no reading, but nothing to be put right either
# Of all others, which come in numbers, the first in a row stands for all that follow it.
SINGLE = frozenset(
    {
        "config-set",
        "config-write",
        "config-reload",
        "dhcp-disable",
        "dhcp-enable",
        "ha-scopes",
        "ha-maintenance-start",
        "ha-maintenance-cancel",
        "ha-reset",
        "ha-continue",
        "ha-sync",
    }
)
# Arguments that are worth remembering, and hold no data of clients.
_TOLD = frozenset({"scopes", "server-name", "origin", "origin-id", "max-period", "subnet", "id", "name"})


class Journal:
    """The journal of this run. A `reconciler.kea.client.Witness`: every client that is given it tells it what goes out.

    What is begun must be written down, or it isn't begun. Once something was sent to a relationship's servers, the rest
    of the stage counts for more than the journal: it goes on without, `failed` is called, and nothing new is begun.
    `scrub` keeps secrets out of what is written down in words.
    """

    def __init__(
        self,
        store: Store,
        run: Run,
        failed: Callable[[], None] = lambda: None,
        scrub: Callable[[str], str] = str,
    ) -> None:
        self._store, self._run = store, run
        self.failed, self._scrub = failed, scrub
        self._parts: dict[tuple[str, str], int] = {}  # the part under way of each endpoint
        self._works: dict[tuple[str, str], int] = {}
        self._sent: set[int] = set()  # parts to which something was sent
        self._last: dict[tuple[str, str], tuple[str, int]] = {}  # the last command, and the step that it is in
        self._shared: set[int] = set()  # steps that stand for several commands
        self._is_failing = False
        self._concerned: tuple[str | None, str | None] = (None, None)
        self._is_entered = False  # whether the history has an entry of this run's operation

    @property
    def is_failing(self) -> bool:
        """Whether something could not be written down."""
        return self._is_failing

    # ------------------------------------------------------------------------------------- plan files

    def used(self, plan: str) -> str | None:
        """Return when the plan file with that id was carried out; None where it was not. Raises StateError."""
        return plans.used(self._store, plan)

    def uses(self, plan: str, fingerprint: str) -> None:
        """Write down that a plan file is carried out from now on. Raises StateError where it was before."""
        plans.use(self._store, plan, fingerprint)

    # ------------------------------------------------------------------------------- one relationship

    def begins(self, plan: RelationshipPlan, *, is_operation: bool = False) -> None:
        """Write down what every server of a relationship has and is to have, for the history as an operation where it
        is one. Raises StateError.
        """
        relationship, database = plan.relationship, self._store.database
        bodies = [(each, _bodies(each)) for each in plan.servers]
        with told(self._store.directory), transaction(database):
            cursor = database.execute(
                "INSERT INTO work (run, relationship, service, description, began_at) VALUES (?, ?, ?, ?, ?)",
                (self._run.number, relationship.name, relationship.service.value, _description(plan), now()),
            )
            work = int(cursor.lastrowid or 0)
            self._works[relationship.name, relationship.service.value] = work
            if is_operation:
                self._enter()
            else:
                database.execute(
                    "INSERT INTO event (at, kind, relationship, service, work) SELECT began_at, ?, relationship, "
                    "service, number FROM work WHERE number = ?",
                    (CHANGED, work),
                )
            for server, (before, planned) in bodies:
                live, endpoint = server.snapshot, server.snapshot.endpoint
                digests = [configurations.keep(database, each) if each else None for each in (before, planned)]
                cursor = database.execute(
                    "INSERT INTO part (work, service, server, control, kea_pid, kea_started, was_off, version, before, "
                    "planned) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (work, *_key(endpoint), endpoint.control, *_process(live), live.version, *digests),
                )
                self._parts[_key(endpoint)] = int(cursor.lastrowid or 0)
                self._last.pop(_key(endpoint), None)
        for partner, hub in _beside(plan):  # what is asked of who answers for a hub is part of what is done to the hub
            self._parts[partner] = self._parts[hub]
            self._last.pop(partner, None)

    def ends(self, outcome: RelationshipOutcome, plan: RelationshipPlan) -> None:
        """Write down what became of it; servers on which nothing is left open are done with."""
        relationship, database = plan.relationship, self._store.database
        work = self._works.get((relationship.name, relationship.service.value))
        if work is None:
            return
        for partner, _ in _beside(plan):
            self._parts.pop(partner, None)
        told_of = [
            {
                "server": each.server,
                "result": each.result.value,
                "persisted": each.persisted,
                "reason": sound(self._scrub(each.reason)),
            }
            for each in outcome.servers
        ]
        restored = {each.server for each in outcome.servers if each.result is Result.RESTORED}
        with self._best_effort(), transaction(database):
            for server in plan.servers:
                if server.peer.server in restored:
                    self._note(server.snapshot.endpoint, RESTORED)
            values = (now(), json.dumps(told_of), work)
            database.execute("UPDATE work SET ended_at = ?, outcome = ? WHERE number = ?", values)
            open_ones = owed(database)
            for server in plan.servers:
                key = _key(server.snapshot.endpoint)
                if key not in open_ones and key in self._parts:
                    _settle(database, key, self._parts[key])

    def entry(self, relationship: str, service: Service) -> int | None:
        """Return the id in the history of what this run last began on a relationship, None where it began nothing."""
        work = self._works.get((relationship, service.value))
        if work is None:
            return None
        with self._best_effort():
            row = self._store.database.execute("SELECT number FROM event WHERE work = ?", (work,)).fetchone()
            return None if row is None else int(row[0])
        return None

    def shows(self, plans_shown: Iterable[Shown]) -> None:
        """Keep plans that were shown, but for those of relationships that this run began to carry out."""
        for each in plans_shown:
            if (each.relationship, each.service.value) not in self._works:
                keep_shown(self._store, each)

    # -------------------------------------------------------------------------------------- one command

    def sends(self, endpoint: Endpoint, command: str, arguments: Any) -> int | None:
        """Write down that a command goes out to a server. Raises NotReachedError where that is impossible and nothing
        was begun yet: then it must not go out.
        """
        if command in _HARMLESS:
            return None
        key = _key(endpoint)
        part, last = self._parts.get(key), self._last.get(key)
        if last is not None and last[0] == command and command not in SINGLE:
            self._shared.add(last[1])
            return last[1]  # one of many small changes in memory: the first stands for all
        try:
            with told(self._store.directory), transaction(self._store.database):
                if part is None:
                    self._enter()
                cursor = self._store.database.execute(
                    "INSERT INTO step (run, part, service, server, command, detail, began_at) "
                    "VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (self._run.number, part, *key, command, _detail(arguments), now()),
                )
        except StateError as error:
            self._fails(error)
            if part is None or part not in self._sent:
                raise NotReachedError(f"{endpoint}: {command} was not sent: {error}") from error
            return None
        step = int(cursor.lastrowid or 0)
        self._last[key] = (command, step)
        if part is not None:
            self._sent.add(part)
        return step

    def concerns(self, relationship: str, service: Service) -> None:
        """Say which relationship the operation is about whose commands go out from now on."""
        self._concerned = relationship, service.value

    def _enter(self) -> None:
        """Give the history its entry of an operation, once a run."""
        if not self._is_entered:
            self._store.database.execute(
                "INSERT INTO event (at, kind, relationship, service, run) VALUES (?, ?, ?, ?, ?)",
                (now(), OPERATED, *self._concerned, self._run.number),
            )
            self._is_entered = True

    def hears(self, step: int | None, result: int | None) -> None:
        """Write down how a command ended: Kea's result, or None where nobody knows.

        Without waiting for the disk, since clients may be waiting for the next command: where this is lost, the server
        is read to find out. Of several that one stands for, that the last was not executed says nothing of the others.
        """
        if step is None or (step in self._shared and result in NOT_EXECUTED):
            return
        with self._best_effort(), at_leisure(self._store.database):
            values = (now(), result, step)
            self._store.database.execute("UPDATE step SET ended_at = ?, result = ? WHERE number = ?", values)

    def misses(self, step: int | None) -> None:
        """Write down that a command certainly was not executed; it stands for none that follows."""
        self.hears(step, NOT_SENT)
        self._last = {key: last for key, last in self._last.items() if last[1] != step}

    def persisted(self, endpoint: Endpoint) -> None:
        """Write down that what a server runs is on its disk."""
        with self._best_effort():
            self._note(endpoint, PERSISTED)

    # --------------------------------------------------------------------------------------- afterwards

    def left(self) -> tuple[Leftover, ...]:
        """Return what earlier runs, and this one so far, left open. Raises StateError."""
        with told(self._store.directory):
            return leftovers(self._store.database, self._store.directory, own=self._run.number)

    def continues(self, leftover: Leftover) -> None:
        """Count what is sent to an endpoint from now on to what was left open there: it puts that right."""
        self._parts[leftover.service.value, leftover.server] = leftover.part

    def restored(self, endpoint: Endpoint) -> None:
        """Write down that a server has again what it had."""
        with self._best_effort():
            self._note(endpoint, RESTORED)

    def finds(self, live: Snapshot) -> None:
        """Write down that what is sent to a server from now on goes to another process of Kea than was read, or to one
        whose service was switched on since.
        """
        values = (*_process(live), self._parts.get(_key(live.endpoint)))
        with self._best_effort(), transaction(self._store.database):
            self._store.database.execute(
                "UPDATE part SET kea_pid = ?, kea_started = ?, was_off = ? WHERE number = ?", values
            )

    def settles(self, leftover: Leftover) -> None:
        """Write down that something is put right, or needs nothing."""
        with self._best_effort():
            _settle(self._store.database, (leftover.service.value, leftover.server), leftover.part)

    def _note(self, endpoint: Endpoint, command: str) -> None:
        key = _key(endpoint)
        self._store.database.execute(
            "INSERT INTO step (run, part, service, server, command, began_at, ended_at, result) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, 0)",
            (self._run.number, self._parts.get(key), *key, command, now(), now()),
        )
        self._last.pop(key, None)

    def _best_effort(self) -> _BestEffort:
        return _BestEffort(self)

    def _fails(self, error: StateError) -> None:
        if not self._is_failing:
            self._is_failing = True
            _log.critical("the journal can't be written any more, nothing new is begun: %s", error)
            self.failed()


class _BestEffort:
    """What is said inside is written down if that is possible; where it isn't, the work at hand goes on."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> bool:
        if not isinstance(error, sqlite3.Error | OSError):
            return False
        try:
            with told(self._journal._store.directory):  # noqa: SLF001 - a part of it
                raise error
        except StateError as said:
            self._journal._fails(said)  # noqa: SLF001
        return True


def _beside(plan: RelationshipPlan) -> Iterator[tuple[tuple[str, str], tuple[str, str]]]:
    """Yield the servers that answer for a hub and are no servers of the plan themselves, each with its hub."""
    own = {_key(server.snapshot.endpoint) for server in plan.servers}
    for there in plan.elsewhere:
        partner = _key(there.partner.snapshot.endpoint)
        if partner not in own:
            yield partner, _key(there.hub.snapshot.endpoint)


def _key(endpoint: Endpoint) -> tuple[str, str]:
    return endpoint.service.value, endpoint.server


def _process(live: Snapshot) -> tuple[int, float | None, bool | None]:
    """Return which process of Kea was read, and whether its service was off."""
    return live.pid, live.started_at, live.disabled_by_user


def _bodies(server: ServerPlan) -> Sequence[tuple[str, bytes] | None]:
    before = configurations.packed(server.snapshot.config)
    return before, configurations.packed(server.outgoing) if server.outgoing is not None else None


def _description(plan: RelationshipPlan) -> str:
    """Return what is needed to speak of the relationship when nobody describes it any more."""
    relationship = plan.relationship
    leaving = [server.peer for server in plan.servers if server.leaves]
    peers = [*relationship.peers, *(peer for peer in leaving if peer not in relationship.peers)]
    told_of = [
        {"server": peer.server, "name": peer.name, "role": peer.role.value, "url": peer.url, "is-hub": peer.is_hub}
        for peer in peers
    ]
    authority = plan.authority.server
    told: dict[str, Any] = {"mode": relationship.mode.value, "peers": told_of, "authority": authority}
    if relationship.earlier is not None:
        told["back-to"] = relationship.earlier.entry
    return json.dumps(told)


def _detail(arguments: Any) -> str:
    if not isinstance(arguments, Mapping):
        return ""
    kept = {key: value for key, value in arguments.items() if key in _TOLD}
    return orjson.dumps(kept).decode() if kept else ""


def _settle(database: sqlite3.Connection, key: tuple[str, str], part: int) -> None:
    database.execute(
        "UPDATE part SET settled_at = ? WHERE service = ? AND server = ? AND number <= ? AND settled_at IS NULL",
        (now(), *key, part),
    )
