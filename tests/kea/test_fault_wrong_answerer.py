"""An address that leads to the wrong one: another server, another service, a web server, no HTTP at all."""

from __future__ import annotations

import contextlib
import http.server
import socket
import threading
from typing import TYPE_CHECKING

import pytest

from lab.kea import base_configuration
from lab.laboratory import Laboratory
from reconciler.model import Service
from tests.kea.standing import S, Standing, healed
from tests.kea.world import WRITING, subnet, until
from tests.watching.living import Living

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = [pytest.mark.kea, pytest.mark.xdist_group("fault-wrong-answerer")]


@pytest.fixture
def world(request: pytest.FixtureRequest, pair: Standing) -> Iterator[Standing]:
    controls = {name: dict(services) for name, services in pair.controls.items()}
    with healed(pair, request.node):
        yield pair
    pair.controls = controls
    pair.write()


def lead(world: Standing, name: str, control: str) -> None:
    world.controls[name][S] = control
    world.write()
    world.forget()


def test_a_server_of_another_relationship_is_known_by_its_name(world: Standing) -> None:
    """kea-a's address leads to kea-b in a way that its own doesn't show: past the proxy."""
    world.move()
    lead(world, "kea-a", world.b.control)
    done = world.apply("--format", "json")
    assert done.exit_code == 3, done
    assert "identity" in [each["code"] for each in done.json["relationships"][0]["blocked_by"]]
    assert world.story() == []


def test_swapped_addresses_are_known_by_both_names(world: Standing) -> None:
    world.move()
    first, second = (world.controls[name][S] for name in ("kea-a", "kea-b"))
    lead(world, "kea-a", second)
    lead(world, "kea-b", first)
    done = world.apply("--format", "json")
    assert done.exit_code == 3, done
    messages = [each["message"] for each in done.json["relationships"][0]["blocked_by"] if each["code"] == "identity"]
    assert len(messages) == 2
    assert world.story() == []


def test_a_stranger_in_a_relationship_of_its_own_is_left_alone(world: Standing, lab: Laboratory) -> None:
    other = Standing(lab)
    for peer in other.document["peers"]:
        peer["name"] = f"other-{peer['server']}"
    other.write()
    other.must_apply()
    before = other.config(other.b)
    lead(world, "kea-b", other.proxies["kea-b"].control)
    other.forget()
    done = world.apply("--format", "json")
    assert done.exit_code == 3, done
    assert "identity" in [each["code"] for each in done.json["relationships"][0]["blocked_by"]]
    assert world.story() == []
    assert other.story() == []
    assert other.config(other.b) == before


@contextlib.contextmanager
def pairs_of_the_same_names(lab: Laboratory) -> Iterator[tuple[Standing, Standing]]:
    """Two pairs that work; the second is another relationship's."""
    with Laboratory(generation=lab.generation) as elsewhere:
        ours, other = Standing(lab), Standing(elsewhere)
        other.document["name"] = "branch"
        (other.desired / "relationships" / "hq.yaml").unlink()
        other.write()
        for each in (ours, other):
            each.must_apply()
            each.until_normal()
        yield ours, other


def test_another_pair_s_last_server_is_left_alone(lab: Laboratory) -> None:
    """It hears nobody, since its partner is dead, and alone answers that pair's clients. Ours are both well."""
    with pairs_of_the_same_names(lab) as (ours, other):
        other.a.kill_daemon(S)
        until(lambda: other.state(other.b) == "partner-down", "partner-down")
        before = other.config(other.b)
        lead(ours, "kea-b", other.proxies["kea-b"].control)
        other.forget()
        done = ours.apply("--format", "json")
        assert done.exit_code == 3, done
        (told,) = [each for each in done.json["relationships"][0]["blocked_by"] if each["code"] == "identity"]
        assert "leads to a server of branch" in told["message"]
        assert ours.story() == []
        assert other.story() == []
        assert other.config(other.b) == before


@pytest.mark.parametrize("dead", ["kea-a", "kea-b"])
def test_a_stranger_of_the_same_name_is_left_alone_while_our_own_server_is_dead(lab: Laboratory, dead: str) -> None:
    """It is well, and stamped for another relationship; ours hears nobody."""
    with pairs_of_the_same_names(lab) as (ours, other):
        victim, left = (ours.a, ours.b) if dead == "kea-a" else (ours.b, ours.a)
        victim.kill_daemon(S)
        until(lambda: ours.state(left) == "partner-down", "partner-down")
        lead(ours, dead, other.proxies[dead].control)
        other.forget()
        done = ours.apply("--format", "json")
        assert done.exit_code == 3, done
        (told,) = [each for each in done.json["relationships"][0]["blocked_by"] if each["code"] == "identity"]
        assert "leads to a server of another pair" in told["message"]
        assert ours.story() == []
        assert other.story() == []


@pytest.mark.parametrize("name", ["kea-a", "kea-b"])
def test_a_server_without_ha_is_left_alone_while_the_one_that_is_meant_is_heard(
    world: Standing, lab: Laboratory, tmp_path: Path, name: str
) -> None:
    """It has the pair's subnet, so that it could be the server that is meant, installed anew. Neither `apply` nor a
    daemon that may do everything sends anything to it, nor its data to the other server.
    """
    stranger = lab.server("stranger", {S: base_configuration(S, subnets=[subnet(S, 1), subnet(S, 77)])})
    way = lab.proxy(stranger)
    before = [each.config(S) for each in (stranger, *world.servers)]
    options = ("--mode", "enforce", "--interval", "0.5", "--steady", "0", "--settings", str(world.settings))
    with Living(world.desired, tmp_path, *options) as daemon:
        until(lambda: daemon.get("readyz").status_code == 200, "daemon that is ready", 60)
        lead(world, name, way.control)
        assert "identity" in daemon.until("waiting")["message"]
        looks = len(way.seen("status-get"))
        planned, done = world.run("plan"), world.apply("--format", "json")
        until(lambda: len(way.seen("status-get")) >= looks + 4, "further looks", 60)
        assert daemon.stop() == 0
        assert daemon.events("applied") == []
    assert planned.exit_code == done.exit_code == 3, (planned, done)
    (told,) = [each for each in done.json["relationships"][0]["blocked_by"] if each["code"] == "identity"]
    witness = "kea-b" if name == "kea-a" else "kea-a"
    assert f"{name} has no HA entry and no stamp of this relationship, while {witness} hears" in told["message"]
    assert told["object"] == name
    assert world.story() == []
    assert way.seen(*WRITING) == []
    assert [each.config(S) for each in (stranger, *world.servers)] == before


def test_a_server_that_was_installed_anew_is_let_in_as_soon_as_the_silence_is_noticed(world: Standing) -> None:
    old = world.b.config(S)
    own = {key: value for key, value in old.items() if key not in {"user-context", "hooks-libraries"}}
    world.b.set_config(S, own)
    until(lambda: world.state(world.a) == "partner-down", "partner-down")
    world.must_apply()
    world.until_normal()
    assert world.config(world.b)["subnet4"] == old["subnet4"]


def test_one_server_behind_both_addresses_is_found_before_anything_is_sent(lab: Laboratory) -> None:
    fresh = Standing(lab)
    fresh.b.set_config(S, fresh.b.config(S) | {"subnet4": [subnet(S, 7)]})
    before = fresh.config(fresh.a)
    lead(fresh, "kea-b", fresh.a.control)
    done = fresh.apply()
    assert done.exit_code == 1, done
    assert "lead to the same Kea" in done.stdout
    assert [command for command in fresh.sent(fresh.a) if command != "config-test"] == []
    assert fresh.config(fresh.a) == before


# ------------------------------------------------------------------------------------ not Kea, or not this one


class Page(http.server.BaseHTTPRequestHandler):
    """A web server that is glad about everything."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b"<html><body>Welcome! password=hunter22</body></html>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def web_server() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextlib.contextmanager
def talker(greeting: bytes) -> Iterator[str]:
    """Something that greets everyone who connects, and hangs up."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                with client:
                    client.sendall(greeting)
                    client.settimeout(1.0)
                    with contextlib.suppress(OSError):
                        client.recv(65536)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


NO_KEA: dict[str, Callable[[], contextlib.AbstractContextManager[str]]] = {
    "a-web-server": web_server,
    "ssh": lambda: talker(b"SSH-2.0-OpenSSH_9.2p1\r\n"),
    "noise": lambda: talker(bytes(range(256)) * 8),
    "silence": lambda: talker(b""),
}


@pytest.mark.parametrize("kind", NO_KEA)
@pytest.mark.parametrize("name", ["kea-a", "kea-b"])
def test_what_is_no_kea_is_unreachable_with_a_reason_and_nothing_is_sent(world: Standing, name: str, kind: str) -> None:
    with NO_KEA[kind]() as control:
        lead(world, name, control)
        done = world.apply("--format", "json")
        status = world.run("status", "--format", "json")
    assert done.exit_code == 1, done
    assert {each["result"] for each in world.outcome(done).values()} == {"not-attempted"}
    (server,) = [each for each in status.json["relationships"][0]["servers"] if each["server"] == name]
    assert server["reason"]
    assert "hunter22" not in done.stdout + done.stderr + status.stdout
    assert world.story() == []


def test_an_agent_that_has_only_dhcp6_is_told_so(world: Standing, lab: Laboratory) -> None:
    only6 = lab.server("only6", {Service.DHCP6: base_configuration(Service.DHCP6)})
    lead(world, "kea-b", only6.control)
    done = world.apply()
    assert done.exit_code == 1, done
    assert "has no socket of this service configured" in done.stdout
    assert world.story() == []


def test_the_daemon_of_the_other_service_behind_the_socket_is_recognised(world: Standing, lab: Laboratory) -> None:
    """The agent's dhcp4 socket is in truth the one of a dhcp6 daemon."""
    only6 = lab.server("only6", {Service.DHCP6: base_configuration(Service.DHCP6)})
    other = lab.directory / "mixed" / "other.sock"
    sockets = {"dhcp4": {"socket-type": "unix", "socket-name": str(other)}}
    mixed = lab.server("mixed", {Service.DHCP6: base_configuration(Service.DHCP6)}, agent={"control-sockets": sockets})
    other.symlink_to(only6.unix(Service.DHCP6).removeprefix("unix:"))  # from 2.6.3 on an agent looks into one folder
    lead(world, "kea-b", mixed.control)
    done = world.apply()
    assert done.exit_code == 1, done
    assert "another service answers there" in done.stdout
    assert world.story() == []
