"""Every kind of object that changes can be of is explained, and every HA parameter."""

from __future__ import annotations

import pytest

from reconciler.desired.meanings import meaning
from reconciler.desired.schema import parameter_names
from reconciler.kea.meanings import chapter, kind_meaning, parameter_meaning
from reconciler.kea.objects import CHILDREN
from reconciler.kea.parameters import PARAMETERS
from reconciler.model import Service


@pytest.mark.parametrize("kind", sorted({kind.name for kind in CHILDREN.values()} | {"global"}))
def test_kinds(kind: str) -> None:
    assert (kind_meaning(kind) or "").endswith(".")


@pytest.mark.parametrize("name", [*parameter_names(), "mode", "pools", "peers.kea-a.url", "peers.x.auto-failover"])
def test_parameters_of_the_ha_hook(name: str) -> None:
    assert (meaning(name) or "").endswith(".")


def test_a_parameter_inside_another() -> None:
    assert "listens" in (meaning("multi-threading.http-dedicated-listener") or "").lower()
    assert meaning("multi-threading.nothing") is None
    assert meaning("nothing") is None


@pytest.mark.parametrize("name", ["valid-lifetime", "ddns-send-updates", "data", "test"])
def test_parameters_of_objects(name: str) -> None:
    assert (parameter_meaning(name) or "").endswith(".")
    assert parameter_meaning("no-such-thing") is None


def test_some_of_those_that_came_later_are_explained() -> None:
    told = [each.name for each in PARAMETERS if parameter_meaning(each.name)]
    assert {"allocator", "never-send"} <= set(told)


def test_the_chapters_are_those_of_the_manual() -> None:
    assert [chapter(each).rpartition("chapter ")[2] for each in Service] == ["The DHCPv4 Server", "The DHCPv6 Server"]
