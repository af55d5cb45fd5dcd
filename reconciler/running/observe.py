"""Reading the live world: every endpoint at once, bounded, and one that can't be read delays no other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from reconciler.errors import EndpointError, WrongAnswererError
from reconciler.kea import hooks, stamps, versions, views
from reconciler.model import Endpoint, Live, Process, Service, Snapshot, Unreachable

if TYPE_CHECKING:
    from reconciler.kea.client import Client
    from reconciler.kea.replies import Reply

Say = Callable[[str], None]


def now_utc() -> datetime:
    """Return this machine's clock, against which the servers' clocks are held."""
    return datetime.now(UTC)


async def observe(
    endpoints: Iterable[Endpoint],
    open_client: Callable[[Endpoint], Client],
    *,
    concurrency: int = 100,
    say: Say = lambda _: None,
) -> dict[tuple[str, Service], Live]:
    """Read every endpoint concurrently, at most `concurrency` at a time.

    Returns a Snapshot or, where one can't be read, an Unreachable with the reason; never raises for an endpoint.
    """
    gate = asyncio.Semaphore(concurrency)
    wanted = list(endpoints)
    done = 0

    async def one(endpoint: Endpoint) -> Live:
        nonlocal done
        async with gate:
            live = await _read_afresh(open_client, endpoint)
        done += 1
        say(f"read {done} of {len(wanted)} endpoints")
        return live

    found = await asyncio.gather(*(one(endpoint) for endpoint in wanted))
    return {(endpoint.server, endpoint.service): live for endpoint, live in zip(wanted, found, strict=True)}


async def _read_afresh(open_client: Callable[[Endpoint], Client], endpoint: Endpoint) -> Live:
    try:
        client = open_client(endpoint)
    except EndpointError as error:  # its address or its TLS files can't be used
        return _unreachable(endpoint, error)
    async with client:
        return await read(client, endpoint)


async def read(client: Client, endpoint: Endpoint) -> Live:
    """Read one endpoint: a Snapshot, or an Unreachable with the reason in words."""
    try:
        return await snapshot(client, endpoint)
    except EndpointError as error:
        return _unreachable(endpoint, error)


def _unreachable(endpoint: Endpoint, error: EndpointError) -> Unreachable:
    return Unreachable(endpoint, str(error).removeprefix(f"{endpoint} at "))


async def snapshot(client: Client, endpoint: Endpoint) -> Snapshot:
    """Read one endpoint whole. Raises EndpointError when it can't be read.

    status-get comes first, so that a dead daemon is noticed at once and a change during the reading shows in the
    next comparison of `reload`.
    """
    status = await _ask(client, endpoint, "status-get")
    with views.reading(endpoint):
        found = views.ha_views(status.arguments)
    asked_at = now_utc().timestamp()
    clock_offset = await _clock_offset(client, status, is_paired=bool(found))
    # By its own clock, by which Kea counts too: so one process began at one moment, whoever sets that clock, or ours.
    # Where no answer tells it, it is behind a unix socket, and its clock is ours.
    its_time = asked_at + (clock_offset or 0.0)
    version = views.version(endpoint, (await _ask(client, endpoint, "version-get")).text)
    config_reply = await _ask(client, endpoint, "config-get")
    config = views.configuration(endpoint, config_reply.arguments)
    hooks_directory = await _hooks_directory(client, endpoint, config)
    commands = await _commands(client) if hooks.relationships_of(config) else None
    with views.reading(endpoint):
        return Snapshot(
            endpoint=endpoint,
            version=version,
            config=config,
            kea_hash=config_reply.arguments.get("hash"),
            pid=int(status.arguments.get("pid", 0)),
            uptime=int(status.arguments.get("uptime", 0)),
            reload=_reload(status),
            read_at=status.answered_at,
            ha=found[0] if found else None,
            sockets_ready=views.sockets_are_ready(status.arguments),
            disabled_by_user=views.disabled_by_user(status.arguments),
            hooks_directory=hooks_directory,
            clock_offset=clock_offset,
            size=config_reply.size,
            views=found,
            commands=commands,
            is_held_off=bool(views.held_by_partners(status.arguments)),
            carrier=stamps.carrier(config_reply.arguments[endpoint.service.root]),
            set_at=None if clock_offset is None else its_time - _reload(status),
            started_at=its_time - int(status.arguments.get("uptime", 0)),
        )


async def _hooks_directory(client: Client, endpoint: Endpoint, config: object) -> str | None:
    """Ask the server's build-report, but only where neither the inventory nor a loaded library tells it."""
    if endpoint.hooks_directory or not isinstance(config, dict) or hooks.directory_in_use(config):
        return None
    reply = await client.call("build-report")
    return hooks.directory_from_build_report(reply.text) if reply.result == 0 else None


async def _commands(client: Client) -> frozenset[str] | None:
    """Ask what the server can do now: a hook that failed to load is missing there, whatever config-get shows."""
    reply = await client.call("list-commands")
    return frozenset(map(str, reply.arguments)) if isinstance(reply.arguments, list) else None


async def _clock_offset(client: Client, status: Reply, *, is_paired: bool) -> float | None:
    """Return the server's clock minus ours in seconds, to about a second.

    ha-heartbeat shows the clock by which Kea itself judges the skew; without it the HTTP Date header serves.
    """
    offset = (status.date - now_utc()).total_seconds() if status.date else None
    if is_paired:
        reply = await client.call("ha-heartbeat")
        moment = views.heartbeat_clock(reply.arguments) if reply.result == 0 else None
        if moment:
            return (moment - now_utc()).total_seconds()
    return offset


async def _ask(client: Client, endpoint: Endpoint, command: str) -> Reply:
    """Call a command whose only useful answer is success."""
    reply = await client.call(command)
    if reply.result != 0:
        raise WrongAnswererError(f"{endpoint}: {command} answered result {reply.result}: {client.quote(reply.text)}")
    if command != "version-get" and not isinstance(reply.arguments, dict):
        raise WrongAnswererError(f"{endpoint}: {command} answered without arguments")
    return reply


async def refreshed(client: Client, seen: Snapshot) -> Snapshot:
    """Read an endpoint again, its configuration only where it may be another one than before. Raises EndpointError.

    One small request tells that nothing changed: status-get, where the server's configuration can change by a commit
    alone. Else its hash is asked too, or, before Kea 2.4.0, what `is_unchanged` asks. Over a unix socket, where no
    answer has a date, ha-heartbeat tells the server's clock besides. Another process, or another commit, is read whole
    whatever its hash is. (For config-hash-get Kea builds its whole configuration, and answers nobody meanwhile.) What
    is found is as of when it was asked: nothing that is read later holds what was committed while the answer was on its
    way.
    """
    status = await _ask(client, seen.endpoint, "status-get")
    with views.reading(seen.endpoint):
        found = views.ha_views(status.arguments)
        is_other = _has_moved(seen, status)
        is_same = _has_no_later_commit(seen, status, seen.commands)
        late = round(status.answered_at - status.asked_at)
    if is_other or not (is_same or await is_unchanged(client, seen)):
        return await snapshot(client, seen.endpoint)
    clock_offset = await _clock_offset(client, status, is_paired=bool(found) and status.date is None)
    with views.reading(seen.endpoint):
        return replace(
            seen,
            uptime=int(status.arguments.get("uptime", 0)) - late,
            reload=_reload(status) - late,
            read_at=status.asked_at,
            ha=found[0] if found else None,
            views=found,
            sockets_ready=views.sockets_are_ready(status.arguments),
            disabled_by_user=views.disabled_by_user(status.arguments),
            is_held_off=bool(views.held_by_partners(status.arguments)),
            clock_offset=seen.clock_offset if clock_offset is None else clock_offset,
        )


async def at_hand(client: Client, seen: Snapshot) -> Snapshot:
    """Return an endpoint as it is since it was started anew; while it is still the process that a snapshot shows, that
    snapshot, with whether its service is off now: the very same where that is as it was. Raises EndpointError.
    """
    status = await _ask(client, seen.endpoint, "status-get")
    with views.reading(seen.endpoint):
        is_another = _is_another_process(seen, status)
    if is_another:
        return await snapshot(client, seen.endpoint)
    is_off = views.disabled_by_user(status.arguments)
    return seen if is_off == seen.disabled_by_user else replace(seen, disabled_by_user=is_off)


def _is_another_process(seen: Snapshot, status: Reply) -> bool:
    """Whether a server was started anew since it was read, be it under the same id. It is told by our monotonic clock,
    for which this one answer will do. Only one that had run for less than three seconds may go unnoticed; one whose
    clock was set back by more is taken for another.
    """
    now = Process(status.arguments.get("pid"), status.asked_at - int(status.arguments.get("uptime", 0)))
    return now.is_another_than(Process(seen.pid, seen.read_at - seen.uptime), _COARSE)


async def is_unchanged(client: Client, seen: Snapshot) -> bool:
    """Whether a server still has the configuration that a snapshot shows, decided as cheaply as is sure.

    Kea's hash decides where there is one. Before 2.4.0 the same process whose last commit is older than the snapshot
    does, unless whole seconds can't tell that or the server's configuration can change without a commit; then it is
    read again and compared. Raises EndpointError.
    """
    if versions.has_config_hash(seen.version) and seen.kea_hash:
        reply = await _ask(client, seen.endpoint, "config-hash-get")
        return bool(reply.arguments.get("hash") == seen.kea_hash)
    names = await _commands(client)
    status = await _ask(client, seen.endpoint, "status-get")
    with views.reading(seen.endpoint):
        if _has_no_later_commit(seen, status, names):
            return True
    fresh = await _ask(client, seen.endpoint, "config-get")
    return views.configuration(seen.endpoint, fresh.arguments) == seen.config


_COARSE = (
    1.5  # seconds; Kea subtracts whole seconds from whole seconds, so a commit may be that much later than it seems
)
_IN_MEMORY = ("subnet", "network", "class", "reservation", "remote")  # commands that change it without a commit


def _has_no_later_commit(seen: Snapshot, status: Reply, commands: Collection[str] | None) -> bool:
    """Whether the last commit surely is the one that the snapshot shows: what was read after status-get holds it.

    That it seems to have moved means that the server's clock was set, or that another commit came. Of a server of which
    nobody knows the commands it is never sure.
    """
    if "config-control" in seen.config:  # Kea itself takes over what changes in the configuration backend
        return False
    if not commands or any(name.startswith(_IN_MEMORY) for name in commands):
        return False
    return not _has_moved(seen, status) and status.answered_at - _reload(status) + _COARSE < seen.read_at


def _has_moved(seen: Snapshot, status: Reply) -> bool:
    """Whether it surely is another process, or another commit."""
    commit = status.answered_at - _reload(status)
    return bool(status.arguments.get("pid") != seen.pid or abs(commit - (seen.read_at - seen.reload)) > 2 * _COARSE)


def _reload(status: Reply) -> int:
    return int(status.arguments["reload"])
