"""The generations of Kea that the lab can run: the machine's own, and those in trees made by lab/trees.sh.

A tree is a folder with a whole small Debian in it. A daemon of it is run by chroot, in a mount namespace of its own
in which the folders that it shares with us are bound to the same paths inside. It keeps our network, process ids
and environment, and nothing is left mounted when it ends.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lab.errors import LabError
from reconciler.model import Service

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

AGENT = "kea-ctrl-agent"
PROGRAMS = (AGENT, *(f"kea-{service}" for service in Service))
_SEARCHED = "/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin"
_ENTER = """
set -e
tree=$1; shift
mount -t tmpfs -o mode=1777 tmpfs "$tree/tmp"
while [ "$1" != -- ]; do mkdir -p "$tree$1"; mount --rbind "$1" "$tree$1"; shift; done
shift
exec chroot "$tree" "$@"
"""


@dataclass(frozen=True, slots=True)
class Generation:
    """One series of Kea, such as "2.6", in the newest release that Debian has of it."""

    series: str

    def __str__(self) -> str:
        return self.series

    @property
    def has_dedicated_listener(self) -> bool:
        """Whether peers talk to a listener of the HA hook's own by default (Kea 2.3.7), not to the agent."""
        return self._number > (2, 2)

    @property
    def has_http_socket(self) -> bool:
        """Whether the daemon itself takes commands over HTTP (Kea 2.7.2)."""
        return self._number >= (3, 0)

    @property
    def can_config_test(self) -> bool:
        """Whether config-test leaves the daemon as it was: in 2.7.3 to 3.0.3 the next config-set opens no listener."""
        return self.series != "3.0"

    @property
    def version(self) -> str | None:
        """The exact version that would run here, such as "2.6.3"; None where there is none."""
        tree = self.tree
        if tree is not None:
            return (tree / "kea-version").read_text().strip()
        own = _own_version()
        return own if own is not None and own.startswith(f"{self.series}.") else None

    @property
    def tree(self) -> Path | None:
        """The folder that holds it, None where it is the machine's own (or is not there)."""
        folder = cache() / f"kea-{self.series}"
        return folder if (folder / "kea-version").exists() else None

    @property
    def hooks(self) -> str:
        """The folder of its hook libraries, as its daemons see it; LabError where it is not installed."""
        root = self.tree or Path("/")
        for folder in root.glob("usr/lib/*/kea/hooks"):
            return f"/{folder.relative_to(root)}"
        raise LabError(f"there are no hook libraries of Kea {self.series} here")

    def missing(self) -> str | None:
        """Why it can't be run here, None where it can."""
        if self.version is None:
            return f"Kea {self.series} is not here (lab/install.sh installs it)"
        if self.tree is not None and os.geteuid() != 0:
            return f"Kea {self.series} runs in a chroot, which takes root"
        return None

    def entered(self, command: Sequence[str], folders: Iterable[Path]) -> tuple[str, ...]:
        """The command that runs `command` where this generation is, with `folders` in sight there."""
        tree = self.tree
        if tree is None:
            return tuple(command)
        shared = (str(folder) for folder in folders)
        return ("unshare", "--mount", "sh", "-c", _ENTER, "sh", str(tree), *shared, "--", *command)

    @property
    def _number(self) -> tuple[int, ...]:
        return tuple(int(part) for part in self.series.split("."))


GENERATIONS = (Generation("2.2"), Generation("2.6"), Generation("3.0"))
OLDEST = GENERATIONS[0]


def cache() -> Path:
    """Where the trees are; lab/trees.sh reads the same variables."""
    named = os.environ.get("KEA_LAB_CACHE")
    return (
        Path(named) if named else Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "kea-reconciler"
    )


def found(program: str) -> str | None:
    """Where one of Kea's programs is on this machine itself, if it is installed."""
    return shutil.which(program, path=_SEARCHED)


@functools.cache
def _own_version() -> str | None:
    programs = [found(program) for program in PROGRAMS]
    if programs[1] is None or not all(programs):
        return None
    return subprocess.run([programs[1], "-v"], capture_output=True, text=True, check=True).stdout.strip()
