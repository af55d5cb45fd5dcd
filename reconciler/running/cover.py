"""Scope hand-over: a server answers its partner's clients while that one is set."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, TypeVar

from reconciler.errors import EndpointError, NotReachedError
from reconciler.kea import hooks
from reconciler.model import Relationship, Role
from reconciler.planning import standing, wanted
from reconciler.planning.answering import SERVING
from reconciler.planning.scenes import PARTNER_DOWN
from reconciler.running import waiting
from reconciler.running.hands import Hands
from reconciler.running.setting import Server, excerpt

T = TypeVar("T")
_TRIES = 3
_ACTIVE = {Role.PRIMARY, Role.SECONDARY}
_RECOVERY = "communication-recovery"


class Cover:
    """Those servers that serve more than their own scopes for a while, at our request (ha-scopes).

    Kea takes peers' names there, for scopes of peers that answer clients, and forgets them with the next change of its
    HA state: so whoever waits calls `keep`. A server that is set begins anew by itself.
    """

    def __init__(self, relationship: Relationship, hands: Hands, *, in_recovery: bool = False) -> None:
        """`in_recovery` says that a server may answer all clients also while it keeps back its lease updates."""
        self._relationship = relationship
        self._hands = hands
        self._in_recovery = in_recovery
        self._wide: dict[str, Server] = {}
        self._until_back: dict[str, Server] = {}  # who is answered for, by the name of the one that does
        self._resting: dict[str, Server] = {}

    @property
    def is_on(self) -> bool:
        """Whether any server serves more than its own scopes at our request."""
        return bool(self._wide)

    def is_wide(self, server: Server) -> bool:
        """Whether this server serves more than its own scopes at our request."""
        return server.name in self._wide

    async def widen(self, server: Server, *, until_back: Server | None = None) -> str | None:
        """Let a server serve every scope of the relationship. Returns why that failed, None when it does.

        `until_back` is whom it answers for where that one begins to serve by itself: then it serves its own again.
        """
        self._wide[server.name] = server
        if until_back is not None:
            self._until_back[server.name] = until_back
        try:
            failure = await self._serve(server, _every_scope(server))
        except NotReachedError as error:
            failure = str(error)
            del self._wide[server.name]
        except EndpointError as error:  # it may have been carried out
            return f"ha-scopes: {error}"
        if failure:
            self.forget(server)
        return f"ha-scopes: {failure}" if failure else None

    async def rest(self, server: Server) -> str | None:
        """Let a server serve no scope of the relationship, until it is set. Returns why that failed, None when it
        does not.
        """
        self.forget(server)
        self._resting[server.name] = server
        try:
            failure = await self._serve(server, [])
        except NotReachedError as error:
            failure = str(error)
        except EndpointError as error:  # it may have been carried out
            return f"ha-scopes: {error}"
        return f"ha-scopes: {failure}" if failure else None

    def hold(self, server: Server) -> None:
        """Let a server that was set just now serve every scope as soon as it is normal (see `keep`)."""
        self._wide[server.name] = server

    async def keep(self) -> None:
        """Widen those again whose HA state changed meanwhile, as far as they can be asked; narrow who has done."""
        for server in list(self._until_back.values()):
            await self._end_if_back(server)
        await self._widen_again()

    async def _end_if_back(self, covered: Server) -> None:
        """End that others answer for a server which serves by itself again."""
        try:
            view, is_held_off = await waiting.look_closely(self._relationship, covered)
            for server in [each for name, each in self._wide.items() if self._until_back.get(name) is covered]:
                is_back = view is not None and not set(view.scopes).isdisjoint(_every_scope(server))
                if is_back and not is_held_off and await self._serve(server, own_scopes(server)) is None:
                    self.forget(server)
        except EndpointError:
            return

    async def _widen_again(self, *, but: str = "") -> None:
        for server in [each for name, each in self._wide.items() if name != but]:
            try:
                view = await waiting.look(self._relationship, server)
                if view is None or not set(view.scopes) < set(_every_scope(server)):
                    continue
                is_normal = waiting.complaint_of_state(self._relationship, server, view) is None
                if is_normal or (self._in_recovery and view.state == _RECOVERY):
                    await self._serve(server, _every_scope(server))
            except EndpointError:
                continue

    async def keep_during(self, work: Awaitable[T], server: Server) -> T:
        """Do something to a server that takes its time, and keep the others wide meanwhile that are.

        Not itself: once it is set it serves its own, be it before we hear of that.
        """
        task = asyncio.ensure_future(work)
        try:
            while self._wide and not (await asyncio.wait({task}, timeout=self._hands.watching))[0]:
                await self._widen_again(but=server.name)
            return await task
        finally:
            task.cancel()

    def forget(self, server: Server) -> None:
        """A server is set, or put back: what it was asked for before is gone."""
        for asked in (self._wide, self._until_back, self._resting):
            asked.pop(server.name, None)

    def renew(self, covered: Server) -> None:
        """What was read of a server that others answer for has changed."""
        for name, each in self._until_back.items():
            if each.name == covered.name:
                self._until_back[name] = covered

    async def give_back(self, server: Server, others: Sequence[Server]) -> str | None:
        """Let a server serve its own scopes again, if we asked for others; returns what a person has to do where that
        failed. One that took over from its partner goes on with all, unless one of the `others` is seen to serve.
        """
        if server.name not in self._wide and server.name not in self._resting:
            return None
        failure: str | None = None
        for attempt in range(_TRIES):
            if attempt:
                await self._hands.sleep(1.0)
            try:
                failure = await self._narrow(server, others)
            except EndpointError as error:
                failure = str(error)
            if failure is None:
                self.forget(server)
                return None
        own = ", ".join(own_scopes(server)) or "none"
        return f"{self.asked_of(server)}, run ha-scopes on it ({own}): {failure}"

    def asked_of(self, server: Server) -> str | None:
        """Return in words which scopes a server may serve at our request that it would not by itself, if any."""
        if server.name in self._resting:
            return "it may still serve none"
        return "it may still serve its partner's scopes too" if server.name in self._wide else None

    async def _narrow(self, server: Server, others: Sequence[Server]) -> str | None:
        """Let a server serve its own scopes, unless Kea has it serve all: nothing would give those back to one that
        stays partner-down (seen on 3.0.3). One that serves nobody is asked first and looked at after: clients wait.
        """
        if server.name in self._wide:
            is_alone = await self._serves_alone(server, others)
            return None if is_alone else await self._serve(server, own_scopes(server))
        failure = await self._serve(server, own_scopes(server))
        is_alone = await self._serves_alone(server, others)
        return await self._serve(server, _every_scope(server)) if is_alone else failure

    async def _serves_alone(self, server: Server, others: Sequence[Server]) -> bool:
        view = await waiting.look(self._relationship, server)
        if view is None or view.state != PARTNER_DOWN:
            return False
        return not any([await is_serving(self._relationship, each) for each in others])

    async def _serve(self, server: Server, scopes: list[str]) -> str | None:
        arguments: dict[str, Any] = {"scopes": scopes}
        if len(hooks.relationships_of(server.plan.snapshot.config)) > 1:
            arguments["server-name"] = _block(server).get("this-server-name")
        reply = await server.client.call("ha-scopes", arguments)
        return None if reply.result == 0 else excerpt(reply.text)


async def is_serving(relationship: Relationship, server: Server) -> bool:
    """Whether a server would answer clients by itself, were it not off by us."""
    try:
        view = await waiting.look(relationship, server)
    except EndpointError:
        return False
    return view is not None and view.state in SERVING and bool(view.scopes)


def _block(server: Server) -> Mapping[str, Any]:
    return wanted.block_of(server.plan.snapshot) or {}


def _every_scope(server: Server) -> list[str]:
    peers = _block(server).get("peers") or ()
    return sorted(str(peer.get("name")) for peer in peers if peer.get("role") in _ACTIVE)


def own_scopes(server: Server) -> list[str]:
    """Return the scopes that a server serves in its normal state, as peer names."""
    return standing.own_scopes(server.plan.snapshot)


async def strange_scopes(relationship: Relationship, server: Server, hands: Hands) -> str | None:
    """Return that a server serves other scopes than its own although all is normal, None where it does not."""
    own, found = own_scopes(server), []
    for attempt in range(_TRIES):
        if attempt:
            await hands.sleep(1.0)
        try:
            view = await waiting.look(relationship, server)
        except EndpointError as error:
            return f"its scopes can't be read: {error}"
        found = sorted(view.scopes) if view is not None else own
        if found == own:
            return None
    return f"it serves {', '.join(found) or 'nobody'}, not {', '.join(own) or 'nobody'}: run ha-scopes on it"
