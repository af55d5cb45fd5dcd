"""A site to use the command line on: simulated servers, and a desired/ folder that describes them."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from reconciler.model import Mode, Role, Service
from reconciler.simulator import Release, World
from tests.kea.world import Run, run, run_process

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from reconciler.simulator import SimulatedEndpoint, SimulatedServer

# The shortest times, in milliseconds, with which a pair settles at once and is patient with a busy machine.
HURRIED = {"heartbeat-delay": 60, "max-response-delay": 20000, "sync-timeout": 5000}
__all__ = ["PROGRAM", "Run", "Site", "run", "run_process", "subnet", "until"]

PROGRAM = str(Path(sys.executable).with_name("kea-reconciler"))
"""The installed console script."""
WRITING = frozenset({"config-set", "config-test", "config-write", "config-reload", "dhcp-disable", "dhcp-enable"})


class Site:
    """A world of simulated servers with pairs in it; `documents` are the relationships, `write()` after a change."""

    def __init__(self, world: World, folder: Path, release: Release = Release.KEA_2_2) -> None:
        self.world = world
        self.release = release
        self.folder = folder
        self.desired = folder / "desired"
        self.documents: list[dict[str, Any]] = []
        self.inventory: dict[str, dict[str, Any]] = {}

    def add_pair(
        self,
        name: str = "hq",
        service: Service = Service.DHCP4,
        mode: Mode = Mode.HOT_STANDBY,
        *,
        servers: Sequence[str] = ("kea-a", "kea-b"),
        configurations: Mapping[str, Mapping[str, Any]] | None = None,
        users: Mapping[str, str] | None = None,
    ) -> None:
        """More servers that are to become a relationship; the first is the primary, and has a subnet. The next is its
        partner where the mode has one, and all others are backups.

        They are of the site's `release`, and its peers reach each other as is the default there.
        """
        bodies = {servers[0]: {service.subnets: [subnet(service, 1)]}, **(configurations or {})}
        started = [
            self.world.add_server(each, {service: bodies.get(each, {})}, users=users, version=self.release)
            for each in servers
            if each not in self.world.servers
        ]
        assert len(started) in (0, len(servers))
        roles = [role.value for role in (Role.PRIMARY, mode.partner_role) if role]
        roles += (len(servers) - len(roles)) * [Role.BACKUP.value]
        login = {"basic-auth-user": next(iter(users))} if users else {}
        peers = [
            {"server": each, "role": role, "url": self[each].ha_url(service), **login}
            for each, role in zip(servers, roles, strict=True)
        ]
        for each in servers:
            self.inventory.setdefault(each, {})[service.value] = {"control": self[each].control}
        document = {"name": name, "service": service.value, "mode": mode.value, "peers": peers}
        self.documents.append({**document, "parameters": dict(HURRIED)})
        self.write()

    def __getitem__(self, name: str) -> SimulatedServer:
        return self.world.servers[name]

    def endpoint(self, name: str, service: Service = Service.DHCP4) -> SimulatedEndpoint:
        """A server's daemon."""
        return self[name].endpoint(service)

    def write(self) -> None:
        """Write servers.yaml and one file for each relationship."""
        relationships = self.desired / "relationships"
        relationships.mkdir(parents=True, exist_ok=True)
        (self.desired / "servers.yaml").write_text(yaml.safe_dump({"servers": self.inventory}))
        for document in self.documents:
            (relationships / f"{document['name']}.yaml").write_text(yaml.safe_dump(document, sort_keys=False))

    # ------------------------------------------------------------------------------ the command line

    def run(self, command: str, *arguments: str) -> Run:
        """Run `kea-reconciler COMMAND --desired ... ARGUMENTS` in this process."""
        return run(command, "--desired", str(self.desired), *arguments)

    @staticmethod
    def run_line(*arguments: str) -> Run:
        """Run a command line as it is in this process."""
        return run(*arguments)

    def line(self, command: str, *arguments: str) -> list[str]:
        """The command line of the installed program, for a process of its own."""
        return [PROGRAM, command, "--desired", str(self.desired), *arguments]

    def run_process(self, command: str, *arguments: str, **options: Any) -> Run:
        """The same as a process of its own."""
        return run_process(command, "--desired", str(self.desired), *arguments, **options)

    def made(self) -> Site:
        """The same, with every relationship in place and normal."""
        done = self.run("apply", "--yes")
        assert done.exit_code == 0, done
        return self

    # ------------------------------------------------------------------------------------ the servers

    def change(self, name: str, edit: Callable[[dict[str, Any]], None], service: Service = Service.DHCP4) -> None:
        """Change a server's running configuration by hand, and wait until its pair is normal again."""
        self.endpoint(name, service).edit(edit)
        self.until_normal(service)

    def until_normal(self, service: Service = Service.DHCP4) -> None:
        """Wait until every server of a service that has HA is in its normal state and has heard its partner so."""
        halves = [
            endpoint.ha
            for server in self.world.servers.values()
            for endpoint in server.endpoints.values()
            if endpoint.service is service and endpoint.ha is not None
        ]
        until(
            lambda: all(half.state == half.settings.mode == half.partner.state for half in halves),
            "a normal state of all servers",
        )

    def sent(self, name: str | None = None) -> list[str]:
        """The commands that change or could change a server, in the order in which they came through agents."""
        logs = [entry for server in self.world.servers.values() if name in (None, server.name) for entry in server.log]
        return [entry.command for entry in sorted(logs) if entry.command in WRITING]

    def forget(self) -> None:
        """Forget what was sent."""
        for server in self.world.servers.values():
            server.log.clear()


def subnet(service: Service, number: int, **parts: Any) -> dict[str, Any]:
    """Subnet `number` (1 to 255), which is its id too, with one pool; `parts` with `_` for `-` over it."""
    if service is Service.DHCP4:
        own = {"subnet": f"10.0.{number}.0/24", "pools": [{"pool": f"10.0.{number}.10 - 10.0.{number}.100"}]}
    else:
        prefix = f"2001:db8:{number:x}:"
        own = {"subnet": f"{prefix}:/64", "pools": [{"pool": f"{prefix}:10 - {prefix}:ff"}]}
    return {"id": number, **own, **{key.replace("_", "-"): value for key, value in parts.items()}}


def until(holds: Callable[[], bool], what: str, seconds: float = 20.0) -> None:
    """Wait until something holds; fails the test when it does not in time."""
    limit = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < limit, f"no {what} within {seconds:.0f} s"
        time.sleep(0.01)
