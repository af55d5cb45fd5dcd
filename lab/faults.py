"""What the proxy can do to a request, and the record of what went through it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class Fault(StrEnum):
    """What happens to a request and its reply."""

    PASS = "pass"  # noqa: S105 - not a password
    """Forwarded, and the reply given back: to exempt some requests from a wider rule behind it."""
    CUT_BEFORE_REPLY = "cut-before-reply"
    """Executed by Kea, but the connection is closed instead of the reply."""
    CUT_IN_REPLY = "cut-in-reply"
    """Executed; the connection is closed after half of the promised reply."""
    TRUNCATE = "truncate"
    """Executed; half of the body arrives as if it were whole (broken JSON in a complete HTTP message)."""
    DELAY = "delay"
    """Executed; the reply is kept back for `seconds`."""
    DELAY_REQUEST = "delay-request"
    """The request reaches Kea only after `seconds`, even if the client has given up meanwhile."""
    REPLACE = "replace"
    """Executed; `reply` comes instead of Kea's (a whole HTTP message, or the body of one)."""
    ANSWER = "answer"
    """Never reaches Kea; `reply` is the answer."""
    SWALLOW = "swallow"
    """Never reaches Kea; the connection stays open and silent."""
    RESET = "reset"
    """Never reaches Kea; the connection is reset (RST)."""


NEVER_REACHES_KEA = frozenset({Fault.ANSWER, Fault.SWALLOW, Fault.RESET})


@dataclass(slots=True)
class Rule:
    """`fault` for the next `times` requests (None: all) that contain `match`. `before` is called first, with the
    request's body: the place to change the world in between.
    """

    fault: Fault
    match: bytes = b""
    seconds: float = 0.0
    reply: bytes = b""
    times: int | None = None
    before: Callable[[bytes], object] | None = None

    def claims(self, body: bytes) -> bool:
        """Whether this rule is for the request; counts it if so."""
        if self.times == 0 or self.match not in body:
            return False
        if self.times is not None:
            self.times -= 1
        return True


@dataclass(slots=True)
class Exchange:
    """One request that reached the proxy. `started` and `ended` are time.monotonic() in seconds; `ended` is None
    while Kea has not answered. `result` is Kea's own, None where there was no (readable) reply.
    """

    started: float
    command: str
    service: str | None
    body: bytes = field(repr=False)
    fault: Fault = Fault.PASS
    ended: float | None = None
    result: int | None = None

    @property
    def arguments(self) -> Any:
        """The command's arguments as they were sent, None without any."""
        return orjson.loads(self.body).get("arguments")

    @classmethod
    def of(cls, body: bytes, started: float, fault: Fault) -> Exchange:
        """The record of a request; one that is no command of Kea's is called "?"."""
        try:
            request = orjson.loads(body)
            service = (request.get("service") or [None])[0]
            return cls(started, str(request["command"]), service, body, fault)
        except (ValueError, KeyError, AttributeError):
            return cls(started, "?", None, body, fault)


def result_of(body: bytes) -> int | None:
    """The result in a reply of Kea's (a list with one map, or a map), None where it can't be read."""
    try:
        reply = orjson.loads(body)
        first = reply[0] if isinstance(reply, list) else reply
        return int(first["result"])
    except (ValueError, KeyError, IndexError, TypeError):
        return None


def overlap(one: Iterable[Exchange], other: Iterable[Exchange]) -> list[tuple[Exchange, Exchange]]:
    """The pairs of exchanges, one from each log, that were under way at the same time."""
    others = list(other)
    return [(a, b) for a in one for b in others if _until(a) > b.started and _until(b) > a.started]


def _until(exchange: Exchange) -> float:
    return float("inf") if exchange.ended is None else exchange.ended
