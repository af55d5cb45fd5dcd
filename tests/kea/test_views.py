from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from reconciler.errors import WrongAnswererError
from reconciler.kea.views import configuration, disabled_by_user, ha_views, heartbeat_clock, sockets_are_ready
from reconciler.model import Endpoint, HaView, PartnerView, Service
from tests.planning.cases import edited, read_base

ENDPOINT = Endpoint("kea-a", Service.DHCP4, "http://192.0.2.10:8000/")


# ---------------------------------------------------------------------------------------- configuration


def test_a_configuration_is_what_stands_under_the_services_own_key() -> None:
    config = read_base("dhcp4-hs-kea-a")
    assert configuration(ENDPOINT, {"Dhcp4": config, "hash": "A"}) is config


@pytest.mark.parametrize(
    ("arguments", "held"),
    [
        ({"Dhcp6": {}}, "Dhcp6"),
        ({"Control-agent": {}}, "Control-agent"),
        ({}, ""),
        (None, "no configuration"),
        ([{"Dhcp4": {}}], "no configuration"),
        ({"Dhcp4": []}, "Dhcp4"),
        ({"\x1b[2J": 1}, "\\x1b[2J"),
    ],
)
def test_another_answerer_is_recognised_by_its_key(arguments: Any, held: str) -> None:
    with pytest.raises(WrongAnswererError) as caught:
        configuration(ENDPOINT, arguments)
    assert str(caught.value) == f"kea-a (dhcp4): asked for Dhcp4, the answer holds {held}"


def test_nothing_of_a_foreign_answer_but_a_few_keys_is_quoted() -> None:
    with pytest.raises(WrongAnswererError) as caught:
        configuration(ENDPOINT, {"Other": {"password": "canary"}, "x" * 500: 1})
    assert "canary" not in str(caught.value)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("subnet4", {}),
        ("subnet4", None),
        ("subnet4", [1]),
        ("client-classes", "phones"),
        ("user-context", []),
        ("lease-database", 3),
        ("multi-threading", True),
        ("hooks-libraries", {}),
        ("hooks-libraries", [None]),
    ],
)
def test_a_configuration_that_kea_never_made_is_refused(key: str, value: Any) -> None:
    with pytest.raises(WrongAnswererError, match=key):
        configuration(ENDPOINT, {"Dhcp4": read_base("dhcp4-hs-kea-a") | {key: value}})


# ------------------------------------------------------------------------------------------- status-get


def only(status: dict[str, Any]) -> HaView:
    """The view of the only relationship."""
    (view,) = ha_views(status)
    return view


def test_a_standby_as_a_real_kea_shows_it() -> None:
    assert only(read_base("status-hs-kea-b")) == HaView(
        mode="hot-standby",
        role="standby",
        state="hot-standby",
        scopes=(),
        partner=PartnerView("primary", "hot-standby", ("kea-a",), 1.0, in_touch=True, interrupted=False),
    )


def test_a_server_without_a_partner_in_its_status() -> None:
    status = edited(read_base("status-hs-kea-a"), [{"op": "remove", "path": "/high-availability/0/ha-servers/remote"}])
    assert only(status) == HaView("hot-standby", "primary", "hot-standby", ("kea-a",), None)


def test_states_are_told_in_small_letters() -> None:
    edits = [
        {"op": "replace", "path": "/high-availability/0/ha-servers/local/state", "value": "PARTNER-DOWN"},
        {"op": "replace", "path": "/high-availability/0/ha-servers/remote/last-state", "value": "UNAVAILABLE"},
    ]
    view = only(edited(read_base("status-hs-kea-a"), edits))
    assert view is not None
    assert view.partner is not None
    assert (view.state, view.partner.last_state) == ("partner-down", "unavailable")


@pytest.mark.parametrize("status", [{}, {"high-availability": []}, {"high-availability": None}])
def test_a_hook_that_is_not_in_force_has_no_view(status: dict[str, Any]) -> None:
    assert ha_views(status) == ()


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("/high-availability", "x"),
        ("/high-availability", {"ha-servers": {}}),
        ("/high-availability/0", 3),
        ("/high-availability/0/ha-servers", []),
        ("/high-availability/0/ha-servers", None),
        ("/high-availability/0/ha-servers/local", None),
        ("/high-availability/0/ha-servers/local", "primary"),
        ("/high-availability/0/ha-servers/local/scopes", "kea-a"),
        ("/high-availability/0/ha-servers/remote", "x"),
        ("/high-availability/0/ha-servers/remote/last-scopes", {"kea-a": 1}),
        ("/high-availability/0/ha-servers/remote/age", "soon"),
        ("/high-availability/0/ha-servers/remote/age", [1]),
    ],
)
def test_garbage_does_not_pass_for_a_hook_that_failed(path: str, value: Any) -> None:
    status = edited(read_base("status-hs-kea-a"), [{"op": "replace", "path": path, "value": value}])
    with pytest.raises(WrongAnswererError):
        ha_views(status)


def test_a_person_who_switched_the_service_off_is_seen_where_kea_tells() -> None:
    assert disabled_by_user({}) is None
    assert disabled_by_user({"dhcp-state": {"disabled-by-user": True}}) is True
    assert disabled_by_user({"dhcp-state": {"disabled-by-user": False}}) is False
    assert disabled_by_user({"dhcp-state": "off"}) is None


def test_sockets_are_ready_unless_kea_says_otherwise() -> None:
    assert sockets_are_ready(read_base("status-hs-kea-a")) is True
    assert sockets_are_ready({}) is True
    assert sockets_are_ready({"sockets": {"status": "retrying"}}) is False
    assert sockets_are_ready({"sockets": {"status": "failed", "errors": ["eth0"]}}) is False


# ------------------------------------------------------------------------------------------------ clock


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("Mon, 23 Nov 2026 03:09:00 GMT", datetime(2026, 11, 23, 3, 9, tzinfo=UTC)),
        ("Mon, 23 Nov 2026 03:09:00", datetime(2026, 11, 23, 3, 9, tzinfo=UTC)),
        ("Mon, 23 Nov 2026 05:09:00 +0200", datetime(2026, 11, 23, 5, 9, tzinfo=timezone(timedelta(hours=2)))),
    ],
)
def test_the_clock_stands_in_a_heartbeat(text: str, moment: datetime) -> None:
    assert heartbeat_clock({"date-time": text}) == moment


@pytest.mark.parametrize(
    "arguments",
    [
        None,
        [],
        {},
        {"date-time": None},
        {"date-time": 3},
        {"date-time": "yesterday"},
        {"date-time": "Mon, 23 Nov 99999999999999999999 03:09:00 GMT"},
        {"date-time": "Mon, 99 Nov 2026 03:09:00 GMT"},
    ],
)
def test_no_clock_is_none(arguments: Any) -> None:
    assert heartbeat_clock(arguments) is None
