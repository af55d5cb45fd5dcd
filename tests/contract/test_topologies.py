"""Passive-backup, and backup peers in every mode."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.simulator import Release
from tests.contract.group import Group, Peers
from tests.contract.sides import placed

WHO = {"kea-a": "s1", "kea-b": "s2", "kea-c": "s3"}
PASSIVE: Peers = {"s1": ("kea-a", "primary"), "s2": ("kea-b", "backup"), "s3": ("kea-c", "backup")}
BACKED: dict[str, Peers] = {
    "hot-standby": {"s1": ("kea-a", "primary"), "s2": ("kea-b", "standby"), "s3": ("kea-c", "backup")},
    "load-balancing": {"s1": ("kea-a", "primary"), "s2": ("kea-b", "secondary"), "s3": ("kea-c", "backup")},
}
FAILED = "One or more hook libraries failed to load"


def local(group: Group, server: str, role: str, state: str, scopes: list[str]) -> dict[str, Any]:
    """What a server without a partner says about itself, in its release."""
    found: dict[str, Any] = {"role": role, "state": state, "scopes": scopes}
    found |= {"server-name": WHO[server]} if group[server].release >= Release.KEA_2_6 else {}
    return found | ({"system-time": None} if group[server].release >= Release.KEA_3_0 else {})


def test_a_passive_backup_primary_serves_at_once_and_its_backups_never_do(group: Group) -> None:
    group.join(WHO, PASSIVE, "passive-backup")
    group.until(list(WHO), [("passive-backup", ["s1"]), ("backup", []), ("backup", [])])
    for server, role, state in (("kea-a", "primary", "passive-backup"), ("kea-b", "backup", "backup")):
        scopes = ["s1"] if role == "primary" else []
        servers = {"local": local(group, server, role, state, scopes)}
        assert group.views(server) == [{"ha-mode": "passive-backup", "ha-servers": servers}]
    group["kea-c"].stop(group.service)
    group["kea-a"].let_pass(1.2)
    assert group.states("kea-a") == [("passive-backup", ["s1"])], "nobody asks whether backups live"
    beat = group.ask("kea-a", "ha-heartbeat")["arguments"]
    assert (beat["state"], beat["scopes"], beat["unsent-update-count"]) == ("passive-backup", ["s1"], 0)


def test_maintenance_has_no_partner_in_passive_backup(group: Group) -> None:
    group.join(WHO, PASSIVE, "passive-backup")
    group.until(["kea-a"], [("passive-backup", ["s1"])])
    silent = (
        f"unable to forward command to the {group.service} service: End of file. The server is likely to be offline"
    )
    assert group.ask("kea-a", "ha-maintenance-start") == {"result": 1, "text": silent}
    assert group.states("kea-a") == [("passive-backup", ["s1"])]
    here = "Unable to transition the server from the backup to partner-in-maintenance state."
    assert group.ask("kea-b", "ha-maintenance-start") == {"result": 1, "text": here}
    there = "Unable to transition the server from the backup to in-maintenance state."
    assert group.ask("kea-b", "ha-maintenance-notify", {"cancel": False}) == {"result": 1001, "text": there}


@pytest.mark.parametrize("mode", BACKED)
def test_a_pair_with_a_backup_goes_on_without_it(group: Group, mode: str) -> None:
    group.join(WHO, BACKED[mode], mode)
    second = [] if mode == "hot-standby" else ["s2"]
    group.until(list(WHO), [(mode, ["s1"]), (mode, second), ("backup", [])])
    servers = {"local": local(group, "kea-c", "backup", "backup", [])}
    assert group.views("kea-c") == [{"ha-mode": mode, "ha-servers": servers}]
    group["kea-c"].stop(group.service)
    group["kea-a"].let_pass(1.2)
    assert group.states("kea-a", "kea-b") == [(mode, ["s1"]), (mode, second)]


def test_scopes_alone_do_not_make_a_backup_serve(group: Group) -> None:
    """Its DHCP service stays off until somebody switches it on for HA's own side, which has a number since 2.5.8."""
    group.join(WHO, BACKED["hot-standby"])
    group.until(["kea-c"], [("backup", [])])
    done = {"result": 0, "text": "New HA scopes configured."}
    assert group.ask("kea-c", "ha-scopes", {"scopes": ["s1"]}) == done
    assert group.states("kea-c") == [("backup", ["s1"])]
    if group["kea-c"].release < Release.KEA_2_6:
        return  # which does not say whether it is on
    assert off(group, "kea-c") == ([1000], [], False, True)
    group.ask("kea-c", "dhcp-enable", {})
    group.ask("kea-c", "dhcp-enable", {"origin": "ha-partner"})
    assert off(group, "kea-c") == ([1000], [], False, True)
    group.ask("kea-c", "dhcp-enable", {"origin-id": 1000})
    assert off(group, "kea-c") == ([], [], False, False)


def off(group: Group, server: str) -> tuple[list[int], list[int], bool, bool]:
    """Who has switched DHCP off: HA's own side, its partner, a person; and whether it is off."""
    state = group[server].status(group.service)["dhcp-state"]
    sides = [state[f"disabled-by-{side}"] for side in ("local-command", "remote-command", "user")]
    return (*sides, state["globally-disabled"])


def test_every_side_takes_back_only_its_own(group: Group) -> None:
    if group["kea-a"].release < Release.KEA_2_6:
        text = "'origin' argument must be a string"
        assert group.ask("kea-a", "dhcp-disable", {"origin": 2001}) == {"result": 1, "text": text}
        return
    for arguments in ({"origin": "ha-partner"}, {"origin-id": 2005}, {"origin": 7}, {"origin": "user"}):
        assert group.ask("kea-a", "dhcp-disable", arguments)["result"] == 0
    assert off(group, "kea-a") == ([], [2000, 2005], True, True)
    group.ask("kea-a", "dhcp-enable", {"origin-id": 2005})
    group.ask("kea-a", "dhcp-enable")
    assert off(group, "kea-a") == ([], [2000], False, True)
    bad = {"result": 1, "text": "'origin-id' argument must be a number"}
    assert group.ask("kea-a", "dhcp-disable", {"origin-id": "x"}) == bad
    group.ask("kea-a", "dhcp-enable", {"origin": 2000})
    assert off(group, "kea-a") == ([], [], False, True), "whoever has an id of his own is not shown"
    group.ask("kea-a", "dhcp-enable", {"origin-id": 7})
    assert off(group, "kea-a") == ([], [], False, False)


WRONG: list[tuple[str, list[str], dict[str, Any], str]] = [
    (
        "passive-backup",
        ["primary", "secondary"],
        {},
        "secondary servers not allowed in the passive backup configuration",
    ),
    ("passive-backup", ["primary", "standby"], {}, "standby servers not allowed in the passive backup configuration"),
    ("passive-backup", ["backup", "backup"], {}, "primary server required in the passive backup configuration"),
    ("passive-backup", ["primary", "primary"], {}, "multiple primary servers specified"),
    (
        "passive-backup",
        ["primary", "backup"],
        {"delayed_updates_limit": 5},
        "'delayed-updates-limit' must be set to 0 in the passive backup configuration",
    ),
    ("hot-standby", ["primary", "backup"], {}, "standby server required in the hot standby configuration"),
    ("hot-standby", ["standby", "backup"], {}, "primary server required in the hot standby configuration"),
    ("load-balancing", ["primary", "backup"], {}, "secondary server required in the load balancing configuration"),
    ("load-balancing", ["secondary", "backup"], {}, "primary server required in the load balancing configuration"),
    ("load-balancing", ["primary", "standby"], {}, "standby servers not allowed in the load balancing configuration"),
    (
        "load-balancing",
        ["primary", "secondary"],
        {"wait_backup_ack": True},
        "'wait-backup-ack' must be set to false in the load balancing configuration",
    ),
]


@pytest.mark.parametrize(("mode", "roles", "parameters", "reason"), WRONG)
def test_roles_that_a_mode_does_not_have(
    group: Group, mode: str, roles: list[str], parameters: dict[str, Any], reason: str
) -> None:
    peers = {f"s{number}": (f"kea-{'ab'[number - 1]}", role) for number, role in enumerate(roles, 1)}
    answer = group.set("kea-a", group.entry("s1", peers, mode, **parameters))
    assert (answer["result"], placed(answer["text"])) == (1, FAILED)
    assert reason in group["kea-a"].logged(group.service).rpartition("HA_CONFIGURATION_FAILED")[2]


def test_passive_backup_may_wait_for_its_backups_and_may_have_none(group: Group) -> None:
    entry = group.entry("s1", PASSIVE, "passive-backup", wait_backup_ack=True)
    assert group.set("kea-a", entry)["result"] == 0
    assert group.set("kea-a", group.entry("s1", {"s1": ("kea-a", "primary")}, "passive-backup"))["result"] == 0
    group.until(["kea-a"], [("passive-backup", ["s1"])])


def test_before_2_5_5_a_server_has_one_relationship(group: Group) -> None:
    if group["kea-a"].release >= Release.KEA_2_6:
        return  # test_hub.py has what it may have since
    entry = group.entry("s1", PASSIVE, "passive-backup")
    for entries in ([entry, entry], [entry, entry, entry]):
        answer = group.set("kea-a", *entries)
        assert (answer["result"], answer["text"]) == (1, FAILED)
        reason = "invalid number of configurations in the HA configuration list. Expected exactly one configuration"
        assert reason in group["kea-a"].logged(group.service).rpartition("HA_CONFIGURATION_FAILED")[2]
