"""The client against real Kea 2.2: agent and unix socket, and what happens when one of the two is not there."""

from __future__ import annotations

import asyncio
import socket
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson
import pytest
import trustme

from lab.kea import base_configuration
from lab.proxy import Fault
from reconciler.errors import AccessRefusedError, NotReachedError, OutcomeUnknownError, WrongAnswererError
from reconciler.kea.access import Credentials, Login, Settings, TlsFiles
from reconciler.kea.client import Client, open_client
from reconciler.model import Endpoint, Service

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from lab.laboratory import Laboratory
    from lab.server import KeaServer
    from reconciler.kea.replies import Reply

pytestmark = pytest.mark.kea
V4, V6 = Service.DHCP4, Service.DHCP6
BOTH = pytest.mark.parametrize("way", ["agent", "unix"])


def client_for(control: str, service: Service = V4, *, login: Login | None = None) -> Client:
    origin = control.removesuffix("/")
    return open_client(Endpoint("kea-a", service, control), Settings(), Credentials({origin: login} if login else {}))


def run(control: str, work: Callable[[Client], Awaitable[Any]], service: Service = V4, **how: Any) -> Any:
    async def inside() -> Any:
        async with client_for(control, service, **how) as client:
            return await work(client)

    return asyncio.run(inside())


def ask(control: str, command: str, arguments: Any = None, service: Service = V4, **how: Any) -> Reply:
    reply: Reply = run(control, lambda client: client.call(command, arguments, **how), service)
    return reply


def way_to(server: KeaServer, way: str, service: Service = V4) -> str:
    return server.control if way == "agent" else server.unix(service)


def settable(reply: Reply) -> dict[str, Any]:
    """What config-get gave, as config-set takes it: without the `hash` beside it (Kea 2.4.0 and later)."""
    return {"Dhcp4": reply.arguments["Dhcp4"]}


@BOTH
def test_replies_of_a_healthy_server(lab: Laboratory, way: str) -> None:
    server = lab.server("one", {V4: base_configuration(V4), V6: base_configuration(V6)})
    for service in (V4, V6):
        control = way_to(server, way, service)
        assert ask(control, "version-get", service=service).text == lab.generation.version
        config = ask(control, "config-get", service=service)
        assert config.arguments[service.root] == server.config(service)
        assert ask(control, "status-get", service=service).arguments["pid"] == server.pid(service)
        # Since 2.4.0 config-get has the hash as well.
        hashed = ask(control, "config-hash-get", service=service)
        assert (hashed.result == 0) is ("hash" in config.arguments) is lab.generation.has_dedicated_listener
        unsupported = ask(control, "no-such-command", service=service)
        assert (unsupported.result, unsupported.arguments) == (2, None)


def test_the_agent_tells_the_servers_clock(lab: Laboratory) -> None:
    server = lab.server("one", {V4: base_configuration(V4)})
    date = ask(server.control, "status-get").date
    assert date is not None
    assert abs(date - datetime.now(UTC)) < timedelta(seconds=5)
    assert ask(server.unix(V4), "status-get").date is None


@BOTH
def test_configurations_are_set_and_refusals_are_replies(lab: Laboratory, way: str) -> None:
    server = lab.server("one", {V4: base_configuration(V4)})
    control = way_to(server, way)
    config = server.config(V4)
    assert ask(control, "config-set", {"Dhcp4": {**config, "valid-lifetime": 1234}}).result == 0
    assert server.config(V4)["valid-lifetime"] == 1234
    refused = ask(control, "config-set", {"Dhcp4": {**config, "no-such-key": 1}})
    assert (refused.result, "no-such-key" in refused.text) == (1, True)
    written = ask(control, "config-write")
    assert written.arguments["size"] == server.config_file(V4).stat().st_size


@BOTH
def test_a_large_configuration_arrives_whole(lab: Laboratory, way: str) -> None:
    subnets = [{"id": n + 1, "subnet": f"10.{n >> 8}.{n & 255}.0/24"} for n in range(3000)]
    server = lab.server("one", {V4: base_configuration(V4, subnets=subnets)})
    reply = ask(way_to(server, way), "config-get")
    assert reply.size > 1_000_000
    assert [subnet["subnet"] for subnet in reply.arguments["Dhcp4"]["subnet4"]] == [
        subnet["subnet"] for subnet in subnets
    ]
    assert ask(way_to(server, way), "config-set", settable(reply)).result == 0
    assert ask(way_to(server, way), "config-get").arguments == reply.arguments


@BOTH
def test_text_of_any_kind_survives_reading_and_setting_again(lab: Laboratory, way: str) -> None:
    """Kea 2.2 writes each byte of UTF-8 as a character of its own; taken at its word it doubles at every set."""
    server = lab.server("one", {V4: base_configuration(V4)})
    control = way_to(server, way)
    text = 'Zürich 中 😀 \u202e "quoted" \\u00e9 \x1b[0m \n'
    context = {"site": text, "not-utf-8": "caf\U0010ffe9"}
    assert ask(control, "config-set", {"Dhcp4": {**server.config(V4), "user-context": context}}).result == 0
    first = settable(ask(control, "config-get"))
    assert first["Dhcp4"]["user-context"] == context
    assert server.config(V4)["user-context"]["not-utf-8"] == "caf\xe9"  # the byte itself, as Kea shows it
    for _ in range(2):
        assert ask(control, "config-set", first).result == 0
        assert settable(ask(control, "config-get")) == first


# ---------------------------------------------------------------------------------------------- faults


def test_a_daemon_that_is_down_behind_a_live_agent_is_not_reached(lab: Laboratory) -> None:
    server = lab.server("one", {V4: base_configuration(V4)})
    server.stop_daemon(V4)
    with pytest.raises(NotReachedError, match="agent answers, the service behind it does not run"):
        ask(server.control, "config-get")
    with pytest.raises(NotReachedError):
        ask(server.unix(V4), "config-get")
    server.start_daemon(V4)
    assert ask(server.control, "config-get").result == 0
    server.kill_daemon(V4)  # leaves its socket behind
    for control in (server.control, server.unix(V4)):
        with pytest.raises(NotReachedError):
            ask(control, "config-get")


def test_an_agent_that_is_down_is_not_reached(lab: Laboratory) -> None:
    server = lab.server("one", {V4: base_configuration(V4)})
    server.stop_agent()
    with pytest.raises(NotReachedError, match=r"ECONNREFUSED.*nothing was sent"):
        ask(server.control, "version-get")


@BOTH
def test_a_frozen_daemon_leaves_the_outcome_unknown_and_may_do_it_later(lab: Laboratory, way: str) -> None:
    server = lab.server("one", {V4: base_configuration(V4)})
    config = {**server.config(V4), "valid-lifetime": 1234}
    server.freeze(V4)
    try:
        began = time.monotonic()
        with pytest.raises(OutcomeUnknownError, match="silent for 1 s"):
            ask(way_to(server, way), "config-set", {"Dhcp4": config}, answer_within=1.0)
        assert time.monotonic() - began < 5
    finally:
        server.thaw(V4)
    deadline = time.monotonic() + 10
    while server.config(V4)["valid-lifetime"] != 1234 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert server.config(V4)["valid-lifetime"] == 1234


def test_an_agent_without_the_service_is_a_wrong_answerer(lab: Laboratory) -> None:
    server = lab.server("one", {V4: base_configuration(V4)})
    with pytest.raises(WrongAnswererError, match="no socket of this service configured"):
        ask(server.control, "config-get", service=V6)


def test_another_daemon_behind_the_socket_is_a_wrong_answerer(lab: Laboratory) -> None:
    server = lab.server("one", {V4: base_configuration(V4)})
    with pytest.raises(WrongAnswererError, match="another service answers there: no Dhcp6"):
        ask(server.unix(V4), "config-get", service=V6)


@pytest.mark.parametrize("fault", [Fault.CUT_BEFORE_REPLY, Fault.CUT_IN_REPLY, Fault.TRUNCATE])
def test_a_set_whose_reply_is_lost_was_executed_though_we_can_not_know(lab: Laboratory, fault: Fault) -> None:
    server = lab.server("one", {V4: base_configuration(V4)})
    proxy = lab.proxy(server)
    proxy.on(b'"config-set"', fault)
    with pytest.raises(OutcomeUnknownError):
        ask(proxy.control, "config-set", {"Dhcp4": {**server.config(V4), "valid-lifetime": 1234}})
    assert server.config(V4)["valid-lifetime"] == 1234
    assert proxy.commands() == ["config-set"]


# ---------------------------------------------------------------------------------------------- access


def test_basic_authentication(lab: Laboratory) -> None:
    clients = [{"user": "kea", "password": "kanarienvogel: 7"}]
    agent = {"authentication": {"type": "basic", "realm": "kea", "clients": clients}}
    server = lab.server("one", {V4: base_configuration(V4)}, agent=agent)

    async def work(client: Client) -> int:
        return (await client.call("version-get")).result

    for login in (None, Login("kea", "wrong-password")):
        with pytest.raises(AccessRefusedError, match="401") as caught:
            run(server.control, work, login=login)
        assert "kanarienvogel" not in str(caught.value)
    assert run(server.control, work, login=Login("kea", "kanarienvogel: 7")) == 0


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def speaking_tls(server: KeaServer, **files: str) -> str:
    """Start the server's agent again with TLS and client certificates required; where it is then."""
    server.stop_agent()
    agent = server.agent
    config = orjson.loads(agent.config_file.read_bytes())["Control-agent"]
    agent.write_config("Control-agent", {**config, **files, "cert-required": True})
    agent.launch()
    port = config["http-port"]
    deadline = time.monotonic() + 10
    while not is_listening(port) and time.monotonic() < deadline:
        time.sleep(0.05)
    return f"https://127.0.0.1:{port}/"


def test_tls_with_certificates_on_both_sides(lab: Laboratory) -> None:
    folder = lab.directory
    authority = trustme.CA()
    ours, theirs = authority.issue_cert("reconciler.example.net"), authority.issue_cert("127.0.0.1")
    ca = str(folder / "ca.pem")
    authority.cert_pem.write_to_path(ca)
    names = {}
    for name, certificate in (("ours", ours), ("theirs", theirs)):
        names[name] = (str(folder / f"{name}.pem"), str(folder / f"{name}.key"))
        certificate.cert_chain_pems[0].write_to_path(names[name][0])
        certificate.private_key_pem.write_to_path(names[name][1])
    server = lab.server("one", {V4: base_configuration(V4)})
    plain = server.control
    files = dict(zip(("cert-file", "key-file"), names["theirs"], strict=True))
    control = speaking_tls(server, **{"trust-anchor": ca}, **files)

    async def work(client: Client) -> list[int]:
        return [(await client.call(command)).result for command in ("version-get", "config-get", "config-write")]

    assert run(control, work, login=Login(tls=TlsFiles(ca, *names["ours"]))) == [0, 0, 0]
    with pytest.raises(WrongAnswererError, match="can't be trusted"):
        run(control, work, login=None)
    with pytest.raises(AccessRefusedError):
        run(control, work, login=Login(tls=TlsFiles(ca)))
    with pytest.raises(OutcomeUnknownError):
        run(plain, work)
