"""Connections that break off or fall silent: what is known of the outcome, on real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import traceback
from typing import TYPE_CHECKING

import httpx
import pytest

from reconciler.errors import (
    OutcomeUnknownError,
)
from reconciler.kea.access import Login
from reconciler.kea.access_targets import HttpTarget
from reconciler.kea.channel import Patience
from reconciler.kea.http_channel import HttpChannel
from tests.fakes.server import (
    Conversation,
    FakeServer,
    answer,
    cut,
    kea,
    message,
    raw,
    reset,
    silence,
    trickle,
)
from tests.kea.http_calls import CANARY, FINE, WHOLE, client_for, failure, one_call

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


@pytest.mark.parametrize(
    "act",
    [
        reset(),
        reset(WHOLE[:20]),
        reset(WHOLE[:-3]),
        cut(b""),
        cut(WHOLE[:20]),
        cut(WHOLE[:-3]),
        cut(message(kea(text="done")[:-4])),  # as long as it says, but broken off inside
        cut(message(b"")),
        cut(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n" + kea()[:-1]),
        answer(b"", status="408 Request Timeout"),
        answer(b"<html>", status="502 Bad Gateway", content_type="text/html"),
        answer(b"", status="504 Gateway Timeout"),
    ],
)
def test_whatever_breaks_off_after_sending_has_an_unknown_outcome(
    act: Callable[[Conversation], Awaitable[None]],
) -> None:
    server = FakeServer(act)
    assert isinstance(failure(server), OutcomeUnknownError)
    assert len(server.requests) == 1


def test_silence_has_an_unknown_outcome_after_the_time_that_was_given() -> None:
    async def run(server: FakeServer) -> float:
        async with server, client_for(server.control) as client:
            began = asyncio.get_running_loop().time()
            with pytest.raises(OutcomeUnknownError, match=r"silent for 0\.2 s"):
                await client.call("config-set", answer_within=0.2)
            return asyncio.get_running_loop().time() - began

    assert 0.2 <= asyncio.run(run(FakeServer(silence))) < 1.5


def test_a_server_that_does_not_even_read_is_silent_too() -> None:
    async def run(server: FakeServer) -> None:
        async with server, client_for(server.control) as client:
            with pytest.raises(OutcomeUnknownError, match="silent"):
                await client.call("config-set", {"Dhcp4": "x" * 20_000_000}, answer_within=0.3)

    asyncio.run(run(FakeServer(silence, reads=False)))


def test_a_request_that_keeps_moving_may_take_longer_than_the_silence() -> None:
    async def read_slowly(talk: Conversation) -> None:
        await talk.reader.readuntil(b"\r\n\r\n")
        for _ in range(6):
            await talk.reader.readexactly(4_000_000)
            await asyncio.sleep(0.15)
        await talk.send(WHOLE)

    async def run(server: FakeServer) -> str:
        async with server, client_for(server.control) as client:
            return (await client.call("config-set", {"Dhcp4": "x" * 24_000_000}, answer_within=0.5)).text

    assert asyncio.run(run(FakeServer(read_slowly, reads=False))) == "done"


def test_a_connection_whose_request_was_not_read_to_its_end_is_not_used_again() -> None:
    async def answer_early(talk: Conversation) -> None:
        await talk.reader.readuntil(b"\r\n\r\n")
        await talk.send(WHOLE)
        await asyncio.Event().wait()

    async def run(server: FakeServer) -> None:
        async with server, client_for(server.control) as client:
            for _ in range(2):
                reply = await client.call("status-get", {"x": "y" * 24_000_000}, answer_within=1.0)
                assert reply.text == "done"

    server = FakeServer(answer_early, reads=False)
    asyncio.run(run(server))
    assert server.connections == 2


def test_a_call_that_is_given_up_ends_its_connection() -> None:
    rest: list[bytes] = []

    async def listen(talk: Conversation) -> None:
        with contextlib.suppress(ConnectionResetError):
            rest.append(await talk.reader.read())
        rest.append(b"end")

    async def run(server: FakeServer) -> None:
        async with server, client_for(server.control) as client:
            with pytest.raises(OutcomeUnknownError):
                await client.call("status-get", answer_within=0.1)
            await asyncio.sleep(0.1)
            assert rest[-1:] == [b"end"]

    asyncio.run(run(FakeServer(listen)))


def test_an_answer_that_keeps_moving_may_take_longer_than_the_silence() -> None:
    pieces = [WHOLE[index : index + 40] for index in range(0, len(WHOLE), 40)]
    slow = FakeServer(raw(*pieces, seconds=0.1))
    assert len(pieces) >= 4
    assert asyncio.run(one_call(slow, answer_within=0.3)).text == "done"


def test_an_answer_that_trickles_is_given_up() -> None:
    error = failure(FakeServer(trickle(WHOLE, 0.05)), answer_within=0.2)
    assert isinstance(error, OutcomeUnknownError)
    assert "slower than" in str(error)


def test_a_write_is_sent_once_whatever_happens_to_it() -> None:
    async def run(server: FakeServer) -> None:
        async with server, client_for(server.control) as client:
            await client.call("version-get")
            with pytest.raises(OutcomeUnknownError):
                await client.call("config-set")

    server = FakeServer(FINE, cut(b""), FINE)
    asyncio.run(run(server))
    assert [request.json["command"] for request in server.requests] == ["version-get", "config-set"]
    assert [request.connection for request in server.requests] == [0, 1]  # never on the one that was used before


def test_errors_of_httpx_itself_leave_the_outcome_unknown() -> None:
    def fail(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadError("no more", request=request)

    async def run() -> None:
        target = HttpTarget("http", "127.0.0.1", 80)
        channel = HttpChannel("kea-a", target, Login("kea", CANARY), httpx.MockTransport(fail))
        with pytest.raises(OutcomeUnknownError, match="kea-a: connection lost") as caught:
            await channel.exchange(b"{}", Patience(1.0, 1.0), is_repeatable=False)
        assert CANARY not in "".join(traceback.format_exception(caught.value))
        await channel.close()

    asyncio.run(run())
