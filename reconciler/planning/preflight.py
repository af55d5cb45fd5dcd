"""What would go wrong when a server is given a relationship: looked for before anything is touched.

Kea itself looks at little: config-test knows nothing of HA parameters, and a listener that can't be bound shows only
when the configuration is in force already (seen on 2.2.0, 2.6.3 and 3.0.3).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit

from reconciler.kea.versions import config_test_is_safe
from reconciler.model import Desired, Live, Objection, Peer, Probe, Relationship, Service, Snapshot
from reconciler.planning.guard import Case
from reconciler.planning.places import located
from reconciler.planning.wanted import block_of, dedicated_listener_is_on

Probes = Mapping[str, Probe]


def urls(desired: Desired, live: Mapping[tuple[str, Service], Live]) -> set[str]:
    """Return the urls of the peers that are to be given a relationship, which are worth a look before."""
    return {
        peer.url
        for relationship in desired.relationships
        if not relationship.is_absent
        for peer in relationship.peers
        if _is_newcomer(relationship, live[peer.server, relationship.service])
    }


def _is_newcomer(relationship: Relationship, live: Live) -> bool:
    return isinstance(live, Snapshot) and block_of(located(relationship, live)) is None


def objections(case: Case, probes: Probes) -> Iterator[Objection]:
    """Yield every reason not to give servers the relationship; `probes` are by url, and may be missing."""
    for peer, snapshot in _newcomers(case):
        is_dedicated = dedicated_listener_is_on(case.relationship, snapshot)
        control = _control_at(peer, snapshot) if is_dedicated else None
        found = probes.get(peer.url, Probe.NOT_TRIED)
        if control:
            yield Objection(
                "listener-port",
                f"the url of {peer.server}, {peer.url}, is its control channel ({control}); its HA listener would have "
                "to listen there too, and could not",
                "give the peer's url a port of its own",
                approvable=False,
            )
        elif is_dedicated and found is Probe.OPEN:
            yield Objection(
                "listener-port",
                f"something listens at {peer.url} already, where {peer.server} is to open its HA listener",
                "give the peer's url another port; approve only if what listens there is not on that server",
            )
        elif not is_dedicated and found is Probe.REFUSED:
            yield Objection(
                "listener-port",
                f"nothing listens at {peer.url}, where the peers of {peer.server} are to reach it; "
                f"Kea {snapshot.version} opens no HA listener of its own with these parameters",
                "write the url of its control agent or HTTP control socket, or switch the dedicated listener on",
            )


def notes(case: Case, probes: Probes) -> Iterator[str]:
    """Yield what could not be looked at before servers are given the relationship."""
    for peer, snapshot in _newcomers(case):
        if not config_test_is_safe(snapshot.version):
            yield (
                f"{peer.server} runs Kea {snapshot.version}, where config-test does harm: whether it has the hook "
                "libraries shows only when it is set; if not, it gets back what it had"
            )
        if probes.get(peer.url) in {Probe.NO_ANSWER, Probe.NOT_TRIED}:
            yield f"{peer.url} can't be seen from here; whether the peers reach {peer.server} there shows in the apply"


def _newcomers(case: Case) -> Iterator[tuple[Peer, Snapshot]]:
    for peer in case.relationship.peers:
        snapshot = case.snapshots[peer.server]
        if block_of(snapshot) is None:
            yield peer, snapshot


def _control_at(peer: Peer, snapshot: Snapshot) -> str | None:
    """Return the control channel of a server that has the port of a peer's url, None where none has."""
    wanted = urlsplit(peer.url)
    asked = urlsplit(snapshot.endpoint.control)
    if asked.scheme in {"http", "https"} and (asked.hostname, asked.port) == (wanted.hostname, wanted.port):
        return snapshot.endpoint.control
    for socket in snapshot.config.get("control-sockets") or ():  # 2.7.2 and later
        if socket.get("socket-type") not in {"http", "https"} or socket.get("socket-port", 8000) != wanted.port:
            continue
        address = str(socket.get("socket-address", "127.0.0.1"))
        if address == wanted.hostname or ip_address(address).is_unspecified:
            return f"{socket['socket-type']} at {address} port {wanted.port}"
    return None
