"""A TCP proxy between the reconciler and one Kea: a log of every command, and faults on demand.

It forwards whole HTTP requests and whole replies, so a fault happens exactly where it is said to happen:
"executed, but the reply was lost" means that Kea had answered.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

from lab.faults import NEVER_REACHES_KEA, Exchange, Fault, Rule, overlap, result_of
from lab.messages import MessageReader, reply
from lab.ports import Port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Exchange", "Fault", "Proxy", "Rule", "overlap"]

_RST = struct.pack("ii", 1, 0)  # SO_LINGER with no time left: close() resets the connection


class Proxy:
    """Listens at `control` and forwards to the agent at `upstream` (an http URL) until `close()`.

    `log` holds every request in the order in which they came. Usable as a context manager.
    """

    def __init__(self, upstream: str) -> None:
        self.lead_to(upstream)
        self._port = Port()
        self._listener: socket.socket | None = None
        self._closing = threading.Event()
        self._connections: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._rules: list[Rule] = []
        self.log: list[Exchange] = []
        self.accept()

    @property
    def control(self) -> str:
        """The URL to use instead of the agent's."""
        return f"http://127.0.0.1:{self._port.number}/"

    def lead_to(self, upstream: str) -> None:
        """Forward to another agent from now on."""
        parts = urlsplit(upstream)
        self._upstream = (parts.hostname or "127.0.0.1", parts.port or 80)

    # ------------------------------------------------------------------------------------------ faults

    def on(
        self,
        match: bytes,
        fault: Fault,
        *,
        seconds: float = 0.0,
        reply: bytes = b"",
        times: int | None = None,
        before: Callable[[bytes], object] | None = None,
    ) -> Rule:
        """From now on: `fault` for requests that contain `match` (see Rule). The latest rule that fits wins."""
        rule = Rule(fault, match, seconds, reply, times, before)
        with self._lock:
            self._rules.insert(0, rule)
        return rule

    def heal(self) -> None:
        """Forget all rules and accept connections: from now on everything passes."""
        with self._lock:
            self._rules.clear()
        self.accept()

    def refuse(self) -> None:
        """Refuse connections from now on, and drop those that are open."""
        with self._lock:
            listener, self._listener = self._listener, None
            for connection in (*self._connections, *([] if listener is None else [listener])):
                _shut(connection)
        self._accepting.join()

    def accept(self) -> None:
        """Accept connections (again)."""
        if self._listener is not None:
            return
        listener = socket.create_server(("127.0.0.1", self._port.number), backlog=128)
        self._listener = listener
        self._accepting = self._run(lambda: self._accept_from(listener))

    # --------------------------------------------------------------------------------------------- log

    def commands(self, service: str | None = None) -> list[str]:
        """The names of all commands so far, in order; with `service`, of those for that service."""
        return [seen.command for seen in self.seen() if service is None or seen.service == service]

    def seen(self, *names: str) -> list[Exchange]:
        """The exchanges so far, in order; with names, those of these commands."""
        with self._lock:
            return [exchange for exchange in self.log if not names or exchange.command in names]

    def forget(self) -> None:
        """Empty the log."""
        with self._lock:
            self.log.clear()

    # ------------------------------------------------------------------------------------------ ending

    def close(self) -> None:
        """Drop every connection, stop listening and give the port back."""
        self._closing.set()
        self.refuse()
        for thread in tuple(self._threads):
            thread.join()
        self._port.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ------------------------------------------------------------------------------------------ inside

    def _run(self, work: Callable[[], None]) -> threading.Thread:
        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        self._threads = [known for known in self._threads if known.is_alive()] + [thread]
        return thread

    def _accept_from(self, listener: socket.socket) -> None:
        with listener, contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                self._run(lambda client=client: self._serve(client))  # type: ignore[misc]

    def _serve(self, client: socket.socket) -> None:
        """Answer the requests of one connection until it ends, is cut, or the proxy closes."""
        with client, contextlib.suppress(OSError), self._known(client):
            reader = MessageReader(client)
            while (message := reader.next()) is not None and self._answer(client, *message):
                pass

    def _answer(self, client: socket.socket, head: bytes, body: bytes) -> bool:
        """Treat one request as the rules say; False when the connection is to be closed."""
        rule, exchange = self._noted(body)
        if rule.before is not None:
            rule.before(body)
        match rule.fault:
            case Fault.ANSWER:
                client.sendall(_whole(rule.reply))
                return True
            case Fault.SWALLOW:
                _until_gone(client)
                return False
            case Fault.RESET:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RST)
                return False
            case Fault.DELAY_REQUEST:
                self._closing.wait(rule.seconds)
        answer = self._forwarded(head + body, exchange)
        return answer is not None and self._give_back(client, rule, *answer)

    def _give_back(self, client: socket.socket, rule: Rule, head: bytes, body: bytes) -> bool:
        """Send Kea's answer, or what the rule makes of it; False when the connection is to be closed."""
        half = len(body) // 2
        match rule.fault:
            case Fault.CUT_BEFORE_REPLY:
                return False
            case Fault.CUT_IN_REPLY:
                client.sendall(head + body[:half])
                return False
            case Fault.DELAY:
                self._closing.wait(rule.seconds)
            case Fault.TRUNCATE:
                head, body = b"", reply(body[:half])
            case Fault.REPLACE:
                head, body = b"", _whole(rule.reply)
        client.sendall(head + body)
        return True

    def _noted(self, body: bytes) -> tuple[Rule, Exchange]:
        with self._lock:
            rule = next((rule for rule in self._rules if rule.claims(body)), Rule(Fault.PASS))
            exchange = Exchange.of(body, time.monotonic(), rule.fault)
            if rule.fault in NEVER_REACHES_KEA:
                exchange.ended = exchange.started
            self.log.append(exchange)
        return rule, exchange

    def _forwarded(self, request: bytes, exchange: Exchange) -> tuple[bytes, bytes] | None:
        """Kea's answer to the request, over a connection of its own; None where it gave none."""
        try:
            with socket.create_connection(self._upstream) as kea, self._known(kea):
                kea.sendall(request)
                answer = MessageReader(kea).next()
        except OSError:
            answer = None
        with self._lock:
            exchange.ended = time.monotonic()
            exchange.result = None if answer is None else result_of(answer[1])
        return answer

    @contextlib.contextmanager
    def _known(self, connection: socket.socket) -> Iterator[None]:
        """Let `refuse()` find the connection; one that comes too late for that is shut here."""
        with self._lock:
            self._connections.add(connection)
            if self._listener is None:
                _shut(connection)
        try:
            yield
        finally:
            with self._lock:
                self._connections.discard(connection)


def _until_gone(client: socket.socket) -> None:
    """Wait until the client gives up, or the proxy drops the connection."""
    while client.recv(1 << 16):
        pass


def _whole(answer: bytes) -> bytes:
    """`answer` where it is an HTTP message already, else one with that body."""
    return answer if answer.startswith(b"HTTP/") else reply(answer)


def _shut(connection: socket.socket) -> None:
    """Wake whoever waits on the socket; he closes it."""
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
