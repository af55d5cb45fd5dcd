"""Where the pages are served, and what is said where they can't be."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import httpx
import pytest

from reconciler.errors import NotListeningError, UsageError
from reconciler.page.connections import MOST_AT_ONCE
from reconciler.page.serving import Serving, address_of, listen, url_of

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send


@pytest.mark.parametrize(
    ("text", "parts"),
    [("127.0.0.1:9767", ("127.0.0.1", 9767)), ("[::1]:0", ("::1", 0)), ("localhost:80", ("localhost", 80))],
)
def test_an_address_is_taken_apart(text: str, parts: tuple[str, int]) -> None:
    assert address_of(text) == parts


@pytest.mark.parametrize("text", ["9767", ":9767", "127.0.0.1", "127.0.0.1:", "::1:9767", "[::1]", "a:70000", "[a]:1"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="ADDRESS:PORT"):
        address_of(text)


def test_a_port_that_is_taken_is_said_with_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(NotListeningError) as told:
        listen(f"127.0.0.1:{taken.getsockname()[1]}")
    assert "Address already in use" in str(told.value)
    assert "--listen none" in str(told.value)


def test_a_page_that_others_reach_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    with listen("127.0.0.1:0") as quiet:
        assert url_of(quiet).startswith("http://127.0.0.1:")
    assert caplog.text == ""
    with listen("0.0.0.0:0"):
        assert "asks for no password" in caplog.text


# ------------------------------------------------------------------------------------- who says nothing


async def large(_scope: Scope, _receive: Receive, send: Send) -> None:
    """Answer more than any buffer takes."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"x" * 50_000_000})


async def small(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"ok"})


@asynccontextmanager
async def served(app: Callable[[Scope, Receive, Send], Awaitable[None]]) -> AsyncIterator[tuple[str, int]]:
    with listen("127.0.0.1:0") as listening:
        serving = Serving(app, listening)
        running = asyncio.create_task(serving.serve())
        try:
            yield listening.getsockname()
        finally:
            serving.stop()
            await running


@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\nHost: "])
def test_those_who_say_nothing_keep_nobody_out(said: bytes, caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> list[int]:
        async with served(small) as place:
            kept = [await asyncio.open_connection(*place) for _ in range(2 * MOST_AT_ONCE)]
            for _, writer in kept:
                writer.write(said)
            url = f"http://{place[0]}:{place[1]}/"
            async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
                found = [(await client.get(url)).status_code for _ in range(3)]
            for _, writer in kept:
                writer.close()
            return found

    assert asyncio.run(work()) == [200, 200, 200]
    assert "Exceeded" not in caplog.text


@pytest.mark.parametrize(
    ("app", "said"),
    [
        (small, b""),
        (small, b"GET / HTTP/1.1\r\nHost: "),
        (small, b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\n"),
        (small, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n"),
        (large, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
    ],
)
def test_who_does_not_go_on_is_left(
    monkeypatch: pytest.MonkeyPatch, app: Callable[[Scope, Receive, Send], Awaitable[None]], said: bytes
) -> None:
    """Nothing, half a request, half of the second, one without its body, and an answer that nobody takes."""
    monkeypatch.setattr("reconciler.page.connections._TO_ASK", 0.3)
    monkeypatch.setattr("reconciler.page.connections._TO_TAKE", 0.3)

    async def work() -> None:
        async with served(app) as place, asyncio.timeout(10):  # uvicorn itself would wait for 15 s between requests
            reader, writer = await asyncio.open_connection(*place, limit=1000)
            writer.write(said)
            await asyncio.sleep(0.6)
            try:
                while await reader.read(100_000):
                    pass
            except ConnectionError:
                pass
            finally:
                writer.close()

    asyncio.run(work())
