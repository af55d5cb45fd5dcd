"""Real pairs as people made them by hand, before there was anything else."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

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


def entries(config: dict[str, Any]) -> list[dict[str, Any]]:
    """The relationships in the HA hook of a configuration, to edit them there."""
    (found,) = [each for each in config["hooks-libraries"] if "libdhcp_ha" in each["library"]]
    blocks: list[dict[str, Any]] = found["parameters"]["high-availability"]
    return blocks


def pausing(config: dict[str, Any], state: str, place: int = 0) -> dict[str, Any]:
    """The configuration, edited so that the server pauses, once, when it comes to a state in a relationship."""
    entries(config)[place]["state-machine"] = {"states": [{"state": state, "pause": "once"}]}
    return config


def unloadable(config: dict[str, Any]) -> dict[str, Any]:
    """The configuration, edited so that the HA hook fails to load, and all other hooks are gone with it."""
    entries(config)[-1]["this-server-name"] = "nobody"
    return config


def deafen(server: KeaServer, service: Service, url: str) -> None:
    """Let somebody else listen at the HA url of a server that has none, until it has tried to with what it had."""
    config, place = server.config(service), urlsplit(url)
    server.set_config(service, config | {"hooks-libraries": []})
    with socket.create_server((place.hostname or "", place.port or 0)):
        server.command(service, "config-set", {service.root: config})
    assert server.config(service) == config
