"""Starting the HA of one server anew with all that it remembers gone, by setting the configuration that it has."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.errors import EndpointError
from reconciler.model import Peer, ServerPlan, Snapshot
from reconciler.running import restoring, setting
from reconciler.running.hands import Hands
from reconciler.running.observe import snapshot
from reconciler.running.setting import Server, StepFailedError

if TYPE_CHECKING:
    from reconciler.kea.client import Client


async def set_again(peer: Peer, seen: Snapshot, client: Client, hands: Hands) -> str | None:
    """Set a server to the configuration that it runs with now. Returns why that failed, None when it is done.

    Every set loads the hooks anew (Kea fact), so that HA begins at `waiting` and knows of no clock that was wrong.
    The server tries the configuration first, where that does no harm. Nothing is written to its disk, since nothing
    changes.
    """
    try:
        now = replace(await snapshot(client, seen.endpoint), place=seen.place)
        plan = ServerPlan(peer, now, outgoing=now.config, try_standing=False)
        server = Server(plan, client, lambda live: live.config == now.config)
        await setting.test(server)
        await restoring.put_back(server, hands)
    except (EndpointError, StepFailedError) as error:
        return f"{peer.server} could not be given its own configuration again: {error}"
    return None
