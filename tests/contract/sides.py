"""A server to hold to the contract: a simulated one and a real one, asked in the same way."""

from __future__ import annotations

import http.client
import json
import re
import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from reconciler.model import Service
from reconciler.simulator import Release
from reconciler.simulator.libraries import DIRECTORY

if TYPE_CHECKING:
    from collections.abc import Callable

    from lab.kea import KeaServer
    from reconciler.simulator import SimulatedServer

PATIENCE = 30.0
STEP = 0.05
JSON = {"Content-Type": "application/json"}
LEASE_COMMANDS = {"library": f"{DIRECTORY}/libdhcp_lease_cmds.so"}


class Side(ABC):
    """One server behind its control agent."""

    url: str
    release: Release

    def post(self, body: bytes, headers: dict[str, str] | None = None, url: str = "") -> tuple[int, bytes]:
        """Send a body to the agent, or to another url; HTTP status and body of what came back."""
        place = urlsplit(url or self.url)
        connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=PATIENCE)
        try:
            connection.request("POST", "/", body, JSON if headers is None else headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def send(self, command: dict[str, Any]) -> Any:
        """Send a command as it is."""
        return json.loads(self.post(json.dumps(command).encode())[1])

    def ask(self, service: Service, command: str, arguments: Any = None) -> dict[str, Any]:
        """Send a command to one daemon; its answer."""
        body = {"command": command, "service": [service.value]}
        if arguments is not None:
            body["arguments"] = arguments
        answers = self.send(body)
        assert isinstance(answers, list)
        answer: dict[str, Any] = answers[0]
        return answer

    def set(self, service: Service, config: dict[str, Any]) -> dict[str, Any]:
        """config-set of something put over what belongs to the server."""
        return self.ask(service, "config-set", {service.root: self.base(service) | config})

    def test(self, service: Service, config: dict[str, Any]) -> dict[str, Any]:
        """config-test of something put over what belongs to the server."""
        return self.ask(service, "config-test", {service.root: self.base(service) | config})

    def shown(self, service: Service) -> dict[str, Any]:
        """What config-get shows."""
        config: dict[str, Any] = self.ask(service, "config-get")["arguments"][service.root]
        return config

    def status(self, service: Service) -> dict[str, Any]:
        """`arguments` of status-get."""
        arguments: dict[str, Any] = self.ask(service, "status-get")["arguments"]
        return arguments

    def local(self, service: Service) -> dict[str, Any]:
        """What it says about itself in its relationship."""
        found: dict[str, Any] = self.status(service)["high-availability"][0]["ha-servers"]["local"]
        return found

    def remote(self, service: Service) -> dict[str, Any]:
        """What it says about its partner."""
        found: dict[str, Any] = self.status(service)["high-availability"][0]["ha-servers"]["remote"]
        return found

    def base(self, service: Service) -> dict[str, Any]:
        """The same small configuration on every side, but for the control socket."""
        config: dict[str, Any] = {
            "control-socket": self.socket(service),
            "interfaces-config": {"interfaces": []},
            "lease-database": {"type": "memfile", "persist": False},
        }
        if service is Service.DHCP6:
            config["server-id"] = {"type": "LLT", "persist": False}
        return config

    @property
    def is_threaded(self) -> bool:
        """Whether multi-threading is on by default."""
        return self.release >= Release.KEA_2_6

    @abstractmethod
    def folders(self, service: Service) -> list[str]:
        """The folders that belong to a daemon, as paths."""

    @abstractmethod
    def direct(self, service: Service) -> str:
        """The url of a daemon's own HTTP socket."""

    @abstractmethod
    def ha_url(self, service: Service) -> str:
        """Where its release is reached by peers, by default."""

    @abstractmethod
    def socket(self, service: Service) -> dict[str, Any]:
        """The control socket that the agent knows."""

    @abstractmethod
    def stop(self, service: Service, *, killed: bool = False) -> None:
        """End a daemon."""

    @abstractmethod
    def start(self, service: Service) -> None:
        """Start a daemon that was ended, from its file."""

    @abstractmethod
    def read_file(self, path: str) -> bytes:
        """A file of the server's."""

    @abstractmethod
    def write_file(self, path: str, content: bytes) -> None:
        """Put a file there."""

    @abstractmethod
    def let_pass(self, seconds: float) -> None:
        """Wait; in a simulated world the time is moved on instead."""

    def until(self, is_so: Callable[[], bool], what: str) -> None:
        """Wait until something is so; a failure that says what was waited for."""
        end, waited = time.monotonic() + PATIENCE, 0.0
        while not is_so():
            assert time.monotonic() < end, f"not within {PATIENCE:g} s: {what}"
            assert waited < PATIENCE, f"not within {waited:g} s: {what}"
            self.let_pass(STEP)
            waited += STEP

    @abstractmethod
    def logged(self, service: Service) -> str:
        """The daemon's log."""


class Simulated(Side):
    """A server of the simulator."""

    def __init__(self, server: SimulatedServer) -> None:
        self.server = server
        self.url = server.control
        self.release = server.machine.release
        self._sockets = {service: first_socket(endpoint.config) for service, endpoint in server.endpoints.items()}

    def socket(self, service: Service) -> dict[str, Any]:
        return dict(self._sockets[service])

    def folders(self, service: Service) -> list[str]:
        machine = self.server.endpoint(service).machine
        return [machine.data_folder, machine.log_folder]

    def direct(self, service: Service) -> str:
        return self.server.endpoint(service).direct.urls[0]

    def ha_url(self, service: Service) -> str:
        return self.server.ha_url(service)

    def stop(self, service: Service, *, killed: bool = False) -> None:
        self.server.endpoint(service).stop(killed=killed)

    def start(self, service: Service) -> None:
        self.server.endpoint(service).start()

    def read_file(self, path: str) -> bytes:
        return self.server.disk.contents[path]

    def write_file(self, path: str, content: bytes) -> None:
        self.server.disk.contents[path] = content

    def let_pass(self, seconds: float) -> None:
        self.server.world.advance(seconds)

    def logged(self, service: Service) -> str:
        return "\n".join(self.server.endpoint(service).daemon_log)


class Real(Side):
    """A server of the lab."""

    def __init__(self, server: KeaServer) -> None:
        self.server = server
        self.url = server.control
        self.release = Release(server.command(Service.DHCP4, "version-get")["text"])
        self._sockets = {service: first_socket(server.config(service)) for service in server.services}

    def socket(self, service: Service) -> dict[str, Any]:
        return dict(self._sockets[service])

    def folders(self, service: Service) -> list[str]:
        return [str(self.server.folder(service))]

    def direct(self, service: Service) -> str:
        return self.server.direct(service)

    def ha_url(self, service: Service) -> str:
        return self.server.ha_url(service)

    def stop(self, service: Service, *, killed: bool = False) -> None:
        if killed:
            self.server.kill_daemon(service)
        else:
            self.server.stop_daemon(service)

    def start(self, service: Service) -> None:
        self.server.stop_daemon(service)  # it may be ending still, after a shutdown
        self.server.start_daemon(service)

    def read_file(self, path: str) -> bytes:
        with open(path, "rb") as file:  # noqa: PTH123
            return file.read()

    def write_file(self, path: str, content: bytes) -> None:
        with open(path, "wb") as file:  # noqa: PTH123
            file.write(content)

    def let_pass(self, seconds: float) -> None:
        time.sleep(seconds)

    def logged(self, service: Service) -> str:
        return self.server.log(service)


def first_socket(config: dict[str, Any]) -> dict[str, Any]:
    """The first control socket in a configuration as it is shown."""
    found: dict[str, Any] = config["control-sockets"][0] if "control-sockets" in config else config["control-socket"]
    return found


def placed(text: str) -> str:
    """A text of Kea's with the places of values in what it received, and the server's folders, made alike."""
    text = re.sub(r"<[a-z]+>:\d+:\d+", "<place>", text)
    return re.sub(r"supported path is '[^']*'", "supported path is '<folder>'", text)


def relationship(name: str, urls: tuple[str, str], mode: str = "hot-standby", **parameters: Any) -> dict[str, Any]:
    """The HA hook of one of the peers s1 and s2, with short times."""
    roles = ("primary", "standby" if mode == "hot-standby" else "secondary")
    entry = {
        "this-server-name": name,
        "mode": mode,
        "heartbeat-delay": 500,
        "max-response-delay": 3000,
        "max-ack-delay": 1000,
        "max-unacked-clients": 0,
        "peers": [
            {"name": f"s{number}", "url": url, "role": role}
            for number, (url, role) in enumerate(zip(urls, roles, strict=True), 1)
        ],
    }
    entry |= {key.replace("_", "-"): value for key, value in parameters.items()}
    return {"library": f"{DIRECTORY}/libdhcp_ha.so", "parameters": {"high-availability": [entry]}}
