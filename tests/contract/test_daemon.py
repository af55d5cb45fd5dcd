"""What a daemon says about itself, and its simpler commands."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.model import Service
from reconciler.simulator import Release
from reconciler.simulator.libraries import DIRECTORY
from reconciler.simulator.tables import library_commands
from tests.contract.sides import LEASE_COMMANDS, Side

_ALWAYS = [
    "build-report", "config-backend-pull", "config-get", "config-reload", "config-set", "config-test", "config-write",
    "dhcp-disable", "dhcp-enable", "leases-reclaim", "libreload", "list-commands", "server-tag-get", "shutdown",
    "statistic-get", "statistic-get-all", "statistic-remove", "statistic-remove-all", "statistic-reset",
    "statistic-reset-all", "statistic-sample-age-set", "statistic-sample-age-set-all", "statistic-sample-count-set",
    "statistic-sample-count-set-all", "status-get", "version-get",
]  # fmt: skip


def always(side: Side, service: Service) -> list[str]:
    """What list-commands shows without any hook."""
    names = set(_ALWAYS)
    if side.release >= Release.KEA_2_6:
        names = names - {"libreload"} | {"config-hash-get"}
    if side.release >= Release.KEA_3_0:
        four = {"subnet4-select-test", "subnet4o6-select-test"}
        names |= four if service is Service.DHCP4 else {"subnet6-select-test"}
    return sorted(names)


def test_version_and_build_report(side: Side, service: Service) -> None:
    assert side.ask(service, "version-get")["text"] == side.release
    report = [line.split() for line in side.ask(service, "build-report")["text"].splitlines()]
    assert ["Hooks", "directory:", DIRECTORY] in report
    assert ["Prefix:", "/usr"] in report
    assert ["Version:", side.release] in report


def test_commands_come_and_go_with_hooks(side: Side, service: Service) -> None:
    side.set(service, {})
    assert side.ask(service, "list-commands") == {"result": 0, "arguments": always(side, service)}
    assert side.set(service, {"hooks-libraries": [LEASE_COMMANDS]})["result"] == 0
    more = [name for name in side.ask(service, "list-commands")["arguments"] if name not in always(side, service)]
    assert [name for name in more if not name.startswith("lease")] == []
    assert "lease4-get-page" in more
    assert "lease6-bulk-apply" in more
    assert len(more) == (22 if side.release < Release.KEA_2_6 else 24)
    side.set(service, {})
    assert side.ask(service, "list-commands")["arguments"] == always(side, service)


NEEDING_PARAMETERS = [
    "ddns_tuning", "flex_id", "flex_option", "ha", "lease_query", "legal_log", "ping_check", "run_script",
]  # fmt: skip
OF_ONE_SERVICE = {"bootp": Service.DHCP4}


def test_the_libraries_of_the_release_and_their_commands(side: Side, service: Service) -> None:
    for name, commands in library_commands(side.release).items():
        short = name.removeprefix("libdhcp_").removesuffix(".so")
        if short in NEEDING_PARAMETERS or OF_ONE_SERVICE.get(short, service) is not service:
            continue
        answer = side.set(service, {"hooks-libraries": [{"library": f"{DIRECTORY}/{name}"}]})
        assert (name, answer["result"]) == (name, 0)
        more = set(side.ask(service, "list-commands")["arguments"]) - set(always(side, service))
        assert (name, more) == (name, set(commands))
    side.set(service, {})


def test_a_command_that_nobody_knows(side: Side, service: Service) -> None:
    side.set(service, {})
    newer = ["config-hash-get"] if side.release < Release.KEA_2_6 else ["libreload"]
    for command in ("no-such-command", *newer, "ha-heartbeat", "lease4-get-page", "subnet4-add"):
        text = f"'{command}' command not supported."
        assert side.ask(service, command) == {"result": 2, "text": text}


def test_status_counts_from_the_start_and_from_the_last_configuration(side: Side, service: Service) -> None:
    side.set(service, {})
    before = side.status(service)
    assert set(before) == status_keys(side, service)
    side.let_pass(2.1)
    side.set(service, {service.subnets: [{"subnet": "nonsense"}]})
    side.test(service, {})
    later = side.status(service)
    assert later["pid"] == before["pid"]
    assert later["reload"] >= 2
    assert later["uptime"] >= before["uptime"] + 2
    side.set(service, {})
    assert side.status(service)["reload"] <= 1


def status_keys(side: Side, service: Service) -> set[str]:
    """What status-get shows without HA, of a server that was configured with nothing in particular."""
    keys = {"multi-threading-enabled", "pid", "reload", "sockets", "uptime"}
    if side.release >= Release.KEA_2_6:
        keys |= {"dhcp-state", "thread-pool-size", "packet-queue-size", "packet-queue-statistics"}
        keys |= {"extended-info-tables"} if service is Service.DHCP6 else set()
    return keys


def test_multi_threading_shows_in_status(side: Side, service: Service) -> None:
    threads = {"enable-multi-threading": True, "thread-pool-size": 3, "packet-queue-size": 17}
    assert side.set(service, {"multi-threading": threads})["result"] == 0
    status = side.status(service)
    assert status["multi-threading-enabled"] is True
    assert (status["thread-pool-size"], status["packet-queue-size"]) == (3, 17)
    for config, is_on in (({"multi-threading": {"enable-multi-threading": False}}, False), ({}, side.is_threaded)):
        assert side.set(service, config)["result"] == 0
        assert side.status(service)["multi-threading-enabled"] is is_on


def test_who_has_switched_dhcp_off(side: Side, service: Service) -> None:
    if side.release < Release.KEA_2_6:
        assert "dhcp-state" not in side.status(service)
        return
    nobody = {
        "disabled-by-db-connection": [],
        "disabled-by-local-command": [],
        "disabled-by-remote-command": [],
        "disabled-by-user": False,
        "globally-disabled": False,
    }
    side.set(service, {})
    assert side.status(service)["dhcp-state"] == nobody
    for origin, shown in (
        ("user", {"disabled-by-user": True}),
        ("ha-partner", {"disabled-by-remote-command": [2000]}),
        (2000, {"disabled-by-remote-command": [2000]}),
        (1000, {"disabled-by-local-command": [1000]}),
    ):
        side.ask(service, "dhcp-disable", {"origin": origin})
        assert side.status(service)["dhcp-state"] == nobody | shown | {"globally-disabled": True}
        side.set(service, {})
        is_kept = origin == "user"
        assert side.status(service)["dhcp-state"]["globally-disabled"] is is_kept
        side.ask(service, "dhcp-enable", {"origin": origin})
        assert side.status(service)["dhcp-state"] == nobody


def test_the_hash_of_the_configuration(side: Side, service: Service) -> None:
    answer = side.set(service, {"valid-lifetime": 1234})
    if side.release < Release.KEA_2_6:
        assert answer == {"result": 0, "text": "Configuration successful."}
        return
    first = answer["arguments"]["hash"]
    assert len(first) == 64
    assert side.ask(service, "config-hash-get") == {"result": 0, "arguments": {"hash": first}}
    assert side.ask(service, "config-get")["arguments"]["hash"] == first
    assert side.set(service, {"valid-lifetime": 1235})["arguments"]["hash"] != first
    side.ask(service, "config-write")
    assert side.set(service, side.shown(service) | {"valid-lifetime": 1234})["arguments"]["hash"] == first
    reloaded = side.ask(service, "config-reload")["arguments"]["hash"]
    assert reloaded not in (first, "")
    assert "arguments" not in side.test(service, {})


SERVING: list[tuple[str, Any, dict[str, Any]]] = [
    ("dhcp-disable", None, {"result": 0, "text": "DHCPvN service disabled"}),
    ("dhcp-disable", {"max-period": 3}, {"result": 0, "text": "DHCPvN service disabled for 3 seconds"}),
    ("dhcp-disable", {"max-period": 0}, {"result": 1, "text": "'max-period' must be positive integer"}),
    ("dhcp-disable", {"max-period": "x"}, {"result": 1, "text": "'max-period' argument must be a number"}),
    ("dhcp-disable", {"origin": "x"}, {"result": 1, "text": "invalid value used for 'origin' parameter: x"}),
    ("dhcp-disable", [], {"result": 1, "text": "arguments for the 'dhcp-disable' command must be a map"}),
    ("dhcp-disable", {"origin": "ha-partner"}, {"result": 0, "text": "DHCPvN service disabled"}),
    ("dhcp-enable", {"origin": "ha-partner"}, {"result": 0, "text": "DHCP service successfully enabled"}),
    ("dhcp-enable", {"origin": "x"}, {"result": 1, "text": "invalid value used for 'origin' parameter: x"}),
    ("dhcp-enable", None, {"result": 0, "text": "DHCP service successfully enabled"}),
    ("server-tag-get", None, {"result": 0, "arguments": {"server-tag": ""}}),
    ("config-backend-pull", None, {"result": 3, "text": "No config backend."}),
    ("leases-reclaim", {"remove": True}, {"result": 0, "text": "Reclamation of expired leases is complete."}),
    ("leases-reclaim", None, {"result": 1, "text": "Missing mandatory 'remove' parameter."}),
]


@pytest.mark.parametrize(("command", "arguments", "wanted"), SERVING)
def test_small_commands(side: Side, service: Service, command: str, arguments: Any, wanted: dict[str, Any]) -> None:
    side.set(service, {})
    answer = side.ask(service, command, arguments)
    assert answer == {key: _named(value, service) for key, value in wanted.items()}


def _named(value: Any, service: Service) -> Any:
    return value.replace("DHCPvN", f"DHCPv{service.value[-1]}") if isinstance(value, str) else value


def test_libreload_was_removed(side: Side, service: Service) -> None:
    side.set(service, {})
    done = {"result": 0, "text": "Hooks libraries successfully reloaded."}
    gone = {"result": 2, "text": "'libreload' command not supported."}
    assert side.ask(service, "libreload") == (done if side.release < Release.KEA_2_6 else gone)


LEASES: list[tuple[Any, dict[str, Any]]] = [
    (None, {"result": 1, "text": "no parameters specified for the leaseN-get-page command"}),
    ({}, {"result": 1, "text": "'from' parameter not specified"}),
    ({"from": "start"}, {"result": 1, "text": "'limit' parameter not specified"}),
    ({"from": "start", "limit": 0}, {"result": 1, "text": "page size of retrieved leases must not be 0"}),
    ({"from": "start", "limit": "x"}, {"result": 1, "text": "'limit' parameter must be a number"}),
    (
        {"from": "start", "limit": 10},
        {"result": 3, "text": "0 IPvN lease(s) found.", "arguments": {"count": 0, "leases": []}},
    ),
    (
        {"from": "x", "limit": 1},
        {"result": 1, "text": "'from' parameter value is neither 'start' keyword nor a valid IPvN address"},
    ),
]


@pytest.mark.parametrize(("arguments", "wanted"), LEASES)
def test_a_page_of_no_leases(side: Side, service: Service, arguments: Any, wanted: dict[str, Any]) -> None:
    assert side.set(service, {"hooks-libraries": [LEASE_COMMANDS]})["result"] == 0
    family = service.value[-1]
    text = wanted["text"].replace("leaseN", f"lease{family}").replace("IPvN", f"IPv{family}")
    assert side.ask(service, f"lease{family}-get-page", arguments) == wanted | {"text": text}
