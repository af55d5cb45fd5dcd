"""Telling whether two addresses lead to one and the same Kea, before anything is written to either."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.kea.client import Client
    from reconciler.model import Service


async def is_same_process(one: Client, other: Client, service: Service) -> bool:
    """Whether both clients talk to one process of Kea, as far as it can be told. Raises EndpointError.

    Two unrelated servers may have the same pid, uptime and configuration (containers from one image, started
    together). Kea notes to the microsecond when each statistic was last set, at first when the process started
    (seen on 2.2.0); that of packets that could not be parsed seldom moves, and not at the same moment on two machines.
    """
    name = f"pkt{service.value[-1]}-parse-failed"
    first, second = [await client.call("statistic-get", {"name": name}) for client in (one, other)]
    if first.result != 0 or second.result != 0 or not first.arguments:
        return False
    return bool(first.arguments == second.arguments)
