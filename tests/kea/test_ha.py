from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconciler.kea.ha import (
    PASSWORD,
    comparable,
    default_scopes,
    defaults,
    heartbeat_delay,
    holds_password,
    normal_form,
    normal_state,
    same_url,
    sync_timeout,
    unknown,
    wanted_block,
)
from reconciler.model import Mode, Peer, Relationship, Role, Service
from tests.planning.cases import read_base

ONE = Peer("kea-a", "kea-a", Role.PRIMARY, "http://192.0.2.10:8004/")
TWO = Peer("kea-b", "kea-b", Role.STANDBY, "http://192.0.2.11:8004/")
PARAMETERS = {"heartbeat-delay": 1000, "max-response-delay": 60000, "max-ack-delay": 5000, "max-unacked-clients": 5}
PAIR = Relationship("hq", Service.DHCP4, Mode.HOT_STANDBY, (ONE, TWO), PARAMETERS)


def real_block(name: str) -> dict[str, Any]:
    """The entry as a real Kea 2.2.0 shows it."""
    found: dict[str, Any] = read_base(name)["hooks-libraries"][1]["parameters"]["high-availability"][0]
    return found


@pytest.mark.parametrize("peer", [ONE, TWO])
def test_what_we_make_is_what_a_real_kea_shows_once_defaults_are_filled_in(peer: Peer) -> None:
    shown, made = real_block(f"dhcp4-hs-{peer.name}"), wanted_block(PAIR, peer, None)
    assert made != shown
    assert normal_form(made, "2.2.0") == normal_form(shown, "2.2.0")


def test_the_same_in_load_balancing() -> None:
    pair = replace(PAIR, mode=Mode.LOAD_BALANCING, peers=(ONE, replace(TWO, role=Role.SECONDARY)))
    made = wanted_block(pair, ONE, None)
    assert normal_form(made, "2.2.0") == normal_form(real_block("dhcp4-lb-kea-a"), "2.2.0")


def test_every_default_that_a_real_kea_fills_in_is_known() -> None:
    shown = real_block("dhcp4-hs-kea-a")
    filled = {key: shown[key] for key in shown.keys() - {"this-server-name", "mode", "peers", *PARAMETERS}}
    assert {key: defaults("hot-standby", "2.2.0")[key] for key in filled} == filled


def test_defaults_depend_on_mode_and_version() -> None:
    old, new = defaults("load-balancing", "2.2.0"), defaults("hot-standby", "3.0.3")
    assert (old["delayed-updates-limit"], new["delayed-updates-limit"]) == (100, 0)
    assert (old["restrict-commands"], new["restrict-commands"]) == (False, True)
    assert old["multi-threading"]["http-dedicated-listener"] is False
    assert new["multi-threading"]["http-dedicated-listener"] is True


@pytest.mark.parametrize(
    "written",
    [
        {"sync-timeout": 60000, "send-lease-updates": True},
        {"multi-threading": {"enable-multi-threading": False}},
        {"multi-threading": {}},
        {"state-machine": {"states": [{"state": "syncing", "pause": "never"}, {"state": "waiting"}]}},
        {"trust-anchor": ""},
    ],
)
def test_writing_out_a_default_makes_no_difference(written: dict[str, Any]) -> None:
    block = wanted_block(PAIR, ONE, None)
    assert normal_form(block | written, "2.2.0") == normal_form(block, "2.2.0")


def test_a_pause_that_is_not_the_default_makes_one() -> None:
    block = wanted_block(PAIR, ONE, None)
    paused = block | {"state-machine": {"states": [{"state": "syncing", "pause": "once"}]}}
    assert normal_form(paused, "2.2.0")["state-machine"] == {"syncing": "once"}


def test_a_url_means_the_same_with_and_without_a_slash_and_peers_are_in_no_order() -> None:
    block = wanted_block(PAIR, ONE, None)
    other = block | {"peers": [{**peer, "url": peer["url"].rstrip("/")} for peer in reversed(block["peers"])]}
    assert normal_form(other, "2.2.0") == normal_form(block, "2.2.0")


def test_a_url_means_the_same_however_an_ipv6_address_is_written() -> None:
    assert same_url("http://[2001:DB8:0:0::A]:8001", "http://[2001:db8::a]:8001/")
    assert not same_url("http://[2001:db8::a]:8001/", "http://[2001:db8::a]:8002/")
    assert not same_url("http://[2001:db8::a]:8001/", "http://[2001:db8::b]:8001/")
    assert not same_url("http://[x]:8001/", "http://[X]:8001/")


def test_what_we_do_not_know_is_kept_and_what_we_know_is_replaced() -> None:
    standing = real_block("dhcp4-hs-kea-a") | {"future": 1, "max-ack-delay": 7, "wait-backup-ack": True}
    standing["peers"] = [{**peer, "future-peer": peer["name"], "auto-failover": False} for peer in standing["peers"]]
    standing["multi-threading"] = {"enable-multi-threading": True, "future-threads": 2}
    standing["state-machine"] = {"states": [{"state": "ready", "pause": "always"}], "future-states": 3}
    made = wanted_block(PAIR, ONE, standing)
    assert made == {
        "this-server-name": "kea-a",
        "mode": "hot-standby",
        **PARAMETERS,
        "future": 1,
        "multi-threading": {"future-threads": 2},
        "state-machine": {"future-states": 3},
        "peers": [
            {"name": peer.name, "role": peer.role.value, "url": peer.url, "future-peer": peer.name}
            for peer in (ONE, TWO)
        ],
    }


USER = {"basic-auth-user": "ha"}
FILE = {"basic-auth-password-file": "/etc/kea/ha"}


@pytest.mark.parametrize(
    ("desired", "standing", "is_kept"),
    [
        (USER, {**USER, PASSWORD: "canary"}, True),
        (USER, {"basic-auth-user": "other", PASSWORD: "canary"}, False),
        (USER | FILE, {**USER, PASSWORD: "canary"}, False),
        ({}, {**USER, PASSWORD: "canary"}, False),
        ({}, {PASSWORD: "canary"}, False),
        ({}, {"basic-auth-user": "", PASSWORD: "canary"}, False),
    ],
)
def test_a_password_stays_with_the_same_user_unless_a_file_is_named(
    desired: dict[str, str], standing: dict[str, str], *, is_kept: bool
) -> None:
    peer = replace(ONE, options=desired)
    assert holds_password(peer, standing) is is_kept
    pair = replace(PAIR, peers=(peer, TWO))
    made = wanted_block(pair, peer, {"peers": [{"name": "kea-a", **standing}]})
    assert (made["peers"][0].get(PASSWORD) == "canary") is is_kept


def test_the_files_of_one_machine_stay_unless_desired_names_them() -> None:
    standing = wanted_block(PAIR, ONE, None)
    standing["trust-anchor"] = "/etc/kea/here/ca.pem"
    standing["peers"][0] |= {"cert-file": "/etc/kea/here/a.pem", "key-file": "/etc/kea/here/a.key"}
    kept = wanted_block(PAIR, ONE, standing)
    assert normal_form(kept, "2.2.0") == normal_form(standing, "2.2.0")
    named = replace(ONE, options={"cert-file": "/etc/ssl/a.pem", "key-file": ""})
    taken = wanted_block(replace(PAIR, peers=(named, TWO)), ONE, standing)
    assert taken["trust-anchor"] == "/etc/kea/here/ca.pem"
    assert (taken["peers"][0]["cert-file"], taken["peers"][0]["key-file"]) == ("/etc/ssl/a.pem", "")


def test_a_password_file_goes_with_its_user() -> None:
    standing = wanted_block(PAIR, ONE, None)
    standing["peers"][0] |= {"basic-auth-user": "ha", "basic-auth-password-file": "/etc/kea/ha.password"}
    same = replace(ONE, options={"basic-auth-user": "ha"})
    assert wanted_block(replace(PAIR, peers=(same, TWO)), ONE, standing)["peers"][0] == standing["peers"][0]
    assert "basic-auth-password-file" not in wanted_block(PAIR, ONE, standing)["peers"][0]


def test_an_empty_password_is_none() -> None:
    block = wanted_block(PAIR, ONE, None)
    empty = block | {"peers": [{**peer, PASSWORD: "", "basic-auth-user": ""} for peer in block["peers"]]}
    assert normal_form(empty, "2.2.0") == normal_form(block, "2.2.0")


@pytest.mark.parametrize(("value", "place"), [(3, 0), (10, 1), (0, 1)])
def test_parameters_that_came_later_would_have_an_effect_but_for_the_default_and_what_is_done_anyway(
    value: int, place: int
) -> None:
    pair = replace(PAIR, parameters={"max-rejected-lease-updates": value, "max-ack-delay": 1})
    assert unknown(pair, "2.2.0")[place] == ["`max-rejected-lease-updates` (since Kea 2.3.1)"]
    assert unknown(pair, "2.2.0")[1 - place] == []
    assert unknown(pair, "2.3.1") == unknown(pair, "nonsense") == ([], [])
    assert "max-rejected-lease-updates" not in wanted_block(pair, ONE, None, "2.2.0")
    assert wanted_block(pair, ONE, None, "2.3.1")["max-rejected-lease-updates"] == value


def test_a_peers_option_that_came_later_is_named_with_the_peer() -> None:
    pair = replace(PAIR, peers=(ONE, replace(TWO, options={"basic-auth-user-file": "/etc/kea/user"})))
    assert unknown(pair, "3.0.3") == (["`basic-auth-user-file` of peer kea-b (since Kea 3.1.2)"], [])
    assert "basic-auth-user-file" not in wanted_block(pair, ONE, None, "3.0.3")["peers"][1]


def test_what_a_version_does_not_know_is_kept_there_as_a_remark_and_not_compared() -> None:
    standing = wanted_block(PAIR, ONE, None) | {"max-rejected-lease-updates": 5}
    assert wanted_block(PAIR, ONE, standing, "2.2.0")["max-rejected-lease-updates"] == 5
    assert "max-rejected-lease-updates" not in wanted_block(PAIR, ONE, standing, "2.6.3")
    assert comparable(standing, "2.2.0") == comparable(wanted_block(PAIR, ONE, None), "2.2.0")
    assert comparable(standing, "2.6.3") != comparable(wanted_block(PAIR, ONE, None), "2.6.3")


def test_times_are_in_seconds_and_have_defaults() -> None:
    assert (heartbeat_delay(PAIR), sync_timeout(PAIR)) == (1.0, 60.0)
    bare = replace(PAIR, parameters={"sync-timeout": 1500})
    assert (heartbeat_delay(bare), sync_timeout(bare)) == (10.0, 1.5)


def test_the_normal_state_and_its_scopes() -> None:
    assert [normal_state(mode, Role.PRIMARY) for mode in Mode] == ["load-balancing", "hot-standby", "passive-backup"]
    assert {normal_state(mode, Role.BACKUP) for mode in Mode} == {"backup"}
    assert default_scopes(ONE) == ("kea-a",)
    assert default_scopes(TWO) == ()
    assert default_scopes(replace(TWO, role=Role.SECONDARY)) == ("kea-b",)
