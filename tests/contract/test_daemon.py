"""What a daemon says about itself, and its simpler commands."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.model import Service
from reconciler.simulator.libraries import DIRECTORY
from tests.contract.sides import LEASE_COMMANDS, Side

ALWAYS = [
    "build-report", "config-backend-pull", "config-get", "config-reload", "config-set", "config-test", "config-write",
    "dhcp-disable", "dhcp-enable", "leases-reclaim", "libreload", "list-commands", "server-tag-get", "shutdown",
    "statistic-get", "statistic-get-all", "statistic-remove", "statistic-remove-all", "statistic-reset",
    "statistic-reset-all", "statistic-sample-age-set", "statistic-sample-age-set-all", "statistic-sample-count-set",
    "statistic-sample-count-set-all", "status-get", "version-get",
]  # fmt: skip


def test_version_and_build_report(side: Side, service: Service) -> None:
    assert side.ask(service, "version-get")["text"] == "2.2.0"
    report = side.ask(service, "build-report")["text"].splitlines()
    assert f"   Hooks directory:   {DIRECTORY}" in report
    assert "   Prefix:            /usr" in report


def test_commands_come_and_go_with_hooks(side: Side, service: Service) -> None:
    side.set(service, {})
    assert side.ask(service, "list-commands") == {"result": 0, "arguments": ALWAYS}
    assert side.set(service, {"hooks-libraries": [LEASE_COMMANDS]})["result"] == 0
    more = [name for name in side.ask(service, "list-commands")["arguments"] if name not in ALWAYS]
    assert [name for name in more if not name.startswith("lease")] == []
    assert "lease4-get-page" in more
    assert "lease6-bulk-apply" in more
    assert len(more) == 22
    side.set(service, {})
    assert side.ask(service, "list-commands")["arguments"] == ALWAYS


def test_a_command_that_nobody_knows(side: Side, service: Service) -> None:
    side.set(service, {})
    for command in ("no-such-command", "config-hash-get", "ha-heartbeat", "lease4-get-page", "subnet4-add"):
        text = f"'{command}' command not supported."
        assert side.ask(service, command) == {"result": 2, "text": text}


def test_status_counts_from_the_start_and_from_the_last_configuration(side: Side, service: Service) -> None:
    side.set(service, {})
    before = side.status(service)
    assert set(before) == {"multi-threading-enabled", "pid", "reload", "sockets", "uptime"}
    side.let_pass(2.1)
    side.set(service, {service.subnets: [{"subnet": "nonsense"}]})
    side.test(service, {})
    later = side.status(service)
    assert later["pid"] == before["pid"]
    assert later["reload"] >= 2
    assert later["uptime"] >= before["uptime"] + 2
    side.set(service, {})
    assert side.status(service)["reload"] <= 1


def test_multi_threading_shows_in_status(side: Side, service: Service) -> None:
    threads = {"enable-multi-threading": True, "thread-pool-size": 3, "packet-queue-size": 17}
    assert side.set(service, {"multi-threading": threads})["result"] == 0
    status = side.status(service)
    assert status["multi-threading-enabled"] is True
    assert (status["thread-pool-size"], status["packet-queue-size"]) == (3, 17)
    assert side.set(service, {})["result"] == 0
    assert side.status(service)["multi-threading-enabled"] is False


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
    ("libreload", None, {"result": 0, "text": "Hooks libraries successfully reloaded."}),
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
