"""The subnets of a configuration, wherever they stand in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from reconciler.model import Json, Service

Shown = dict[str, "Json"]


def subnets(service: Service, config: Mapping[str, Json]) -> Iterator[tuple[Shown, Shown]]:
    """Each subnet, with the shared network that it is in ({}: none)."""
    for subnet in config.get(service.subnets, []):
        yield subnet, {}
    for network in config.get("shared-networks", []):
        for subnet in network.get(service.subnets, []):
            yield subnet, network


def server_name(subnet: Shown, network: Shown) -> str:
    """The peer that a subnet, or the shared network around it, says it is of; "" where neither says so."""
    for place in (subnet, network):
        name = place.get("user-context", {}).get("ha-server-name", "")
        if name:
            return str(name)
    return ""
