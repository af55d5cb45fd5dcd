"""Peers that don't hear each other, and hooks that are not in force: seen before, never made worse, and healed."""

from __future__ import annotations

from functools import partial
from time import sleep
from typing import TYPE_CHECKING

import pytest

from lab.errors import LabError
from tests.kea.standing import S, Standing, both
from tests.kea.world import until

if TYPE_CHECKING:
    from lab.laboratory import Laboratory

pytestmark = [pytest.mark.kea, pytest.mark.xdist_group("fault-partition")]


def is_interrupted(world: Standing) -> bool:
    views = [world.ha(server) for server in world.servers]
    return all(view and view["remote"]["communication-interrupted"] for view in views)


def test_nothing_is_sent_to_a_pair_that_does_not_hear_each_other(world: Standing) -> None:
    added = world.move()
    for proxy in both(world):
        proxy.refuse()
    until(lambda: is_interrupted(world), "interruption")
    done = world.apply("--format", "json")
    assert done.exit_code == 3, done
    codes = {each["code"] for each in done.json["relationships"][0]["blocked_by"]}
    assert codes & {"out-of-touch", "partner-not-normal"}
    assert world.story() == []
    assert {world.state(server) for server in world.servers} <= {"hot-standby", "partner-down"}
    assert world.run("status").exit_code == 1
    for proxy in both(world):
        proxy.accept()
    world.until_normal()
    world.must_apply()
    assert world.has(world.b, added)


def test_a_partition_that_begins_after_the_plan_is_noticed_before_the_set(world: Standing) -> None:
    world.move()

    def part() -> None:
        for proxy in both(world):
            proxy.refuse()

    world.at_first_look("kea-a", part)
    until(lambda: all(world.seconds_since_commit(server) >= 4 for server in world.servers), "older commits")
    # Kea itself needs a heartbeat to notice, so the answer that tells of it is waited for.
    world.at_first_look("kea-b", partial(sleep, 1.5))
    done = world.apply("--format", "json")
    assert done.exit_code == 1, done
    told = world.outcome(done)["kea-b"]
    assert told["result"] == "not-attempted"
    assert "is not well any more" in told["reason"]
    assert world.story("config-set") == []


@pytest.mark.parametrize("name", ["kea-a", "kea-b"])
def test_a_hook_that_is_not_in_force_is_seen_and_healed(world: Standing, name: str) -> None:
    server = world.a if name == "kea-a" else world.b
    broken = server.config(S)
    (entry,) = [each for each in broken["hooks-libraries"] if "libdhcp_ha" in each["library"]]
    entry["parameters"]["high-availability"][0]["this-server-name"] = "nobody"
    with pytest.raises(LabError, match="failed to load"):
        server.set_config(S, broken)
    assert world.ha(server) is None, "config-get shows it, but it is not in force"
    planned = world.run("plan", "--detailed-exitcode")
    assert planned.exit_code == 2, planned
    assert "in force" in planned.stdout
    status = world.run("status", "--format", "json")
    assert status.exit_code == 1
    assert status.json["relationships"][0]["status"] != "ok"
    assert any("not in force" in reason for reason in status.json["relationships"][0]["reasons"])
    until(lambda: world.state(world.b if server is world.a else world.a) == "partner-down", "partner that took over")
    world.must_apply()
    assert world.is_normal()
    assert {name for name, _ in world.story()} == {name}


def test_a_hook_that_is_not_in_force_on_both_is_healed(lab: Laboratory) -> None:
    world = Standing(lab)
    world.must_apply()
    for server in world.servers:
        broken = server.config(S)
        (entry,) = [each for each in broken["hooks-libraries"] if "libdhcp_ha" in each["library"]]
        entry["parameters"]["high-availability"][0]["this-server-name"] = "nobody"
        with pytest.raises(LabError, match="failed to load"):
            server.set_config(S, broken)
    until(lambda: world.apply().exit_code == 0, "apply that succeeds", 20.0)
    world.until_normal()
    world.must_be_done()
