"""A pair of the lab can become what the reconciler is for: an HA relationship."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from lab.kea import base_configuration
from lab.process import wait_until
from reconciler.model import Service

if TYPE_CHECKING:
    from lab.laboratory import Laboratory
    from lab.server import KeaServer

pytestmark = pytest.mark.kea


def hooks_of(server: KeaServer, service: Service) -> str:
    report = server.command(service, "build-report")["text"]
    return str(next(line.split()[-1] for line in report.splitlines() if "Hooks directory:" in line))


def with_ha(server: KeaServer, service: Service, urls: dict[str, str], *, dedicated: bool) -> dict[str, Any]:
    peers = [
        {"name": name, "url": url, "role": role}
        for (name, url), role in zip(urls.items(), ("primary", "standby"), strict=True)
    ]
    threads = {"enable-multi-threading": dedicated, "http-dedicated-listener": dedicated}
    relationship = {
        "this-server-name": server.name,
        "mode": "hot-standby",
        "heartbeat-delay": 200,
        "max-response-delay": 2000,
        "multi-threading": threads,
        "peers": peers,
    }
    folder = hooks_of(server, service)
    libraries = [
        {"library": f"{folder}/libdhcp_lease_cmds.so"},
        {"library": f"{folder}/libdhcp_ha.so", "parameters": {"high-availability": [relationship]}},
    ]
    threading = {"enable-multi-threading": dedicated}
    return server.config(service) | {"hooks-libraries": libraries, "multi-threading": threading}


def states(servers: tuple[KeaServer, KeaServer], service: Service) -> list[str]:
    replies = [server.command(service, "status-get")["arguments"] for server in servers]
    return [reply["high-availability"][0]["ha-servers"]["local"]["state"] for reply in replies]


@pytest.mark.parametrize("service", list(Service))
@pytest.mark.parametrize("dedicated", [False, True], ids=["agent", "dedicated-listener"])
def test_a_pair_becomes_a_relationship(lab: Laboratory, service: Service, *, dedicated: bool) -> None:
    bodies = {service: base_configuration(service)}
    servers = lab.pair(configurations=bodies)
    urls = {server.name: server.peer_url(service) if dedicated else server.control for server in servers}
    for server in servers:
        server.set_config(service, with_ha(server, service, urls, dedicated=dedicated))
    assert wait_until(lambda: states(servers, service) == ["hot-standby"] * 2, 15, interval=0.05)


def test_clocks_that_differ_end_the_service(lab: Laboratory) -> None:
    body = {Service.DHCP4: base_configuration(Service.DHCP4)}
    servers = lab.server("kea-a", body), lab.server("kea-b", body, faketime="+90s")
    urls = {server.name: server.control for server in servers}
    for server in servers:
        server.set_config(Service.DHCP4, with_ha(server, Service.DHCP4, urls, dedicated=False))
    assert wait_until(lambda: states(servers, Service.DHCP4) == ["terminated"] * 2, 15, interval=0.05)
