"""One simulated server: its control agent on loopback, and the daemons behind it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, NamedTuple

from reconciler.model import Service
from reconciler.simulator import agent, replies
from reconciler.simulator.answering import Answering, listed, refused, services
from reconciler.simulator.configuration.context import Machine
from reconciler.simulator.disk import Disk
from reconciler.simulator.faults import Faults
from reconciler.simulator.http import Answer, Connection, basic
from reconciler.simulator.libraries import installed
from reconciler.simulator.releases import Release

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model import Json
    from reconciler.simulator.endpoint import SimulatedEndpoint
    from reconciler.simulator.requests import Request
    from reconciler.simulator.world import World

SILENCE = 60.0
"""Seconds that the agent waits for a daemon."""
INTERFACES = frozenset({"lo", "eth0", "eth1"})


class Entry(NamedTuple):
    """One command that came through an agent: simulated time, service ("" for the agent itself) and its name."""

    time: float
    service: str
    command: str


class SimulatedServer(Answering):
    """A server of a world; made by `World.add_server`.

    `control` is its agent's url, `log` every command that came in through it (what peers send each other is not in
    it). `clock_offset` is how far its clock is ahead, in seconds. `machine` and `disk` are what its daemons find.
    """

    realm = "kea-control-agent"

    def __init__(
        self,
        world: World,
        name: str,
        host: str,
        users: Mapping[str, str] | None = None,
        release: Release = Release.KEA_2_2,
    ) -> None:
        super().__init__()
        self.world = world
        self.name = name
        self.host = host
        self.port = 0
        self.pid = world.new_pid()
        self.started_at = world.clock.now()
        self.endpoints: dict[Service, SimulatedEndpoint] = {}
        self.faults = Faults()
        self.disk = Disk()
        self.machine = Machine(INTERFACES, installed(release), release=release)
        self.clock_offset = 0.0
        self.log: list[Entry] = []
        self.credentials = frozenset(basic(user, password) for user, password in (users or {}).items())
        self._listener: asyncio.Server | None = None
        self._connections: set[Connection] = set()
        self._peer_ports: dict[Service, int] = {}
        self._frozen: list[tuple[SimulatedEndpoint, Request, asyncio.Future[bytes]]] = []

    def __repr__(self) -> str:
        return f"<SimulatedServer {self.name} {self.control}>"

    @property
    def control(self) -> str:
        """The url of its agent."""
        return f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}/"

    @property
    def is_listening(self) -> bool:
        """Whether the agent runs."""
        return self._listener is not None

    def peer_url(self, service: Service | str = Service.DHCP4) -> str:
        """A url at a port of its own, for the HA hook's dedicated listener."""
        port = self._peer_ports.setdefault(Service(service), 0) or self.world.new_peer_port(self.host)
        self._peer_ports[Service(service)] = port
        return f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{port}/"

    def ha_url(self, service: Service | str = Service.DHCP4) -> str:
        """Where the peers of this release reach it by default: at its dedicated listener, or at its agent."""
        return self.control if self.machine.release < Release.KEA_2_6 else self.peer_url(service)

    def endpoint(self, service: Service | str = Service.DHCP4) -> SimulatedEndpoint:
        """One of its daemons."""
        return self.endpoints[Service(service)]

    # ------------------------------------------------------------------------------------------ agent

    def stop_agent(self) -> None:
        """End the agent: connections are refused; the daemons go on."""
        self.world.call(self._stop_agent)

    def start_agent(self) -> None:
        """Start it again, on the same port."""
        self.world.run(self.listen(self.port))

    async def listen(self, port: int) -> None:
        """Open the agent's socket; 0: a free port."""
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(
            lambda: Connection(self, self._connections), self.host, port, backlog=64, reuse_address=True
        )
        self.port = self._listener.sockets[0].getsockname()[1]
        self.started_at = self.world.clock.now()

    def _stop_agent(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        for connection in list(self._connections):
            connection.close()

    def agent_configuration(self) -> dict[str, Json]:
        """What config-get of the agent shows."""
        sockets = {
            str(service): {"socket-name": endpoint.agent_socket, "socket-type": "unix"}
            for service, endpoint in self.endpoints.items()
        }
        return {"control-sockets": sockets, "hooks-libraries": [], "http-host": self.host, "http-port": self.port}

    # ---------------------------------------------------------------------------------------- requests

    @property
    def place(self) -> SimulatedServer:
        """Itself: the agent is the server's."""
        return self

    def addressed(self, request: Request) -> list[SimulatedEndpoint]:
        """The daemons that a request names."""
        return [self.endpoints[service] for service in services(request) if service in self.endpoints]

    def carried_out(self, request: Request) -> bytes:
        """The agent's answer: one of each daemon, or its own."""
        if request.problem:
            return refused(request.problem)
        if not request.services:
            self.note("", request.command)
            return listed([replies.encoded(agent.own(self, request))])
        for service in request.services:
            self.note(service, request.command)
        return listed([agent.forward(self, service, request) for service in request.services])

    def given_up(self, endpoint: SimulatedEndpoint) -> Answer:
        """The agent says that the daemon was silent."""
        return Answer(listed([replies.encoded(agent.unreachable(endpoint, "Operation canceled"))]))

    def note(self, service: str, command: str) -> None:
        """Note that a command came."""
        self.log.append(Entry(self.world.clock.now(), service, command))

    async def wait_for_thaw(self, endpoint: SimulatedEndpoint, request: Request) -> bytes | None:
        """The answer of a daemon that stands still, once it goes on; None after a minute."""
        self.note(str(endpoint.service), request.command)
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._frozen.append((endpoint, request, answer))
        silence = asyncio.ensure_future(self.world.sleep(SILENCE))
        tasks: set[asyncio.Future[Any]] = {answer, silence}
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        silence.cancel()
        return answer.result() if answer.done() else None

    def thaw(self, thawed: SimulatedEndpoint) -> None:
        """Carry out what a daemon was sent while it stood still, also what nobody waits for any more."""
        waiting, self._frozen = self._frozen, []
        for endpoint, request, answer in waiting:
            if endpoint is not thawed:
                self._frozen.append((endpoint, request, answer))
                continue
            reply = endpoint.execute_to_bytes(request.command, request.arguments)
            if not answer.done():
                answer.set_result(reply)
