"""Waiting until both servers of a relationship say that all is well."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.errors import EndpointError
from reconciler.kea import ha, views
from reconciler.model import HaView, Relationship
from reconciler.running.hands import Hands
from reconciler.running.setting import Server


def time_limit(relationship: Relationship) -> float:
    """Return how long, in seconds, a relationship may take to become normal.

    A cold start takes three to four heartbeats (measured on 2.2.0), the lease sync up to its own time-out.
    """
    return 60 + 6 * ha.heartbeat_delay(relationship) + ha.sync_timeout(relationship)


def patience_before(relationship: Relationship) -> float:
    """Return how long, in seconds, a pair that the plan found normal may still need to say so from both sides.

    What a server knows of its partner is as old as the last heartbeat.
    """
    return 2 + 3 * ha.heartbeat_delay(relationship)


def complaint(relationship: Relationship, server: str, view: HaView | None) -> str | None:
    """Return what is not well on one server, None where all is: its own state and what it hears of its partner."""
    normal = ha.normal_state(relationship.mode)
    if view is None:
        return f"{server} has no HA hook in force"
    if view.state != normal:
        return f"{server} is in state {view.state}"
    partner = view.partner
    if partner is None or partner.interrupted or not partner.in_touch:
        return f"{server} is out of touch with its partner"
    if partner.last_state != normal:
        return f"{server} last heard its partner in state {partner.last_state or 'unknown'}"
    return None


async def look(server: Server) -> HaView | None:
    """Return what a server says about its relationship now. Raises EndpointError."""
    reply = await server.client.call("status-get")
    return views.ha_view(reply.arguments if isinstance(reply.arguments, dict) else {})


async def complaints(relationship: Relationship, servers: Sequence[Server]) -> list[str]:
    """Return what is not well on any of the servers now, seen from both sides; empty where all is."""
    found = []
    for server in servers:
        try:
            complaint_ = complaint(relationship, server.name, await look(server))
        except EndpointError as error:
            complaint_ = str(error)
        if complaint_:
            found.append(complaint_)
    return found


async def until_normal(
    relationship: Relationship, servers: Sequence[Server], hands: Hands, *, seconds: float
) -> list[str]:
    """Wait, at most `seconds`, until every server is in its normal state and hears its partner in that state.

    Returns what is still not well when the time is over, an empty list when all is.
    """
    limit = hands.clock() + seconds
    pause = min(1.0, max(0.1, ha.heartbeat_delay(relationship) / 4))
    while True:
        found = await complaints(relationship, servers)
        if not found or hands.clock() >= limit:
            return found
        hands.say(f"{relationship.name}: waiting: {'; '.join(found)}")
        await hands.sleep(pause)
