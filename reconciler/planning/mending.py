"""May a server's HA state machine go on, begin anew, or fetch its partner's leases? Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from reconciler.kea import ha, hooks
from reconciler.kea.versions import Capability, can
from reconciler.model import Elsewhere, Mode, Objection, Peer, Role, Snapshot
from reconciler.planning import service
from reconciler.planning.answering import SERVING
from reconciler.planning.guard import SKEW_ERROR, clock_skew, describe_skew
from reconciler.planning.pause import leases_a_second
from reconciler.planning.scenes import (
    IN_MAINTENANCE,
    PARTNER_IN_MAINTENANCE,
    RECOVERING,
    WAITING,
    Decision,
    Order,
    Scene,
    out_of_touch,
    own_name,
    refusal,
    refused,
    unready,
)
from reconciler.planning.silence import may_be_silenced
from reconciler.planning.terminated import TERMINATED


def resume(scene: Scene) -> Decision:
    """Decide whether a state machine that the configuration let pause may go on (ha-continue).

    Kea doesn't tell whether it is paused: its answer to the command does. Where the server doesn't hear a partner that
    serves, going on would make it serve beside that partner. In passive-backup, and on a backup, the command is of no
    use: what moves a state machine that goes on is the next heartbeat, of which there are none (seen on 2.2.0, 2.6.3
    and 3.0.3).
    """
    peer, partner = scene.peer, scene.partner
    refusals = tuple(unready(scene, peer))
    if not refusals and partner is None and not scene.is_normal(peer):
        message = f"{peer.server} is in state {scene.state(peer)} and has no heartbeats, at which Kea would go on"
        advice = (
            "take the pause out of the parameter `state-machine`, and `kea-reconciler apply` that with "
            "--approve partner-not-normal: the set starts its HA anew"
        )
        refusals = (refusal("state", peer.server, message, advice),)
    if refusals:
        return refused(*refusals)
    says = [f"{peer.server}, in state {scene.state(peer)}, goes on to the next state, if it is paused"]
    if partner is not None and scene.snapshot(partner) is None:
        says.append(
            f"{partner.server} can't be reached: make sure that it serves nobody, since {peer.server} will take it for "
            "dead and serve its clients"
        )
    elif partner is not None and scene.state(partner) in SERVING:
        lost = tuple(out_of_touch(scene, peer))
        if lost:
            return refused(*lost)
    return Decision((Order(peer.server, "ha-continue", own_name(scene, peer)),), _normal_goals(scene), tuple(says))


def sync(scene: Scene, source: str | None = None, leases: int | None = None) -> Decision:
    """Decide whether a server may fetch the leases of another (ha-sync), by default of its partner, for a backup of
    the primary.

    `leases` is how many the other has, as far as that is known. Kea switches the other's DHCP service off until the
    leases are there; the order names the longest time for that, so that it comes on again whatever happens.
    """
    giver = giver_of(scene, source)
    if giver is None:
        return refused(
            refusal(
                "role",
                scene.peer.server,
                f"{scene.peer.server} is the only server that keeps leases for others in this relationship",
                "name the server that has the leases with --from",
            )
        )
    peer = scene.peer
    refusals = [*unready(scene, peer, giver)]
    if not refusals and giver is scene.partner:
        refusals += out_of_touch(scene, peer)
    if not refusals and scene.state(peer) == "syncing":
        advice = "wait until it has done so"
        refusals.append(refusal("state", peer.server, f"{peer.server} fetches leases at this moment", advice))
    snapshot = scene.snapshot(peer)
    is_lonely = scene.relationship.mode is Mode.PASSIVE_BACKUP and peer.role is Role.PRIMARY
    if snapshot and is_lonely and not can(snapshot.version, Capability.LONELY_SYNC):
        message = f"{peer.server} runs Kea {snapshot.version}, which never comes back from a sync in passive-backup"
        refusals.append(refusal("role", peer.server, message, "bring it to Kea 2.6 or later first"))
    if refusals:
        return refused(*refusals)
    limit = max(1, math.ceil(ha.sync_timeout(scene.relationship)))
    order = Order(peer.server, "ha-sync", {"server-name": giver.name, "max-period": limit})
    return Decision((order,), says=tuple(_costs(scene, giver, leases, limit)))


def giver_of(scene: Scene, source: str | None) -> Peer | None:
    """Return the peer whose leases a sync fetches: the server `source` of the inventory, or the obvious one, if any."""
    if source is not None:
        return scene.named(source)
    if scene.partner is not None:
        return scene.partner
    if scene.peer.role is Role.BACKUP:
        return scene.relationship.primary
    others = [each for each in scene.relationship.peers if each is not scene.peer]
    return others[0] if len(others) == 1 else None


def _costs(scene: Scene, giver: Peer, leases: int | None, limit: int) -> Iterator[str]:
    yield (
        f"{scene.peer.server} fetches the leases of {giver.server} that it does not have, or has older; it deletes none"
    )
    pause = (
        "for as long as it takes"
        if leases is None
        else f"for some {_seconds(scene, giver, leases)} s with its {leases} leases"
    )
    view = scene.view(giver)
    if view and view.state in SERVING and view.scopes:
        yield f"{giver.server} answers no client meanwhile, {pause}, at most {limit} s (sync-timeout)"
        taker = scene.snapshot(scene.peer)
        why = service.why_unable(taker) if taker and giver is scene.partner else None
        if why:
            yield f"nobody does then: {scene.peer.server} {why}"
        for each in scene.relationship.peers:
            if each is not scene.peer and each is not giver and _stands_by(scene, each):
                yield f"{each.server} has the same leases and answers nobody: with --from {each.server} no client waits"
    else:
        yield f"{giver.server} serves nobody now; the sync runs {pause}, at most {limit} s (sync-timeout)"
    yield f"{scene.peer.server} answers no other command meanwhile"


def _stands_by(scene: Scene, peer: Peer) -> bool:
    """Whether a server has all leases and serves nobody, as a standby does while all is well."""
    view = scene.view(peer)
    return peer.role is Role.STANDBY and scene.is_normal(peer) and view is not None and not view.scopes


def _seconds(scene: Scene, giver: Peer, leases: int) -> int:
    """For about how long the leases of another are fetched, at least a second."""
    snapshots = (scene.snapshot(each) for each in (scene.peer, giver))
    return max(1, math.ceil(leases / leases_a_second(*(each.version for each in snapshots if each))))


def reset(scene: Scene) -> Decision:
    """Decide whether a state machine may begin anew at `waiting` (ha-reset).

    | server                    | partner               | decision                                              |
    |---------------------------|-----------------------|-------------------------------------------------------|
    | waiting                   | any but terminated    | nothing to do                                         |
    | waiting                   | terminated            | the partner alone is reset: it keeps the server there |
    | terminated                | terminated            | both are reset, the server first                      |
    | in or beside maintenance  |                       | refused: that is ended with maintenance stop          |
    | serves                    | not there, recovering | refused: nobody would serve                           |
    | serves                    | service off           | refused: nobody would serve                           |
    | serves, is normal         | is normal             | it is reset, and the partner answers its clients      |
    | serves                    | otherwise             | refused: the partner can't answer its clients         |
    | doesn't hear a partner    | serves                | refused: both would serve                             |
    | primary, passive-backup   |                       | refused: it would serve nobody any more               |
    | anything else             |                       | it is reset                                           |

    The repair of a clock alone does not end `terminated`, and a server whose partner stays in it waits (seen on 2.2.0).
    While the clocks are apart, both would be terminated again. No listener of the HA hook closes at a reset, so that a
    partner that answers for the server keeps on telling it of leases, whatever the mode (see `method`).
    """
    peer, partner = scene.peer, scene.partner
    found = tuple(unready(scene, peer))  # then the partner's state counts too; else it is one of the objections
    found = (*found, *(unready(scene, partner) if partner else ())) if found else tuple(_objections(scene, partner))
    if found:
        return refused(*found)
    concerned = [each for each in (peer, partner) if each is not None and _needs_reset(scene, each)]
    if not concerned:
        return Decision(nothing_to_do=f"{peer.server} is in state {WAITING} already")
    orders = tuple(Order(each.server, "ha-reset", own_name(scene, each)) for each in concerned)
    goals, says = _normal_goals(scene), (*_consequences(scene, concerned), *_told_beside(scene, concerned))
    elsewhere = tuple(each for each in scene.beside if isinstance(each, Elsewhere) and _is_only(scene, concerned))
    if partner is None or not _is_only(scene, concerned) or not _serves(scene, peer) or not scene.is_normal(partner):
        return Decision(orders, goals, says, elsewhere=elsewhere)
    says, hearing = (*says, *_hand_over(scene, partner)), (peer.server, partner.server)
    return Decision(orders, goals, says, hearing=hearing, covered_by=partner.server, elsewhere=elsewhere)


def _is_only(scene: Scene, concerned: list[Peer]) -> bool:
    """Whether the server itself begins anew, and nothing else; one that is terminated may have to be set as well."""
    return concerned == [scene.peer] and scene.state(scene.peer) != TERMINATED


def _told_beside(scene: Scene, concerned: list[Peer]) -> Iterator[str]:
    """Yield what becomes of the clients of the server's other relationships: Kea answers nobody in any of them."""
    for each in scene.beside if _is_only(scene, concerned) else ():
        if isinstance(each, Elsewhere):
            yield (
                f"{each.partner.peer.server} answers the clients of {scene.peer.server} in {each.relationship.name} "
                "until it is normal again (ha-scopes), since it answers nobody in any relationship before that"
            )
        else:
            yield each


def _serves(scene: Scene, peer: Peer) -> bool:
    """Whether a server answers clients of the relationship, and its partner could do so for it."""
    view = scene.view(peer)
    return view is not None and view.state in SERVING - {TERMINATED, PARTNER_IN_MAINTENANCE} and bool(view.scopes)


def _hand_over(scene: Scene, partner: Peer) -> Iterator[str]:
    peer, snapshot = scene.peer, scene.snapshot(scene.peer)
    is_alone = snapshot is not None and may_be_silenced(peer, snapshot)
    how = "is switched off (dhcp-disable)" if is_alone else "gives up its scopes (ha-scopes)"
    yield (
        f"{peer.server} {how} until both are normal again, and {partner.server} answers the clients of {peer.server} "
        "meanwhile (ha-scopes): clients notice a moment at the beginning and one at the end"
    )
    yield f"while {peer.server} fetches the leases of {partner.server}, neither answers: Kea sees to that"


def _needs_reset(scene: Scene, peer: Peer) -> bool:
    """Whether a server is to be reset: the one that was named, unless it waits, and a partner that is terminated."""
    state = scene.state(peer)
    return state != WAITING if peer is scene.peer else state == TERMINATED


def _consequences(scene: Scene, concerned: list[Peer]) -> Iterator[str]:
    if any(scene.state(each) == TERMINATED for each in concerned):
        yield (
            f"a server that is {TERMINATED} even after that, since it remembers that the clocks differed, is set to "
            "the configuration that it has, which starts its HA anew"
        )
    if len(concerned) > 1:
        yield f"both servers are in state {TERMINATED}, which neither leaves alone: both are reset"
    for peer in concerned:
        snapshot = scene.snapshot(peer)
        if scene.state(peer) == TERMINATED and snapshot and len(hooks.relationships_of(snapshot.config)) > 1:
            yield f"the other relationships of {peer.server} then begin anew with this one"
        if peer is not scene.peer:
            yield f"{peer.server} is reset too, since {scene.peer.server} waits for as long as it is {TERMINATED}"
        view = scene.view(peer)
        if view and view.state == TERMINATED and view.scopes:
            yield (
                f"{peer.server} answers no client until both are normal again, about two heartbeats and a lease sync, "
                "and nobody answers for it: its partner has to begin anew too"
            )


def _objections(scene: Scene, partner: Peer | None) -> Iterator[Objection]:
    peer, state = scene.peer, scene.state(scene.peer)
    if scene.relationship.mode is Mode.PASSIVE_BACKUP and peer.role is Role.PRIMARY and state != WAITING:
        yield refusal(
            "role",
            peer.server,
            f"{peer.server} would be back in state {state} at once, without its scope, and answer nobody for good (a "
            "primary in passive-backup has no heartbeats, at which Kea would give it back)",
            "nothing can be stuck there; where its HA is to begin anew all the same, restart Kea on it",
        )
    if state in {IN_MAINTENANCE, PARTNER_IN_MAINTENANCE}:
        yield refusal(
            "state", peer.server, f"{peer.server} is in state {state}", "end it with `kea-reconciler maintenance stop`"
        )
    if partner is None:
        return
    other = scene.state(partner)
    if other is None and state in SERVING:
        yield refusal(
            "sole-server",
            partner.server,
            f"{partner.server} can't be relied on ({_why(scene, partner)}): while {peer.server} begins anew, nobody "
            "would serve",
            f"bring {partner.server} back first",
        )
    elif state in SERVING - {TERMINATED} and other in RECOVERING:  # a terminated one is what the other waits for
        yield refusal(
            "sole-server",
            partner.server,
            f"{partner.server} is in state {other}: nobody would serve while {peer.server} begins anew",
            "wait until both servers are in their normal state (`kea-reconciler status`)",
        )
    elif _serves(scene, peer):
        yield from _not_serving(scene, partner) or _not_standing_in(scene, partner)
    if other in SERVING and TERMINATED not in {state, other} and state != WAITING:
        yield from out_of_touch(scene, peer)  # a terminated server sends no heartbeats, so it hears nothing
    skew = clock_skew([each for each in scene.live.values() if isinstance(each, Snapshot)])
    for each in scene.both:
        yield from _forgetful(scene, each)
    if TERMINATED in {state, other} and skew is not None and skew >= SKEW_ERROR:
        yield refusal("clock-skew", scene.relationship.name, describe_skew(skew), "synchronise the clocks (NTP) first")


def _not_serving(scene: Scene, partner: Peer) -> tuple[Objection, ...]:
    """Beside a server that begins anew its partner has to serve its own clients at least, and to be able to take over
    the others.
    """
    snapshot, name = scene.snapshot(partner), scene.peer.server
    why = service.why_unable(snapshot) if snapshot else None
    if snapshot is None or why is None:
        return ()
    message = f"{partner.server} {why}: nobody would serve while {name} begins anew"
    return (refusal("service-off", partner.server, message, service.remedy(snapshot)),)


def _not_standing_in(scene: Scene, partner: Peer) -> Iterator[Objection]:
    """Kea's partner doesn't answer for a server that begins anew, a standby none, a secondary its own half, unless it
    is asked to, which it can be while both are in their normal state and know of each other's leases.
    """
    if scene.state(partner) == TERMINATED:  # the other comes to be so too, and serves no more than now
        return
    peer = scene.peer
    for each in scene.both:
        if not scene.is_normal(each):
            yield refusal(
                "state",
                each.server,
                f"{each.server} is in state {scene.state(each)}, not {scene.normal(each)}: {partner.server} can't "
                f"answer the clients of {peer.server} meanwhile",
                "wait until both servers are in their normal state (`kea-reconciler status`); two that hear each other "
                "come there by themselves",
            )
    yield from out_of_touch(scene, partner)


def _forgetful(scene: Scene, peer: Peer) -> Iterator[Objection]:
    """A terminated server may have to be given its configuration again: one without a lease file loses its leases."""
    snapshot = scene.snapshot(peer)
    database = (snapshot.config.get("lease-database") or {}) if snapshot else {}
    is_in_memory = database.get("type", "memfile") == "memfile" and database.get("persist") is False
    if scene.state(peer) == TERMINATED and is_in_memory:
        yield refusal(
            "leases-not-persistent",
            peer.server,
            f"{peer.server} keeps its leases in memory only (persist: false), and may lose them on its way out of "
            f"{TERMINATED}",
            "set persist to true on that server first",
        )


def _why(scene: Scene, peer: Peer) -> str:
    return "; ".join(objection.message for objection in unready(scene, peer))


def _normal_goals(scene: Scene) -> Mapping[str, frozenset[str]]:
    """Both in their normal state, as far as both can be seen."""
    peers = [each for each in (scene.peer, scene.partner) if each is not None and scene.view(each) is not None]
    return {each.server: frozenset({scene.normal(each)}) for each in peers}
