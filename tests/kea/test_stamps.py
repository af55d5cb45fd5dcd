from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from reconciler.kea.stamps import read_stamp, with_stamp
from reconciler.model import Fingerprints, Stamp

STAMP = Stamp(
    "hq-dhcp4",
    "1f0c2d",
    "abcd",
    ("/subnet4/*/interface",),
    Fingerprints("0123", {"subnet4": "45", "option-data": "67"}),
)


def test_a_stamp_survives_a_round_trip_through_json() -> None:
    config = json.loads(json.dumps(with_stamp({"valid-lifetime": 60}, STAMP)))
    assert read_stamp(config) == STAMP
    assert config["valid-lifetime"] == 60


def test_what_else_stands_in_the_user_context_stays() -> None:
    config = {"user-context": {"site": "hq", "kea-reconciler": {"old": True}}}
    before = copy.deepcopy(config)
    assert with_stamp(config, STAMP)["user-context"].keys() == {"site", "kea-reconciler"}
    assert read_stamp(with_stamp(config, STAMP)) == STAMP
    assert config == before


@pytest.mark.parametrize("config", [{}, {"user-context": {}}, {"user-context": {"site": "hq"}}, {"user-context": 3}])
def test_there_need_be_no_stamp(config: dict[str, Any]) -> None:
    assert read_stamp(config) is None


@pytest.mark.parametrize("key", ["relationship", "revision", "desired", "local", "fingerprint", "sections"])
@pytest.mark.parametrize("value", [None, 3, ["x", 3], {"x": 3}, True])
def test_a_damaged_stamp_is_none(key: str, value: Any) -> None:
    config = with_stamp({}, STAMP)
    config["user-context"]["kea-reconciler"][key] = value
    assert read_stamp(config) is None
    del config["user-context"]["kea-reconciler"][key]
    assert read_stamp(config) is None


@pytest.mark.parametrize("value", [None, 3, "x", [], ["relationship"]])
def test_what_is_no_map_is_no_stamp(value: Any) -> None:
    assert read_stamp({"user-context": {"kea-reconciler": value}}) is None
