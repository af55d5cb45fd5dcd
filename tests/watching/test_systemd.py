"""What systemd is told, and when."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

from reconciler.simulator import World
from reconciler.watching.systemd import Notifier
from tests.cli.site import Site
from tests.watching.living import Living

if TYPE_CHECKING:
    from pathlib import Path


def test_readiness_signs_of_life_and_the_end_are_told(tmp_path: Path) -> None:
    with World() as world, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        site = Site(world, tmp_path)
        site.add_pair()
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(30)
        environment = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "1000000"}
        with Living(site.desired, tmp_path, "--interval", "60", environment=environment) as daemon:
            assert manager.recv(100).decode() == "READY=1\nSTATUS=report"
            assert [manager.recv(100) for _ in range(3)] == [b"WATCHDOG=1"] * 3
            assert daemon.stop() == 0
        said = b""
        while said != b"STOPPING=1":
            said = manager.recv(100)


def test_without_systemd_nothing_is_sent_and_a_deaf_one_stops_nobody(tmp_path: Path) -> None:
    Notifier({}).send("READY=1")
    Notifier({"NOTIFY_SOCKET": str(tmp_path / "gone")}).send("READY=1")
    assert Notifier({"WATCHDOG_USEC": "5000000"}).watchdog == 5
    assert Notifier({"WATCHDOG_USEC": "5000000", "WATCHDOG_PID": str(os.getpid() + 1)}).watchdog is None
