"""Every fault of a connection, on real sockets: which error it becomes, and what had been sent."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import socket
import traceback
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import (
    AccessRefusedError,
    EndpointError,
    NotReachedError,
    OutcomeUnknownError,
    WrongAnswererError,
)
from reconciler.kea.access import Credentials, Login, Settings, parse_origin
from reconciler.kea.access_targets import HttpTarget
from reconciler.kea.channel import Patience
from reconciler.kea.channel_faults import ClosedEarlierError, broken_off
from reconciler.kea.channel_wire import Wire
from reconciler.kea.client import Client, open_client
from reconciler.kea.http_channel import HttpChannel, read_date
from reconciler.kea.http_reply import HttpReply
from reconciler.model import Endpoint, Service
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

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from reconciler.kea.replies import Reply

CANARY = "kanarienvogel-7f3a"
FINE = answer(kea(text="2.2.0"))
SETTINGS = Settings(connect_seconds=2.0, answer_seconds=2.0, configuration_seconds=4.0, reply_bytes=1_000_000)


def client_for(control: str, settings: Settings = SETTINGS) -> Client:
    """A client that holds a password for where it goes, so that every test also shows that it doesn't leak."""
    login = Login("kea", CANARY)
    return open_client(Endpoint("kea-a", Service.DHCP4, control), settings, Credentials({parse_origin(control): login}))


async def one_call(server: FakeServer, command: str = "config-set", **how: float) -> Reply:
    async with server, client_for(server.control) as client:
        return await client.call(command, **how)


def failure(server: FakeServer, command: str = "config-set", **how: float) -> EndpointError:
    """The error of one call, after seeing that no secret is in it or in anything that it was raised from."""
    with pytest.raises(EndpointError) as caught:
        asyncio.run(one_call(server, command, **how))
    story = "".join(traceback.format_exception(caught.value))
    assert CANARY not in story
    assert base64.b64encode(f"kea:{CANARY}".encode()).decode() not in story
    assert str(caught.value).startswith("kea-a (dhcp4) at http://127.0.0.1:")
    return caught.value


# --------------------------------------------------------------------------------------- what is sent


def test_the_request_is_exactly_what_kea_takes() -> None:
    server = FakeServer(FINE)
    reply = asyncio.run(one_call(server, "version-get"))
    (request,) = server.requests
    token = base64.b64encode(f"kea:{CANARY}".encode()).decode()
    assert request.head[0] == "POST / HTTP/1.1"
    assert {line.partition(":")[0].lower(): line.partition(": ")[2] for line in request.head[1:]} == {
        "host": request.header("host"),
        "user-agent": request.header("user-agent"),
        "accept": "application/json",
        "accept-encoding": "identity",
        "content-type": "application/json",
        "content-length": str(len(request.body)),
        "authorization": f"Basic {token}",
    }
    assert request.json == {"command": "version-get", "service": ["dhcp4"]}
    assert (reply.result, reply.text, reply.arguments) == (0, "2.2.0", None)
    assert reply.date == datetime(2021, 11, 23, 15, 26, 19, tzinfo=UTC)
    assert reply.size == len(kea(text="2.2.0"))
    assert reply.asked_at < reply.answered_at


def test_nothing_in_the_environment_is_heeded(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9/")
    assert asyncio.run(one_call(FakeServer(FINE), "version-get")).result == 0


def test_a_login_for_another_port_is_not_sent() -> None:
    async def run(server: FakeServer) -> None:
        async with server:
            credentials = Credentials({"http://127.0.0.1:1": Login("kea", CANARY)})
            endpoint = Endpoint("kea-a", Service.DHCP4, server.control)
            async with open_client(endpoint, SETTINGS, credentials) as client:
                await client.call("version-get")

    server = FakeServer(FINE)
    asyncio.run(run(server))
    assert server.requests[0].header("authorization") is None


def test_a_name_is_looked_up_once_and_the_connection_goes_to_what_was_checked() -> None:
    looked_up: list[str] = []

    async def resolve(name: str) -> list[str]:
        looked_up.append(name)
        await asyncio.sleep(0.01)
        return ["127.0.0.1"] if len(looked_up) == 1 else ["192.0.2.1"]

    async def run(server: FakeServer) -> None:
        async with server:
            endpoint = Endpoint("kea-a", Service.DHCP4, f"http://kea.example.net:{server.port}/kea")
            async with open_client(endpoint, SETTINGS, Credentials(), resolve=resolve) as client:
                await client.call("version-get")
                await client.call("config-set")

    server = FakeServer(FINE)
    asyncio.run(run(server))
    assert looked_up == ["kea.example.net"]
    assert [request.head[0] for request in server.requests] == ["POST /kea HTTP/1.1"] * 2
    assert [request.header("host") for request in server.requests] == [f"kea.example.net:{server.port}"] * 2


def test_the_next_address_of_a_name_is_tried() -> None:
    async def resolve(_: str) -> list[str]:
        return ["::1", "127.0.0.1"]  # the fake listens on the second alone

    async def run(server: FakeServer) -> Reply:
        async with server:
            endpoint = Endpoint("kea-a", Service.DHCP4, f"http://kea.example.net:{server.port}/")
            async with open_client(endpoint, SETTINGS, Credentials(), resolve=resolve) as client:
                return await client.call("version-get")

    assert asyncio.run(run(FakeServer(FINE))).result == 0


def test_a_refused_target_never_hears_from_us() -> None:
    async def resolve(_: str) -> list[str]:
        return ["127.0.0.1", "169.254.169.254"]

    async def run(server: FakeServer) -> None:
        async with server:
            endpoint = Endpoint("kea-a", Service.DHCP4, f"http://kea.example.net:{server.port}/")
            async with open_client(endpoint, SETTINGS, Credentials(), resolve=resolve) as client:
                with pytest.raises(AccessRefusedError, match="always refused"):
                    await client.call("version-get")

    server = FakeServer(FINE)
    asyncio.run(run(server))
    assert server.connections == 0


@pytest.mark.parametrize("control", ["http://kea:hunter2@127.0.0.1/", "ftp://127.0.0.1/", "unix:relative"])
def test_an_address_that_is_none_is_refused_at_once(control: str) -> None:
    with pytest.raises(AccessRefusedError, match="control address can't be used") as caught:
        open_client(Endpoint("kea-a", Service.DHCP4, control), SETTINGS, Credentials())
    assert "hunter2" not in str(caught.value)


# ------------------------------------------------------------------------------------------ not reached


def test_a_refused_connection_is_not_reached() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but not listening
        control = f"http://127.0.0.1:{taken.getsockname()[1]}/"

        async def run() -> None:
            async with client_for(control) as client:
                await client.call("config-set")

        with pytest.raises(NotReachedError, match=r"ECONNREFUSED.*nothing was sent"):
            asyncio.run(run())


def test_a_connection_that_is_never_accepted_is_not_reached() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        control = f"http://127.0.0.1:{full.getsockname()[1]}/"
        waiting = [socket.create_connection(full.getsockname())]  # the backlog is full with that one

        async def run() -> None:
            async with client_for(control, Settings(connect_seconds=0.2)) as client:
                await client.call("config-set")

        try:
            with pytest.raises(NotReachedError, match="no connection in time; nothing was sent"):
                asyncio.run(run())
        finally:
            for connection in waiting:
                connection.close()


# -------------------------------------------------------------------------------------- outcome unknown

WHOLE = message(kea(text="done"))


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


# ------------------------------------------------------------------------------------ connections again


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


# --------------------------------------------------------------------------------------- access refused


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


# -------------------------------------------------------------------------------------- wrong answerer


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


# ----------------------------------------------------------------------------------------------- parts


def test_a_connection_that_is_known_to_be_closed_is_never_written_to() -> None:
    async def run(server: FakeServer) -> None:
        async with server:
            _, wire = await asyncio.get_running_loop().create_connection(Wire, "127.0.0.1", server.port)
            await asyncio.sleep(0.1)
            with pytest.raises(ClosedEarlierError):
                await wire.exchange([b"x"], HttpReply(100), 1.0)

    asyncio.run(run(FakeServer(cut(b""), reads=False)))
    assert isinstance(broken_off("kea-a", ClosedEarlierError()), NotReachedError)


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


@given(st.text() | st.dates().map(str) | st.from_regex(r"[A-Z][a-z]{2}, \d{1,5} [A-Z][a-z]{2} \d+ [\d:]+ [-+\dA-Z]+"))
def test_any_date_header_is_a_date_or_none(value: str) -> None:
    date = read_date(value)
    assert date is None or date.tzinfo is not None
