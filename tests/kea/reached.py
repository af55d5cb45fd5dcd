"""Pairs of real servers that are reached by one way only: an agent, the daemons' own HTTP sockets, or unix sockets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from lab.kea import GENERATIONS, Generation, base_configuration
from reconciler.model import Service
from tests.kea.world import Run, World, subnet

if TYPE_CHECKING:
    from pathlib import Path

    from lab.kea import KeaServer
    from lab.laboratory import Laboratory

FOUR = Service.DHCP4
USER, PASSWORD = "reconciler", "only-for-this-test"
# The peers talk to listeners of their own on every generation, so that an agent can ask for what it likes.
LISTENERS = {"multi-threading": {"enable-multi-threading": True, "http-dedicated-listener": True}}


@dataclass(frozen=True)
class Way:
    """A way to the commands: `through` an agent, directly to the daemon, or by its unix socket."""

    through: str
    is_encrypted: bool = False
    is_mutual: bool = False
    has_password: bool = False

    def __str__(self) -> str:
        words = [self.through, "https" if self.is_encrypted else "http", *(["mutual"] if self.is_mutual else [])]
        return "-".join([*words, *(["password"] if self.has_password else [])])


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


class Reached(World):
    """Two servers that are reached by one way only; `files` are the servers' certificate, `login` what we show them."""

    def __init__(self, lab: Laboratory, way: Way, certificates: Certificates, files: dict[str, str]) -> None:
        parts: dict[str, Any] = {}
        if way.is_encrypted:
            parts |= {"trust-anchor": str(certificates.ca), **files, "cert-required": way.is_mutual}
        if way.has_password:
            clients = [{"user": USER, "password": PASSWORD}]
            parts["authentication"] = {"type": "basic", "realm": "kea", "clients": clients}
        options: dict[str, Any] = {"has_agent": way.through == "agent"}
        if way.through != "unix":
            options[way.through] = parts
        threads = {"enable-multi-threading": True}
        start = base_configuration(FOUR, subnets=[subnet(FOUR, 1)], multi_threading=threads)
        names = ("kea-a", "kea-b")
        super().__init__(
            lab,
            configurations=dict.fromkeys(names, start),
            parameters=LISTENERS,
            options=dict.fromkeys(names, options),
        )
        for peer, server in zip(self.document["peers"], self.servers, strict=True):
            peer["url"] = server.peer_url(FOUR)
            self.controls[server.name] = {FOUR: control(server, way)}
        self.login: dict[str, str] = {"user": USER, "password": PASSWORD} if way.has_password else {}
        if way.is_encrypted:
            self.login["ca-file"] = str(certificates.ca)
        if way.is_mutual:
            self.login |= certificates.issued("reconciler.example.net")
        self.write()

    def run(self, command: str, *arguments: str) -> Run:
        """Run a command with the credentials."""
        file = self.lab.directory / "credentials.toml"
        lines = [f'{key} = "{value}"' for key, value in self.login.items()]
        origins = [each[FOUR].removesuffix("/") for each in self.controls.values()]
        is_known = lines and not origins[0].startswith("unix:")
        file.write_text("\n".join(line for one in origins for line in (f'["{one}"]', *lines)) if is_known else "")
        file.chmod(0o600)
        return super().run(command, *arguments, "--credentials", str(file))

    def must(self, command: str, *arguments: str, code: int = 0) -> None:
        """Run a command, which must end so."""
        done = self.run(command, *arguments)
        assert done.exit_code == code, done


def control(server: KeaServer, way: Way) -> str:
    ways = {"agent": lambda: server.control, "direct": lambda: server.direct(FOUR), "unix": lambda: server.unix(FOUR)}
    return ways[way.through]()
