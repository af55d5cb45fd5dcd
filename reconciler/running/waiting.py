"""Waiting until the servers of a relationship say that all is well."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace

from reconciler.errors import EndpointError
from reconciler.kea import ha, views
from reconciler.model import HaView, Mode, Probe, Relationship, Role
from reconciler.planning import wanted
from reconciler.planning.places import place
from reconciler.planning.scenes import PARTNER_DOWN
from reconciler.planning.standing import standing
from reconciler.running.hands import WATCHING, Hands
from reconciler.running.pausing import let_go_on, let_others_go_on
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


def as_it_stands(relationship: Relationship, servers: Sequence[Server]) -> Relationship:
    """Return the relationship with the slowest heartbeat of those that its servers have now, and that desired."""
    name = "heartbeat-delay"
    blocks = [wanted.block_of(server.plan.snapshot) or {} for server in servers]
    delays = [float(block[name]) for block in blocks if isinstance(block.get(name), int)]
    slowest = round(max([1000 * ha.heartbeat_delay(relationship), *delays]))
    return replace(relationship, parameters={**relationship.parameters, name: slowest})


def _complaint_of(relationship: Relationship, server: Server, view: HaView | None) -> str | None:
    """Return what is not well on one server, None where all is: its own state and what it hears of its partner.

    What is normal is told by the mode and role that the server has now, be they still to be changed.
    """
    return complaint(server.name, *standing(relationship, server.peer, server.plan.snapshot), view)


def complaint_of_state(relationship: Relationship, server: Server, view: HaView) -> str | None:
    """Return that a server is not in its own normal state, None where it is, whatever it hears."""
    normal = ha.normal_state(*standing(relationship, server.peer, server.plan.snapshot))
    return None if view.state == normal else _in_state(server.name, view.state)


def complaint(server: str, mode: Mode, role: Role, view: HaView | None) -> str | None:
    """Return what is not well on a server of this mode and role, None where all is."""
    normal = ha.normal_state(mode, role)
    if view is None:
        return f"{server} has no HA hook in force"
    if view.state != normal:
        return _in_state(server, view.state)
    if not ha.hears_a_partner(mode, role):
        return None
    if not view.hears_partner:
        return _out_of_touch(server)
    last_state = view.partner.last_state if view.partner else ""
    return None if last_state == normal else f"{server} last heard its partner in state {last_state or 'unknown'}"


def _out_of_touch(server: str) -> str:
    return f"{server} is out of touch with its partner"


def _hears(relationship: Relationship, server: Server) -> bool:
    return ha.hears_a_partner(*standing(relationship, server.peer, server.plan.snapshot))


async def out_of_touch(relationship: Relationship, servers: Sequence[Server]) -> list[str]:
    """Return which servers don't hear their partner now, or don't answer, whatever their states are."""
    found = []
    for server in servers:
        try:
            view = await look(relationship, server)
        except EndpointError as error:
            found.append(str(error))
            continue
        if _hears(relationship, server) and view is not None and not view.hears_partner:
            found.append(_out_of_touch(server.name))
    return found


def deafness(server: str, view: HaView | None, seconds: float) -> str | None:
    """Return that a server has not heard its partner in the last `seconds`, None where it has.

    What it last heard before a set says nothing of the partner since: one whose listener did not come back still
    hears, and calls itself normal, while nobody hears it. Kea counts whole seconds.
    """
    if view is None or view.partner is None or view.partner.age + 1 < seconds:
        return None
    return f"{server} has not heard its partner since the change"


async def look(relationship: Relationship, server: Server) -> HaView | None:
    """Return what a server says about the relationship now. Raises EndpointError.

    Where it stands among others on the server is known from the configuration that the server has, or is given.
    """
    return (await look_closely(relationship, server))[0]


async def look_closely(relationship: Relationship, server: Server) -> tuple[HaView | None, bool]:
    """Return the same, and whether HA keeps the server's DHCP service off, be it for another relationship's sake.

    Raises EndpointError.
    """
    reply = await server.client.call("status-get")
    status = reply.arguments if isinstance(reply.arguments, dict) else {}
    with views.reading(server.plan.snapshot.endpoint):
        found = views.ha_views(status)
    where = server.plan.snapshot.place
    if where is None:
        where = place(relationship, server.plan.outgoing or {}, server.name)
    return found[where] if where is not None and where < len(found) else None, views.is_held_off(status)


async def complaints(
    relationship: Relationship,
    servers: Sequence[Server],
    *,
    seconds_since: float | None = None,
    lets_go_on: bool = False,
) -> dict[str, str]:
    """Return what is not well on any of the servers now, by name, seen from both sides; empty where all is.

    With `seconds_since` each must also have heard its partner within so many seconds. With `lets_go_on` a server that
    pauses on its way back to the normal state is made to go on.
    """
    found = {}
    for server in servers:
        try:
            view = await look(relationship, server)
            if view is None and _is_yet_to_join(server):
                continue
            said = _complaint_of(relationship, server, view)
            if lets_go_on:
                await let_go_on(server, view)
                said = said or await let_others_go_on(server)
            if said is None and seconds_since is not None:
                said = deafness(server.name, view, seconds_since)
        except EndpointError as error:
            said = str(error)
        if said:
            found[server.name] = said
    return found


def _is_yet_to_join(server: Server) -> bool:
    """Whether a server is to become a backup and is not in the relationship so far: the others do well without it."""
    return server.peer.role is Role.BACKUP and wanted.block_of(server.plan.snapshot) is None


async def until_normal(
    relationship: Relationship,
    servers: Sequence[Server],
    hands: Hands,
    *,
    seconds: float,
    is_changed: bool = False,
    lets_go_on: bool = False,
    alone: Server | None = None,
    meanwhile: Callable[[], Awaitable[None]] | None = None,
) -> list[str]:
    """Wait, at most `seconds`, until every server is in its normal state and hears its partner in that state.

    `is_changed` says that a server was set just now: what they heard of each other before doesn't count then. Then, and
    with `lets_go_on`, none is left to pause on its way back. Once `alone` takes over as if its partner were dead, which
    is not, waiting on would let both serve the same clients. Two that were set and never hear each other are given up
    long before: only fetching leases takes its time. `meanwhile` is called each time before they are looked at, which
    is done more often then.
    Returns what is still not well at the end, an empty list when all is.
    """
    relationship = as_it_stands(relationship, servers)
    began_at = hands.clock()
    unheard = ha.patience_to_meet(relationship)
    pause = _pause(relationship) if meanwhile is None else WATCHING
    said = ""
    while True:
        if meanwhile is not None:
            await meanwhile()
        waited = hands.clock() - began_at
        since = waited if is_changed else None
        found = await complaints(relationship, servers, seconds_since=since, lets_go_on=is_changed or lets_go_on)
        if not found or waited >= seconds or (alone and _has_taken_over(alone, found)):
            return list(found.values())
        if is_changed and waited >= unheard and not await _have_met(relationship, servers):
            return [*found.values(), f"they have not heard each other for {unheard:.0f} s"]
        told, said = said, f"{relationship.name}: waiting: {'; '.join(found.values())}"
        if said != told:
            hands.say(said)
        await hands.sleep(pause)


def _pause(relationship: Relationship) -> float:
    return min(1.0, max(0.1, ha.heartbeat_delay(relationship) / 4))


async def until_met(
    relationship: Relationship, servers: Sequence[Server], hands: Hands, meanwhile: Callable[[], Awaitable[None]]
) -> bool:
    """Wait until every server that was set just now, and is to hear a partner, has heard it; not for ever.

    Returns whether they have.
    """
    relationship = as_it_stands(relationship, servers)
    began_at = hands.clock()
    limit = ha.patience_to_meet(relationship)
    while hands.clock() - began_at < limit:
        await meanwhile()
        if await _have_met(relationship, servers, since=hands.clock() - began_at):
            return True
        await hands.sleep(_pause(relationship))
    return False


async def _have_met(relationship: Relationship, servers: Sequence[Server], *, since: float | None = None) -> bool:
    """Whether every server that answers and has HA in force has heard its partner.

    With `since` all have to answer, and to have heard it in so many last seconds: who is not seen has not met anybody.
    """
    for server in servers:
        if not _hears(relationship, server):
            continue
        try:
            view = await look(relationship, server)
        except EndpointError:
            view = None
        if view is None and since is None:
            continue
        if view is None or view.partner is None or not view.partner.in_touch:
            return False
        if since is not None and deafness(server.name, view, since):
            return False
    return True


async def until_heard(
    relationship: Relationship, server: Server, servers: Sequence[Server], hands: Hands
) -> str | None:
    """Wait until the partner of a server that was set just now has heard it again, for three heartbeats at most.

    Returns None when it has, or when that can't be told; else what that means.
    """
    talking = [peer.server for peer in ha.talking_peers(relationship)]
    others = [each for each in servers if each.name in talking and each is not server]
    if server.name not in talking or not others:
        return None
    began_at, limit = hands.clock(), 3 + 3 * ha.heartbeat_delay(relationship)
    while True:
        waited = hands.clock() - began_at
        try:
            own, theirs = await look(relationship, server), await look(relationship, others[0])
        except EndpointError:
            return None
        if own is None or theirs is None or deafness(others[0].name, theirs, waited) is None:
            return None
        if waited >= limit:
            return _UNHEARD.format(server=server.name, partner=others[0].name) if own.hears_partner else None
        await hands.sleep(1.0)


async def closed_listener(relationship: Relationship, server: Server, hands: Hands) -> str | None:
    """Return that nobody listens where a server that was set, and has no partner, is to; None where that can't be
    told.
    """
    peer, snapshot = server.peer, server.plan.snapshot
    if server.plan.leaves or ha.hears_a_partner(relationship.mode, peer.role):
        return None
    if not wanted.dedicated_listener_is_on(relationship, snapshot) or await hands.probe(peer.url) is not Probe.REFUSED:
        return None
    return _CLOSED.format(server=server.name, url=peer.url)


_CLOSED = (
    "nobody listens at {url}: the HA listener of {server} is not open, which only a restart of Kea on {server} mends "
    "where nothing else has its port (a config-test closes it for good on Kea 2.7.3 to 3.0.3)"
)
_UNHEARD = (
    "{partner} gets no answer from {server} since then: its HA listener is not open, which only a restart of Kea on "
    "{server} mends where nothing else has its port (a config-test closes it for good on Kea 2.7.3 to 3.0.3)"
)


def _has_taken_over(server: Server, found: Mapping[str, str]) -> bool:
    return found.get(server.name) == _in_state(server.name, PARTNER_DOWN)


def _in_state(server: str, state: str) -> str:
    return f"{server} is in state {state}"
