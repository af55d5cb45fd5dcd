"""The systemd unit in contrib: systemd takes it, finds little that it could do harm with, and we take its command."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.cli import cli

UNIT = Path(__file__).resolve().parents[2] / "contrib" / "kea-reconciler.service"
MOST_EXPOSED = 2.0  # of 10, as systemd-analyze counts; below 2 it says OK


def line(key: str) -> str:
    found = re.search(rf"^{key}=(.*)$", UNIT.read_text(), re.MULTILINE)
    assert found is not None
    return found[1]


def test_its_command_is_one_of_ours() -> None:
    program, command, *arguments = shlex.split(line("ExecStart"))
    assert Path(program).name == "kea-reconciler"
    with cli.commands[command].make_context(command, arguments, help_option_names=["-h", "--help"]):
        pass


def test_it_does_not_run_as_root_and_writes_only_its_state() -> None:
    assert line("User") == "kea-reconciler"
    assert line("ProtectSystem") == "strict"
    assert line("StateDirectory") == "kea-reconciler"
    assert line("CapabilityBoundingSet") == ""


@pytest.mark.program("systemd-analyze")
def test_systemd_takes_it(tmp_path: Path) -> None:
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace("/opt/kea-reconciler/bin/kea-reconciler", sys.executable))
    verified = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False)
    assert (verified.returncode, verified.stderr) == (0, "")
    looked = ["systemd-analyze", "security", "--offline=true", str(unit)]
    exposure = subprocess.run(looked, capture_output=True, text=True, check=False).stdout
    found = re.search(r"Overall exposure level for .*: ([0-9.]+)", exposure)
    assert found is not None, exposure
    assert float(found[1]) < MOST_EXPOSED
