"""Hub and spoke: one server stands by for several others, and each relationship is its own business."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

from lab.kea import GENERATIONS, Generation, KeaServer, base_configuration
from lab.ports import Port
from reconciler.model import Service
from tests.kea.world import HURRIED, Run, run, subnet, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.laboratory import Laboratory

pytestmark = [pytest.mark.kea, pytest.mark.generations("2.6", "3.0")]


class Hub:
    """The branches east and west, each with subnets of its own, and a hub that has nothing yet, of another Kea where
    `hub` says so.
    """

    def __init__(self, lab: Laboratory, service: Service, hub: Generation | None = None) -> None:
        self.lab, self.service = lab, service
        other = {"hub": {"generation": hub}} if hub else {}
        self.east, self.west, self.hub = (
            lab.server(name, {service: base_configuration(service, subnets=subnets)}, **other.get(name, {}))
            for name, subnets in (
                ("east", [subnet(service, 1), subnet(service, 2)]),
                ("west", [subnet(service, 11)]),
                ("hub", []),
            )
        )
        self.ports = {name: Port() for name in ("east", "west")}
        self.desired = lab.directory / "desired"
        self.documents = {name: self.document(name) for name in ("east", "west")}

    @property
    def servers(self) -> tuple[KeaServer, ...]:
        return (self.east, self.west, self.hub)

    def document(self, name: str) -> dict[str, Any]:
        """The relationship of one branch with the hub, which has another name in each."""
        branch = {"east": self.east, "west": self.west}[name]
        url = f"http://127.0.0.1:{self.ports[name].number}/"
        return {
            "name": name,
            "service": self.service.value,
            "mode": "hot-standby",
            "peers": [
                {"server": name, "role": "primary", "url": branch.ha_url(self.service)},
                {"server": "hub", "name": f"hub-{name}", "role": "standby", "url": url},
            ],
            "parameters": dict(HURRIED),
        }

    def write(self, *names: str) -> None:
        """Let desired/ have these relationships."""
        folder = self.desired / "relationships"
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.iterdir():
            old.unlink()
        inventory = {each.name: {self.service.value: {"control": each.control}} for each in self.servers}
        (self.desired / "servers.yaml").write_text(yaml.safe_dump({"servers": inventory}))
        for name in names:
            (folder / f"{name}.yaml").write_text(yaml.safe_dump(self.documents[name], sort_keys=False))

    def run(self, command: str, *arguments: str) -> Run:
        return run(command, "--desired", str(self.desired), *arguments)

    def must_apply(self, *arguments: str) -> None:
        done = self.run("apply", "--yes", *arguments)
        assert done.exit_code == 0, done
        planned = self.run("plan", "--detailed-exitcode")
        assert planned.exit_code == 0, planned

    def subnets(self, server: KeaServer) -> dict[int, str | None]:
        """Each subnet's id, and the name in its user-context that says whose it is."""
        found = server.config(self.service)[self.service.subnets]
        return {each["id"]: each.get("user-context", {}).get("ha-server-name") for each in found}

    def states(self, server: KeaServer) -> list[str]:
        """The server's state in each of its relationships."""
        entries = server.command(self.service, "status-get")["arguments"].get("high-availability", [])
        return [entry["ha-servers"]["local"]["state"] for entry in entries]

    def must_be_normal(self) -> None:
        def normal() -> bool:
            return all(set(self.states(server)) == {"hot-standby"} for server in self.servers)

        until(normal, "normal relationships")


@pytest.fixture(params=list(Service), ids=str)
def world(request: pytest.FixtureRequest, lab: Laboratory) -> Iterator[Hub]:
    world = Hub(lab, request.param)
    yield world
    for port in world.ports.values():
        port.release()


def test_a_hub_of_another_version_of_kea_stands_by_as_well(lab: Laboratory) -> None:
    (other,) = (each for each in GENERATIONS[1:] if each != lab.generation)
    world = Hub(lab, Service.DHCP4, other)
    try:
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
    finally:
        for port in world.ports.values():
            port.release()


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
