"""The command line as its users and their pipelines see it, with real servers behind it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from lab.kea import base_configuration
from lab.laboratory import Laboratory
from reconciler.model import Mode, Service
from tests.kea.shared import Shared, shared_by
from tests.kea.world import World, relationship, run_process, standing_world, subnet

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


pytestmark = [pytest.mark.kea, pytest.mark.xdist_group("commands")]

FOUR = Service.DHCP4


standing = shared_by(lambda generation: standing_world(generation, Mode.HOT_STANDBY, FOUR, subnets=1))


@pytest.fixture
def world(request: pytest.FixtureRequest, standing: Shared[World]) -> Iterator[World]:
    """The pair, normal and in step; what the test before it left undone is applied."""
    with standing.lent(request.node) as world:
        world.until_normal()
        world.must_apply()
        world.forget()
        yield world


def drifted(world: World) -> None:
    """Let the primary's data move."""
    config = world.config(world.a)
    period = 1 + config["decline-probation-period"]
    world.change(world.a, lambda config: config.update({"decline-probation-period": period}))


def test_changes_end_with_2_only_where_that_is_asked_for(world: World) -> None:
    assert [world.run(command, "--detailed-exitcode").exit_code for command in ("plan", "drift")] == [0, 0]
    assert world.apply("--detailed-exitcode").exit_code == 0
    drifted(world)
    assert [world.run(command).exit_code for command in ("plan", "drift", "status")] == [0, 0, 0]
    assert [world.run(command, "--detailed-exitcode").exit_code for command in ("plan", "drift")] == [2, 2]
    assert world.apply("--detailed-exitcode").exit_code == 2
    assert world.run("plan", "--detailed-exitcode").exit_code == 0


def test_both_output_forms_end_alike_and_say_whether_it_is_in_sync(world: World) -> None:
    drifted(world)
    for command in ("plan", "drift"):
        ends = {world.run(command, "--detailed-exitcode", "--format", form).exit_code for form in ("text", "json")}
        assert ends == {2}
    (status,) = world.run("status", "--format", "json").json["relationships"]
    assert (status["status"], status["in_sync"]) == ("ok", False)


def test_without_yes_and_without_a_terminal_nothing_is_done(world: World) -> None:
    drifted(world)
    ended = world.run("apply")
    assert ended.exit_code == 64
    assert "--yes" in ended.stderr
    assert world.story() == []


@pytest.mark.parametrize("command", ["plan", "drift", "status", "apply"])
def test_a_relationship_that_nobody_declared_is_wrong_usage(world: World, command: str) -> None:
    ended = world.run(command, "--relationship", "hq", "--relationship", "nowhere")
    assert (ended.exit_code, ended.stdout) == (64, "")
    assert "nowhere" in ended.stderr
    assert "hq" in ended.stderr
    assert world.proxies["kea-a"].commands() == []


def test_wrong_options_end_with_64(world: World) -> None:
    assert world.run("plan", "--no-such-option").exit_code == 64
    assert world.run("no-such-command").exit_code == 64


def test_the_installed_program_does_what_the_tests_do(world: World, tmp_path: Path) -> None:
    """In a process of its own, in an empty directory, with desired/ named by the environment."""
    drifted(world)
    environment = {**os.environ, "KEA_RECONCILER_DESIRED": str(world.desired)}

    def command(*words: str) -> tuple[int, str, str]:
        ended = run_process(*words, env=environment, cwd=tmp_path)
        return ended.exit_code, ended.stdout, ended.stderr

    planned = world.run("plan", "--detailed-exitcode")
    assert command("plan", "--detailed-exitcode") == (2, planned.stdout, "")
    code, out, err = command("apply", "--yes")
    assert (code, err) == (0, "")
    assert out.startswith(planned.stdout)
    assert "kea-b: applied, persisted" in out
    assert command("plan", "--detailed-exitcode")[0] == 0
    assert command("status")[:1] == (0,)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def two(lab: Laboratory) -> World:
    """One pair of servers with a relationship for each service: hq and hq6. hq6's partner is down."""
    four, six = (base_configuration(each, subnets=[subnet(each, 1)]) for each in Service)
    world = World(lab, FOUR, configurations={"kea-a": four, "kea-b": four})
    others = [lab.server(name, {Service.DHCP6: six}) for name in ("kea-c", "kea-d")]
    for server in others:
        world.controls[server.name] = {Service.DHCP6: server.control}
    world.documents.append(relationship("hq6", Service.DHCP6, Mode.LOAD_BALANCING, others[0], others[1]))
    world.write()
    others[1].kill_daemon(Service.DHCP6)
    return world


def by_name(told: Any) -> dict[str, Any]:
    return {each["name"]: each for each in told["relationships"]}


def test_a_dead_server_keeps_only_its_own_relationship_from_being_applied(two: World) -> None:
    planned = two.run("plan", "--format", "json")
    plans = by_name(planned.json)
    assert planned.exit_code == 1
    assert [each["server"] for each in plans["hq6"]["unreachable"]] == ["kea-d"]
    assert plans["hq"]["has_changes"]
    ended = two.apply("--format", "json")
    results = {name: [s["result"] for s in each["servers"]] for name, each in by_name(ended.json).items()}
    assert ended.exit_code == 6
    assert results == {"hq": ["applied", "applied"], "hq6": ["not-attempted", "not-attempted"]}
    assert two.is_normal()
    told = two.run("status", "--format", "json")
    statuses = {name: each["status"] for name, each in by_name(told.json).items()}
    assert (told.exit_code, statuses) == (1, {"hq": "ok", "hq6": "impaired"})


def test_what_is_not_asked_for_is_not_read(two: World) -> None:
    assert two.apply("--relationship", "hq").exit_code == 0
    assert two.run("plan", "--relationship", "hq", "--detailed-exitcode").exit_code == 0
    assert two.run("status", "--relationship", "hq").exit_code == 0
    ended = two.apply("--relationship", "hq6")
    assert ended.exit_code == 1
    assert "kea-d" in ended.stdout
