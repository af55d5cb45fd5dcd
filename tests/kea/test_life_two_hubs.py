"""Two hubs on real Kea: east and hub stand by for each other, in a relationship each, and hub for west besides."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pytest

from lab.laboratory import Laboratory
from reconciler.kea import hooks
from reconciler.model import Service
from tests.kea.hub import Hub
from tests.kea.shared import Shared, shared_by
from tests.kea.traces import Trace
from tests.kea.world import HURRIED, WRITING, subnet

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lab.kea import Generation, KeaServer

pytestmark = [pytest.mark.kea, pytest.mark.generations("2.6", "3.0"), pytest.mark.xdist_group("two-hubs")]

S = Service.DHCP4
ALL = ("back", "east", "west")


class TwoHubs(Hub):
    """The relationships east and west of a hub, and back, in which that is the primary and east its standby.

    Of the subnets 1 and 2 are of east, 11 of west, and 21 of back.
    """

    def __init__(self, lab: Laboratory) -> None:
        tag = {"user_context": {"ha-server-name": "east"}}  # a server in several relationships has to say whose each is
        super().__init__(lab, S, is_logged=True, parts={1: tag, 2: tag})
        peers = [
            {"server": "hub", "name": "hub-back", "role": "primary", "url": self.fresh_url()},
            {"server": "east", "name": "east-back", "role": "standby", "url": self.fresh_url()},
        ]
        self.documents["back"] = {**self.documents["east"], "name": "back", "peers": peers}
        self.documents["back"]["parameters"] = dict(HURRIED)
        config = self.config(self.hub)
        config["subnet4"].append(subnet(S, 21, user_context={"ha-server-name": "hub-back"}))
        self.hub.set_config(S, config)

    def add(self, server: KeaServer, number: int, owner: str | None = None) -> None:
        """Give a server one more subnet, of one of its relationships by a peer's name."""
        config = self.config(server)
        tag = {"user_context": {"ha-server-name": owner}} if owner else {}
        config["subnet4"].append(subnet(S, number, **tag))
        server.set_config(S, config)
        self.must_be_normal()

    def blocks(self, server: KeaServer) -> list[Mapping[str, Any]]:
        return hooks.relationships_of(self.config(server))

    def back(self, server: KeaServer) -> Mapping[str, Any]:
        """A server's entry of the relationship back."""
        return next(each for each in self.blocks(server) if each["this-server-name"].endswith("-back"))

    def ids(self) -> dict[str, set[int]]:
        return {server.name: set(self.subnets(server)) for server in self.servers}


@contextlib.contextmanager
def made(generation: Generation) -> Iterator[TwoHubs]:
    with Laboratory(generation=generation) as lab, TwoHubs(lab) as world:
        world.write(*ALL)
        world.must_apply()
        world.must_be_normal()
        yield world


shared = shared_by(made)


@pytest.fixture
def world(request: pytest.FixtureRequest, shared: Shared[TwoHubs]) -> Iterator[TwoHubs]:
    with shared.lent(request.node) as world:
        yield world


def test_two_hubs_are_made_and_each_has_what_it_stands_by_for(world: TwoHubs) -> None:
    assert [world.states(server) for server in world.servers] == [
        ["hot-standby"] * 2,
        ["hot-standby"],
        ["hot-standby"] * 3,
    ]
    assert world.subnets(world.hub) == {1: "east", 2: "east", 11: "west", 21: "hub-back"}
    assert world.subnets(world.east) == {1: "east", 2: "east", 21: "hub-back"}
    assert set(world.subnets(world.west)) == {11}
    status = world.run("status")
    assert status.exit_code == 0, status


def test_what_changes_on_each_primary_follows_to_its_own_standby(world: TwoHubs) -> None:
    before = world.ids()
    world.add(world.east, 3, "east")
    world.add(world.west, 12)
    world.add(world.hub, 22, "hub-back")
    drift = world.run("drift", "--format", "json")
    changed = {
        (each["name"], server["server"])
        for each in drift.json["relationships"]
        for server in each["servers"]
        if server["changes"]
    }
    assert changed == {("back", "east"), ("east", "hub"), ("west", "hub")}
    world.must_apply()
    world.must_be_normal()
    added = {"east": {3, 22}, "west": {12}, "hub": {3, 12, 22}}
    assert world.ids() == {name: before[name] | more for name, more in added.items()}


def test_another_url_between_two_hubs_needs_an_approval_and_leaves_all_normal(world: TwoHubs) -> None:
    """Neither can be switched off while they can't hear each other: its other clients would go unserved. What is
    approved is that nobody answers until both are set; that two would, happens only where that takes longer.
    """
    peer: dict[str, Any] = world.documents["back"]["peers"][1]
    peer["url"] = world.fresh_url()
    world.write(*ALL)
    world.forget()
    before = [world.config(server) for server in world.servers]
    refused = world.run("apply", "--yes", "--format", "json")
    assert refused.exit_code == 3, refused
    blocked = {each["name"]: [o["code"] for o in each["blocked_by"]] for each in refused.json["relationships"]}
    assert blocked == {"back": ["two-would-serve"], "east": [], "west": []}
    assert world.sent(*WRITING) == []
    assert [world.config(server) for server in world.servers] == before

    places = {server.name: world.blocks(server).index(world.back(server)) for server in (world.east, world.hub)}
    title = f"{world.lab.generation} two hubs get another url between them"
    with Trace([world.east, world.hub], S, title, places=places) as trace:
        world.must_apply("--approve", "two-would-serve")
        world.must_be_normal()
    trace.must_serve_nobody_twice()
    assert "dhcp-disable" not in {command for _, command in world.sent()}
    for server in (world.east, world.hub):
        assert peer["url"] in {each["url"] for each in world.back(server)["peers"]}
