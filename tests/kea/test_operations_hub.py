"""Sync, continue and reset of one relationship of a hub; the other goes on."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pytest

from lab.laboratory import Laboratory
from reconciler.kea import hooks
from reconciler.model import Service
from tests.kea.hub import Hub
from tests.kea.shared import Shared, shared_by
from tests.kea.world import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.kea import Generation, KeaServer

pytestmark = [pytest.mark.kea, pytest.mark.generations("2.6", "3.0"), pytest.mark.xdist_group("operate-hub")]

FOUR = Service.DHCP4


@contextlib.contextmanager
def made(generation: Generation) -> Iterator[Hub]:
    with Laboratory(generation=generation) as lab, Hub(lab, FOUR, is_logged=True) as world:
        world.write("east", "west")
        world.must_apply()
        yield world


standing = shared_by(made)


@pytest.fixture
def world(request: pytest.FixtureRequest, standing: Shared[Hub]) -> Iterator[Hub]:
    with standing.lent(request.node) as world:
        world.must_be_normal()
        world.forget()
        yield world


def must(world: Hub, branch: str, *words: str, result: str = "done", code: int = 0) -> Any:
    """An operation on a server of one relationship; the other one is safe meanwhile, and both are normal after it."""
    other = "west" if branch == "east" else "east"
    with world.trace(branch, f"{' '.join(words)} in {branch}") as own, world.trace(other, "the other") as beside:
        done = world.run(*words, "--relationship", branch, "--yes", "--format", "json")
        assert (done.exit_code, done.json["result"]) == (code, result), done
        world.must_be_normal()
    for trace in (own, beside):
        trace.must_be_safe()
        trace.must_be_served()
    return done.json


def lease(server: KeaServer, number: int, address: str) -> None:
    wanted = {"ip-address": address, "hw-address": f"aa:bb:cc:00:00:{number:02x}", "subnet-id": number}
    reply = server.command(FOUR, "lease4-add", wanted)
    assert reply["result"] == 0, reply


@pytest.mark.parametrize(("branch", "number"), [("east", 1), ("west", 11)])
def test_a_hub_fetches_the_leases_of_one_branch(world: Hub, branch: str, number: int) -> None:
    address = f"10.0.{number}.20"
    lease(world.server(branch), number, address)
    must(world, branch, "sync", "hub")
    found = world.hub.command(FOUR, "lease4-get", {"ip-address": address})
    assert found["result"] == 0, found
    assert world.sent("ha-sync") == [("hub", "ha-sync")]


@pytest.mark.parametrize("branch", ["east", "west"])
def test_one_relationship_begins_anew(world: Hub, branch: str) -> None:
    must(world, branch, "reset", "hub")
    assert world.sent("ha-reset") == [("hub", "ha-reset")]
    world.forget()
    must(world, branch, "reset", branch)  # the hub answers its clients
    sent = [(branch, "dhcp-disable"), ("hub", "ha-scopes"), (branch, "ha-reset"), ("hub", "ha-scopes")]
    assert world.sent("dhcp-disable", "ha-scopes", "ha-reset", "dhcp-enable") == [*sent, (branch, "dhcp-enable")]


@pytest.fixture
def serving(world: Hub) -> Iterator[Hub]:
    """The hub is the primary of east for a while."""
    for roles in ({"east": "standby", "hub": "primary"}, {"east": "primary", "hub": "standby"}):
        for peer in world.documents["east"]["peers"]:
            peer["role"] = roles[peer["server"]]
        world.write("east", "west")
        world.must_apply()
        world.forget()
        if roles["hub"] == "primary":
            yield world


def test_a_hub_that_serves_is_answered_for_by_its_branch(serving: Hub) -> None:
    """For west's sake it is never switched off."""
    must(serving, "east", "reset", "hub")
    sent = [("hub", "ha-scopes"), ("east", "ha-scopes"), ("hub", "ha-reset"), ("east", "ha-scopes")]
    assert serving.sent("dhcp-disable", "ha-scopes", "ha-reset", "dhcp-enable") == [*sent, ("hub", "ha-scopes")]
    serving.forget()
    report = must(serving, "west", "reset", "hub")  # where it is the standby, but would answer nobody in east either
    assert any("east answers the clients of hub in east" in each for each in report["notes"])
    assert serving.sent("dhcp-disable", "ha-scopes", "ha-reset", "dhcp-enable") == [*sent, ("hub", "ha-scopes")]


def test_the_relationship_that_pauses_goes_on(world: Hub) -> None:
    must(world, "west", "continue", "hub", result="nothing-to-do")
    config = world.config(world.hub)
    for block in hooks.relationships_of(config):
        if block["this-server-name"] == "hub-west":
            block["state-machine"] = {"states": [{"state": "syncing", "pause": "once"}]}  # type: ignore[index]
    world.hub.set_config(FOUR, config)
    until(lambda: world.states(world.hub)[1] == "syncing", "a pause")
    must(world, "west", "continue", "hub")
    assert world.states(world.hub) == ["hot-standby", "hot-standby"]


def test_a_hub_that_is_set_goes_on_where_another_relationship_pauses(world: Hub) -> None:
    """In a pause it would answer nobody, in none of them."""
    west, east = (world.documents[name]["parameters"] for name in ("west", "east"))
    west["state-machine"] = {"states": [{"state": "syncing", "pause": "once"}]}
    world.write("east", "west")
    world.must_apply()
    world.must_be_normal()
    world.forget()
    east["max-ack-delay"] += 1
    world.write("east", "west")
    world.must_apply()
    assert world.states(world.hub) == ["hot-standby", "hot-standby"]
    world.must_be_normal()
    assert ("west", "config-set") not in world.sent()
