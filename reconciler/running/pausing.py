"""Letting servers go on that pause because their configuration says so, while an apply waits for them."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

from reconciler.errors import EndpointError
from reconciler.kea import ha, hooks, versions, views
from reconciler.model import HaView
from reconciler.planning import wanted
from reconciler.planning.scenes import RECOVERING
from reconciler.running.setting import Server

_PASSED = RECOVERING | {"communication-recovery"}  # on the way to the normal state


async def let_go_on(server: Server, view: HaView | None) -> None:
    """Send ha-continue to a server that stands in a state in which the parameter `state-machine` may have it pause, on
    its way to the normal one.

    A pause is for a person to look before a server that came back by itself goes on. Each set starts Kea's state
    machine anew and with it the pauses, and an apply looks itself; nobody else could let the server go on meanwhile,
    since the apply holds its lock. To one that does not pause the command does nothing (seen on 2.2.0, 2.6.3, 3.0.3).
    """
    await _let_go_on(server, wanted.block_of(server.plan.snapshot) or {}, view)


async def let_others_go_on(server: Server) -> str | None:
    """The same in the other relationships of a hub: its set starts those anew too, and as long as one of them is on its
    way it answers nobody in any (see `planning.silence`). Returns in words where it still is, None where it can't be
    pausing any more. Raises EndpointError.
    """
    seen = server.plan.snapshot
    blocks = [(at, each) for at, each in enumerate(hooks.relationships_of(seen.config)) if at != seen.place]
    pausing = [(at, each) for at, each in blocks if not RECOVERING.isdisjoint(ha.pauses(each))]
    if not pausing:
        return None
    reply = await server.client.call("status-get")
    with views.reading(seen.endpoint):
        found = views.ha_views(reply.arguments if isinstance(reply.arguments, dict) else {})
    for at, block in pausing:
        view = found[at] if at < len(found) else None
        await _let_go_on(server, block, view)
        if view is not None and view.state in RECOVERING:
            name = block.get("this-server-name")
            return f"{server.name} is in state {view.state} in another relationship, where it is {name}"
    return None


async def _let_go_on(server: Server, block: Mapping[str, Any], view: HaView | None) -> None:
    if view is None or view.state not in _PASSED.intersection(ha.pauses(block)):
        return
    named = versions.has_several_relationships(server.plan.snapshot.version)
    arguments = {"server-name": str(block.get("this-server-name"))} if named else None
    with contextlib.suppress(EndpointError):  # that it doesn't answer shows where it is waited for
        await server.client.call("ha-continue", arguments)
