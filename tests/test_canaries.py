"""Secrets everywhere a server or an operator can have them, and not one of them in anything that comes out.

Every secret is a canary: a word that is looked for, in every encoding that an output could have put it into. The
harmless neighbours of the secrets are looked for as well, so that a silent report can't pass.
"""

from __future__ import annotations

import asyncio
import base64
import json
import traceback
from collections.abc import Callable
from copy import deepcopy
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
import yaml

from lab.kea import KeaServer, base_configuration
from lab.laboratory import Laboratory
from lab.proxy import Fault, Proxy
from reconciler.errors import ReconcilerError
from reconciler.kea.access import read_credentials, read_settings
from reconciler.kea.client import open_client
from reconciler.model import Endpoint, Service
from reconciler.running.observe import observe
from tests.fakes.server import FakeServer, answer, kea
from tests.kea.world import Run, run, subnet, until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from lab.kea import Generation

S = Service.DHCP4
LIMITS = "[limits]\nconnect-seconds = 1.0\nanswer-seconds = 1.5\nconfiguration-seconds = 2.0\n"


class Canaries:
    """Makes secrets, and finds them again."""

    def __init__(self) -> None:
        self.words: list[str] = []

    def __call__(self, where: str, odd: str = '/"é\\Z') -> str:
        """A new secret; `where` it is hidden shows in a failed test, since nothing else does. `odd` is its end."""
        word = f"cANARY{len(self.words)}-{where}{odd}"
        self.words.append(word)
        return word

    def assert_none_in(self, text: str) -> None:
        found = [word for word in self.words for form in self.forms(word) if form in text]
        assert not found, f"{found} can be read in: {text}"

    @staticmethod
    def forms(word: str) -> set[str]:
        raw = word.encode()
        tokens = [base64.b64encode(b"admin:" + raw).decode(), base64.b64encode(raw).decode().rstrip("=")]
        # The beginning alone, which no encoding alters, would do; the others show that we know how it got out.
        return {word.partition("/")[0], word, json.dumps(word)[1:-1], repr(word)[1:-1], quote(word), raw.hex(), *tokens}


def context(canary: Canaries, where: str) -> dict[str, Any]:
    """A user-context with secrets by every sort of name and depth, and one harmless entry."""
    return {
        "harmless": f"seen-{where}",
        "password": canary(f"{where}-password"),
        "api-token": canary(f"{where}-token"),
        "snmp": {"auth-key": canary(f"{where}-key"), "deep": [{"client-secret": canary(f"{where}-secret")}]},
        "passwords": [canary(f"{where}-list"), {"any": canary(f"{where}-map-in-list")}],
    }


def configuration(canary: Canaries, server: KeaServer, name: str) -> dict[str, Any]:
    """What a server has: secrets in its local parts, and others than its partner's in the replicated ones."""
    config = server.config(S)
    sockets = [config.get("control-socket") or config["control-sockets"][0]]
    sockets = [socket | {"user-context": context(canary, f"{name}-socket")} for socket in sockets]
    pool = {"pool": "10.0.1.10 - 10.0.1.99", "user-context": context(canary, f"{name}-pool")}
    reservation = {
        "hw-address": "aa:bb:cc:dd:ee:01",
        "ip-address": "10.0.1.5",
        "user-context": context(canary, f"{name}-reservation"),
    }
    network = {"name": "floor", "user-context": context(canary, f"{name}-network")}
    return config | {
        "user-context": context(canary, f"{name}-top"),
        "lease-database": config["lease-database"] | {"user": "u", "password": canary(f"{name}-lease-database")},
        **({"control-sockets": sockets} if "control-sockets" in config else {"control-socket": sockets[0]}),
        "loggers": [config["loggers"][0] | {"user-context": context(canary, f"{name}-logger")}],
        "dhcp-ddns": config["dhcp-ddns"] | {"user-context": {"tsig-key": canary(f"{name}-ddns")}},
        "client-classes": [{"name": "phones", "user-context": context(canary, f"{name}-class")}],
        "option-data": [
            {"name": "domain-name", "data": "example.org", "user-context": context(canary, f"{name}-option")}
        ],
        "subnet4": [
            subnet(S, 1, pools=[pool], reservations=[reservation], user_context=context(canary, f"{name}-subnet"))
        ],
        "shared-networks": [network],
    }


class Cage:
    """Two real servers behind agents that want a password, in a relationship made by hand, full of canaries."""

    def __init__(self, lab: Laboratory) -> None:
        self.lab, self.canary = lab, Canaries()
        self.login = self.canary("agent-password", odd="/!x")  # Kea has an encoding of its own for others than ASCII
        clients = {"type": "basic", "realm": "kea", "clients": [{"user": "admin", "password": self.login}]}
        self.servers = [
            lab.server(name, {S: base_configuration(S)}, agent={"authentication": clients})
            for name in ("kea-a", "kea-b")
        ]
        self.proxies = [lab.proxy(server) for server in self.servers]
        self.desired = lab.directory / "desired"
        self.desired.mkdir()
        controls = {
            server.name: {"dhcp4": {"control": proxy.control}}
            for server, proxy in zip(self.servers, self.proxies, strict=True)
        }
        (self.desired / "servers.yaml").write_text(yaml.safe_dump({"servers": controls}))
        self.settings = self.private("kea-reconciler.toml", LIMITS)
        tables = [
            f'["{p.control.rstrip("/")}"]\nuser = "admin"\npassword = {json.dumps(self.login)}' for p in self.proxies
        ]
        self.credentials = self.private("credentials.toml", "\n".join(tables))
        for server in self.servers:
            server.set_config(S, self.with_relationship(server, configuration(self.canary, server, server.name)))

    def private(self, name: str, text: str) -> Path:
        path = self.lab.directory / name
        path.write_text(text)
        path.chmod(0o600)
        return path

    def with_relationship(self, server: KeaServer, config: Mapping[str, Any]) -> dict[str, Any]:
        """Put the server into the relationship; the peers' passwords stand in the configuration itself."""
        peers = [
            {
                "name": s.name,
                "url": s.ha_url(S),
                "role": role,
                "basic-auth-user": "admin",
                "basic-auth-password": self.login,
            }
            for s, role in zip(self.servers, ("primary", "standby"), strict=True)
        ]
        delays = {"heartbeat-delay": 500, "max-response-delay": 20000, "sync-timeout": 10000}
        block = {"this-server-name": server.name, "mode": "hot-standby", "peers": peers, **delays}
        folder = server.generation.hooks
        libraries = [
            {"library": f"{folder}/libdhcp_lease_cmds.so"},
            {"library": f"{folder}/libdhcp_ha.so", "parameters": {"high-availability": [block]}},
        ]
        return {**config, "hooks-libraries": libraries}

    @property
    def access(self) -> tuple[str, ...]:
        return ("--credentials", str(self.credentials), "--settings", str(self.settings), "--log-level", "debug")

    def run(self, command: str, *arguments: str) -> Run:
        """Run a command; nothing that it prints may hold a canary."""
        with_access = () if command == "validate" else self.access
        done = run(command, "--desired", str(self.desired), *arguments, *with_access)
        self.canary.assert_none_in(done.stdout + done.stderr)
        return done

    def is_normal(self) -> bool:
        found = [s.command(S, "status-get")["arguments"].get("high-availability") for s in self.servers]
        views = [entry[0]["ha-servers"] for entry in found if entry]
        return len(views) == 2 and all(
            view["local"]["state"] == view["remote"]["last-state"] == "hot-standby" for view in views
        )


@pytest.fixture(scope="module")
def cage(generation: Generation) -> Iterator[Cage]:
    with Laboratory(generation=generation) as lab:
        cage = Cage(lab)
        until(cage.is_normal, "normal pair")
        assert cage.run("import").exit_code == 0
        (file,) = (cage.desired / "relationships").iterdir()
        imported = file.read_text()
        assert "replicate: false" in imported, "the peers differ"
        file.write_text(imported.replace("replicate: false", "replicate: true"))
        yield cage


@pytest.fixture
def caged(cage: Cage) -> Cage:
    """The cage with everything working, and the two servers differing in every secret."""
    for proxy in cage.proxies:
        proxy.heal()
    primary, partner = cage.servers
    if primary.config(S)["subnet4"] == partner.config(S)["subnet4"]:  # an apply came before
        partner.set_config(S, cage.with_relationship(partner, configuration(cage.canary, partner, partner.name)))
    until(cage.is_normal, "normal pair")
    return cage


real = [pytest.mark.kea, pytest.mark.xdist_group("canaries")]
kea_test: Callable[..., Any] = lambda function: real[0](real[1](function))  # noqa: E731 - a decorator of two

READING = [
    ("plan",),
    ("plan", "--verbose"),
    ("plan", "--format", "json"),
    ("drift",),
    ("drift", "--verbose"),
    ("drift", "--format", "json"),
    ("status",),
    ("status", "--format", "json"),
    ("validate",),
    ("import",),
]


@kea_test
@pytest.mark.parametrize("arguments", READING, ids=" ".join)
def test_no_secret_is_shown_while_everything_differs(caged: Cage, arguments: tuple[str, ...]) -> None:
    done = caged.run(*arguments)
    if arguments[0] in ("plan", "drift"):
        for place in ("top", "subnet", "pool", "reservation", "network", "class", "option"):
            assert f"seen-kea-a-{place}" in done.stdout, "the change itself must be shown"


@kea_test
def test_imported_files_hold_no_secret(caged: Cage) -> None:
    files = list(caged.desired.rglob("*.yaml"))
    assert len(files) == 2
    for file in files:
        caged.canary.assert_none_in(file.read_text())
    assert "basic-auth-user: admin" in "".join(file.read_text() for file in files)


@kea_test
@pytest.mark.parametrize("output", ["text", "json"])
def test_no_secret_is_shown_by_an_apply_and_none_is_lost(caged: Cage, output: str) -> None:
    mine = caged.servers[1].config(S)
    done = caged.run("apply", "--yes", "--format", output)
    assert done.exit_code == 0, done
    primary, partner = (server.config(S) for server in caged.servers)
    assert partner["subnet4"] == primary["subnet4"]
    for key in ("lease-database", "control-socket", "control-sockets", "loggers", "dhcp-ddns"):
        assert partner.get(key) == mine.get(key)
    (hook,) = [each for each in partner["hooks-libraries"] if "libdhcp_ha" in each["library"]]
    passwords = [peer["basic-auth-password"] for peer in hook["parameters"]["high-availability"][0]["peers"]]
    assert passwords == [caged.login] * 2


def echo(words: list[str]) -> bytes:
    """A reply of Kea's whose text repeats secrets, as an error about a parameter might; escaped as Kea itself does."""
    return json.dumps([{"result": 1, "text": "bad value: " + " ".join(words)}]).encode()


FAULTS: dict[str, Callable[[Proxy], object]] = {
    "refused": lambda proxy: proxy.refuse(),
    "reset": lambda proxy: proxy.on(b"config-get", Fault.RESET),
    "cut": lambda proxy: proxy.on(b"config-get", Fault.CUT_IN_REPLY),
    "truncated": lambda proxy: proxy.on(b"config-get", Fault.TRUNCATE),
    "slow": lambda proxy: proxy.on(b"config-get", Fault.SWALLOW),
    "unauthorised": lambda proxy: proxy.on(b"", Fault.ANSWER, reply=b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n"),
}


@kea_test
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("command", [("plan",), ("status", "--format", "json"), ("apply", "--yes"), ("import",)])
def test_no_secret_is_shown_when_a_server_can_not_be_read(caged: Cage, fault: str, command: tuple[str, ...]) -> None:
    FAULTS[fault](caged.proxies[1])
    assert caged.run(*command).exit_code == 1


@kea_test
@pytest.mark.parametrize("match", [b"config-set", b"config-write", b"config-test", b"status-get"])
def test_no_secret_is_shown_that_kea_repeats_in_an_error(caged: Cage, match: bytes) -> None:
    """Our own, and those in the local parts of what could be read: nobody can know any other by its value."""
    readable = caged.servers[:1] if match == b"status-get" else caged.servers
    words = [caged.login, *(server.config(S)["lease-database"]["password"] for server in readable)]
    caged.proxies[1].on(b'"' + match + b'"', Fault.REPLACE, reply=echo(words))
    done = caged.run("apply", "--yes")
    assert "(hidden)" in done.stdout
    caged.run("status")


# --------------------------------------------------------------------------- files that an operator gets wrong


def wrong(canary: Canaries) -> dict[str, tuple[str, str]]:
    """Files with a secret where none belongs, or in a line that can't be read: (path, text) by what is wrong."""
    peer = "{server: kea-a, role: primary, url: 'http://127.0.0.1:8000/'%s}"
    document = (
        "name: hq\nmode: hot-standby\npeers:\n  - "
        + peer
        + "\n  - {server: kea-b, role: standby, url: 'http://127.0.0.1:8001/'}\n"
    )
    return {
        "a password for a peer": ("relationships/x.yaml", document % f", basic-auth-password: {canary('yaml')!r}"),
        "a password for all": ("relationships/x.yaml", document % "" + f"password: {json.dumps(canary('yaml-top'))}\n"),
        "a password in a peer's url": (
            "relationships/x.yaml",
            (document % "").replace("http://127.0.0.1:8000/", f"http://u:{quote(canary('url'))}@127.0.0.1:8000/"),
        ),
        "a password in a control url": (
            "servers.yaml",
            yaml.safe_dump(
                {"servers": {"kea-a": {"dhcp4": {"control": f"http://u:{quote(canary('control'))}@127.0.0.1/"}}}}
            ),
        ),
        "a line that is no yaml": ("relationships/x.yaml", f"password: {canary('broken')} : [\n"),
        "a tag": ("relationships/x.yaml", f"password: !!python/name:os.{canary('tag')[:12]} x\n"),
    }


@pytest.mark.parametrize("what", list(wrong(Canaries())))
@pytest.mark.parametrize("command", [("validate",), ("plan",), ("apply", "--yes", "--format", "json")])
def test_no_secret_of_a_wrong_file_is_quoted(tmp_path: Path, what: str, command: tuple[str, ...]) -> None:
    canary = Canaries()
    name, text = wrong(canary)[what]
    (tmp_path / "relationships").mkdir()
    controls = {s: {"dhcp4": {"control": f"http://127.0.0.1:{p}/"}} for s, p in (("kea-a", 1), ("kea-b", 2))}
    (tmp_path / "servers.yaml").write_text(yaml.safe_dump({"servers": controls}))
    (tmp_path / name).write_text(text)
    done = run(command[0], "--desired", str(tmp_path), *command[1:])
    assert done.exit_code == 1, done
    canary.assert_none_in(done.stdout + done.stderr)


CREDENTIALS = [
    '["http://127.0.0.1:8000"]\nuser = "admin"\npassword = "{}\n',
    '["http://127.0.0.1:8000"]\nuser = "admin"\npassword = {}\n',
    '["http://127.0.0.1:8000"]\nuser = "admin"\npassword = ["{}"]\n',
    '["http://127.0.0.1:8000"]\npassword = "{}"\n',
    '["http://127.0.0.1:8000"]\nuser = "admin"\npasword = "{}"\n',
    '["http://admin:{}@127.0.0.1:8000"]\nuser = "admin"\n',
    'password = "{}"\n',
    '["http://127.0.0.1:8000"]\nuser = "admin"\npassword = "{}"\npassword = "again"\n',
]


@pytest.mark.parametrize("number", range(len(CREDENTIALS)))
@pytest.mark.parametrize("mode", [0o600, 0o644])
def test_no_secret_of_a_wrong_credentials_file_is_quoted(tmp_path: Path, number: int, mode: int) -> None:
    canary = Canaries()
    canary.words.append("cANARYpassword")
    file = tmp_path / "credentials.toml"
    file.write_text(CREDENTIALS[number].replace("{}", "cANARYpassword"))
    file.chmod(mode)
    with pytest.raises(ReconcilerError) as caught:
        read_credentials(file)
    canary.assert_none_in("".join(traceback.format_exception(caught.value)))


def test_no_secret_of_a_wrong_settings_file_is_quoted(tmp_path: Path) -> None:
    canary = Canaries()
    canary.words.append("cANARYpassword")
    file = tmp_path / "settings.toml"
    for text in ('password = "cANARYpassword"', '[limits]\npassword = "cANARYpassword"', 'password = "cANARYpassword'):
        file.write_text(text)
        with pytest.raises(ReconcilerError) as caught:
            read_settings(file)
        canary.assert_none_in("".join(traceback.format_exception(caught.value)))


# ----------------------------------------------------------------------------------------- exceptions and reprs


def secretive(canary: Canaries) -> dict[str, Any]:
    """What no lab server can have: databases that would be connected to."""
    database = {"type": "mysql", "name": "kea", "host": "db", "user": "kea", "password": canary("database")}
    return {
        "lease-database": database,
        "hosts-databases": [deepcopy(database)],
        "config-control": {"config-databases": [deepcopy(database)]},
        "control-sockets": [
            {
                "socket-type": "http",
                "authentication": {"type": "basic", "clients": [{"user": "root", "password": canary("socket")}]},
            }
        ],
        "subnet4": [{"id": 1, "subnet": "10.0.0.0/8", "user-context": context(canary, "subnet")}],
    }


SPOILT: list[Callable[[bytes], bytes]] = [
    lambda body: body,
    lambda body: body[: len(body) // 2],
    lambda body: body.replace(b'"result": 0', b'"result": "0"').replace(b'"result":0', b'"result":"0"'),
    lambda body: body.replace(b"Dhcp4", b"Dhcp6"),
    lambda body: body.replace(b'"result": 0', b'"result": 1').replace(b'"result":0', b'"result":1'),
    lambda body: b"<html>" + body,
    lambda body: body + body,
]


@pytest.mark.parametrize("spoil", range(len(SPOILT)))
@pytest.mark.parametrize("status", ["200 OK", "400 Bad Request", "401 Unauthorized", "502 Bad Gateway"])
def test_no_secret_is_in_an_exception_or_a_repr(tmp_path: Path, spoil: int, status: str) -> None:
    canary = Canaries()
    login = canary("login")
    body = SPOILT[spoil](kea(arguments={"Dhcp4": secretive(canary)}, text="password=" + canary("text")))

    async def read() -> str:
        async with FakeServer(answer(body, status=status)) as server:
            file = tmp_path / "credentials.toml"
            origin = server.control.rstrip("/")
            file.write_text(f'["{origin}"]\nuser = "admin"\npassword = {json.dumps(login)}\n')
            file.chmod(0o600)
            credentials, settings = read_credentials(file), read_settings(_settings(tmp_path))
            endpoint = Endpoint("kea-a", S, server.control)
            texts = [repr(credentials), repr(settings)]
            async with open_client(endpoint, settings, credentials) as client:
                texts += [repr(client), str(client)]
                for command in ("config-get", "config-set", "status-get"):
                    try:
                        texts.append(repr(await client.call(command, {"Dhcp4": secretive(canary)})))
                    except ReconcilerError as error:
                        texts += ["".join(traceback.format_exception(error)), repr(error), str(error.__cause__)]
            found = await observe([endpoint], lambda each: open_client(each, settings, credentials))
            return "\n".join([*texts, repr(found)])

    canary.assert_none_in(asyncio.run(read()))


def _settings(folder: Path) -> Path:
    path = folder / "kea-reconciler.toml"
    path.write_text(LIMITS)
    return path
