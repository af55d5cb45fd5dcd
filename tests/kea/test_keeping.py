"""Which data a server is to have that keeps some objects as it has them."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.kea.keeping import keeping
from reconciler.model import Service
from reconciler.planning.diff import differences
from tests.planning import strategies as some

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.kea.keeping import ObjectPath

    Part = dict[str, Any]

S = Service.DHCP4
ONE, TWO = "10.0.1.0/24", "10.0.2.0/24"
MAC = "02:00:00:00:01:0"


def reservation(number: int, address: int, **parts: Any) -> dict[str, Any]:
    return {"hw-address": f"{MAC}{number}", "ip-address": f"10.0.1.{address}", **parts}


def subnet(number: int, **parts: Any) -> dict[str, Any]:
    pools = [{"pool": f"10.0.{number}.100-10.0.{number}.199"}]
    return {"subnet": f"10.0.{number}.0/24", "id": number, "valid-lifetime": 7200, "pools": pools, **parts}


def authority() -> Part:
    """What the authority has."""
    return {
        "valid-lifetime": 7200,
        "max-valid-lifetime": 7200,
        "option-data": [{"name": "routers", "code": 3, "space": "dhcp4", "data": "10.0.0.1"}],
        "client-classes": [
            {"name": "phones", "test": "option[60].exists"},
            {"name": "upper", "test": "member('phones')"},
        ],
        "shared-networks": [{"name": "campus", "valid-lifetime": 7200, "subnet4": [subnet(3)]}],
        "subnet4": [subnet(1, reservations=[reservation(1, 11), reservation(2, 12)]), subnet(2)],
    }


def first(part: Part) -> Any:
    return part["subnet4"][0]


def paths(own: Part, data: Part, service: Service = S) -> list[ObjectPath]:
    return [each.change.path for each in differences(own, data, service)]


# What somebody does to a server, the path of it, and what of it stays when the rest follows.
EDITS: dict[str, tuple[Callable[[Part], object], ObjectPath]] = {
    "a reservation that is changed": (
        lambda part: first(part)["reservations"][0].update({"hostname": "x"}),
        (("subnet", ONE), ("reservation", f"hw-address {MAC}1")),
    ),
    "a reservation that is deleted": (
        lambda part: first(part)["reservations"].pop(0),
        (("subnet", ONE), ("reservation", f"hw-address {MAC}1")),
    ),
    "a reservation that is added": (
        lambda part: first(part)["reservations"].append(reservation(7, 17)),
        (("subnet", ONE), ("reservation", f"hw-address {MAC}7")),
    ),
    "a subnet's parameters": (lambda part: first(part).update({"valid-lifetime": 60}), (("subnet", ONE),)),
    "a subnet that is deleted": (lambda part: part["subnet4"].pop(0), (("subnet", ONE),)),
    "a subnet that is added": (lambda part: part["subnet4"].append(subnet(9)), (("subnet", "10.0.9.0/24"),)),
    "a subnet that is put into a network": (
        lambda part: part["shared-networks"][0]["subnet4"].append(part["subnet4"].pop(0)),
        (("subnet", ONE),),
    ),
    "a network's parameters": (
        lambda part: part["shared-networks"][0].update({"valid-lifetime": 60}),
        (("shared-network", "campus"),),
    ),
    "a network that is added": (
        lambda part: part["shared-networks"].append({"name": "annex"}),
        (("shared-network", "annex"),),
    ),
    "an option": (lambda part: part["option-data"][0].update({"data": "10.0.0.9"}), (("option", "routers"),)),
    "an option that is deleted": (lambda part: part["option-data"].clear(), (("option", "routers"),)),
    "a pool's option": (
        lambda part: first(part)["pools"][0].update({"option-data": [{"name": "routers", "data": "10.0.0.9"}]}),
        (("subnet", ONE), ("pool", "10.0.1.100-10.0.1.199"), ("option", "routers")),
    ),
    "a global parameter": (lambda part: part.update({"valid-lifetime": 60}), (("global", "valid-lifetime"),)),
    "a global parameter that is added": (
        lambda part: part.update({"authoritative": True}),
        (("global", "authoritative"),),
    ),
    "a class": (
        lambda part: part["client-classes"][0].update({"test": "option[77].exists"}),
        (("client-class", "phones"),),
    ),
}


def elsewhere(part: Part) -> None:
    """What the authority changes besides, near and far."""
    first(part)["reservations"].append(reservation(3, 13))
    first(part)["option-data"] = [{"name": "domain-name", "data": "example.org"}]
    part["subnet4"] += [subnet(5)]
    part["decline-probation-period"] = 60


@pytest.mark.parametrize("what", EDITS)
def test_one_object_stays_and_all_else_follows(what: str) -> None:
    edit, path = EDITS[what]
    own, data = authority(), authority()
    edit(own)
    elsewhere(data)
    assert path in paths(own, data)
    found = keeping(data, own, S, [path])
    assert isinstance(found, dict), found
    assert set(paths(own, found)) == set(paths(own, data)) - {path}
    assert paths(found, data) == [path]


def test_pools_of_a_subnet_are_kept_together() -> None:
    own, data = authority(), authority()
    first(own)["pools"] = [{"pool": "10.0.1.100-10.0.1.150"}]
    first(data)["pools"].append({"pool": "10.0.1.20-10.0.1.29"})
    data["subnet4"][1]["pools"].append({"pool": "10.0.2.20-10.0.2.29"})
    found = keeping(data, own, S, [(("subnet", ONE), ("pool", "10.0.1.100-10.0.1.150"))])
    assert isinstance(found, dict)
    assert first(found)["pools"] == first(own)["pools"]  # half of the one and half of the other would overlap
    assert found["subnet4"][1] == data["subnet4"][1]


def test_lifetimes_at_the_top_are_kept_together() -> None:
    own, data = authority(), authority()
    own |= {"valid-lifetime": 9000, "max-valid-lifetime": 9000}
    data["renew-timer"] = 900
    found = keeping(data, own, S, [(("global", "valid-lifetime"),)])
    assert isinstance(found, dict)
    assert [found.get(name) for name in ("valid-lifetime", "max-valid-lifetime", "renew-timer")] == [9000, 9000, None]


def with_definition(part: Part) -> None:
    part["option-def"] = [{"name": "colour", "code": 222, "space": "dhcp4", "type": "string"}]


ADDED = (("subnet", ONE), ("reservation", f"hw-address {MAC}7"))


def added(part: Part, **parts: Any) -> None:
    first(part)["reservations"].append(reservation(7, 17, **parts))


# What a server has, what the authority has, what is contested, and why that can't stay alone.
CLASHES: dict[str, tuple[Callable[[Part], object], Callable[[Part], object], ObjectPath, str]] = {
    "an address that is another's now": (
        added,
        lambda data: first(data)["reservations"].append(reservation(8, 17)),
        ADDED,
        f"two reservations in {ONE} would have 10.0.1.17",
    ),
    "an id that is another's now": (
        lambda own: own["subnet4"].append(subnet(9)),
        lambda data: data["subnet4"].append(subnet(8, id=9)),
        (("subnet", "10.0.9.0/24"),),
        "two subnets would have the id 9",
    ),
    "a subnet in a network that is gone": (
        lambda own: own["shared-networks"][0]["subnet4"].append(subnet(9)),
        lambda data: data["shared-networks"].clear(),
        (("subnet", "10.0.9.0/24"),),
        "subnet 10.0.9.0/24 would have no shared-network campus",
    ),
    "a network that others are put into": (
        lambda own: own["shared-networks"].clear(),
        lambda _: None,
        (("shared-network", "campus"),),
        "subnet 10.0.3.0/24 would have no shared-network campus",
    ),
    "a network whose subnets would differ in what they share": (
        lambda own: own["shared-networks"][0]["subnet4"].append(subnet(9, interface="eth1")),
        lambda _: None,
        (("subnet", "10.0.9.0/24"),),
        "the subnets of shared-network campus would differ in interface",
    ),
    "a network that subnets of the authority do not go with": (
        lambda own: own["shared-networks"][0].update({"interface": "eth1", "subnet4": []}),
        lambda data: data["shared-networks"][0]["subnet4"][0].update({"interface": "eth0"}),
        (("shared-network", "campus"),),
        "the subnets of shared-network campus would differ in interface",
    ),
    "a subnet with another authority than its network": (
        lambda own: own["shared-networks"][0]["subnet4"][0].update({"authoritative": False, "interface": "eth0"}),
        lambda data: data["shared-networks"][0].update({"authoritative": True}),
        (("subnet", "10.0.3.0/24"),),
        "the subnets of shared-network campus would differ in interface or rapid-commit or authoritative",
    ),
    "an option beside other definitions": (
        lambda own: added(own, **{"option-data": [{"name": "colour", "data": "red"}]}),
        with_definition,
        ADDED,
        "options that are kept may need other definitions",
    ),
    "a definition": (
        lambda _: None,
        with_definition,
        (("option-def", "colour"),),
        "options may need option-def colour",
    ),
    "a class that comes": (
        lambda own: own["client-classes"].pop(0),
        lambda _: None,
        (("client-class", "phones"),),
        "others may need client-class phones",
    ),
    "a class that needs others": (
        lambda own: own["client-classes"][1].update({"test": "member('phones') and option[1].exists"}),
        lambda _: None,
        (("client-class", "upper"),),
        "client-class upper needs others",
    ),
    "a class that needs others, in other words": (
        lambda own: own["client-classes"][1].update({"test": "member ('phones') and option[1].exists"}),
        lambda _: None,
        (("client-class", "upper"),),
        "client-class upper needs others",
    ),
    "the order of classes": (
        lambda own: own["client-classes"].reverse(),
        lambda _: None,
        (("client-class", "order"),),
        "or the order of the classes",
    ),
    "whether reservations are unique": (
        lambda own: own.update({"ip-reservations-unique": False}),
        lambda _: None,
        (("global", "ip-reservations-unique"),),
        "reservations go by ip-reservations-unique",
    ),
}


@pytest.mark.parametrize("what", CLASHES)
def test_what_others_depend_on_or_clash_with_cannot_stay_alone(what: str) -> None:
    edit, change, path, words = CLASHES[what]
    own, data = authority(), authority()
    edit(own)
    change(data)
    assert path in paths(own, data)
    found = keeping(data, own, S, [path])
    assert isinstance(found, str)
    assert words in found


def test_the_names_of_classes_that_an_object_has_are_no_options() -> None:
    own, data = authority(), authority()
    added(own, **{"client-classes": ["phones"]})
    with_definition(data)
    found = keeping(data, own, S, [ADDED])
    assert isinstance(found, dict)
    assert first(found)["reservations"][-1]["client-classes"] == ["phones"]


def test_what_a_subnet_leaves_out_is_its_networks() -> None:
    own, data = authority(), authority()
    data["shared-networks"][0]["interface"] = own["shared-networks"][0]["interface"] = "eth0"
    data["shared-networks"][0]["subnet4"][0]["interface"] = "eth0"
    own["shared-networks"][0]["subnet4"].append(subnet(9, authoritative=False))
    assert isinstance(keeping(data, own, S, [(("subnet", "10.0.9.0/24"),)]), dict)


def test_what_kea_is_told_to_take_twice_is_no_clash() -> None:
    own, data = ({**authority(), "ip-reservations-unique": False} for _ in range(2))
    added(own)
    first(data)["reservations"].append(reservation(8, 17))
    assert isinstance(keeping(data, own, S, [ADDED]), dict)


@given(
    drawn=some.services.flatmap(
        lambda service: st.tuples(st.just(service), some.shared_data(service), some.shared_data(service))
    ),
    chance=st.randoms(use_true_random=False),
)
@settings(max_examples=60, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
def test_nothing_is_kept_but_what_is_contested_and_nothing_else_comes(drawn: Any, chance: Any) -> None:
    service, own, data = drawn
    data["option-def"] = own["option-def"]
    every = paths(own, data, service)
    free = [path for path in every if path[0][0] != "client-class"]
    contested = chance.sample(free, chance.randint(0, len(free)))
    before = copy.deepcopy((own, data))
    found = keeping(data, own, service, contested)
    assert (own, data) == before
    if isinstance(found, str):
        assert contested
        return
    followed, kept = paths(own, found, service), paths(found, data, service)
    assert set(followed).isdisjoint(contested)
    assert set(followed) <= set(every)
    assert set(contested) <= set(kept) <= set(every)
