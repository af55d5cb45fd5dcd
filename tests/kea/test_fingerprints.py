from __future__ import annotations

import copy
from typing import Any

import pytest

from reconciler.errors import TooDeepError
from reconciler.kea.fingerprints import digest, fingerprints, section
from reconciler.kea.locality import replicated
from reconciler.model import Service
from tests.planning.cases import edited, read_base

ROUTERS = {"name": "routers", "code": 3, "space": "dhcp4", "data": "10.0.0.1"}
DOMAIN = {"name": "domain-name", "code": 15, "space": "dhcp4", "data": "example.org"}


def part(*edits: dict[str, Any]) -> dict[str, Any]:
    return replicated(edited(read_base("dhcp4-hs-kea-a"), list(edits)), Service.DHCP4)


def test_the_same_data_have_the_same_digest_for_ever() -> None:
    """A stamp is read by later releases: these values must not change."""
    assert digest({"b": [1, 2.5, None, True], "a": "ä"}) == digest({"a": "ä", "b": [1, 2.5, None, True]})
    assert digest({"b": [1, 2.5, None, True], "a": "ä"}) == "26d99402c903f4cd"
    assert fingerprints({"valid-lifetime": 60, "option-data": [ROUTERS, DOMAIN]}).whole == "73f5036f5fd2b16a"


def test_servers_that_agree_have_the_same_fingerprints() -> None:
    other = replicated(read_base("dhcp4-hs-kea-b"), Service.DHCP4)
    assert fingerprints(part()) == fingerprints(other)


def test_there_is_one_for_each_section() -> None:
    marks = fingerprints(part())
    assert list(marks.sections) == sorted(part())
    assert marks.whole == digest(marks.sections)
    assert marks.sections["subnet4"] == section(part(), "subnet4")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/valid-lifetime", "valid-lifetime"),
        ("/subnet4/0/reservations/0/hostname", "subnet4"),
        ("/subnet4/0/pools/0/pool", "subnet4"),
        ("/shared-networks/0/subnet4/0/id", "shared-networks"),
        ("/client-classes/0/option-data/0/data", "client-classes"),
        ("/option-def/0/type", "option-def"),
        ("/expired-leases-processing/max-reclaim-time", "expired-leases-processing"),
    ],
)
def test_a_change_shows_in_its_section_alone(path: str, name: str) -> None:
    before, after = fingerprints(part()), fingerprints(part({"op": "replace", "path": path, "value": "other"}))
    assert before.whole != after.whole
    assert {key for key in before.sections if before.sections[key] != after.sections[key]} == {name}


def holders(options: list[Any]) -> list[dict[str, Any]]:
    """Every place in which options stand."""
    return [
        {"option-data": options},
        {"subnet4": [{"option-data": options}]},
        {"subnet4": [{"reservations": [{}, {"option-data": options}]}]},
        {"subnet4": [{"pools": [{"option-data": options}]}]},
        {"subnet6": [{"pd-pools": [{"option-data": options}]}]},
        {"shared-networks": [{"option-data": options}]},
        {"shared-networks": [{"subnet4": [{"reservations": [{"option-data": options}]}]}]},
        {"client-classes": [{"option-data": options}]},
        {"client-classes": [{"option-def": options}]},
        {"reservations": [{"option-data": options}]},
        {"option-def": options},
    ]


def test_the_order_of_options_has_no_meaning_anywhere() -> None:
    for one, other in zip(holders([ROUTERS, DOMAIN]), holders([DOMAIN, ROUTERS]), strict=True):
        before = copy.deepcopy((one, other))
        assert one != other
        assert fingerprints(one) == fingerprints(other)
        assert (one, other) == before


def test_the_order_of_an_option_given_twice_has() -> None:
    second = {**ROUTERS, "data": "10.0.0.2"}
    assert fingerprints({"option-data": [ROUTERS, second]}) != fingerprints({"option-data": [second, ROUTERS]})


def test_the_order_of_classes_has() -> None:
    one, other = {"name": "a"}, {"name": "b"}
    assert fingerprints({"client-classes": [one, other]}) != fingerprints({"client-classes": [other, one]})


def test_what_is_too_deep_is_said_so() -> None:
    deep: Any = 1
    for _ in range(300):
        deep = [deep]
    with pytest.raises(TooDeepError):
        fingerprints({"user-context": {"a": deep}})
