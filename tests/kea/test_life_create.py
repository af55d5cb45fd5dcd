"""Two unrelated real servers become a relationship, and stay one."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from lab.kea import base_configuration
from lab.laboratory import Laboratory
from lab.proxy import overlap
from reconciler.model import Mode, Service
from reconciler.planning.silence import LONGEST
from tests.kea.shared import Shared, shared_by
from tests.kea.traces import Trace
from tests.kea.world import HURRIED, OWN, Run, World, subnet, until
from tests.pairs import PAIR_MODES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.kea import Generation

pytestmark = pytest.mark.kea

HOOKS = "/usr/lib/x86_64-linux-gnu/kea/hooks"
FLEX_OPTION = {
    "library": f"{HOOKS}/libdhcp_flex_option.so",
    "parameters": {"options": [{"code": 100, "add": "'from here'"}]},
}
STATISTICS = {"library": f"{HOOKS}/libdhcp_stat_cmds.so"}
RELATIONSHIPS = [
    pytest.param((mode, service), id=f"{mode}-{service}", marks=pytest.mark.xdist_group(f"create-{mode}-{service}"))
    for mode in PAIR_MODES
    for service in Service
]


@dataclass(frozen=True)
class Created:
    """The pair, what its servers had before, by name, what apply said, and what was seen once the partner was off."""

    world: World
    before: dict[str, dict[str, Any]]
    run: Run
    trace: Trace


def own_parts(number: int) -> dict[str, Any]:
    """Values for what each server keeps, different for every number."""
    return {
        "interfaces_config": {"interfaces": [], "re-detect": number == 1},
        "multi_threading": {"enable-multi-threading": True, "thread-pool-size": number, "packet-queue-size": number},
        "dhcp_ddns": {"enable-updates": False, "server-port": 53000 + number},
        "dhcp_queue_control": {"enable-queue": False, "queue-type": "kea-ring", "capacity": 100 * number},
        "statistic_default_sample_count": 10 * number,
    }


def first(service: Service) -> dict[str, Any]:
    """The primary's configuration: three subnets, one of them in a network, a class, an option."""
    return base_configuration(
        service,
        subnets=[subnet(service, 1), subnet(service, 2, valid_lifetime=1800)],
        shared_networks=[{"name": "floor", service.subnets: [subnet(service, 3)]}],
        client_classes=[{"name": "phones", "test": "member('KNOWN')"}],
        option_data=[{"name": "domain-search", "data": "example.org"}],
        valid_lifetime=5000,
        **own_parts(1),
    )


def second(service: Service) -> dict[str, Any]:
    """The other server's: a subnet and a class that the primary doesn't have, another option, hooks of its own."""
    return base_configuration(
        service,
        subnets=[subnet(service, 1), subnet(service, 9)],
        client_classes=[{"name": "tablets", "test": "member('UNKNOWN')"}],
        option_data=[{"name": "domain-search", "data": "example.net"}],
        hooks_libraries=[STATISTICS, FLEX_OPTION],
        **own_parts(2),
    )


@contextlib.contextmanager
def two_become_one(generation: Generation, kind: tuple[Mode, Service]) -> Iterator[Created]:
    """Two servers, and the apply that makes them a relationship."""
    mode, service = kind
    with Laboratory(generation=generation) as lab:
        starting = {"kea-a": first(service), "kea-b": second(service)}
        pauses = {"state-machine": {"states": [{"state": "waiting", "pause": "once"}]}}
        world = World(lab, service, mode, configurations=starting, parameters=pauses, is_logged=True)
        before = {server.name: world.config(server) for server in world.servers}
        assert before["kea-a"]["statistic-default-sample-count"] != before["kea-b"]["statistic-default-sample-count"]
        title = f"{generation} {mode}: created"
        with Trace(world.servers, service, title, world.switched) as trace:
            done = world.apply()
        assert done.exit_code == 0, done
        (off,) = world.silences()
        trace.forget_until(off.ended)
        yield Created(world, before, done, trace)


making = shared_by(two_become_one, RELATIONSHIPS)


@pytest.fixture
def created(request: pytest.FixtureRequest, making: Shared[Created]) -> Iterator[Created]:
    with making.lent(request.node) as created:
        yield created


@pytest.fixture
def world(created: Created) -> World:
    return created.world


def libraries(config: dict[str, Any]) -> list[str]:
    return [entry["library"].rpartition("/")[2] for entry in config["hooks-libraries"]]


def block(config: dict[str, Any]) -> dict[str, Any]:
    entry = next(each for each in config["hooks-libraries"] if each["library"].endswith("libdhcp_ha.so"))
    (found,) = entry["parameters"]["high-availability"]
    return dict(found)


def without(config: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in config.items() if key not in keys}


def test_both_are_normal_in_their_scopes_and_hear_each_other(world: World, created: Created) -> None:
    scopes = (["kea-a"], ["kea-b"] if world.mode is Mode.LOAD_BALANCING else [])
    assert world.is_normal()
    assert world.scopes() == scopes
    for server in world.servers:
        view = world.ha(server)
        assert view is not None
        assert view["remote"]["age"] <= 2


def test_nobody_is_served_by_both_or_by_none_that_could(world: World, created: Created) -> None:
    """From when the partner's service is off: till then both serve, knowing nothing of each other."""
    created.trace.must_be_safe()


def test_the_primary_keeps_all_it_had_and_gets_the_relationship(world: World, created: Created) -> None:
    before, now = created.before["kea-a"], world.config(world.a)
    assert without(now, "user-context", "hooks-libraries") == without(before, "user-context", "hooks-libraries")
    assert libraries(now) == ["libdhcp_lease_cmds.so", "libdhcp_ha.so"]


def test_the_partner_has_the_primarys_data_and_its_own_parts(world: World, created: Created) -> None:
    before, now = created.before["kea-b"], world.config(world.b)
    assert world.shared_part(world.b) == world.shared_part(world.a)
    own = [key for key in OWN if key != "hooks-libraries"]
    assert {key: now.get(key) for key in own} == {key: before.get(key) for key in own}


def test_other_hooks_and_their_parameters_stay(world: World, created: Created) -> None:
    now = world.config(world.b)["hooks-libraries"]
    assert [entry for entry in now if entry["library"] == FLEX_OPTION["library"]] == [FLEX_OPTION]
    assert sorted(libraries(world.config(world.b))) == [
        "libdhcp_flex_option.so",
        "libdhcp_ha.so",
        "libdhcp_lease_cmds.so",
        "libdhcp_stat_cmds.so",
    ]


def test_both_have_the_same_relationship_under_their_own_name(world: World, created: Created) -> None:
    ours, theirs = (block(world.config(server)) for server in world.servers)
    assert (ours.pop("this-server-name"), theirs.pop("this-server-name")) == ("kea-a", "kea-b")
    assert ours == theirs
    assert (ours["mode"], ours["heartbeat-delay"]) == (world.mode, 500)


def test_what_runs_is_on_disk(world: World, created: Created) -> None:
    for server in world.servers:
        assert world.file(server) == world.config(server)


def test_the_outcome_names_both_servers(world: World, created: Created) -> None:
    assert "kea-b: applied, persisted" in created.run.stdout
    assert "kea-a: applied, persisted" in created.run.stdout
    assert "Apply: 2 applied, of 2 servers in 1 relationship." in created.run.stdout
    assert created.run.stderr == ""


def test_the_partners_service_is_off_from_before_its_set_until_the_primary_knows_of_it(
    world: World, created: Created
) -> None:
    told = [(server, each.command) for server, each in world.story()]
    # Each tries what is planned, and what it would be put back to.
    tested = [("kea-b", "config-test")] * 2 + [("kea-a", "config-test")] * 2 if world.can_config_test else []
    assert told[: len(tested)] == tested
    story = told[len(tested) :]
    sets = [("kea-b", "dhcp-disable"), ("kea-b", "config-set"), ("kea-a", "config-set")]
    assert story[:3] == sets
    # In load-balancing the primary answers all until both are normal, and stops to before the other begins, which would
    # do so by itself now.
    on = story.index(("kea-b", "dhcp-enable"))
    if world.mode is Mode.LOAD_BALANCING:
        assert story[on - 2 : on] == [("kea-b", "dhcp-disable"), ("kea-a", "ha-scopes")]
        assert set(story[3 : on - 2]) == {("kea-a", "ha-scopes")}
        assert [each.arguments for _, each in world.story("dhcp-disable")] == [None, {"max-period": LONGEST}]
    else:
        assert story[3:on] == []
    assert sorted(story[on + 1 :]) == [("kea-a", "config-write"), ("kea-b", "config-write")]
    assert not overlap(*(proxy.seen("config-set", "config-write") for proxy in world.proxies.values()))


def test_status_is_ok(world: World, created: Created) -> None:
    told = world.run("status", "--format", "json")
    (status,) = told.json["relationships"]
    assert (told.exit_code, status["status"], status["in_sync"], status["authority"]) == (0, "ok", True, "kea-a")
    assert [server["ha_state"] for server in status["servers"]] == [world.mode, world.mode]


def test_a_second_plan_is_empty_and_the_same_to_the_byte(world: World, created: Created) -> None:
    once, again = (world.run("plan", "--detailed-exitcode") for _ in range(2))
    assert once.exit_code == 0
    assert once.stdout.endswith("No changes. Every server is as desired.\n")
    assert once == again
    assert world.run("drift", "--detailed-exitcode").exit_code == 0


def test_a_second_apply_touches_nothing(world: World, created: Created) -> None:
    until(lambda: all(world.seconds_since_commit(server) >= 2 for server in world.servers), "older commit")
    before = {server.name: (world.config(server), server.config_file(world.service).stat()) for server in world.servers}
    world.forget()
    done = world.apply("--detailed-exitcode")
    assert done.exit_code == 0, done
    assert world.story() == []
    assert all(world.seconds_since_commit(server) >= 2 for server in world.servers)
    assert before == {
        server.name: (world.config(server), server.config_file(world.service).stat()) for server in world.servers
    }


def test_after_a_restart_of_both_from_disk_they_pause_as_they_are_told_to_and_go_on(
    world: World, created: Created
) -> None:
    for server in world.servers:
        world.restart(server)
    time.sleep(3 * HURRIED["heartbeat-delay"] / 1000)
    assert world.ha_states() == ["waiting", "waiting"]
    for server in world.servers:
        assert server.command(world.service, "ha-continue")["text"] == "HA state machine continues."
    world.until_normal()
    world.must_be_done()
