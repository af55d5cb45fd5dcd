"""Every way to a daemon's commands, against real Kea: what works through it, and whom we refuse to talk to."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
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

pytestmark = pytest.mark.kea

FOUR, SIX = Service
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
ENCRYPTED = [(generation, way) for generation, way in POSSIBLE if way.is_encrypted]


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


def control(server: KeaServer, way: Way) -> str:
    ways = {"agent": lambda: server.control, "direct": lambda: server.direct(FOUR), "unix": lambda: server.unix(FOUR)}
    return ways[way.through]()


@pytest.fixture
def certificates(lab: Laboratory) -> Certificates:
    return Certificates(lab.directory / "tls")


@each(POSSIBLE)
def test_a_pair_is_made_and_kept_in_step_through_it(lab: Laboratory, way: Way, certificates: Certificates) -> None:
    world = Reached(lab, way, certificates, certificates.issued("127.0.0.1"))
    world.must_apply()
    assert world.is_normal()
    world.change(world.a, lambda config: config[FOUR.subnets].append(subnet(FOUR, 2)))
    assert world.run("drift", "--detailed-exitcode").exit_code == 2
    world.must_apply()
    assert [found["id"] for found in world.config(world.b)[FOUR.subnets]] == [1, 2]
    assert world.run("status").exit_code == 0
    assert world.file(world.b) == world.config(world.b)


def must_refuse(world: Reached, words: str) -> None:
    """Neither plan nor apply gets anywhere, and both say why."""
    before = [world.config(server) for server in world.servers]
    for done in (world.run("plan"), world.apply()):
        assert done.exit_code == 1, done
        assert words in done.stdout, done
        assert PASSWORD not in done.stdout + done.stderr
    assert [world.config(server) for server in world.servers] == before


@each(ENCRYPTED)
@pytest.mark.parametrize("wrong", ["authority", "name", "expired"])
def test_a_server_that_can_not_be_trusted_gets_nothing(
    lab: Laboratory, way: Way, certificates: Certificates, wrong: str
) -> None:
    yesterday = datetime.now(UTC) - timedelta(days=1)
    name, how = ("127.0.0.1", {}) if wrong != "name" else ("kea.example.net", {})
    if wrong == "expired":
        how = {"not_before": yesterday - timedelta(days=1), "not_after": yesterday}
    world = Reached(lab, way, certificates, certificates.issued(name, **how))
    if wrong == "authority":
        world.login["ca-file"] = str(Certificates(lab.directory / "others").ca)
    must_refuse(world, "can't be trusted")


@each([(generation, way) for generation, way in POSSIBLE if way.is_mutual])
def test_a_server_that_wants_our_certificate_is_told_of_as_such(
    lab: Laboratory, way: Way, certificates: Certificates
) -> None:
    world = Reached(lab, way, certificates, certificates.issued("127.0.0.1"))
    del world.login["cert-file"], world.login["key-file"]
    must_refuse(world, "certificate")


@each([(generation, way) for generation, way in POSSIBLE if way.has_password])
def test_a_wrong_password_is_told_of_as_such(lab: Laboratory, way: Way, certificates: Certificates) -> None:
    world = Reached(lab, way, certificates, certificates.issued("127.0.0.1"))
    world.login["password"] = "another"
    must_refuse(world, "401")


HARMLESS = {
    *("config-get", "version-get", "status-get", "list-commands", "build-report", "config-hash-get"),
    *("ha-heartbeat", "lease4-get-page"),  # what the peers ask of each other
}
EVERY_WRITE = [
    "apply",
    "maintenance start kea-b",
    "maintenance stop kea-b",
    "continue kea-b",
    "sync kea-b",
    "reset kea-b",
]


@pytest.mark.generations("3.0")
def test_a_daemon_of_the_other_service_is_sent_nothing_that_changes_it(lab: Laboratory) -> None:
    """Before Kea 3.1.9 a daemon takes every command on its own socket, whatever service it is meant for."""
    names = ("kea-a", "kea-b")
    world = World(lab, options={name: {"direct": {}, "has_agent": False} for name in names})
    world.controls = {server.name: dict.fromkeys(Service, server.direct(FOUR)) for server in world.servers}
    peers = [dict(peer, url=f"http://127.0.0.1:{port}/") for port, peer in enumerate(world.document["peers"], 19)]
    world.documents.append({**world.document, "name": "hq6", "service": SIX.value, "peers": peers})
    world.write()
    assert world.apply("--relationship", "hq").exit_code == 0
    heard = [len(received(server)) for server in world.servers]
    for command in EVERY_WRITE:
        done = world.run(*command.split(), "--yes", "--relationship", "hq6")
        assert done.exit_code not in (0, 2), done
        assert "another service answers there" in done.stdout + done.stderr, done
    for server, before in zip(world.servers, heard, strict=True):
        assert set(received(server)[before:]) <= HARMLESS
    assert world.is_normal()


def received(server: KeaServer) -> list[str]:
    """Every command that the daemon took, by its own log."""
    return re.findall(r"COMMAND_RECEIVED Received command '([a-z0-9-]+)'", server.log(FOUR))
