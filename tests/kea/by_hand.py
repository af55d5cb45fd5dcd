"""Real pairs as people made them by hand, before there was anything else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.model import Service

if TYPE_CHECKING:
    from lab.kea import KeaServer


def hook(
    servers: tuple[KeaServer, KeaServer], own: KeaServer, service: Service = Service.DHCP4, **more: Any
) -> list[dict[str, Any]]:
    """hooks-libraries of a hot-standby pair, as a person writes it; `more` with `_` for `-` is put into the entry."""
    block = {
        "this-server-name": own.name,
        "mode": "hot-standby",
        "heartbeat-delay": 600,
        "peers": [
            {"name": each.name, "role": role, "url": each.ha_url(service)}
            for each, role in zip(servers, ("primary", "standby"), strict=True)
        ],
        **{key.replace("_", "-"): value for key, value in more.items()},
    }
    return [
        {"library": f"{own.generation.hooks}/libdhcp_lease_cmds.so"},
        {"library": f"{own.generation.hooks}/libdhcp_ha.so", "parameters": {"high-availability": [block]}},
    ]
