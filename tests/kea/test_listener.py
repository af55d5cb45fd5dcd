"""On Kea 2.7.3 to 3.0.3 and 3.1.0 to 3.1.2 a config-test closes the HA listener at the next set: none is ever sent."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from lab.kea import base_configuration
from reconciler.model import Service
from tests.kea.world import World, subnet, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.kea import KeaServer
    from lab.laboratory import Laboratory

pytestmark = pytest.mark.kea

FOUR = Service.DHCP4
BEATS = 6


@pytest.fixture
def world(lab: Laboratory) -> World:
    """A pair with listeners of its own that has just been made."""
    start = base_configuration(FOUR, subnets=[subnet(FOUR, 1)])
    world = World(lab, configurations={"kea-a": start, "kea-b": start}, is_logged=True)
    world.must_apply()
    return world


def is_listening(server: KeaServer) -> bool:
    place = urlsplit(server.peer_url(FOUR))
    with socket.socket() as probe:
        return probe.connect_ex((str(place.hostname), place.port or 0)) == 0


def must_hear_each_other(world: World) -> None:
    """Both listen, and for several heartbeats neither misses one of the other."""
    assert [is_listening(server) for server in world.servers] == [True, True]
    begun = max(world.seconds_since_commit(server) for server in world.servers)

    def have_beaten() -> bool:
        for server in world.servers:
            view = world.ha(server)
            assert view is not None
            assert view["remote"]["age"] <= 2, "its partner is not heard any more"
        return min(world.seconds_since_commit(server) for server in world.servers) >= begun + BEATS // 2

    until(have_beaten, f"{BEATS} heartbeats")
    assert world.is_normal()


@pytest.mark.generations("2.6", "3.0")
def test_an_apply_leaves_the_listeners_open(world: World) -> None:
    """Create, then modify, then replicate; no config-test at all where it does harm."""
    must_hear_each_other(world)
    world.document["parameters"]["max-ack-delay"] = 2345
    world.write()
    world.must_apply()
    must_hear_each_other(world)
    world.change(world.a, lambda config: config[FOUR.subnets].append(subnet(FOUR, 2)))
    world.change(
        world.a, lambda config: config.update({"client-classes": [{"name": "phones", "test": "member('KNOWN')"}]})
    )
    world.must_apply()
    must_hear_each_other(world)
    tests = [name for name, _ in world.story("config-test")]
    assert bool(tests) is world.can_config_test


@pytest.mark.generations("3.0")
def test_what_a_config_test_would_do(world: World) -> None:
    """The control: by hand, to the standby, the very thing that apply never does. Only a restart opens it again."""
    config = world.config(world.b)
    assert world.b.command(FOUR, "config-test", {FOUR.root: config})["result"] == 0
    assert is_listening(world.b)
    world.b.set_config(FOUR, config)
    assert not is_listening(world.b)
    until(
        lambda: (
            (world.ha(world.a) or {})["remote"]["communication-interrupted"] or world.state(world.a) != "hot-standby"
        ),
        "primary that hears nobody",
    )
    world.b.set_config(FOUR, config)
    assert not is_listening(world.b)
    world.b.command(FOUR, "config-write")
    world.restart(world.b)
    assert is_listening(world.b)
    world.until_normal()


@pytest.mark.generations("2.2", "2.6")
def test_every_server_is_tested_before_the_first_is_set(world: World) -> None:
    """Where config-test is safe, a change that one server refuses leaves the other as it is. What sends nothing to a
    server has it try nothing.
    """
    world.document["parameters"]["max-ack-delay"] = 3456
    world.write()
    world.forget()
    world.must_apply()
    assert [*before_the_first_set(world)] == 2 * ["kea-b"] + 2 * ["kea-a"]
    world.change(world.a, lambda config: config[FOUR.subnets].append(subnet(FOUR, 3)))
    world.forget()
    world.must_apply()
    assert [*before_the_first_set(world)] == ["kea-b"], "it took all but the subnet before"


def before_the_first_set(world: World) -> Iterator[str]:
    """The servers that were asked to try a configuration, up to the first set."""
    for name, each in world.story("config-test", "config-set"):
        if each.command == "config-set":
            return
        yield name
