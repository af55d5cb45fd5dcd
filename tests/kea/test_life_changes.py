"""A standing relationship on real servers: changed in git, changed by hand, and what is refused."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import pytest

from lab.kea import base_configuration
from lab.laboratory import Laboratory
from lab.proxy import overlap
from reconciler.model import Mode, Service
from tests.kea.clocks import Clock
from tests.kea.shared import Shared, has_failed, shared_by
from tests.kea.world import THROUGH_AGENTS, World, standing_world, subnet, until

if TYPE_CHECKING:
    from collections.abc import Iterator


pytestmark = pytest.mark.kea

PAIRS = [
    pytest.param((mode, service), id=f"{mode}-{service}", marks=pytest.mark.xdist_group(f"changes-{mode}-{service}"))
    for mode, service in ((Mode.HOT_STANDBY, Service.DHCP4), (Mode.LOAD_BALANCING, Service.DHCP6))
]


standing = shared_by(lambda generation, pair: standing_world(generation, *pair, subnets=12), PAIRS)


@pytest.fixture
def world(request: pytest.FixtureRequest, standing: Shared[World]) -> Iterator[World]:
    """The pair as the test before left it: normal, and with nothing to do."""
    with standing.lent(request.node) as world:
        world.until_normal()
        world.must_be_done()
        world.forget()
        yield world
        if not has_failed(request.node) and world.run("plan", "--detailed-exitcode").exit_code != 0:
            codes = ("authority-empty", "authority-older", "authority-shrunk")
            world.must_apply(*(word for code in codes for word in ("--approve", code)))


def block(world: World, name: str) -> dict[str, Any]:
    server = world.a if name == "kea-a" else world.b
    found: dict[str, Any] = hook(world.config(server))["parameters"]["high-availability"][0]
    return found


def hook(config: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = next(e for e in config["hooks-libraries"] if e["library"].endswith("libdhcp_ha.so"))
    return found


def causes(world: World, command: str = "plan") -> list[tuple[str, str, list[str]]]:
    """Each server with changes, their causes, and the parameters that change."""
    told = world.run(command, "--format", "json").json["relationships"][0]["servers"]
    return [
        (server["server"], change["cause"], sorted(field["name"] for field in change.get("fields", ())))
        for server in told
        for change in server["changes"]
    ]


def test_parameters_changed_in_git_reach_both_servers_one_after_the_other(world: World) -> None:
    value = 1 + world.document["parameters"].get("max-unacked-clients", 10)
    world.document["parameters"]["max-unacked-clients"] = value
    world.write()
    assert causes(world) == [(name, "git", ["max-unacked-clients"]) for name in ("kea-b", "kea-a")]
    assert world.run("drift", "--detailed-exitcode").exit_code == 0
    world.must_apply()
    assert [block(world, name)["max-unacked-clients"] for name in ("kea-a", "kea-b")] == [value, value]
    sets = world.story("config-set")
    assert [name for name, _ in sets] == ["kea-b", "kea-a"]
    assert not overlap(*(proxy.seen("config-set", "config-write") for proxy in world.proxies.values()))
    # Between the two sets the first server was written to disk, which comes after both were normal again.
    written = next(each for name, each in world.story("config-write") if name == "kea-b")
    assert sets[0][1].started < written.started < sets[1][1].started


def test_a_default_written_out_changes_nothing(world: World) -> None:
    parameters = world.document["parameters"]
    parameters |= {"sync-leases": True, "sync-page-limit": 10000}  # the same in every version of Kea
    world.write()
    world.must_be_done()
    assert world.apply().exit_code == 0
    assert world.sent(world.a) + world.sent(world.b) == []


@pytest.mark.parametrize("name", ["kea-a", "kea-b"])
def test_a_timer_changed_by_hand_is_drift_and_put_back(world: World, name: str) -> None:
    server = world.a if name == "kea-a" else world.b
    was = block(world, name)["max-ack-delay"]

    def slower(config: dict[str, Any]) -> None:
        hook(config)["parameters"]["high-availability"][0]["max-ack-delay"] = 9876

    world.change(server, slower)
    assert causes(world) == causes(world, "drift") == [(name, "peer", ["max-ack-delay"])]
    world.must_apply()
    assert block(world, name)["max-ack-delay"] == was


def test_a_hook_taken_off_the_partner_by_hand_comes_back(world: World) -> None:
    config = world.config(world.b)
    config["hooks-libraries"] = []
    world.b.set_config(world.service, config)
    assert world.run("status").exit_code == 1
    assert {cause for _, cause, _ in causes(world, "drift")} == {"peer"}
    world.must_apply()
    assert world.is_normal()


def test_an_empty_primary_is_not_replicated_unless_that_is_approved(world: World) -> None:
    full = world.config(world.b)[world.service.subnets]
    world.change(world.a, lambda config: config.update({world.service.subnets: []}))
    ended = world.apply()
    assert ended.exit_code == 3, ended.stdout + ended.stderr
    assert "authority-empty" in ended.stdout
    assert world.sent(world.b) == []
    assert world.config(world.b)[world.service.subnets] == full
    assert world.run("plan", "--approve", "authority-empty").exit_code == 3  # it shrank as well: each on its own
    world.must_apply("--approve", "authority-empty", "--approve", "authority-shrunk")
    assert world.config(world.b)[world.service.subnets] == []
    world.change(world.a, lambda config: config.update({world.service.subnets: full}))
    world.must_apply("--approve", "authority-older")  # what it was started with is what it has again


def test_a_shrunken_primary_is_not_replicated(world: World) -> None:
    key = world.service.subnets
    full = world.config(world.a)[key]
    world.change(world.a, lambda config: config.update({key: full[:8]}))
    assert world.apply().exit_code == 3
    assert len(world.config(world.b)[key]) == 12
    world.change(world.a, lambda config: config.update({key: full}))
    world.must_be_done()


def test_a_pair_that_is_not_normal_is_left_alone(lab: Laboratory) -> None:
    """A daemon that starts while it can't hear its partner waits for it; we reach both by their sockets."""
    service = Service.DHCP4
    start = base_configuration(service, subnets=[subnet(service, 1)])
    world = World(lab, service, configurations={"kea-a": start, "kea-b": start}, parameters=THROUGH_AGENTS)
    world.must_apply()
    world.controls = {server.name: {service: server.unix(service)} for server in world.servers}
    world.document["parameters"]["max-ack-delay"] = 2345
    world.write()
    world.a.stop_agent()
    world.restart(world.b)
    before = [world.config(server) for server in world.servers]
    ended = world.apply()
    assert world.state(world.b) == "waiting"
    assert ended.exit_code == 3, ended
    assert "partner-not-normal" in ended.stdout
    assert [world.config(server) for server in world.servers] == before
    world.a.start_agent()
    world.until_normal()
    world.must_apply()


def objections(world: World) -> list[dict[str, Any]]:
    """What keeps an apply from making the relationship; nothing is sent."""
    done = world.apply("--relationship", "hq", "--format", "json")
    assert done.exit_code == 3, done
    assert world.story() == []
    found: list[dict[str, Any]] = done.json["relationships"][0]["blocked_by"]
    return found


def must_object_to_urls(world: World) -> None:
    """Urls at which kea-b can't be reached, or isn't: objections, most of them to another listener's port."""
    (_, peer), service = world.document["peers"], world.service
    right = peer["url"]
    is_dedicated = world.a.generation.has_dedicated_listener
    with socket.create_server(("127.0.0.1", 0)) as taken:
        found = {
            "http://127.0.0.1:9/": ("nothing listens at", True),
            world.controls["kea-a"][service]: ("the control channel of kea-a", True),
        }
        if is_dedicated:
            found = {
                f"http://127.0.0.1:{taken.getsockname()[1]}/": ("something listens at", True),
                world.controls["kea-a"][service]: ("kea-a", False),
                world.controls["kea-b"][service]: ("its control channel", False),
            }
        for url, (words, is_approvable) in found.items():
            peer["url"] = url
            world.write()
            (port,) = (each for each in objections(world) if each["code"] == "listener-port")
            assert words in port["message"]
            assert port["approvable"] is is_approvable
    peer["url"] = "http://192.0.2.77:8005/"
    world.controls["kea-z"] = {service: "http://192.0.2.77:8000/"}
    world.write()
    told = [each["message"] for each in objections(world) if each["code"] == "listener-port"]
    assert any("192.0.2.77:8005/, has an address of kea-z" in message for message in told)
    assert any("is reached on that machine only, and not by kea-b" in message for message in told)
    del world.controls["kea-z"]
    peer["url"] = right
    world.write()


def test_objections_to_a_new_relationship(lab: Laboratory) -> None:
    """Another id for the same prefix, leases in memory only, clocks that are apart, and urls that can't be: each by its
    code, before anything is sent.
    """
    service, clock = Service.DHCP4, Clock(lab.directory, 90)
    prefix = subnet(service, 1)["subnet"]
    forgetful = {"type": "memfile", "persist": False}
    world = World(
        lab,
        service,
        is_logged=True,
        options={"kea-b": clock.options},
        configurations={
            "kea-a": base_configuration(service, subnets=[subnet(service, 1)]),
            "kea-b": base_configuration(
                service, subnets=[{**subnet(service, 7), "subnet": prefix, "pools": []}], lease_database=forgetful
            ),
        },
    )
    codes = {"subnet-id-conflict", "leases-not-persistent"}
    assert {each["code"] for each in objections(world)} == {*codes, "clock-skew"}
    clock.put(0)
    assert {each["code"] for each in objections(world)} == codes
    must_object_to_urls(world)
    assert world.apply("--approve", "subnet-id-conflict").exit_code == 3
    world.must_apply("--approve", "subnet-id-conflict", "--approve", "leases-not-persistent")


def test_clocks_that_are_apart_are_an_objection(lab: Laboratory) -> None:
    service = Service.DHCP4
    start = base_configuration(service, subnets=[subnet(service, 1)])
    world = World(lab, service, configurations={"kea-a": start, "kea-b": start})
    world.must_apply()
    port = int(world.b.control.rstrip("/").rpartition(":")[2])
    config = world.file(world.b)
    world.b.stop()
    world.b = lab.server("kea-b", {service: config}, port=port, faketime="+90s")
    until(lambda: world.state(world.a) == "terminated", "end of the HA service")
    status = world.run("status", "--format", "json").json["relationships"][0]
    assert status["status"] == "impaired"
    assert any("clocks" in reason for reason in status["reasons"]), status
    assert max(abs(server["clock_skew"]) for server in status["servers"]) > 60
    world.document["parameters"]["max-unacked-clients"] = 3
    world.write()
    planned = world.run("plan", "--format", "json")
    codes = {each["code"] for each in planned.json["relationships"][0]["objections"]}
    assert planned.exit_code == 3
    assert {"clock-skew", "partner-not-normal"} <= codes  # terminated servers may have lost each other as well
    (advice,) = {
        each["advice"]
        for each in planned.json["relationships"][0]["objections"]
        if each["code"] == "partner-not-normal"
    }
    assert "`kea-reconciler reset kea-a`" in advice
