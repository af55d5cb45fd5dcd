"""Which single commands are planned, and where the whole configuration is needed."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from reconciler.kea.single_commands import busy_seconds
from reconciler.kea.stamps import aging_marks, as_class, as_reservation, marks_to_carry, with_stamp
from reconciler.model import Carrier, Command, Endpoint, Fingerprints, Service, Snapshot, Stamp
from reconciler.planning.commands import LONGEST, is_between, single_commands, stamped

S4, S6 = Service.DHCP4, Service.DHCP6
OFFERED = {
    f"{name}-{verb}"
    for name, verbs in {
        "subnet4": ("add", "update", "del"),
        "subnet6": ("add", "update", "del"),
        "network4": ("add", "del", "subnet-add", "subnet-del"),
        "network6": ("add", "del", "subnet-add", "subnet-del"),
        "reservation": ("add", "update", "del"),
        "class": ("add", "update", "del"),
    }.items()
    for verb in verbs
}
Edit = Callable[[dict[str, Any]], object]


def subnet(number: int, *hosts: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": number, "subnet": f"10.0.{number}.0/24", "pools": [], "reservations": list(hosts), **more}


def host(number: int, address: int, **more: Any) -> dict[str, Any]:
    return {"hw-address": f"aa:bb:cc:dd:ee:{number:02d}", "ip-address": f"10.0.1.{address}", **more}


def config() -> dict[str, Any]:
    return {
        "valid-lifetime": 4000,
        "option-data": [{"name": "a", "data": "1"}, {"name": "b", "data": "2"}],
        "client-classes": [{"name": "one", "test": "x"}, {"name": "two", "test": "member('one')"}],
        "reservations": [host(90, 90)],
        "subnet4": [subnet(1, host(1, 11), host(2, 12)), subnet(2)],
        "shared-networks": [{"name": "net", "valid-lifetime": 77, "subnet4": [subnet(3), subnet(4)]}],
        "user-context": {"owner": "x"},
    }


def told(edit: Edit, offered: set[str] = OFFERED) -> list[str]:
    """The planned commands after an edit, as words."""
    after = copy.deepcopy(config())
    edit(after)
    return [_words(command) for command in single_commands(config(), after, S4, offered)]


def _words(command: Command) -> str:
    arguments = {**command.arguments}
    assert arguments.pop("operation-target", "memory") == "memory"
    assert command.name.startswith("reservation-") == ("operation-target" in command.arguments)
    whole = next(iter(arguments.values()))
    item = whole[0] if isinstance(whole, list) else whole
    if command.name == "reservation-del":
        return f"{command.name} {arguments['subnet-id']} {arguments['identifier-type']} {arguments['identifier'][-2:]}"
    if isinstance(item, dict):
        key = item.get("hw-address", "")[-2:] if "subnet-id" in item else item.get("name") or item.get("id")
        inside = [f"[{each['id']}" + ("!]" if "reservations" in each else "]") for each in item.get("subnet4", [])]
        number = [str(item["subnet-id"])] if "subnet-id" in item else []
        assert "reservations" not in item
        return " ".join([command.name, *number, str(key), *inside])
    return " ".join([command.name, *map(str, arguments.values())])


def network(whole: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = whole["shared-networks"][0]
    return found


def move(source: list[Any], target: list[Any], number: int) -> dict[str, Any]:
    found: dict[str, Any] = next(each for each in source if each["id"] == number)
    source.remove(found)
    target.append(found)
    return found


EXPRESSIBLE: list[tuple[str, Edit, list[str]]] = [
    ("nothing", lambda c: c, []),
    ("a stamp", lambda c: c["user-context"].update({"kea-reconciler": [{}]}), []),
    ("options in another order", lambda c: c["option-data"].reverse(), []),
    (
        "reservations",
        lambda c: (
            c["subnet4"][0]["reservations"].append(host(3, 13)),
            c["subnet4"][0]["reservations"][0].update(hostname="h"),
            c["subnet4"][0]["reservations"].pop(1),
            c["reservations"].append(host(91, 91)),
        ),
        ["reservation-del 1 hw-address 02", "reservation-update 1 01", "reservation-add 0 91", "reservation-add 1 03"],
    ),
    (
        "two reservations change addresses",
        lambda c: (
            c["subnet4"][0]["reservations"][0].update({"ip-address": "10.0.1.12"}),
            c["subnet4"][0]["reservations"][1].update({"ip-address": "10.0.1.11"}),
        ),
        [
            "reservation-del 1 hw-address 01",
            "reservation-del 1 hw-address 02",
            "reservation-add 1 01",
            "reservation-add 1 02",
        ],
    ),
    (
        "a client gets another reservation's address",
        lambda c: (
            c["subnet4"][0]["reservations"][0].update({"ip-address": "10.0.1.99"}),
            c["subnet4"][0]["reservations"].append(host(5, 11)),
        ),
        ["reservation-update 1 01", "reservation-add 1 05"],
    ),
    ("a pool", lambda c: c["subnet4"][0]["pools"].append({"pool": "10.0.1.1-10.0.1.9"}), ["subnet4-update 1"]),
    (
        "a subnet in a network",
        lambda c: network(c)["subnet4"][0].update({"valid-lifetime": 9}),
        ["subnet4-update 3"],
    ),
    (
        "subnets come and go",
        lambda c: (c["subnet4"].pop(0), c["subnet4"].append(subnet(5, host(7, 7)))),
        ["subnet4-del 1", "subnet4-add 5", "reservation-add 5 07"],
    ),
    (
        "another prefix under the same id",
        lambda c: c["subnet4"][0].update({"subnet": "10.0.9.0/24"}),
        ["subnet4-del 1", "subnet4-add 1", "reservation-add 1 01", "reservation-add 1 02"],
    ),
    (
        "another id for the same prefix",
        lambda c: c["subnet4"][0].update({"id": 9}),
        ["subnet4-del 1", "subnet4-add 9", "reservation-add 9 01", "reservation-add 9 02"],
    ),
    (
        "a subnet in a network comes and goes",
        lambda c: (network(c)["subnet4"].pop(0), network(c)["subnet4"].append(subnet(6))),
        ["subnet4-del 3", "subnet4-add 6", "network4-subnet-add net 6"],
    ),
    (
        "into a network",
        lambda c: move(c["subnet4"], network(c)["subnet4"], 1),
        ["network4-subnet-add net 1"],
    ),
    (
        "out of a network, and changed",
        lambda c: (move(network(c)["subnet4"], c["subnet4"], 3), c["subnet4"][-1].update({"t1-percent": 0.1})),
        ["network4-subnet-del net 3", "subnet4-update 3"],
    ),
    (
        "a new network",
        lambda c: c["shared-networks"].append({"name": "neu", "subnet4": [subnet(7, host(7, 7)), c["subnet4"].pop(1)]}),
        ["network4-add neu [7]", "network4-subnet-add neu 2", "reservation-add 7 07"],
    ),
    (
        "a network goes with its subnets",
        lambda c: c["shared-networks"].clear(),
        ["network4-del net delete"],
    ),
    (
        "a network goes and one of its subnets stays",
        lambda c: (move(network(c)["subnet4"], c["subnet4"], 3), c["shared-networks"].clear()),
        ["subnet4-del 4", "network4-del net keep"],
    ),
    (
        "a network's own parameters",
        lambda c: (network(c).update({"valid-lifetime": 78}), network(c)["subnet4"].append(subnet(8))),
        ["network4-del net keep", "network4-add net [8]", "network4-subnet-add net 3", "network4-subnet-add net 4"],
    ),
    (
        "another name for a network",
        lambda c: network(c).update(name="neu"),
        ["network4-del net keep", "network4-add neu", "network4-subnet-add neu 3", "network4-subnet-add neu 4"],
    ),
    (
        "classes",
        lambda c: (
            c["client-classes"][0].update(test="y"),
            c["client-classes"].append({"name": "three"}),
            c["subnet4"][1].update({"client-classes": ["three"]}),
        ),
        ["class-update one", "class-add three", "subnet4-update 2"],
    ),
    (
        "classes go after what asks for them, the last first",
        lambda c: (c["client-classes"].clear(), c["subnet4"].pop(1)),
        ["subnet4-del 2", "class-del two", "class-del one"],
    ),
]


@pytest.mark.parametrize(("edit", "wanted"), [each[1:] for each in EXPRESSIBLE], ids=[each[0] for each in EXPRESSIBLE])
def test_what_can_be_said_with_commands(edit: Edit, wanted: list[str]) -> None:
    assert told(edit) == wanted


WHOLE: list[tuple[str, Edit]] = [
    ("a global parameter", lambda c: c.update({"valid-lifetime": 1})),
    ("a new global parameter", lambda c: c.update({"renew-timer": 1})),
    ("an option", lambda c: c["option-data"][0].update(data="9")),
    ("the first definition", lambda c: c.update({"option-def": [{"name": "d", "code": 222}]})),
    ("a hook", lambda c: c.update({"hooks-libraries": [{"library": "x"}]})),
    ("a person's user-context", lambda c: c["user-context"].update(owner="y")),
    ("the order of classes", lambda c: c["client-classes"].reverse()),
    ("a class before another", lambda c: c["client-classes"].insert(0, {"name": "zero"})),
    ("what a class depends on", lambda c: c["client-classes"][0].update(test="member('KNOWN')")),
    ("a reservation without an identifier", lambda c: c["reservations"].append({"hostname": "h"})),
    ("two for one identifier", lambda c: c["reservations"].append(host(90, 91))),
]


@pytest.mark.parametrize("edit", [each[1] for each in WHOLE], ids=[each[0] for each in WHOLE])
def test_what_needs_the_whole_configuration_takes_all_else_with_it(edit: Edit) -> None:
    def and_a_pool(whole: dict[str, Any]) -> None:
        edit(whole)
        whole["subnet4"][0]["pools"].append({"pool": "10.0.1.1-10.0.1.9"})

    assert told(edit) == told(and_a_pool) == []


def test_every_command_must_be_offered() -> None:
    def edit(whole: dict[str, Any]) -> None:
        whole["subnet4"].append(subnet(5, host(7, 7)))

    assert told(edit) == ["subnet4-add 5", "reservation-add 5 07"]
    for missing in ("subnet4-add", "reservation-add"):
        assert told(edit, OFFERED - {missing}) == []
    assert told(edit, OFFERED - {"class-add", "subnet4-update"}) != []


def test_a_reservation_is_named_by_what_identifies_it() -> None:
    before = {
        "subnet6": [
            {"id": 1, "subnet": "2001:db8::/64", "reservations": [{"flex-id": "01", "prefixes": ["3000::/60"]}]}
        ]
    }
    after = {
        "subnet6": [{"id": 1, "subnet": "2001:db8::/64", "reservations": [{"duid": "01", "prefixes": ["3000::/60"]}]}]
    }
    deleted, added = single_commands(before, after, S6, OFFERED)
    named = {"subnet-id": 1, "identifier-type": "flex-id", "identifier": "01", "operation-target": "memory"}
    assert (deleted.name, deleted.arguments) == ("reservation-del", named)
    assert added.arguments["reservation"] == {"duid": "01", "prefixes": ["3000::/60"], "subnet-id": 1}


def test_rapid_commit_that_kea_hands_down_is_no_difference_and_is_sent() -> None:
    inner = {"id": 1, "subnet": "2001:db8::/64", "reservations": []}
    before = {"shared-networks": [{"name": "n", "rapid-commit": True, "subnet6": [inner]}]}
    same = {"shared-networks": [{"name": "n", "rapid-commit": True, "subnet6": [{**inner, "rapid-commit": True}]}]}
    assert single_commands(before, same, S6, OFFERED) == ()
    after = {"shared-networks": [{"name": "n", "rapid-commit": True, "subnet6": [{**inner, "t1-percent": 0.1}]}]}
    (update,) = single_commands(before, after, S6, OFFERED)
    assert update.arguments["subnet6"][0]["rapid-commit"] is True


def test_what_would_take_too_long_goes_as_a_whole() -> None:
    def changed(number: int, *, of: int) -> tuple[Command, ...]:
        before = {"subnet4": [_plain(each, 1) for each in range(of)]}
        after = {"subnet4": [_plain(each, 2 if each < number else 1) for each in range(of)]}
        return single_commands(before, after, S4, OFFERED)

    assert len(changed(100, of=1000)) == 100
    few = changed(200, of=10000)
    assert len(few) == 200
    assert 60.0 < busy_seconds(few, 10000) < LONGEST
    assert changed(300, of=10000) == ()
    assert len(changed(500, of=500)) == 500


def _plain(number: int, lifetime: int) -> dict[str, Any]:
    return {"id": number + 1, "subnet": f"10.{number >> 8}.{number & 255}.0/24", "valid-lifetime": lifetime}


def test_other_marks_of_ours_are_not_compared() -> None:
    stamp = Stamp("hq", "1", "d", (), Fingerprints("f", {}))
    assert single_commands(config(), with_stamp(config(), stamp), S4, OFFERED) == ()


STAMP = Stamp("hq", "1", "d", (), Fingerprints("f", {}))
ADD = Command("subnet4-add", {})


def renewed(
    now: Stamp | None, *commands: Command, offered: set[str] = OFFERED, there: Carrier | None = None
) -> list[tuple[str, Any]]:
    """What is sent with commands to a server that has this stamp: by name, and the object that carries it."""
    config_now = with_stamp(config(), now) if now else config()
    endpoint = Endpoint("kea-b", S4, "http://192.0.2.1/")
    live = Snapshot(endpoint, "3.0.3", config_now, None, 0, 0, 0, 0.0, None, carrier=there)
    found = stamped(commands, live, with_stamp(config(), replace(STAMP, generation=2)), offered)
    return [(each.name, next(iter(each.arguments.values()), None)) for each in found]


def test_a_stamp_is_renewed_around_the_commands() -> None:
    new = with_stamp(config(), replace(STAMP, generation=2))
    aging, done = [as_class(aging_marks(with_stamp(config(), STAMP), new) or [])], [as_class(marks_to_carry(new, {}))]
    assert renewed(STAMP, ADD) == [("class-add", aging), ("subnet4-add", None), ("class-update", done)]
    assert renewed(STAMP, ADD, there=Carrier.CLASS)[0] == ("class-update", aging)
    assert renewed(STAMP) == [("class-add", done)]  # the data are there already
    assert renewed(STAMP, there=Carrier.CLASS) == [("class-update", done)]
    assert renewed(replace(STAMP, may_age=True), ADD) == [("subnet4-add", None), ("class-add", done)]
    assert renewed(None, ADD) == [("subnet4-add", None), ("class-add", done)]


def test_a_reservation_carries_it_where_no_class_can_and_goes_on_to() -> None:
    new = with_stamp(config(), replace(STAMP, generation=2))
    done = {**as_reservation(marks_to_carry(new, {})), "subnet-id": 0}
    no_class = OFFERED - {"class-add"}
    told = [name for name, _ in renewed(STAMP, ADD, offered=no_class)]
    assert told == ["reservation-add", "subnet4-add", "reservation-update"]
    assert renewed(STAMP, offered=no_class) == [("reservation-add", done)]
    assert renewed(STAMP, there=Carrier.RESERVATION) == [("reservation-update", done)]
    assert renewed(STAMP, ADD, offered=no_class, there=Carrier.CLASS) == [("subnet4-add", None)]


def test_a_stamp_stays_as_it_is_where_it_can_not_be_renewed_or_need_not() -> None:
    for missing in ({"class-add", "reservation-add"}, {"class-update", "reservation-update"}):
        assert renewed(STAMP, ADD, offered=OFFERED - missing) == [("subnet4-add", None)]
    assert renewed(replace(STAMP, generation=2)) == []


# ------------------------------------------------------------------------------------------------ half way


def one(whole: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = whole["subnet4"][0]
    return found


BETWEEN: list[tuple[str, Edit, Edit, bool]] = [
    (
        "a subnet is as it is to be, its reservations not yet",
        lambda c: (one(c).update({"renew-timer": 7}), one(c)["reservations"].append(host(3, 13))),
        lambda c: one(c).update({"renew-timer": 7}),
        True,
    ),
    (
        "somebody's reservation in a subnet of which only a parameter changes",
        lambda c: one(c).update({"renew-timer": 7}),
        lambda c: (one(c).update({"renew-timer": 7}), one(c)["reservations"].append(host(9, 19))),
        False,
    ),
    (
        "somebody's pool in it",
        lambda c: one(c).update({"renew-timer": 7}),
        lambda c: one(c)["pools"].append({"pool": "10.0.1.1-10.0.1.9"}),
        False,
    ),
    (
        "a subnet that gets another id has no reservations yet",
        lambda c: one(c).update({"id": 9}),
        lambda c: one(c).update({"id": 9, "reservations": []}),
        True,
    ),
    (
        "a reservation is taken away before it is there with another option",
        lambda c: one(c)["reservations"][0].update({"option-data": [{"name": "a", "data": "9"}]}),
        lambda c: one(c)["reservations"].pop(0),
        True,
    ),
    (
        "a network is taken away before it is there with another option",
        lambda c: network(c).update({"option-data": [{"name": "a", "data": "9"}]}),
        lambda c: c["subnet4"].extend(c["shared-networks"].pop()["subnet4"]),
        True,
    ),
    (
        "somebody's subnet",
        lambda c: one(c).update({"renew-timer": 7}),
        lambda c: c["subnet4"].append(subnet(8)),
        False,
    ),
]


@pytest.mark.parametrize(("edit", "seen", "is_ours"), [each[1:] for each in BETWEEN], ids=[each[0] for each in BETWEEN])
def test_what_commands_left_half_done_is_told_from_what_somebody_else_did(
    edit: Edit, seen: Edit, *, is_ours: bool
) -> None:
    after, live = config(), config()
    edit(after)
    seen(live)
    assert is_between(config(), live, after, S4) is is_ours
