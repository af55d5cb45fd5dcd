"""What is sent over HTTP, to whom, and what never gets as far, on real sockets."""

from __future__ import annotations

import asyncio
import base64
import socket
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from reconciler.errors import (
    AccessRefusedError,
    NotReachedError,
)
from reconciler.kea.access import Credentials, Login, Settings
from reconciler.kea.client import open_client
from reconciler.model import Endpoint, Service
from tests.fakes.server import (
    FakeServer,
    kea,
)
from tests.kea.http_calls import CANARY, FINE, SETTINGS, client_for, one_call

if TYPE_CHECKING:
    from reconciler.kea.replies import Reply


def test_the_request_is_exactly_what_kea_takes() -> None:
    server = FakeServer(FINE)
    reply = asyncio.run(one_call(server, "version-get"))
    (request,) = server.requests
    token = base64.b64encode(f"kea:{CANARY}".encode()).decode()
    assert request.head[0] == "POST / HTTP/1.1"
    assert {line.partition(":")[0].lower(): line.partition(": ")[2] for line in request.head[1:]} == {
        "host": request.header("host"),
        "user-agent": request.header("user-agent"),
        "accept": "application/json",
        "accept-encoding": "identity",
        "content-type": "application/json",
        "content-length": str(len(request.body)),
        "authorization": f"Basic {token}",
    }
    assert request.json == {"command": "version-get", "service": ["dhcp4"]}
    assert (reply.result, reply.text, reply.arguments) == (0, "2.2.0", None)
    assert reply.date == datetime(2021, 11, 23, 15, 26, 19, tzinfo=UTC)
    assert reply.size == len(kea(text="2.2.0"))
    assert reply.asked_at < reply.answered_at


def test_nothing_in_the_environment_is_heeded(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9/")
    assert asyncio.run(one_call(FakeServer(FINE), "version-get")).result == 0


def test_a_login_for_another_port_is_not_sent() -> None:
    async def run(server: FakeServer) -> None:
        async with server:
            credentials = Credentials({"http://127.0.0.1:1": Login("kea", CANARY)})
            endpoint = Endpoint("kea-a", Service.DHCP4, server.control)
            async with open_client(endpoint, SETTINGS, credentials) as client:
                await client.call("version-get")

    server = FakeServer(FINE)
    asyncio.run(run(server))
    assert server.requests[0].header("authorization") is None


def test_a_name_is_looked_up_once_and_the_connection_goes_to_what_was_checked() -> None:
    looked_up: list[str] = []

    async def resolve(name: str) -> list[str]:
        looked_up.append(name)
        await asyncio.sleep(0.01)
        return ["127.0.0.1"] if len(looked_up) == 1 else ["192.0.2.1"]

    async def run(server: FakeServer) -> None:
        async with server:
            endpoint = Endpoint("kea-a", Service.DHCP4, f"http://kea.example.net:{server.port}/kea")
            async with open_client(endpoint, SETTINGS, Credentials(), resolve=resolve) as client:
                await client.call("version-get")
                await client.call("config-set")

    server = FakeServer(FINE)
    asyncio.run(run(server))
    assert looked_up == ["kea.example.net"]
    assert [request.head[0] for request in server.requests] == ["POST /kea HTTP/1.1"] * 2
    assert [request.header("host") for request in server.requests] == [f"kea.example.net:{server.port}"] * 2


def test_the_next_address_of_a_name_is_tried() -> None:
    async def resolve(_: str) -> list[str]:
        return ["::1", "127.0.0.1"]  # the fake listens on the second alone

    async def run(server: FakeServer) -> Reply:
        async with server:
            endpoint = Endpoint("kea-a", Service.DHCP4, f"http://kea.example.net:{server.port}/")
            async with open_client(endpoint, SETTINGS, Credentials(), resolve=resolve) as client:
                return await client.call("version-get")

    assert asyncio.run(run(FakeServer(FINE))).result == 0


def test_a_refused_target_never_hears_from_us() -> None:
    async def resolve(_: str) -> list[str]:
        return ["127.0.0.1", "169.254.169.254"]

    async def run(server: FakeServer) -> None:
        async with server:
            endpoint = Endpoint("kea-a", Service.DHCP4, f"http://kea.example.net:{server.port}/")
            async with open_client(endpoint, SETTINGS, Credentials(), resolve=resolve) as client:
                with pytest.raises(AccessRefusedError, match="always refused"):
                    await client.call("version-get")

    server = FakeServer(FINE)
    asyncio.run(run(server))
    assert server.connections == 0


@pytest.mark.parametrize("control", ["http://kea:hunter2@127.0.0.1/", "ftp://127.0.0.1/", "unix:relative"])
def test_an_address_that_is_none_is_refused_at_once(control: str) -> None:
    with pytest.raises(AccessRefusedError, match="control address can't be used") as caught:
        open_client(Endpoint("kea-a", Service.DHCP4, control), SETTINGS, Credentials())
    assert "hunter2" not in str(caught.value)


def test_a_refused_connection_is_not_reached() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but not listening
        control = f"http://127.0.0.1:{taken.getsockname()[1]}/"

        async def run() -> None:
            async with client_for(control) as client:
                await client.call("config-set")

        with pytest.raises(NotReachedError, match=r"ECONNREFUSED.*nothing was sent"):
            asyncio.run(run())


def test_a_connection_that_is_never_accepted_is_not_reached() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        control = f"http://127.0.0.1:{full.getsockname()[1]}/"
        waiting = [socket.create_connection(full.getsockname())]  # the backlog is full with that one

        async def run() -> None:
            async with client_for(control, Settings(connect_seconds=0.2)) as client:
                await client.call("config-set")

        try:
            with pytest.raises(NotReachedError, match="no connection in time; nothing was sent"):
                asyncio.run(run())
        finally:
            for connection in waiting:
                connection.close()
