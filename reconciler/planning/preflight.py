"""What would go wrong when a server is given a relationship, or another url in it, looked for before.

Kea itself looks at little: config-test knows nothing of HA parameters, and a listener that can't be bound shows only
when the configuration is in force already (seen on 2.2.0, 2.6.3 and 3.0.3).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ipaddress import ip_address

from reconciler.kea import ha
from reconciler.kea.versions import config_test_is_safe
from reconciler.model import Desired, Live, Objection, Peer, Probe, Relationship, Role, Service, Snapshot
from reconciler.planning.guard import Case
from reconciler.planning.neighbours import CONTROL, Holder, Kind, Neighbours, listener_of, place_of
from reconciler.planning.places import located
from reconciler.planning.scenes import RECOVERING
from reconciler.planning.standing import own_entry
from reconciler.planning.wanted import block_of, dedicated_listener_is_on


def urls(desired: Desired, live: Mapping[tuple[str, Service], Live]) -> set[str]:
    """Return the urls that are new to their servers, which are worth a look before."""
    return {
        peer.url
        for relationship in desired.relationships
        if not relationship.is_absent
        for peer in relationship.peers
        if _is_worth_a_look(relationship, peer, live[peer.server, relationship.service])
    }


def _is_worth_a_look(relationship: Relationship, peer: Peer, live: Live) -> bool:
    try:
        return isinstance(live, Snapshot) and _is_moving(relationship, peer, located(relationship, live))
    except (AttributeError, KeyError, TypeError, ValueError):  # nothing that Kea would have, as the plan will say
        return False


def _is_moving(relationship: Relationship, peer: Peer, snapshot: Snapshot) -> bool:
    """Whether a server is to be reached at another place than now, or is to begin or end to listen there itself."""
    own = own_entry(snapshot)
    if own is None or place_of(str(own.get("url"))) != place_of(peer.url):
        return True
    return (listener_of(snapshot) is not None) is not dedicated_listener_is_on(relationship, snapshot)


def objections(case: Case, around: Neighbours) -> Iterator[Objection]:
    """Yield every reason not to give servers the relationship, or not at these urls."""
    for peer, snapshot in _moving(case):
        yield from _elsewhere(case, peer, around)
        if dedicated_listener_is_on(case.relationship, snapshot):
            yield from _not_bindable(case, peer, snapshot, around)
        else:
            yield from _nobody_there(case, peer, snapshot, around)
            yield from _without_password(case.relationship, peer, around)


def notes(case: Case, around: Neighbours) -> Iterator[str]:
    """Yield what could not be looked at before servers are given the relationship, and what an apply does besides."""
    pausing = sorted(RECOVERING & ha.pauses(case.relationship.parameters).keys())
    if pausing and case.written:
        yield (
            f"the state machine pauses in {' and '.join(pausing)}: an apply lets servers go on that it set; one that "
            "comes back by itself waits for `kea-reconciler continue`"
        )
    for peer, snapshot in _moving(case):
        if block_of(snapshot) is None and not config_test_is_safe(snapshot.version):
            yield (
                f"{peer.server} runs Kea {snapshot.version}, where config-test does harm: whether it has the hook "
                "libraries shows only when it is set; if not, it gets back what it had"
            )
        yield from _unknown_address(peer, around)
        if _is_asked(case.relationship, peer):
            yield _reach(case.relationship, peer, around.probes.get(peer.url, Probe.NOT_TRIED))


def _unknown_address(peer: Peer, around: Neighbours) -> Iterator[str]:
    """Say that an address may not be the server's: it shows only when it is to listen, or to be reached, there."""
    host = place_of(peer.url)[0]
    if not around.owners(host) and not _is_loopback(host):
        yield (
            f"nothing says that {host} is an address of {peer.server}: neither the inventory, nor the control sockets, "
            "HA listeners and interfaces of its configuration"
        )


def _reach(relationship: Relationship, peer: Peer, found: Probe) -> str:
    """Say when it shows whether its peers reach a server: no server can be asked to try."""
    is_unseen = found in {Probe.NO_ANSWER, Probe.NOT_TRIED}
    unseen, where = (f"{peer.url} can't be seen from here; ", "there") if is_unseen else ("", f"at {peer.url}")
    if peer in ha.talking_peers(relationship):
        shown = f"{unseen}whether the peers reach {peer.server} {where} shows in the apply"
        silence = f"nobody may be answered for some {ha.patience_to_meet(relationship):.0f} s"
        return f"{shown}; if not, {silence}, and all get back what they had"
    return (
        f"{unseen}Kea does not tell whether {peer.server} is reached {where}; `kea-reconciler leases compare` shows "
        "later, by the leases that it has"
    )


def _moving(case: Case) -> Iterator[tuple[Peer, Snapshot]]:
    for peer, snapshot in case.read:
        if _is_moving(case.relationship, peer, snapshot):
            yield peer, snapshot


def _objection(peer: Peer, message: str, advice: str, *, approvable: bool = True) -> Objection:
    return Objection("listener-port", message, advice, approvable, peer.server)


def _elsewhere(case: Case, peer: Peer, around: Neighbours) -> Iterator[Objection]:
    """A url that can't be the server's own, or that its peers can't reach."""
    host = place_of(peer.url)[0]
    owners = around.owners(host)
    if owners and peer.server not in owners and not _is_loopback(host):  # which every machine has
        yield _objection(
            peer,
            f"the url of {peer.server}, {peer.url}, has an address of {' and '.join(owners)}",
            f"write an address of {peer.server}; approve only if it has this one too",
        )
    others = [other.server for other in case.relationship.peers if not _is_loopback(place_of(other.url)[0])]
    if others and _is_loopback(host):
        yield _objection(
            peer,
            f"the url of {peer.server}, {peer.url}, is reached on that machine only, and not by {' and '.join(others)}",
            f"write an address of {peer.server} that its peers reach",
        )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _not_bindable(case: Case, peer: Peer, snapshot: Snapshot, around: Neighbours) -> Iterator[Objection]:
    """Somebody else has, or is to have, the place at which a server is to open its HA listener."""
    held = _others(case, peer, around)
    for what in dict.fromkeys(_named(holder, snapshot) for holder in held if holder.kind is not Kind.LISTENER):
        yield _objection(
            peer,
            f"the url of {peer.server}, {peer.url}, is {what}; its HA listener would have to listen there too, and "
            "could not",
            "give the peer's url a port of its own",
            approvable=False,
        )
    if any(holder.kind is not Kind.LISTENER for holder in held):
        return
    for holder in held:
        yield _objection(
            peer,
            f"the url of {peer.server}, {peer.url}, is {holder}, where {peer.server} is to open its own",
            "give the peer's url another port, or change the other relationship first",
        )
    if not held and around.probes.get(peer.url) in {Probe.OPEN, Probe.GUARDED}:
        yield _objection(
            peer,
            f"something listens at {peer.url} already, where {peer.server} is to open its HA listener",
            "give the peer's url another port; approve only if what listens there is not on that server",
        )


def _nobody_there(case: Case, peer: Peer, snapshot: Snapshot, around: Neighbours) -> Iterator[Objection]:
    """Nobody, or the wrong one, listens where a server is to be reached that opens no listener of its own."""
    advice = "write the url of its control agent or HTTP control socket, or switch the dedicated listener on"
    held = _others(case, peer, around)
    why = f"Kea {snapshot.version} opens no HA listener of its own with these parameters"
    is_own = any(holder.kind in CONTROL and holder.endpoint == snapshot.endpoint for holder in held)
    wrong = [holder for holder in held if holder.endpoint != snapshot.endpoint and not _is_own_agent(holder, peer)]
    listener = listener_of(snapshot)
    if around.probes.get(peer.url) is Probe.REFUSED:
        yield _objection(
            peer, f"nothing listens at {peer.url}, where the peers of {peer.server} are to reach it; {why}", advice
        )
    elif listener is not None and place_of(listener) == place_of(peer.url):
        yield _objection(
            peer,
            f"only the HA listener of {peer.server} listens at {peer.url}, and that is to be closed; {why}",
            advice,
        )
    elif wrong and not is_own:
        yield _objection(
            peer, f"the url of {peer.server}, {peer.url}, is {wrong[0]}, which would answer for it; {why}", advice
        )


def _without_password(relationship: Relationship, peer: Peer, around: Neighbours) -> Iterator[Objection]:
    """Its peers are to log in where we do, and have no name to do it with: they would get HTTP 401, and not hear it."""
    is_named = bool(peer.options.keys() & {"basic-auth-user", "basic-auth-user-file"})
    if around.probes.get(peer.url) is Probe.GUARDED and not is_named and _is_asked(relationship, peer):
        yield _objection(
            peer,
            f"{peer.url}, where the peers of {peer.server} are to reach it, asks for a password, as the credentials "
            f"file says, and the peer {peer.name} names no user",
            "name the peer's basic-auth-user and basic-auth-password-file (a file on the Kea servers); approve if it "
            "asks its peers for none",
        )


def _is_asked(relationship: Relationship, peer: Peer) -> bool:
    """Whether any peer sends it anything."""
    return peer.role is not Role.PRIMARY or peer in ha.talking_peers(relationship)


def _is_own_agent(holder: Holder, peer: Peer) -> bool:
    """Whether a channel may be an agent of the server itself, which takes commands for all of its services."""
    return holder.kind is Kind.CHANNEL and holder.endpoint.server == peer.server


def _others(case: Case, peer: Peer, around: Neighbours) -> list[Holder]:
    """Who has the place of a peer's url, but for the listeners of the relationship itself, which are at stake."""
    return [each for each in around.at(peer.url, peer.server) if not _is_in(case, each)]


def _is_in(case: Case, holder: Holder) -> bool:
    relationship, endpoint = case.relationship, holder.endpoint
    if endpoint.service is not relationship.service:
        return False
    if holder.kind is Kind.WANTED:
        return holder.relationship == relationship.name
    seen = case.snapshots.get(endpoint.server)
    return holder.kind is Kind.LISTENER and seen is not None and seen.place == holder.entry


def _named(holder: Holder, snapshot: Snapshot) -> str:
    if holder.kind not in CONTROL or holder.endpoint != snapshot.endpoint:
        return str(holder)
    return "its control channel"
