"""Kea's maintenance, used to set one server of a pair: its partner serves alone meanwhile, and both know of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from reconciler.errors import AccessRefusedError, EndpointError, NotReachedError
from reconciler.kea import ha
from reconciler.model import Relationship
from reconciler.planning.scenes import IN_MAINTENANCE, PARTNER_DOWN, PARTNER_IN_MAINTENANCE
from reconciler.running import waiting
from reconciler.running.hands import Hands
from reconciler.running.setting import Server, excerpt

_PATIENCE = 10.0  # seconds, and a few heartbeats, in which a command has to show


class Maintenance:
    """A server that is to be set, and its partner, which is told to serve alone until that is done.

    An answer that was lost says nothing, so the states that both are found in tell what became of a command.
    """

    def __init__(self, relationship: Relationship, server: Server, partner: Server, hands: Hands) -> None:
        self._relationship = relationship
        self._server = server
        self._partner = partner
        self._hands = hands

    async def start(self) -> str | None:
        """Let the partner serve alone. Returns why it does not; it may have begun to all the same (see `end`)."""
        try:
            reply = await self._partner.client.call("ha-maintenance-start")
        except (NotReachedError, AccessRefusedError) as error:
            return f"ha-maintenance-start: {error}"
        except EndpointError as error:
            failure = str(error)
        else:
            failure = "" if reply.result == 0 else excerpt(reply.text)
        limit = self._hands.clock() + self._patience()
        while True:
            own, other = await self._state(self._server), await self._state(self._partner)
            if (own, other) == (IN_MAINTENANCE, PARTNER_IN_MAINTENANCE):
                return None
            if other == PARTNER_DOWN:
                return (
                    f"{self._partner.name} took it for dead and took over; if it serves, both do: mend the connection "
                    "between the two, and they become normal by themselves"
                )
            if failure or self._hands.clock() >= limit:
                return f"ha-maintenance-start: {failure or f'it is in state {own}, {self._partner.name} in {other}'}"
            await self._hands.sleep(waiting.WATCHING)

    async def end(self, at_once: Callable[[], Awaitable[object]]) -> str | None:
        """Let both go on as before, whatever became of them meanwhile. Returns why they do not. `at_once` is called
        with the cancel, after which the partner serves its own clients only, and the server nobody yet.

        A partner that missed the server while that one was set took over for good: there is nothing to cancel then,
        and a server that waits in maintenance begins anew (it never leaves that by itself; seen on 2.2.0).
        """
        limit, failure = self._hands.clock() + self._patience(), ""
        while True:
            own, other = await self._state(self._server), await self._state(self._partner)
            if other == PARTNER_IN_MAINTENANCE:
                failure = await self._send(self._partner, "ha-maintenance-cancel")
                await at_once()
            elif own == IN_MAINTENANCE and other is not None:
                failure = await self._send(self._server, "ha-reset")
            elif other is not None:
                return None
            if self._hands.clock() >= limit:
                return (
                    f"the maintenance could not be ended, say `kea-reconciler maintenance stop {self._server.name}`: "
                    f"{failure or f'{self._partner.name} gives no answer'}"
                )
            await self._hands.sleep(waiting.WATCHING)

    async def _send(self, server: Server, command: str) -> str:
        try:
            reply = await server.client.call(command)
        except EndpointError as error:
            return str(error)
        return excerpt(reply.text)

    async def _state(self, server: Server) -> str | None:
        try:
            view = await waiting.look(self._relationship, server)
        except EndpointError:
            return None
        return view.state if view is not None else "no HA"

    def _patience(self) -> float:
        return _PATIENCE + 2 * ha.heartbeat_delay(self._relationship)
