"""Scope hand-over: a server answers its partner's clients while that one is set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler.errors import EndpointError
from reconciler.kea import hooks
from reconciler.model import Relationship, Role
from reconciler.planning import wanted
from reconciler.planning.standing import own_entry
from reconciler.running import waiting
from reconciler.running.hands import Hands
from reconciler.running.setting import Server, excerpt

_TRIES = 3
_ACTIVE = {Role.PRIMARY, Role.SECONDARY}


class Cover:
    """Those servers that serve more than their own scopes for a while, at our request (ha-scopes).

    Kea takes peers' names there, for scopes of peers that answer clients, and forgets them with the next change of its
    HA state: so whoever waits calls `keep`. A server that is set begins anew by itself.
    """

    def __init__(self, relationship: Relationship, hands: Hands) -> None:
        self._relationship = relationship
        self._hands = hands
        self._wide: dict[str, Server] = {}

    async def widen(self, server: Server) -> str | None:
        """Let a server serve every scope of the relationship. Returns why that failed, None when it does."""
        failure = await self._serve(server, _every_scope(server))
        if failure is None:
            self._wide[server.name] = server
        return failure

    def hold(self, server: Server) -> None:
        """Let a server that was set just now serve every scope as soon as it is normal (see `keep`)."""
        self._wide[server.name] = server

    async def keep(self) -> None:
        """Widen those again whose HA state changed meanwhile, as far as they can be asked."""
        for server in self._wide.values():
            try:
                view = await waiting.look(self._relationship, server)
            except EndpointError:
                continue
            every = _every_scope(server)
            is_normal = view is not None and waiting.complaint_of_state(self._relationship, server, view) is None
            if view is not None and is_normal and set(view.scopes) < set(every):
                await self._serve(server, every)

    def forget(self, server: Server) -> None:
        """A server is set, or put back: what it was asked for before is gone."""
        self._wide.pop(server.name, None)

    async def narrow(self) -> dict[str, str]:
        """Let each serve its own scopes again; returns by name what a person has to do where that failed."""
        failures = {}
        for name, server in list(self._wide.items()):
            failure = None
            for attempt in range(_TRIES):
                if attempt:
                    await self._hands.sleep(1.0)
                failure = await self._serve(server, _own_scopes(server))
                if failure is None:
                    break
            if failure:
                own = ", ".join(_own_scopes(server)) or "none"
                failures[name] = f"it may still serve its partner's scopes too, run ha-scopes on it ({own}): {failure}"
            del self._wide[name]
        return failures

    async def _serve(self, server: Server, scopes: list[str]) -> str | None:
        arguments: dict[str, Any] = {"scopes": scopes}
        if len(hooks.relationships_of(server.plan.snapshot.config)) > 1:
            arguments["server-name"] = _block(server).get("this-server-name")
        try:
            reply = await server.client.call("ha-scopes", arguments)
        except EndpointError as error:
            return f"ha-scopes: {error}"
        return None if reply.result == 0 else f"ha-scopes: {excerpt(reply.text)}"


def _block(server: Server) -> Mapping[str, Any]:
    return wanted.block_of(server.plan.snapshot) or {}


def _every_scope(server: Server) -> list[str]:
    peers = _block(server).get("peers") or ()
    return sorted(str(peer.get("name")) for peer in peers if peer.get("role") in _ACTIVE)


def _own_scopes(server: Server) -> list[str]:
    own = own_entry(server.plan.snapshot) or {}
    return [str(own.get("name"))] if own.get("role") in _ACTIVE else []
