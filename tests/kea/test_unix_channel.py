from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

import pytest

from reconciler.errors import (
    AccessRefusedError,
    EndpointError,
    NotReachedError,
    OutcomeUnknownError,
    WrongAnswererError,
)
from reconciler.kea.access import Credentials, Settings
from reconciler.kea.client import open_client
from reconciler.model import Endpoint, Service
from tests.fakes.server import Conversation, FakeServer, cut, raw, silence, trickle

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from reconciler.kea.replies import Reply

SETTINGS = Settings(connect_seconds=2.0, answer_seconds=2.0, configuration_seconds=4.0, reply_bytes=1_000_000)
FINE = b'{"result": 0, "text": "2.2.0", "arguments": {"extended": "x"}}'


async def call(control: str, **how: float) -> Reply:
    async with open_client(Endpoint("kea-a", Service.DHCP6, control), SETTINGS, Credentials()) as client:
        return await client.call("config-set", **how)


async def call_fake(server: FakeServer, **how: float) -> Reply:
    async with server:
        return await call(server.control, **how)


def failure(path: Path, act: Callable[[Conversation], Awaitable[None]], **how: float) -> EndpointError:
    server = FakeServer(act, path=path / "kea.sock")
    with pytest.raises(EndpointError) as caught:
        asyncio.run(call_fake(server, **how))
    assert len(server.requests) == 1
    assert str(caught.value).startswith(f"kea-a (dhcp6) at unix:{path}/kea.sock: ")
    return caught.value


def test_one_connection_for_a_command_without_a_service(tmp_path: Path) -> None:
    async def run(server: FakeServer) -> list[Reply]:
        async with server, open_client(Endpoint("a", Service.DHCP6, server.control), SETTINGS, Credentials()) as client:
            return [await client.call("version-get"), await client.call("config-set", {"Dhcp6": {}})]

    server = FakeServer(raw(FINE), path=tmp_path / "kea.sock")
    replies = asyncio.run(run(server))
    assert [(reply.result, reply.text, reply.arguments) for reply in replies] == [(0, "2.2.0", {"extended": "x"})] * 2
    assert [(reply.size, reply.date) for reply in replies] == [(len(FINE), None)] * 2
    assert [request.json for request in server.requests] == [
        {"command": "version-get"},
        {"command": "config-set", "arguments": {"Dhcp6": {}}},
    ]
    assert server.connections == 2


def test_an_answer_comes_in_pieces(tmp_path: Path) -> None:
    pieces = raw(FINE[:10], FINE[10:30], FINE[30:], seconds=0.02)
    assert asyncio.run(call_fake(FakeServer(pieces, path=tmp_path / "s"))).text == "2.2.0"


@pytest.mark.parametrize("act", [cut(b""), cut(FINE[:-1]), cut(b'{"result": 0, "text": "'), cut(b"[")])
def test_a_cut_answer_has_an_unknown_outcome(tmp_path: Path, act: Callable[[Conversation], Awaitable[None]]) -> None:
    assert isinstance(failure(tmp_path, act), OutcomeUnknownError)


def test_silence_and_trickling_have_an_unknown_outcome(tmp_path: Path) -> None:
    assert "silent for 0.2 s" in str(failure(tmp_path, silence, answer_within=0.2))
    (tmp_path / "kea.sock").unlink(missing_ok=True)
    error = failure(tmp_path, trickle(FINE, 0.05), answer_within=0.2)
    assert isinstance(error, OutcomeUnknownError)
    assert "slower than" in str(error)


@pytest.mark.parametrize(
    "act",
    [
        cut(b"hello"),
        cut(b"[]"),
        cut(b'{"result": "0"}'),
        cut(b"{}"),
        cut(b"[" * 5000 + b"]" * 5000),
        cut(b'{"result": 0, "text": "' + b"x" * 1_000_000 + b'"}'),
    ],
)
def test_what_is_not_kea_is_a_wrong_answerer(tmp_path: Path, act: Callable[[Conversation], Awaitable[None]]) -> None:
    assert isinstance(failure(tmp_path, act), WrongAnswererError)


def test_no_socket_or_nobody_behind_it_is_not_reached(tmp_path: Path) -> None:
    with pytest.raises(NotReachedError, match="no such socket; nothing was sent"):
        asyncio.run(call(f"unix:{tmp_path}/none"))
    with socket.socket(socket.AF_UNIX) as abandoned:
        abandoned.bind(str(tmp_path / "abandoned"))
    with pytest.raises(NotReachedError, match="ECONNREFUSED"):
        asyncio.run(call(f"unix:{tmp_path}/abandoned"))
    with pytest.raises(NotReachedError, match="nothing was sent"):
        asyncio.run(call(f"unix:{tmp_path}/none/{'x' * 200}"))


def test_what_is_no_socket_is_not_written_to(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("kept")
    with pytest.raises(WrongAnswererError, match="not a socket; nothing was sent"):
        asyncio.run(call(f"unix:{tmp_path}/file"))
    assert (tmp_path / "file").read_text() == "kept"


def test_no_permission_is_a_refusal(tmp_path: Path) -> None:
    """Told by the kernel's error, because root is always let through."""
    from reconciler.kea.channel_faults import unconnected

    assert isinstance(unconnected("kea-a", PermissionError(13, "Permission denied")), AccessRefusedError)


@pytest.mark.parametrize("is_allowed", [False, True])
def test_a_list_of_networks_keeps_us_from_sockets_unless_they_are_allowed(tmp_path: Path, *, is_allowed: bool) -> None:
    endpoint = Endpoint("kea-a", Service.DHCP4, f"unix:{tmp_path / 'sock'}")
    settings = Settings(allow=(), allow_unix_sockets=is_allowed)
    if is_allowed:
        assert open_client(endpoint, settings, Credentials()).endpoint is endpoint
    else:
        with pytest.raises(AccessRefusedError, match="allow-unix-sockets"):
            open_client(endpoint, settings, Credentials())
