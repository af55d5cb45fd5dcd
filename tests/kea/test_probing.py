"""Whether something listens at an address."""

from __future__ import annotations

import asyncio
import socket
from ipaddress import ip_network
from typing import TYPE_CHECKING

from reconciler.kea.access import Credentials, Settings
from reconciler.kea.access_credentials import Login
from reconciler.kea.probing import probe
from reconciler.model import Probe

if TYPE_CHECKING:
    from collections.abc import Mapping


def found(url: str, settings: Settings | None = None, logins: Mapping[str, Login] | None = None) -> Probe:
    settings = settings or Settings(connect_seconds=0.5)
    return asyncio.run(probe([url], settings, Credentials(logins or {})))[url]


def test_a_listener_is_found_and_hears_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert found(f"http://127.0.0.1:{server.getsockname()[1]}/") is Probe.OPEN
        server.settimeout(5)
        connection, _ = server.accept()
        with connection:
            assert connection.recv(1) == b""


def test_a_listener_that_we_have_a_password_for_asks_for_one() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        origin = f"http://127.0.0.1:{server.getsockname()[1]}"
        assert found(f"{origin}/", logins={origin: Login("somebody", "made-up")}) is Probe.GUARDED
        assert found(f"{origin}/", logins={origin: Login()}) is Probe.OPEN
    assert found(f"{origin}/", logins={origin: Login("somebody", "made-up")}) is Probe.REFUSED


def test_a_port_that_is_only_bound_refuses() -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        assert found(f"http://127.0.0.1:{holder.getsockname()[1]}/") is Probe.REFUSED


def test_an_address_that_swallows_everything_gives_no_answer() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
        fillers = [socket.socket() for _ in range(8)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(server.getsockname())
        assert found(f"http://127.0.0.1:{server.getsockname()[1]}/") is Probe.NO_ANSWER
        for filler in fillers:
            filler.close()


def test_nothing_is_tried_that_may_not_be_talked_to() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        assert found(url, Settings(allow=(ip_network("192.0.2.0/24"),))) is Probe.NOT_TRIED
    assert found("http://169.254.169.254:80/") is Probe.NOT_TRIED
    assert found("http://some-name:8000/") is Probe.NOT_TRIED
    assert found("unix:/run/kea.sock") is Probe.NOT_TRIED
    assert found("nonsense") is Probe.NOT_TRIED
