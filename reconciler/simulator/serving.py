"""Who would answer a client: what the networks' own clients see of all that happens to the servers."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, NamedTuple

from reconciler.simulator import networks

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.model import Json
    from reconciler.simulator.endpoint import SimulatedEndpoint
    from reconciler.simulator.ha.service import HaService

_HALVES = 2
_GIVEN = ("ALL", "UNKNOWN")
_BY_VENDOR = "VENDOR_CLASS_"


class Serving(NamedTuple):
    """The servers that answer each half of a subnet's clients; load-balancing alone makes a difference of the two."""

    first: tuple[str, ...]
    second: tuple[str, ...]

    @property
    def is_nobody(self) -> bool:
        """Whether some clients are answered by nobody."""
        return not (self.first and self.second)

    @property
    def is_double(self) -> bool:
        """Whether some clients are answered by more than one server."""
        return max(len(self.first), len(self.second)) > 1


def serving(endpoints: Iterable[SimulatedEndpoint], prefix: str) -> Serving:
    """The servers of these endpoints that would answer a new client of a subnet now, by name.

    A new client has no reservation, and is in the classes that something assigns to clients in general.
    """
    every = list(endpoints)
    halves = [tuple(one.server.name for one in every if _answers(one, prefix, half)) for half in range(_HALVES)]
    return Serving(*halves)


def _answers(endpoint: SimulatedEndpoint, prefix: str, half: int) -> bool:
    if not (endpoint.is_running and endpoint.has_sockets and endpoint.is_serving()) or endpoint.is_frozen:
        return False
    found = _subnet(endpoint, prefix)
    if found is None:
        return False
    subnet, network = found
    scope = ""
    if endpoint.relationships:
        relationship = _relationship(endpoint, subnet, network)
        if relationship is None:
            return False
        scope = _scope(relationship, half)
        if scope not in relationship.scopes:
            return False
    return _has_room(endpoint, subnet, network, scope)


def _subnet(endpoint: SimulatedEndpoint, prefix: str) -> tuple[networks.Shown, networks.Shown] | None:
    wanted = ipaddress.ip_network(prefix)
    for subnet, network in networks.subnets(endpoint.service, endpoint.config):
        if ipaddress.ip_network(subnet["subnet"]) == wanted:
            return subnet, network
    return None


def _relationship(endpoint: SimulatedEndpoint, subnet: networks.Shown, network: networks.Shown) -> HaService | None:
    """The relationship that a subnet is of; where there are several, the one that it names."""
    if len(endpoint.relationships) == 1:
        return endpoint.relationships[0]
    name = networks.server_name(subnet, network)
    return next((one for one in endpoint.relationships if name in one.settings.peers), None)


def _scope(relationship: HaService, half: int) -> str:
    """The scope that a client of this half is in."""
    settings = relationship.settings
    if settings.mode != "load-balancing":
        return settings.main_scope
    others = [name for name in settings.scopes if name != settings.main_scope]
    return [settings.main_scope, *others][half]


def _has_room(endpoint: SimulatedEndpoint, subnet: networks.Shown, network: networks.Shown, scope: str) -> bool:
    """Whether classes let the client into the subnet, and into a pool of it."""
    assigned = {*_GIVEN, *_assigned(endpoint)} | ({f"HA_{scope}"} if scope else set())
    pools = [*subnet.get("pools", []), *subnet.get("pd-pools", [])]
    return all(_lets_in(place, assigned) for place in (network, subnet)) and any(
        _lets_in(pool, assigned) for pool in pools
    )


def _assigned(endpoint: SimulatedEndpoint) -> set[str]:
    """The defined classes that some client gets: by their test, whatever it is, before a subnet is chosen."""
    late = ("only-if-required", "only-in-additional-list")
    return {
        item["name"]
        for item in endpoint.config.get("client-classes", [])
        if (item.get("test") or item.get("template-test")) and not any(item.get(key) for key in late)
    }


def _lets_in(place: networks.Shown, assigned: set[str]) -> bool:
    """Whether a guard lets a client in: none, or a class that it has (one of several, since 2.7.5)."""
    guards = _guards(place)
    return not guards or any(guard in assigned or guard.startswith(_BY_VENDOR) for guard in guards)


def _guards(place: networks.Shown) -> list[Json]:
    single = place.get("client-class")
    return [single] if single else list(place.get("client-classes", []))
