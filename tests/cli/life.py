"""A site whose time passes only when somebody waits, with a witness who sees every command that is sent."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime
from email.utils import formatdate
from typing import TYPE_CHECKING, Any, Self
from unittest import mock

import orjson

from reconciler.cli import session
from reconciler.kea.channel import Answer
from reconciler.kea.client import open_client
from reconciler.model import Probe, Procedure, Service
from reconciler.running.hands import NO_JOURNAL, Hands
from reconciler.simulator import Clock, Release, World
from reconciler.simulator.http import Answer as Given
from tests.cli.site import Site

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from reconciler.kea.channel import Channel, Patience
    from reconciler.kea.client import Client, Gauge
    from reconciler.model import Endpoint, Plan

WRITES = frozenset({"config-set", "config-write", "config-reload", "dhcp-disable", "dhcp-enable"})
PATIENCE, NORMAL_WITHIN = 20.0, 40.0  # simulated seconds that a silent server and a pair that starts are waited for
USUAL = {"heartbeat-delay": 1000, "max-response-delay": 10000, "sync-timeout": 10000, "max-unacked-clients": 0}


class Life(Site):
    """A world and the command line in simulated time; a context manager.

    `story` has every command as (server, command), `requests` as it was sent, with the time and the server,
    `violations` what must never happen and did; `plan` is the last one that was made. `is_waived`: objections to the
    state of a partner were approved. `events` happen at the command of their number, counted in `story`, right before
    it is sent. With `skips_http` agents in whose way nothing stands are asked without a connection, which saves
    processor time.
    """

    skips_http = False

    def __init__(self, folder: Path, release: Release = Release.KEA_2_2) -> None:
        super().__init__(World(Clock(speed=0), is_apart=True), folder, release)
        self.story: list[tuple[str, str]] = []
        self.requests: list[tuple[float, str, bytes]] = []
        self.violations: list[str] = []
        self.plan: Plan | None = None
        self.is_waived = False
        self.events: dict[int, Callable[[], object]] = {}
        self._writing: dict[str, Endpoint] = {}
        self._exits = contextlib.ExitStack()

    def __enter__(self) -> Self:
        self._exits.enter_context(self.world)
        for name, edge in (("open_client", self._open_client), ("hands", self._hands), ("probe", self._probe)):
            # A function, not a method, so that it becomes one of the session's.
            self._exits.enter_context(mock.patch.object(session.Session, name, _as_method(edge)))
        self._exits.enter_context(mock.patch.object(session, "make_plan", self._noting(session.make_plan)))
        # The Date header of a simulated agent is real time, while ha-heartbeat of its daemons has simulated time.
        self._exits.enter_context(mock.patch("reconciler.simulator.http.formatdate", self._date))
        return self

    def __exit__(self, *_: object) -> None:
        self._exits.close()

    # ------------------------------------------------------------------------------- in place of the real edges

    def _open_client(self, run: session.Session, endpoint: Endpoint, gauge: Gauge | None = None) -> Client:
        clock = self.world.clock.now
        client = open_client(
            endpoint,
            run.settings,
            run.credentials,
            scrubber=run.scrubber,
            clock=clock,
            witness=run.journal,
            gauge=gauge,
        )
        client._channel = Witness(client._channel, endpoint, self)
        return client

    def _hands(self, run: session.Session, say: Callable[[str], None]) -> Hands:
        async def sleep(seconds: float) -> None:
            self.world.advance(seconds)
            await asyncio.sleep(0)

        clock = self.world.clock.now
        journal = run.journal or NO_JOURNAL
        return Hands(
            run.open_client,
            clock,
            sleep,
            say,
            patience=PATIENCE,
            normal_within=NORMAL_WITHIN,
            journal=journal,
            probe=self._looked_at,
            behind=3600.0,  # of real time
        )

    async def _probe(self, _: session.Session, urls: Iterable[str]) -> Mapping[str, Probe]:
        return {url: Probe.OPEN if self.world.is_open(url) else Probe.REFUSED for url in urls}

    async def _looked_at(self, url: str) -> Probe:
        return Probe.OPEN if self.world.is_open(url) else Probe.REFUSED

    def _noting(self, make_plan: Callable[..., Any]) -> Callable[..., Any]:
        def noted(*arguments: Any, **options: Any) -> Any:
            made, live = make_plan(*arguments, **options)
            self.plan = made
            return made, live

        return noted

    def _date(self, *, usegmt: bool) -> str:
        return formatdate(self.world.clock.wall(), usegmt=usegmt)

    # -------------------------------------------------------------------------------------------- the witness

    def begins(self, endpoint: Endpoint, command: str) -> None:
        """A command goes out."""
        self.events.pop(len(self.story), lambda: None)()
        self.story.append((endpoint.server, command))
        if command not in WRITES:
            return
        for other in self._writing.values():
            if other.service is endpoint.service:
                self.violations.append(f"{command} goes to {endpoint} while {other} is written")
        self._writing[str(endpoint)] = endpoint
        if command == "config-set":
            self._look_at_partner(endpoint)

    def ends(self, endpoint: Endpoint) -> None:
        """Its answer is there, or will not come."""
        self._writing.pop(str(endpoint), None)

    def _look_at_partner(self, endpoint: Endpoint) -> None:
        """A server of a standing relationship is not taken out of its normal state while its partner is not in its own.

        (A new one is made as a whole: its partner-to-be is switched off meanwhile.)
        """
        procedures = {each.procedure for each in self.plan.relationships} if self.plan else set()
        if self.is_waived or procedures != {Procedure.MODIFY}:
            return
        own = self.endpoint(endpoint.server, endpoint.service)
        partners = [
            other.endpoints[endpoint.service]
            for other in self.world.servers.values()
            if other.name != endpoint.server and endpoint.service in other.endpoints
        ]
        for other in partners:
            if own.ha is None or other.ha is None or not other.is_running:
                continue
            is_well = other.ha.state == other.ha.settings.normal_state
            if own.ha.state == own.ha.settings.normal_state and not is_well:
                self.violations.append(f"{endpoint} is set while {other.server.name} is {other.ha.state}")

    # ---------------------------------------------------------------------------------------------- the world

    def let_pass(self, seconds: float) -> None:
        """Let simulated time pass."""
        self.world.advance(seconds)

    def change(self, name: str, edit: Callable[[dict[str, Any]], None], service: Service = Service.DHCP4) -> None:
        """Change a server's running configuration by hand, and wait until its pair is normal again."""
        self.endpoint(name, service).edit(edit)
        self.let_pass(15)

    def taken(self, config: Mapping[str, Any], service: Service) -> dict[str, Any] | None:
        """What a server shows that was set to a configuration; None where it refuses it."""
        with World(Clock(speed=0), is_apart=True) as elsewhere:
            try:
                server = elsewhere.add_server("elsewhere", {service: config}, version=self.release)
            except ValueError:
                return None
            return dict(server.endpoint(service).config)


class Witness:
    """A channel that tells a life what goes through it."""

    def __init__(self, inner: Channel, endpoint: Endpoint, life: Life) -> None:
        self.label, self.names_service = inner.label, inner.names_service
        self._inner, self._endpoint, self._life = inner, endpoint, life

    async def exchange(self, request: bytes, patience: Patience, *, is_repeatable: bool) -> Answer:
        self._life.begins(self._endpoint, orjson.loads(request)["command"])
        self._life.requests.append((self._life.world.clock.now(), self._endpoint.server, request))
        try:
            answer = None
            if self._life.skips_http:
                await asyncio.sleep(0)  # a request to another server goes out meanwhile, as it would
                answer = self._life.world.call(self._answered, request)
            return answer or await self._inner.exchange(request, patience, is_repeatable=is_repeatable)
        finally:
            self._life.ends(self._endpoint)

    def _answered(self, request: bytes) -> Answer | None:
        """What the agent answers, in the thread of its world; None where it takes a connection."""
        server = self._life.world.servers.get(self._endpoint.server)
        if server is None or server.control != self._endpoint.control or not server.is_listening or server.credentials:
            return None
        if server.faults or any(each.is_frozen for each in server.endpoints.values()):
            return None
        given = server.answer(request)
        assert isinstance(given, Given)
        now = datetime.fromtimestamp(int(self._life.world.clock.wall()), tz=UTC)
        return Answer(given.body, given.status, given.kind, now)

    async def close(self) -> None:
        await self._inner.close()


def _as_method(function: Callable[..., Any]) -> Callable[..., Any]:
    def method(run: session.Session, *arguments: Any) -> Any:
        return function(run, *arguments)

    return method
