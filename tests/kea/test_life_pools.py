"""Pools that two load-balancing servers divide: made so, kept so, shared again, and gone with the mode."""

from __future__ import annotations

from typing import Any

import pytest

from lab.kea import GENERATIONS, Generation, KeaServer, base_configuration
from lab.laboratory import Laboratory
from reconciler.kea import guards
from reconciler.kea.pools import are_divided_by_us, classes
from reconciler.model import Mode, Service
from tests.kea.clients import BEHIND_RELAY, SERVED, Clients
from tests.kea.removed import must_be_removed, say_absent
from tests.kea.world import World, run, subnet

pytestmark = pytest.mark.kea

FOUR, SIX = Service.DHCP4, Service.DHCP6
OLD, MIDDLE, NEW = GENERATIONS
APPROVED = ("--approve", "split-pools")
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


def balanced(lab: Laboratory, service: Service = FOUR, pools: str = "split", **options: Any) -> World:
    """Two servers of which the first has pools of every kind, and a relationship that wants them so."""
    found = [subnet(service, 1), subnet(service, 2, **(ODD if service is FOUR else DELEGATED))]
    if service is FOUR:
        found.append(subnet(service, 3, **SINGLE))
    start = base_configuration(service, subnets=found)
    world = World(lab, service, Mode.LOAD_BALANCING, configurations={"kea-a": start}, **options)
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


@pytest.mark.parametrize(("service", "backups"), [(FOUR, 0), (SIX, 0), (SIX, 1)])
def test_pools_are_divided_when_a_relationship_is_made_and_joined_when_it_no_longer_balances(
    lab: Laboratory, service: Service, backups: int
) -> None:
    world = balanced(lab, service, backups=backups)
    before = subnets(world, world.a)
    blocked = world.apply()
    assert blocked.exit_code == 3, blocked
    assert "split-pools" in blocked.stdout
    assert subnets(world, world.a) == before
    world.must_apply(*APPROVED)
    for server in world.servers:
        assert parts(world, server) == DIVIDED[service]
        assert world.shared_part(server) == world.shared_part(world.a)
    world.until_normal()

    world.document["mode"] = "hot-standby"
    del world.document["pools"]
    world.document["peers"][1]["role"] = "standby"
    world.mode = Mode.HOT_STANDBY
    world.write()
    world.must_apply(*APPROVED)
    world.until_normal()
    for server in world.servers:
        assert subnets(world, server) == before


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


def test_the_halves_follow_when_peers_are_renamed_and_are_joined_under_the_new_names(lab: Laboratory) -> None:
    world = balanced(lab, SIX)
    before = subnets(world, world.a)
    world.must_apply(*APPROVED)
    world.until_normal()
    for peer, name in zip(world.document["peers"], ("one", "two"), strict=True):
        peer["name"] = name
    world.write()
    world.must_apply(*APPROVED)
    world.until_normal()
    renamed = {A: ("HA_one",), B: ("HA_two",)}
    for server in world.servers:
        assert parts(world, server) == {pool: renamed[each] for pool, each in DIVIDED[SIX].items()}
        assert world.file(server)["subnet6"] == subnets(world, server)
    want(world, "shared")
    world.must_apply(*APPROVED)
    world.until_normal()
    assert subnets(world, world.a) == subnets(world, world.b) == before


@pytest.mark.parametrize(
    ("service", "generations"), [(FOUR, (OLD, NEW)), (SIX, (NEW, MIDDLE))], ids=lambda each: str(each).replace(" ", "")
)
def test_servers_of_different_versions_divide_pools_each_in_its_own_words(
    service: Service, generations: tuple[Generation, Generation]
) -> None:
    options = dict(zip(("kea-a", "kea-b"), ({"generation": each} for each in generations), strict=True))
    with Laboratory() as lab:
        world = balanced(lab, service, options=options)
        world.must_apply(*APPROVED, "--approve", "untested-version")
        for server in world.servers:
            word = "client-classes" if server.generation == NEW else "client-class"
            assert parts(world, server) == DIVIDED[service]
            assert all(word in pool for pool in subnets(world, server)[0]["pools"])
        added = subnet(service, 4)
        world.change(world.a, lambda config: config[service.subnets].append(added))
        world.must_apply(*APPROVED)
        assert parts(world, world.a) == parts(world, world.b)
        assert len(parts(world, world.b)) == len(DIVIDED[service]) + 2
        want(world, "shared")
        world.must_apply(*APPROVED)
        world.until_normal()
        assert set(parts(world, world.a).values()) == set(parts(world, world.b).values()) == {()}
        assert parts(world, world.a).keys() == parts(world, world.b).keys()


def test_a_client_whose_address_is_in_the_other_half_is_told_so_and_gets_another_of_its_own_servers(
    lab: Laboratory,
) -> None:
    """Each server leases addresses of what becomes the other's half, and of its own, which then are to be renewed."""
    names = ("kea-a", "kea-b")
    with Clients(names) as clients:
        start = base_configuration(FOUR, subnets=[subnet(FOUR, 1, **BEHIND_RELAY)], **SERVED)
        bodies, options = dict.fromkeys(names, start), clients.options()
        world = World(lab, FOUR, Mode.LOAD_BALANCING, configurations=bodies, options=options)
        world.must_apply()
        before = subnets(world, world.a)
        places = {"kea-a": range(10, 56), "kea-b": range(56, 101)}  # as they are divided
        asked = []
        for number in (*range(20, 32), *range(70, 82)):
            for name, own in (
                ("kea-a", number),
                ("kea-b", number + 12),
            ):  # only the one in whose half a client is answers
                asked.append((clients.request(name, f"10.0.1.{own}"), own))
        clients.offered()
        given = [(client, number) for client, number in asked if client.leases]
        want(world, "split")
        world.must_apply(*APPROVED)
        world.until_normal()
        for client, number in given:
            client.leases.clear()
            clients.renew(client, f"10.0.1.{number}")
        clients.offered()
        kinds = set()
        for client, number in given:
            (server,) = client.leases | client.refusals
            assert bool(client.leases) == (number in places[server])
            kinds.add((server, bool(client.leases)))
            if client.refusals:
                clients.ask_again(client)
                clients.offered(0.1)
                assert int(client.addresses[server].rpartition(".")[2]) in places[server]
        assert kinds == {(name, kept) for name in names for kept in (True, False)}
        must_leave_whole_pools(world, clients, before)


def must_leave_whole_pools(world: World, clients: Clients, before: Any) -> None:
    """With the relationship our halves go, too, and the primary leases addresses of both."""
    say_absent(world)
    world.must_apply("--approve", "remove-relationship")
    must_be_removed(world)
    assert subnets(world, world.a) == before
    assert guards.enabled(world.config(world.b), FOUR)["subnet4"] == before
    for server in world.servers:
        assert not are_divided_by_us(world.config(server), FOUR)
    asked = [clients.request("kea-a", f"10.0.1.{number}") for number in (12, 98)]
    clients.offered()
    assert [client.leases for client in asked] == [{"kea-a"}] * 2
