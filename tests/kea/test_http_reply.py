from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.kea.channel_faults import NotHttpError, TooLargeError
from reconciler.kea.http_reply import HttpReply

if TYPE_CHECKING:
    from collections.abc import Iterable

BODY = b'[{"result": 0}]'
SIZED = b"HTTP/1.1 200 OK\r\nContent-Length: 15\r\nContent-Type: application/json\r\n\r\n" + BODY
CHUNKED = (
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"5\r\n" + BODY[:5] + b"\r\n00A;ext=1\r\n" + BODY[5:] + b"\r\n0\r\nTrailer: x\r\n\r\n"
)
UNTIL_END = b"HTTP/1.0 200 OK\r\n\r\n" + BODY


def fed(reply: HttpReply, pieces: Iterable[bytes]) -> bool:
    is_whole = False
    for piece in pieces:
        is_whole = reply.feed(piece)
    return is_whole


def cuts(data: bytes, places: Iterable[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(edges)]


@given(st.sampled_from([SIZED, CHUNKED]), st.lists(st.integers(min_value=0), max_size=12))
def test_a_response_is_whole_at_its_last_byte_however_it_is_cut(response: bytes, places: list[int]) -> None:
    reply = HttpReply(100)
    assert not fed(reply, cuts(response[:-1], places))
    assert not reply.end()
    assert reply.feed(response[-1:])
    assert (reply.status, bytes(reply.body), reply.may_continue) == (200, BODY, True)


def test_every_single_byte_as_a_piece() -> None:
    for response in (SIZED, CHUNKED):
        reply = HttpReply(100)
        assert fed(reply, [response[index : index + 1] for index in range(len(response))])
        assert reply.body == BODY


def test_without_a_length_the_end_of_the_stream_ends_the_body() -> None:
    reply = HttpReply(100)
    assert not reply.feed(UNTIL_END)
    assert reply.end()
    assert (bytes(reply.body), reply.may_continue) == (BODY, False)


def test_headers_come_in_lower_case_and_in_order() -> None:
    reply = HttpReply(100)
    assert reply.feed(b"HTTP/1.1 401 \r\nContent-Length:0\r\nWWW-Authenticate: \tBasic realm=x \r\nX:\r\n\r\n")
    assert reply.headers == [(b"content-length", b"0"), (b"www-authenticate", b"Basic realm=x"), (b"x", b"")]


@pytest.mark.parametrize(
    ("head", "may_continue"),
    [
        (b"HTTP/1.1 200 OK\r\n", True),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\n", False),
        (b"HTTP/1.1 200 OK\r\nConnection: X, Close\r\n", False),
        (b"HTTP/1.0 200 OK\r\n", False),
        (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n", True),
    ],
)
def test_whether_the_connection_may_go_on(head: bytes, *, may_continue: bool) -> None:
    reply = HttpReply(100)
    assert reply.feed(head + b"Content-Length: 2\r\n\r\n{}")
    assert reply.may_continue is may_continue


@pytest.mark.parametrize("response", [SIZED, CHUNKED, b"HTTP/1.1 204 No Content\r\n\r\n"])
def test_more_than_was_announced_spoils_the_connection(response: bytes) -> None:
    reply = HttpReply(100)
    assert reply.feed(response + b"HTTP/1.1 200 OK")
    assert not reply.may_continue
    reply = HttpReply(100)
    assert fed(reply, [response[:-1], response[-1:] + b"x"])
    assert not reply.may_continue


@pytest.mark.parametrize(
    "response",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x15\x03\x01\x00\x02\x02\x16",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nBroken header\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: 1\r\n folded\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA : 1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: \x00\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1" * 2000,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + b"A: 1\r\n" * 20_000,
        b"HTTP/1.1 200 OK\r\nA: " + b"a" * 70_000,
        b"HTTP/1.1 200 OK\r\nA: " + b"a" * 70_000 + b"\r\n\r\n",
    ],
)
def test_what_breaks_the_rules_is_not_http(response: bytes) -> None:
    with pytest.raises(NotHttpError):
        HttpReply(100).feed(response)


@pytest.mark.parametrize(
    "response",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n65\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + (b"32\r\n" + b"a" * 50 + b"\r\n") * 3,
        b"HTTP/1.1 200 OK\r\n\r\n" + b"a" * 101,
    ],
)
def test_a_body_over_the_limit_is_refused_before_it_is_kept(response: bytes) -> None:
    reply = HttpReply(100)
    with pytest.raises(TooLargeError):
        reply.feed(response)
    assert len(reply.body) <= 100


@given(st.lists(st.binary(max_size=40) | st.sampled_from([b"HTTP/1.1 200 OK\r\n", b"\r\n", SIZED[:50], CHUNKED[:70]])))
def test_no_bytes_cause_anything_but_the_two_errors(pieces: list[bytes]) -> None:
    reply = HttpReply(1000)
    try:
        fed(reply, pieces)
    except (NotHttpError, TooLargeError):
        return
    reply.end()
    assert len(reply.body) <= 1000
