"""Configurations to start lab servers from."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from reconciler.model import Service

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


def base_configuration(service: Service, **parts: Any) -> dict[str, Any]:
    """A minimal configuration (what stands under `Dhcp4` or `Dhcp6`) with `parts` put in or over it.

    A part is named as in Kea with `_` for `-` (shared_networks=[...], option_data=[...]); `subnets` stands for
    subnet4 or subnet6. What ties it to one server (sockets, files, loggers, DUID) is added when one is started.
    """
    named = {service.subnets if key == "subnets" else key.replace("_", "-"): value for key, value in parts.items()}
    return {
        "interfaces-config": {"interfaces": []},
        "valid-lifetime": 4000,
        service.subnets: [],
    } | named


def completed(
    body: Mapping[str, Any], service: Service, name: str, folder: Path, sockets: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """`body` with everything that a server of its own needs, where it does not say otherwise.

    `name` is the server's, `folder` the instance's own, `sockets` its control sockets, of which versions before
    2.7.2 can have only one.
    """
    own: dict[str, Any] = {
        "interfaces-config": {"interfaces": []},
        "lease-database": {
            "type": "memfile",
            "persist": True,
            "name": str(folder / f"kea-leases{service.value[-1]}.csv"),
            "lfc-interval": 0,  # no clean-up process of its own in the middle of a test
        },
        "loggers": [logger(f"kea-{service}", folder)],
    }
    if service is Service.DHCP6:
        own["server-id"] = server_id(name)
    if not body.keys() & {"control-socket", "control-sockets"}:
        own |= {"control-socket": sockets[0]} if len(sockets) == 1 else {"control-sockets": sockets}
    return own | dict(body)


def logger(name: str, folder: Path) -> dict[str, Any]:
    """Kea's logger `name`, writing to kea.log in `folder`."""
    return {
        "name": name,
        "severity": "INFO",
        # The spelling that every version takes; 2.2 silently ignores the one with a hyphen.
        "output_options": [{"output": str(folder / "kea.log"), "flush": True}],
    }


def server_id(name: str) -> dict[str, Any]:
    """A DUID that no other server of the lab has, and that Kea does not look for in a file of the system's."""
    digest = hashlib.sha256(name.encode()).hexdigest()[:16].upper()
    return {"type": "EN", "enterprise-id": 2495, "identifier": digest, "persist": False}


def agent_configuration(host: str, port: int, sockets: Mapping[Service, Path], folder: Path) -> dict[str, Any]:
    """What stands under Control-agent for an agent at `host` and `port` in front of the daemons at `sockets`."""
    named = {service.value: {"socket-type": "unix", "socket-name": str(path)} for service, path in sockets.items()}
    return {
        "http-host": host,
        "http-port": port,
        "control-sockets": named,
        "loggers": [logger("kea-ctrl-agent", folder)],
    }
