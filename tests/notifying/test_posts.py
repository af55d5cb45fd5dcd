"""Posting: in order, tried again, given up where that is hopeless, and never in the daemon's way."""

from __future__ import annotations

import asyncio
import http.server
import logging
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import orjson
import pytest

from reconciler.model import Event, Gravity, Told, Turn, Webhook, WebhookForm
from reconciler.notifying.posts import LONGEST, MOST, Posts, pause, post
from reconciler.state import database as schema
from reconciler.state.outbox import Outbox
from reconciler.state.runs import Store, open_store
from tests.notifying.test_news import DRIFT, HOOK, OVER, SUSPENDED

Answers = list[int | Exception]
URL = "https://hooks.example/x"


class Receiver:
    """Takes what is posted, and answers with what it was given, then with 200."""

    def __init__(self, *answers: int | Exception) -> None:
        self.answers: Answers = list(answers)
        self.got: list[str] = []

    async def send(self, url: str, content: bytes) -> int:
        assert url == HOOK.url
        answer = self.answers.pop(0) if self.answers else 200
        if isinstance(answer, Exception):
            raise answer
        if answer == 200:
            self.got.append(orjson.loads(content)["turn"])
        return answer


class Nowhere:
    """Keeps nothing."""

    def told(self, hook: str) -> Mapping[str, Told]:
        assert hook == HOOK.name
        return {}

    def waiting(self, _hook: str) -> Sequence[tuple[int, Event, Turn, Gravity]]:
        return ()

    def add(self, _hook: str, _event: Event, _turn: Turn, _weight: Gravity) -> int | None:
        return None

    def drop(self, number: int) -> None:
        raise AssertionError(number)

    def forget_told(self, _hook: str, _finding: str) -> None:
        pass


def told_to(receiver: Receiver, act: Callable[[Posts], Awaitable[None] | None]) -> list[float]:
    """Run posts with a sleep that takes no time; returns how long it was asked to wait."""
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        await asyncio.sleep(0)

    async def work() -> None:
        posts = Posts([HOOK], Nowhere(), send=receiver.send, sleep=sleep, chance=lambda: 0.5, host="h")
        running = asyncio.create_task(posts.run())
        done = act(posts)
        if done is not None:
            await done
        for _ in range(200):
            await asyncio.sleep(0)
        running.cancel()

    asyncio.run(work())
    return pauses


def begin_and_end(posts: Posts) -> None:
    for event in (DRIFT, DRIFT, OVER):
        posts.tell(event)


def test_it_is_told_in_order() -> None:
    receiver = Receiver()
    assert told_to(receiver, begin_and_end) == []
    assert receiver.got == ["begun", "recovered"]


def test_it_is_tried_again_and_later_each_time(caplog: pytest.LogCaptureFixture) -> None:
    receiver = Receiver(500, httpx.ConnectError(f"no {URL}"), 429, OSError("x"))
    with caplog.at_level(logging.INFO):
        assert told_to(receiver, begin_and_end) == [2.0, 6.0, 18.0, 54.0]
    assert receiver.got == ["begun", "recovered"]
    assert [record.getMessage() for record in caplog.records] == [
        "ops can't be told, and is tried again: status 500",
        "ops takes what it is told again",
    ]
    assert URL not in caplog.text


def test_what_is_never_taken_is_given_up(caplog: pytest.LogCaptureFixture) -> None:
    receiver = Receiver(404, 302)
    assert told_to(receiver, begin_and_end) == []
    assert receiver.got == []
    assert "status 404" in caplog.text


def test_a_daemon_that_starts_anew_tells_nothing_twice(tmp_path: Path) -> None:
    with closing(open_store(tmp_path / "state")) as store:
        assert lived(store, Receiver(), DRIFT) == ["begun"]
        assert lived(store, Receiver(), DRIFT, OVER) == ["recovered"]
        assert lived(store, Receiver(), OVER) == []


@pytest.mark.parametrize("is_killed", [False, True])
def test_what_a_webhook_did_not_take_is_told_by_the_next_daemon(tmp_path: Path, is_killed: bool) -> None:
    """Also what is over by then: the begin before the end."""
    with closing(open_store(tmp_path / "state")) as store:
        assert lived(store, Receiver(*[503] * 1000), DRIFT, is_killed=is_killed) == []
        assert lived(store, Receiver(*[503] * 1000), DRIFT, SUSPENDED, is_killed=is_killed) == []
        assert lived(store, Receiver(), DRIFT, OVER) == ["begun", "once", "recovered"]
        assert lived(store, Receiver(), DRIFT) == ["begun"]


def test_a_webhook_that_is_new_is_told_what_lasts_and_no_end_of_what_it_was_not_told(tmp_path: Path) -> None:
    with closing(open_store(tmp_path / "state")) as store:
        assert lived(store, Receiver(), DRIFT) == ["begun"]
        other = replace(HOOK, name="other")
        assert lived(store, Receiver(), OVER, hook=other) == []
        assert lived(store, Receiver(), DRIFT, hook=other) == ["begun"]
        assert lived(store, Receiver(), DRIFT) == ["begun"]  # one that was taken out of the settings meanwhile


def test_what_an_older_version_told_is_not_told_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of its parts nothing is known, and what only that version told of is given up."""
    with monkeypatch.context() as patched:
        later = next(n for n, each in enumerate(schema._MIGRATIONS) if "told ADD COLUMN parts" in each)
        patched.setattr(schema, "_MIGRATIONS", schema._MIGRATIONS[:later])
        with closing(open_store(tmp_path / "state")) as store:
            store.database.execute("INSERT INTO told VALUES ('ops', 'drift:hq', 'warning')")
            store.database.execute(
                "INSERT INTO notice VALUES (1, 'ops', 'once', 'info', '2026-01-01T00:00:00+00:00', 'resumed', 'info', "
                "'hq', NULL, NULL, '[]', '', NULL, 0)"
            )
    with closing(open_store(tmp_path / "state")) as store:
        assert lived(store, Receiver(), replace(DRIFT, parts=frozenset({"a"}))) == []
        assert lived(store, Receiver(), OVER) == ["recovered"]


def test_of_what_ended_unseen_the_next_begin_is_told(tmp_path: Path) -> None:
    with closing(open_store(tmp_path / "state")) as store:
        assert lived(store, Receiver(), DRIFT) == ["begun"]
        Posts([HOOK], Outbox(store, [HOOK.name])).settle([])
        assert lived(store, Receiver(), DRIFT) == ["begun"]


def test_a_state_directory_that_fails_keeps_nobody_from_being_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(open_store(tmp_path / "state")) as store:
        outbox = Outbox(store, [HOOK.name])
        store.database.execute("PRAGMA query_only=ON")
        receiver = Receiver()

        async def work() -> None:
            posts = Posts([HOOK], outbox, send=receiver.send, host="h")
            posts.tell(DRIFT)
            await posts.finish(5)

        asyncio.run(work())
    assert receiver.got == ["begun"]
    assert "what ops is to be told can't be remembered" in caplog.text


def lived(store: Store, receiver: Receiver, *events: Event, hook: Webhook = HOOK, is_killed: bool = False) -> list[str]:
    """What a webhook took while one daemon lived that told of these events."""

    async def work() -> None:
        posts = Posts([hook], Outbox(store, [hook.name]), send=receiver.send, host="h", sleep=turn)
        running = asyncio.create_task(posts.run())
        for event in events:
            posts.tell(event)
        for _ in range(50):
            await asyncio.sleep(0)
        running.cancel()
        if not is_killed:
            await posts.finish(0.05)

    async def turn(_: float) -> None:
        await asyncio.sleep(0.001)

    asyncio.run(work())
    return receiver.got


def test_of_too_many_the_oldest_go(caplog: pytest.LogCaptureFixture) -> None:
    receiver = Receiver()

    async def work() -> None:
        posts = Posts([HOOK], Nowhere(), send=receiver.send, host="h")
        for _ in range(MOST + 3):
            posts.tell(SUSPENDED)
        await posts.finish(20)

    asyncio.run(work())
    assert len(receiver.got) == MOST
    assert caplog.text.count("given up") == 3


def test_at_the_end_it_waits_for_nobody_for_long(caplog: pytest.LogCaptureFixture) -> None:
    async def send(_url: str, _content: bytes) -> int:
        await asyncio.sleep(60)
        return 200

    async def work() -> None:
        posts = Posts([HOOK], Nowhere(), send=send, host="h")
        posts.tell(DRIFT)
        await posts.finish(0.05)

    began = time.monotonic()
    asyncio.run(work())
    assert time.monotonic() - began < 10
    assert "was not told, and is when a daemon runs again: hq has drifted" in caplog.text


def test_pauses_grow_to_a_limit_and_differ() -> None:
    assert [round(pause(n, 0.5)) for n in (1, 2, 3, 4, 5, 6, 100)] == [2, 6, 18, 54, 162, 300, 300]
    assert pause(1, 0.0) == pytest.approx(1.6)
    assert pause(9, 1.0) <= LONGEST * 1.21


@contextmanager
def listening(received: list[tuple[str, str, bytes]]) -> Iterator[str]:
    class Answer(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            received.append((self.path, self.headers["Content-Type"], content))
            self.send_response(302 if self.path == "/moved" else 204)
            self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_over_the_wire() -> None:
    received: list[tuple[str, str, bytes]] = []
    with listening(received) as url:
        hook = replace(HOOK, url=f"{url}/services/T1?key=2", form=WebhookForm.SLACK)

        async def work() -> list[int]:
            posts = Posts([hook], Nowhere())
            posts.tell(DRIFT)
            await posts.finish(10)
            return [await post(f"{url}/moved", b"{}")]

        assert asyncio.run(work()) == [302]
    ((path, kind, content), (moved, _, _)) = received  # no redirect is followed
    assert (path, kind, moved) == ("/services/T1?key=2", "application/json", "/moved")
    assert "hq has drifted" in orjson.loads(content)["text"]


@pytest.mark.parametrize(
    ("answer", "drip", "expected"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65536, 200),  # an answer without an end is not read
        (b"HTTP/1.1 200 OK\r\nX: ", b"x", None),  # one that never gets to it is given up in time
    ],
)
def test_an_answer_without_an_end_holds_nothing_up(
    monkeypatch: pytest.MonkeyPatch, answer: bytes, drip: bytes, expected: int | None
) -> None:
    monkeypatch.setattr("reconciler.notifying.posts._SECONDS", 0.5 if expected is None else 60.0)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65536)
        writer.write(answer)
        try:
            while True:
                writer.write(drip)
                await writer.drain()
                await asyncio.sleep(0.01)
        except OSError:  # it was left
            writer.transport.abort()
            left.set()

    left = asyncio.Event()

    async def work() -> int | None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        try:
            return await post(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", b"{}")
        except TimeoutError:
            return None
        finally:
            server.close()
            await asyncio.wait_for(left.wait(), 30)
            await asyncio.sleep(0.05)  # until the transport is closed

    began = time.monotonic()
    assert asyncio.run(work()) == expected
    assert time.monotonic() - began < 30
