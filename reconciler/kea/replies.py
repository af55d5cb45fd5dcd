"""From the bytes that came back to Kea's reply, or to the error that says what else they are. Pure.

Sources: Kea manual, "Control Channel" (shapes, result codes); the agent's texts and HTTP statuses as seen on 2.2.0.
"""

from __future__ import annotations

import gc
import re
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import orjson

from reconciler.errors import (
    AccessRefusedError,
    EndpointError,
    NotReachedError,
    OutcomeUnknownError,
    WrongAnswererError,
)
from reconciler.kea.channel_text import from_kea
from reconciler.redaction import Scrubber, hide_named_secrets, visible

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from reconciler.kea.channel import Answer
    from reconciler.model import Json

_LONGEST_EXCERPT = 200
_LOOKED_AT = 4_096  # of a foreign text; far more than an excerpt shows
_LARGE = 1_000_000  # bytes of JSON from which on what came of it is kept away from the garbage collector for good

# What the agent says instead of a daemon (src/bin/agent/ca_command_mgr.cc). With these reasons it had no connection to
# the daemon yet; with any other ("Operation canceled", "End of file", "Broken pipe") it had begun to forward.
_AGENT = re.compile(r"unable to forward command to the \S+ service: (?P<reason>.*)", re.DOTALL)
_NOT_FORWARDED = re.compile(r"No such file or directory|Connection refused|Permission denied")
_AGENT_LOST = re.compile(r"internal server error: (?:empty response received|unable to parse server's answer)")
_NOT_CONFIGURED = "forwarding socket is not configured for the server type"


@dataclass(frozen=True, slots=True)
class Reply:
    """What Kea said to one command.

    `result` is Kea's code: 0 done, 1 error, 2 unsupported command, 3 empty, 4 conflict, 5 failed with the
    configuration partly altered. `arguments` is None where there are none. `size` is that of the whole reply in
    bytes, `date` the server's clock (whole seconds) where HTTP told it; `asked_at` and `answered_at` are our
    monotonic clock in seconds.
    """

    result: int
    text: str = field(repr=False)
    arguments: Json = field(repr=False)
    size: int
    date: datetime | None
    asked_at: float
    answered_at: float


def excerpt(foreign: str | bytes | bytearray, scrubber: Scrubber) -> str:
    """Return at most 200 characters of text from elsewhere, fit to be shown: no secrets, no control characters."""
    piece = foreign[:_LOOKED_AT]
    text = piece if isinstance(piece, str) else bytes(piece).decode("utf-8", "replace")
    text = visible(hide_named_secrets(scrubber.scrub(text)))
    return text if len(text) <= _LONGEST_EXCERPT else text[: _LONGEST_EXCERPT - 1] + "…"


def read_reply(answer: Answer, label: str, scrubber: Scrubber, *, asked_at: float, answered_at: float) -> Reply:
    """Return the one reply in `answer`. Raises every kind of EndpointError; `label` begins their texts."""
    reader = _Reader(answer, label, scrubber)
    reader.check_status()
    reply = reader.single_map(reader.parsed())
    result, text = reply.get("result"), reply.get("text", "")
    if isinstance(result, bool) or not isinstance(result, int) or not isinstance(text, str):
        raise reader.wrong("its answer is not a reply of Kea's: result or text is missing or of a wrong type")
    if answer.status is not None:
        reader.check_agent(result, text)
    return Reply(result, text, reply.get("arguments"), len(answer.body), answer.date, asked_at, answered_at)


class _Reader:
    """Reads one answer; knows whom to name and what to hide in errors."""

    def __init__(self, answer: Answer, label: str, scrubber: Scrubber) -> None:
        self._answer = answer
        self._label = label
        self._scrubber = scrubber

    def wrong(self, why: str) -> WrongAnswererError:
        """Return the error for what is no reply of Kea's, with the beginning of it."""
        return WrongAnswererError(f"{self._label}: {why}; it begins: {self._quoted(self._answer.body)}")

    def _quoted(self, foreign: str | bytes | bytearray) -> str:
        return f'"{excerpt(foreign, self._scrubber)}"'

    # ------------------------------------------------------------------------------------------ HTTP

    def check_status(self) -> None:
        """Raise unless this is 200 with JSON, or no HTTP at all."""
        status = self._answer.status
        if status is None:
            return
        if status != 200:
            raise self._refusal(status)
        media_type = (self._answer.content_type or "").partition(";")[0].strip().lower()
        if media_type != "application/json":
            named = self._quoted(self._answer.content_type or "")
            raise self.wrong(f"its answer is not JSON but says to be {named}")

    def _refusal(self, status: int) -> EndpointError:
        label = self._label
        if status == 401:
            told = (
                "it takes other credentials than it was given (401): check what the credentials file has for it"
                if self._answer.is_logged_in
                else "it wants credentials and was given none (401): the credentials file needs an entry for it, by "
                "scheme, host and port"
            )
            return AccessRefusedError(f"{label}: {told}")
        if status == 403:
            return AccessRefusedError(f"{label}: it does not allow us this command (403)")
        if status in {408, 502, 503, 504}:  # a proxy in front, or a time-out: what was behind it may have worked
            return OutcomeUnknownError(f"{label}: HTTP status {status}; the command may have been executed")
        if 300 <= status < 400:
            return WrongAnswererError(f"{label}: it redirects elsewhere ({status}), which is never followed")
        return self.wrong(f"HTTP status {status}")

    # ------------------------------------------------------------------------------------------ JSON

    def parsed(self) -> Json:
        """Return the answer's JSON. What begins as JSON and breaks off was cut on its way: outcome unknown."""
        body = self._answer.body
        try:
            with _unhurried_by_garbage(len(body)):
                return orjson.loads(from_kea(body))
        except orjson.JSONDecodeError as error:
            fault = error.msg
        # Past the except block: the exception holds the whole text, which may be a configuration.
        if "depth" in fault or "ecursion" in fault:
            raise self.wrong("its answer is nested too deep")
        if body and body[:64].lstrip()[:1] not in (b"[", b"{"):
            raise self.wrong("its answer is not JSON")
        raise OutcomeUnknownError(
            f"{self._label}: its answer of {len(body)} bytes is cut or broken JSON; the command may have been executed"
        )

    def single_map(self, value: Json) -> dict[str, Json]:
        """Return the map that `value` is or holds; over HTTP a bare map can be a refusal in HTTP's own numbers."""
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        elif isinstance(value, dict) and self._answer.status is not None and value.get("result") in (400, 401, 403):
            raise self._refusal(value["result"])
        if not isinstance(value, dict):
            raise self.wrong("its answer is not a single reply of Kea's")
        return value

    def check_agent(self, result: int, text: str) -> None:
        """Raise where the agent answers that it could not hand the command over."""
        if result != 1:
            return
        if text.startswith(_NOT_CONFIGURED):
            raise WrongAnswererError(
                f"{self._label}: the control agent there has no socket of this service configured. Add it to "
                "control-sockets of the agent, or correct the address in the inventory"
            )
        if (agent := _AGENT.match(text)) and _NOT_FORWARDED.match(agent["reason"]):
            why = visible(agent["reason"].partition(".")[0])[:80]
            raise NotReachedError(f"{self._label}: the agent answers, the service behind it does not run ({why})")
        if agent or _AGENT_LOST.match(text):
            said = self._quoted(text)
            raise OutcomeUnknownError(f"{self._label}: the agent says {said}; the command may have been executed")


@contextmanager
def _unhurried_by_garbage(size: int) -> Iterator[None]:
    """Parse without collecting garbage meanwhile: twice to three times as fast from 48 kB to 42 MB (measured).

    What came of a large text is left out of later collections too: it has no cycles, and goes when its last user
    goes.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
        if size >= _LARGE:
            gc.freeze()
    finally:
        gc.enable()
