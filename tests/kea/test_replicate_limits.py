"""What doesn't follow the primary, who is named when both servers moved, and pairs that are only half there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from lab.kea import KeaServer, base_configuration
from reconciler.model import Mode, Service
from tests.kea.world import World, subnet, until
from tests.pairs import PAIR_MODES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lab.laboratory import Laboratory

pytestmark = pytest.mark.kea

FOUR = Service.DHCP4
SERVICES = pytest.mark.parametrize("service", list(Service), ids=str)


def changes(world: World, command: str = "plan") -> list[dict[str, Any]]:
    """Every change that the plan tells of, on whichever server."""
    (told,) = world.run(command, "--format", "json").json["relationships"]
    return [change for server in told["servers"] for change in server["changes"]]


def moves(world: World) -> dict[str, tuple[str, tuple[str, ...]]]:
    """For each object that changes (its innermost name) the cause and the servers that moved."""
    return {change["path"][-1][1]: (change["cause"], tuple(change["moved"])) for change in changes(world)}


def interfaces(world: World, server: KeaServer) -> dict[str, str | None]:
    """The interface of each subnet by its prefix, in networks too."""
    config, key = world.config(server), world.service.subnets
    holders = [config, *config.get("shared-networks", [])]
    return {each["subnet"]: each.get("interface") or None for holder in holders for each in holder.get(key, [])}


def with_interface(service: Service, name: str | None) -> dict[str, Any]:
    """Two subnets, one of them in a network, both at that interface."""
    part = {"interface": name} if name else {}
    return base_configuration(
        service,
        subnets=[subnet(service, 1, **part)],
        shared_networks=[{"name": "floor", service.subnets: [subnet(service, 2, **part)]}],
    )


def create(lab: Laboratory, configurations: Mapping[str, dict[str, Any]], **options: Any) -> World:
    """A pair of these two that has been made a relationship."""
    world = World(lab, configurations=configurations, **options)
    world.must_apply()
    return world


@SERVICES
def test_a_local_interface_stays_each_servers_own(lab: Laboratory, service: Service) -> None:
    world = World(
        lab,
        service,
        configurations={"kea-a": with_interface(service, None), "kea-b": with_interface(service, "lo")},
    )
    world.document["local"] = [f"/{service.subnets}/*/interface"]
    world.write()
    world.must_apply()
    first, second = (subnet(service, number)["subnet"] for number in (1, 2))
    assert interfaces(world, world.a) == {first: None, second: None}
    assert interfaces(world, world.b) == {first: "lo", second: "lo"}
    # What follows leaves the local part alone, where the subnet is new and where it moves as well.
    world.change(world.a, lambda config: _add_and_move(config, service))
    assert "interface" not in {field["name"] for change in changes(world) for field in change["fields"]}
    world.must_apply()
    third = subnet(service, 3)["subnet"]
    assert interfaces(world, world.b) == {first: "lo", second: "lo", third: None}


def _add_and_move(config: dict[str, Any], service: Service) -> None:
    """Add subnet 3, and put subnet 1 into the network."""
    (moving,) = config[service.subnets]
    config[service.subnets] = [subnet(service, 3)]
    config["shared-networks"][0][service.subnets].append(moving)


def test_a_pattern_added_later_in_git_stops_replication_of_that_place(lab: Laboratory) -> None:
    start = {"kea-a": with_interface(FOUR, None), "kea-b": with_interface(FOUR, None)}
    world = create(lab, start)

    def at_loopback(config: dict[str, Any]) -> None:
        config[FOUR.subnets][0]["interface"] = "lo"

    world.change(world.b, at_loopback)
    prefix = subnet(FOUR, 1)["subnet"]
    assert moves(world) == {prefix: ("peer", ("kea-b",))}
    world.document["local"] = ["/subnet4/*/interface"]
    world.write()
    world.must_be_done()
    world.must_apply()
    assert interfaces(world, world.b)[prefix] == "lo"


def test_each_server_that_moved_is_told_of_the_objects_that_it_moved(lab: Laboratory) -> None:
    """The primary's subnets and the partner's classes: two causes in one plan; in one section, both are named."""
    start = base_configuration(FOUR, subnets=[subnet(FOUR, 1)])
    world = create(lab, {"kea-a": start, "kea-b": start})
    world.change(world.a, lambda config: config[FOUR.subnets].append(subnet(FOUR, 2)))
    world.change(world.b, lambda config: config.update({"client-classes": [{"name": "mine"}]}))
    new, newer = (subnet(FOUR, number)["subnet"] for number in (2, 3))
    assert moves(world) == {new: ("primary", ("kea-a",)), "mine": ("peer", ("kea-b",))}
    world.change(world.b, lambda config: config[FOUR.subnets].append(subnet(FOUR, 3)))
    both = ("primary", ("kea-a", "kea-b"))
    assert moves(world) == {new: both, newer: both, "mine": ("peer", ("kea-b",))}
    world.must_apply()
    assert [each["id"] for each in world.config(world.b)[FOUR.subnets]] == [1, 2]
    assert world.shared_part(world.a) == world.shared_part(world.b)


@SERVICES
def test_without_replication_only_the_relationship_is_managed(lab: Laboratory, service: Service) -> None:
    first = base_configuration(service, subnets=[subnet(service, 1)])
    second = base_configuration(service, subnets=[subnet(service, 2)], valid_lifetime=1234)
    bodies = {"kea-a": first, "kea-b": second}
    world = World(lab, service, Mode.LOAD_BALANCING, configurations=bodies, is_logged=True)
    world.document["replicate"] = False
    world.write()
    before = [world.shared_part(server) for server in world.servers]
    world.must_apply()
    assert world.is_normal()
    world.change(world.a, lambda config: config[service.subnets].append(subnet(service, 3)))
    world.must_be_done()
    world.document["parameters"]["max-unacked-clients"] = 3
    world.write()
    world.must_apply()
    subnets = [[each["id"] for each in world.config(server)[service.subnets]] for server in world.servers]
    assert subnets == [[1, 3], [2]]
    assert [world.shared_part(world.b)] == before[1:]
    assert "replicate is false" in world.run("plan").stdout
    told = world.run("drift", "--format", "json").json["relationships"][0]
    (apart,) = [note for note in told["notes"] if "has other DHCP data" in note]
    names = [subnet(service, number)["subnet"] for number in (1, 2, 3)]
    assert apart.startswith("kea-b has other DHCP data than kea-a: ")
    assert all(
        f"{verb} subnet {name}" in apart
        for verb, name in zip(("lacks", "has in addition", "lacks"), names, strict=True)
    )
    (changes,) = [each["changes"] for each in told["servers"] if each["server"] == "kea-b"]
    due = {("add", names[0]), ("delete", names[1]), ("add", names[2])}
    assert due <= {(each["action"], each["path"][0][1]) for each in changes}
    drift = world.run("drift", "--detailed-exitcode")
    assert drift.exit_code == 2, drift
    assert "Where replicate is false, apply leaves DHCP data as they are." in drift.stdout
    status = world.run("status", "--format", "json")
    assert (status.exit_code, status.json["relationships"][0]["in_sync"]) == (0, False)
    world.forget()
    assert world.apply().exit_code == 0
    assert world.story() == []

    del world.document[
        "replicate"
    ]  # now a Configuration Backend is what shares the data, of which no database is asked
    world.write()
    backend = {"config-databases": [], "config-fetch-wait-time": 60}
    world.change(world.a, lambda config: config.update({"config-control": backend}))
    world.must_be_done()
    assert "the Configuration Backend shares the configuration, nothing is replicated" in world.run("status").stdout
    assert [world.shared_part(world.b)] == before[1:]


@pytest.mark.parametrize("half", ["kea-a", "kea-b"])
@pytest.mark.parametrize("mode", PAIR_MODES, ids=str)
def test_a_pair_that_is_only_half_made_is_completed(lab: Laboratory, mode: Mode, half: str) -> None:
    """One server lost all of its configuration to an old file, or was never given the relationship."""
    start = base_configuration(FOUR, subnets=[subnet(FOUR, 1)])
    world = World(lab, FOUR, mode, configurations={"kea-a": start, "kea-b": start}, is_logged=True)
    server = world.a if half == "kea-a" else world.b
    old = server.config_file(FOUR).read_bytes()
    world.must_apply()
    server.stop_daemon(FOUR)
    server.config_file(FOUR).write_bytes(old)
    server.start_daemon(FOUR)
    assert world.ha(server) is None
    assert world.run("status").exit_code == 1
    world.forget()
    # As long as the other hears who was there before, this one may be anybody.
    until(lambda: world.apply().exit_code == 0, "apply once the other has noticed", 60.0)
    until(world.is_normal, "normal pair")
    sets = [name for name, _ in world.story("config-set")]
    assert half in sets
    assert [world.file(each) for each in world.servers] == [world.config(each) for each in world.servers]
