"""A standing relationship is changed in git: every kind of change, with the HA states recorded meanwhile."""

from __future__ import annotations

import copy
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from lab.kea import Generation, base_configuration
from lab.laboratory import Laboratory
from lab.ports import Port
from lab.proxy import Fault
from reconciler.model import Mode, Service
from tests.kea.traces import Trace, relationship
from tests.kea.world import World, subnet, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lab.kea import KeaServer

pytestmark = pytest.mark.kea

THREADS = {"enable-multi-threading": True, "thread-pool-size": 2, "packet-queue-size": 16}
APPROVED = ("--approve", "shared-pools", "--approve", "untested-version")


@dataclass
class Pair:
    """A standing pair, the ports and certificates that its changes need, and how it was at the beginning."""

    world: World
    ports: list[Port] = field(default_factory=list)

    @property
    def peers(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.world.document["peers"]
        return found

    @property
    def parameters(self) -> dict[str, Any]:
        found: dict[str, Any] = self.world.document["parameters"]
        return found

    def fresh_url(self, scheme: str = "http") -> str:
        """A url at which nothing listens yet."""
        self.ports.append(Port())
        return f"{scheme}://127.0.0.1:{self.ports[-1].number}/"

    def listen(self, *, dedicated: bool) -> None:
        """Let the peers talk through listeners of the HA hook, or through their agents."""
        threads = {"enable-multi-threading": dedicated, "http-dedicated-listener": dedicated}
        self.parameters["multi-threading"] = threads
        for peer, server in zip(self.peers, self.world.servers, strict=True):
            peer["url"] = self.fresh_url() if dedicated else server.control

    def block(self, server: KeaServer) -> dict[str, Any]:
        """The entry of the HA hook that a server has."""
        return dict(relationship(self.world.config(server)) or {})

    def apply(self, title: str) -> Trace:
        """Write what is desired, apply it, and let nothing be left to do; returns what was seen meanwhile."""
        world = self.world
        world.write()
        world.forget()
        switched = lambda: world.story("dhcp-disable", "dhcp-enable")  # noqa: E731
        with Trace(world.servers, world.service, title, switched) as trace:
            world.must_apply(*APPROVED)
        return trace

    def must_be_well(self) -> None:
        """Status says so, and each server says its own state."""
        status = self.world.run("status", "--format", "json")
        (found,) = status.json["relationships"]
        assert (status.exit_code, found["status"], found["in_sync"]) == (0, "ok", True), found
        for peer, server in zip(self.peers, self.world.servers, strict=True):
            normal = "backup" if peer["role"] == "backup" else self.world.document["mode"]
            assert self.world.state(server) == normal


PAIRS = [
    pytest.param((mode, service), id=f"{mode}-{service}", marks=pytest.mark.xdist_group(f"modify-{mode}-{service}"))
    for mode, service in ((Mode.HOT_STANDBY, Service.DHCP4), (Mode.LOAD_BALANCING, Service.DHCP6))
]


@pytest.fixture(scope="module", params=PAIRS)
def standing(request: pytest.FixtureRequest, generation: Generation) -> Iterator[Pair]:
    mode, service = request.param
    with Laboratory(generation=generation) as lab:
        start = base_configuration(service, subnets=[subnet(service, 1)], multi_threading=THREADS)
        world = World(lab, service, mode, configurations={"kea-a": start, "kea-b": start}, is_logged=True)
        pair = Pair(world)
        pair.listen(dedicated=generation.has_dedicated_listener)
        world.write()
        world.must_apply(*APPROVED)
        yield pair
        for port in pair.ports:
            port.release()


@pytest.fixture
def pair(standing: Pair) -> Pair:
    """The pair as the test before left it: normal, whatever its mode, roles and names are."""
    standing.must_be_well()
    return standing


def set_on(pair: Pair) -> list[str]:
    """The servers that were set, in order."""
    return [name for name, _ in pair.world.story("config-set")]


def server_of(pair: Pair, role: str) -> KeaServer:
    peers = zip(pair.peers, pair.world.servers, strict=True)
    return next(server for peer, server in peers if peer["role"] == role)


def name_of(pair: Pair, server: KeaServer) -> str:
    return str(next(peer.get("name", peer["server"]) for peer in pair.peers if peer["server"] == server.name))


# ------------------------------------------------------------------------------------------- one by one


def slower(pair: Pair) -> None:
    pair.parameters["heartbeat-delay"] = 700 + pair.parameters["heartbeat-delay"] % 2
    pair.parameters["max-response-delay"] += 1000


def waiting_longer(pair: Pair) -> None:
    pair.parameters["max-unacked-clients"] = 1 + pair.parameters.get("max-unacked-clients", 10)


def logged_in(pair: Pair) -> None:
    folder = pair.world.lab.directory
    (folder / "ha.password").write_text("a password of the tests")
    for peer in pair.peers:
        peer |= {"basic-auth-user": "ha", "basic-auth-password-file": str(folder / "ha.password")}


def logged_out(pair: Pair) -> None:
    for peer in pair.peers:
        del peer["basic-auth-user"], peer["basic-auth-password-file"]


@pytest.mark.parametrize("change", [slower, waiting_longer, logged_in, logged_out])
def test_parameters_reach_one_server_after_the_other(pair: Pair, change: Callable[[Pair], None]) -> None:
    primary = server_of(pair, "primary")
    change(pair)
    trace = pair.apply(f"{pair.world.lab.generation} {pair.world.mode}: {change.__name__}")
    assert set_on(pair) == [*(s.name for s in pair.world.servers if s is not primary), primary.name]
    pair.must_be_well()
    trace.must_be_safe()


# ---------------------------------------------------------------------------------------------- together


def moved(pair: Pair) -> None:
    """Other urls: of the agents by another way, or other ports of the listeners."""
    for peer, server in zip(pair.peers, pair.world.servers, strict=True):
        is_dedicated = pair.parameters["multi-threading"]["http-dedicated-listener"]
        peer["url"] = pair.fresh_url() if is_dedicated else pair.world.lab.proxy(server).control


def listening_otherwise(pair: Pair) -> None:
    pair.listen(dedicated=not pair.parameters["multi-threading"]["http-dedicated-listener"])


def renamed(pair: Pair) -> None:
    for number, peer in enumerate(pair.peers):
        peer["name"] = f"{peer.get('name', peer['server'])}-{number}"


def in_the_other_mode(pair: Pair) -> None:
    was = pair.world.document["mode"]
    becomes = Mode.HOT_STANDBY if was == Mode.LOAD_BALANCING else Mode.LOAD_BALANCING
    pair.world.document["mode"] = becomes.value
    next(peer for peer in pair.peers if peer["role"] != "primary")["role"] = str(becomes.partner_role)
    pair.world.mode = becomes


def with_everything_at_once(pair: Pair) -> None:
    renamed(pair)
    in_the_other_mode(pair)
    swapped(pair)
    slower(pair)
    moved(pair)


def swapped(pair: Pair) -> None:
    first, second = pair.peers
    first["role"], second["role"] = second["role"], first["role"]


@pytest.mark.parametrize("again", ["", " and back"])
@pytest.mark.parametrize("change", [moved, listening_otherwise, renamed, in_the_other_mode, with_everything_at_once])
def test_what_would_part_them_is_changed_on_both_together(
    pair: Pair, change: Callable[[Pair], None], again: str
) -> None:
    serving = server_of(pair, "primary")
    other = next(server for server in pair.world.servers if server is not serving)
    change(pair)
    pair.world.write()
    planned = pair.world.run("plan", "--format", "json").json["relationships"][0]
    (stage,) = planned["stages"]
    assert (stage["servers"], stage["silenced"]) == ([other.name, serving.name], [other.name])
    trace = pair.apply(f"{pair.world.lab.generation} {pair.world.mode}: {change.__name__}{again}")
    assert set_on(pair) == [other.name, serving.name]
    story = [(name, each.command) for name, each in pair.world.story("config-set", "dhcp-disable", "dhcp-enable")]
    assert story[0] == (other.name, "dhcp-disable")
    assert story[-1] == (other.name, "dhcp-enable")
    pair.must_be_well()
    trace.must_be_safe()
    for server in pair.world.servers:
        assert pair.block(server)["this-server-name"] == name_of(pair, server)
        assert pair.world.file(server) == pair.world.config(server)


def test_peers_talk_tls_and_then_plain_again(pair: Pair) -> None:
    """With listeners of the HA hook's own; certificates are local files, and each server has its own."""
    if not pair.parameters["multi-threading"]["http-dedicated-listener"]:
        pair.listen(dedicated=True)
        pair.apply("a listener for TLS").must_be_safe()
    authority, folder = trustme.CA(), pair.world.lab.directory
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    issued = authority.issue_cert("127.0.0.1")
    issued.private_key_pem.write_to_path(str(folder / "key.pem"))
    issued.cert_chain_pems[0].write_to_path(str(folder / "cert.pem"))
    plain = [peer["url"] for peer in pair.peers]
    files = {"trust-anchor": "ca.pem", "cert-file": "cert.pem", "key-file": "key.pem"}
    pair.parameters.update({key: str(folder / name) for key, name in files.items()})
    for peer in pair.peers:
        peer["url"] = pair.fresh_url("https")
    trace = pair.apply(f"{pair.world.lab.generation} {pair.world.mode}: https")
    pair.must_be_well()
    trace.must_be_safe()
    for key in files:
        pair.parameters[key] = ""
    for peer, url in zip(pair.peers, plain, strict=True):
        peer["url"] = url
    trace = pair.apply(f"{pair.world.lab.generation} {pair.world.mode}: http again")
    pair.must_be_well()
    trace.must_be_safe()


# ----------------------------------------------------------------------------------------------- relayed


def test_roles_are_swapped_while_each_serves_for_the_other(pair: Pair) -> None:
    for _ in range(2):
        before, after = (
            server_of(pair, "primary"),
            next(s for s in pair.world.servers if s is not server_of(pair, "primary")),
        )
        swapped(pair)
        trace = pair.apply(f"{pair.world.lab.generation} {pair.world.mode}: roles swapped")
        expected = [before.name, after.name]
        assert set_on(pair) == (expected if pair.world.mode is Mode.HOT_STANDBY else expected[::-1])
        assert pair.world.story("dhcp-disable") == []
        pair.must_be_well()
        trace.must_be_safe()
        scopes = dict(zip((server.name for server in pair.world.servers), pair.world.scopes(), strict=True))
        assert scopes[after.name] == [name_of(pair, after)]


# ----------------------------------------------------------------------------------------------- by hand


@pytest.mark.parametrize("which", [0, 1])
def test_another_mode_on_one_server_is_drift_and_put_back(pair: Pair, which: int) -> None:
    world, server = pair.world, pair.world.servers[which]
    config = world.config(server)
    block = next(e for e in config["hooks-libraries"] if e["library"].endswith("libdhcp_ha.so"))["parameters"]
    entry = block["high-availability"][0]
    other = Mode.HOT_STANDBY if entry["mode"] == Mode.LOAD_BALANCING else Mode.LOAD_BALANCING
    partner = next(peer for peer in entry["peers"] if peer["role"] in {"secondary", "standby"})
    entry["mode"], partner["role"] = other.value, str(other.partner_role)
    entry["delayed-updates-limit"] = 0
    server.set_config(world.service, config)
    (told,) = [
        each for each in world.run("drift", "--format", "json").json["relationships"][0]["servers"] if each["changes"]
    ]
    assert told["server"] == server.name
    assert {change["cause"] for change in told["changes"]} == {"peer"}
    pair.apply("put back")
    assert set_on(pair) == [server.name]
    pair.must_be_well()


# ----------------------------------------------------------------------------------------------- half-way


def is_off(server: KeaServer, service: Service) -> bool | None:
    """Whether a user switched its service off; None before Kea 2.6.2, which doesn't tell."""
    state = server.command(service, "status-get")["arguments"].get("dhcp-state")
    return bool(state["disabled-by-user"]) if state else None


@pytest.mark.parametrize("change", [renamed, in_the_other_mode, swapped])
def test_a_second_set_that_fails_puts_both_back(pair: Pair, change: Callable[[Pair], None]) -> None:
    world = pair.world
    before = [world.config(server) for server in world.servers]
    was = copy.deepcopy(world.document), world.mode
    change(pair)
    world.write()
    (stage,) = world.run("plan", "--format", "json").json["relationships"][0]["stages"]
    last = stage["servers"][-1]
    refusal = b'[{"result": 2, "text": "\'config-set\' command not supported."}]'
    world.proxies[last].on(b'"config-set"', Fault.ANSWER, reply=refusal, times=1)
    ended = world.apply(*APPROVED)
    assert ended.exit_code == 1, ended
    world.document.clear()
    world.document.update(was[0])
    world.mode = was[1]
    world.write()
    until(lambda: world.run("status").exit_code == 0, "well again")
    assert [world.config(server) for server in world.servers] == before
    pair.must_be_well()
    assert not any(is_off(server, world.service) for server in world.servers)


@pytest.mark.parametrize("change", [renamed, in_the_other_mode, swapped])
def test_a_run_that_is_killed_between_two_sets_is_finished_by_the_next(
    pair: Pair, change: Callable[[Pair], None]
) -> None:
    world = pair.world
    change(pair)
    world.write()
    (stage,) = world.run("plan", "--format", "json").json["relationships"][0]["stages"]
    first, last = stage["servers"]
    here = threading.Event()
    rule = world.proxies[last].on(b'"config-set"', Fault.SWALLOW, before=lambda _: here.set())
    script = Path(sys.executable).with_name("kea-reconciler")
    command = [str(script), "apply", "--yes", "--desired", str(world.desired), *APPROVED]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run:
        assert here.wait(60)
        run.kill()
    rule.times = 0
    if stage["silenced"]:
        assert is_off(next(s for s in world.servers if s.name == first), world.service) in {True, None}
    planned = world.run("plan", "--format", "json").json["relationships"][0]
    assert planned["unplanned"] is None
    assert [each["code"] for each in planned["objections"] if each["code"] not in APPROVED] == []
    assert [each["server"] for each in planned["servers"] if each["changes"]] == [last]
    world.must_apply(*APPROVED)
    pair.must_be_well()
    assert not any(is_off(server, world.service) for server in world.servers)
