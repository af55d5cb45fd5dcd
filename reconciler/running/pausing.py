"""Letting servers go on that pause because their configuration says so, while an apply waits for them."""

from __future__ import annotations

import contextlib

from reconciler.errors import EndpointError
from reconciler.kea import ha, versions
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
    block = wanted.block_of(server.plan.snapshot) or {}
    if view is None or view.state not in _PASSED.intersection(ha.pauses(block)):
        return
    named = versions.has_several_relationships(server.plan.snapshot.version)
    arguments = {"server-name": str(block.get("this-server-name"))} if named else None
    with contextlib.suppress(EndpointError):  # that it doesn't answer shows where it is waited for
        await server.client.call("ha-continue", arguments)
