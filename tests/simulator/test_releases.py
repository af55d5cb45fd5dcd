"""What later releases have: sockets of the daemons' own, listeners of the HA hook, and pairs of different releases."""

from __future__ import annotations

import http.client
import json
import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from reconciler.model import Service
from reconciler.simulator import Release
from tests.simulator.asking import ask, hook, states

if TYPE_CHECKING:
    from reconciler.simulator import SimulatedServer, World

REQUEST = {"command": "config-get", "service": ["dhcp6"]}


def added(world: World, name: str, release: Release, **options: Any) -> SimulatedServer:
    """A server of a release with kea-dhcp4 alone."""
    return world.add_server(name, {Service.DHCP4: {}}, version=release, **options)


def post(url: str, body: Any = REQUEST) -> tuple[int, bytes]:
    """Status and body of the answer to a request."""
    place = urlsplit(url)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=5)
    try:
        connection.request("POST", "/", json.dumps(body), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


@pytest.fixture
def direct(world: World) -> SimulatedServer:
    """A server whose daemon has an HTTP socket of its own."""
    return added(world, "kea-a", Release.KEA_3_0, direct=True)


def related(*servers: SimulatedServer) -> None:
    """Make two servers the peers s1 and s2, at the urls that are usual for their releases, and let them become well."""
    for name, server in zip(("s1", "s2"), servers, strict=True):
        entry = hook(name, (servers[0], servers[1]))
        peers = entry[1]["parameters"]["high-availability"][0]["peers"]
        for peer, other in zip(peers, servers, strict=True):
            peer["url"] = other.ha_url()
        server.endpoint().edit(lambda config, entry=entry: config.update({"hooks-libraries": entry}))  # type: ignore[misc]
    servers[0].world.advance(5)


def test_its_commands_are_noted_as_the_daemons(direct: SimulatedServer) -> None:
    (url,) = direct.endpoint().direct.urls
    assert post(url)[0] == 200
    assert [(entry.service, entry.command) for entry in direct.log] == [("dhcp4", "config-get")]


@pytest.mark.parametrize(("kind", "status"), [("unauthorized", 401), ("html", 502)])
def test_it_has_the_faults_of_its_server(direct: SimulatedServer, kind: str, status: int) -> None:
    (url,) = direct.endpoint().direct.urls
    fault = direct.faults.add(kind, "config-get")
    assert post(url)[0] == status
    direct.faults.remove(fault)
    assert post(url)[0] == 200


def test_a_frozen_daemon_answers_its_own_socket_when_it_thaws(direct: SimulatedServer) -> None:
    endpoint = direct.endpoint()
    (url,) = endpoint.direct.urls
    endpoint.freeze()
    found: list[int] = []
    asking = threading.Thread(target=lambda: found.append(post(url)[0]))
    asking.start()
    asking.join(0.3)
    assert found == []
    endpoint.thaw()
    asking.join(5)
    assert found == [200]


def test_a_stopped_daemon_listens_no_more_and_a_started_one_again(direct: SimulatedServer) -> None:
    endpoint = direct.endpoint()
    (url,) = endpoint.direct.urls
    endpoint.stop()
    with pytest.raises(OSError, match=r"refused|reset"):
        post(url)
    endpoint.start()
    assert post(url)[0] == 200


@pytest.mark.parametrize("one", Release)
@pytest.mark.parametrize("other", Release)
def test_servers_of_any_two_releases_become_a_pair(world: World, one: Release, other: Release) -> None:
    servers = added(world, "kea-a", one), added(world, "kea-b", other)
    related(*servers)
    assert states(*servers) == ["hot-standby", "hot-standby"]
    # How 2.2 says that it is through with our leases later ones don't understand: they answer nobody until the
    # sync-timeout is over.
    is_left_off = one > Release.KEA_2_2 == other
    assert [server.endpoint().serves for server in servers] == [() if is_left_off else ("s1",), ()]
    world.advance(60)
    assert [server.endpoint().serves for server in servers] == [("s1",), ()]


def test_a_port_that_somebody_holds_is_said_and_nobody_hears_the_server(world: World) -> None:
    servers = added(world, "kea-a", Release.KEA_2_6), added(world, "kea-b", Release.KEA_3_0)
    place = urlsplit(servers[1].ha_url())
    world.taken.add((str(place.hostname), place.port or 0))
    with pytest.raises(ValueError, match="Address already in use"):
        related(*servers)
    world.advance(20)
    assert states(*servers) == ["partner-down", "ready"]
    world.taken.clear()
    servers[1].endpoint().edit(lambda _: None)
    world.advance(20)
    assert states(*servers) == ["hot-standby", "hot-standby"]


def test_a_configuration_test_of_3_0_3_costs_the_listener_until_the_next_start(world: World) -> None:
    servers = added(world, "kea-a", Release.KEA_3_0), added(world, "kea-b", Release.KEA_3_0)
    related(*servers)
    tested, _ = servers
    for _ in range(2):
        assert ask(tested, "config-test", {"Dhcp4": tested.endpoint().config})["result"] == 0
        assert tested.endpoint().is_in_test_mode
        tested.endpoint().edit(lambda _: None)
        world.advance(20)
        assert states(*servers)[1] == "partner-down"
    ask(tested, "config-write")
    tested.endpoint().restart()
    world.advance(20)
    assert states(*servers) == ["hot-standby", "hot-standby"]
