"""Two real servers that somebody made a pair of by hand, brought into desired/."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from lab.kea import base_configuration
from reconciler.model import Mode, Service
from tests.kea.world import World, run, subnet
from tests.pairs import PAIR_MODES

if TYPE_CHECKING:
    from pathlib import Path

    from lab.laboratory import Laboratory

pytestmark = pytest.mark.kea

PASSWORD = "correct-horse-battery"


def hand_made(lab: Laboratory, mode: Mode, service: Service, **differing: Any) -> World:
    """A pair whose HA hook was written by hand, with keys that nobody knows, most of them on kea-b only; `differing` is
    kea-b's own data.
    """
    data = {"subnets": [subnet(service, 1), subnet(service, 2)]}
    world = World(
        lab,
        service,
        mode,
        configurations={
            "kea-a": base_configuration(service, **data),
            "kea-b": base_configuration(service, **{**data, **differing}),
        },
    )
    for server in world.servers:
        config = world.config(server)
        block: dict[str, Any] = {
            "this-server-name": server.name,
            "mode": mode.value,
            "heartbeat-delay": 700,
            "max-response-delay": 15000,
            "x-remark": "made on a Friday",
            "peers": [
                {"name": each.name, "role": role, "url": each.ha_url(service)}
                for each, role in zip(world.servers, ("primary", str(mode.partner_role)), strict=True)
            ],
        }
        block["peers"][0] |= {"basic-auth-user": "ha", "basic-auth-password": PASSWORD}
        if server is world.b:
            block |= {"x-own": [1], "multi-threading": {"x-own": 2}, "state-machine": {"x-own": 3}}
            block["peers"][1]["x-own"] = 4
        config["hooks-libraries"] = [
            {"library": f"{server.generation.hooks}/libdhcp_lease_cmds.so"},
            {"library": f"{server.generation.hooks}/libdhcp_ha.so", "parameters": {"high-availability": [block]}},
        ]
        server.set_config(service, config)
    world.until_normal()
    return world


@pytest.mark.parametrize(
    ("mode", "service"),
    [(mode, service) for mode in PAIR_MODES for service in Service],
    ids=[f"{mode}-{service}" for mode in PAIR_MODES for service in Service],
)
@pytest.mark.parametrize("channel", ["agent", "unix"])
def test_the_plan_of_an_import_is_empty(
    lab: Laboratory, tmp_path: Path, mode: Mode, service: Service, channel: str
) -> None:
    world = hand_made(lab, mode, service)
    before = [world.config(server) for server in world.servers]
    controls = [server.control if channel == "agent" else server.unix(service) for server in world.servers]
    arguments = [word for control in controls for word in ("--control", control)]
    folder = tmp_path / "mine"
    ended = run("import", "--desired", str(folder), *arguments)
    assert ended.exit_code == 0, ended
    assert PASSWORD not in ended.stdout + ended.stderr
    assert not any(PASSWORD in file.read_text() for file in folder.rglob("*.yaml"))
    planned = run("plan", "--desired", str(folder), "--detailed-exitcode")
    assert planned.exit_code == 0, planned
    assert planned.stdout.endswith("No changes. Every server is as desired.\n")
    assert [world.config(server) for server in world.servers] == before
    again = run("import", "--desired", str(folder), *arguments)
    assert again.exit_code == 1
    assert "overwrites nothing" in again.stderr


def test_what_was_imported_can_be_changed_and_keeps_what_nobody_knows(lab: Laboratory, tmp_path: Path) -> None:
    world = hand_made(lab, Mode.HOT_STANDBY, Service.DHCP4)
    folder = tmp_path / "mine"
    assert run("import", "--desired", str(folder), *_controls(world)).exit_code == 0
    (file,) = (folder / "relationships").glob("*.yaml")
    assert "heartbeat-delay: 700" in file.read_text()
    file.write_text(file.read_text().replace("heartbeat-delay: 700", "heartbeat-delay: 600"))
    ended = run("apply", "--yes", "--desired", str(folder))
    assert ended.exit_code == 0, ended
    for server in world.servers:
        libraries = world.config(server)["hooks-libraries"]
        block = libraries[-1]["parameters"]["high-availability"][0]
        assert (block["heartbeat-delay"], block["x-remark"]) == (600, "made on a Friday")
        assert block["peers"][0]["basic-auth-password"] == PASSWORD
    inside = [block, block["multi-threading"], block["state-machine"], block["peers"][1]]  # kea-b's
    assert [each["x-own"] for each in inside] == [[1], 2, 3, 4]
    assert PASSWORD not in ended.stdout + ended.stderr


def test_data_that_differ_are_not_replicated_before_a_person_looked(lab: Laboratory, tmp_path: Path) -> None:
    other = [subnet(Service.DHCP4, 1), subnet(Service.DHCP4, 3)]
    world = hand_made(lab, Mode.HOT_STANDBY, Service.DHCP4, subnets=other)
    folder = tmp_path / "mine"
    ended = run("import", "--desired", str(folder), *_controls(world))
    assert ended.exit_code == 0, ended
    assert "disagree" in ended.stderr
    (file,) = (folder / "relationships").glob("*.yaml")
    assert "replicate: false" in file.read_text()
    assert run("plan", "--desired", str(folder), "--detailed-exitcode").exit_code == 0


def _controls(world: World) -> list[str]:
    return [word for server in world.servers for word in ("--control", server.control)]
