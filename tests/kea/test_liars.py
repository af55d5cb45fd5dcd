"""Servers that are not what config-get says: seen by status, plan and drift, and mended by apply where it can be."""

from __future__ import annotations

import contextlib
import copy
import socket
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from lab.kea import base_configuration
from reconciler.model import Mode, Service
from tests.kea.world import Run, World, subnet, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.kea import KeaServer
    from lab.laboratory import Laboratory

pytestmark = pytest.mark.kea

S = Service.DHCP4
THREADS = {"multi-threading": {"enable-multi-threading": True, "thread-pool-size": 1, "packet-queue-size": 8}}
DEDICATED = {"multi-threading": {"enable-multi-threading": True, "http-dedicated-listener": True}}
UNHEARD = "kea-a gives its partner no answer, and nothing else is between them: its HA listener at"


@pytest.fixture
def world(lab: Laboratory, request: pytest.FixtureRequest) -> World:
    """A relationship with HA listeners of its own, on every generation, that soon notices silence; with as many backups
    as a test asks for.
    """
    mode, backups = getattr(request, "param", (Mode.HOT_STANDBY, 0))
    body = base_configuration(S, subnets=[subnet(S, 1)]) | THREADS
    made = World(
        lab,
        S,
        mode,
        backups=backups,
        configurations=dict.fromkeys(("kea-a", "kea-b", "kea-c"), body),
        parameters={"max-response-delay": 3000, "max-unacked-clients": 0, **DEDICATED},
    )
    for peer, server in zip(made.document["peers"], made.servers, strict=True):
        peer["url"] = server.peer_url(S)
    made.write()
    made.must_apply()
    return made


def on(*topologies: tuple[Mode, int]) -> pytest.MarkDecorator:
    ids = [f"{mode}-{backups}" for mode, backups in topologies]
    return pytest.mark.parametrize("world", topologies, ids=ids, indirect=True)


def is_listening(server: KeaServer) -> bool:
    place = urlsplit(server.peer_url(S))
    try:
        socket.create_connection((place.hostname or "", place.port or 0), timeout=2).close()
    except OSError:
        return False
    return True


@contextlib.contextmanager
def taken(server: KeaServer) -> Iterator[None]:
    """Somebody else listens at the server's HA url."""
    place = urlsplit(server.peer_url(S))
    with socket.create_server((place.hostname or "", place.port or 0)):
        yield


def told(world: World) -> list[str]:
    """What status says is wrong."""
    found = world.run("status", "--format", "json")
    assert found.exit_code == 1, found
    reasons: list[str] = found.json["relationships"][0]["reasons"]
    return reasons


def lies(run: Run, server: str) -> list[str]:
    """What a plan or a drift says about a server's HA hook."""
    servers = {each["server"]: each for each in run.json["relationships"][0]["servers"]}
    changes: list[dict[str, Any]] = servers[server]["changes"]
    return [field["name"] for each in changes if each["path"][0][0] == "hook" for field in each["fields"]]


def without_ha(config: dict[str, Any]) -> dict[str, Any]:
    return config | {"hooks-libraries": []}


@on((Mode.HOT_STANDBY, 0), (Mode.LOAD_BALANCING, 1), (Mode.PASSIVE_BACKUP, 1))
def test_a_hook_that_failed_to_load_is_seen_and_loaded_again(world: World) -> None:
    """On the last server, a backup where there is one, and on the primary."""
    for server in (world.servers[-1], world.a):
        good = world.config(server)
        broken = copy.deepcopy(good)
        (entry,) = [each for each in broken["hooks-libraries"] if "libdhcp_ha" in each["library"]]
        entry["parameters"]["high-availability"][0]["this-server-name"] = "nobody"
        assert server.command(S, "config-set", {"Dhcp4": broken})["result"] != 0
        assert world.config(server) == good
        assert world.ha(server) is None
        said = f"{server.name} has the HA hook configured, but not in force, its commands are gone"
        assert any(said in reason for reason in told(world))
        for command in ("plan", "drift"):
            assert lies(world.run(command, "--format", "json"), server.name) == ["in force"]
        world.must_apply()
        world.until_normal()
        assert is_listening(server)


@on((Mode.HOT_STANDBY, 0), (Mode.LOAD_BALANCING, 0))
def test_a_listener_that_could_not_be_bound_is_seen_from_the_other_side_and_opened(world: World) -> None:
    must_be_seen_and_opened(world)


@pytest.mark.generations("2.6", "3.0")  # on 2.2, where it takes a minute and a half, a backup changes nothing
@on((Mode.HOT_STANDBY, 1))
def test_a_listener_that_could_not_be_bound_is_seen_beside_a_backup_too(world: World) -> None:
    must_be_seen_and_opened(world)


@on((Mode.PASSIVE_BACKUP, 1), (Mode.HOT_STANDBY, 1))
def test_the_listener_of_a_backup_is_looked_at_from_here(world: World) -> None:
    """Nobody asks a backup anything, so no other server can tell."""
    server = world.servers[-1]
    config = world.config(server)
    server.set_config(S, without_ha(config))
    with taken(server):
        server.command(S, "config-set", {"Dhcp4": config})
    assert world.config(server) == config
    assert world.state(server) == "backup"
    assert any(f"{server.name} is to listen at {server.peer_url(S)}, and nobody does" in each for each in told(world))
    for command in ("plan", "drift"):
        assert lies(world.run(command, "--format", "json"), server.name) == ["HA listener open"]
    world.must_apply()
    world.until_normal()
    assert is_listening(server)
    assert world.run("status").exit_code == 0


def must_be_seen_and_opened(world: World) -> None:
    config = world.config(world.a)
    world.a.set_config(S, without_ha(config))
    with taken(world.a):
        world.a.command(S, "config-set", {"Dhcp4": config})
        assert world.config(world.a) == config
        until(lambda: world.state(world.b) == "partner-down", "partner that took over")
        until(lambda: any(UNHEARD in reason for reason in told(world)), "status that sees it", 20)
        for command in ("plan", "drift"):
            assert lies(world.run(command, "--format", "json"), "kea-a") == ["heard by its partner"]
        failed = world.apply()
        assert failed.exit_code == 1, failed
        assert "restart" in failed.stdout
    until(lambda: any(UNHEARD in reason for reason in told(world)), "status that sees it still", 20)
    world.must_apply()
    world.until_normal()
    assert is_listening(world.a)


@pytest.mark.generations("3.0")
def test_a_listener_that_a_config_test_closed_needs_a_restart_and_apply_says_so(world: World) -> None:
    """Kea 2.7.3 to 3.0.3: somebody else's config-test, and then his config-set."""
    config = world.config(world.a)
    assert world.a.command(S, "config-test", {"Dhcp4": config})["result"] == 0
    world.a.set_config(S, config)
    assert not is_listening(world.a)
    until(lambda: world.state(world.b) == "partner-down", "partner that took over")
    until(lambda: any(UNHEARD in reason for reason in told(world)), "status that sees it", 20)
    assert lies(world.run("drift", "--format", "json"), "kea-a") == ["heard by its partner"]
    failed = world.apply()
    assert failed.exit_code == 1, failed
    assert "only a restart of Kea on kea-a" in failed.stdout
    world.restart(world.a)
    world.until_normal()
    world.must_be_done()


@pytest.mark.generations("3.0")
@on((Mode.PASSIVE_BACKUP, 1))
def test_that_of_a_backup_needs_a_restart_as_well(world: World) -> None:
    """The primary gives no lease that the backup doesn't confirm, so nobody is answered."""
    world.document["parameters"]["wait-backup-ack"] = True
    world.write()
    world.must_apply()
    config = world.config(world.b)
    assert world.b.command(S, "config-test", {"Dhcp4": config})["result"] == 0
    world.b.set_config(S, config)
    found = world.run("status", "--format", "json")
    assert found.json["relationships"][0]["status"] == "service-down"
    assert any("kea-a gives no lease without a confirmation from kea-b" in reason for reason in told(world))
    failed = world.apply()
    assert failed.exit_code != 0, failed
    assert "only a restart of Kea on kea-b" in failed.stdout
    world.restart(world.b)
    world.until_normal()
    world.must_be_done()
