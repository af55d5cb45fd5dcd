"""Pools that two load-balancing servers divide: made so, kept so, shared again, and gone with the mode."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from lab.kea import KeaServer, base_configuration
from reconciler.kea.pools import are_divided_by_us, classes
from reconciler.model import Mode, Service
from tests.kea.world import World, run, subnet

if TYPE_CHECKING:
    from lab.laboratory import Laboratory

pytestmark = pytest.mark.kea

FOUR, SIX = Service.DHCP4, Service.DHCP6
APPROVED = ("--approve", "split-pools", "--approve", "shared-pools")
ODD = {"pools": [{"pool": "10.0.2.0/25", "option-data": [{"name": "routers", "data": "10.0.2.1"}]}]}
SINGLE = {"pools": [{"pool": "10.0.3.7 - 10.0.3.7", "user-context": {"building": "B"}}, {"pool": "10.0.3.32/28"}]}
DELEGATED = {
    "pd-pools": [
        {
            "prefix": "2001:db8:9000::",
            "prefix-len": 48,
            "delegated-len": 56,
            "excluded-prefix": "2001:db8:9000:0:ab00::",
            "excluded-prefix-len": 72,
        },
        {"prefix": "2001:db8:9001:100::", "prefix-len": 56, "delegated-len": 56},
    ]
}


def balanced(lab: Laboratory, service: Service = FOUR, pools: str = "split") -> World:
    """Two servers of which the first has pools of every kind, and a relationship that wants them so."""
    found = [subnet(service, 1), subnet(service, 2, **(ODD if service is FOUR else DELEGATED))]
    if service is FOUR:
        found.append(subnet(service, 3, **SINGLE))
    start = base_configuration(service, subnets=found)
    world = World(lab, service, Mode.LOAD_BALANCING, configurations={"kea-a": start})
    want(world, pools)
    return world


def want(world: World, pools: str) -> None:
    world.document["pools"] = pools
    world.write()


def parts(world: World, server: KeaServer) -> dict[str, tuple[str, ...]]:
    """Every pool of a server, with the classes that it asks for."""
    return {
        each.get("pool") or f"{each['prefix']}/{each['prefix-len']}": classes(each)
        for net in world.config(server)[world.service.subnets]
        for key in ("pools", "pd-pools")
        for each in net.get(key) or ()
    }


def subnets(world: World, server: KeaServer) -> Any:
    """All that a server's subnets hold."""
    return world.config(server)[world.service.subnets]


A, B = ("HA_kea-a",), ("HA_kea-b",)
DIVIDED = {
    FOUR: {
        "10.0.1.10-10.0.1.55": A,
        "10.0.1.56-10.0.1.100": B,
        "10.0.2.0/26": A,
        "10.0.2.64/26": B,
        "10.0.3.7/32": A,
        "10.0.3.32/29": A,
        "10.0.3.40/29": B,
    },
    SIX: {
        "2001:db8:1::10-2001:db8:1::87": A,
        "2001:db8:1::88-2001:db8:1::ff": B,
        "2001:db8:2::10-2001:db8:2::87": A,
        "2001:db8:2::88-2001:db8:2::ff": B,
        "2001:db8:9000::/49": A,
        "2001:db8:9000:8000::/49": B,
        "2001:db8:9001:100::/56": A,
    },
}


@pytest.mark.parametrize("service", Service, ids=str)
def test_pools_are_divided_when_a_relationship_is_made_and_joined_when_it_no_longer_balances(
    lab: Laboratory, service: Service
) -> None:
    world = balanced(lab, service)
    before = subnets(world, world.a)
    blocked = world.apply()
    assert blocked.exit_code == 3, blocked
    assert "split-pools" in blocked.stdout
    assert subnets(world, world.a) == before
    world.must_apply(*APPROVED)
    assert parts(world, world.a) == parts(world, world.b) == DIVIDED[service]
    assert world.shared_part(world.a) == world.shared_part(world.b)
    world.until_normal()

    world.document["mode"] = "hot-standby"
    del world.document["pools"]
    world.document["peers"][1]["role"] = "standby"
    world.mode = Mode.HOT_STANDBY
    world.write()
    world.must_apply(*APPROVED)
    world.until_normal()
    assert subnets(world, world.a) == subnets(world, world.b) == before


def test_shared_pools_are_divided_and_shared_again(lab: Laboratory) -> None:
    world = balanced(lab, pools="shared")
    world.must_apply()
    before = subnets(world, world.a)
    assert subnets(world, world.b) == before
    want(world, "split")
    planned = world.run("plan", "--format", "json").json["relationships"][0]
    causes = {change["cause"] for server in planned["servers"] for change in server["changes"]}
    assert causes == {"git"}
    assert [server["server"] for server in planned["servers"] if server["changes"]] == ["kea-b", "kea-a"]
    world.must_apply(*APPROVED)
    assert parts(world, world.a) == parts(world, world.b) == DIVIDED[FOUR]
    found = run("import", "--desired", str(world.lab.directory / "found"), *controls(world))
    assert found.exit_code == 0, found
    assert "pools: split" in next((world.lab.directory / "found").rglob("relationships/*.yaml")).read_text()

    def add(config: dict[str, Any]) -> None:
        config["subnet4"].append(subnet(FOUR, 4))

    world.change(world.a, add)
    world.must_apply(*APPROVED)
    assert parts(world, world.b) == {**DIVIDED[FOUR], "10.0.4.10-10.0.4.55": A, "10.0.4.56-10.0.4.100": B}

    def free(config: dict[str, Any]) -> None:
        for key in ("client-class", "client-classes"):
            config["subnet4"][0]["pools"][1].pop(key, None)

    for server in (world.a, world.b):
        world.change(server, free)
        drift = world.run("drift", "--format", "json").json["relationships"][0]
        causes = {change["cause"] for each in drift["servers"] for change in each["changes"]}
        assert causes == {"peer"}
        world.must_apply(*APPROVED)
        assert parts(world, world.a) == parts(world, world.b)
        assert parts(world, server)["10.0.1.56-10.0.1.100"] == B

    want(world, "shared")
    world.must_apply(*APPROVED)
    world.until_normal()
    assert subnets(world, world.a)[:3] == subnets(world, world.b)[:3] == before
    assert not are_divided_by_us(world.config(world.b), FOUR)


def controls(world: World) -> list[str]:
    return [text for server in world.servers for text in ("--control", server.control)]
