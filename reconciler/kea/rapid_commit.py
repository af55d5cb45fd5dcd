"""`rapid-commit` of DHCPv6 subnets that lie in a shared network: pure.

Kea shows it in such a subnet only where it was given there, and takes the network's otherwise. Subnet commands show it
always (seen on 3.0.3), and Kea wants it alike in a whole network. So it is written out everywhere, and one subnet reads
like another however it came there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler.model import Service

KEY = "rapid-commit"


def written_out(config: Mapping[str, Any], service: Service) -> Mapping[str, Any]:
    """Return a configuration, or a replicated part, with every subnet of a shared network saying its rapid-commit; the
    very same where all do.
    """
    networks = config.get("shared-networks") if service is Service.DHCP6 else None
    told = [_network(each, service) for each in networks or ()]
    if all(one is other for one, other in zip(told, networks or (), strict=True)):
        return config
    return {**config, "shared-networks": told}


def _network(network: Mapping[str, Any], service: Service) -> Mapping[str, Any]:
    subnets = network.get(service.subnets) or ()
    if all(KEY in subnet for subnet in subnets):
        return network
    whole = network.get(KEY, False)
    return {**network, service.subnets: [{KEY: whole, **subnet} for subnet in subnets]}
