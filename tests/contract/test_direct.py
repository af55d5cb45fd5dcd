"""A daemon's own HTTP socket (3.0): who may ask, what is no command, and that it looks at no service."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from lab.kea import GENERATIONS
from reconciler.model import Service
from tests.contract.conftest import servers_of
from tests.contract.sides import JSON, Side, placed

NEWEST = GENERATIONS[-1]
BOTH = [
    pytest.param(("simulator", NEWEST), id=f"simulator-{NEWEST}"),
    pytest.param(("kea", NEWEST), id=f"kea-{NEWEST}", marks=pytest.mark.kea),
]


@pytest.fixture(scope="module", params=BOTH)
def direct(request: pytest.FixtureRequest) -> Iterator[Side]:
    """A server whose daemons have HTTP sockets of their own."""
    kind, generation = request.param
    for servers in servers_of(kind, "kea-a", generation=generation, is_direct=True):
        yield servers[0]


def post(side: Side, service: Service, command: Any, **headers: str) -> tuple[int, Any]:
    """HTTP status and decoded answer of the daemon's own socket."""
    status, body = side.post(json.dumps(command).encode(), JSON | headers, url=side.direct(service))
    return status, json.loads(body)


@pytest.mark.parametrize("named", [["dhcp4"], ["dhcp6"], ["dhcp4", "dhcp6"], ["nonsense"], [], "dhcp4", [5]])
def test_it_answers_whoever_is_named(direct: Side, service: Service, named: Any) -> None:
    status, answer = post(direct, service, {"command": "config-get", "service": named})
    assert (status, len(answer), answer[0]["result"]) == (200, 1, 0)
    assert service.root in answer[0]["arguments"]


WRONG = "Error during command processing: invalid command: "
MALFORMED: list[tuple[Any, dict[str, Any]]] = [
    ({}, {"result": 1, "text": WRONG + "does not contain mandatory 'command'"}),
    ([], {"result": 1, "text": WRONG + "expected toplevel entry to be a map, got list instead"}),
    ({"command": 1}, {"result": 1, "text": WRONG + "expected 'command' to be a string, got map instead"}),
    ({"command": "version-get", "extra": 1}, {"result": 1, "text": WRONG + "unsupported parameter 'extra'"}),
    ({"command": "nope"}, {"result": 2, "text": "'nope' command not supported."}),
]


@pytest.mark.parametrize(("command", "answer"), MALFORMED)
def test_what_is_no_command(direct: Side, service: Service, command: Any, answer: dict[str, Any]) -> None:
    assert post(direct, service, command) == (200, [answer])


def test_what_is_no_json_and_another_content_type_are_bad_requests(direct: Side, service: Service) -> None:
    bad = (400, b'{ "result": 400, "text": "Bad Request" }')
    url = direct.direct(service)
    assert direct.post(b"garbage", url=url) == bad
    assert direct.post(b"{}", {"Content-Type": "application/json; charset=utf-8"}, url=url) == bad


def sockets(side: Side, service: Service, **parts: Any) -> dict[str, Any]:
    """The daemon's control sockets, with parts put over the HTTP one."""
    own: list[dict[str, Any]] = side.shown(service)["control-sockets"]
    kept = ("socket-type", "socket-address", "socket-port")
    return {"control-sockets": [own[0], {key: own[1][key] for key in kept} | parts]}


def given(side: Side, service: Service, config: dict[str, Any]) -> dict[str, Any]:
    """The answer to config-set with other control sockets."""
    base = {key: value for key, value in side.base(service).items() if key != "control-socket"}
    return side.ask(service, "config-set", {service.root: base | config})


def test_credentials_are_asked_for_as_soon_as_they_are_set(direct: Side, service: Service) -> None:
    before = sockets(direct, service)
    basic = {"type": "basic", "realm": "room", "clients": [{"user": "u", "password": "p"}]}
    with_basic = sockets(direct, service, authentication=basic)
    assert given(direct, service, with_basic)["result"] == 0
    assert direct.shown(service)["control-sockets"] == with_basic["control-sockets"]
    refused = (401, {"result": 401, "text": "Unauthorized"})
    assert post(direct, service, {"command": "version-get"}) == refused
    token = base64.b64encode(b"u:p").decode()
    assert post(direct, service, {"command": "version-get"}, Authorization=f"Basic {token}")[0] == 200
    assert given(direct, service, before)["result"] == 0
    assert post(direct, service, {"command": "version-get"})[0] == 200


BAD: list[tuple[list[dict[str, Any]], str]] = [
    ([{"socket-type": "zz"}], "unsupported 'socket-type': 'zz' not 'unix', 'http' or 'https'"),
    ([{}], "'socket-type' parameter is mandatory in control-sockets items"),
    ([{"socket-type": "unix"}], "Mandatory 'socket-name' parameter missing"),
    (
        [{"socket-type": "unix", "socket-name": "/nope/x"}],
        "'socket-name' is invalid: invalid path specified: '/nope',",
    ),
    (
        [{"socket-type": "http", "socket-port": 99999}],
        "out of range value 99999 specified for parameter 'socket-port'",
    ),
    ([{"socket-type": "http", "socket-port": "x"}], "invalid type specified for parameter 'socket-port' "),
    (
        [{"socket-type": "http", "socket-address": "h"}],
        "failed to convert 'h' to address: Failed to convert string",
    ),
]


@pytest.mark.parametrize(("entries", "text"), BAD)
def test_bad_sockets_are_refused_before_anything_is_touched(
    direct: Side, service: Service, entries: list[dict[str, Any]], text: str
) -> None:
    before = direct.shown(service)
    answer = given(direct, service, {"control-sockets": entries})
    assert (answer["result"], placed(answer["text"])[: len(text)]) == (1, text)
    assert direct.shown(service) == before
    assert post(direct, service, {"command": "version-get"})[0] == 200


@pytest.mark.parametrize("entry", [{"control-sockets": 5}, {"control-sockets": [5]}, {"control-socket": 5}])
def test_sockets_of_another_type(direct: Side, service: Service, entry: dict[str, Any]) -> None:
    answer = given(direct, service, entry)
    of_maps = " of maps" if entry != {"control-sockets": 5} else ""
    assert answer == {"result": 1, "text": f"Specified control-sockets is expected to be a list{of_maps}"}


def test_the_old_name_is_taken_and_shown_as_the_new_one(direct: Side, service: Service) -> None:
    before = sockets(direct, service)
    assert given(direct, service, {"control-socket": before["control-sockets"][0]})["result"] == 0
    assert direct.shown(service)["control-sockets"] == before["control-sockets"][:1]
    assert given(direct, service, before)["result"] == 0
