"""Real servers that are reached by one way only: an agent, the daemons' own HTTP sockets, or unix sockets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from lab.kea import GENERATIONS, Generation, base_configuration
from reconciler.model import Mode, Service
from tests.kea.hub import Hub
from tests.kea.world import Run, World, subnet

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from lab.kea import KeaServer
    from lab.laboratory import Laboratory

FOUR = Service.DHCP4
USER, PASSWORD = "reconciler", "only-for-this-test"
# The peers talk to listeners of their own on every generation, so that an agent can ask for what it likes.
LISTENERS = {"multi-threading": {"enable-multi-threading": True, "http-dedicated-listener": True}}
THREADS = {"enable-multi-threading": True}


@dataclass(frozen=True)
class Way:
    """A way to the commands: `through` an agent, directly to the daemon, or by its unix socket."""

    through: str
    is_encrypted: bool = False
    is_mutual: bool = False
    has_password: bool = False

    def __str__(self) -> str:
        words = [self.through] if self.through == "unix" else [self.through, "https" if self.is_encrypted else "http"]
        words += ["mutual"] if self.is_mutual else []
        return "-".join([*words, *(["password"] if self.has_password else [])])

    def options(self, ca: Path, files: dict[str, str]) -> dict[str, Any]:
        """Those of a KeaServer that is reached so, with a certificate in `files`."""
        parts: dict[str, Any] = {}
        if self.is_encrypted:
            parts |= {"trust-anchor": str(ca), **files, "cert-required": self.is_mutual}
        if self.has_password:
            clients = [{"user": USER, "password": PASSWORD}]
            parts["authentication"] = {"type": "basic", "realm": "kea", "clients": clients}
        return {"has_agent": self.through == "agent", **({} if self.through == "unix" else {self.through: parts})}

    def control(self, server: KeaServer) -> str:
        """Where the server takes commands."""
        if self.through == "unix":
            return server.unix(FOUR)
        return server.control if self.through == "agent" else server.direct(FOUR)


WAYS = [
    *(Way("agent", *how) for how in ((), (False, False, True), (True,), (True, True, True))),
    *(Way("direct", *how) for how in ((), (False, False, True), (True,), (True, True, True))),
    Way("unix"),
]
# A daemon takes commands over HTTP itself from 2.7.2 on.
POSSIBLE = [
    (generation, way)
    for way in WAYS
    for generation in GENERATIONS
    if way.through != "direct" or generation.has_http_socket
]


def each(cases: list[tuple[Generation, Way]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(("generation", "way"), cases, ids=[f"{one}-{way}" for one, way in cases])


class Certificates:
    """An authority, and files for servers and for us in `folder`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.folder, self.authority = folder, trustme.CA()
        self.ca = folder / "ca.pem"
        self.authority.cert_pem.write_to_path(str(self.ca))

    def issued(self, name: str, **how: Any) -> dict[str, str]:
        """`cert-file` and `key-file` of a new certificate for `name`."""
        certificate = self.authority.issue_cert(name, **how)
        files = {"cert-file": self.folder / f"{name}.pem", "key-file": self.folder / f"{name}.key"}
        certificate.cert_chain_pems[0].write_to_path(str(files["cert-file"]))
        certificate.private_key_pem.write_to_path(str(files["key-file"]))
        files["key-file"].chmod(0o600)
        return {key: str(path) for key, path in files.items()}


class Login:
    """What we show the servers, to change before a command: `known` is what credentials.toml says of each."""

    def __init__(self, way: Way, certificates: Certificates) -> None:
        self._file = certificates.folder / "credentials.toml"
        self.known: dict[str, str] = {"user": USER, "password": PASSWORD} if way.has_password else {}
        if way.is_encrypted:
            self.known["ca-file"] = str(certificates.ca)
        if way.is_mutual:
            self.known |= certificates.issued("reconciler.example.net")

    def arguments(self, controls: Iterable[str]) -> tuple[str, str]:
        """The option for a command that is to reach these."""
        lines = [f'{key} = "{value}"' for key, value in self.known.items()]
        origins = [each.removesuffix("/") for each in controls] if lines else []
        self._file.write_text("\n".join(line for one in origins for line in (f'["{one}"]', *lines)))
        self._file.chmod(0o600)
        return "--credentials", str(self._file)


class Insisting:
    """A world in which a command has to end well, or as it is said."""

    def run(self, command: str, *arguments: str) -> Run:
        """Run a command."""
        raise NotImplementedError

    def must(self, command: str, *arguments: str, code: int = 0) -> Run:
        """Run a command, which must end so."""
        done = self.run(command, *arguments)
        assert done.exit_code == code, done
        return done


class Reached(World, Insisting):
    """Servers that are reached by one way only; `files` are the servers' certificate."""

    def __init__(
        self,
        lab: Laboratory,
        way: Way,
        certificates: Certificates,
        files: dict[str, str],
        mode: Mode = Mode.HOT_STANDBY,
        *,
        backups: int = 0,
    ) -> None:
        self.way, self.options = way, way.options(certificates.ca, files)
        self.login = Login(way, certificates)
        names = ("kea-a", "kea-b", "kea-c")
        start = base_configuration(FOUR, subnets=[subnet(FOUR, 1)], multi_threading=THREADS)
        super().__init__(
            lab,
            mode=mode,
            backups=backups,
            configurations=dict.fromkeys(names, start),
            parameters=LISTENERS,
            options=dict.fromkeys(names, self.options),
        )
        for peer, server in zip(self.document["peers"], self.servers, strict=True):
            peer["url"] = server.peer_url(FOUR)
            self.controls[server.name] = {FOUR: way.control(server)}
        self.write()

    def spare(self, name: str) -> KeaServer:
        """One more server that is reached so, of no relationship."""
        server = self.lab.server(name, {FOUR: base_configuration(FOUR, multi_threading=THREADS)}, **self.options)
        self.controls[name] = {FOUR: self.way.control(server)}
        self.write()
        return server

    def access(self) -> tuple[str, str]:
        """The option with the credentials, for any command."""
        return self.login.arguments(each[FOUR] for each in self.controls.values())

    def run(self, command: str, *arguments: str) -> Run:
        """Run a command with the credentials."""
        return super().run(command, *arguments, *self.access())


class ReachedHub(Hub, Insisting):
    """A hub and its branches, reached by one way only."""

    def __init__(self, lab: Laboratory, way: Way, certificates: Certificates) -> None:
        options = way.options(certificates.ca, certificates.issued("127.0.0.1"))
        names = ("east", "west", "hub")
        super().__init__(lab, FOUR, settings={"multi_threading": THREADS}, options=dict.fromkeys(names, options))
        self.spare = lab.server("spare", {FOUR: base_configuration(FOUR, multi_threading=THREADS)}, **options)
        self.controls = {server.name: way.control(server) for server in (*self.servers, self.spare)}
        self.login = Login(way, certificates)

    def access(self) -> tuple[str, str]:
        """The option with the credentials, for any command."""
        return self.login.arguments(self.controls.values())

    def run(self, command: str, *arguments: str) -> Run:
        """Run a command with the credentials."""
        return super().run(command, *arguments, *self.access())
