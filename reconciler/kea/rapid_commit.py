"""`rapid-commit` of DHCPv6 subnets: pure.

Of a subnet in a shared network Kea shows it only where it was given there, and takes the network's otherwise; in a
network Kea wants it alike. Subnet commands give it to every subnet (seen on 3.0.3). So it is written out everywhere,
and a subnet reads the same however it came to where it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reconciler.model import Service

KEY = "rapid-commit"


def written_out(config: Mapping[str, Any], service: Service) -> Mapping[str, Any]:
    """Return a configuration, or a replicated part, in which every subnet says its rapid-commit; the very same where
    all do.
    """
    if service is not Service.DHCP6:
        return config
    alone = _told(config.get(service.subnets) or [], whole=False)
    networks = config.get("shared-networks") or []
    told = [_network(each, service) for each in networks]
    changed = {} if alone is config.get(service.subnets) or not alone else {service.subnets: alone}
    if any(one is not other for one, other in zip(told, networks, strict=True)):
        changed["shared-networks"] = told
    return {**config, **changed} if changed else config


def _network(network: Mapping[str, Any], service: Service) -> Mapping[str, Any]:
    subnets = network.get(service.subnets) or []
    told = _told(subnets, whole=network.get(KEY, False))
    return network if told is subnets else {**network, service.subnets: told}


def _told(subnets: Sequence[Mapping[str, Any]], *, whole: bool) -> Sequence[Mapping[str, Any]]:
    return subnets if all(KEY in each for each in subnets) else [{KEY: whole, **each} for each in subnets]
