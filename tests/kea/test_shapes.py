from __future__ import annotations

from typing import Any

import pytest

from reconciler.kea.shapes import misshapen, misshapen_at_the_top
from tests.planning.cases import BASES, edited, read_base

BLOCK = "/hooks-libraries/1/parameters/high-availability/0"


@pytest.mark.parametrize("name", sorted(path.stem for path in BASES.glob("dhcp*.json")))
def test_real_configurations_are_well_shaped(name: str) -> None:
    assert misshapen(read_base(name)) is None


def test_an_empty_configuration_is() -> None:
    assert misshapen({}) is None


def odd(path: str, value: Any) -> dict[str, Any]:
    return edited(read_base("dhcp4-hs-kea-a"), [{"op": "add", "path": path, "value": value}])


@pytest.mark.parametrize(
    ("path", "value", "name"),
    [
        ("/subnet4", {}, "subnet4"),
        ("/reservations/0", "x", "reservations"),
        ("/user-context", [], "user-context"),
        ("/hooks-libraries/0", 3, "hooks-libraries"),
        ("/hooks-libraries/1/parameters", [], None),
        ("/hooks-libraries/1/parameters", "x", "parameters"),
        (f"{BLOCK}/peers", {"kea-a": {}}, "peers"),
        (f"{BLOCK}/multi-threading", True, "multi-threading"),
        (f"{BLOCK}/state-machine", [], "state-machine"),
        (f"{BLOCK}/state-machine", {"states": ["waiting"]}, "states"),
    ],
)
def test_what_is_odd_at_the_top_is_named(path: str, value: Any, name: str | None) -> None:
    assert misshapen_at_the_top(odd(path, value)) == name
    assert misshapen(odd(path, value)) == name


@pytest.mark.parametrize(
    ("path", "value", "name"),
    [
        ("/subnet4/1/pools", {"pool": "10.0.0.0/28"}, "pools"),
        ("/subnet4/1/reservations/0", 7, "reservations"),
        ("/subnet4/0/reservations/1/option-data", None, "option-data"),
        ("/subnet4/0/reservations/1/client-classes", "phones", "client-classes"),
        ("/shared-networks/0/subnet4/0", [], "subnet4"),
        ("/client-classes/0/option-def", {}, "option-def"),
    ],
)
def test_what_is_odd_deeper_down_is_named_by_the_long_look_only(path: str, value: Any, name: str) -> None:
    assert misshapen_at_the_top(odd(path, value)) is None
    assert misshapen(odd(path, value)) == name
