"""One server of the lab: its daemons behind one control agent."""

from __future__ import annotations

import shutil
import signal
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.configurations import agent_configuration, completed
from lab.errors import LabError
from lab.instance import AGENT, Agent, Daemon, runnable
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
    - `wrapper`: what the commands are run with, such as ("ip", "netns", "exec", "NAME"). It has to end in an
      exec, or in a child of its own process group.
    - `executables`: for a program's name (kea-dhcp4, kea-dhcp6, kea-ctrl-agent) the command to run instead.

    Everything of it is in `directory` (the given folder / name), each program in a folder of its own there.
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
    ) -> None:
        self.name = name
        self.directory = Path(directory).resolve() / name
        self.services = tuple(configurations)
        self._wrapper = tuple(wrapper)
        self._faketime = ("faketime", "-f", faketime) if faketime else ()
        self._executables = dict(executables or {})
        self._short: Path | None = None
        self._ports: dict[Service | str, Port] = {AGENT: Port(address, port)}
        self._ports |= {service: Port() for service in self.services}
        self._host = f"[{address}]" if ":" in address else address
        self._daemons = {service: self._daemon(service, body) for service, body in configurations.items()}
        self._agent = self._new_agent(address, agent or {})

    def __repr__(self) -> str:
        return f"KeaServer({self.name!r}, {self.control!r})"

    # ------------------------------------------------------------------------------------- where it is

    @property
    def control(self) -> str:
        """The agent's URL."""
        return f"http://{self._host}:{self._ports[AGENT].number}/"

    def peer_url(self, service: Service) -> str:
        """A URL with a free port of this server, held for the HA hook's dedicated listener of `service`."""
        return f"http://{self._host}:{self._ports[service].number}/"

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
        for port in self._ports.values():
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
        self._agent.start()

    def stop_agent(self) -> None:
        """End the agent; the daemons stay and answer on their sockets."""
        self._agent.process.stop()

    def pid(self, service: Service) -> int:
        """The daemon's process id; LabError when it was not started."""
        return self._daemons[service].process.pid

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
        return (self._agent, *self._daemons.values())

    def _end_processes(self) -> None:
        for instance in self._instances():
            instance.process.stop()

    def _command(self, program: str, folder: Path) -> tuple[str, ...]:
        return tuple(self._executables.get(program) or (runnable(program, folder),))

    def _daemon(self, service: Service, body: Mapping[str, Any]) -> Daemon:
        folder, socket = self.directory / service, self._socket(service)
        command = (*self._wrapper, *self._faketime, *self._command(f"kea-{service}", folder))
        daemon = Daemon(f"{self.name} ({service})", service, command, folder, socket)
        daemon.write_config(service.root, completed(body, service, self.name, folder, socket))
        return daemon

    def _new_agent(self, address: str, parts: Mapping[str, Any]) -> Agent:
        folder = self.directory / "agent"
        command = (*self._wrapper, *self._command(AGENT, folder))
        agent = Agent(f"{self.name} (agent)", command, folder, self.control)
        sockets = {service: daemon.socket for service, daemon in self._daemons.items()}
        own = agent_configuration(address, self._ports[AGENT].number, sockets, folder)
        agent.write_config("Control-agent", own | dict(parts))
        return agent

    def _socket(self, service: Service) -> Path:
        path = self.directory / service / "kea.sock"
        if len(str(path)) <= _PATH_LIMIT:
            return path
        if self._short is None:  # Linux has no room for a long path in a socket's address
            self._short = Path(tempfile.mkdtemp(prefix="kea-lab-"))
            self._short.chmod(0o750)
        return self._short / f"{service}.sock"
