"""The control agent: who answers, in which form, and what it says where a daemon does not."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from reconciler.model import Service
from reconciler.simulator import Release
from reconciler.simulator.requests import DEEPEST
from tests.contract.sides import Side, placed

REQUEST = b'{"command": "version-get"}'
LINES = [
    pytest.param(b"GET / HTTP/1.1", b"application/json", 400, id="get"),
    pytest.param(b"POST / HTTP/1.1", b"application/json; charset=utf-8", 400, id="charset"),
    pytest.param(b"POST / HTTP/1.1", b"text/plain", 400, id="text"),
    pytest.param(b"POST / HTTP/1.1", b"Application/JSON", 200, id="capitals"),
    pytest.param(b"POST /any/path HTTP/1.1", b"application/json", 200, id="path"),
    pytest.param(b"POST / HTTP/1.0", b"application/json", 200, id="old"),
]


def exchange(side: Side, data: bytes) -> bytes:
    """Everything that comes back for some bytes, until the server closes or is silent for a second."""
    place = urlsplit(side.url)
    with socket.create_connection((place.hostname, place.port)) as connection:
        connection.settimeout(1.0)
        connection.sendall(data)
        answer = b""
        try:
            while chunk := connection.recv(65536):
                answer += chunk
        except TimeoutError:
            return answer
        return answer + b"<closed>"


@pytest.mark.parametrize(("line", "kind", "status"), LINES)
def test_what_http_must_look_like(side: Side, line: bytes, kind: bytes, status: int) -> None:
    head = line + b"\r\nHost: x\r\nContent-Type: " + kind + b"\r\nContent-Length: %d\r\n\r\n" % len(REQUEST)
    answer = exchange(side, head + REQUEST)
    assert answer.split(b" ")[1] == str(status).encode()
    if status != 200:
        assert answer.endswith(b'\r\n\r\n{ "result": 400, "text": "Bad Request" }<closed>')


def test_chunks_are_refused_and_connections_are_kept(side: Side) -> None:
    head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    chunked = b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(REQUEST), REQUEST)
    assert exchange(side, head + chunked).startswith(b"HTTP/1.1 400 Bad Request\r\n")
    whole = head + b"Content-Length: %d\r\n\r\n%s" % (len(REQUEST), REQUEST)
    assert not exchange(side, whole).endswith(b"<closed>")


def test_answers_are_lists_in_the_order_of_the_services(side: Side) -> None:
    answers = side.send({"command": "version-get", "service": ["dhcp6", "d2", "dhcp4"]})
    assert [answer["result"] for answer in answers] == [0, 1, 0]
    assert answers[1]["text"] == "forwarding socket is not configured for the server type d2"
    backends = ("4.0", "2.1") if side.release < Release.KEA_2_6 else ("5.0", "3.0")
    for answer, backend in zip((answers[0], answers[2]), backends, strict=True):
        assert f"Memfile backend {backend}" in answer["arguments"]["extended"]


WRONG = "Error during command processing: "
MALFORMED = [
    (b"{}", "Invalid answer specified, does not contain mandatory 'command'", "does not contain mandatory 'command'"),
    (b"[]", "Invalid command Element specified, expected map", "expected toplevel entry to be a map, got list instead"),
    (
        b"5",
        "Invalid command Element specified, expected map",
        "expected toplevel entry to be a map, got integer instead",
    ),
    (
        b'{"command": 1}',
        "'command' element in command message is not a string",
        "expected 'command' to be a string, got map instead",
    ),
    (
        b'{"command": "version-get", "service": ["dhcp4"], "extra": 1}',
        "Received command contains unsupported parameter 'extra'",
        "unsupported parameter 'extra'",
    ),
]
RAW = [
    (b'{"command": "version-get", "service": "dhcp4"}', "service value must be a list"),
    (
        b'{"command": "version-get", "service": ["nothing"]}',
        "forwarding socket is not configured for the server type nothing",
    ),
    (b'{"command": "config-set", "arguments": {"Dhcp4": {}}}', "Missing mandatory 'Control-agent' parameter."),
    (b'{"command": "config-test"}', "Missing mandatory 'arguments' parameter."),
]


@pytest.mark.parametrize(("body", "text"), RAW)
def test_what_is_no_command_for_a_daemon(side: Side, body: bytes, text: str) -> None:
    assert refusals(side, body) == (200, [{"result": 1, "text": text}])


@pytest.mark.parametrize(("body", "old", "new"), MALFORMED)
def test_what_is_no_command_at_all(side: Side, body: bytes, old: str, new: str) -> None:
    text = old if side.release < Release.KEA_2_6 else f"invalid command: {new}"
    assert refusals(side, body) == (200, [{"result": 1, "text": WRONG + text}])


def refusals(side: Side, body: bytes) -> tuple[int, list[Any]]:
    """HTTP status and answers to something that is no command."""
    status, answer = side.post(body)
    return status, [entry | {"text": placed(entry["text"])} for entry in json.loads(answer)]


@pytest.mark.parametrize("body", [b"garbage", b'{"command": "version-get"} more', b"{"])
def test_what_is_no_json_is_a_bad_request_without_a_list(side: Side, body: bytes) -> None:
    assert side.post(body) == (400, b'{ "result": 400, "text": "Bad Request" }')


def test_what_is_nested_too_deep_is_a_bad_request_since_2_6(side: Side) -> None:
    for levels in (DEEPEST, DEEPEST + 1):
        inside: Any = 1
        for _ in range(levels - 2):  # the command is one level, what is innermost another
            inside = {"a": inside}
        status, _ = side.post(
            json.dumps({"command": "config-test", "service": ["dhcp4"], "arguments": inside}).encode()
        )
        assert status == (400 if levels > DEEPEST and side.release >= Release.KEA_2_6 else 200)


def test_without_a_service_the_agent_answers_for_itself(side: Side) -> None:
    (config,) = side.send({"command": "config-get"})
    agent = config["arguments"]["Control-agent"]
    assert set(agent["control-sockets"]) == {"dhcp4", "dhcp6"}
    assert agent["http-port"] == urlsplit(side.url).port
    (commands,) = side.send({"command": "list-commands"})
    assert [name for name in commands["arguments"] if name != "config-hash-get"] == [
        "build-report", "config-get", "config-reload", "config-set", "config-test", "config-write", "list-commands",
        "shutdown", "status-get", "version-get",
    ]  # fmt: skip
    has_hash = side.release >= Release.KEA_2_6
    assert ("config-hash-get" in commands["arguments"], "hash" in config["arguments"]) == (has_hash, has_hash)
    (status,) = side.send({"command": "status-get", "service": []})
    assert set(status["arguments"]) == {"pid", "reload", "uptime"}
    (unknown,) = side.send({"command": "ha-heartbeat"})
    assert unknown["result"] == 2
    assert unknown["text"].startswith("'ha-heartbeat' command not supported. You did not include \"service\" parameter")


@pytest.fixture
def restored(side: Side, service: Service) -> Iterator[Side]:
    """A server whose daemon is up again afterwards."""
    yield side
    if "unable to forward" in side.ask(service, "version-get").get("text", ""):
        side.start(service)


@pytest.mark.parametrize(("killed", "reason"), [(False, "No such file or directory"), (True, "Connection refused")])
def test_a_daemon_that_is_down(restored: Side, service: Service, killed: bool, reason: str) -> None:
    restored.stop(service, killed=killed)
    text = f"unable to forward command to the {service} service: {reason}. The server is likely to be offline"
    assert restored.ask(service, "config-get") == {"result": 1, "text": text}
    other = Service.DHCP6 if service is Service.DHCP4 else Service.DHCP4
    assert restored.ask(other, "version-get")["text"] == restored.release
    restored.start(service)
    assert restored.ask(service, "version-get")["text"] == restored.release


def test_shutdown_ends_the_daemon_and_not_the_agent(restored: Side, service: Service) -> None:
    wrong = restored.ask(service, "shutdown", {"exit-value": "x"})
    assert wrong == {"result": 1, "text": "parameter 'exit-value' is not an integer"}
    assert restored.ask(service, "shutdown") == {"result": 0, "text": "Shutting down."}
    text = restored.ask(service, "version-get")["text"]
    assert text.endswith("The server is likely to be offline")


def test_a_configuration_without_a_control_socket_is_taken_and_locks_everybody_out(
    restored: Side, service: Service
) -> None:
    config = restored.base(service)
    del config["control-socket"]
    answer = restored.ask(service, "config-set", {service.root: config})
    assert (answer["result"], answer["text"]) == (0, "Configuration successful.")
    text = f"unable to forward command to the {service} service: No such file or directory. The server is likely to"
    assert restored.ask(service, "version-get")["text"] == f"{text} be offline"
