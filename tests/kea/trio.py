"""Three servers that go away and come back: a primary, its standby and a backup."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from lab.kea import base_configuration
from lab.laboratory import Laboratory
from reconciler.model import Mode, Service
from tests.kea.world import Run, World, subnet, until

if TYPE_CHECKING:
    from lab.kea import KeaServer

S = Service.DHCP4
HELD = ("authority-older", "partner-changed", "authority-empty", "authority-shrunk", "identity")
# A server that hears nobody takes over after three seconds.
PARAMETERS = {"heartbeat-delay": 500, "max-response-delay": 3000, "max-unacked-clients": 0}


class Trio(World):
    """The primary kea-a, its standby kea-b and the backup kea-c, in step, with what they run on their disks."""

    def __init__(self, lab: Laboratory) -> None:
        bodies = {"kea-a": base_configuration(S, subnets=[subnet(S, number) for number in range(1, 4)])}
        super().__init__(
            lab, S, Mode.HOT_STANDBY, backups=1, configurations=bodies, parameters=PARAMETERS, is_logged=True
        )
        self.c, self.number = self.servers[2], 1

    def add(self, server: KeaServer) -> str:
        """Let a server get one more reservation by hand, in memory and on its disk, and return which."""
        self.number += 1
        address = f"aa:bb:cc:dd:ee:{self.number:02x}"
        config = self.config(server)
        config["subnet4"][0]["reservations"].append(
            {"hw-address": address, "ip-address": f"10.0.1.{100 + self.number}"}
        )
        server.set_config(S, config)
        server.command(S, "config-write")
        return address

    def has(self, address: str) -> tuple[bool, ...]:
        """Which of the servers that run have this reservation."""
        running = [server for server in self.servers if server.is_running(S)]
        return tuple(self.is_in(self.config(server), address) for server in running)

    @staticmethod
    def is_in(config: dict[str, Any], address: str) -> bool:
        """Whether a configuration has this reservation."""
        return any(each["hw-address"] == address for one in config["subnet4"] for each in one.get("reservations") or ())

    def lose(self, server: KeaServer) -> None:
        """Let the primary or its partner die, and wait until the other one has noticed."""
        server.kill_daemon(S)
        other = self.b if server is self.a else self.a
        until(lambda: self.state(other) == "partner-down", "partner-down")
        self.forget()

    def bring_back(self, server: KeaServer, file: dict[str, Any] | None = None) -> None:
        """Start a server again, from another file where one is given, and wait until those in the relationship are
        normal.
        """
        if file is not None:
            path = server.config_file(S)
            path.write_bytes(orjson.dumps({S.root: file}))
        server.start_daemon(S)

    def relation(self, run: Run) -> dict[str, Any]:
        """What a report has about the relationship."""
        found: dict[str, Any] = run.json["relationships"][0]
        return found

    def told(self, command: str) -> dict[str, Any]:
        """What a command says about the relationship as JSON."""
        return self.relation(self.run(command, "--format", "json"))

    def sets(self) -> list[str]:
        """Which servers were sent a configuration, or commands that change one."""
        return [name for name, each in self.story() if each.command not in {"config-test", "config-write"}]

    def heal(self, policy: str = "primary") -> None:
        """Bring all back: running, in step, and on their disks."""
        self.document["on-primary-return"] = policy
        self.write()
        for server in self.servers:
            server.start()
        approved = [f"--approve={code}" for code in HELD]
        until(lambda: self.apply(*approved).exit_code == 0, "apply that succeeds", 60.0)
        self.until_normal()
        for server in self.servers:
            server.command(S, "config-write")
        self.forget()
