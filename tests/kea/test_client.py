from __future__ import annotations

import asyncio
import gc
import sys
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import EndpointError, NotReachedError, OutcomeUnknownError, WrongAnswererError
from reconciler.kea.access import Settings
from reconciler.kea.channel import Answer, Patience
from reconciler.kea.channel_text import from_kea
from reconciler.kea.client import Client
from reconciler.kea.replies import Reply, excerpt
from reconciler.model import Endpoint, Service
from reconciler.redaction import Scrubber
from tests.fakes.server import kea

if TYPE_CHECKING:
    from collections.abc import Iterator

SETTINGS = Settings(connect_seconds=1.5, answer_seconds=20.0, configuration_seconds=180.0)


class Tape:
    """A channel that plays one answer back and keeps what it was asked."""

    label = "kea-a (dhcp4) at tape"

    def __init__(self, body: bytes, *, status: int | None = 200) -> None:
        self.names_service = status is not None
        self.answer = Answer(body, status, None if status is None else "application/json; charset=utf-8")
        self.asked: list[tuple[Any, Patience, bool]] = []
        self.sent = b""
        self.is_closed = False

    async def exchange(self, request: bytes, patience: Patience, *, is_repeatable: bool) -> Answer:
        self.sent = request
        self.asked.append((orjson.loads(from_kea(request)), patience, is_repeatable))
        return self.answer

    async def close(self) -> None:
        self.is_closed = True


def call(tape: Tape, command: str = "status-get", arguments: Any = None, **how: Any) -> Reply:
    async def run() -> Reply:
        clock: Iterator[float] = iter((10.0, 12.5))
        endpoint = Endpoint("kea-a", Service.DHCP4, "")
        async with Client(endpoint, tape, SETTINGS, clock=lambda: next(clock)) as client:
            return await client.call(command, arguments, **how)

    reply = asyncio.run(run())
    assert tape.is_closed
    return reply


def test_what_kea_says_is_returned_as_it_is() -> None:
    body = kea(result=3, text="nothing", arguments={"leases": []})
    reply = call(Tape(body))
    assert reply == Reply(3, "nothing", {"leases": []}, len(body), None, 10.0, 12.5)


@pytest.mark.parametrize("result", [0, 1, 2, 3, 4, 5, 1001, -7])
def test_no_result_code_is_an_exception(result: int) -> None:
    assert call(Tape(kea(result=result, text="x"))).result == result
    assert call(Tape(orjson.dumps({"result": result}), status=None)).result == result


def test_a_map_is_taken_over_http_too() -> None:
    assert call(Tape(b'{"result": 0, "text": "x"}')).text == "x"


def test_a_reply_shows_neither_text_nor_arguments() -> None:
    reply = call(Tape(kea(text="secret text", arguments={"password": "secret"})))
    assert "secret" not in repr(reply)


def test_requests_name_the_service_over_http_alone() -> None:
    http, unix = Tape(kea()), Tape(b'{"result": 0}', status=None)
    call(http, "config-set", {"Dhcp4": {"a": [1]}})
    call(unix, "config-set", {"Dhcp4": {"a": [1]}})
    expected = {"command": "config-set", "arguments": {"Dhcp4": {"a": [1]}}}
    assert http.asked[0][0] == {**expected, "service": ["dhcp4"]}
    assert unix.asked[0][0] == expected


def test_json_that_is_ready_is_sent_as_it_is() -> None:
    tape = Tape(kea())
    call(tape, "config-set", {"Dhcp4": orjson.Fragment(b'{"valid-lifetime":4000}')})
    assert tape.asked[0][0]["arguments"] == {"Dhcp4": {"valid-lifetime": 4000}}


def test_text_goes_out_as_the_bytes_that_came_in() -> None:
    tape = Tape(b'{"result": 0, "text": "\\u00c3\\u00a9 \\u00e9"}', status=None)
    text = call(tape).text
    assert text == "é \U0010ffe9"
    call(tape, "config-set", [text])
    assert tape.sent == b'{"command":"config-set","arguments":["\xc3\xa9 \xe9"]}'


@pytest.mark.parametrize(
    ("command", "seconds", "is_repeatable"),
    [
        ("config-get", 180.0, True),
        ("config-set", 180.0, False),
        ("config-test", 180.0, False),
        ("config-write", 180.0, False),
        ("config-reload", 180.0, False),
        ("status-get", 20.0, True),
        ("list-commands", 20.0, True),
        ("ha-scopes", 20.0, False),
        ("ha-sync", 20.0, False),
        ("dhcp-disable", 20.0, False),
        ("never-heard-of", 20.0, False),
    ],
)
def test_patience_and_repetition_by_command(command: str, seconds: float, *, is_repeatable: bool) -> None:
    tape = Tape(kea(arguments={"Dhcp4": {}}))
    call(tape, command)
    call(tape, command, answer_within=0.5)
    assert [asked[1:] for asked in tape.asked] == [
        (Patience(1.5, seconds), is_repeatable),
        (Patience(1.5, 0.5), is_repeatable),
    ]


# ----------------------------------------------------------------------------------- what the agent says

OFFLINE = "unable to forward command to the dhcp4 service: {}. The server is likely to be offline"


@pytest.mark.parametrize("reason", ["No such file or directory", "Connection refused", "Permission denied"])
def test_an_agent_without_its_daemon_has_executed_nothing(reason: str) -> None:
    with pytest.raises(NotReachedError, match=f"the service behind it does not run .{reason}."):
        call(Tape(kea(result=1, text=OFFLINE.format(reason))), "config-set")


@pytest.mark.parametrize(
    "text",
    [
        OFFLINE.format("Operation canceled"),
        OFFLINE.format("Connection timed out"),
        OFFLINE.format("Broken pipe"),
        OFFLINE.format("End of file"),
        OFFLINE.format("Connection reset by peer"),
        OFFLINE.format("something new"),
        "internal server error: empty response received from the unix domain socket",
        "internal server error: unable to parse server's answer to the forwarded message: x",
    ],
)
def test_an_agent_that_had_begun_to_forward_leaves_the_outcome_unknown(text: str) -> None:
    with pytest.raises(OutcomeUnknownError):
        call(Tape(kea(result=1, text=text)), "config-set")


def test_an_agent_without_the_service_needs_a_person() -> None:
    text = "forwarding socket is not configured for the server type dhcp4"
    with pytest.raises(WrongAnswererError, match="control-sockets"):
        call(Tape(kea(result=1, text=text)))


def test_a_daemon_may_use_the_agents_words() -> None:
    text = OFFLINE.format("Connection refused")
    assert call(Tape(kea(result=0, text=text))).text == text
    assert call(Tape(orjson.dumps({"result": 1, "text": text}), status=None)).text == text
    assert call(Tape(kea(result=1, text=f"x {text}"))).text == f"x {text}"


@pytest.mark.parametrize("arguments", [{"Dhcp6": {}}, {"Control-agent": {}}, {}, [], None])
def test_a_configuration_of_another_service_is_a_wrong_answerer(arguments: Any) -> None:
    with pytest.raises(WrongAnswererError, match="another service answers there"):
        call(Tape(kea(arguments=arguments)), "config-get")


def test_a_config_get_that_failed_is_a_reply() -> None:
    assert call(Tape(kea(result=1, text="no")), "config-get").text == "no"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-1000, 1000) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["result", "text", "arguments", "x"]), inner, max_size=4)
    ),
    max_leaves=10,
)


@given(json_values.map(orjson.dumps) | st.binary(max_size=60), st.sampled_from([None, 200, 201, 400, 401, 403, 500]))
def test_any_answer_is_a_reply_or_one_of_our_errors(body: bytes, status: int | None) -> None:
    outcome: Reply | EndpointError
    try:
        outcome = call(Tape(body, status=status))
    except EndpointError as error:
        outcome = error
    if isinstance(outcome, Reply):
        assert status in {None, 200}
        assert (type(outcome.result), type(outcome.text)) == (int, str)
    else:
        assert str(outcome).startswith("kea-a (dhcp4) at tape: ")
        assert str(outcome).isprintable()


@given(st.text() | st.binary())
def test_an_excerpt_is_short_and_printable(foreign: str | bytes) -> None:
    piece = excerpt(foreign, Scrubber())
    assert len(piece) <= 200
    assert piece.isprintable()


# --------------------------------------------------------------------------------------------- memory


def test_large_replies_leave_the_garbage_collector_as_it_was() -> None:
    large = kea(arguments={"Dhcp4": {"subnet4": [{"pools": [number]} for number in range(150_000)]}})
    assert len(large) > 1_000_000
    frozen = gc.get_freeze_count()
    try:
        reply = call(Tape(large), "config-get")
        assert gc.isenabled()
        assert gc.get_freeze_count() - frozen > 100_000
        assert len(reply.arguments["Dhcp4"]["subnet4"]) == 150_000
        gc.disable()
        call(Tape(kea()))
        assert not gc.isenabled()
        gc.enable()
        with pytest.raises(OutcomeUnknownError):
            call(Tape(large[:-10]))
        assert gc.isenabled()
    finally:
        gc.enable()
        gc.unfreeze()


def test_an_error_does_not_hold_the_answer() -> None:
    """A JSON error of the parser keeps all of what it was given; that could be a configuration."""
    with pytest.raises(OutcomeUnknownError) as caught:
        call(Tape(b'[{"result": 0, "arguments": {"password": "kanarienvogel"'))
    error: BaseException | None = caught.value
    while error is not None:
        assert "kanarienvogel" not in f"{error!r} {vars(error)}"
        error = error.__cause__ or error.__context__


def test_the_client_costs_nothing_to_import_before_it_is_used() -> None:
    import subprocess

    code = (
        "import sys, reconciler.kea.client, reconciler.kea.access; print('httpx' in sys.modules, 'ssl' in sys.modules)"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown == "False False\n"
