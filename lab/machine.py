"""A machine of its own that runs systemd, on an overlay of this machine's files; it takes root.

Its processes, mounts, network and control groups are apart from ours. It ends with us, however we end; then empty
control groups may stay.
"""

from __future__ import annotations

import contextlib
import functools
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Self

from lab.errors import LabError
from lab.process import Process, wait_until

if TYPE_CHECKING:
    from collections.abc import Mapping

_SCRIPT = Path(__file__).with_name("machine.sh")
_APART = ("mount", "pid", "uts", "ipc", "net", "cgroup")
# What makes control groups of its own is where they begin: in a group that was made for it.
_IN_A_GROUP = 'for each in $GROUPS_OF_LAB; do mkdir "$each" && echo $$ >"$each/cgroup.procs" || exit; done; exec "$@"'
_CGROUPS = Path("/sys/fs/cgroup")
_STARTED = 20.0  # seconds within which systemd takes commands


class Machine:
    """Usable as a context manager, and running inside. `directory` is the same inside as outside; each of `seen`, a
    directory, is seen inside at its value as well, read-only.
    """

    def __init__(self, directory: Path, seen: Mapping[Path, str]) -> None:
        self._groups = [each / f"kea-lab-{os.getpid()}-{directory.name}" for each in _hierarchies()]
        self._output = directory / "machine.output"
        binds = [text for source, target in seen.items() for text in (str(source), target)]
        apart = ("unshare", "--fork", "--kill-child", "--propagation=private", *(f"--{each}" for each in _APART))
        self._process = Process(
            ("sh", "-c", _IN_A_GROUP, "sh", *apart, str(_SCRIPT), str(directory), *binds),
            environment={"GROUPS_OF_LAB": " ".join(map(str, self._groups))},
            output=self._output,
        )

    def __enter__(self) -> Self:
        """Start it; LabError where that can't be."""
        self._process.start()
        if not wait_until(self._is_up, _STARTED, 0.1):
            self.__exit__()
            raise LabError(f"no machine with systemd can be made here: {self._output.read_text()[-500:]}")
        return self

    def __exit__(self, *_: object) -> None:
        """End it, and everything in it."""
        self._process.kill()
        for group in self._groups:
            wait_until(functools.partial(_is_removed, group), 5.0, 0.05)

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command inside, as root."""
        inside = ("nsenter", f"--target={self._first()}", *(f"--{each}" for each in _APART), "--root", "--wd")
        return subprocess.run([*inside, *command], capture_output=True, text=True, check=False)

    def _first(self) -> int:
        """Its first process, as we see it: the only child of `unshare`."""
        pid = self._process.pid
        return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])

    def _is_up(self) -> bool:
        try:
            return self.run("systemctl", "is-active", "nothing.target").stdout == "active\n"
        except (OSError, IndexError):
            return False


def _hierarchies() -> list[Path]:
    """Where systemd makes control groups here."""
    return [_CGROUPS] if (_CGROUPS / "cgroup.procs").exists() else [_CGROUPS / "systemd", _CGROUPS / "unified"]


def _is_removed(group: Path) -> bool:
    for each in sorted((path for path in group.rglob("*") if path.is_dir()), reverse=True):
        with contextlib.suppress(OSError):
            each.rmdir()
    with contextlib.suppress(OSError):
        group.rmdir()
    return not group.exists()
