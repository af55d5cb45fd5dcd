"""One simulated server: its control agent on loopback, and the daemons behind it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, NamedTuple

from reconciler.model import Service
from reconciler.simulator import agent, replies
from reconciler.simulator.configuration.context import Machine
from reconciler.simulator.disk import Disk
from reconciler.simulator.faults import AFTER, BEFORE, ELSEWHERE, Fault, Faults, Kind
from reconciler.simulator.http import NOTHING, Answer, Connection, basic
from reconciler.simulator.libraries import INSTALLED

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping

    from reconciler.model import Json
    from reconciler.simulator.endpoint import SimulatedEndpoint
    from reconciler.simulator.world import World

SILENCE = 60.0
"""Seconds that the agent waits for a daemon."""
_PAGE = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"
_GARBAGE = b"\x00\xff this is not JSON {"
INTERFACES = frozenset({"lo", "eth0", "eth1"})


class Entry(NamedTuple):
    """One command that came through an agent: simulated time, service ("" for the agent itself) and its name."""

    time: float
    service: str
    command: str


class SimulatedServer:
    """A server of a world; made by `World.add_server`.

    `control` is its agent's url, `log` every command that came in through it (what peers send each other is not in
    it). `clock_offset` is how far its clock is ahead, in seconds. `machine` and `disk` are what its daemons find.
    """

    def __init__(self, world: World, name: str, host: str, users: Mapping[str, str] | None = None) -> None:
        self.world = world
        self.name = name
        self.host = host
        self.port = 0
        self.pid = world.new_pid()
        self.started_at = world.clock.now()
        self.endpoints: dict[Service, SimulatedEndpoint] = {}
        self.faults = Faults()
        self.disk = Disk()
        self.machine = Machine(INTERFACES, INSTALLED)
        self.clock_offset = 0.0
        self.log: list[Entry] = []
        self.credentials = frozenset(basic(user, password) for user, password in (users or {}).items())
        self._listener: asyncio.Server | None = None
        self._connections: set[Connection] = set()
        self._turn = asyncio.Lock()
        self._frozen: list[tuple[SimulatedEndpoint, agent.Request, asyncio.Future[bytes]]] = []

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

    def answer(self, body: bytes) -> Answer | Awaitable[Answer]:
        """The answer to a request; at once where nothing stands in its way, else to be waited for."""
        try:
            request = agent.Request(body)
        except agent.BadRequestError:
            return Answer.failed(400)
        if self.faults or self._turn.locked() or any(endpoint.is_frozen for endpoint in self.endpoints.values()):
            return self._answer_later(request)
        return Answer(self._carried_out(request))

    async def _answer_later(self, request: agent.Request) -> Answer:
        service = Service(request.services[0]) if request.services and request.services[0] in list(Service) else None
        fault = self.faults.strike(BEFORE, request.command, service)
        if fault is not None and fault.kind is not Kind.DELAY:
            return await _instead(fault)
        if fault is not None:
            await self.world.sleep(fault.seconds)
        swapped = self.faults.strike(ELSEWHERE, request.command, service)
        if swapped is not None:
            request.services = [str(other) for other in self.endpoints if other is not service]
        after = self.faults.strike(AFTER, request.command, service)
        async with self._turn:  # an agent serves one at a time
            body = await self._awaited(request)
        if after is None:
            return Answer(body)
        return NOTHING if after.kind is Kind.CUT else Answer(body, cut=len(body) // 2)

    def _carried_out(self, request: agent.Request) -> bytes:
        if request.problem:
            return _listed([replies.encoded(replies.error(request.problem))])
        now = self.world.clock.now()
        if not request.services:
            self.log.append(Entry(now, "", request.command))
            return _listed([replies.encoded(agent.own(self, request))])
        self.log += [Entry(now, service, request.command) for service in request.services]
        return _listed([agent.forward(self, service, request) for service in request.services])

    async def _awaited(self, request: agent.Request) -> bytes:
        frozen = [
            self.endpoints[Service(name)]
            for name in request.services
            if name in list(Service) and Service(name) in self.endpoints and self.endpoints[Service(name)].is_frozen
        ]
        if not frozen or request.problem:
            return self._carried_out(request)
        endpoint = frozen[0]
        self.log.append(Entry(self.world.clock.now(), str(endpoint.service), request.command))
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._frozen.append((endpoint, request, answer))
        silence = asyncio.ensure_future(self.world.sleep(SILENCE))
        tasks: set[asyncio.Future[Any]] = {answer, silence}
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        silence.cancel()
        if answer.done():
            return _listed([answer.result()])
        return _listed([replies.encoded(agent.unreachable(endpoint, "Operation canceled"))])

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


async def _instead(fault: Fault) -> Answer:
    """What comes back although nothing was done."""
    if fault.kind is Kind.HANG:
        await asyncio.get_running_loop().create_future()
    answers = {
        Kind.UNAUTHORIZED: Answer.failed(401),
        Kind.HTML: Answer(_PAGE, 502, "text/html"),
        Kind.GARBAGE: Answer(_GARBAGE),
        Kind.OTHER_ANSWER: Answer(fault.answer),
    }
    return answers.get(fault.kind, NOTHING)


def _listed(answers: list[bytes]) -> bytes:
    return b"[ " + b", ".join(answers) + b" ]"
