"""One server of the lab: its daemons behind one control agent."""

from __future__ import annotations

import shutil
import signal
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.configurations import agent_configuration, completed
from lab.errors import LabError
from lab.generation import AGENT, OLDEST, Generation
from lab.instance import Agent, Daemon, runnable
from lab.ports import Port

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reconciler.model import Service

_PATH_LIMIT = 100  # sun_path holds 107 bytes, and Kea puts ".lock" behind it


class KeaServer:
    """One server: its daemons and its agent, from `start()` to `stop()`.

    - `configurations`: for each service what shall stand under `Dhcp4` or `Dhcp6`; what ties it to this server
      is added unless it is there (control-socket, lease-database, loggers, server-id, no interfaces).
    - `address`, `port`: where the agent listens; any free port unless one is given.
    - `agent`: put over the agent's own configuration (authentication, TLS).
    - `faketime`: an offset for the daemons' clocks in faketime's notation, such as "+90s".
    - `wrapper`: what the commands are run with, such as those of a host of lab.network. It has to end in an
      exec, or in a child of its own process group.
    - `executables`: for a program's name (kea-dhcp4, kea-dhcp6, kea-ctrl-agent) the command to run instead.
    - `generation`: which Kea to run.
    - `direct`: let each daemon take commands over HTTP itself too (Kea 3.0), with these parts put over the
      socket's entry (authentication, TLS).
    - `has_agent`: whether there is an agent at all.

    Everything of it is in `directory` (the given folder / name), each program in a folder of its own there. A
    daemon in a tree sees the given folder, and nothing else of ours.
    """

    def __init__(
        self,
        directory: Path,
        name: str,
        configurations: Mapping[Service, Mapping[str, Any]],
        *,
        address: str = "127.0.0.1",
        port: int | None = None,
        agent: Mapping[str, Any] | None = None,
        faketime: str | None = None,
        wrapper: Sequence[str] = (),
        executables: Mapping[str, Sequence[str]] | None = None,
        generation: Generation = OLDEST,
        direct: Mapping[str, Any] | None = None,
        has_agent: bool = True,
    ) -> None:
        self.name = name
        self.generation = generation
        self.directory = Path(directory).resolve() / name
        self.services = tuple(configurations)
        self._wrapper = tuple(wrapper)
        self._faketime = ("faketime", "-f", faketime) if faketime else ()
        self._executables = dict(executables or {})
        self._short: Path | None = None
        self._address = address
        self._host = f"[{address}]" if ":" in address else address
        self._ports: dict[Service | str, Port] = {AGENT: Port(address, port)}
        self._ports |= {service: Port(address) for service in self.services}
        self._direct = direct
        self._http = {service: Port(address) for service in self.services if direct is not None}
        self._at = self._socket_folder()
        self._at.chmod(0o750)  # Kea 2.6.3 and later refuses a socket in a folder that others can look into
        self._daemons = {service: self._daemon(service, body) for service, body in configurations.items()}
        self._parts = dict(agent or {})
        self._agent = self._new_agent() if has_agent else None

    def __repr__(self) -> str:
        return f"KeaServer({self.name!r}, {self.control!r})"

    # ------------------------------------------------------------------------------------- where it is

    @property
    def control(self) -> str:
        """The agent's URL."""
        return self._url(self._ports[AGENT], self._parts)

    def direct(self, service: Service) -> str:
        """The URL of the daemon's own HTTP socket; KeyError without one."""
        return self._url(self._http[service], self._direct or {})

    def peer_url(self, service: Service) -> str:
        """A URL with a free port of this server, held for the HA hook's dedicated listener of `service`."""
        return self._url(self._ports[service], {})

    def ha_url(self, service: Service) -> str:
        """Where the peers of this generation reach it by default: at its dedicated listener, or at its agent."""
        return self.peer_url(service) if self.generation.has_dedicated_listener else self.control

    @property
    def agent(self) -> Agent:
        """Its agent; LabError without one."""
        if self._agent is None:
            raise LabError(f"{self.name} has no agent")
        return self._agent

    def unix(self, service: Service) -> str:
        """The daemon's control socket as an endpoint's `control`: `unix:/path`."""
        return f"unix:{self._daemons[service].socket}"

    def folder(self, service: Service) -> Path:
        """The daemon's own folder: configuration, leases, log, pid file."""
        return self._daemons[service].folder

    def config_file(self, service: Service) -> Path:
        """The file that the daemon starts from and that config-write writes."""
        return self._daemons[service].config_file

    # ------------------------------------------------------------------------------- starting and ending

    def start(self) -> None:
        """Start the agent and every daemon that is not running, and wait until all of them answer.

        LabError with the end of its log where one does not; nothing is left running then.
        """
        try:
            for instance in self._instances():
                instance.launch()
            self.wait_ready()
        except BaseException:
            self._end_processes()
            raise

    def stop(self) -> None:
        """End everything this server started and give its ports back; its folder stays."""
        self._end_processes()
        for port in (*self._ports.values(), *self._http.values()):
            port.release()
        if self._short is not None:
            shutil.rmtree(self._short, ignore_errors=True)

    def wait_ready(self, seconds: float = 30.0) -> None:
        """Wait until every daemon and the agent answer; LabError where one does not."""
        for instance in self._instances():
            instance.wait_ready(seconds)

    def start_daemon(self, service: Service) -> None:
        """Start the daemon from its configuration file as it is now, and wait until it answers."""
        self._daemons[service].start()

    def stop_daemon(self, service: Service) -> None:
        """End the daemon as an operator does (SIGTERM); the agent stays."""
        self._daemons[service].process.stop()

    def kill_daemon(self, service: Service) -> None:
        """End the daemon as a power cut does (SIGKILL)."""
        self._daemons[service].process.kill()

    def freeze(self, service: Service) -> None:
        """SIGSTOP: connections are accepted by the kernel, nothing answers."""
        self._daemons[service].process.signal(signal.SIGSTOP)

    def thaw(self, service: Service) -> None:
        """SIGCONT: everything that was sent meanwhile is executed now."""
        self._daemons[service].process.signal(signal.SIGCONT)

    def start_agent(self) -> None:
        """Start the agent, and wait until it answers."""
        self.agent.start()

    def stop_agent(self) -> None:
        """End the agent; the daemons stay and answer on their sockets."""
        self.agent.process.stop()

    def pid(self, service: Service) -> int:
        """The daemon's process id; LabError when it was not started."""
        return self._daemons[service].process.pid

    def in_sight(self, service: Service, path: Path) -> tuple[tuple[str, ...], str]:
        """What to run a command with to be where the daemon is with its mounts, and the name that `path` has there."""
        tree = self.generation.tree
        if tree is None:
            return (), str(path)
        return ("nsenter", "--mount", "--target", str(self.pid(service))), f"{tree}{path}"

    def is_running(self, service: Service) -> bool:
        """Whether the daemon was started and has not ended."""
        return self._daemons[service].process.is_running

    # ----------------------------------------------------------------------------------- what it says

    def command(self, service: Service, name: str, arguments: Any = None, *, seconds: float = 60.0) -> dict[str, Any]:
        """Send one command straight to the daemon, past agent and reconciler; the reply map as Kea gave it."""
        return self._daemons[service].ask(name, arguments, seconds=seconds)

    def config(self, service: Service) -> dict[str, Any]:
        """What stands under `Dhcp4` or `Dhcp6` in config-get."""
        config: dict[str, Any] = self._fine(service, "config-get")["arguments"][service.root]
        return config

    def set_config(self, service: Service, config: Mapping[str, Any]) -> None:
        """config-set, in memory only; LabError with Kea's text where the result is not 0."""
        self._fine(service, "config-set", {service.root: dict(config)})

    def log(self, service: Service) -> str:
        """Everything the daemon has printed and logged."""
        return self._daemons[service].log()

    def logs(self) -> dict[str, str]:
        """For each program of this server (agent and daemons) everything it has printed and logged."""
        return {instance.label: instance.log() for instance in self._instances()}

    # ------------------------------------------------------------------------------------------ inside

    def _fine(self, service: Service, name: str, arguments: Any = None) -> dict[str, Any]:
        reply = self.command(service, name, arguments)
        if reply["result"] != 0:
            raise LabError(f"{self.name} ({service}): {name}: result {reply['result']}: {reply.get('text')}")
        return reply

    def _instances(self) -> tuple[Agent | Daemon, ...]:
        agents = () if self._agent is None else (self._agent,)
        return (*agents, *self._daemons.values())

    def _end_processes(self) -> None:
        for instance in self._instances():
            instance.process.stop()

    def _url(self, port: Port, parts: Mapping[str, Any]) -> str:
        return f"{'https' if 'cert-file' in parts else 'http'}://{self._host}:{port.number}/"

    def _command(self, program: str, folder: Path, *before: str) -> tuple[str, ...]:
        """What runs the program, with `before` (faketime) before it."""
        shared = [self.directory.parent, *([self._short] if self._short else [])]
        # AppArmor goes by the path as seen from outside, and knows none in a tree.
        own = runnable(program, folder) if self.generation.tree is None else f"/usr/sbin/{program}"
        command = (*before, *(self._executables.get(program) or (own,)))
        return (*self._wrapper, *self.generation.entered(command, shared))

    def _daemon(self, service: Service, body: Mapping[str, Any]) -> Daemon:
        folder, socket = self.directory / service, self._at / f"{service}.sock"
        command = self._command(f"kea-{service}", folder, *self._faketime)
        daemon = Daemon(f"{self.name} ({service})", service, command, folder, socket)
        daemon.write_config(service.root, completed(body, service, self.name, folder, self._sockets(service, socket)))
        return daemon

    def _sockets(self, service: Service, path: Path) -> list[dict[str, Any]]:
        """The daemon's control sockets, that of the lab first."""
        sockets: list[dict[str, Any]] = [{"socket-type": "unix", "socket-name": str(path)}]
        if self._direct is not None:
            place = {"socket-address": self._address, "socket-port": self._http[service].number}
            kind = "https" if "cert-file" in self._direct else "http"
            sockets.append({"socket-type": kind, **place, **self._direct})
        return sockets

    def _new_agent(self) -> Agent:
        folder = self.directory / "agent"
        command = self._command(AGENT, folder)
        agent = Agent(f"{self.name} (agent)", command, folder, self._at, self.control, host=self._wrapper)
        sockets = {service: daemon.socket for service, daemon in self._daemons.items()}
        own = agent_configuration(self._address, self._ports[AGENT].number, sockets, folder)
        agent.write_config("Control-agent", own | self._parts)
        return agent

    def _socket_folder(self) -> Path:
        """The folder for the control sockets of all daemons: from Kea 2.6.3 on an agent knows only one."""
        if len(str(self.directory / "dhcp4.sock")) <= _PATH_LIMIT:
            self.directory.mkdir(parents=True, exist_ok=True)
            return self.directory
        self._short = Path(tempfile.mkdtemp(prefix="kea-lab-"))  # Linux has no room for a long path in an address
        return self._short
