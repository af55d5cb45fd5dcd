"""May a server be taken out for maintenance, and be taken back? Pure.

Kea's command goes to the partner, the one that goes on serving: it tells the other to stop, and takes over. Where it
can't tell, it takes the other for dead and takes over as well (ha_service.cc, processMaintenanceStart; seen on 2.2.0,
2.6.3 and 3.0.3): then both serve. So everything is asked before, and nothing is sent on a doubt.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from reconciler.kea import hooks
from reconciler.model import Objection, Peer, Snapshot
from reconciler.planning.guard import SKEW_ERROR, clock_skew, describe_skew
from reconciler.planning.scenes import (
    IN_MAINTENANCE,
    PARTNER_DOWN,
    PARTNER_IN_MAINTENANCE,
    RECOVERING,
    Decision,
    Order,
    Scene,
    out_of_touch,
    own_name,
    refusal,
    refused,
    unready,
)


def start(scene: Scene) -> Decision:
    """Decide whether the scene's peer may go into maintenance: its partner then serves all clients.

    | server             | partner                | decision                                   |
    |--------------------|------------------------|--------------------------------------------|
    | in-maintenance     | partner-in-maintenance | nothing to do                              |
    | normal             | normal                 | go, unless one of the checks below objects |
    | anything else      |                        | refused                                    |
    """
    peer, partner = scene.peer, scene.partner
    if partner is None:
        return refused(_without_partner(scene))
    unanswered = tuple(_unready_for_maintenance(scene, partner))
    if unanswered:
        return refused(*unanswered)
    if (scene.state(peer), scene.state(partner)) == (IN_MAINTENANCE, PARTNER_IN_MAINTENANCE):
        return Decision(nothing_to_do=f"{peer.server} is in maintenance already, and {partner.server} serves")
    refusals = (
        *_not_normal(scene, peer, partner),
        *out_of_touch(scene, peer, partner),
        *_apart(scene),
        *_not_serving(scene, partner),
        *_in_others(scene, partner),
    )
    if refusals:
        return refused(*refusals)
    says = [
        f"{partner.server} gets {peer.server} to stop, and then serves all clients alone",
        f"{peer.server} can be shut down once it is in maintenance, and serves again after `maintenance stop`",
        *_elsewhere(scene, peer),
    ]
    goals = {partner.server: frozenset({PARTNER_IN_MAINTENANCE}), peer.server: frozenset({IN_MAINTENANCE})}
    orders = (Order(partner.server, "ha-maintenance-start"),)
    return Decision(orders, goals, tuple(says), hearing=(peer.server, partner.server))


def stop(scene: Scene) -> Decision:
    """Decide how the scene's peer comes back from maintenance.

    | server                 | partner                | decision                                           |
    |------------------------|------------------------|----------------------------------------------------|
    | normal                 | normal                 | nothing to do                                      |
    | in-maintenance         | partner-in-maintenance | the partner is sent the cancel                     |
    | in-maintenance         | partner-down           | the server begins anew, if it hears the partner    |
    | recovering             | partner-in-maintenance | wait: after its restart it fetches leases first    |
    | recovering             | partner-down           | nothing is sent: both become normal by themselves  |
    | can't be reached       | any                    | refused: nobody would serve its clients            |
    | partner-in-maintenance | in-maintenance         | refused: it is the other that is in maintenance    |
    | anything else          |                        | refused                                            |
    """
    peer, partner = scene.peer, scene.partner
    if partner is None:
        return refused(_without_partner(scene))
    silent = tuple(unready(scene, partner))
    unanswered = (*silent, *unready(scene, peer)) if silent else tuple(_not_back(scene, partner))
    if unanswered:
        return refused(*unanswered)
    own, other = scene.state(peer), scene.state(partner)
    goals = {each.server: frozenset({scene.normal(each)}) for each in (peer, partner)}
    if scene.is_normal(peer) and scene.is_normal(partner):
        return Decision(nothing_to_do=f"{peer.server} is not in maintenance: both servers are in their normal state")
    if other == PARTNER_DOWN and own in RECOVERING:
        what = f"{peer.server} is coming back by itself: it fetches the leases from {partner.server}, and both become "
        return Decision(goals=goals, says=(f"{what}normal; nothing is sent",))
    if other == PARTNER_IN_MAINTENANCE and own in RECOVERING:
        return Decision(goals=goals, says=(f"{peer.server} fetches leases; it is waited for",), is_passing=True)
    if (own, other) == (IN_MAINTENANCE, PARTNER_IN_MAINTENANCE):
        lost = tuple(out_of_touch(scene, partner))
        if lost:
            return refused(*lost)
        says = (f"{partner.server} and {peer.server} go back to serving as before the maintenance",)
        return Decision((Order(partner.server, "ha-maintenance-cancel"),), goals, says)
    if (own, other) == (IN_MAINTENANCE, PARTNER_DOWN):
        return _out_of_a_dead_end(scene, goals)
    return refused(_strange(scene, partner))


def _out_of_a_dead_end(scene: Scene, goals: Mapping[str, frozenset[str]]) -> Decision:
    """The two lost each other during the maintenance, and found each other again.

    A server in maintenance never leaves it by itself, and its partner has nothing left to cancel (seen on 2.2.0).
    """
    peer = scene.peer
    lost = tuple(out_of_touch(scene, peer))
    if lost:
        return refused(*lost)
    said = f"the two lost each other meanwhile, so that there is nothing left to cancel: {peer.server} begins anew"
    order = Order(peer.server, "ha-reset", own_name(scene, peer))
    return Decision((order,), goals, (said,), hearing=(peer.server,))


def _without_partner(scene: Scene) -> Objection:
    return refusal(
        "role",
        scene.peer.server,
        f"{scene.peer.server} is the {scene.peer.role} of a {scene.relationship.mode} relationship: Kea has no "
        "maintenance for it, since no other server could serve in its place",
        "a backup serves nobody and can be shut down as it is; a primary without a partner takes its service with it",
    )


def _unready_for_maintenance(scene: Scene, partner: Peer) -> Iterator[Objection]:
    yield from unready(scene, partner)
    if scene.snapshot(scene.peer) is not None:
        yield from unready(scene, scene.peer)
        return
    (objection,) = unready(scene, scene.peer)
    name = scene.peer.server
    yield refusal(
        objection.code,
        name,
        f"{objection.message}. Kea would take it for dead: {partner.server} would serve everybody at once, and so "
        f"would {name}, if only the way to it is broken",
        f"make {name} reachable; if it is down already, there is nothing to announce: {partner.server} takes over by "
        "itself",
    )


def _not_back(scene: Scene, partner: Peer) -> Iterator[Objection]:
    for objection in unready(scene, scene.peer):
        if objection.code != "unreachable":
            yield objection
            continue
        name, state = scene.peer.server, scene.state(partner)
        yield refusal(
            objection.code,
            name,
            f"{objection.message}. Until it is back, {partner.server} (in state {state}) has to go on serving alone",
            f"start {name}, then run this again; where {partner.server} is in state {PARTNER_DOWN} by then, the two "
            "become normal by themselves",
        )


def _not_normal(scene: Scene, *peers: Peer) -> Iterator[Objection]:
    for peer in peers:
        state = scene.state(peer)
        if scene.is_normal(peer):
            continue
        if state in {IN_MAINTENANCE, PARTNER_IN_MAINTENANCE}:
            advice = "end the maintenance that is under way first (`kea-reconciler maintenance stop`)"
        else:
            advice = "wait until both servers are in their normal state (`kea-reconciler status`)"
        yield refusal("state", peer.server, f"{peer.server} is in state {state}, not {scene.normal(peer)}", advice)


def _apart(scene: Scene) -> Iterator[Objection]:
    skew = clock_skew([each for each in scene.live.values() if isinstance(each, Snapshot)])
    if skew is not None and skew >= SKEW_ERROR:
        yield refusal("clock-skew", scene.relationship.name, describe_skew(skew), "synchronise the clocks (NTP) first")


def _not_serving(scene: Scene, partner: Peer) -> Iterator[Objection]:
    """The one that is to serve alone must be able to."""
    snapshot = scene.snapshot(partner)
    if snapshot and snapshot.disabled_by_user:
        yield refusal(
            "service-off",
            partner.server,
            f"{partner.server} has its DHCP service switched off by dhcp-disable: nobody would serve",
            f"send dhcp-enable to {partner.server} first",
        )
    if snapshot and not snapshot.sockets_ready:
        yield refusal(
            "service-off",
            partner.server,
            f"{partner.server} has DHCP sockets that are not ready: nobody would serve the networks behind them",
            f"look at the interfaces of {partner.server} first",
        )


def _in_others(scene: Scene, partner: Peer) -> Iterator[Objection]:
    """The command has no argument: it is for every relationship of the server that gets it (ha_impl.cc)."""
    snapshot = scene.snapshot(partner)
    number = len(hooks.relationships_of(snapshot.config)) if snapshot else 0
    if number > 1:
        yield refusal(
            "several-relationships",
            partner.server,
            f"{partner.server} is in {number} relationships, and Kea's ha-maintenance-start is for all of them at "
            f"once: every partner of {partner.server} would go into maintenance, not {scene.peer.server} alone",
            f"shut {scene.peer.server} down as it is: {partner.server} takes over after max-response-delay",
        )


def _elsewhere(scene: Scene, peer: Peer) -> Iterator[str]:
    snapshot = scene.snapshot(peer)
    number = len(hooks.relationships_of(snapshot.config)) if snapshot else 0
    if number > 1:
        yield f"{peer.server} is in {number} relationships: this is about one of them, the others go on as they are"


def _strange(scene: Scene, partner: Peer) -> Objection:
    own, other = scene.state(scene.peer), scene.state(partner)
    if (own, other) == (PARTNER_IN_MAINTENANCE, IN_MAINTENANCE):
        advice = (
            f"say `kea-reconciler maintenance stop {partner.server}`: it is {partner.server} that is in maintenance"
        )
    else:
        advice = "look with `kea-reconciler status`; Kea can't cancel a maintenance from these states"
    message = f"{scene.peer.server} is in state {own} and {partner.server} in state {other}"
    return refusal("state", scene.relationship.name, message, advice)
