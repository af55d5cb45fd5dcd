"""Maintenance, continue, sync and reset on real Kea: the states that they lead through, and what refuses them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from lab.proxy import Fault
from reconciler.model import Mode, Service
from tests.kea.clocks import Clock
from tests.kea.operated import NAMES, Operated
from tests.kea.traces import Trace
from tests.kea.world import until

if TYPE_CHECKING:
    from lab.laboratory import Laboratory

pytestmark = pytest.mark.kea
PAIRS = [
    pytest.param(service, mode, id=f"{service}-{mode}")
    for service in Service
    for mode in (Mode.HOT_STANDBY, Mode.LOAD_BALANCING)
]
HANDED_OVER = ["dhcp-disable", "ha-scopes", "ha-reset", "ha-scopes", "dhcp-enable"]
TAKES_OVER_SOON = {"max-response-delay": 3000, "max-unacked-clients": 0}


def after(report: Any) -> dict[str, str | None]:
    return {each["server"]: each["ha_state"] for each in report["after"]}


def scopes(report: Any) -> dict[str, list[str]]:
    return {each["server"]: each["scopes"] for each in report["after"]}


def codes(report: Any) -> set[str]:
    return {each["code"] for each in report["refusals"]}


@pytest.mark.parametrize(("service", "mode"), PAIRS)
def test_maintenance_there_and_back(lab: Laboratory, service: Service, mode: Mode) -> None:
    world = Operated(lab, service, mode)
    everything = ["kea-a"] if mode is Mode.HOT_STANDBY else ["kea-a", "kea-b"]
    for serviced, survivor in (NAMES, NAMES[::-1]):
        with world.traced(Trace.must_be_safe, Trace.must_be_served) as trace:
            report = world.must("maintenance", "start", serviced)
            assert after(report) == {survivor: "partner-in-maintenance", serviced: "in-maintenance"}
            assert scopes(report) == {survivor: everything, serviced: []}
            assert [each["ha_state"] for each in report["before"]] == [mode, mode]
            assert world.must("maintenance", "start", serviced, result="nothing-to-do")["commands"] == []
            refused = world.must("maintenance", "stop", survivor, result="refused", code=3)
            assert codes(refused) == {"state"}
            report = world.must("maintenance", "stop", serviced)
            assert set(after(report).values()) == {mode}
            world.until_normal()
        allowed = {mode.value, "in-maintenance", "partner-in-maintenance"}
        assert {state for pair in trace for state in pair} <= allowed
        assert world.must("maintenance", "stop", serviced, result="nothing-to-do")["after"] == []
    sent = [(name, each.command) for name, each in world.story("ha-maintenance-start", "ha-maintenance-cancel")]
    assert sent == [
        ("kea-b", "ha-maintenance-start"),
        ("kea-b", "ha-maintenance-cancel"),
        ("kea-a", "ha-maintenance-start"),
        ("kea-a", "ha-maintenance-cancel"),
    ]


def test_a_server_that_was_restarted_in_its_maintenance_comes_back(lab: Laboratory) -> None:
    """Whether its partner noticed that it was away (then it is in partner-down, as on 3.0) or not (as on 2.2)."""
    world = Operated(lab, Service.DHCP4, Mode.LOAD_BALANCING)
    with world.traced():
        report = world.must("maintenance", "start", "kea-b")
        assert after(report) == {"kea-a": "partner-in-maintenance", "kea-b": "in-maintenance"}
        world.restart(world.b)
        report = world.must("maintenance", "stop", "kea-b")
        assert set(after(report).values()) == {"load-balancing"}
        world.until_normal()


def test_what_a_partner_that_noticed_the_shutdown_does_is_waited_for(lab: Laboratory) -> None:
    world = Operated(lab, Service.DHCP4, Mode.HOT_STANDBY, parameters=TAKES_OVER_SOON)
    world.must("maintenance", "start", "kea-a")
    world.a.stop_daemon(world.service)
    refused = world.must("maintenance", "stop", "kea-a", result="refused", code=1)
    assert codes(refused) == {"unreachable"}
    until(lambda: world.state(world.b) == "partner-down", "partner-down")
    refused = world.must("maintenance", "stop", "kea-a", result="refused", code=1)
    assert "partner-down" in refused["refusals"][0]["message"]
    world.a.start_daemon(world.service)
    report = world.must("maintenance", "stop", "kea-a")
    assert report["commands"] == []
    assert set(after(report).values()) == {"hot-standby"}


def test_maintenance_is_refused_while_a_server_does_not_answer(lab: Laboratory) -> None:
    world = Operated(lab, Service.DHCP4, Mode.HOT_STANDBY)
    world.b.stop_daemon(world.service)
    for server in NAMES:
        refused = world.must("maintenance", "start", server, result="refused", code=1)
        assert codes(refused) == {"unreachable"}
    world.b.start_daemon(world.service)
    refused = world.must("maintenance", "start", "kea-a", result="refused", code=3)  # it fetches leases yet
    assert codes(refused) <= {"state", "out-of-touch"}
    world.until_normal()
    assert world.story("ha-maintenance-start") == []


@pytest.mark.parametrize("mode", [Mode.HOT_STANDBY, Mode.LOAD_BALANCING])
def test_nothing_is_sent_to_peers_that_lost_each_other_just_now(lab: Laboratory, mode: Mode) -> None:
    """Kea itself would not call it interrupted for another 20 seconds, and at the command both would serve."""
    world = Operated(lab, Service.DHCP4, mode, is_parted=True)
    with world.traced() as trace:
        world.part()
        refused = world.must("maintenance", "start", "kea-a", result="refused", code=3)
        # In load-balancing one of them may have gone to communication-recovery already.
        assert codes(refused) in ({"out-of-touch"}, *([{"state"}] if mode is Mode.LOAD_BALANCING else []))
        assert world.story("ha-maintenance-start") == []
        world.join()
    assert {state for pair in trace for state in pair} <= {mode.value, "communication-recovery"}
    world.until_normal()
    world.must("maintenance", "start", "kea-a")
    world.part()
    refused = world.operate("maintenance", "stop", "kea-a")
    assert refused.exit_code in {1, 3}, refused
    assert world.state(world.a) == "in-maintenance", "it serves nobody"
    assert world.state(world.b) in {"partner-in-maintenance", "partner-down"}, "it goes on serving alone"
    world.join()
    with world.traced():
        until(lambda: world.operate("maintenance", "stop", "kea-a").exit_code == 0, "a way back")
        world.until_normal()


def test_a_lost_answer_is_resolved_by_the_states(lab: Laboratory) -> None:
    world = Operated(lab, Service.DHCP4, Mode.HOT_STANDBY)
    world.proxies["kea-a"].on(b'"ha-maintenance-start"', Fault.CUT_BEFORE_REPLY, times=1)
    report = world.must("maintenance", "start", "kea-b")
    assert "the answer was lost" in report["reasons"][0]
    world.proxies["kea-a"].on(b'"ha-maintenance-cancel"', Fault.RESET, times=1)
    report = world.must("maintenance", "stop", "kea-b", result="failed", code=1)
    assert after(report) == {"kea-a": "partner-in-maintenance", "kea-b": "in-maintenance"}
    world.must("maintenance", "stop", "kea-b")
    assert len(world.story("ha-maintenance-cancel")) == 2, "nothing is repeated by itself"
    world.lease(world.a, 20)
    world.proxies["kea-b"].on(b'"ha-sync"', Fault.CUT_BEFORE_REPLY, times=1)
    report = world.must("sync", "kea-b")
    assert "every lease of kea-a is there" in report["reasons"][0]
    world.lease(world.a, 21)
    world.proxies["kea-b"].on(b'"ha-sync"', Fault.RESET, times=1)
    report = world.must("sync", "kea-b", result="failed", code=1)
    assert len(world.story("ha-sync")) == 2


@pytest.mark.parametrize(("service", "mode"), PAIRS)
def test_a_server_that_lost_its_leases_fetches_them(lab: Laboratory, service: Service, mode: Mode) -> None:
    world = Operated(lab, service, mode)
    for number in range(20, 40):
        world.lease(world.a, number)
        if number >= 37:
            world.lease(world.b, number)
    assert world.compared(code=2)["counts"] == {"two-clients": 0, "missing": 17, "differs": 0}
    with world.traced(Trace.must_be_safe) as trace:
        report = world.must("sync", "kea-b")
    assert any("answers no client meanwhile" in note and "20 leases" in note for note in report["notes"])
    assert world.compared()["servers"][1]["leases"] == 20
    assert {state for pair in trace for state in pair} == {mode.value}


WITH_PARTNERS = [
    pytest.param(mode, backups, id=f"{mode}-{backups}")
    for mode, backups in ((Mode.HOT_STANDBY, 0), (Mode.LOAD_BALANCING, 0), (Mode.LOAD_BALANCING, 1))
]


@pytest.mark.parametrize(("mode", "backups"), WITH_PARTNERS)
def test_a_paused_state_machine_goes_on(lab: Laboratory, mode: Mode, backups: int) -> None:
    world = Operated(lab, Service.DHCP4, mode, backups=backups)
    assert world.must("continue", "kea-b", result="nothing-to-do")["reasons"] == ["kea-b is not paused"]
    world.pause_in(world.b, "syncing")
    until(lambda: world.state(world.b) == "syncing", "pause in syncing")
    with world.traced() as trace:
        report = world.must("continue", "kea-b")
        assert list(after(report).values()) == [mode, mode, *backups * ["backup"]]
    assert trace[0] == (mode, "syncing")


def test_a_paused_server_does_not_go_on_beside_a_partner_that_it_does_not_hear(lab: Laboratory) -> None:
    world = Operated(lab, Service.DHCP4, Mode.HOT_STANDBY, is_parted=True, parameters={"max-response-delay": 3000})
    world.pause_in(world.b, "waiting")
    world.part()
    refused = world.must("continue", "kea-b", result="refused", code=3)
    assert codes(refused) == {"out-of-touch"}
    assert world.state(world.b) == "waiting"
    world.join()
    until(lambda: world.operate("continue", "kea-b").json["result"] == "done", "permission to go on")
    world.until_normal()


@pytest.mark.parametrize("pauses", [False, True], ids=["", "pausing"])
def test_terminated_servers_are_both_reset_once_their_clocks_agree(lab: Laboratory, *, pauses: bool) -> None:
    clock = Clock(lab.directory)
    states = [{"state": state, "pause": "always"} for state in ("waiting", "ready")] if pauses else []
    parameters = {"state-machine": {"states": states}} if pauses else {}
    options = {"kea-b": clock.options}
    world = Operated(lab, Service.DHCP4, Mode.LOAD_BALANCING, parameters=parameters, options=options)
    clock.put(90)
    until(lambda: world.states() == ("terminated", "terminated"), "end of the service")
    until(world.answers, "answers again")  # the leap of its clock ends what an agent has under way
    refused = world.must("reset", "kea-a", result="refused", code=3)
    assert codes(refused) == {"clock-skew"}
    assert world.states() == ("terminated", "terminated")
    clock.put(0)
    until(world.answers, "answers again")
    assert "kea-reconciler reset kea-a" in world.run("status").stdout
    with world.traced() as trace:
        report = world.must("reset", "kea-a")
        assert [each["server"] for each in report["commands"]] == ["kea-a", "kea-b"]
        assert set(after(report).values()) == {"load-balancing"}
        world.until_normal()
    assert trace[0] == ("terminated", "terminated")


@pytest.mark.parametrize(("mode", "backups"), WITH_PARTNERS)
def test_a_reset_begins_anew_and_is_refused_where_nobody_would_serve(lab: Laboratory, mode: Mode, backups: int) -> None:
    world = Operated(lab, Service.DHCP4, mode, backups=backups, parameters=TAKES_OVER_SOON)
    for server, scopes in zip((world.a, world.b), world.scopes(), strict=False):
        with world.traced(Trace.must_be_safe, Trace.must_be_served):
            world.must("reset", server.name)
            world.until_normal()
        assert f"from {mode.upper()} to WAITING" in server.log(world.service)
        sent = [each.command for _, each in world.story("dhcp-disable", "ha-scopes", "ha-reset", "dhcp-enable")]
        assert sent == (HANDED_OVER if scopes else ["ha-reset"])
        world.forget()
    world.b.stop_daemon(world.service)
    until(lambda: world.state(world.a) == "partner-down", "partner-down")
    refused = world.must("reset", "kea-a", result="refused", code=3)
    assert codes(refused) == {"sole-server"}
    refused = world.must("reset", "kea-b", result="refused", code=1)
    assert codes(refused) == {"unreachable"}


def test_passive_backup_has_no_partner_but_all_else(lab: Laboratory) -> None:
    world = Operated(lab, Service.DHCP4, Mode.PASSIVE_BACKUP, backups=1)
    normal = {"kea-a": "passive-backup", "kea-b": "backup"}
    for number in (20, 21, 22):
        world.lease(world.a, number)
    assert world.compared(code=2)["counts"] == {"two-clients": 0, "missing": 3, "differs": 0}
    assert any("kea-b fetches the leases of kea-a" in note for note in world.must("sync", "kea-b")["notes"])
    assert world.compared()["differences"] == []
    world.lease(world.b, 30)
    if lab.generation.series == "2.2":  # the primary would never come back from it
        assert codes(world.must("sync", "kea-a", result="refused", code=3)) == {"role"}
    else:
        world.must("sync", "kea-a")
        assert [each["leases"] for each in world.compared()["servers"]] == [4, 4]
    for server in world.servers:
        assert codes(world.must("maintenance", "start", server.name, result="refused", code=3)) == {"role"}
        assert world.must("continue", server.name, result="nothing-to-do")["reasons"] == [
            f"{server.name} is not paused"
        ]
        world.pause_in(server, "waiting")
        until(lambda server=server: world.state(server) == "waiting", "pause")  # type: ignore[misc]
        assert codes(world.must("continue", server.name, result="refused", code=3)) == {"state"}
        server.command(world.service, "ha-continue")
        time.sleep(2)
        assert world.state(server) == "waiting", "the command brings it on after all"
        world.must_apply("--approve", "partner-not-normal")  # takes the pause out
    assert codes(world.must("reset", "kea-a", result="refused", code=3)) == {"role"}
    assert after(world.must("reset", "kea-b")) == normal
    world.until_normal()
    assert world.scopes()[0] == ["kea-a"]


def test_a_reset_by_hand_of_a_lonely_primary_is_seen_and_mended(lab: Laboratory) -> None:
    world = Operated(lab, Service.DHCP4, Mode.PASSIVE_BACKUP, backups=1)
    world.a.command(world.service, "ha-reset")
    assert world.state(world.a) == "passive-backup"
    assert world.scopes() == ([], [])
    (found,) = world.run("status", "--format", "json").json["relationships"]
    assert found["status"] == "service-down"
    assert any("kea-a is in state passive-backup and serves no scope" in each for each in found["reasons"])
    drift = world.run("drift", "--format", "json")
    assert [each["server"] for each in drift.json["relationships"][0]["servers"] if each["changes"]] == ["kea-a"]
    world.must_apply()
    world.until_normal()
    assert world.scopes() == (["kea-a"], [])
