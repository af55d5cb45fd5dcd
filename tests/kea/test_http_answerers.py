"""Refusals and what is not Kea: which error each becomes, on real sockets."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import (
    AccessRefusedError,
    WrongAnswererError,
)
from reconciler.kea.http_channel import read_date
from tests.fakes.server import (
    Conversation,
    FakeServer,
    answer,
    kea,
    raw,
)
from tests.kea.http_calls import CANARY, FINE, client_for, failure

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


@pytest.mark.parametrize(
    "act",
    [
        answer(b'{"result": 401, "text": "Unauthorized"}', status="401 Unauthorized"),
        answer(b'{"result": 403, "text": "Forbidden"}', status="403 Forbidden"),
        answer(b"<html>no</html>", status="403 Forbidden", content_type="text/html"),
        answer(b'{"result": 401, "text": "Unauthorized"}'),
        answer(b'{"result": 403, "text": "Forbidden"}'),
    ],
)
def test_refusals_are_told_apart_and_not_repeated(act: Callable[[Conversation], Awaitable[None]]) -> None:
    server = FakeServer(act)
    assert isinstance(failure(server, "status-get"), AccessRefusedError)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "act",
    [
        answer(b'{"result": 400, "text": "Bad Request"}', status="400 Bad Request"),
        answer(b'{"result": 400, "text": "Bad Request"}'),
        answer(b"<html>hello</html>", content_type="text/html"),
        answer(b"<html>hello</html>"),
        answer(kea(), content_type="text/plain"),
        answer(kea(), content_type="application/jsonx"),
        answer(b"", status="302 Found\r\nLocation: http://192.0.2.1/"),
        answer(b"", status="307 Temporary Redirect\r\nLocation: http://192.0.2.1/"),
        answer(kea(), status="500 Internal Server Error"),
        answer(kea(), status="404 Not Found"),
        answer(b"[]"),
        answer(b'[{"result":0},{"result":0}]'),
        answer(b"[[]]"),
        answer(b"17"),
        answer(b'"result"'),
        answer(b"{}"),
        answer(b'[{"result":"0"}]'),
        answer(b'[{"result":true}]'),
        answer(b'[{"result":0.0}]'),
        answer(b'[{"result":0,"text":7}]'),
        answer(b"[" * 5000 + b"]" * 5000),
        answer(b'[{"result":0,"arguments":' + b'{"a":' * 5000 + b"1" + b"}" * 5001 + b"]"),
        answer(kea(text="x" * 1_000_001)),
        raw(b"HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n"),
        raw(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n", b"x" * 1_500_000),
        raw(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"),
        raw(b"\x15\x03\x01\x00\x02\x02\x16"),
    ],
)
def test_what_is_not_kea_is_a_wrong_answerer(act: Callable[[Conversation], Awaitable[None]]) -> None:
    server = FakeServer(act)
    assert isinstance(failure(server), WrongAnswererError)
    assert len(server.requests) == 1


def test_a_redirect_is_not_followed() -> None:
    async def run() -> list[int]:
        async with FakeServer(FINE) as elsewhere:
            redirect = answer(b"", status=f"307 Temporary Redirect\r\nLocation: {elsewhere.control}")
            async with FakeServer(redirect) as server, client_for(server.control) as client:
                with pytest.raises(WrongAnswererError, match="redirects"):
                    await client.call("status-get")
                return [len(server.requests), elsewhere.connections]

    assert asyncio.run(run()) == [1, 0]


def test_excerpts_are_short_printable_and_without_secrets() -> None:
    evil = f"\x1b]0;title\x07 \u202e password={CANARY} {CANARY} ".encode() + b"\xff" + b"long " * 1000
    error = failure(FakeServer(answer(evil, content_type="text/html")))
    text = str(error)
    assert text.isprintable()
    assert len(text) < 450
    assert "\\x1b]0;title\\x07 \\u202e password=(hidden)" in text


def test_a_password_that_is_cut_by_the_end_of_the_excerpt_does_not_show_its_beginning() -> None:
    for padding in range(170, 205):
        error = failure(FakeServer(answer(b"<" + b"x" * padding + CANARY.encode(), content_type="text/html")))
        assert CANARY[:4] not in str(error)


@given(st.text() | st.dates().map(str) | st.from_regex(r"[A-Z][a-z]{2}, \d{1,5} [A-Z][a-z]{2} \d+ [\d:]+ [-+\dA-Z]+"))
def test_any_date_header_is_a_date_or_none(value: str) -> None:
    date = read_date(value)
    assert date is None or date.tzinfo is not None
