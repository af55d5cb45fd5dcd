"""A world of simulated servers that find each other by their urls, in one thread of its own."""

from __future__ import annotations

import asyncio
import ipaddress
import itertools
import socket
from typing import TYPE_CHECKING, Any, Self, TypeVar
from urllib.parse import urlsplit

import orjson

from reconciler.model import Service
from reconciler.simulator.clock import Clock, Scheduler
from reconciler.simulator.configuration.refusal import RefusedError
from reconciler.simulator.direct import CANNOT_LISTEN, IN_USE, NOT_OURS, WHERE
from reconciler.simulator.doors import Doors
from reconciler.simulator.endpoint import SimulatedEndpoint
from reconciler.simulator.faults import BEFORE
from reconciler.simulator.loop import LoopThread
from reconciler.simulator.releases import Release
from reconciler.simulator.server import SimulatedServer
from reconciler.simulator.serving import Serving, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence

    from reconciler.model import Json

_T = TypeVar("_T")
_FIRST_PID = 1000


class World:
    """Servers on loopback that talk to each other; usable from synchronous and asynchronous code alike.

    A context manager of both kinds: inside it the servers answer over HTTP. `clock` is the time in it, real unless
    given otherwise; `sync_seconds` is how long a server takes to pull its partner's leases. What is done to a server
    (faults, edits, partitions) may be done from any thread. `taken`: addresses and ports that somebody else holds.
    With `is_apart` nobody from outside tries to connect to the HA hooks' listeners: no such port is really opened.
    """

    def __init__(self, clock: Clock | None = None, *, sync_seconds: float = 0.1, is_apart: bool = False) -> None:
        self.clock = clock or Clock()
        self.scheduler = Scheduler(self.clock, self._plan)
        self.sync_seconds = sync_seconds
        self.servers: dict[str, SimulatedServer] = {}
        self._agents: dict[tuple[str, int], SimulatedServer] = {}
        self._listeners: dict[tuple[str, int, Service], SimulatedEndpoint] = {}
        self._partitions: set[frozenset[str]] = set()
        self._pids = itertools.count(_FIRST_PID)
        self._doors = None if is_apart else Doors()
        self._peer_ports = itertools.count(1)  # below those that agents are given
        self.taken: set[tuple[str, int]] = set()
        self._thread = LoopThread("simulated world")
        self._next: asyncio.TimerHandle | None = None

    # ------------------------------------------------------------------------------------------- life

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.run(self._end())
        self._thread.stop()

    async def __aenter__(self) -> Self:
        return await asyncio.to_thread(self.__enter__)

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self.__exit__)

    async def _end(self) -> None:
        for server in self.servers.values():
            for endpoint in server.endpoints.values():
                endpoint.stop()
            server.stop_agent()
        if self._doors is not None:
            self._doors.end()
        if self._next is not None:
            self._next.cancel()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)

    # ---------------------------------------------------------------------------------------- servers

    def add_server(
        self,
        name: str,
        configurations: Mapping[Service, Mapping[str, Json]],
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        users: Mapping[str, str] | None = None,
        as_is: bool = False,
        version: str = Release.KEA_2_2,
        direct: bool = False,
    ) -> SimulatedServer:
        """A new server that listens, its daemons started from `configurations` (what stands under `Dhcp4`).

        A control socket is added where there is none. `port` 0 takes a free one. `users` are names and passwords
        that its agent wants. `as_is`: the configurations are in config-get's form and are taken as they are,
        however large. `version`: the Kea that it is, one of `Release`. `direct`: each daemon gets an HTTP socket of its
        own too (from 3.0 on), see `SimulatedEndpoint`. ValueError with Kea's text where a daemon would not start.
        """
        server = SimulatedServer(self, name, host, users, Release(version))
        return self.run(self._add(server, configurations, port, as_is=as_is, direct=direct))

    async def _add(
        self,
        server: SimulatedServer,
        configurations: Mapping[Service, Mapping[str, Json]],
        port: int,
        *,
        as_is: bool,
        direct: bool,
    ) -> SimulatedServer:
        await server.listen(port)
        self.servers[server.name] = self._agents[(server.host, server.port)] = server
        for service, config in configurations.items():
            endpoint = server.endpoints[service] = SimulatedEndpoint(server, service)
            has_socket = config.keys() & {"control-socket", "control-sockets"}
            body = {**config} if has_socket else {**_sockets(server, service, direct=direct), **config}
            if as_is:
                endpoint.original = config if has_socket else body
            else:
                server.disk.contents[endpoint.path] = orjson.dumps({service.root: body})
            endpoint.start()
            if not endpoint.is_running:
                raise ValueError(endpoint.daemon_log[-1])
        return server

    def new_peer_port(self, host: str) -> int:
        """A port that no other server was given."""
        return next(self._peer_ports) if self._doors is None else self._doors.new_port(host)

    def new_pid(self) -> int:
        """A process id that nobody had."""
        return next(self._pids)

    # ------------------------------------------------------------------------------------------ peers

    def partition(self, one: str, other: str) -> None:
        """Cut two servers off from each other; whoever else asks them still reaches both."""
        self._partitions.add(frozenset({one, other}))

    def heal(self, one: str, other: str) -> None:
        """Take back a partition."""
        self._partitions.discard(frozenset({one, other}))

    def deliver(
        self, sender: SimulatedEndpoint, url: str, command: str, arguments: Mapping[str, Json] | None
    ) -> Mapping[str, Json] | None:
        """A command from a daemon to its peer; None where it would get no answer."""
        endpoint = self._peer(url, sender.service)
        if endpoint is None or not endpoint.is_heard():
            return None
        server = endpoint.server
        if frozenset({sender.server.name, server.name}) in self._partitions:
            return None
        hitting = [fault for fault in server.faults if fault.hits_peers and fault.kind in BEFORE]
        if any(fault.strikes(command, endpoint.service) for fault in hitting):
            return None
        return endpoint.execute(command, arguments) or None

    def _peer(self, url: str, service: Service) -> SimulatedEndpoint | None:
        """Who listens at a url: a daemon with a listener of its own there, or the agent in front of it."""
        place = _place(url)
        server = self._agents.get(place)
        if server is not None:
            return server.endpoints.get(service) if server.is_listening else None
        return self._listeners.get((*place, service))

    def listen(self, endpoint: SimulatedEndpoint, urls: Sequence[str]) -> str:
        """Note at which urls of its own a daemon listens for its peers; at others it no longer does.

        What keeps it from that, in Kea's words; "" where nothing does.
        """
        self._listeners = {place: other for place, other in self._listeners.items() if other is not endpoint}
        problem = ""
        for url in urls:
            place = _place(url)
            problem = self._why_closed(place)
            if problem:
                break
            self._listeners[(*place, endpoint.service)] = endpoint
        if self._doors is not None:
            self._doors.keep({place[:2] for place in self._listeners})
        return problem

    def _why_closed(self, place: tuple[str, int]) -> str:
        """Open a listener; what keeps it from that, "" where nothing does."""
        if not _is_ours(place[0]):
            return f"{CANNOT_LISTEN}{NOT_OURS}{WHERE}"
        if place in self._held():
            return f"{CANNOT_LISTEN}{IN_USE}{WHERE}"
        if self._doors is not None:
            try:
                self._doors.open(*place)
            except RefusedError as error:
                return str(error)
        return ""

    def is_open(self, url: str) -> bool:
        """Whether anybody listens at a url: what a try to connect would find."""
        return self.call(lambda: _place(url) in self._held())

    def _held(self) -> set[tuple[str, int]]:
        """The addresses and ports at which somebody listens."""
        agents = {place for place, server in self._agents.items() if server.is_listening}
        held = agents | {place[:2] for place in self._listeners} | self.taken
        for server in self.servers.values():
            for endpoint in server.endpoints.values():
                held |= endpoint.direct.places
        return held

    def serving(self, prefix: str, service: Service = Service.DHCP4) -> Serving:
        """The servers that would answer a new client of a subnet now; what the network sees of HA."""
        every = [server.endpoints[service] for server in self.servers.values() if service in server.endpoints]
        found: Serving = self.call(serving, every, prefix)
        return found

    # ------------------------------------------------------------------------------------------- time

    def advance(self, seconds: float) -> None:
        """Let time pass at once: everything that is due on the way happens, each thing at its time."""
        self.call(self.scheduler.advance, seconds)

    async def sleep(self, seconds: float) -> None:
        """Wait for simulated seconds, in the world's thread."""
        done = asyncio.get_running_loop().create_future()

        def wake() -> None:
            if not done.done():
                done.set_result(None)

        timer = self.scheduler.after(seconds, wake)
        try:
            await done
        finally:
            timer.cancel()

    def _plan(self) -> None:
        """Have the loop wake up when the next thing is due."""
        loop = self._thread.loop
        if loop is None or not self._thread.is_here():
            return
        if self._next is not None:
            self._next.cancel()
            self._next = None
        wait = self.scheduler.seconds_to_next()
        if wait is not None and self.clock.speed > 0:
            self._next = loop.call_later(wait / self.clock.speed, self._tick)

    def _tick(self) -> None:
        self.scheduler.run_due()
        self._plan()

    def set_speed(self, speed: float) -> None:
        """Let time pass faster, slower or (0) not at all."""
        self.call(self._set_speed, speed)

    def _set_speed(self, speed: float) -> None:
        self.clock.speed = speed
        self._plan()

    # ---------------------------------------------------------------------------------------- threads

    def call(self, function: Callable[..., _T], *arguments: Any) -> _T:
        """Call something in the world's thread, and give back what it gave."""
        return self._thread.call(function, *arguments)

    def after_this(self, function: Callable[[], None]) -> None:
        """Call something in the world's thread once the answer at hand is on its way."""
        if self._thread.loop is not None:
            self._thread.loop.call_soon(function)

    def run(self, task: Coroutine[Any, Any, _T]) -> _T:
        """Run something in the world's loop, and give back what it gave; not from the world's own thread."""
        return self._thread.run(task)


def _place(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or 80


def _is_ours(host: str) -> bool:
    """Whether a socket can be bound to an address here."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _sockets(server: SimulatedServer, service: Service, *, direct: bool) -> dict[str, Json]:
    """The control socket of a daemon that was not given any; with its own HTTP socket too where that is wanted."""
    unix = {"socket-type": "unix", "socket-name": f"/run/kea/{server.name}-{service}.sock"}
    if not direct:
        return {"control-socket": unix}
    with socket.socket(socket.AF_INET6 if ":" in server.host else socket.AF_INET) as free:
        free.bind((server.host, 0))
        port = free.getsockname()[1]
    return {"control-sockets": [unix, {"socket-type": "http", "socket-address": server.host, "socket-port": port}]}
