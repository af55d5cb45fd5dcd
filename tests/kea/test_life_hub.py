"""Hub and spoke: one server stands by for several others, and each relationship is its own business."""

from __future__ import annotations

import copy
import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from lab.kea import GENERATIONS, base_configuration
from reconciler.kea import hooks
from reconciler.model import Service
from tests.kea.hub import Hub
from tests.kea.world import run, subnet, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.laboratory import Laboratory

pytestmark = [pytest.mark.kea, pytest.mark.generations("2.6", "3.0")]


@pytest.fixture(params=list(Service), ids=str)
def world(request: pytest.FixtureRequest, lab: Laboratory) -> Iterator[Hub]:
    with Hub(lab, request.param) as world:
        yield world


def test_a_hub_of_another_version_of_kea_stands_by_as_well(lab: Laboratory) -> None:
    (other,) = (each for each in GENERATIONS[1:] if each != lab.generation)
    with Hub(lab, Service.DHCP4, other) as world:
        world.write("east", "west")
        world.must_apply()
        world.must_be_normal()
        assert world.subnets(world.hub) == {1: "east", 2: "east", 11: "west"}
        config = world.east.config(Service.DHCP4)
        config["subnet4"][0]["pools"][0]["client-class"] = "phones"
        world.east.set_config(Service.DHCP4, config)
        world.must_be_normal()
        world.must_apply()
        (pool,) = world.hub.config(Service.DHCP4)["subnet4"][0]["pools"]
        newest = other == GENERATIONS[-1]
        assert pool["client-classes" if newest else "client-class"] == (["phones"] if newest else "phones")


def test_a_hub_stands_by_for_two_branches(world: Hub) -> None:
    world.write("east", "west")
    world.must_apply()
    world.must_be_normal()
    assert world.states(world.hub) == ["hot-standby", "hot-standby"]
    assert world.subnets(world.hub) == {1: "east", 2: "east", 11: "west"}
    assert world.subnets(world.east) == {1: None, 2: None}
    status = world.run("status")
    assert status.exit_code == 0, status

    imported = world.lab.directory / "imported"
    controls = [part for server in world.servers for part in ("--control", server.control)]
    found = run("import", "--desired", str(imported), *controls)
    assert found.exit_code == 0, found
    assert sorted(path.name for path in (imported / "relationships").iterdir()) == ["east.yaml", "west.yaml"]
    planned = run("plan", "--desired", str(imported), "--detailed-exitcode")
    assert planned.exit_code == 0, planned

    config = world.west.config(world.service)
    config[world.service.subnets].append(subnet(world.service, 12))
    world.west.set_config(world.service, config)
    world.must_be_normal()
    drift = world.run("drift", "--format", "json")
    changed = {
        (each["name"], server["server"])
        for each in drift.json["relationships"]
        for server in each["servers"]
        if server["changes"]
    }
    assert changed == {("west", "hub")}
    world.must_apply()
    assert world.subnets(world.hub) == {1: "east", 2: "east", 11: "west", 12: "west"}

    config = world.hub.config(world.service)
    own = config[world.service.subnets]
    config[world.service.subnets] = [each for each in own if each["id"] != 1]
    world.hub.set_config(world.service, config)
    world.must_be_normal()
    world.must_apply()
    assert world.subnets(world.hub) == {1: "east", 2: "east", 11: "west", 12: "west"}


def test_a_pair_becomes_a_spoke_when_its_standby_gets_another_branch(world: Hub) -> None:
    world.write("east")
    world.must_apply()
    assert world.subnets(world.hub) == {1: None, 2: None}
    before = world.east.config(world.service)
    world.write("east", "west")
    world.must_apply()
    world.must_be_normal()
    assert world.subnets(world.hub) == {1: "east", 2: "east", 11: "west"}
    assert world.east.config(world.service)[world.service.subnets] == before[world.service.subnets]


def test_a_pair_with_a_backup_becomes_a_spoke_in_the_same_way(lab: Laboratory) -> None:
    """Kea lets a relationship of a hub have backups, which stay in that one alone."""
    service = Service.DHCP4
    with Hub(lab, service) as world:
        backup = lab.server("backup", {service: base_configuration(service)})
        world.controls["backup"] = backup.control
        peer = {"server": "backup", "role": "backup", "url": backup.ha_url(service)}
        world.documents["east"]["peers"].append(peer)
        world.write("east")
        world.must_apply()
        assert world.states(backup) == ["backup"]
        world.write("east", "west")
        world.must_apply()
        world.must_be_normal()
        assert world.states(world.hub) == ["hot-standby", "hot-standby"]
        assert world.states(backup) == ["backup"]
        assert world.subnets(world.hub) == {1: "east", 2: "east", 11: "west"}
        assert set(world.subnets(backup)) == {1, 2}
        config = world.config(world.east)
        config["subnet4"].append(subnet(service, 3))
        world.east.set_config(service, config)
        world.must_be_normal()
        world.must_apply()
        assert [set(world.subnets(server)) for server in (world.hub, backup)] == [{1, 2, 3, 11}, {1, 2, 3}]


def test_the_same_subnet_on_two_branches_is_refused_before_anything_is_touched(world: Hub) -> None:
    config = world.west.config(world.service)
    config[world.service.subnets].append(subnet(world.service, 2))
    world.west.set_config(world.service, config)
    world.write("east")
    world.must_apply()
    world.write("east", "west")
    hub = world.hub.config(world.service)
    refused = world.run("apply", "--yes", "--relationship", "west")
    assert refused.exit_code == 3, refused
    assert "hub-clash" in refused.stdout
    assert world.hub.config(world.service) == hub


@pytest.fixture
def hub(lab: Laboratory) -> Iterator[Hub]:
    """A hub that stands by for two branches."""
    with Hub(lab, Service.DHCP4) as made:
        made.write("east", "west")
        made.must_apply()
        made.must_be_normal()
        yield made


def must_say(world: Hub, words: str, *relationships: str) -> None:
    """Status gives these words as a reason in these relationships, and in no other."""
    status = world.run("status", "--format", "json")
    found = [each["name"] for each in status.json["relationships"] if any(words in why for why in each["reasons"])]
    assert (status.exit_code, found) == (1, list(relationships)), status


def test_hooks_that_failed_to_load_on_the_hub_are_seen_and_loaded_again(hub: Hub) -> None:
    """All of its relationships are gone with them, be it for a mistake in one."""
    good = hub.config(hub.hub)
    broken = copy.deepcopy(good)
    hooks.relationships_of(broken)[1]["this-server-name"] = "nobody"  # type: ignore[index]
    assert hub.hub.command(hub.service, "config-set", {hub.service.root: broken})["result"] != 0
    assert hub.config(hub.hub) == good
    assert hub.states(hub.hub) == []
    must_say(hub, "hub has the HA hook configured, but not in force, its commands are gone", "east", "west")
    hub.must_apply()
    hub.must_be_normal()
    assert hub.states(hub.hub) == ["hot-standby", "hot-standby"]


def test_a_listener_of_the_hub_that_could_not_be_bound_is_seen_and_opened(hub: Hub) -> None:
    """It hears both branches, but one of them hears nothing of it."""
    good = hub.config(hub.hub)
    url = hub.documents["west"]["peers"][1]["url"]
    place = urlsplit(url)
    hub.hub.set_config(hub.service, good | {"hooks-libraries": []})
    with socket.create_server((place.hostname or "", place.port or 0)):
        assert hub.hub.command(hub.service, "config-set", {hub.service.root: good})["result"] == 1
    assert hub.config(hub.hub) == good
    said = f"hub gives its partner no answer, and nothing else is between them: its HA listener at {url}"
    until(lambda: said in hub.run("status").stdout, "status that sees it")
    must_say(hub, said, "west")
    for command in ("plan", "drift"):
        shown = hub.run(command)
        assert "west: dhcp4, hot-standby" in shown.stdout, shown
        assert "heard by its partner false -> true" in shown.stdout, shown
    hub.must_apply()
    hub.must_be_normal()
    socket.create_connection((place.hostname or "", place.port or 0), timeout=2).close()
