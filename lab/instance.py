"""One Kea program (a DHCP daemon, or the control agent) with a folder, a configuration file and a log of its own."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from lab.control import ask, is_answering
from lab.errors import LabError
from lab.generation import AGENT, found
from lab.process import Process, wait_until

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reconciler.model import Service


def is_confined(program: str) -> bool:
    """Whether AppArmor keeps the installed program to /etc/kea and /var/lib/kea, as Debian's profiles do."""
    return Path("/sys/kernel/security/apparmor").exists() and Path(f"/etc/apparmor.d/usr.sbin.{program}").exists()


def runnable(program: str, folder: Path) -> str:
    """The path by which the lab can run one of this machine's own programs from files in `folder`.

    Such a profile goes by the program's path: where one is in force, a copy in `folder` is run instead.
    """
    original = found(program)
    if original is None:
        return program  # starting it says that it is missing
    if not is_confined(program):
        return original
    folder.mkdir(parents=True, exist_ok=True)
    return str(shutil.copy2(original, str(folder / program)))


class Instance:
    """The program `program` in `folder`, run by `command` (without the `-c FILE` that is added to it).

    `sockets` is the folder in which it may make control sockets. `label` names it in errors.
    """

    def __init__(self, label: str, program: str, command: Sequence[str], folder: Path, sockets: Path) -> None:
        self.label = label
        self.folder = folder
        self.config_file = folder / "kea.conf"
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o750)
        own = ("KEA_PIDFILE_DIR", "KEA_LOCKFILE_DIR", "KEA_DHCP_DATA_DIR", "KEA_LOG_FILE_DIR")
        self.process = Process(
            (*command, "-c", str(self.config_file)),
            environment=dict.fromkeys(own, str(folder)) | {"KEA_CONTROL_SOCKET_DIR": str(sockets)},
            output=folder / "output",
            pid_file=folder / f"kea.{program}.pid",
        )

    def write_config(self, root: str, body: Mapping[str, Any]) -> None:
        """Write the file it starts from: `body` under the key `root`."""
        self.config_file.write_bytes(orjson.dumps({root: body}, option=orjson.OPT_INDENT_2))

    def launch(self) -> None:
        """Start it unless it is running, without waiting for it."""
        if not self.process.is_running:
            self.process.kill()  # one that ended by itself is still to be reaped
            self.process.start()

    def wait_ready(self, seconds: float) -> None:
        """Wait until it answers; LabError with the end of its log where it ends, or takes more than `seconds`."""
        if wait_until(lambda: not self.process.is_running or self.answers(), seconds) and self.process.is_running:
            return
        why = "does not answer" if self.process.is_running else "ended by itself"
        raise LabError(f"{self.label} {why}; its log ends with\n{self.log()[-4000:]}")

    def start(self, seconds: float = 30.0) -> None:
        """Start it and wait until it answers; where it does not, nothing of it is left running."""
        self.launch()
        try:
            self.wait_ready(seconds)
        except BaseException:
            self.process.kill()
            raise

    def answers(self) -> bool:
        """Whether it answers now."""
        raise NotImplementedError

    def log(self) -> str:
        """Everything it has printed and logged so far."""
        files = (self.folder / "output", self.folder / "kea.log")
        return "".join(file.read_text(errors="replace") for file in files if file.exists())


class Daemon(Instance):
    """kea-dhcp4 or kea-dhcp6 with its control socket at the path `socket`."""

    def __init__(self, label: str, service: Service, command: Sequence[str], folder: Path, socket: Path) -> None:
        super().__init__(label, f"kea-{service}", command, folder, socket.parent)
        self.socket = socket

    def ask(self, command: str, arguments: Any = None, *, seconds: float = 60.0) -> dict[str, Any]:
        """Send one command straight to the daemon; its reply map."""
        return ask(self.socket, command, arguments, seconds=seconds)

    def answers(self) -> bool:
        try:
            return bool(self.ask("version-get", seconds=1.0)["result"] == 0)
        except (OSError, LabError):
            return False


class Agent(Instance):
    """kea-ctrl-agent in front of the sockets in a folder, listening at `url`, asked from where `host` leads."""

    def __init__(
        self, label: str, command: Sequence[str], folder: Path, sockets: Path, url: str, *, host: Sequence[str] = ()
    ) -> None:
        super().__init__(label, AGENT, command, folder, sockets)
        self.url = url
        self._host = tuple(host)

    def answers(self) -> bool:
        return is_answering(self.url, host=self._host)
