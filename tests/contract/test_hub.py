"""A hub: one server in several relationships, each with a state machine and a listener of its own (since 2.5.5)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.conftest import SEVERAL
from tests.contract.group import Group, Peers

FAILED = {"result": 1, "text": "One or more hook libraries failed to load"}
DONE = "Lease database synchronization complete."
NORMAL = "hot-standby"
pytestmark = pytest.mark.parametrize("three", SEVERAL, indirect=True, scope="module")


class Hub:
    """kea-a is the hub: standby of kea-c (h2, b2) and then primary with kea-b (h1, b1)."""

    def __init__(self, group: Group) -> None:
        self.group = group
        self.first: Peers = {"h1": (group.spare[0], "primary"), "b1": ("kea-b", "standby")}
        self.second: Peers = {"h2": (group.spare[1], "standby"), "b2": ("kea-c", "primary")}

    def join(self) -> None:
        """Make both relationships, and wait until all are normal."""
        group = self.group
        assert group.set("kea-b", group.entry("b1", self.first))["result"] == 0
        assert group.set("kea-c", group.entry("b2", self.second))["result"] == 0
        assert group.set("kea-a", *self.entries())["result"] == 0
        self.until([(NORMAL, []), (NORMAL, ["h1"])], [(NORMAL, [])], [(NORMAL, ["b2"])])
        group.wait(lambda: [group.heard("kea-a", 0), group.heard("kea-a", 1)] == [NORMAL] * 2, "heard")

    def entries(self) -> list[dict[str, Any]]:
        return [self.group.entry("h2", self.second), self.group.entry("h1", self.first)]

    def until(self, *wanted: list[tuple[str, list[str]]]) -> None:
        """Wait for the states of hub, kea-b and kea-c."""
        self.group.until(["kea-a", "kea-b", "kea-c"], [state for states in wanted for state in states])

    def ask(self, command: str, name: str | None = None, **arguments: Any) -> dict[str, Any]:
        return self.group.ask("kea-a", command, {**arguments, **({"server-name": name} if name else {})})


@pytest.fixture
def hub(group: Group) -> Hub:
    return Hub(group)


def test_each_relationship_has_its_own_state_in_the_order_of_the_configuration(hub: Hub) -> None:
    hub.join()
    views = hub.group.views("kea-a")
    assert [view["ha-servers"]["local"]["server-name"] for view in views] == ["h2", "h1"]
    assert [view["ha-servers"]["local"]["role"] for view in views] == ["standby", "primary"]
    assert [view["ha-servers"]["remote"]["server-name"] for view in views] == ["b2", "b1"]
    assert [view["ha-mode"] for view in views] == [NORMAL, NORMAL]


def test_a_command_goes_to_the_relationship_that_its_server_is_a_peer_of(hub: Hub) -> None:
    hub.join()
    for name, scopes in (("h1", ["h1"]), ("b1", ["h1"]), ("h2", []), ("b2", []), (None, [])):
        assert hub.ask("ha-heartbeat", name)["arguments"]["scopes"] == scopes
    assert hub.ask("ha-scopes", "h1", scopes=["b1"])["text"] == "New HA scopes configured."
    assert hub.group.states("kea-a") == [(NORMAL, []), (NORMAL, ["b1"])]
    text = "invalid server name specified 'b1' while enabling/disabling HA scopes"
    assert hub.ask("ha-scopes", scopes=["b1"]) == {"result": 1, "text": text}
    assert hub.ask("ha-sync", "b1") == {"result": 0, "text": DONE}
    assert hub.ask("ha-sync", "b2") == {"result": 0, "text": DONE}
    own = "'h2' points to local server but should point to a partner"
    assert hub.ask("ha-sync", "h2") == {"result": 1, "text": own}
    for command in ("ha-heartbeat", "ha-continue", "ha-reset", "ha-sync", "ha-sync-complete-notify"):
        unknown = {"result": 1, "text": "zz matches no configured 'server-name'"}
        assert hub.ask(command, "zz") == unknown
        if command != "ha-sync":
            bad = {"result": 1, "text": f"'server-name' must be a string in the '{command}' command"}
            assert hub.group.ask("kea-a", command, {"server-name": 5}) == bad


def test_maintenance_is_for_all_relationships_and_stops_at_the_first_that_can_not(hub: Hub) -> None:
    hub.join()
    assert hub.ask("ha-maintenance-start")["result"] == 0
    keeping = "partner-in-maintenance"
    hub.until([(keeping, ["b2"]), (keeping, ["h1"])], [("in-maintenance", [])], [("in-maintenance", [])])
    every = [(NORMAL, []), (NORMAL, ["h1"]), (NORMAL, []), (NORMAL, ["b2"])]
    hub.group.end_maintenance("kea-a", ["kea-a", "kea-b", "kea-c"], every)
    assert hub.group.ask("kea-b", "ha-maintenance-start")["result"] == 0
    hub.until([(NORMAL, []), ("in-maintenance", [])], [(keeping, ["h1"])], [(NORMAL, ["b2"])])
    answer = hub.ask("ha-maintenance-start")
    here = "Unable to transition the server from the in-maintenance to partner-in-maintenance state."
    assert answer == {"result": 1, "text": here}
    hub.until([(keeping, ["b2"]), ("in-maintenance", [])], [(keeping, ["h1"])], [("in-maintenance", [])])


def test_one_relationship_that_stops_serving_stops_the_whole_server(hub: Hub) -> None:
    """Each state machine switches all of DHCP off: here the hub's own clients of b1 wait for those of b2."""
    hub.join()
    group = hub.group
    assert group.ask("kea-c", "ha-maintenance-start")["result"] == 0
    group.until(["kea-a"], [("in-maintenance", []), (NORMAL, ["h1"])])
    state = group["kea-a"].status(group.service)["dhcp-state"]
    assert (state["disabled-by-local-command"], state["globally-disabled"]) == ([1000], True)
    group.end_maintenance("kea-c", ["kea-a"], [(NORMAL, []), (NORMAL, ["h1"])])
    assert group["kea-a"].status(group.service)["dhcp-state"]["globally-disabled"] is False


def test_a_branch_that_dies_is_taken_over_and_the_other_does_not_notice(hub: Hub) -> None:
    hub.join()
    hub.group["kea-c"].stop(hub.group.service)
    hub.group.until(["kea-a", "kea-b"], [("partner-down", ["b2"]), (NORMAL, ["h1"]), (NORMAL, [])])
    hub.group["kea-c"].start(hub.group.service)
    hub.group.set("kea-c", hub.group.entry("b2", hub.second))
    hub.until([(NORMAL, []), (NORMAL, ["h1"])], [(NORMAL, [])], [(NORMAL, ["b2"])])


def test_relationships_that_do_not_go_together(hub: Hub) -> None:
    group, entry = hub.group, hub.group.entry
    spare = group.spare
    balanced = entry("h1", {"h1": (spare[0], "primary"), "b1": ("kea-b", "secondary")}, "load-balancing")
    passive = entry("h1", {"h1": (spare[0], "primary"), "b1": ("kea-b", "backup")}, "passive-backup")
    twice: Peers = {"h2": (spare[1], "primary"), "b1": ("kea-c", "standby")}
    only = "multiple HA relationships are only supported for 'hot-standby' mode"
    unique = "server names must be unique for different relationships: a relationship 'b1' already exists"
    first, second = entry("h1", hub.first), entry("h2", hub.second)
    cases: list[tuple[list[Any], str]] = [
        ([balanced, second], only),
        ([second, passive], only),
        ([first, entry("h2", twice)], unique),
        ([first, {**second, "this-server-name": "zz"}], "no peer configuration specified for the 'zz'"),
    ]
    for entries, reason in cases:
        assert group.set("kea-a", *entries) == FAILED
        assert reason in group["kea-a"].logged(group.service).rpartition("HA_CONFIGURATION_FAILED")[2]


def test_two_relationships_can_not_listen_at_one_port(hub: Hub) -> None:
    group = hub.group
    same: Peers = {"h2": (group.spare[0], "standby"), "b2": ("kea-c", "primary")}
    answer = group.set("kea-a", group.entry("h1", hub.first), group.entry("h2", same))
    assert answer["result"] == 1
    assert "bind: Address already in use" in answer["text"]
    assert [view["ha-servers"]["local"]["state"] for view in group.views("kea-a")] == ["waiting", "waiting"]


def test_a_relationship_of_a_hub_may_have_a_backup(hub: Hub) -> None:
    backed = {**hub.first, "k1": ("http://127.0.0.1:9/", "backup")}
    assert hub.group.set("kea-a", hub.group.entry("h1", backed), hub.group.entry("h2", hub.second))["result"] == 0
