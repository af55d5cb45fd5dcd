from __future__ import annotations

import copy
import json
from dataclasses import replace
from typing import Any

import pytest

from reconciler.kea.stamps import read_departures, read_stamps, with_stamp, without_stamp
from reconciler.model import Departure, Fingerprints, Mode, OnRemove, Role, Stamp

STAMP = Stamp(
    "hq-dhcp4",
    "1f0c2d",
    "abcd",
    ("/subnet4/*/interface",),
    Fingerprints("0123", {"subnet4": "45", "option-data": "67"}),
)


def test_a_stamp_survives_a_round_trip_through_json() -> None:
    config = json.loads(json.dumps(with_stamp({"valid-lifetime": 60}, STAMP)))
    assert read_stamps(config) == [STAMP]
    assert config["valid-lifetime"] == 60


def test_servers_may_carry_the_stamps_of_several_relationships() -> None:
    other = replace(STAMP, relationship="annex")
    config = with_stamp(with_stamp({}, other), STAMP, kept=[other])
    assert read_stamps(config) == [other, STAMP]
    assert read_stamps(with_stamp(config, STAMP)) == [STAMP]


def test_a_stamp_of_the_first_release_is_read() -> None:
    (mark,) = with_stamp({}, STAMP)["user-context"]["kea-reconciler"]
    assert read_stamps({"user-context": {"kea-reconciler": mark}}) == [STAMP]


def test_what_else_stands_in_the_user_context_stays() -> None:
    config = {"user-context": {"site": "hq", "kea-reconciler": {"old": True}}}
    before = copy.deepcopy(config)
    assert with_stamp(config, STAMP)["user-context"].keys() == {"site", "kea-reconciler"}
    assert read_stamps(with_stamp(config, STAMP)) == [STAMP]
    assert config == before


@pytest.mark.parametrize("config", [{}, {"user-context": {}}, {"user-context": {"site": "hq"}}, {"user-context": 3}])
def test_there_need_be_no_stamp(config: dict[str, Any]) -> None:
    assert read_stamps(config) == []


@pytest.mark.parametrize("key", ["relationship", "revision", "desired", "local", "fingerprint", "sections"])
@pytest.mark.parametrize("value", [None, 3, ["x", 3], {"x": 3}, True])
def test_a_damaged_stamp_is_left_out(key: str, value: Any) -> None:
    config = with_stamp({}, STAMP)
    config["user-context"]["kea-reconciler"][0][key] = value
    assert read_stamps(config) == []
    del config["user-context"]["kea-reconciler"][0][key]
    assert read_stamps(config) == []


@pytest.mark.parametrize("value", [None, 3, "x", [], ["relationship"]])
def test_what_is_no_map_is_no_stamp(value: Any) -> None:
    assert read_stamps({"user-context": {"kea-reconciler": value}}) == []


def test_a_stamp_remembers_what_is_to_become_of_the_scopes() -> None:
    told = replace(STAMP, on_remove=OnRemove.DELETE, peers=("kea-a", "kea-b"))
    assert read_stamps(json.loads(json.dumps(with_stamp({}, told)))) == [told]


LEFT = Departure("hq-dhcp4", "kea-b", OnRemove.KEEP, Mode.LOAD_BALANCING, Role.SECONDARY)


def test_a_server_that_left_says_so_and_has_no_stamp() -> None:
    other = replace(STAMP, relationship="annex")
    config = {"user-context": {"site": "hq"}}
    stamped = with_stamp(config, STAMP, kept=[other])
    after = json.loads(json.dumps(without_stamp(stamped, "hq-dhcp4", LEFT)))
    assert read_stamps(after) == [other]
    assert read_departures(after) == [LEFT]
    assert after["user-context"]["site"] == "hq"
    again = without_stamp(without_stamp(after, "hq-dhcp4", None), "annex", None)
    assert again == config


def test_without_any_mark_nothing_of_ours_stays() -> None:
    assert without_stamp(with_stamp({}, STAMP), "hq-dhcp4", None) == {}


@pytest.mark.parametrize("key", ["left", "peer", "on-remove"])
@pytest.mark.parametrize("value", [None, 3, [], "sometime"])
def test_a_damaged_departure_is_left_out(key: str, value: Any) -> None:
    config = without_stamp({}, "hq-dhcp4", LEFT)
    config["user-context"]["kea-reconciler"][0][key] = value
    assert read_departures(config) == [] or (value == "sometime" and key != "on-remove")
