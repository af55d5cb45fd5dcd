"""Asking a simulated server over HTTP, and small configurations."""

from __future__ import annotations

import http.client
import json
from typing import TYPE_CHECKING, Any

from reconciler.model import Service
from reconciler.simulator.libraries import DIRECTORY

if TYPE_CHECKING:
    from reconciler.simulator import SimulatedServer

PATIENCE = 5.0


def post(server: SimulatedServer, body: bytes, **headers: str) -> tuple[int, bytes]:
    """Status and body of the answer to a request."""
    connection = http.client.HTTPConnection(server.host, server.port, timeout=PATIENCE)
    try:
        connection.request("POST", "/", body, {"Content-Type": "application/json"} | headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def ask(server: SimulatedServer, command: str, arguments: Any = None, service: Service = Service.DHCP4) -> Any:
    """One daemon's answer."""
    body: dict[str, Any] = {"command": command, "service": [service.value]}
    if arguments is not None:
        body["arguments"] = arguments
    return json.loads(post(server, json.dumps(body).encode())[1])[0]


def subnet(number: int) -> dict[str, Any]:
    """A small DHCPv4 subnet."""
    return {"id": number, "subnet": f"10.0.{number}.0/24"}


def hook(name: str, servers: tuple[SimulatedServer, SimulatedServer], **parameters: Any) -> list[dict[str, Any]]:
    """hooks-libraries of one of the hot-standby peers s1 and s2."""
    entry = {
        "this-server-name": name,
        "mode": "hot-standby",
        "heartbeat-delay": 1000,
        "max-response-delay": 5000,
        "max-unacked-clients": 0,
        "peers": [
            {"name": "s1", "url": servers[0].control, "role": "primary"},
            {"name": "s2", "url": servers[1].control, "role": "standby"},
        ],
    }
    entry |= {key.replace("_", "-"): value for key, value in parameters.items()}
    return [
        {"library": f"{DIRECTORY}/libdhcp_lease_cmds.so"},
        {"library": f"{DIRECTORY}/libdhcp_ha.so", "parameters": {"high-availability": [entry]}},
    ]


def change(server: SimulatedServer, **parts: Any) -> None:
    """Put something over a DHCPv4 configuration, behind everybody's back."""
    named = {key.replace("_", "-"): value for key, value in parts.items()}
    server.endpoint().edit(lambda config: config.update(named))


def relate(one: SimulatedServer, other: SimulatedServer, **parameters: Any) -> None:
    """Make two servers the peers s1 and s2."""
    change(one, hooks_libraries=hook("s1", (one, other), **parameters))
    change(other, hooks_libraries=hook("s2", (one, other), **parameters))


def make_pair(one: SimulatedServer, other: SimulatedServer, **parameters: Any) -> None:
    """The same, and let them become well; their world's clock is frozen."""
    relate(one, other, **parameters)
    one.world.advance(5)


def states(*servers: SimulatedServer) -> list[str]:
    """The HA states of servers."""
    return [ha.state if (ha := server.endpoint().ha) is not None else "" for server in servers]
