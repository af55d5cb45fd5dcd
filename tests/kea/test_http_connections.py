"""Connections that are used again, or must not be, on real sockets."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from reconciler.errors import (
    NotReachedError,
    OutcomeUnknownError,
)
from reconciler.kea.channel_faults import ClosedEarlierError, broken_off
from reconciler.kea.channel_wire import Wire
from reconciler.kea.http_reply import HttpReply
from tests.fakes.server import (
    Conversation,
    FakeServer,
    answer,
    cut,
    kea,
    message,
    raw,
)
from tests.kea.http_calls import FINE, WHOLE, client_for

if TYPE_CHECKING:
    pass


def test_reads_share_a_connection_and_are_asked_again_when_it_was_closed_meanwhile() -> None:
    async def run(server: FakeServer) -> list[str]:
        async with server, client_for(server.control) as client:
            return [(await client.call("status-get")).text for _ in range(3)]

    server = FakeServer(answer(kea(text="1")), answer(kea(text="2")), cut(b""), answer(kea(text="3")))
    assert asyncio.run(run(server)) == ["1", "2", "3"]
    assert [request.connection for request in server.requests] == [0, 0, 0, 1]


def test_a_connection_that_was_closed_while_idle_is_not_used() -> None:
    async def run(server: FakeServer) -> None:
        async with server, client_for(server.control) as client:
            for _ in range(2):
                await client.call("status-get")
                await asyncio.sleep(0.05)

    server = FakeServer(cut(WHOLE))
    asyncio.run(run(server))
    assert [request.connection for request in server.requests] == [0, 1]


def test_a_read_that_was_half_answered_is_not_asked_again() -> None:
    async def run(server: FakeServer) -> None:
        async with server, client_for(server.control) as client:
            await client.call("status-get")
            with pytest.raises(OutcomeUnknownError):
                await client.call("status-get")

    server = FakeServer(FINE, cut(WHOLE[:-3]))
    asyncio.run(run(server))
    assert len(server.requests) == 2


@pytest.mark.parametrize("stray", [b"x", WHOLE])
def test_what_comes_unasked_is_never_taken_for_the_next_answer(stray: bytes) -> None:
    async def run(server: FakeServer) -> list[str]:
        async with server, client_for(server.control) as client:
            first = await client.call("status-get")
            await asyncio.sleep(0.1)
            return [first.text, (await client.call("status-get")).text]

    for act in (raw(message(kea(text="1")), stray, seconds=0.03), raw(message(kea(text="1")) + stray)):
        server = FakeServer(act, answer(kea(text="2")))
        assert asyncio.run(run(server)) == ["1", "2"]
        assert [request.connection for request in server.requests] == [0, 1]


def test_several_calls_at_once_have_a_connection_each() -> None:
    async def slow(talk: Conversation) -> None:
        await asyncio.sleep(0.1)
        await talk.send(WHOLE)

    async def run(server: FakeServer) -> None:
        async with server, client_for(server.control) as client:
            replies = await asyncio.gather(*(client.call("status-get") for _ in range(5)))
            assert [reply.text for reply in replies] == ["done"] * 5

    server = FakeServer(slow)
    asyncio.run(run(server))
    assert server.connections == 5


def test_a_cancelled_call_leaves_no_half_used_connection() -> None:
    async def run(server: FakeServer) -> str:
        async with server, client_for(server.control) as client:
            await client.call("status-get")
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(client.call("status-get"), 0.1)
            return (await client.call("status-get")).text

    async def late(talk: Conversation) -> None:
        await asyncio.sleep(0.2)
        await talk.send(message(kea(text="late")))

    server = FakeServer(FINE, late, answer(kea(text="right")))
    assert asyncio.run(run(server)) == "right"


def test_a_connection_that_is_known_to_be_closed_is_never_written_to() -> None:
    async def run(server: FakeServer) -> None:
        async with server:
            _, wire = await asyncio.get_running_loop().create_connection(Wire, "127.0.0.1", server.port)
            await asyncio.sleep(0.1)
            with pytest.raises(ClosedEarlierError):
                await wire.exchange([b"x"], HttpReply(100), 1.0)

    asyncio.run(run(FakeServer(cut(b""), reads=False)))
    assert isinstance(broken_off("kea-a", ClosedEarlierError()), NotReachedError)
