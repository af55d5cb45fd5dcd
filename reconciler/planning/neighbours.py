"""Who has, or is to have, which address and port, as far as the inventory, desired and the servers themselves tell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from ipaddress import ip_address
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from reconciler.kea import ha, hooks
from reconciler.model import Desired, Endpoint, Live, Plan, Probe, Procedure, Relationship, Service, Snapshot
from reconciler.planning.places import at_place
from reconciler.planning.standing import own_entry
from reconciler.planning.wanted import block_of, dedicated_listener_is_on, listens_itself

Place = tuple[str, int]  # host and port; an address in its shortest form
Probes = Mapping[str, Probe]
NO_PROBES: Probes = MappingProxyType({})

_SCHEMES = {"http": 80, "https": 443}
_REMEMBERED = 1 << 14  # urls and endpoints: of thousands, each is asked about in every plan
_SOCKET_ADDRESS, _SOCKET_PORT = "127.0.0.1", 8000  # Kea's defaults of a control socket (2.7.2 and later)


class Kind(StrEnum):
    """As what an endpoint has a place, in words."""

    CHANNEL = "the control channel of"
    SOCKET = "the control socket of"
    LISTENER = "the present HA listener of"
    WANTED = "the HA listener to be of"


CONTROL = frozenset({Kind.CHANNEL, Kind.SOCKET})


@dataclass(frozen=True, slots=True)
class Holder:
    """An endpoint that listens, or is to listen, at a place. `relationship` is the name of the one that desired wants
    the listener for, `entry` the place in the HA hook's list of one that a server has.
    """

    kind: Kind
    endpoint: Endpoint
    place: Place
    relationship: str | None = None
    entry: int | None = None

    def __str__(self) -> str:
        inside = f" in {self.relationship}" if self.relationship else ""
        return f"{self.kind} {self.endpoint}{inside}"


@dataclass(frozen=True, slots=True)
class Neighbours:
    """What is known of who listens where. `holders` are by port, `addresses` those of each server of which it is known
    that they are its own; `probes` are what was found at urls, as far as that was tried.
    """

    holders: Mapping[int, tuple[Holder, ...]] = field(default_factory=dict)
    addresses: Mapping[str, frozenset[str]] = field(default_factory=dict)
    probes: Probes = field(default_factory=dict)

    def at(self, url: str, server: str) -> list[Holder]:
        """Return who else has the place of a url at which a server is to listen, the server's own channels first."""
        host, port = place_of(url)
        found = [each for each in self.holders.get(port, ()) if self._meets(each, host, server)]
        return sorted(found, key=lambda each: each.endpoint.server != server)

    def _meets(self, holder: Holder, host: str, server: str) -> bool:
        """Whether a holder of a url's port has its address too; a socket at no address in particular has all of its
        server's.
        """
        theirs = holder.place[0]
        if not _is_unspecified(theirs):
            return theirs == host
        return holder.endpoint.server == server or host in self.addresses.get(holder.endpoint.server, ())

    def owners(self, host: str) -> list[str]:
        """Return the servers of which it is known that an address is theirs, sorted."""
        return sorted(server for server, addresses in self.addresses.items() if host in addresses)


NOBODY = Neighbours()


@lru_cache(_REMEMBERED)
def place_of(url: str) -> Place:
    """Return the host and port of a url; Kea takes some that are none, which are nowhere."""
    try:
        parts = urlsplit(url)
        return _shortest(parts.hostname or ""), parts.port or _SCHEMES.get(parts.scheme, 0)
    except ValueError:
        return "", 0


def _shortest(host: str) -> str:
    try:
        return str(ip_address(host))
    except ValueError:
        return host.lower()


@lru_cache(_REMEMBERED)
def _is_unspecified(host: str) -> bool:
    try:
        return ip_address(host).is_unspecified
    except ValueError:
        return False


def neighbours(desired: Desired, live: Mapping[tuple[str, Service], Live], probes: Probes = NO_PROBES) -> Neighbours:
    """Return who listens where: the control channels of the inventory and of the servers' own configurations, and the
    listeners of the HA hook that they have, and those that they are to have. What was not built by Kea is passed over.
    """
    holders: dict[int, list[Holder]] = {}
    addresses: dict[str, set[str]] = {}
    for holder in _every_holder(desired, live):
        holders.setdefault(holder.place[1], []).append(holder)
        if holder.kind is not Kind.WANTED and not _is_unspecified(holder.place[0]):
            addresses.setdefault(holder.endpoint.server, set()).add(holder.place[0])
    for snapshot in live.values():
        if isinstance(snapshot, Snapshot):
            addresses.setdefault(snapshot.endpoint.server, set()).update(_served_addresses(snapshot))
    return Neighbours(
        {port: tuple(found) for port, found in holders.items()},
        {server: frozenset(found) for server, found in addresses.items()},
        probes,
    )


def neighbours_of(plan: Plan, live: Mapping[tuple[str, Service], Live]) -> Neighbours:
    """Return who listens where as far as a plan tells, with what was read of some of its servers since."""
    read = {(s.peer.server, each.relationship.service): s.snapshot for each in plan.relationships for s in each.servers}
    staying = tuple(each.relationship for each in plan.relationships if each.procedure is not Procedure.REMOVE)
    endpoints = {key: each.endpoint for key, each in read.items()}
    return neighbours(Desired(endpoints, staying, plan.revision), {**read, **live}, plan.probes)


def _every_holder(desired: Desired, live: Mapping[tuple[str, Service], Live]) -> Iterator[Holder]:
    for endpoint in desired.endpoints.values():
        channel = _channel(endpoint)
        if channel is not None:
            yield channel
    for snapshot in live.values():
        if isinstance(snapshot, Snapshot):
            yield from _control_sockets(snapshot)
            yield from _listeners(snapshot)
    for relationship in (*desired.relationships, *desired.others):
        if not relationship.is_absent:
            yield from _wanted_listeners(relationship, live)


@lru_cache(_REMEMBERED)
def _channel(endpoint: Endpoint) -> Holder | None:
    if urlsplit(endpoint.control).scheme not in _SCHEMES:
        return None
    return Holder(Kind.CHANNEL, endpoint, place_of(endpoint.control))


def _served_addresses(snapshot: Snapshot) -> Iterator[str]:
    """Yield the addresses at which a server answers clients, where its configuration names any (`eth0/192.0.2.1`)."""
    served = snapshot.config.get("interfaces-config")
    listed = served.get("interfaces") if isinstance(served, Mapping) else None
    for interface in listed if isinstance(listed, list) else ():
        try:
            address = ip_address(str(interface).partition("/")[2])
        except ValueError:
            continue
        if not address.is_loopback and not address.is_unspecified:
            yield str(address)


def _control_sockets(snapshot: Snapshot) -> Iterator[Holder]:
    sockets = snapshot.config.get("control-sockets")
    for socket in sockets if isinstance(sockets, list) else ():
        if not isinstance(socket, Mapping) or socket.get("socket-type") not in _SCHEMES:
            continue
        address, port = socket.get("socket-address", _SOCKET_ADDRESS), socket.get("socket-port", _SOCKET_PORT)
        if isinstance(port, int):
            yield Holder(Kind.SOCKET, snapshot.endpoint, (_shortest(str(address)), port))


def _listeners(snapshot: Snapshot) -> Iterator[Holder]:
    for number in range(len(hooks.relationships_of(snapshot.config))):
        url = listener_of(at_place(snapshot, number))
        if url is not None:
            yield Holder(Kind.LISTENER, snapshot.endpoint, place_of(url), entry=number)


def listener_of(snapshot: Snapshot) -> str | None:
    """Return the url at which a server has a listener of the HA hook's own in the relationship at hand, None without
    one.
    """
    block = block_of(snapshot)
    try:
        own = own_entry(snapshot)
        if block is None or own is None or not listens_itself(ha.normal_form(block, snapshot.version), snapshot):
            return None
    except (AttributeError, KeyError, TypeError, ValueError):  # nothing that Kea would have
        return None
    return str(own["url"])


def _wanted_listeners(relationship: Relationship, live: Mapping[tuple[str, Service], Live]) -> Iterator[Holder]:
    for peer in relationship.peers:
        snapshot: Any = live.get((peer.server, relationship.service))
        try:
            is_on = isinstance(snapshot, Snapshot) and dedicated_listener_is_on(relationship, snapshot)
        except (AttributeError, TypeError):
            continue
        if is_on:
            yield Holder(Kind.WANTED, snapshot.endpoint, place_of(peer.url), relationship.name)
