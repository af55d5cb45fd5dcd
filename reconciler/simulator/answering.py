"""What answers over HTTP: the control agent of a server, or a daemon's own socket, with the server's faults."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from reconciler.model import Service
from reconciler.simulator import replies
from reconciler.simulator.faults import AFTER, BEFORE, ELSEWHERE, Fault, Kind
from reconciler.simulator.http import NOTHING, Answer
from reconciler.simulator.requests import BadRequestError, Request

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from reconciler.simulator.endpoint import SimulatedEndpoint
    from reconciler.simulator.server import SimulatedServer

_PAGE = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"
_GARBAGE = b"\x00\xff this is not JSON {"


class Answering(ABC):
    """One place of a server where requests are answered, one at a time."""

    realm = ""
    credentials: frozenset[str] = frozenset()
    reads_services = True

    def __init__(self) -> None:
        self._turn = asyncio.Lock()

    @property
    @abstractmethod
    def place(self) -> SimulatedServer:
        """The server whose place it is."""

    @abstractmethod
    def carried_out(self, request: Request) -> bytes:
        """The answer to a request that nothing stands in the way of."""

    @abstractmethod
    def addressed(self, request: Request) -> list[SimulatedEndpoint]:
        """The daemons that a request is for."""

    @abstractmethod
    def given_up(self, endpoint: SimulatedEndpoint) -> Answer:
        """What comes back where a daemon was silent for too long."""

    # ------------------------------------------------------------------------------------------ answers

    def answer(self, body: bytes) -> Answer | Awaitable[Answer]:
        """The answer to a request; at once where nothing stands in its way, else to be waited for."""
        try:
            request = Request(body, self.place.machine.release, reads_services=self.reads_services)
        except BadRequestError:
            return Answer.failed(400)
        is_slow = any(endpoint.is_frozen for endpoint in self.place.endpoints.values())
        if self.place.faults or self._turn.locked() or is_slow:
            return self._answer_later(request)
        return Answer(self.carried_out(request))

    async def _answer_later(self, request: Request) -> Answer:
        daemons = self.addressed(request)
        service = daemons[0].service if daemons else None
        faults = self.place.faults
        fault = faults.strike(BEFORE, request.command, service)
        if fault is not None and fault.kind is not Kind.DELAY:
            return await _instead(fault)
        if fault is not None:
            await self.place.world.sleep(fault.seconds)
        swapped = faults.strike(ELSEWHERE, request.command, service)
        if swapped is not None:
            request.services = [str(other) for other in self.place.endpoints if other is not service]
        after = faults.strike(AFTER, request.command, service)
        async with self._turn:
            answer = await self._awaited(request)
        if after is None:
            return answer
        return NOTHING if after.kind is Kind.CUT else Answer(answer.body, cut=len(answer.body) // 2)

    async def _awaited(self, request: Request) -> Answer:
        frozen = [endpoint for endpoint in self.addressed(request) if endpoint.is_frozen]
        if not frozen or request.problem:
            return Answer(self.carried_out(request))
        reply = await self.place.wait_for_thaw(frozen[0], request)
        return self.given_up(frozen[0]) if reply is None else Answer(listed([reply]))


async def _instead(fault: Fault) -> Answer:
    """What comes back although nothing was done."""
    if fault.kind is Kind.HANG:
        await asyncio.get_running_loop().create_future()
    answers: dict[Kind, Any] = {
        Kind.UNAUTHORIZED: Answer.failed(401),
        Kind.HTML: Answer(_PAGE, 502, "text/html"),
        Kind.GARBAGE: Answer(_GARBAGE),
        Kind.OTHER_ANSWER: Answer(fault.answer),
    }
    found: Answer = answers.get(fault.kind, NOTHING)
    return found


def listed(answers: list[bytes]) -> bytes:
    """Answers as the list that goes over HTTP."""
    return b"[ " + b", ".join(answers) + b" ]"


def refused(problem: str) -> bytes:
    """The answer to what is no command."""
    return listed([replies.encoded(replies.error(problem))])


def services(request: Request) -> list[Service]:
    """The services that a request names, as far as they are known."""
    return [Service(name) for name in request.services if name in list(Service)]
