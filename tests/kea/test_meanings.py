"""Every kind of object that changes can be of is explained, and every HA parameter."""

from __future__ import annotations

import pytest

from reconciler.desired.meanings import meaning
from reconciler.desired.schema import parameter_names
from reconciler.kea.locality import LOCAL
from reconciler.kea.meanings import chapter, kind_meaning, parameter_meaning
from reconciler.kea.objects import CHILDREN
from reconciler.kea.parameters import PARAMETERS
from reconciler.model import Service
from reconciler.simulator import Release
from reconciler.simulator.tables import keywords


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


LISTS = {*CHILDREN, "option-data", "option-def"}  # of objects, each of which has a kind of its own
KNOWN = {
    name for release in Release for kinds in keywords(release).values() for names in kinds.values() for name in names
}
NAMES = {*KNOWN, *(each.name for each in PARAMETERS), "valid-lifetime", "ddns-send-updates", "data", "test"}


@pytest.mark.parametrize("name", sorted(NAMES - LISTS - set(LOCAL)))
def test_every_parameter_that_is_replicated(name: str) -> None:
    """Those that the simulator knows, which tests hold against what real daemons of each generation know."""
    assert (parameter_meaning(name) or "").endswith(".")


def test_others_have_no_meaning() -> None:
    assert parameter_meaning("no-such-thing") is None


def test_the_chapters_are_those_of_the_manual() -> None:
    assert [chapter(each).rpartition("chapter ")[2] for each in Service] == ["The DHCPv4 Server", "The DHCPv6 Server"]
