"""What the readme shows of the demo is what the demo shows."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
import yaml

from lab import demo
from reconciler.model import Service
from tests.cli.life import Life
from tests.docs.pages import ROOT, blocks


def test_the_output_in_the_readme_is_that_of_the_demo(tmp_path: Path) -> None:
    (block,) = (block for block in blocks(ROOT / "README.md", "text") if block.text.startswith("$ kea-reconciler"))
    line, _, shown = block.text.partition("\n")
    with Life(tmp_path) as life:
        for name, body in demo.configurations().items():
            life.world.add_server(name, {Service.DHCP4: body})
        life.inventory = yaml.safe_load((ROOT / "desired" / "servers.yaml").read_text())["servers"]
        life.documents = [yaml.safe_load((ROOT / "desired" / "relationships" / "hq.yaml").read_text())]
        for name, control in demo.CONTROLS.items():
            assert life.inventory[name]["dhcp4"]["control"] == control
            life.inventory[name]["dhcp4"]["control"] = life[name].control
        for peer in life.documents[0]["peers"]:
            peer["url"] = life[peer["server"]].control
        life.write()
        assert life.run("apply", "--yes").exit_code == 0
        life.change("kea-a", demo.add_reservation)
        assert life.run("apply", "--yes").exit_code == 0
        life.change("kea-b", demo.damage)
        assert line == "$ kea-reconciler drift --desired desired --detailed-exitcode"
        assert life.run("drift", "--detailed-exitcode").stdout == shown


def test_the_demo_leaves_the_user_s_own_runs_and_settings_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("KEA_RECONCILER_STATE_DIR", "KEA_RECONCILER_SETTINGS"):
        monkeypatch.setenv(name, "/mine")
    demo.keep_apart(tmp_path)
    told = {name: value for name, value in os.environ.items() if name.startswith("KEA_RECONCILER_")}
    assert told == {"KEA_RECONCILER_STATE_DIR": str(tmp_path / "state")}


def test_a_port_that_is_taken_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("0.0.0.0", 0)) as other:  # noqa: S104 - as the programs that are in the way do
        monkeypatch.setattr(demo, "PORT", other.getsockname()[1])
        with pytest.raises(SystemExit) as ended:
            demo.refuse_taken_ports()
    assert ended.value.code == 1
    assert f"port {demo.PORT} of 127.0.0.11" in capsys.readouterr().err
