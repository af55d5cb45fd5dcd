"""When a server that gives no answer is taken for unreachable."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from reconciler.cli import session
from reconciler.cli.watch import edges_of
from reconciler.errors import EndpointError, NotReachedError, OutcomeUnknownError
from reconciler.kea.access import Credentials, Settings
from reconciler.model import Live, Snapshot, Unreachable
from reconciler.watching import reading
from reconciler.watching.reading import Reader
from tests.watching.test_decisions import ENDPOINT, SNAPSHOT

if TYPE_CHECKING:
    from reconciler.kea.client import Client
    from reconciler.model import Endpoint


@pytest.mark.parametrize(
    ("failure", "cause", "times", "tried"),
    [
        (NotReachedError, TimeoutError(), 1, 2),  # too little processor here
        (NotReachedError, TimeoutError(), 9, 2),  # nobody is there
        (NotReachedError, ConnectionRefusedError(), 9, 1),
        (OutcomeUnknownError, TimeoutError(), 9, 1),  # it was asked, and is silent
    ],
)
def test_only_a_connection_that_takes_too_long_is_tried_once_more(
    failure: type[EndpointError], cause: Exception, times: int, tried: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Endpoint] = []

    async def answer(_: Client, endpoint: Endpoint) -> Snapshot:
        asked.append(endpoint)
        if len(asked) <= times:
            raise failure("no connection") from cause
        return SNAPSHOT

    monkeypatch.setattr(reading, "read", answer)

    async def look() -> Live:
        reader = Reader(edges_of(session.Session(Settings(), Credentials())), 1)
        try:
            (found,) = (await reader.read([ENDPOINT])).values()
            assert len(asked) == tried
            if isinstance(found, Unreachable):
                await reader.read([ENDPOINT], is_eager=True)
                assert len(asked) == tried + 1  # one that is known to fail is asked once
        finally:
            await reader.close()
        return found

    assert isinstance(asyncio.run(look()), Snapshot if times < tried else Unreachable)


def test_the_connection_to_a_server_that_is_named_no_more_is_closed_but_not_while_it_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other = replace(ENDPOINT, server="kea-c")
    closed: list[Endpoint] = []
    is_let = asyncio.Event()

    class Open:
        def __init__(self, endpoint: Endpoint, _: object) -> None:
            self.endpoint = endpoint

        async def close(self) -> None:
            closed.append(self.endpoint)

    async def answer(_: Client, endpoint: Endpoint) -> Snapshot:
        if endpoint is other:
            await is_let.wait()
        return replace(SNAPSHOT, endpoint=endpoint)

    monkeypatch.setattr(reading, "read", answer)

    async def look() -> None:
        reader = Reader(replace(edges_of(session.Session(Settings(), Credentials())), open_client=Open), 2)  # type: ignore[arg-type]
        await reader.read([ENDPOINT])
        busy = asyncio.create_task(reader.read([other]))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        reader.forget_others([ENDPOINT, other])
        await asyncio.sleep(0)
        assert closed == []
        reader.forget_others([])
        await asyncio.sleep(0)
        assert closed == [ENDPOINT]
        is_let.set()
        assert isinstance((await busy)[other.server, other.service], Snapshot)
        assert closed == [ENDPOINT]
        reader.forget_others([])
        await asyncio.sleep(0)
        assert closed == [ENDPOINT, other]
        await reader.close()
        assert closed == [ENDPOINT, other]

    asyncio.run(look())
