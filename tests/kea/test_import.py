"""Importing what does not agree, or not all of it: by inventory, with differences, and with servers missing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

from lab.kea import base_configuration
from reconciler.model import Mode, Service
from tests.kea.by_hand import hook
from tests.kea.world import Run, World, run, subnet

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lab.laboratory import Laboratory

pytestmark = pytest.mark.kea

FOUR = Service.DHCP4


def hand_made(
    lab: Laboratory,
    *,
    partners: dict[str, Any] | None = None,
    edit: Callable[[dict[str, Any]], object] = lambda _: None,
) -> World:
    """A pair made by hand; `partners` goes into kea-b's entry of the hook, `edit` changes kea-b's own data."""
    start = base_configuration(FOUR, subnets=[subnet(FOUR, 1), subnet(FOUR, 2)])
    world = World(lab, configurations={"kea-a": start, "kea-b": start})
    for server in world.servers:
        config = world.config(server)
        config["hooks-libraries"] = hook((world.a, world.b), server, **(partners or {}) if server is world.b else {})
        if server is world.b:
            edit(config)
        server.set_config(FOUR, config)
    world.until_normal()
    return world


def imported(world: World, folder: Path) -> tuple[Run, dict[str, Any], str]:
    """How an import by both addresses ended, its one relationship, and the text of that file."""
    ended = run("import", "--desired", str(folder), "--control", world.a.control, "--control", world.b.control)
    (file,) = (folder / "relationships").iterdir()
    return ended, yaml.safe_load(file.read_text()), file.read_text()


def plan_code(folder: Path) -> int:
    return run("plan", "--desired", str(folder), "--detailed-exitcode").exit_code


def test_the_inventory_says_which_servers_are_read_and_how_they_are_called(lab: Laboratory, tmp_path: Path) -> None:
    world = hand_made(lab)
    inventory = {
        "servers": {name: {"dhcp4": {"control": each.control}} for name, each in zip("xy", world.servers, strict=True)}
    }
    text = yaml.safe_dump(inventory)
    (tmp_path / "servers.yaml").write_text(text)
    ended = run("import", "--desired", str(tmp_path))
    assert ended.exit_code == 0, ended
    (file,) = (tmp_path / "relationships").iterdir()
    peers = yaml.safe_load(file.read_text())["peers"]
    assert [(peer["server"], peer["name"], peer["role"]) for peer in peers] == [
        ("x", "kea-a", "primary"),
        ("y", "kea-b", "standby"),
    ]
    assert (tmp_path / "servers.yaml").read_text() == text
    assert plan_code(tmp_path) == 0
    written = file.read_text()
    assert run("import", "--desired", str(tmp_path)).exit_code == 1
    assert file.read_text() == written


def test_interfaces_that_differ_become_local(lab: Laboratory, tmp_path: Path) -> None:
    world = hand_made(lab, edit=lambda config: config[FOUR.subnets][1].update({"interface": "lo"}))
    ended, document, _ = imported(world, tmp_path / "mine")
    assert ended.exit_code == 0, ended
    assert (document["local"], document["replicate"]) == (["/subnet4/*/interface"], True)
    assert plan_code(tmp_path / "mine") == 0


def test_data_that_differ_are_left_alone_and_remarked_on(lab: Laboratory, tmp_path: Path) -> None:
    world = hand_made(lab, edit=lambda config: config[FOUR.subnets].append(subnet(FOUR, 3)))
    before = [world.config(server) for server in world.servers]
    ended, document, text = imported(world, tmp_path / "mine")
    assert (ended.exit_code, document["replicate"]) == (0, False)
    (line,) = (line for line in text.splitlines() if line.startswith("replicate:"))
    assert "#" in line or "#" in text.splitlines()[text.splitlines().index(line) - 1]
    assert "kea-b" in text
    assert "the peers disagree: 1 object" in ended.stderr
    assert plan_code(tmp_path / "mine") == 0
    assert [world.config(server) for server in world.servers] == before


def test_parameters_that_differ_are_marked_and_the_plan_mends_them(lab: Laboratory, tmp_path: Path) -> None:
    """The primary's word counts; the other's is said in a comment and is what the plan would change."""
    world = hand_made(lab, partners={"max_ack_delay": 4321})
    folder = tmp_path / "mine"
    ended, document, text = imported(world, folder)
    assert ended.exit_code == 0
    assert "max-ack-delay" not in document.get("parameters", {})
    assert "kea-b has max-ack-delay 4321, kea-a has 10000" in text.replace("\n# ", " ")
    assert "the peers disagree: kea-b has max-ack-delay 4321" in ended.stderr
    assert "not empty" in ended.stderr
    assert plan_code(folder) == 2
    assert run("apply", "--yes", "--desired", str(folder)).exit_code == 0
    delays = [
        each["hooks-libraries"][1]["parameters"]["high-availability"][0]["max-ack-delay"] for each in configs(world)
    ]
    assert delays == [10000, 10000]
    assert plan_code(folder) == 0


def configs(world: World) -> list[dict[str, Any]]:
    return [world.config(server) for server in world.servers]


def test_a_pair_that_was_not_read_as_a_whole_is_not_imported(lab: Laboratory, tmp_path: Path) -> None:
    world = hand_made(lab)
    ended = run("import", "--desired", str(tmp_path / "mine"), "--control", world.a.control)
    assert ended.exit_code == 1
    assert "kea-b is not among the servers that were read" in ended.stderr
    assert not (tmp_path / "mine").exists()


def test_a_server_that_does_not_answer_ends_the_import_before_it_writes(lab: Laboratory, tmp_path: Path) -> None:
    world = hand_made(lab)
    world.b.stop_agent()
    controls = ("--control", world.a.control, "--control", world.b.control)
    ended = run("import", "--desired", str(tmp_path / "mine"), *controls)
    assert ended.exit_code == 1
    assert world.b.control.split("//")[1].strip("/") in ended.stderr
    assert not (tmp_path / "mine").exists()


def test_servers_without_a_relationship_give_nothing_to_import(lab: Laboratory, tmp_path: Path) -> None:
    world = World(lab)
    controls = [word for each in world.servers for word in ("--control", each.control)]
    ended = run("import", "--desired", str(tmp_path / "mine"), *controls)
    assert ended.exit_code == 1
    assert "no relationship" in ended.stderr
    assert not (tmp_path / "mine").exists()


def test_both_services_of_two_servers_are_imported_at_once(lab: Laboratory, tmp_path: Path) -> None:
    """One agent before both daemons of each server: two relationships, two servers, each named once."""
    starts = {each: base_configuration(each, subnets=[subnet(each, 1)]) for each in Service}
    servers = (lab.server("kea-a", starts), lab.server("kea-b", starts))
    for server in servers:
        for service in Service:
            server.set_config(service, {**server.config(service), "hooks-libraries": hook(servers, server, service)})
    folder = tmp_path / "mine"
    controls = [word for each in servers for word in ("--control", each.control)]
    ended = run("import", "--desired", str(folder), *controls)
    assert ended.exit_code == 0, ended
    inventory = yaml.safe_load((folder / "servers.yaml").read_text())["servers"]
    assert {name: sorted(services) for name, services in inventory.items()} == {
        "kea-a": ["dhcp4", "dhcp6"],
        "kea-b": ["dhcp4", "dhcp6"],
    }
    documents = [yaml.safe_load(file.read_text()) for file in sorted((folder / "relationships").iterdir())]
    assert [(each["service"], each["mode"]) for each in documents] == [
        ("dhcp4", Mode.HOT_STANDBY),
        ("dhcp6", Mode.HOT_STANDBY),
    ]
    assert plan_code(folder) == 0
