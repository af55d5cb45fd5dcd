from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from lab.control import is_answering
from lab.kea import base_configuration
from lab.proxy import Exchange, Fault, Proxy, overlap
from reconciler.model import Service

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.laboratory import Laboratory
    from lab.server import KeaServer

V4 = Service.DHCP4
SET = b'"config-set"'
pytestmark = pytest.mark.kea


@pytest.fixture
def server(lab: Laboratory) -> KeaServer:
    return lab.server("kea-a", {V4: base_configuration(V4)})


@pytest.fixture
def proxy(lab: Laboratory, server: KeaServer) -> Proxy:
    return lab.proxy(server)


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with httpx.Client(trust_env=False, timeout=10) as client:
        yield client


def post(client: httpx.Client, proxy: Proxy, command: str, arguments: Any = None, **options: Any) -> httpx.Response:
    body = {"command": command, "service": ["dhcp4"]} | ({"arguments": arguments} if arguments else {})
    return client.post(proxy.control, json=body, **options)


def with_lifetime(server: KeaServer, lifetime: int) -> dict[str, Any]:
    return {"Dhcp4": server.config(V4) | {"valid-lifetime": lifetime}}


def lifetime_of(server: KeaServer) -> int:
    return int(server.config(V4)["valid-lifetime"])


def test_what_passes_is_what_kea_says_and_is_logged(server: KeaServer, proxy: Proxy, client: httpx.Client) -> None:
    reply = post(client, proxy, "config-get")
    assert reply.json() == [server.command(V4, "config-get")]
    assert post(client, proxy, "config-set", with_lifetime(server, 77)).json()[0]["result"] == 0
    assert post(client, proxy, "no-such-command").json()[0]["result"] == 2
    assert proxy.commands() == proxy.commands("dhcp4") == ["config-get", "config-set", "no-such-command"]
    assert [seen.result for seen in proxy.log] == [0, 0, 2]
    assert proxy.seen("config-set")[0].arguments["Dhcp4"]["valid-lifetime"] == 77
    times = [moment for seen in proxy.log for moment in (seen.started, seen.ended) if moment is not None]
    assert len(times) == 6
    assert times == sorted(times)
    proxy.forget()
    assert proxy.commands() == []


@pytest.mark.parametrize("fault", [Fault.CUT_BEFORE_REPLY, Fault.CUT_IN_REPLY])
def test_a_cut_loses_the_reply_of_what_was_executed(
    server: KeaServer, proxy: Proxy, client: httpx.Client, fault: Fault
) -> None:
    proxy.on(SET, fault)
    with pytest.raises(httpx.RemoteProtocolError):
        post(client, proxy, "config-set", with_lifetime(server, 88))
    assert lifetime_of(server) == 88
    assert post(client, proxy, "version-get").status_code == 200


def test_a_truncated_reply_is_whole_http_and_broken_json(server: KeaServer, proxy: Proxy, client: httpx.Client) -> None:
    proxy.on(b'"config-get"', Fault.TRUNCATE)
    reply = post(client, proxy, "config-get")
    assert reply.status_code == 200
    assert len(reply.content) > 1000
    with pytest.raises(json.JSONDecodeError):
        reply.json()


def test_a_reply_can_be_replaced_after_execution_or_given_without(
    server: KeaServer, proxy: Proxy, client: httpx.Client
) -> None:
    proxy.on(SET, Fault.REPLACE, reply=b"<html>", times=1)
    assert post(client, proxy, "config-set", with_lifetime(server, 99)).content == b"<html>"
    assert lifetime_of(server) == 99
    proxy.on(SET, Fault.ANSWER, reply=b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\n{}", times=1)
    refused = post(client, proxy, "config-set", with_lifetime(server, 111))
    assert (refused.status_code, refused.content) == (401, b"{}")
    assert lifetime_of(server) == 99
    assert post(client, proxy, "config-set", with_lifetime(server, 111)).json()[0]["result"] == 0


@pytest.mark.parametrize(("fault", "error"), [(Fault.SWALLOW, httpx.ReadTimeout), (Fault.RESET, httpx.ReadError)])
def test_what_never_reaches_kea_changes_nothing(
    server: KeaServer, proxy: Proxy, client: httpx.Client, fault: Fault, error: type[Exception]
) -> None:
    proxy.on(SET, fault)
    before = lifetime_of(server)
    with pytest.raises(error):
        post(client, proxy, "config-set", with_lifetime(server, 88), timeout=0.3)
    assert lifetime_of(server) == before
    proxy.heal()
    assert post(client, proxy, "config-set", with_lifetime(server, 88)).json()[0]["result"] == 0


def test_a_delayed_reply_comes_late_and_a_delayed_request_is_executed_late(
    server: KeaServer, proxy: Proxy, client: httpx.Client
) -> None:
    proxy.on(b'"version-get"', Fault.DELAY, seconds=0.3)
    started = time.monotonic()
    assert post(client, proxy, "version-get").json()[0]["result"] == 0
    assert time.monotonic() - started >= 0.3
    proxy.on(SET, Fault.DELAY_REQUEST, seconds=0.5)
    with pytest.raises(httpx.ReadTimeout):
        post(client, proxy, "config-set", with_lifetime(server, 66), timeout=0.1)
    assert lifetime_of(server) != 66
    deadline = time.monotonic() + 5
    while lifetime_of(server) != 66:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_refused_connections_and_their_return(proxy: Proxy, client: httpx.Client) -> None:
    assert post(client, proxy, "version-get").status_code == 200
    proxy.refuse()
    with pytest.raises(httpx.HTTPError):  # the connection that was kept is dropped
        post(client, proxy, "version-get")
    with pytest.raises(httpx.ConnectError):
        post(client, proxy, "version-get")
    proxy.accept()
    assert post(client, proxy, "version-get").json()[0]["result"] == 0


def test_the_world_can_be_changed_between_two_commands(server: KeaServer, proxy: Proxy, client: httpx.Client) -> None:
    proxy.on(b'"config-write"', Fault.PASS, before=lambda _: server.kill_daemon(V4))
    post(client, proxy, "version-get")
    reply = post(client, proxy, "config-write").json()[0]
    assert reply["text"].endswith("The server is likely to be offline")
    assert proxy.seen("config-write")[0].result == 1


def test_the_latest_rule_that_fits_wins(proxy: Proxy, client: httpx.Client) -> None:
    proxy.on(b"", Fault.ANSWER, reply=b"everything")
    proxy.on(b"version", Fault.ANSWER, reply=b"once", times=1)
    assert [post(client, proxy, "version-get").content for _ in range(2)] == [b"once", b"everything"]


def test_overlap_finds_what_was_under_way_at_the_same_time(lab: Laboratory) -> None:
    fronts = [lab.proxy(server) for server in lab.pair()]
    meeting = threading.Barrier(2)
    for front in fronts:
        front.on(b'"status-get"', Fault.DELAY_REQUEST, seconds=0.1, before=lambda _: meeting.wait(5))
    with httpx.Client(trust_env=False) as client, ThreadPoolExecutor() as pool:
        list(pool.map(lambda front: post(client, front, "status-get"), fronts))
        for front in fronts:
            post(client, front, "version-get")
    one, other = ([seen for seen in front.log if seen.command == "status-get"] for front in fronts)
    assert overlap(one, other) == [(one[0], other[0])]
    assert overlap(fronts[0].seen("version-get"), fronts[1].seen("version-get")) == []


def test_a_closed_proxy_is_gone_even_with_a_client_waiting(server: KeaServer, client: httpx.Client) -> None:
    with ThreadPoolExecutor() as pool:
        with Proxy(server.control) as proxy:
            proxy.on(b"", Fault.SWALLOW)
            waiting = pool.submit(post, client, proxy, "version-get")
            while not proxy.seen():
                time.sleep(0.01)
        with pytest.raises(httpx.RemoteProtocolError):
            waiting.result(5)
        assert not is_answering(proxy.control)


def test_what_is_no_command_is_logged_as_such() -> None:
    assert [Exchange.of(body, 0.0, Fault.PASS).command for body in (b"", b"[]", b"{}", b'{"command": "x"}')] == [
        "?",
        "?",
        "?",
        "x",
    ]
