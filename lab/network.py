"""A network of its own: hosts on one bridge, each in a network namespace, which takes root.

The namespaces have no names. Each lives as long as a process that does nothing is in it, and that one ends with us,
however we end; with a namespace the kernel takes the cables that lead into it. So networks of tests that run side by
side never meet, all of them can use the same addresses, and nothing is left to be deleted.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Self

from lab.errors import LabError
from lab.process import Process, wait_until

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX_LENGTH = 16
_OWN = Path("/proc/self/ns/net")


class Host:
    """One namespace; run commands in it with `wrapper` before them."""

    def __init__(self, name: str, address: str, directory: Path, urgency: int = 0) -> None:
        self.name, self.address, self._urgency = name, address, urgency
        directory.mkdir(parents=True, exist_ok=True)
        self._keeper = Process(
            ("unshare", "--net", "sleep", "infinity"), environment={}, output=directory / f"{name}.output"
        )
        self._output = directory / f"{name}.output"

    @property
    def wrapper(self) -> tuple[str, ...]:
        """What a command is run with to be on this host."""
        return (*_urgently(self._urgency), "nsenter", f"--net=/proc/{self.pid}/ns/net")

    @property
    def pid(self) -> int:
        """A process in the namespace."""
        return self._keeper.pid

    def start(self) -> None:
        """Make the namespace; LabError where that can't be."""
        self._keeper.start()
        entered = wait_until(lambda: not self._keeper.is_running or self._is_apart(), 10.0)
        if not entered or not self._keeper.is_running:
            raise LabError(f"no network namespace can be made here: {self._output.read_text()[-500:]}")

    def stop(self) -> None:
        """End the namespace and every cable into it."""
        self._keeper.kill()

    def ip(self, *lines: str) -> None:
        """Run lines in the language of iproute2 on this host; LabError with what it says where one fails."""
        command = [*self.wrapper, "ip", "-batch", "-"]
        done = subprocess.run(command, input="\n".join(lines), capture_output=True, text=True, check=False)
        if done.returncode:
            raise LabError(f"{self.name}: ip: {done.stderr.strip()}")

    def _is_apart(self) -> bool:
        try:
            return (Path(f"/proc/{self.pid}/ns/net")).readlink() != _OWN.readlink()
        except OSError:
            return False


class Network:
    """Hosts of these names and addresses (all in one /16), each with the interface eth0; usable as a context manager.

    `directory` takes what the processes print, if anything. The processes of `urgent` hosts go before others of the
    machine, up to 20; each has to be in a session of its own.
    """

    def __init__(
        self, directory: Path, addresses: dict[str, str], *, urgent: Mapping[str, int] = MappingProxyType({})
    ) -> None:
        self._bridge = Host("bridge", "", directory)
        self.hosts = {name: Host(name, address, directory, urgent.get(name, 0)) for name, address in addresses.items()}

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as undoing:
            undoing.callback(self.close)
            self._bridge.start()
            self._bridge.ip("link add br0 type bridge", "link set br0 up")
            for number, host in enumerate(self.hosts.values()):
                host.start()
                self._bridge.ip(
                    f"link add port{number} type veth peer name eth0 netns {host.pid}",
                    f"link set port{number} master br0 up",
                )
                own = (f"address add {host.address}/{PREFIX_LENGTH} dev eth0", "link set eth0 up", "link set lo up")
                host.ip(*own)
            undoing.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End all of it."""
        for host in (*self.hosts.values(), self._bridge):
            host.stop()


def _urgently(urgency: int) -> tuple[str, ...]:
    """What lets a command go before the machine's others: its own niceness, and that of its session where the kernel
    shares the processors out among sessions.
    """
    if not urgency:
        return ()
    whole = f"echo -{urgency} > /proc/self/autogroup"
    return ("sh", "-c", f'({whole}) 2> /dev/null; exec nice -n -{urgency} "$@"', "sh")


def missing() -> str | None:
    """Why there can be no such network here, None where there can."""
    if os.geteuid() != 0:
        return "network namespaces take root"
    return None
