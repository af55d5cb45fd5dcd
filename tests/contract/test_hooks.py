"""Hook libraries: what is found out before they are loaded, what only then, and what is left of the server."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.simulator import Release
from reconciler.simulator.libraries import DIRECTORY
from tests.contract.loading import differences
from tests.contract.pair import Pair
from tests.contract.sides import LEASE_COMMANDS, placed, relationship

FAILED = {"result": 1, "text": "One or more hook libraries failed to load"}
HA = f"{DIRECTORY}/libdhcp_ha.so"
BAD: list[tuple[dict[str, Any], str]] = [
    ({"this-server-name": "zz"}, "no peer configuration specified for the 'zz'"),
    ({"this-server-name": " "}, "'this-server-name' value must not be empty"),
    ({"this-server-name": None}, "missing parameter 'this-server-name'"),
    ({"mode": "zz"}, "unsupported value 'zz' for mode parameter"),
    ({"mode": None}, "missing parameter 'mode'"),
    ({"mode": 5}, "invalid type specified for parameter 'mode'"),
    ({"mode": "passive-backup"}, "standby servers not allowed in the passive backup configuration"),
    ({"mode": "load-balancing"}, "standby servers not allowed in the load balancing configuration"),
    ({"heartbeat-delay": 65536}, "'heartbeat-delay' must not be greater than 65535"),
    ({"heartbeat-delay": -1}, "'heartbeat-delay' must not be negative"),
    ({"heartbeat-delay": "x"}, "invalid type specified for parameter 'heartbeat-delay'"),
    ({"max-response-delay": 65536}, "'max-response-delay' must not be greater than 65535"),
    ({"max-ack-delay": 65536}, "'max-ack-delay' must not be greater than 65535"),
    ({"delayed-updates-limit": 5}, "'delayed-updates-limit' must be set to 0 in the hot standby configuration"),
    ({"wait-backup-ack": True}, "'wait-backup-ack' must be set to false in the hot standby configuration"),
    ({"peers": None}, "'peers' parameter missing in HA configuration"),
    ({"peers": 5}, "'peers' parameter must be a list"),
    ({"peers": []}, "no peer configuration specified for the 's1'"),
    ({"state-machine": {"states": [{"state": "zz", "pause": "once"}]}}, "unknown state zz"),
    ({"cert-file": "/x"}, "bad TLS config for server s1: trust-anchor parameter is missing or empty: all or none"),
]
PEER: list[tuple[dict[str, Any], str]] = [
    ({"role": "foo"}, "unsupported value 'foo' for role parameter"),
    ({"role": "primary"}, "multiple primary servers specified"),
    ({"role": "secondary"}, "secondary servers not allowed in the hot standby configuration"),
    ({"role": "backup"}, "standby server required in the hot standby configuration"),
    ({"name": "s1"}, "peer with name 's1' already specified"),
    ({"name": ""}, "peer name must not be empty"),
    ({"url": "http://host.example:8005/"}, "bad url 'http://host.example:8005/': Failed to convert string to address"),
    ({"url": "zz"}, "invalid URL: url zz lacks http or https scheme for server s2"),
    ({"url": "https://127.0.0.1:9/"}, "https scheme is not supported for server s2 where TLS is disabled"),
    ({"basic-auth-user": "u:x"}, "user 'u:x' must not contain a ':' in peer 's2'"),
    ({"basic-auth-password-file": "/nope"}, "bad password file in peer 's2': "),
]


def entry(pair: Pair, changes: dict[str, Any], peer: dict[str, Any]) -> dict[str, Any]:
    """The hook of the primary with something changed in it; None takes a parameter away."""
    hook = relationship("s1", pair.urls)
    found = hook["parameters"]["high-availability"][0]
    found |= changes
    for key in [key for key, value in found.items() if value is None]:
        del found[key]
    if peer:
        found["peers"][1] |= peer
    return hook


@pytest.mark.parametrize(
    ("changes", "peer", "reason"),
    [(changes, {}, reason) for changes, reason in BAD] + [({}, peer, reason) for peer, reason in PEER],
)
def test_bad_parameters_are_found_only_when_it_is_too_late(
    pair: Pair, changes: dict[str, Any], peer: dict[str, Any], reason: str
) -> None:
    side, service = pair.primary, pair.service
    assert pair.join(side)["result"] == 0
    before = side.shown(service)
    config = {"hooks-libraries": [LEASE_COMMANDS, entry(pair, changes, peer)]}
    assert side.test(service, config)["result"] == 0
    assert side.set(service, config) == FAILED
    assert reason in side.logged(service).rpartition("HA_CONFIGURATION_FAILED")[2]
    assert differences(before, side.shown(service)) == []
    commands = side.ask(service, "list-commands")["arguments"]
    assert [name for name in commands if name.startswith(("ha-", "lease4"))] == []
    assert "high-availability" not in side.status(service)
    assert side.status(service)["sockets"] == {"status": "ready"}
    assert pair.join(side)["result"] == 0
    assert side.local(service)["state"] == "waiting"


def test_a_library_that_is_not_there_is_found_before_anything_is_touched(pair: Pair) -> None:
    side, service = pair.primary, pair.service
    assert pair.join(side)["result"] == 0
    names = [f"{DIRECTORY}/one.so", f"{DIRECTORY}/two.so"]
    config = {"hooks-libraries": [{"library": names[0]}, LEASE_COMMANDS, {"library": names[1]}]}
    text = f"hooks libraries failed to validate - library or libraries in error are: {', '.join(names)} (<place>)"
    for answer in (side.test(service, config), side.set(service, config)):
        assert (answer["result"], placed(answer["text"])) == (1, text)
    assert side.local(service)["role"] == "primary"


def test_lists_of_no_or_two_relationships(pair: Pair) -> None:
    one = relationship("s1", pair.urls)["parameters"]["high-availability"][0]
    values: list[Any] = [[], [one, one], {}, None]
    for value in values:
        hook = {"library": HA, "parameters": {"high-availability": value} if value is not None else {}}
        assert pair.primary.set(pair.service, {"hooks-libraries": [LEASE_COMMANDS, hook]}) == FAILED


@pytest.mark.parametrize("mode", ["hot-standby", "load-balancing"])
def test_the_hook_fills_its_parameters_up(pair: Pair, mode: str) -> None:
    hook = relationship("s1", pair.urls, mode)
    given = hook["parameters"]["high-availability"][0]
    for key in ("heartbeat-delay", "max-response-delay", "max-ack-delay", "max-unacked-clients"):
        del given[key]
    given |= {"user-context": {"owner": "x"}, "unknown": [1], "multi-threading": {"http-client-threads": 2}}
    given["peers"][0] |= {"zz": 1, "basic-auth-user": "u", "basic-auth-password": "p"}
    assert pair.primary.set(pair.service, {"hooks-libraries": [LEASE_COMMANDS, hook]})["result"] == 0
    shown = pair.primary.shown(pair.service)["hooks-libraries"]
    assert shown[0] == LEASE_COMMANDS
    is_new = pair.primary.release >= Release.KEA_2_6
    filled = shown[1]["parameters"]["high-availability"][0]
    assert filled == given | {
        "delayed-updates-limit": 100 if mode == "load-balancing" else 0,
        "heartbeat-delay": 10000,
        "max-ack-delay": 10000,
        "max-response-delay": 60000,
        "max-unacked-clients": 10,
        "multi-threading": {
            "enable-multi-threading": is_new,
            "http-client-threads": 2,
            "http-dedicated-listener": is_new,
            "http-listener-threads": 0,
        },
        "peers": [{"auto-failover": True} | peer for peer in given["peers"]],
        "require-client-certs": True,
        "restrict-commands": pair.primary.release >= Release.KEA_3_0,
        "send-lease-updates": True,
        "sync-leases": True,
        "sync-page-limit": 10000,
        "sync-timeout": 60000,
        "wait-backup-ack": False,
    } | ({"max-rejected-lease-updates": 10} if is_new else {})


def test_a_database_that_cannot_be_opened_is_found_when_hooks_are_loaded_and_not_started(pair: Pair) -> None:
    """The commands are there, the relationship is not. (2.2.0 does not survive the next status-get.)"""
    side, service = pair.primary, pair.service
    assert pair.join(side)["result"] == 0
    before = side.shown(service)
    database = {"type": "memfile", "persist": True, "name": "/nope/leases.csv"}
    hooks = before["hooks-libraries"]
    answer = side.set(service, {"lease-database": database, "hooks-libraries": hooks, "valid-lifetime": 77})
    assert (answer["result"], answer["text"].startswith("Unable to open database: ")) == (1, True)
    if side.release >= Release.KEA_2_6:
        assert "ha-heartbeat" in side.ask(service, "list-commands")["arguments"]
        assert "high-availability" not in side.status(service)
        assert side.shown(service) == before
        assert pair.join(side)["result"] == 0
        assert side.local(service)["state"] == "waiting"
    side.stop(service)
