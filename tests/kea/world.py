"""A world to try the whole program in: real servers, a desired/ folder about them, and the command line."""

from __future__ import annotations

import contextlib
import io
import logging
import subprocess
import sys
import time
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import yaml

from lab.kea import KeaServer, base_configuration
from lab.laboratory import Laboratory
from reconciler.cli import main
from reconciler.kea.stamps import gathered
from reconciler.model import Mode, Role, Service
from reconciler.planning.silence import UNTIL_SET

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from lab.kea import Generation
    from lab.proxy import Exchange

# The shortest times that leave Kea's own work between two of them on a busy machine; all in milliseconds.
HURRIED = {"heartbeat-delay": 500, "max-response-delay": 20000, "max-ack-delay": 2000, "sync-timeout": 10000}
# Peers that talk through their agents, as all do before Kea 2.3.7: then something can stand between them.
THROUGH_AGENTS = {"multi-threading": {"enable-multi-threading": False, "http-dedicated-listener": False}}
WRITING = ("config-set", "config-test", "config-write", "config-reload", "dhcp-disable", "dhcp-enable", "ha-scopes")
# What each server of these tests keeps for itself. Deliberately not the reconciler's own list.
OWN = (
    "interfaces-config",
    "control-socket",
    "control-sockets",
    "hooks-libraries",
    "lease-database",
    "loggers",
    "multi-threading",
    "dhcp-ddns",
    "dhcp-queue-control",
    "statistic-default-sample-count",
    "server-id",
)
LIVING: weakref.WeakSet[World] = weakref.WeakSet()  # so that a failed test can show its daemons' logs


@dataclass(frozen=True, slots=True)
class Run:
    """How one run of the command line ended, and what it printed."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        """What it printed with --format json."""
        return orjson.loads(self.stdout)


class World:
    """Servers kea-a, kea-b and so on, and what git says about them in `desired`.

    - `mode` and `backups`: kea-a is the primary, kea-b its partner where the mode has one, all others are backups.
    - `configurations`: what each server starts from, by its name (default: no subnets).
    - `parameters`: put over HURRIED in the relationship.
    - `is_logged`: whether the reconciler goes through a proxy before each agent, `sent(server)`; the peers never do.
    - `options`: those of KeaServer, by server name; both are of the laboratory's generation unless it says otherwise.

    `documents` are the relationships, as the YAML files say them; `write()` after a change to them.
    """

    def __init__(
        self,
        lab: Laboratory,
        service: Service = Service.DHCP4,
        mode: Mode = Mode.HOT_STANDBY,
        *,
        backups: int = 0,
        configurations: Mapping[str, Mapping[str, Any]] | None = None,
        parameters: Mapping[str, Any] | None = None,
        is_logged: bool = False,
        options: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        self.lab, self.service, self.mode = lab, service, mode
        LIVING.add(self)
        self.roles = [role for role in (Role.PRIMARY, mode.partner_role) if role] + backups * [Role.BACKUP]
        self.servers = tuple(
            lab.server(
                name,
                {service: (configurations or {}).get(name) or base_configuration(service)},
                **(options or {}).get(name, {}),
            )
            for name in (f"kea-{'abcdefgh'[place]}" for place in range(len(self.roles)))
        )
        self.a, self.b = self.servers[0], self.servers[min(1, len(self.servers) - 1)]
        self.proxies = {server.name: lab.proxy(server) for server in self.servers} if is_logged else {}
        self.desired = lab.directory / "desired"
        self.controls = {
            server.name: {service: self.proxies[server.name].control if is_logged else server.control}
            for server in self.servers
        }
        self.documents = [relationship("hq", service, mode, *self.servers, parameters=parameters)]
        self.write()

    @property
    def can_config_test(self) -> bool:
        """Whether config-test does no harm to these servers."""
        return all(server.generation.can_config_test for server in self.servers)

    # -------------------------------------------------------------------------------------- desired

    @property
    def document(self) -> dict[str, Any]:
        """The first relationship, as its file says it."""
        return self.documents[0]

    def write(self) -> None:
        """Write servers.yaml from `controls`, and one file for each of `documents`."""
        folder = self.desired / "relationships"
        folder.mkdir(parents=True, exist_ok=True)
        servers = {
            name: {service.value: {"control": control} for service, control in services.items()}
            for name, services in self.controls.items()
        }
        (self.desired / "servers.yaml").write_text(yaml.safe_dump({"servers": servers}))
        for document in self.documents:
            (folder / f"{document['name']}.yaml").write_text(yaml.safe_dump(document, sort_keys=False))

    # ------------------------------------------------------------------------------ the command line

    def run(self, command: str, *arguments: str) -> Run:
        """Run `kea-reconciler COMMAND --desired ... ARGUMENTS` in this process."""
        return run(command, "--desired", str(self.desired), *arguments)

    def apply(self, *arguments: str) -> Run:
        """`apply --yes`."""
        return self.run("apply", "--yes", *arguments)

    def must_apply(self, *arguments: str) -> Run:
        """`apply --yes`, which must end with 0 and leave an empty plan."""
        done = self.apply(*arguments)
        assert done.exit_code == 0, done
        self.must_be_done()
        return done

    def must_be_done(self) -> None:
        """The plan must be empty."""
        planned = self.run("plan", "--detailed-exitcode")
        assert planned.exit_code == 0, planned

    # ------------------------------------------------------------------------------------- the servers

    def config(self, server: KeaServer) -> dict[str, Any]:
        """What the server's config-get has."""
        return server.config(self.service)

    def shared_part(self, server: KeaServer) -> dict[str, Any]:
        """What of the server's configuration both peers are to have alike, without our marks."""
        config = {key: value for key, value in gathered(self.config(server)).items() if key not in OWN}
        config["user-context"] = {k: v for k, v in config.get("user-context", {}).items() if k != "kea-reconciler"}
        return config

    def change(self, server: KeaServer, edit: Callable[[dict[str, Any]], object]) -> None:
        """Change the server's running configuration by hand, as an operator does, and wait until all are normal."""
        config = self.config(server)
        edit(config)
        server.set_config(self.service, config)
        self.until_normal()

    def file(self, server: KeaServer) -> dict[str, Any]:
        """What the server would start from: its configuration file."""
        found: dict[str, Any] = orjson.loads(server.config_file(self.service).read_bytes())[self.service.root]
        return found

    def ha(self, server: KeaServer) -> dict[str, Any] | None:
        """What the server says about its relationship (`ha-servers` of status-get), None without the HA hook."""
        entries = server.command(self.service, "status-get")["arguments"].get("high-availability")
        return entries[0]["ha-servers"] if entries else None

    def seconds_since_commit(self, server: KeaServer) -> int:
        """The whole seconds since the server last took a configuration (`reload` of status-get)."""
        return int(server.command(self.service, "status-get")["arguments"]["reload"])

    def state(self, server: KeaServer) -> str | None:
        """The server's own HA state, None without the HA hook."""
        view = self.ha(server)
        return view["local"]["state"] if view else None

    def ha_states(self) -> list[str | None]:
        """The servers' own HA states, in their order."""
        return [self.state(server) for server in self.servers]

    def scopes(self) -> tuple[list[str], ...]:
        """The scopes that each server serves."""
        return tuple((self.ha(server) or {}).get("local", {}).get("scopes", []) for server in self.servers)

    def is_normal(self) -> bool:
        """Whether every server is in its normal state, and has heard so from its partner where it has one."""
        return all(map(self._is_normal, self.servers, self.roles))

    def _is_normal(self, server: KeaServer, role: Role) -> bool:
        view = self.ha(server)
        if view is None:
            return False
        if self.mode is Mode.PASSIVE_BACKUP or role is Role.BACKUP:
            normal = "backup" if role is Role.BACKUP else "passive-backup"
            return "remote" not in view and bool(view["local"]["state"] == normal)
        remote = view["remote"]
        is_well = view["local"]["state"] == remote["last-state"] == self.mode
        return bool(is_well and remote["in-touch"] and not remote["communication-interrupted"])

    def until_normal(self, seconds: float = 30.0) -> None:
        """Wait until all servers are normal."""
        until(self.is_normal, "normal servers", seconds)

    def restart(self, server: KeaServer) -> None:
        """Stop the daemon and start it from its file."""
        server.stop_daemon(self.service)
        server.start_daemon(self.service)

    # -------------------------------------------------------------------------------- what was sent

    def sent(self, server: KeaServer) -> list[str]:
        """The names of the commands that change or could change the server, in the order they came (is_logged)."""
        return [name for name in self.proxies[server.name].commands() if name in WRITING]

    def story(self, *names: str) -> list[tuple[str, Exchange]]:
        """What was sent of these commands (default: those that change a server) to which server, as it happened."""
        told = [(name, each) for name, proxy in self.proxies.items() for each in proxy.seen(*(names or WRITING))]
        return sorted(told, key=lambda pair: pair[1].started)

    def switched(self) -> list[tuple[str, Exchange]]:
        """What was sent to switch services off and on."""
        return self.story("dhcp-disable", "dhcp-enable")

    def silences(self) -> list[Exchange]:
        """The commands that switched servers off for good, or until they are set: not for a minute, after which they
        serve by themselves.
        """
        return [each for _, each in self.story("dhcp-disable") if is_lasting(each)]

    def forget(self) -> None:
        """Forget what was sent."""
        for proxy in self.proxies.values():
            proxy.forget()


def is_lasting(command: Exchange) -> bool:
    """Whether it is not a dhcp-disable for a minute."""
    return not command.arguments or command.arguments.get("max-period", UNTIL_SET) == UNTIL_SET


@contextlib.contextmanager
def standing_world(generation: Generation, mode: Mode, service: Service, *, subnets: int) -> Iterator[World]:
    """A pair whose relationship stands, with so many subnets on both."""
    with Laboratory(generation=generation) as lab:
        start = base_configuration(service, subnets=[subnet(service, number) for number in range(1, subnets + 1)])
        world = World(lab, service, mode, configurations={"kea-a": start, "kea-b": start}, is_logged=True)
        world.must_apply()
        yield world


def relationship(
    name: str, service: Service, mode: Mode, *servers: KeaServer, parameters: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """A relationship's YAML document of the primary, its partner where the mode has one, and backups; the peers talk as
    theirs do by default, or THROUGH_AGENTS.
    """
    roles = [role.value for role in (Role.PRIMARY, mode.partner_role) if role]
    roles += (len(servers) - len(roles)) * [Role.BACKUP.value]
    is_through_agents = (parameters or {}).items() >= THROUGH_AGENTS.items()
    urls = {server.name: server.control if is_through_agents else server.ha_url(service) for server in servers}
    pairs = zip(servers, roles, strict=True)
    return {
        "name": name,
        "service": service.value,
        "mode": mode.value,
        "peers": [{"server": server.name, "role": role, "url": urls[server.name]} for server, role in pairs],
        "parameters": {**HURRIED, **(parameters or {})},
    }


def subnet(service: Service, number: int, **parts: Any) -> dict[str, Any]:
    """Subnet `number` (1 to 255), which is its id too, with one pool; `parts` with `_` for `-` over it."""
    if service is Service.DHCP4:
        own = {"subnet": f"10.0.{number}.0/24", "pools": [{"pool": f"10.0.{number}.10 - 10.0.{number}.100"}]}
    else:
        prefix = f"2001:db8:{number:x}:"
        own = {"subnet": f"{prefix}:/64", "pools": [{"pool": f"{prefix}:10 - {prefix}:ff"}]}
    return {"id": number, **own, **{key.replace("_", "-"): value for key, value in parts.items()}}


def until(holds: Callable[[], bool], what: str, seconds: float = 30.0) -> None:
    """Wait until something holds; fails the test when it does not in time."""
    limit = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < limit, f"no {what} within {seconds:.0f} s"
        time.sleep(0.05)


def run(*arguments: str) -> Run:
    """Run the command line in this process, the way its console script does."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in "oe")
    with _arguments(arguments), _logging_as_found():
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = _exit_code()
        return Run(code, *(stream.buffer.getvalue().decode() for stream in (out, err)))


def run_process(*arguments: str, host: Sequence[str] = (), **options: Any) -> Run:
    """Run the installed console script as a process of its own, with `host` before it; `options` are those of
    subprocess.run.
    """
    script = Path(sys.executable).with_name("kea-reconciler")
    command = [str(script)] if script.exists() else [sys.executable, "-c", "from reconciler.cli import main; main()"]
    done = subprocess.run([*host, *command, *arguments], capture_output=True, text=True, check=False, **options)
    return Run(done.returncode, done.stdout, done.stderr)


def _exit_code() -> int:
    try:
        main()
    except SystemExit as end:
        return int(end.code or 0)
    raise AssertionError("main() returned")


@contextlib.contextmanager
def _arguments(arguments: tuple[str, ...]) -> Iterator[None]:
    found, sys.argv = sys.argv, ["kea-reconciler", *arguments]
    try:
        yield
    finally:
        sys.argv = found


@contextlib.contextmanager
def _logging_as_found() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers = []
    try:
        yield
    finally:
        root.handlers = handlers
        root.setLevel(level)
