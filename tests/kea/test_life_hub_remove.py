"""One relationship of a hub ends and the other goes on, on real servers; what the hub keeps of it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from lab.kea import base_configuration
from lab.laboratory import Laboratory
from reconciler.kea import guards
from reconciler.model import Service
from tests.kea.clients import BEHIND_RELAY, SERVED, Clients
from tests.kea.hub import PRIMARY_OF_EAST, PRIMARY_OF_WEST, Hub
from tests.kea.shared import Shared, shared_by
from tests.kea.world import until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lab.kea import Generation

pytestmark = [pytest.mark.kea, pytest.mark.generations("2.6", "3.0"), pytest.mark.xdist_group("remove-hub")]

FOUR = Service.DHCP4
Meanwhile = Callable[[], contextlib.AbstractContextManager[None]]
APPROVED = ("--approve", "remove-relationship")
NAMES = ("east", "west", "hub")
ALL = {1, 2, 11}


@contextlib.contextmanager
def served(generation: Generation, number: int, roles: Mapping[str, str]) -> Iterator[tuple[Hub, Clients]]:
    """A hub, and clients of the subnet of that number."""
    with Clients(NAMES) as clients, Laboratory(generation=generation) as lab:
        parts: dict[str, Any] = {"parts": {number: BEHIND_RELAY}, "settings": SERVED, "options": clients.options()}
        with Hub(lab, FOUR, roles=roles, is_logged=True, **parts) as world:
            world.write("east", "west")
            world.must_apply()
            world.must_be_normal()
            yield world, clients


@contextlib.contextmanager
def made(generation: Generation) -> Iterator[tuple[Hub, Clients, float]]:
    """The hub is the primary of east, whose clients ask, and the standby of west; how long they wait for its set."""
    with served(generation, 1, PRIMARY_OF_EAST) as (world, clients):
        spare = world.lab.server("spare", {FOUR: base_configuration(FOUR)})
        world.controls["spare"] = spare.control
        yield world, clients, world.silence_of_a_set(clients)


shared = shared_by(made)


@pytest.fixture
def stage(
    request: pytest.FixtureRequest, shared: Shared[tuple[Hub, Clients, float]]
) -> Iterator[tuple[Hub, Clients, float]]:
    with shared.lent(request.node) as stage:
        yield stage


@pytest.fixture
def clients(stage: tuple[Hub, Clients, float]) -> Clients:
    return stage[1]


@pytest.fixture
def world(stage: tuple[Hub, Clients, float]) -> Hub:
    """Both relationships, whatever the test before left."""
    standing = stage[0]
    standing.documents["west"] = {**standing.document("west"), "on-remove": "disable"}
    standing.write("east", "west")
    standing.must_apply(*APPROVED)
    standing.must_be_normal()
    assert {number: tag is not None for number, tag in standing.subnets(standing.hub).items()} == dict.fromkeys(
        ALL, True
    )
    assert not guards.is_guarded(standing.config(standing.hub), FOUR)
    standing.forget()
    return standing


def end(world: Hub, how: str) -> None:
    """West is not wanted any more."""
    if how == "absent":
        world.documents["west"]["state"] = "absent"
        world.write("east", "west")
    else:
        world.write("east")


def must_go_on(world: Hub, clients: Clients) -> None:
    """East is normal and served, the hub is on, and nothing is left to do."""
    world.must_be_normal()
    assert world.states(world.hub) == world.states(world.east) == ["hot-standby"]
    assert world.states(world.west) == []
    assert clients.offered() == {"hub"}
    world.must_be_done()
    assert ("hub", "dhcp-disable") not in world.sent()


@pytest.fixture
def meanwhile(world: Hub, stage: tuple[Hub, Clients, float]) -> Meanwhile:
    """Inside, the clients of east ask: no two servers serve them without knowing of each other, and none waits longer
    than a set of the hub costs.
    """
    _, clients, limit = stage

    @contextlib.contextmanager
    def watching() -> Iterator[None]:
        start = len(clients.asked)
        with clients.asking(), world.trace("east", "east meanwhile") as trace:
            yield
            time.sleep(1.0)
        trace.must_serve_nobody_twice()
        assert clients.longest_silence(start) < 2 * limit + 1

    return watching


@pytest.mark.parametrize(
    ("how", "on_remove"), [("absent", "disable"), ("deleted", "disable"), ("deleted", "delete"), ("deleted", "keep")]
)
def test_a_hub_leaves_one_of_its_relationships(
    world: Hub, clients: Clients, meanwhile: Meanwhile, how: str, on_remove: str
) -> None:
    world.documents["west"]["on-remove"] = on_remove
    world.write("east", "west")
    world.must_apply()
    world.must_be_normal()
    end(world, how)
    world.forget()
    with meanwhile(), world.trace("west", f"west {how}, {on_remove}") as ended:
        refused = world.run("apply", "--yes")
        assert refused.exit_code == 3, refused
        assert world.sent() == []
        done = world.run("apply", "--yes", *APPROVED)
        assert done.exit_code == 0, done
        must_go_on(world, clients)
    ended.must_be_safe()
    assert world.sent("config-set", "dhcp-disable", "dhcp-enable") == [("hub", "config-set"), ("west", "config-set")]
    config = world.config(world.hub)
    assert set(world.subnets(world.hub)) == {1, 2, *({11} if on_remove != "delete" else ())}
    kept = {"10.0.11.0/24": "west"} if on_remove == "disable" else {}
    assert guards.guarded_subnets(config, FOUR) == kept
    assert not guards.is_silenced(config)

    config["subnet4"] = [each for each in config["subnet4"] if each["id"] != 2]
    world.hub.set_config(FOUR, config)  # what changes in the other follows, and only that
    until(lambda: {*world.states(world.hub), *world.states(world.east)} == {"hot-standby"}, "normal servers")
    world.must_apply()
    assert set(world.subnets(world.east)) == {1}
    config = world.config(world.hub)
    config["subnet4"].append({"id": 2, "subnet": "10.0.2.0/24", "user-context": {"ha-server-name": "hub-east"}})
    world.hub.set_config(FOUR, config)
    world.must_be_normal()


def test_what_a_hub_keeps_disabled_is_enabled_once_nobody_else_serves_it(
    world: Hub, clients: Clients, meanwhile: Meanwhile
) -> None:
    end(world, "deleted")
    done = world.run("apply", "--yes", *APPROVED)
    assert done.exit_code == 0, done
    must_go_on(world, clients)
    world.forget()
    refused = world.run("enable", "hub", "--yes")
    assert refused.exit_code == 3, refused
    assert "west serves the same addresses: 10.0.11.0/24" in refused.stdout
    assert world.sent() == []
    config = world.config(world.west)
    found, config["subnet4"] = config["subnet4"], []
    world.west.set_config(FOUR, config)
    with meanwhile():
        done = world.run("enable", "hub", "--yes")
        assert done.exit_code == 0, done
        must_go_on(world, clients)
    handed_over = [("hub", "ha-scopes"), ("east", "ha-scopes"), ("hub", "config-set"), ("east", "ha-scopes")]
    assert world.sent("ha-scopes", "config-set") == handed_over
    assert not guards.is_guarded(world.config(world.hub), FOUR)
    assert set(world.subnets(world.hub)) == ALL
    assert world.run("enable", "hub", "--yes").exit_code == 0  # nothing to do
    config["subnet4"] = found
    world.west.set_config(FOUR, config)


def test_the_standby_moves_from_the_hub_to_another_server_and_back(
    world: Hub, clients: Clients, meanwhile: Meanwhile
) -> None:
    spare = next(server for server in world.lab.servers if server.name == "spare")
    hub = world.peer("west", "hub")
    peers = world.documents["west"]["peers"]
    for peer in ({"server": "spare", "role": "standby", "url": spare.ha_url(FOUR)}, {**hub, "url": world.fresh_url()}):
        world.documents["west"]["peers"] = [peers[0], peer]
        world.write("east", "west")
        world.forget()
        with meanwhile(), world.trace("west", f"standby moves to {peer['server']}") as moving:
            done = world.run("apply", "--yes", *APPROVED)
            assert done.exit_code == 0, done
            until(lambda: world.states(world.west) == ["hot-standby"], "normal primary")
            time.sleep(0.3)
        moving.must_be_safe()
        world.must_be_done()
        assert ("hub", "dhcp-disable") not in world.sent()
        assert clients.offered() == {"hub"}
    assert guards.is_silenced(spare.config(FOUR))
    assert world.subnets(world.hub)[11] in {"west", "hub-west"}


def test_a_backup_joins_and_leaves_a_relationship_of_the_hub(world: Hub, meanwhile: Meanwhile) -> None:
    spare = next(server for server in world.lab.servers if server.name == "spare")
    peers = list(world.documents["west"]["peers"])
    for backups in ([{"server": "spare", "role": "backup", "url": spare.ha_url(FOUR)}], []):
        world.documents["west"]["peers"] = [*peers, *backups]
        world.write("east", "west")
        with meanwhile(), world.trace("west", "a backup joins" if backups else "the backup leaves") as trace:
            done = world.run("apply", "--yes", *APPROVED)
            assert done.exit_code == 0, done
            world.must_be_normal()
        trace.must_serve_nobody_twice()
        world.must_be_done()
        assert world.states(spare) == ["backup"] * len(backups)
        assert ("hub", "dhcp-disable") not in world.sent()


def test_a_hub_goes_on_alone_only_where_its_other_relationship_lets_it_serve(generation: Generation) -> None:
    """Kea answers the clients of what belongs to no relationship only where the only one serves."""
    with served(generation, 11, PRIMARY_OF_WEST) as (world, clients):
        assert clients.offered() == {"hub"}
        end(world, "absent")
        refused = world.run("apply", "--yes", *APPROVED)
        assert refused.exit_code == 3, refused
        assert "hub, which is to go on alone with 1 subnet" in refused.stdout
        done = world.run("apply", "--yes", *APPROVED, "--approve", "nobody-would-serve")
        assert done.exit_code == 0, done
        world.must_be_normal()
        assert clients.offered() == set()
        world.must_be_done()

        del world.documents["west"]["state"]
        world.write("east", "west")
        world.must_apply()
        first, second = world.documents["east"]["peers"]
        first["role"], second["role"] = second["role"], first["role"]
        world.write("east", "west")
        world.must_apply()
        world.must_be_normal()
        end(world, "absent")
        with world.trace("west", "the hub goes on alone") as trace:
            done = world.run("apply", "--yes", *APPROVED)
            assert done.exit_code == 0, done
            world.must_be_normal()
        trace.must_be_safe()
        assert clients.offered() == {"hub"}
        world.must_be_done()
        assert world.subnets(world.hub)[11] in {"west", "hub-west"}
