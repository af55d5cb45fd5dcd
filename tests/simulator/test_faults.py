"""What can be made to go wrong: what the client sees, and what has happened to the server."""

from __future__ import annotations

import http.client
import socket
import threading

import pytest

from reconciler.model import Service
from reconciler.simulator import SimulatedServer, World
from tests.simulator.asking import ask, make_pair, post, states, subnet

REQUEST = b'{"command": "config-get", "service": ["dhcp4"]}'
CHANGE = {"Dhcp4": {"control-socket": {"socket-type": "unix", "socket-name": "/run/kea/kea-a-dhcp4.sock"}}}


@pytest.mark.parametrize(
    ("kind", "status", "body"),
    [
        ("garbage", 200, b"\x00\xff this is not JSON {"),
        ("unauthorized", 401, b'{ "result": 401, "text": "Unauthorized" }'),
        ("html", 502, b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"),
    ],
)
def test_something_else_answers_and_nothing_is_done(
    server: SimulatedServer, kind: str, status: int, body: bytes
) -> None:
    fault = server.faults.add(kind)
    assert post(server, REQUEST) == (status, body)
    assert server.log == []
    server.faults.remove(fault)
    assert post(server, REQUEST)[0] == 200


def test_any_other_answer(server: SimulatedServer) -> None:
    server.faults.add("other-answer", "config-get", answer=b'[{"result": 0}]')
    assert post(server, REQUEST) == (200, b'[{"result": 0}]')
    assert ask(server, "version-get")["text"] == "2.2.0"


def test_the_connection_is_cut_after_the_set_was_carried_out(server: SimulatedServer) -> None:
    server.faults.add("cut", "config-set", times=1)
    with pytest.raises(http.client.RemoteDisconnected):
        ask(server, "config-set", {"Dhcp4": CHANGE["Dhcp4"] | {"valid-lifetime": 77}})
    assert server.endpoint().config["valid-lifetime"] == 77
    assert [entry.command for entry in server.log] == ["config-set"]
    assert ask(server, "config-set", CHANGE)["result"] == 0


def test_the_connection_is_reset_before_anything_is_done(server: SimulatedServer) -> None:
    server.faults.add("reset", "config-set")
    with pytest.raises(http.client.RemoteDisconnected):
        ask(server, "config-set", {"Dhcp4": CHANGE["Dhcp4"] | {"valid-lifetime": 77}})
    assert server.endpoint().config["valid-lifetime"] == 7200


def test_half_an_answer(server: SimulatedServer) -> None:
    whole = post(server, REQUEST)[1]
    server.faults.add("truncate", "config-get")
    with pytest.raises(http.client.IncompleteRead) as caught:
        post(server, REQUEST)
    assert caught.value.partial == whole[: len(whole) // 2]


def test_no_answer_until_the_client_gives_up(server: SimulatedServer) -> None:
    server.faults.add("hang", "version-get")
    connection = http.client.HTTPConnection(server.host, server.port, timeout=0.3)
    connection.request("POST", "/", b'{"command": "version-get"}', {"Content-Type": "application/json"})
    with pytest.raises(TimeoutError):
        connection.getresponse()
    connection.close()
    assert ask(server, "list-commands")["result"] == 0


def test_an_answer_that_comes_late_in_the_worlds_time(world: World, server: SimulatedServer) -> None:
    server.faults.add("delay", "version-get", seconds=30)
    answers: list[str] = []
    thread = threading.Thread(target=lambda: answers.append(ask(server, "version-get")["text"]))
    thread.start()
    thread.join(0.3)
    assert answers == []
    world.advance(30)
    thread.join(5)
    assert answers == ["2.2.0"]


def test_the_other_daemon_answers(server: SimulatedServer) -> None:
    server.faults.add("wrong-service", "config-get")
    assert set(ask(server, "config-get", service=Service.DHCP4)["arguments"]) == {"Dhcp6"}


def test_a_fault_is_limited_to_commands_services_and_times(server: SimulatedServer) -> None:
    server.faults.add("garbage", "config-get", services=frozenset({Service.DHCP6}), times=2)
    assert ask(server, "config-get", service=Service.DHCP4)["result"] == 0
    for _ in range(2):
        assert post(server, REQUEST.replace(b"dhcp4", b"dhcp6"))[1].startswith(b"\x00")
    assert ask(server, "config-get", service=Service.DHCP6)["result"] == 0
    assert ask(server, "version-get", service=Service.DHCP6)["result"] == 0


def test_a_set_that_fails_half_way_leaves_no_hooks_no_sockets_and_shows_the_old_configuration(
    server: SimulatedServer, other: SimulatedServer
) -> None:
    make_pair(server, other)
    endpoint = server.endpoint()
    before = endpoint.config
    assert endpoint.serves == ("s1",)
    endpoint.faults.add("set-fails", text="out of memory", times=1)
    assert ask(server, "config-set", CHANGE) == {"result": 1, "text": "out of memory"}
    assert endpoint.config == before
    assert not endpoint.serves
    assert "ha-heartbeat" not in ask(server, "list-commands")["arguments"]
    endpoint.set_config(before)
    assert states(server) == ["waiting"]


def test_a_full_disk_is_no_error_for_config_write(server: SimulatedServer) -> None:
    endpoint = server.endpoint()
    endpoint.faults.add("disk-full", room=100)
    answer = ask(server, "config-write")
    assert answer["text"] == f"Configuration written to {endpoint.path} successful"
    assert answer["arguments"] == {"filename": endpoint.path, "size": 100}
    assert endpoint.written is None
    endpoint.faults.clear()
    assert ask(server, "config-write")["arguments"]["size"] == len(server.disk.contents[endpoint.path])
    assert endpoint.written == endpoint.config


def test_a_command_that_fails(server: SimulatedServer) -> None:
    server.endpoint().faults.add("fails", "config-write", text="no")
    assert ask(server, "config-write") == {"result": 1, "text": "no"}
    assert ask(server, "config-write", service=Service.DHCP6)["result"] == 0


def test_faults_of_the_channel_do_not_keep_peers_apart_unless_they_are_told_to(
    world: World, server: SimulatedServer, other: SimulatedServer
) -> None:
    make_pair(server, other)
    fault = other.faults.add("reset")
    world.advance(10)
    assert states(server, other) == ["hot-standby", "hot-standby"]
    fault.hits_peers = True
    world.advance(10)
    assert states(server) == ["partner-down"]


def test_an_agent_that_is_down_refuses_connections_and_keeps_its_port(server: SimulatedServer) -> None:
    control = server.control
    server.stop_agent()
    with pytest.raises(ConnectionRefusedError):
        ask(server, "version-get")
    assert server.endpoint().is_running
    server.start_agent()
    assert server.control == control
    assert ask(server, "version-get")["result"] == 0


def test_a_subnet_is_there_when_a_set_is_not_hit(server: SimulatedServer) -> None:
    server.faults.add("garbage", "config-test")
    change = {"Dhcp4": CHANGE["Dhcp4"] | {"subnet4": [subnet(1)]}}
    assert ask(server, "config-set", change)["result"] == 0
    assert [item["subnet"] for item in server.endpoint().config["subnet4"]] == ["10.0.1.0/24"]


def test_half_a_request_is_given_up(server: SimulatedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kea waits ten seconds for the rest of a body (measured)."""
    monkeypatch.setattr("reconciler.simulator.http.BODY_SECONDS", 0.1)
    head = b"POST / HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    with socket.create_connection((server.host, server.port), timeout=5) as connection:
        connection.sendall(head)
        answer = connection.recv(65536)
    assert answer.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    assert answer.endswith(b'{ "result": 408, "text": "Request Timeout" }')
