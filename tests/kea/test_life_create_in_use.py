"""A relationship made over a real server that has leases in use in what it would lose: nobody loses service unasked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from lab.kea import base_configuration
from lab.laboratory import Laboratory
from reconciler.model import Service
from tests.kea.world import World, subnet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.kea import Generation

pytestmark = [pytest.mark.kea, pytest.mark.xdist_group("create-in-use")]
FOUR = Service.DHCP4
OTHERS = subnet(FOUR, 1, subnet="10.0.9.0/24", pools=[{"pool": "10.0.9.10 - 10.0.9.100"}])  # with the primary's id


def start(generation: Generation, *subnets: dict[str, Any]) -> dict[str, Any]:
    hooks = [{"library": f"{generation.hooks}/libdhcp_lease_cmds.so"}]
    return base_configuration(FOUR, subnets=list(subnets), hooks_libraries=hooks)


@pytest.fixture(params=[True, False], ids=["beside", "alone"])
def world(request: pytest.FixtureRequest, generation: Generation) -> Iterator[World]:
    """kea-b serves 10.0.9.0/24, alone or beside a subnet that kea-a has too, and a client has a lease there."""
    beside = [subnet(FOUR, 2)] if request.param else []
    with Laboratory(generation=generation) as lab:
        primary, standby = (subnet(FOUR, 1), *beside), (OTHERS, *beside)
        starting = {"kea-a": start(generation, *primary), "kea-b": start(generation, *standby)}
        world = World(lab, configurations=starting)
        lease = {"ip-address": "10.0.9.15", "hw-address": "02:00:00:00:00:77", "subnet-id": 1}
        assert world.b.command(FOUR, "lease4-add", lease)["result"] == 0
        yield world


def test_a_server_with_leases_in_use_is_not_taken_over_unasked(world: World) -> None:
    before = world.config(world.b)
    held = world.apply("--format", "json")
    assert held.exit_code == 3, held
    (relation,) = held.json["relationships"]
    codes = {each["code"]: each["object"] for each in relation["blocked_by"]}
    assert codes == {"authority-shrunk": "kea-b: subnets", "subnet-id-conflict": "kea-b"}
    assert world.config(world.b) == before
    world.must_apply("--approve", "authority-shrunk", "--approve", "subnet-id-conflict")
    world.until_normal()
    world.must_be_done()
