"""The life of a pair: how it becomes one, what a configuration does to it, and what becomes of it without a partner."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from lab.ports import Port
from reconciler.simulator import Release
from tests.contract.pair import Pair
from tests.contract.sides import LEASE_COMMANDS, relationship

MODES = ["hot-standby", "load-balancing"]
SCOPES = {"hot-standby": ([["s1"], []]), "load-balancing": ([["s1"], ["s2"]])}


@pytest.mark.parametrize("mode", MODES)
def test_two_servers_become_a_pair(pair: Pair, mode: str) -> None:
    assert pair.join(pair.primary, mode)["result"] == 0
    before = known(pair, {"server-name": "s1"}, {"system-time": None})
    assert pair.primary.local(pair.service) == before | {"role": "primary", "scopes": [], "state": "waiting"}
    assert pair.join(pair.partner, mode)["result"] == 0
    pair.wait_normal(mode)
    sides = (pair.primary, pair.partner)
    assert [side.local(pair.service)["scopes"] for side in sides] == SCOPES[mode]
    assert [side.remote(pair.service)["last-scopes"] for side in reversed(sides)] == SCOPES[mode]
    role = "standby" if mode == "hot-standby" else "secondary"
    view = pair.primary.status(pair.service)["high-availability"]
    times = [view[0]["ha-servers"][side].pop("system-time", None) for side in ("local", "remote")]
    assert all(time is not None for time in times) == (pair.primary.release >= Release.KEA_3_0)
    assert view[0]["ha-servers"]["remote"].pop("age") <= 2
    skew = view[0]["ha-servers"]["remote"].get("clock-skew", 0)
    assert abs(skew) <= 1
    assert view == [
        {
            "ha-mode": mode,
            "ha-servers": {
                "local": known(pair, {"server-name": "s1"}) | {"role": "primary", "scopes": ["s1"], "state": mode},
                "remote": known(pair, {"server-name": "s2"}, {"clock-skew": skew})
                | {
                    "analyzed-packets": 0,
                    "communication-interrupted": False,
                    "connecting-clients": 0,
                    "in-touch": True,
                    "last-scopes": SCOPES[mode][1],
                    "last-state": mode,
                    "role": role,
                    "unacked-clients": 0,
                    "unacked-clients-left": 0,
                },
            },
        }
    ]


def known(pair: Pair, since_2_6: dict[str, Any], since_3_0: dict[str, Any] | None = None) -> dict[str, Any]:
    """What only later releases say."""
    release = pair.primary.release
    shown = since_2_6 if release >= Release.KEA_2_6 else {}
    return shown | ((since_3_0 or {}) if release >= Release.KEA_3_0 else {})


def test_before_the_first_heartbeat_nothing_is_known_of_the_partner(pair: Pair) -> None:
    pair.join(pair.primary, heartbeat_delay=60000)
    remote = pair.primary.remote(pair.service)
    assert (remote["last-state"], remote["in-touch"], remote["communication-interrupted"]) == ("", False, False)


@pytest.mark.parametrize("mode", MODES)
def test_every_set_starts_the_state_machine_again_and_only_that_servers(pair: Pair, mode: str) -> None:
    pair.join_both(mode)
    for side, other in ((pair.primary, pair.partner), (pair.partner, pair.primary)):
        assert pair.join(side, mode)["result"] == 0
        assert side.local(pair.service)["state"] == "waiting"
        assert side.local(pair.service)["scopes"] == []
        assert other.local(pair.service)["state"] == mode
        pair.wait_normal(mode)


@pytest.mark.parametrize("mode", MODES)
def test_a_server_whose_partner_dies_takes_over_and_gives_back(pair: Pair, mode: str) -> None:
    pair.join_both(mode)
    pair.partner.stop(pair.service)
    pair.primary.until(lambda: bool(pair.primary.remote(pair.service)["last-state"] == "unavailable"), "unavailable")
    early = pair.primary.local(pair.service)["state"]
    assert early == ("communication-recovery" if mode == "load-balancing" else "hot-standby")
    pair.wait_state(pair.primary, "partner-down")
    assert pair.primary.local(pair.service)["scopes"] == (["s1"] if mode == "hot-standby" else ["s1", "s2"])
    remote = pair.primary.remote(pair.service)
    assert remote["communication-interrupted"] is True
    assert remote["age"] >= 3
    assert remote["unacked-clients-left"] == 1
    pair.partner.start(pair.service)
    pair.join(pair.partner, mode)
    pair.wait_normal(mode)
    assert pair.primary.local(pair.service)["scopes"] == ["s1"]


def test_a_standby_that_counts_clients_does_not_take_over_without_any(pair: Pair) -> None:
    pair.join_both(max_unacked_clients=10)
    pair.primary.stop(pair.service)
    pair.partner.until(lambda: bool(pair.partner.remote(pair.service)["communication-interrupted"]), "interrupted")
    assert pair.partner.local(pair.service)["state"] == "hot-standby"
    assert pair.partner.remote(pair.service)["unacked-clients-left"] == 11


def test_a_lone_server_that_is_set_anew_takes_over_after_the_delay_whatever_it_counts(pair: Pair) -> None:
    pair.join(pair.partner, max_unacked_clients=10, max_response_delay=1500)
    pair.wait_state(pair.partner, "partner-down")
    assert pair.partner.local(pair.service)["scopes"] == ["s1"]


def test_modes_that_differ_park_the_one_that_was_set_last(pair: Pair) -> None:
    pair.join_both("hot-standby")
    pair.join(pair.partner, "load-balancing")
    pair.partner.until(lambda: bool(pair.partner.remote(pair.service)["last-state"] == "hot-standby"), "heard")
    assert pair.states() == ("hot-standby", "waiting")
    pair.join(pair.primary, "load-balancing")
    pair.wait_normal("load-balancing")


def test_heartbeat(pair: Pair) -> None:
    assert pair.primary.ask(pair.service, "ha-heartbeat")["result"] == 2
    pair.join_both()
    answer = pair.primary.ask(pair.service, "ha-heartbeat")
    assert answer["arguments"].pop("date-time").endswith(" GMT")
    assert answer == {
        "result": 0,
        "text": "HA peer status returned.",
        "arguments": {"scopes": ["s1"], "state": "hot-standby", "unsent-update-count": 0},
    }


def test_scopes_are_peer_names_and_stay_until_the_next_transition(pair: Pair) -> None:
    pair.join_both("load-balancing")
    side, service = pair.primary, pair.service
    done = {"result": 0, "text": "New HA scopes configured."}
    assert side.ask(service, "ha-scopes", {"scopes": ["s2", "s1"]}) == done
    assert side.local(service)["scopes"] == ["s1", "s2"]
    assert side.ask(service, "ha-scopes", {"scopes": []}) == done
    assert side.local(service)["scopes"] == []
    refusals = {
        "invalid server name specified 'HA_s1' while enabling/disabling HA scopes": {"scopes": ["HA_s1"]},
        "arguments not found in the 'ha-scopes' command": None,
        "'scopes' is mandatory for the 'ha-scopes' command": {},
        "'scopes' must be a list in the 'ha-scopes' command": {"scopes": "s1"},
        "scope name must be a string in the 'scopes' argument": {"scopes": [1]},
    }
    for text, arguments in refusals.items():
        assert side.ask(service, "ha-scopes", arguments) == {"result": 1, "text": text}
    side.ask(service, "ha-reset")
    pair.wait_normal("load-balancing")
    assert side.local(service)["scopes"] == ["s1"]


def test_maintenance(pair: Pair) -> None:
    pair.join_both()
    side, other, service = pair.primary, pair.partner, pair.service
    refused = "Unable to cancel maintenance request because the server is not in the partner-in-maintenance state."
    assert side.ask(service, "ha-maintenance-cancel") == {"result": 1, "text": refused}
    started = side.ask(service, "ha-maintenance-start")
    assert started["text"].startswith("Server is now in the partner-in-maintenance state and its partner is")
    assert pair.states() == ("partner-in-maintenance", "in-maintenance")
    again = "Unable to transition the server from the partner-in-maintenance to partner-in-maintenance state."
    assert side.ask(service, "ha-maintenance-start") == {"result": 1, "text": again}
    there = "Unable to transition the server from the in-maintenance to partner-in-maintenance state."
    assert other.ask(service, "ha-maintenance-start") == {"result": 1, "text": there}
    done = {"result": 0, "text": "Server maintenance successfully canceled."}
    assert side.ask(service, "ha-maintenance-cancel") == done
    side.let_pass(1.2)
    if pair.states()[0] == "partner-in-maintenance":  # put back into it by a heartbeat on its way, before 2.7.5
        side.ask(service, "ha-maintenance-cancel")
    pair.wait_normal()


def test_a_partner_in_maintenance_that_goes_away_is_taken_over_at_once(pair: Pair) -> None:
    pair.join_both(max_response_delay=60000)
    pair.primary.ask(pair.service, "ha-maintenance-start")
    pair.partner.stop(pair.service)
    pair.wait_state(pair.primary, "partner-down")
    text = "Server is now in the partner-down state as its partner appears to be offline for maintenance."
    assert pair.primary.ask(pair.service, "ha-maintenance-start") == {"result": 0, "text": text}


def test_small_ha_commands(pair: Pair) -> None:
    pair.join(pair.partner, heartbeat_delay=60000)
    pair.join(pair.primary, heartbeat_delay=60000)
    side, service = pair.primary, pair.service
    waiting = {"result": 0, "text": "HA state machine already in WAITING state."}
    assert side.ask(service, "ha-reset") == waiting
    assert side.ask(service, "ha-continue") == {"result": 0, "text": "HA state machine is not paused."}
    done = {"result": 0, "text": "Lease database synchronization complete."}
    assert side.ask(service, "ha-sync", {"server-name": "s2"}) == done
    missing = {"result": 1, "text": "arguments not found in the 'ha-sync' command"}
    assert side.ask(service, "ha-sync") == missing
    wrong = {"result": 1, "text": "'server-name' must be a string in the 'ha-sync' command"}
    assert side.ask(service, "ha-sync", {"server-name": 5}) == wrong


def test_without_ha_nothing_of_it_is_left(pair: Pair) -> None:
    pair.join_both()
    assert pair.primary.set(pair.service, {})["result"] == 0
    assert "high-availability" not in pair.primary.status(pair.service)
    assert pair.primary.ask(pair.service, "ha-heartbeat")["result"] == 2


def test_peers_that_listen_for_each_other_themselves(pair: Pair, ports: tuple[str, str]) -> None:
    """The dedicated listener: needs multi-threading of the daemon and of the hook (2.2's default is neither)."""
    threads = {"enable-multi-threading": True, "http-dedicated-listener": True}
    for name, side in (("s1", pair.primary), ("s2", pair.partner)):
        hooks = [LEASE_COMMANDS, relationship(name, ports, multi_threading=threads)]
        config = {"hooks-libraries": hooks, "multi-threading": {"enable-multi-threading": True}}
        assert side.set(pair.service, config)["result"] == 0
    pair.wait_normal()
    off = {"multi-threading": {"enable-multi-threading": False}}
    assert pair.partner.set(pair.service, config | off)["result"] == 0
    pair.wait_state(pair.primary, "partner-down")


def test_a_partner_that_is_through_with_our_leases_has_to_say_who_it_is(pair: Pair) -> None:
    """Since 2.5.8. A 2.2 partner can't, so that what it switched off stays off until its time is over."""
    pair.join(pair.primary, heartbeat_delay=60000)
    side, service = pair.primary, pair.service
    done = {"result": 0, "text": "Server successfully notified about the synchronization completion."}
    side.ask(service, "dhcp-disable", {"origin": "ha-partner", "max-period": 60})
    assert side.ask(service, "ha-sync-complete-notify") == done
    if side.release < Release.KEA_2_6:
        return
    assert side.status(service)["dhcp-state"]["disabled-by-remote-command"] == [2000]
    named = {"origin-id": 2000, "origin": 2000, "server-name": "s2"}
    assert side.ask(service, "ha-sync-complete-notify", named) == done
    assert side.status(service)["dhcp-state"]["disabled-by-remote-command"] == []


def test_a_port_that_somebody_holds(pair: Pair, ports: tuple[str, str]) -> None:
    """Since 2.5.7 the answer says so, and yet the configuration is in force; nobody hears the server then."""
    side, service = pair.primary, pair.service
    threads = {"enable-multi-threading": True, "http-dedicated-listener": True}
    hook = relationship("s1", (side.url, ports[1]), multi_threading=threads)
    config = {"hooks-libraries": [LEASE_COMMANDS, hook], "valid-lifetime": 77}
    answer = side.set(service, config | {"multi-threading": {"enable-multi-threading": True}})
    assert answer["result"] == (0 if side.release < Release.KEA_2_6 else 1)
    if answer["result"]:
        assert re.sub(r"\[system.*", "", answer["text"]) == (
            "Error initializing hooks: CmdHttpListener::run failed: unable to setup TCP acceptor for listening to the "
            "incoming HTTP requests: bind: Address already in use "
        )
    assert side.shown(service)["valid-lifetime"] == 77
    assert side.local(service)["state"] == "waiting"


def test_who_tries_to_connect_to_a_listener_finds_it_open_while_it_is(pair: Pair) -> None:
    """Since 2.5.7 each has one of its own by default."""
    side, service = pair.partner, pair.service
    if side.release < Release.KEA_2_6:
        return
    assert not is_open(pair.urls[1])
    pair.join_both()
    assert is_open(pair.urls[1])
    assert pair.join(side)["result"] == 0
    assert is_open(pair.urls[1])
    assert side.set(service, {})["result"] == 0
    assert not is_open(pair.urls[1])


def is_open(url: str) -> bool:
    """Whether a connection is accepted there."""
    place = urlsplit(url)
    with socket.socket() as tried:
        return tried.connect_ex((place.hostname, place.port)) == 0


def test_what_a_configuration_test_leaves_behind(pair: Pair) -> None:
    """From 2.7.3 to 3.0.3: the next set leaves the listener closed, and the partner takes over. Only a start helps."""
    side, service = pair.primary, pair.service
    if side.release < Release.KEA_2_6:
        return  # no listener of its own by default
    pair.join_both()
    assert side.test(service, {})["result"] == 0
    assert pair.states() == ("hot-standby", "hot-standby")
    assert pair.join(side)["result"] == 0
    if side.release < Release.KEA_3_0:
        pair.wait_normal()
        return
    pair.wait_state(pair.partner, "partner-down")
    assert pair.join(side)["result"] == 0
    assert not is_open(pair.urls[0])
    side.let_pass(1.5)
    assert pair.partner.local(service)["state"] == "partner-down"
    side.ask(service, "config-write")
    side.stop(service)
    side.start(service)
    pair.wait_normal()


@pytest.fixture
def ports() -> Iterator[tuple[str, str]]:
    """The urls of two free ports."""
    taken = Port(), Port()
    yield (f"http://127.0.0.1:{taken[0].number}/", f"http://127.0.0.1:{taken[1].number}/")
    for port in taken:
        port.release()
