"""Whose subnets on a hub are whose."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.kea.hubs import all_tagged, duplicates, joined, part_of, tag_of, tagged, untagged
from reconciler.model import Service

S = Service.DHCP4
EAST, WEST = {"east", "hub-east"}, {"west", "hub-west"}


def subnet(number: int, tag: str | None = None) -> dict[str, Any]:
    own: dict[str, Any] = {"id": number, "subnet": f"10.0.{number}.0/24"}
    return own if tag is None else tagged(own, tag)


def network(name: str, *subnets: dict[str, Any], tag: str | None = None) -> dict[str, Any]:
    own: dict[str, Any] = {"name": name, "subnet4": list(subnets)}
    return own if tag is None else tagged(own, tag)


HUB: dict[str, Any] = {
    "subnet4": [subnet(1, "east"), subnet(2, "hub-west"), subnet(3)],
    "shared-networks": [
        network("a", subnet(4), tag="hub-east"),
        network("b", subnet(5, "west")),
        network("c", subnet(6)),
    ],
    "valid-lifetime": 7200,
}


def ids(part: dict[str, Any]) -> list[int]:
    holders = [part, *part.get("shared-networks", [])]
    return sorted(subnet["id"] for holder in holders for subnet in holder["subnet4"])


@pytest.mark.parametrize(
    ("names", "with_untagged", "expected"),
    [(EAST, False, [1, 4]), (WEST, False, [2, 5]), (EAST, True, [1, 3, 4, 6]), ({"other"}, False, [])],
)
def test_a_relationship_has_what_carries_one_of_its_names(
    names: set[str], expected: list[int], *, with_untagged: bool
) -> None:
    part = part_of(HUB, S, names, with_untagged=with_untagged)
    assert ids(part) == expected
    assert part.keys() == {"subnet4", "shared-networks"}


def test_a_part_replaces_only_its_own_and_is_tagged() -> None:
    made = joined(HUB, S, EAST, {"subnet4": [subnet(7)], "shared-networks": []}, "east", with_untagged=False)
    assert ids(made) == [2, 3, 5, 6, 7]
    assert [tag_of(each) for each in made["subnet4"]] == ["hub-west", None, "east"]
    assert made["valid-lifetime"] == 7200
    assert ids(part_of(made, S, EAST, with_untagged=False)) == [7]
    assert part_of(made, S, WEST, with_untagged=False) == part_of(HUB, S, WEST, with_untagged=False)


def test_what_stands_in_a_user_context_stays_there() -> None:
    assert tagged({"user-context": {"site": "x"}}, "east")["user-context"] == {"site": "x", "ha-server-name": "east"}


def test_what_says_nothing_is_found_unless_its_network_or_all_its_subnets_do() -> None:
    assert list(untagged(HUB, S)) == [("subnet", "10.0.3.0/24"), ("shared-network", "c")]


def test_everything_that_says_nothing_can_be_given_a_name() -> None:
    made = all_tagged(HUB, S, "east")
    assert untagged(made, S) == {}
    assert ids(part_of(made, S, EAST, with_untagged=False)) == [1, 3, 4, 6]
    assert part_of(made, S, WEST, with_untagged=False) == part_of(HUB, S, WEST, with_untagged=False)


def test_what_two_relationships_both_have_is_found() -> None:
    both = {
        "subnet4": [subnet(1), subnet(9) | {"id": 1}],
        "shared-networks": [network("a", subnet(2)), network("a", subnet(2) | {"id": 5})],
    }
    assert duplicates(both, S) == {"shared-network a": True, "subnet id 1": True, "subnet 10.0.2.0/24": True}
    assert duplicates(HUB, S) == {}
    owned = {"subnet4": [subnet(1, "east"), subnet(1, "west")]}
    assert set(duplicates(owned, S).values()) == {False}
