"""Relationships with backups, and of passive-backup, on real servers: made, replicated, repaired, changed, imported."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from lab.kea import Generation, base_configuration
from lab.laboratory import Laboratory
from reconciler.model import Mode, Role, Service
from tests.kea.shared import Shared
from tests.kea.traces import Trace
from tests.kea.world import World, run, subnet

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lab.kea import KeaServer

pytestmark = pytest.mark.kea

PASSIVE, BALANCED, STANDBY = Mode.PASSIVE_BACKUP, Mode.LOAD_BALANCING, Mode.HOT_STANDBY
# mode, service, number of backups; the states and the scopes of kea-a, kea-b, ... while all is well
TOPOLOGIES: dict[str, tuple[Mode, Service, int, list[str], tuple[list[str], ...]]] = {
    "passive-backup-0": (PASSIVE, Service.DHCP4, 0, ["passive-backup"], (["kea-a"],)),
    "passive-backup-1": (PASSIVE, Service.DHCP6, 1, ["passive-backup", "backup"], (["kea-a"], [])),
    "passive-backup-2": (PASSIVE, Service.DHCP4, 2, ["passive-backup", "backup", "backup"], (["kea-a"], [], [])),
    "load-balancing-1": (
        BALANCED,
        Service.DHCP4,
        1,
        ["load-balancing", "load-balancing", "backup"],
        (["kea-a"], ["kea-b"], []),
    ),
    "hot-standby-2": (
        STANDBY,
        Service.DHCP6,
        2,
        ["hot-standby", "hot-standby", "backup", "backup"],
        (["kea-a"], [], [], []),
    ),
}


@pytest.fixture(
    scope="module", params=[pytest.param(each, marks=pytest.mark.xdist_group(f"backups-{each}")) for each in TOPOLOGIES]
)
def topology(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@contextlib.contextmanager
def being_made(topology: str, generation: Generation) -> Iterator[tuple[World, Trace]]:
    """A relationship made of servers that each served for themselves, with data of their own; and what was seen from
    when all others were off.
    """
    mode, service, backups, *_ = TOPOLOGIES[topology]
    bodies = {
        f"kea-{letter}": base_configuration(service, subnets=[subnet(service, 1), subnet(service, 10 + place)])
        for place, letter in enumerate("abcd")
    }
    waits = {"wait-backup-ack": True} if topology == "passive-backup-2" else {}
    with Laboratory(generation=generation) as lab:
        world = World(lab, service, mode, backups=backups, configurations=bodies, parameters=waits, is_logged=True)
        with Trace(world.servers, service, f"{generation} {topology}: created", world.switched) as trace:
            world.must_apply()
        for last in world.silences()[-1:]:
            trace.forget_until(last.ended)
        yield world, trace


@pytest.fixture(scope="module")
def shared(topology: str, generation: Generation) -> Iterator[Shared[tuple[World, Trace]]]:
    with Shared(lambda: being_made(topology, generation)) as shared:
        yield shared


@pytest.fixture
def making(request: pytest.FixtureRequest, shared: Shared[tuple[World, Trace]]) -> Iterator[tuple[World, Trace]]:
    with shared.lent(request.node) as making:
        yield making


@pytest.fixture
def made(making: tuple[World, Trace]) -> World:
    return making[0]


@pytest.fixture
def world(made: World) -> World:
    """The relationship as the test before left it: normal, and with nothing to do."""
    made.until_normal()
    made.must_be_done()
    made.forget()
    return made


def apply(world: World) -> None:
    """`apply`, which must leave nothing to do. In load-balancing these servers share their pools."""
    world.must_apply()


def told(world: World) -> dict[str, Any]:
    """What `status` says of the relationship."""
    found: dict[str, Any] = world.run("status", "--format", "json").json["relationships"][0]
    return found


def changes(world: World, command: str) -> dict[str, set[str]]:
    """The servers that a plan, or the drift, changes, and the causes."""
    servers = world.run(command, "--format", "json").json["relationships"][0]["servers"]
    return {each["server"]: {change["cause"] for change in each["changes"]} for each in servers if each["changes"]}


def block(world: World, server: KeaServer) -> dict[str, Any]:
    """The entry of a server's HA hook."""
    libraries = world.config(server)["hooks-libraries"]
    hook = next(each for each in libraries if each["library"].endswith("libdhcp_ha.so"))
    found: dict[str, Any] = hook["parameters"]["high-availability"][0]
    return found


def test_while_it_is_made_nobody_is_served_by_two_or_by_none_that_could(making: tuple[World, Trace]) -> None:
    making[1].must_be_safe()


def test_making_it_silences_all_others_from_before_the_first_set_until_the_end(made: World) -> None:
    """Only here, right after the relationship was made, does the proxies' story begin with its making."""
    names = [server.name for server in made.servers]
    story = [(name, each.command) for name, each in made.story("dhcp-disable", "config-set", "dhcp-enable")]
    others = len(names) - 1
    assert sorted(story[:others]) == [(name, "dhcp-disable") for name in names[1:]]
    sets = [name for name, command in story if command == "config-set"]
    assert sorted(sets) == names
    assert sets[-1] == "kea-a"
    assert sorted(story[len(story) - others :]) == [(name, "dhcp-enable") for name in names[1:]]


def test_every_server_is_in_its_state_and_serves_its_scope(world: World, topology: str) -> None:
    *_, states, scopes = TOPOLOGIES[topology]
    assert world.ha_states() == states
    assert world.scopes() == scopes
    found = told(world)
    assert (found["status"], found["reasons"], found["in_sync"]) == ("ok", [], True)
    assert [server["ha_state"] for server in found["servers"]] == states
    assert tuple(server["scopes"] for server in found["servers"]) == scopes
    assert world.run("status").exit_code == 0


def test_what_changes_on_the_primary_reaches_every_other_server(world: World) -> None:
    others = world.servers[1:]
    added = subnet(world.service, 20 + len(world.config(world.a)[world.service.subnets]))
    world.change(world.a, lambda config: config[world.service.subnets].append(added))
    world.forget()
    assert changes(world, "drift") == {server.name: {"primary"} for server in others}
    apply(world)
    for server in others:
        assert world.shared_part(server) == world.shared_part(world.a)
        assert world.file(server)[world.service.subnets] == world.config(world.a)[world.service.subnets]
    backups_first = sorted(zip(world.roles[1:], others, strict=True), key=lambda each: each[0] is not Role.BACKUP)
    assert [name for name, _ in world.story("config-set")] == [server.name for _, server in backups_first]
    # It answers for another that is set; in load-balancing it pauses for the moment in which both would answer.
    assert set(world.sent(world.a)) <= {"ha-scopes", "dhcp-disable", "dhcp-enable"}


def test_a_backup_that_was_edited_by_hand_is_repaired_alone(world: World) -> None:
    """Where there is none the last server is the primary, whose data are right whoever edits them."""
    last, before = world.servers[-1], world.shared_part(world.a)

    def edit(config: dict[str, Any]) -> None:
        config["valid-lifetime"] = 4711
        config[world.service.subnets][0]["pools"].clear()

    world.change(last, edit)
    world.forget()
    edited = [last.name] if last is not world.a else []
    assert changes(world, "drift") == {name: {"peer"} for name in edited}
    world.must_apply()
    assert (world.shared_part(last) == before) == (last is not world.a)
    assert [name for name, _ in world.story("config-set")] == edited


def test_a_server_whose_part_of_the_relationship_was_edited_by_hand_is_put_right(world: World) -> None:
    last, before = world.servers[-1], block(world, world.servers[-1])

    def edit(config: dict[str, Any]) -> None:
        hook = next(each for each in config["hooks-libraries"] if each["library"].endswith("libdhcp_ha.so"))
        hook["parameters"]["high-availability"][0]["max-ack-delay"] = 1234

    world.change(last, edit)
    world.forget()
    assert changes(world, "drift") == {last.name: {"peer"}}
    world.must_apply()
    assert block(world, last) == before
    assert [name for name, _ in world.story("config-set")] == [last.name]


def test_parameters_that_change_in_git_reach_all_one_after_the_other(world: World) -> None:
    world.document["parameters"]["max-unacked-clients"] = 7
    world.write()
    apply(world)
    assert [block(world, server)["max-unacked-clients"] for server in world.servers] == [7] * len(world.servers)
    sets = [name for name, _ in world.story("config-set")]
    assert sorted(sets) == [server.name for server in world.servers]
    assert sets[-1] == "kea-a"
    assert world.is_normal()


def test_an_import_describes_it_and_leaves_nothing_to_do(world: World, tmp_path: Path) -> None:
    controls = [word for server in world.servers for word in ("--control", server.control)]
    ended = run("import", "--desired", str(tmp_path / "mine"), *controls)
    assert ended.exit_code == 0, ended
    assert "The plan on the result is empty" in ended.stderr
    (file,) = (tmp_path / "mine" / "relationships").iterdir()
    found = yaml.safe_load(file.read_text())
    assert (found["mode"], found["replicate"]) == (world.mode.value, True)
    assert found["peers"] == world.document["peers"]


def test_a_server_that_is_down_is_said_and_nothing_is_changed(world: World) -> None:
    """The last server: a backup, or the only one."""
    last = world.servers[-1]
    last.stop_daemon(world.service)
    try:
        found = told(world)
        waits = world.document["parameters"].get("wait-backup-ack", False)
        assert found["status"] == ("impaired" if len(world.servers) > 1 and not waits else "service-down")
        assert [server["reachable"] for server in found["servers"]][-1] is False
        assert found["reasons"][0].startswith(f"{last.name} can't be reached: ")
        held_up = [f"kea-a gives no lease without a confirmation from {last.name} (wait-backup-ack)"]
        assert found["reasons"][1:] == (held_up if waits else [])
        world.forget()
        ended = world.apply()
        assert ended.exit_code == 1, ended
        assert f"{last.name} can't be reached; nothing is changed until then" in ended.stdout
        assert [world.sent(server) for server in world.servers] == [[]] * len(world.servers)
    finally:
        last.start_daemon(world.service)
    world.until_normal()
    assert told(world)["status"] == "ok"
