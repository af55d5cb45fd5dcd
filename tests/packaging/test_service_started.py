"""The systemd unit in contrib, started by a real systemd as docs/watch.md says, with all that it forbids itself."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import reconciler
from lab.errors import LabError
from lab.machine import Machine
from lab.process import wait_until

PROJECT = Path(__file__).resolve().parents[2]
UNIT = "kea-reconciler"
PROGRAM = f"/opt/{UNIT}/bin/{UNIT}"
PATIENCE = 30.0
# Nothing but this unit runs there, no journal either, and a test doesn't wait for a minute.
DROP_IN = """[Unit]
DefaultDependencies=no
[Service]
WatchdogSec=3
StandardOutput=append:{log}
StandardError=append:{log}
"""

pytestmark = [pytest.mark.root, pytest.mark.program("systemctl", "nsenter", "ip"), pytest.mark.xdist_group("systemd")]


class Service:
    """The unit on its machine, and what the daemon said there."""

    def __init__(self, machine: Machine, directory: Path) -> None:
        self.machine, self.directory, self._log = machine, directory, directory / "log"

    def must(self, *command: str) -> str:
        done = self.machine.run(*command)
        assert done.returncode == 0, (command, done.stderr, self.said())
        return done.stdout

    def shown(self, name: str) -> str:
        return self.must("systemctl", "show", "--value", f"--property={name}", UNIT).strip()

    def said(self) -> str:
        return self._log.read_text() if self._log.exists() else ""

    def until(self, name: str, value: str) -> None:
        assert wait_until(lambda: self.shown(name) == value, PATIENCE, 0.1), (name, self.shown(name), self.said())


def written_lines(directory: Path) -> Iterator[str]:
    """The commands of docs/watch.md, but for those that install this program: it is there, and sudo need not be."""
    text = (PROJECT / "docs" / "watch.md").read_text()
    block = re.search(r"## As a service\n.*?```sh\n(.*?)```", text, re.DOTALL)
    assert block is not None
    for line in block[1].splitlines():
        if line.startswith("systemctl"):
            yield f"mkdir /etc/systemd/system/{UNIT}.service.d"
            yield f"cp {directory}/drop-in /etc/systemd/system/{UNIT}.service.d/lab.conf"
        if not line.startswith(("python3", "sudo")):
            yield line


def interpreter() -> tuple[str, dict[Path, str]]:
    """A Python that takes our packages, and what has to be seen for it: the unit hides homes, where ours may be."""
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    system = shutil.which(name, path="/usr/bin:/usr/local/bin")
    return (system, {}) if system else (f"/opt/python/bin/{name}", {Path(sys.base_prefix): "/opt/python"})


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The unit, started."""
    directory = tmp_path_factory.mktemp("service")
    for source, target in (("contrib", "contrib"), ("desired", "mine")):
        shutil.copytree(PROJECT / source, directory / target)
    (directory / "drop-in").write_text(DROP_IN.format(log=directory / "log"))
    packages = Path(pytest.__file__).parents[1]
    program = directory / "bin" / UNIT
    program.parent.mkdir()
    python, seen = interpreter()
    program.write_text(
        f"#!{python}\nimport sys\nsys.path[:0] = ['/opt/{UNIT}/project', '/opt/{UNIT}/packages']\n"
        "from reconciler.cli import main\nmain()\n"
    )
    program.chmod(0o755)
    seen |= {
        packages: f"/opt/{UNIT}/packages",
        PROJECT: f"/opt/{UNIT}/project",
        program.parent: f"/opt/{UNIT}/bin",
    }
    directory.chmod(0o755)
    with contextlib.ExitStack() as ending:
        try:
            machine = ending.enter_context(Machine(directory, seen))
        except LabError as error:
            if os.environ.get("CI") == "true":
                raise
            pytest.skip(str(error))
        found = Service(machine, directory)
        # What this machine may have of it.
        machine.run("sh", "-c", f"rm -rf /etc/{UNIT} /var/lib/{UNIT}; userdel {UNIT}")
        for line in written_lines(directory):
            found.must("sh", "-c", f"cd {directory} && {line}")
        yield found


def test_it_is_ready_as_soon_as_the_daemon_says_so_and_not_root(service: Service) -> None:
    assert service.shown("ActiveState") == "active"
    assert service.shown("Type") == "notify"
    assert service.shown("StatusText") == "report"
    pid = service.shown("MainPID")
    assert service.must("stat", "--format=%U", f"/proc/{pid}").strip() == UNIT
    assert re.search(r"^CapBnd:\s+0+$", service.must("cat", f"/proc/{pid}/status"), re.MULTILINE)
    assert service.must("stat", "--format=%U %a", f"/var/lib/{UNIT}").strip() == f"{UNIT} 700"
    assert f"{reconciler.__version__}" in service.must(PROGRAM, "version")


def test_it_can_be_told_to_look_by_systemd_and_by_its_owner(service: Service) -> None:
    pid = service.shown("MainPID")
    service.must("systemctl", "reload", UNIT)
    owner = ("setpriv", f"--reuid={UNIT}", f"--regid={UNIT}", "--clear-groups")
    told = service.must(*owner, PROGRAM, "reconcile-now", "--state-dir", f"/var/lib/{UNIT}")
    assert told == f"told the daemon (pid {pid})\n"
    assert (service.shown("ActiveState"), service.shown("MainPID")) == ("active", pid)


def test_it_hears_of_a_changed_file(service: Service) -> None:
    service.must("sh", "-c", f"echo 'servers: [' > /etc/{UNIT}/desired/servers.yaml")
    assert wait_until(lambda: "servers.yaml" in service.said(), PATIENCE, 0.1), service.said()
    service.must("cp", f"{service.directory}/mine/servers.yaml", f"/etc/{UNIT}/desired/servers.yaml")


def test_hung_it_is_started_anew(service: Service) -> None:
    service.must("systemctl", "reset-failed", UNIT)
    time.sleep(2 * 3.0)  # it lives on for longer than the watchdog waits
    assert service.shown("NRestarts") == "0", service.said()
    pid = service.shown("MainPID")
    service.must("kill", "-STOP", pid)
    service.until("Result", "watchdog")
    service.until("NRestarts", "1")
    service.until("ActiveState", "active")
    assert service.shown("MainPID") != pid


def test_stopped_it_ends_well(service: Service) -> None:
    service.must("systemctl", "stop", UNIT)
    assert (service.shown("ActiveState"), service.shown("Result")) == ("inactive", "success"), service.said()
    assert "Traceback" not in service.said()
