"""Servers that live together: partitions, frozen and restarted daemons, clocks, and what is logged."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest

from reconciler.model import Service
from reconciler.simulator import Clock, SimulatedServer, World
from reconciler.simulator.http import basic
from reconciler.simulator.leases import Leases
from tests.simulator.asking import ask, change, hook, make_pair, post, relate, states, subnet


def test_a_partition_ends_in_two_that_serve_the_same_and_heals(
    world: World, server: SimulatedServer, other: SimulatedServer
) -> None:
    make_pair(server, other)
    world.partition("kea-a", "kea-b")
    world.advance(10)
    assert states(server, other) == ["partner-down", "partner-down"]
    assert server.endpoint().serves == other.endpoint().serves == ("s1",)
    assert ask(server, "version-get")["result"] == ask(other, "version-get")["result"] == 0
    world.heal("kea-a", "kea-b")
    world.advance(10)
    assert states(server, other) == ["hot-standby", "hot-standby"]
    assert (server.endpoint().serves, other.endpoint().serves) == (("s1",), ())


def test_a_server_whose_listener_is_not_bound_hears_its_partner_and_is_not_heard(
    world: World, server: SimulatedServer, other: SimulatedServer
) -> None:
    make_pair(server, other)
    server.endpoint().hears_peers = False
    world.advance(10)
    assert states(other) == ["partner-down"]
    assert ask(server, "status-get")["result"] == 0
    ha = server.endpoint().ha
    assert ha is not None
    assert ha.partner.state == "partner-down"
    server.endpoint().hears_peers = True
    world.advance(10)
    assert states(server, other) == ["hot-standby", "hot-standby"]


def test_the_log_has_what_came_from_outside_and_nothing_else(
    world: World, server: SimulatedServer, other: SimulatedServer
) -> None:
    make_pair(server, other)
    world.advance(3)
    assert (server.log, other.log) == ([], [])
    ask(server, "config-get")
    ask(server, "version-get", service=Service.DHCP6)
    world.advance(1)
    post(server, b'{"command": "list-commands"}')
    start = server.log[0].time
    assert [(entry.time - start, entry.service, entry.command) for entry in server.log] == [
        (0, "dhcp4", "config-get"),
        (0, "dhcp6", "version-get"),
        (1, "", "list-commands"),
    ]
    assert [entry.command for entry in server.endpoint(Service.DHCP6).log] == ["version-get"]


def test_two_clocks_that_differ_too_much_end_the_service(
    world: World, server: SimulatedServer, other: SimulatedServer
) -> None:
    other.clock_offset = 40
    make_pair(server, other)
    assert states(server, other) == ["hot-standby", "hot-standby"]
    other.clock_offset = -70
    world.advance(3)
    assert states(server, other) == ["terminated", "terminated"]
    other.clock_offset = 0
    world.advance(60)
    assert states(server, other) == ["terminated", "terminated"]


def test_a_frozen_daemon_does_late_what_it_was_told(world: World, server: SimulatedServer) -> None:
    endpoint = server.endpoint()
    answers: list[object] = []
    endpoint.freeze()
    wanted = endpoint.config | {"subnet4": [subnet(7)]}
    thread = threading.Thread(target=lambda: answers.append(ask(server, "config-set", {"Dhcp4": wanted})))
    thread.start()
    wait_for(lambda: len(server.log) == 1)
    world.advance(61)
    thread.join(5)
    text = "unable to forward command to the dhcp4 service: Operation canceled. The server is likely to be offline"
    assert answers == [{"result": 1, "text": text}]
    assert endpoint.config["subnet4"] == []
    endpoint.thaw()
    assert [item["id"] for item in endpoint.config["subnet4"]] == [7]


def test_behind_a_frozen_daemon_everybody_waits(server: SimulatedServer) -> None:
    server.endpoint().freeze()
    answers: list[int] = []
    first = threading.Thread(target=lambda: answers.append(ask(server, "version-get")["result"]))
    first.start()
    wait_for(lambda: len(server.log) == 1)
    other = Service.DHCP6
    second = threading.Thread(target=lambda: answers.append(ask(server, "version-get", service=other)["result"]))
    second.start()
    second.join(0.3)
    assert answers == []
    server.endpoint().thaw()
    first.join(5)
    second.join(5)
    assert answers == [0, 0]
    assert [entry.service for entry in server.log] == ["dhcp4", "dhcp6"]


def test_a_frozen_partner_is_not_heard(world: World, server: SimulatedServer, other: SimulatedServer) -> None:
    make_pair(server, other)
    other.endpoint().freeze()
    world.advance(10)
    assert states(server) == ["partner-down"]
    other.endpoint().thaw()
    world.advance(10)
    assert states(server, other) == ["hot-standby", "hot-standby"]


def test_a_primary_can_come_back_empty_or_with_what_was_written(
    world: World, server: SimulatedServer, other: SimulatedServer
) -> None:
    make_pair(server, other)
    endpoint = server.endpoint()
    change(server, subnet4=[subnet(1), subnet(2)])
    ask(server, "config-write")
    change(server, subnet4=[subnet(1), subnet(2), subnet(3)])
    pid = endpoint.pid
    endpoint.restart()
    assert [item["id"] for item in endpoint.config["subnet4"]] == [1, 2]
    assert (endpoint.pid != pid, states(server)) == (True, ["waiting"])
    endpoint.restart({})
    assert endpoint.config["subnet4"] == []
    assert states(server) == [""]
    assert ask(server, "ha-heartbeat")["result"] == 2
    world.advance(10)
    assert states(other) == ["partner-down"]


def test_a_configuration_without_a_control_socket_locks_everybody_out(server: SimulatedServer) -> None:
    assert ask(server, "config-set", {"Dhcp4": {}}) == {"result": 0, "text": "Configuration successful."}
    assert "No such file or directory" in ask(server, "version-get")["text"]
    assert server.endpoint().is_running
    server.endpoint().restart()
    assert ask(server, "version-get")["result"] == 0


def test_switched_off_by_an_operator_it_stays_off_until_it_is_restarted(world: World, server: SimulatedServer) -> None:
    endpoint = server.endpoint()
    assert endpoint.serves == ("*",)
    ask(server, "dhcp-disable")
    endpoint.set_config(endpoint.config)
    assert not endpoint.serves
    endpoint.restart()
    assert endpoint.serves == ("*",)
    ask(server, "dhcp-disable", {"max-period": 20})
    world.advance(19)
    assert not endpoint.serves
    world.advance(2)
    assert endpoint.serves == ("*",)


def test_a_pause_in_the_state_machine_lasts_until_it_is_continued(
    world: World, server: SimulatedServer, other: SimulatedServer
) -> None:
    make_pair(server, other)
    pauses = {"states": [{"state": "waiting", "pause": "once"}]}
    change(other, hooks_libraries=hook("s2", (server, other), state_machine=pauses))
    world.advance(10)
    assert states(server, other) == ["hot-standby", "waiting"]
    assert ask(other, "ha-continue")["text"] == "HA state machine continues."
    world.advance(5)
    assert states(server, other) == ["hot-standby", "hot-standby"]


def test_clients_left_waiting_make_a_standby_take_over(
    world: World, server: SimulatedServer, other: SimulatedServer
) -> None:
    make_pair(server, other, max_unacked_clients=2)
    server.endpoint().stop()
    world.advance(10)
    assert states(other) == ["hot-standby"]
    ha = other.endpoint().ha
    assert ha is not None
    ha.partner.unacked_clients = 3
    world.advance(2)
    assert states(other) == ["partner-down"]


def test_leases_that_a_test_put_there_come_in_pages(server: SimulatedServer, other: SimulatedServer) -> None:
    make_pair(server, other)
    leases = [{"ip-address": f"10.0.0.{number}", "subnet-id": 1} for number in (30, 4, 5)]
    server.endpoint().leases = Leases(leases)
    first = ask(server, "lease4-get-page", {"from": "start", "limit": 2})["arguments"]
    assert [lease["ip-address"] for lease in first["leases"]] == ["10.0.0.4", "10.0.0.5"]
    last = ask(server, "lease4-get-page", {"from": "10.0.0.5", "limit": 2})
    assert last["arguments"] == {"count": 1, "leases": [leases[0]]}
    assert ask(server, "lease4-get-all", {"subnets": [2]})["result"] == 3


def test_users_and_passwords(world: World) -> None:
    server = world.add_server("kea-c", {Service.DHCP4: {}}, users={"admin": "secret"})
    request = b'{"command": "version-get"}'
    assert post(server, request) == (401, b'{ "result": 401, "text": "Unauthorized" }')
    assert post(server, request, Authorization=basic("admin", "wrong"))[0] == 401
    assert post(server, request, Authorization=basic("admin", "secret"))[0] == 200


def test_a_configuration_taken_as_it_is_shows_as_it_is(world: World) -> None:
    config = {"subnet4": [subnet(1)], "control-socket": {"socket-type": "unix", "socket-name": "/run/x"}}
    server = world.add_server("kea-d", {Service.DHCP4: config}, as_is=True)
    assert ask(server, "config-get")["arguments"]["Dhcp4"] == config | {"hooks-libraries": []}
    changed = server.endpoint().config | {"valid-lifetime": 5}
    assert ask(server, "config-set", {"Dhcp4": changed})["result"] == 0
    assert ask(server, "config-get")["arguments"]["Dhcp4"]["subnet4"][0]["valid-lifetime"] == 5


def test_a_configuration_that_no_daemon_would_start_from(world: World) -> None:
    with pytest.raises(ValueError, match="unsupported global configuration parameter: zz"):
        world.add_server("kea-e", {Service.DHCP4: {"zz": 1}})


def test_real_time_makes_a_pair_too() -> None:
    with World(Clock(speed=20)) as world:
        one = world.add_server("kea-a", {Service.DHCP4: {}})
        two = world.add_server("kea-b", {Service.DHCP4: {}})
        relate(one, two)
        wait_for(lambda: states(one, two) == ["hot-standby", "hot-standby"])
        world.set_speed(0)
        before = world.clock.now()
        assert world.clock.now() == before


def test_a_world_lives_in_asynchronous_code_too() -> None:
    async def lived() -> str:
        async with World() as world:
            server = await asyncio.to_thread(world.add_server, "kea-a", {Service.DHCP4: {}})
            answer = await asyncio.to_thread(ask, server, "version-get")
            return str(answer["text"])

    assert asyncio.run(lived()) == "2.2.0"


def test_after_its_end_nothing_listens() -> None:
    with World() as world:
        server = world.add_server("kea-a", {Service.DHCP4: {}})
    with pytest.raises(ConnectionRefusedError):
        ask(server, "version-get")
    with pytest.raises(RuntimeError, match="lives only inside"):
        world.add_server("kea-b", {})


def wait_for(is_so: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait until something is so in real time."""
    event = threading.Event()
    for _ in range(int(seconds / 0.02)):
        if is_so():
            return
        event.wait(0.02)
    pytest.fail(f"not within {seconds:g} s")
