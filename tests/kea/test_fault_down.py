"""A server that is down before the apply: its relationship waits, every other one goes on."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, Any

import pytest

from lab.kea import base_configuration
from lab.laboratory import Laboratory
from lab.ports import Port
from reconciler.model import Mode, Service
from tests.kea.shared import Shared, shared_by
from tests.kea.standing import S, Standing, healed
from tests.kea.world import relationship, subnet, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lab.kea import Generation

pytestmark = [pytest.mark.kea, pytest.mark.xdist_group("fault-down")]


class Two(Standing):
    """hq of kea-a and kea-b, and branch of kea-c and kea-d, which are never hurt."""

    def __init__(self, lab: Laboratory) -> None:
        super().__init__(lab)
        bodies = {S: base_configuration(S, subnets=[subnet(S, 1)])}
        self.c, self.d = (lab.server(name, bodies) for name in ("kea-c", "kea-d"))
        self.controls |= {server.name: {S: server.control} for server in (self.c, self.d)}
        self.documents.append(relationship("branch", S, Mode.HOT_STANDBY, self.c, self.d))
        self.write()
        self.number = 1

    def move_branch(self) -> None:
        """Change something in the other relationship."""
        self.number += 1
        config = self.c.config(S)
        config["valid-lifetime"] = 4000 + self.number
        self.c.set_config(S, config)
        until(self.is_branch_normal, "normal branch")

    def is_branch_normal(self) -> bool:
        views = [self.ha(server) for server in (self.c, self.d)]
        return all(view and view["local"]["state"] == view["remote"]["last-state"] == "hot-standby" for view in views)


@contextlib.contextmanager
def made(generation: Generation) -> Iterator[Two]:
    with Laboratory(generation=generation) as lab:
        world = Two(lab)
        world.must_apply()
        yield world


shared = shared_by(made)


@pytest.fixture
def world(request: pytest.FixtureRequest, shared: Shared[Two]) -> Iterator[Two]:
    with shared.lent(request.node) as pair, healed(pair, request.node):
        yield pair


def by_name(run: Any) -> dict[str, dict[str, dict[str, Any]]]:
    return {
        each["name"]: {server["server"]: server for server in each["servers"]} for each in run.json["relationships"]
    }


def both_down(world: Two) -> None:
    world.a.kill_daemon(S)
    world.b.stop_agent()


DOWN: dict[str, Callable[[Two], Any]] = {
    "the-daemon-of-the-partner": lambda world: world.b.kill_daemon(S),
    "the-daemon-of-the-primary": lambda world: world.a.kill_daemon(S),
    "the-agent-of-the-partner": lambda world: world.b.stop_agent(),
    "the-agent-of-the-primary": lambda world: world.a.stop_agent(),
    "a-frozen-daemon": lambda world: world.b.freeze(S),
    "connections-refused": lambda world: world.proxies["kea-b"].refuse(),
    "both": both_down,
}


@pytest.mark.parametrize("down", DOWN)
def test_its_relationship_waits_and_the_other_one_goes_on(world: Two, down: str) -> None:
    added = world.move()
    world.move_branch()
    DOWN[down](world)
    world.forget()
    planned = world.run("plan", "--format", "json")
    assert planned.exit_code == 1, planned
    done = world.apply("--format", "json")
    assert done.exit_code == 6, done
    hq, branch = (by_name(done)[name] for name in ("hq", "branch"))
    assert {each["result"] for each in hq.values()} == {"not-attempted"}
    assert all("can't be reached" in each["reason"] for each in hq.values())
    assert branch["kea-d"]["result"] == "applied"
    assert world.d.config(S)["valid-lifetime"] == 4000 + world.number
    assert world.story() == [], "something was sent to the pair that waits"
    alone = world.apply("--relationship", "hq")
    assert alone.exit_code == 1, alone
    status = world.run("status", "--format", "json")
    assert status.exit_code == 1
    assert [each["status"] == "ok" for each in status.json["relationships"]] == [True, False]
    world.heal()
    if "primary" not in down and down != "both":  # a primary that was killed came back without what was not on disk
        assert world.has(world.b, added)


def test_what_is_wrong_at_the_server_that_answers_is_said_all_the_same(world: Two) -> None:
    """Another url for it, at which nobody listens: the one problem doesn't hide the other."""
    peers = world.documents[0]["peers"]
    own, port = peers[0]["url"], Port()
    port.release()
    peers[0]["url"] = f"http://127.0.0.1:{port.number}/"
    world.write()
    world.proxies["kea-b"].refuse()
    try:
        planned = world.run("plan", "--format", "json")
        told = [world.run(command).stdout for command in ("plan", "drift", "status")]
    finally:
        peers[0]["url"] = own
        world.heal()
    assert planned.exit_code == 1
    hq = next(each for each in planned.json["relationships"] if each["name"] == "hq")
    assert [each["server"] for each in hq["unreachable"]] == ["kea-b"]
    assert [each["code"] for each in hq["objections"]] == ["listener-port"]
    assert (hq["servers"], hq["stages"]) == ([], [])
    assert all(re.search(r"listener-port( \(kea-a\))?: nothing listens at ", text) for text in told), told
    assert all("in the way of" in text for text in told), told


def test_an_agent_without_that_service_is_told_from_a_dead_daemon(lab: Laboratory) -> None:
    only6 = lab.server("only6", {Service.DHCP6: base_configuration(Service.DHCP6)})
    world = Standing(lab)
    world.controls["kea-b"][S] = only6.control
    world.write()
    done = world.apply()
    assert done.exit_code == 1
    assert "kea-b" in done.stdout
    assert "has no socket of this service configured" in done.stdout
    assert world.story() == []
