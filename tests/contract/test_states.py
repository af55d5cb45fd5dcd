"""What the state machines do when somebody stops them, or changes one side's configuration."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.simulator import Release
from tests.contract.group import Group, Peers

WHO = {"kea-a": "s1", "kea-b": "s2"}
PAIR: Peers = {"s1": ("kea-a", "primary"), "s2": ("kea-b", "standby")}
SWAPPED: Peers = {"s1": ("kea-a", "standby"), "s2": ("kea-b", "primary")}
BALANCED: Peers = {"s1": ("kea-a", "primary"), "s2": ("kea-b", "secondary")}
NORMAL = [("hot-standby", ["s1"]), ("hot-standby", [])]


def pausing(**states: str) -> dict[str, Any]:
    return {"state_machine": {"states": [{"state": state, "pause": pause} for state, pause in states.items()]}}


@pytest.fixture
def normal(group: Group) -> Group:
    """A hot-standby pair in its normal state."""
    group.join(WHO, PAIR)
    group.until(list(WHO), NORMAL)
    group.wait(lambda: [group.heard(server) for server in WHO] == ["hot-standby"] * 2, "heard")
    return group


def test_a_state_that_pauses_once(group: Group) -> None:
    group.set("kea-a", group.entry("s1", PAIR, **pausing(ready="once")))
    group.set("kea-b", group.entry("s2", PAIR))
    group.until(list(WHO), [("ready", []), ("ready", [])])
    group["kea-a"].let_pass(1.2)
    assert group.states(*WHO) == [("ready", []), ("ready", [])], "it waits"
    assert group.ask("kea-a", "ha-continue") == {"result": 0, "text": "HA state machine continues."}
    group.until(list(WHO), NORMAL)
    assert group.ask("kea-a", "ha-continue") == {"result": 0, "text": "HA state machine is not paused."}
    assert group.ask("kea-a", "ha-reset") == {"result": 0, "text": "HA state machine reset."}
    group.until(list(WHO), NORMAL)


def test_a_paused_server_can_be_told_to_serve_and_stays_paused(normal: Group) -> None:
    assert normal.set("kea-b", normal.entry("s2", PAIR, **pausing(syncing="always")))["result"] == 0
    normal.until(["kea-b"], [("syncing", [])])
    assert normal.ask("kea-b", "ha-maintenance-start")["result"] == 0
    normal.until(list(WHO), [("in-maintenance", []), ("partner-in-maintenance", ["s1"])])
    assert normal.ask("kea-b", "ha-continue") == {"result": 0, "text": "HA state machine continues."}


def test_maintenance_without_a_reachable_partner_takes_over_at_once(normal: Group) -> None:
    """H10: on a standby behind a broken link this is two servers that serve the same clients."""
    normal["kea-a"].stop(normal.service)
    text = "Server is now in the partner-down state as its partner appears to be offline for maintenance."
    assert normal.ask("kea-b", "ha-maintenance-start") == {"result": 0, "text": text}
    assert normal.states("kea-b") == [("partner-down", ["s1"])]
    normal["kea-a"].start(normal.service)
    normal.set("kea-a", normal.entry("s1", PAIR))
    normal.until(list(WHO), NORMAL)


def test_maintenance_on_the_standby_and_back(normal: Group) -> None:
    assert normal.ask("kea-b", "ha-maintenance-start")["result"] == 0
    kept = [("in-maintenance", []), ("partner-in-maintenance", ["s1"])]
    assert normal.states(*WHO) == kept
    assert normal.ask("kea-a", "ha-maintenance-notify", {"cancel": False})["result"] == 0
    assert normal.set("kea-a", normal.entry("s1", PAIR))["result"] == 0
    normal.until(list(WHO), kept)
    normal.end_maintenance("kea-b", list(WHO), NORMAL)


def test_a_server_that_hears_its_partner_in_maintenance_takes_over(normal: Group) -> None:
    refused = "Unable to cancel the maintenance for the server not in the in-maintenance state."
    assert normal.ask("kea-b", "ha-maintenance-notify", {"cancel": True}) == {"result": 1, "text": refused}
    assert normal.ask("kea-a", "ha-maintenance-notify", {"cancel": False})["text"] == "Server is in-maintenance state."
    normal.until(list(WHO), [("in-maintenance", []), ("partner-in-maintenance", ["s1"])])
    normal.end_maintenance("kea-b", list(WHO), NORMAL)


def test_servers_that_are_both_told_to_be_standby_serve_nobody(normal: Group) -> None:
    normal.set("kea-a", normal.entry("s1", SWAPPED))
    normal.until(list(WHO), [("hot-standby", []), ("hot-standby", [])])
    normal.set("kea-b", normal.entry("s2", SWAPPED))
    normal.until(list(WHO), [("hot-standby", []), ("hot-standby", ["s2"])])


def test_servers_that_are_both_told_to_be_primary_both_serve(normal: Group) -> None:
    normal.set("kea-b", normal.entry("s2", SWAPPED))
    normal.until(list(WHO), [("hot-standby", ["s1"]), ("hot-standby", ["s2"])])


def test_names_that_one_side_does_not_know(normal: Group) -> None:
    """H11: since 2.5.5 peers say who they are, and are told off where nobody knows them; before, nobody minds."""
    renamed: Peers = {"x1": ("kea-a", "primary"), "s2": ("kea-b", "standby")}
    normal.set("kea-a", normal.entry("x1", renamed))
    if normal["kea-a"].release < Release.KEA_2_6:
        normal.until(list(WHO), [("hot-standby", ["x1"]), ("hot-standby", [])])
        return
    normal.until(["kea-a"], [("partner-down", ["x1"])])
    normal.until(list(WHO), [("partner-down", ["x1"]), ("ready", [])])
    assert [normal.heard(server) for server in WHO] == ["unavailable", "partner-down"]


def test_names_that_neither_side_knows_end_in_two_that_serve(normal: Group) -> None:
    if normal["kea-a"].release < Release.KEA_2_6:
        return
    renamed: Peers = {"x1": ("kea-a", "primary"), "x2": ("kea-b", "standby")}
    normal.set("kea-b", normal.entry("x2", renamed))
    normal.until(list(WHO), [("partner-down", ["s1"]), ("partner-down", ["x1"])])


def test_a_url_that_leads_nowhere_makes_one_side_alone(normal: Group) -> None:
    lost: Peers = {"s1": ("http://127.0.0.1:9/", "primary"), "s2": ("kea-b", "standby")}
    normal.set("kea-b", normal.entry("s2", lost))
    normal.until(["kea-b"], [("partner-down", ["s1"])])
    normal.until(list(WHO), [("ready", []), ("partner-down", ["s1"])])


def test_a_pair_that_changes_its_mode_on_one_side_first(normal: Group) -> None:
    normal.set("kea-a", normal.entry("s1", BALANCED, "load-balancing"))
    normal.wait(lambda: normal.heard("kea-b") == "waiting", "heard")
    normal["kea-a"].let_pass(1.2)
    assert normal.states(*WHO) == [("waiting", []), ("hot-standby", [])]
    normal.set("kea-b", normal.entry("s2", BALANCED, "load-balancing"))
    normal.until(list(WHO), [("load-balancing", ["s1"]), ("load-balancing", ["s2"])])


def test_a_server_that_may_not_fail_over_serves_its_own_only(group: Group) -> None:
    group.join(WHO, BALANCED, "load-balancing")
    entry = group.entry("s1", BALANCED, "load-balancing")
    entry["peers"][0]["auto-failover"] = False
    group.set("kea-a", entry)
    group.until(list(WHO), [("load-balancing", ["s1"]), ("load-balancing", ["s2"])])
    group["kea-b"].stop(group.service)
    group.until(["kea-a"], [("partner-down", ["s1"])])
    assert group.ask("kea-a", "ha-maintenance-start")["result"] == 0
    assert group.states("kea-a") == [("partner-down", ["s1"])], "it is where it shall go already"
