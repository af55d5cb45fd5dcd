from __future__ import annotations

import copy
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.kea.stamps import (
    aging_marks,
    as_class,
    as_reservation,
    carrier,
    gathered,
    have_same_marks,
    marks_to_carry,
    read_departures,
    read_stamps,
    with_stamp,
    without_stamp,
    witness_marks,
    witnessed,
)
from reconciler.model import Carrier, Departure, Fingerprints, Mode, OnRemove, Role, Stamp

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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


# ------------------------------------------------------------------------------------- in a class of our own


KINDS = {Carrier.CLASS: ("client-classes", as_class), Carrier.RESERVATION: ("reservations", as_reservation)}
kinds = pytest.mark.parametrize("kind", KINDS, ids=str)


def beside(config: Mapping[str, Any], marks: Sequence[Any], kind: Carrier = Carrier.CLASS) -> dict[str, Any]:
    """A configuration as config-get shows it with our object, of which Kea shows more than was given."""
    key, made = KINDS[kind]
    shown = {**json.loads(json.dumps(made(marks))), "option-data": []}
    return {**config, key: [*config.get(key, []), shown]}


@kinds
def test_marks_in_an_object_of_ours_are_read_as_if_they_stood_at_the_top(kind: Carrier) -> None:
    newer, other = replace(STAMP, generation=2), replace(STAMP, relationship="annex")
    data = {"client-classes": [{"name": "phones"}], "reservations": [{"flex-id": "6B6561"}, {"hw-address": "01:02"}]}
    wanted = with_stamp({"user-context": {"site": "hq"}, **data}, newer, kept=[other])
    live = beside(with_stamp({**wanted, "user-context": {"site": "hq"}}, STAMP), marks_to_carry(wanted, {}), kind)
    assert (carrier(live), have_same_marks(live, wanted)) == (kind, False)
    found = gathered(live)
    assert found == wanted
    assert (carrier(found), have_same_marks(found, wanted)) == (None, True)


def test_where_there_are_both_the_class_counts() -> None:
    newer = with_stamp({}, replace(STAMP, generation=2))
    live = beside(beside({}, marks_to_carry(newer, {})), marks_to_carry(with_stamp({}, STAMP), {}), Carrier.RESERVATION)
    assert (carrier(live), gathered(live)) == (Carrier.CLASS, newer)


@kinds
def test_a_stamp_that_is_renewed_leaves_what_its_server_witnessed_as_the_primary_of_others(kind: Carrier) -> None:
    live = gathered(beside(with_stamp({}, STAMP), witness_marks(with_stamp({}, STAMP), "annex", 3), kind))
    wanted = with_stamp({}, replace(STAMP, generation=2))
    aging = aging_marks(live, wanted)
    assert aging is not None
    for renewed in (aging, marks_to_carry(wanted, live)):
        assert witnessed(gathered(beside(live, renewed, kind)), "annex") == 3
    assert have_same_marks(gathered(beside(live, marks_to_carry(wanted, live), kind)), wanted)
    assert witnessed(wanted, "annex") == 0  # a set begins anew
    assert without_stamp(live, "annex", None) == with_stamp({}, STAMP)


def test_a_configuration_without_an_object_of_ours_is_the_very_same() -> None:
    config = with_stamp({"client-classes": [{"name": "phones"}], "reservations": [{"flex-id": "01"}]}, STAMP)
    assert gathered(config) is config


@kinds
@pytest.mark.parametrize("context", [None, {}, {"site": "x"}, {"kea-reconciler": {"a": 1}}, {"kea-reconciler": 3}])
def test_an_object_without_marks_goes_and_the_stamp_stays(context: Any, kind: Carrier) -> None:
    config = with_stamp({}, STAMP)
    key, made = KINDS[kind]
    assert gathered({**config, key: [{**made([]), "user-context": context}]}) == config


def test_while_data_are_on_their_way_only_the_marks_that_are_to_change_may_age() -> None:
    other = replace(STAMP, relationship="annex")
    before = without_stamp(with_stamp({}, STAMP, kept=[other]), "gone", LEFT)
    after = without_stamp(with_stamp({}, replace(STAMP, generation=2), kept=[other]), "gone", LEFT)
    aging = aging_marks(before, after)
    assert aging is not None
    found = gathered(beside(before, aging))
    assert read_stamps(found) == [other, replace(STAMP, may_age=True)]
    assert read_departures(found) == [LEFT]
    assert aging_marks(found, after) is None
    assert aging_marks({}, after) is None
