from __future__ import annotations

from typing import Any

import pytest

from reconciler.kea.objects import CLIENT_CLASS, PD_POOL, RESERVATION, SHARED_NETWORK, SUBNET
from reconciler.model import ABSENT, Action, Change, FieldChange, Service
from reconciler.planning.diff import describe, differences, field_changes

V4, V6 = Service.DHCP4, Service.DHCP6


def changes(before: dict[str, Any], after: dict[str, Any], service: Service = V4) -> list[Change]:
    return [each.change for each in differences(before, after, service)]


# ------------------------------------------------------------------------------------- single parameters


@pytest.mark.parametrize(
    ("before", "after", "fields"),
    [
        (1, 2, [("x", 1, 2)]),
        (1, 1, []),
        (ABSENT, 2, [("x", ABSENT, 2)]),
        (2, ABSENT, [("x", 2, ABSENT)]),
        (None, ABSENT, [("x", None, ABSENT)]),
        (ABSENT, None, [("x", ABSENT, None)]),
        (["a", "b"], ["b", "a"], [("x", ["a", "b"], ["b", "a"])]),
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1, "b": 2}, {"a": 1, "b": 3}, [("x.b", 2, 3)]),
        ({"a": {"b": {"c": 1}}}, {"a": {"b": {"c": 2}}}, [("x.a.b.c", 1, 2)]),
        ({"a": {"b": 1}}, {"a": 5}, [("x.a", {"b": 1}, 5)]),
        ({"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}]}, [("x.a", [1, {"b": 2}], [1, {"b": 3}])]),
        ({"b": 1, "a": 1}, {"a": 2, "c": 1}, [("x.a", 1, 2), ("x.b", 1, ABSENT), ("x.c", ABSENT, 1)]),
        ({"a": None}, {}, [("x.a", None, ABSENT)]),
        ({}, {"__hidden": 1}, [("x.__hidden", ABSENT, 1)]),
        ({"__hidden": 1}, {"__hidden": 2}, [("x.__hidden", 1, 2)]),
        ({'it\'s "one"': {"[0]": 1}}, {'it\'s "one"': {"[0]": 2}}, [('x.it\'s "one".[0]', 1, 2)]),
        ({"a": {}}, {}, [("x.a", {}, ABSENT)]),
        ({"a": 1}, 3, [("x", {"a": 1}, 3)]),
    ],
)
def test_what_differs_between_two_values(before: Any, after: Any, fields: list[tuple[str, Any, Any]]) -> None:
    assert list(field_changes("x", before, after)) == [FieldChange(*field) for field in fields]


OLD, NEW = "(hidden)", "(hidden, another value)"


@pytest.mark.parametrize(
    ("name", "before", "after", "shown"),
    [
        ("password", "canary-1", "canary-2", [("password", OLD, NEW)]),
        ("password", ABSENT, "canary-2", [("password", ABSENT, OLD)]),
        ("password", "canary-1", ABSENT, [("password", OLD, ABSENT)]),
        ("peers.a.basic-auth-password", "canary-1", ABSENT, [("peers.a.basic-auth-password", OLD, ABSENT)]),
        ("x", {"key": "canary-1"}, {"key": "canary-2"}, [("x.key", OLD, NEW)]),
        ("x", {"a": {"token": ["canary-1"]}}, {"a": {"token": []}}, [("x.a.token", OLD, NEW)]),
        ("x", {"tokens": {"a": "canary-1"}}, {"tokens": {"a": "canary-2"}}, [("x.tokens.a", OLD, NEW)]),
        ("x", ABSENT, {"secret": "canary-1", "a": 1}, [("x", ABSENT, {"secret": OLD, "a": 1})]),
        ("x", [{"secret": "canary-1"}], [{"secret": "canary-2"}], [("x", [{"secret": OLD}], [{"secret": OLD}])]),
        ("x", {"a": [{"secret": "canary-1"}]}, {"a": 1}, [("x.a", [{"secret": OLD}], 1)]),
    ],
)
def test_a_secret_is_never_shown(name: str, before: Any, after: Any, shown: list[tuple[str, Any, Any]]) -> None:
    found = list(field_changes(name, before, after))
    assert found == [FieldChange(*field) for field in shown]
    assert "canary" not in repr(found)


# ----------------------------------------------------------------------------------------------- objects


def test_the_same_prefix_in_another_place_is_a_move_and_not_a_deletion() -> None:
    subnet = {"subnet": "10.0.0.0/24", "id": 1}
    inside = {"subnet4": [], "shared-networks": [{"name": "campus", "subnet4": [subnet]}]}
    outside = {"subnet4": [subnet], "shared-networks": [{"name": "campus", "subnet4": []}]}
    moved = FieldChange("shared-network", ABSENT, "campus")
    assert changes(outside, inside) == [Change(Action.CHANGE, (("subnet", "10.0.0.0/24"),), (moved,))]
    sections = [each.sections for each in differences(outside, inside, V4)]
    assert sections == [("subnet4", "shared-networks")]


def test_a_subnet_that_goes_from_one_network_to_another() -> None:
    def networks(*names: str) -> dict[str, Any]:
        subnet = {"subnet": "10.0.0.0/24"}
        return {"shared-networks": [{"name": name, "subnet4": [subnet] if name in names else []} for name in "ab"]}

    moved = FieldChange("shared-network", "a", "b")
    assert changes(networks("a"), networks("b")) == [Change(Action.CHANGE, (("subnet", "10.0.0.0/24"),), (moved,))]


def test_an_absent_list_of_objects_is_an_empty_one() -> None:
    assert (
        changes({"subnet4": [{"subnet": "10.0.0.0/24"}]}, {"subnet4": [{"subnet": "10.0.0.0/24", "pools": []}]}) == []
    )
    assert changes({}, {"client-classes": [], "option-data": [], "subnet4": [], "shared-networks": []}) == []


def test_the_order_in_which_kea_prints_objects_has_no_meaning() -> None:
    subnets = [{"subnet": f"10.0.{net}.0/24", "pools": [{"pool": "a"}, {"pool": "b"}]} for net in range(3)]
    turned = [{**subnet, "pools": [{"pool": "b"}, {"pool": "a"}]} for subnet in reversed(subnets)]
    assert changes({"subnet4": subnets}, {"subnet4": turned}) == []


def test_the_order_of_classes_has_and_counts_only_those_on_both_sides() -> None:
    def classes(names: str) -> dict[str, Any]:
        return {"client-classes": [{"name": name} for name in names]}

    order = FieldChange("order", ["a", "b"], ["b", "a"])
    assert changes(classes("ab"), classes("ba")) == [Change(Action.CHANGE, (("client-class", "order"),), (order,))]
    assert changes(classes("ab"), classes("xaby")) == [
        Change(Action.ADD, (("client-class", "x"),)),
        Change(Action.ADD, (("client-class", "y"),)),
    ]


def test_inner_objects_are_changed_by_themselves() -> None:
    def config(data: str, hostname: str) -> dict[str, Any]:
        options = [{"name": "routers", "space": "dhcp4", "data": data}]
        reservations = [{"duid": "01", "hostname": hostname, "option-data": options}]
        return {"subnet4": [{"subnet": "10.0.0.0/24", "reservations": reservations}]}

    path = (("subnet", "10.0.0.0/24"), ("reservation", "duid 01"))
    assert changes(config("10.0.0.1", "a"), config("10.0.0.2", "b")) == [
        Change(Action.CHANGE, path, (FieldChange("hostname", "a", "b"),)),
        Change(Action.CHANGE, (*path, ("option", "routers")), (FieldChange("data", "10.0.0.1", "10.0.0.2"),)),
    ]


def test_changes_come_in_a_fixed_order() -> None:
    before = {"valid-lifetime": 1, "b": 1, "subnet4": [{"subnet": "10.0.0.0/24"}], "client-classes": [{"name": "z"}]}
    after = {"valid-lifetime": 2, "a": 1, "option-data": [{"name": "routers"}], "option-def": [{"name": "colour"}]}
    assert [each.path[0] for each in changes(before, after)] == [
        ("global", "a"),
        ("global", "b"),
        ("global", "valid-lifetime"),
        ("option-def", "colour"),
        ("option", "routers"),
        ("client-class", "z"),
        ("subnet", "10.0.0.0/24"),
    ]


def test_the_lists_of_the_other_service_are_none_of_ours() -> None:
    assert changes({"subnet6": []}, {"subnet6": [{"subnet": "2001:db8::/48"}]}) == []
    assert changes({"subnet6": []}, {"subnet6": [{"subnet": "2001:db8::/48"}]}, V6) == [
        Change(Action.ADD, (("subnet", "2001:db8::/48"),))
    ]


# ----------------------------------------------------------------------------------------- descriptions


@pytest.mark.parametrize(
    ("kind", "item", "words"),
    [
        (SUBNET, {"subnet": "10.0.0.0/24", "id": 7}, "id 7"),
        (SUBNET, {"id": 7, "pools": [{}], "pd-pools": [], "reservations": [{}, {}]}, "id 7, 1 pool, 2 reservations"),
        (SHARED_NETWORK, {"name": "campus", "subnet4": [{}, {}], "option-data": [{}]}, "1 option, 2 subnets"),
        (RESERVATION, {"duid": "01", "ip-address": "10.0.0.9", "hostname": ""}, "ip-address 10.0.0.9"),
        (RESERVATION, {"ip-addresses": ["2001:db8::1", "2001:db8::2"]}, "ip-addresses 2001:db8::1, 2001:db8::2"),
        (CLIENT_CLASS, {"name": "a", "test": "option[60].exists"}, "test option[60].exists"),
        (PD_POOL, {"prefix": "2001:db8::", "option-data": []}, ""),
    ],
)
def test_what_is_added_or_deleted_whole_is_told_in_a_few_words(kind: Any, item: dict[str, Any], words: str) -> None:
    assert describe(item, kind) == words
