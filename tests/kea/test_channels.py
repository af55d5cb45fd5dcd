"""Every way to a daemon's commands, against real Kea: what works through it, and whom we refuse to talk to."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from lab.kea import OLDEST
from reconciler.model import Service
from tests.kea.reached import PASSWORD, POSSIBLE, USER, Certificates, Reached, Way, each
from tests.kea.world import World, subnet

if TYPE_CHECKING:
    from lab.kea import KeaServer
    from lab.laboratory import Laboratory

pytestmark = pytest.mark.kea

FOUR, SIX = Service
ENCRYPTED = [(generation, way) for generation, way in POSSIBLE if way.is_encrypted]


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


@pytest.mark.parametrize(("generation", "way"), [(OLDEST, Way("agent", has_password=True))], ids=str)
def test_peers_that_reach_each_other_at_agents_with_a_password_need_it_too(
    lab: Laboratory, way: Way, certificates: Certificates
) -> None:
    world = Reached(lab, way, certificates, {})
    del world.document["parameters"]["multi-threading"]
    for peer, server in zip(world.document["peers"], world.servers, strict=True):
        peer["url"] = server.control
    world.write()
    done = world.apply()
    assert done.exit_code == 3, done
    assert "asks for a password" in done.stdout
    assert PASSWORD not in done.stdout + done.stderr
    file = lab.directory / "peers.password"
    file.write_text(PASSWORD)
    for peer in world.document["peers"]:
        peer |= {"basic-auth-user": USER, "basic-auth-password-file": str(file)}
    world.write()
    world.must_apply()
    assert world.is_normal()


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
        world.login.known["ca-file"] = str(Certificates(lab.directory / "others").ca)
    must_refuse(world, "can't be trusted")


@each([(generation, way) for generation, way in POSSIBLE if way.is_mutual])
def test_a_server_that_wants_our_certificate_is_told_of_as_such(
    lab: Laboratory, way: Way, certificates: Certificates
) -> None:
    world = Reached(lab, way, certificates, certificates.issued("127.0.0.1"))
    del world.login.known["cert-file"], world.login.known["key-file"]
    must_refuse(world, "certificate")


@each([(generation, way) for generation, way in POSSIBLE if way.has_password])
def test_a_wrong_password_is_told_of_as_such(lab: Laboratory, way: Way, certificates: Certificates) -> None:
    world = Reached(lab, way, certificates, certificates.issued("127.0.0.1"))
    world.login.known["password"] = "another"
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
