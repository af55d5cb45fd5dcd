from __future__ import annotations

import json
import os
import socket
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from lab import instance
from lab.control import is_answering
from lab.errors import LabError
from lab.generation import found
from lab.kea import base_configuration, pair
from reconciler.model import Service

if TYPE_CHECKING:
    from lab.laboratory import Laboratory
    from lab.server import KeaServer

V4, V6 = Service.DHCP4, Service.DHCP6
pytestmark = pytest.mark.kea


def through_agent(server: KeaServer, service: Service, command: str) -> dict[str, Any]:
    request = {"command": command, "service": [service]}
    answer: dict[str, Any] = httpx.post(server.control, json=request, trust_env=False).raise_for_status().json()[0]
    return answer


def exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_both_services_answer_behind_one_agent_with_what_they_were_given(lab: Laboratory) -> None:
    subnet = {"id": 7, "subnet": "2001:db8::/64"}
    server = lab.server("one", {V4: base_configuration(V4), V6: base_configuration(V6, subnets=[subnet])})
    for service in (V4, V6):
        assert (
            through_agent(server, service, "config-get")["arguments"]
            == server.command(service, "config-get")["arguments"]
        )
    assert [(found["id"], found["subnet"]) for found in server.config(V6)["subnet6"]] == [(7, "2001:db8::/64")]
    assert server.config(V4)["subnet4"] == []


def test_servers_of_a_pair_share_nothing(lab: Laboratory) -> None:
    a, b = lab.pair([V4, V6])
    own = [
        (
            server.control,
            server.peer_url(service),
            server.unix(service),
            server.config_file(service),
            server.pid(service),
        )
        for server in (a, b)
        for service in (V4, V6)
    ]
    assert len({one for values in own for one in values}) == 2 * 1 + 4 * 4
    assert a.config(V6)["server-id"]["identifier"] != b.config(V6)["server-id"]["identifier"]


def test_everything_that_runs_and_is_written_ends_with_the_pair(tmp_path: Path) -> None:
    pids: list[int] = []
    controls: list[str] = []

    def use_a_pair_badly() -> None:
        with pair(tmp_path) as servers:
            pids.extend(server.pid(V4) for server in servers)
            controls.extend(server.control for server in servers)
            raise RuntimeError(servers)

    with pytest.raises(RuntimeError):
        use_a_pair_badly()
    assert len(pids) == len(set(controls)) == 2
    assert not any(exists(pid) for pid in pids)
    assert not any(is_answering(control) for control in controls)


def test_a_frozen_daemon_executes_after_thawing_what_it_was_sent(kea_pair: tuple[KeaServer, KeaServer]) -> None:
    server = kea_pair[0]
    server.freeze(V4)
    with pytest.raises(TimeoutError):
        server.command(V4, "config-set", {"Dhcp4": server_config(server, lifetime=1234)}, seconds=0.2)
    server.thaw(V4)
    assert server.config(V4)["valid-lifetime"] == 1234


def server_config(server: KeaServer, lifetime: int) -> dict[str, Any]:
    config: dict[str, Any] = json.loads(server.config_file(V4).read_bytes())["Dhcp4"]
    return config | {"valid-lifetime": lifetime}


def test_a_frozen_server_is_ended_all_the_same(lab: Laboratory) -> None:
    server = lab.server("one", {V4: base_configuration(V4)})
    pid = server.pid(V4)
    server.freeze(V4)
    server.stop()
    assert not exists(pid)


def test_a_restart_loses_what_was_only_set_and_keeps_what_was_written(lab: Laboratory) -> None:
    server = lab.server("one", {V4: base_configuration(V4)})
    server.set_config(V4, server.config(V4) | {"valid-lifetime": 1111})
    assert server.command(V4, "config-write")["result"] == 0
    server.set_config(V4, server.config(V4) | {"valid-lifetime": 2222})
    before = server.pid(V4)
    server.kill_daemon(V4)
    assert not server.is_running(V4)
    assert through_agent(server, V4, "config-get")["text"].endswith("The server is likely to be offline")
    server.start_daemon(V4)
    assert server.pid(V4) != before
    assert server.config(V4)["valid-lifetime"] == 1111


def test_daemons_go_on_without_their_agent(lab: Laboratory) -> None:
    server = lab.server("one", {V4: base_configuration(V4)})
    server.stop_agent()
    assert not is_answering(server.control)
    assert server.command(V4, "version-get")["result"] == 0
    server.start_agent()
    assert through_agent(server, V4, "version-get")["result"] == 0


def test_a_daemon_that_does_not_start_says_why_and_leaves_nothing_running(lab: Laboratory) -> None:
    body = base_configuration(V4, subnets=[{"id": 1, "subnet": "10.0.0.0/33"}])
    with pytest.raises(LabError, match=r"(?s)one \(dhcp4\) ended by itself.*Invalid prefix length"):
        lab.server("one", {V4: body})
    assert list(lab.directory.glob("one/*/*.pid")) == []


def test_faketime_moves_the_daemons_clock_and_signals_still_reach_the_daemon(lab: Laboratory) -> None:
    server = lab.server("skewed", {V4: base_configuration(V4)}, faketime="+90s")
    line = server.log(V4).splitlines()[-1]
    logged = datetime.strptime(line[:19], "%Y-%m-%d %H:%M:%S")
    ahead = logged - datetime.now()
    assert timedelta(seconds=85) < ahead < timedelta(seconds=95)
    pid = server.pid(V4)
    assert pid == server.command(V4, "status-get")["arguments"]["pid"]
    server.kill_daemon(V4)
    assert not exists(pid)


def test_an_agent_that_wants_a_password_counts_as_ready(lab: Laboratory) -> None:
    clients = [{"user": "lab", "password": "only-for-this-test"}]
    server = lab.server(
        "guarded",
        {V4: base_configuration(V4)},
        agent={"authentication": {"type": "basic", "realm": "x", "clients": clients}},
    )
    with pytest.raises(httpx.HTTPStatusError, match="401"):
        through_agent(server, V4, "version-get")


def test_logs_come_without_the_secrets_of_the_configuration(lab: Laboratory) -> None:
    server = lab.server("one", {V4: base_configuration(V4, user_context={"api-token": "canary-5150"})})
    with (server.folder(V4) / "kea.log").open("a") as log:
        log.write("something said canary-5150\n")
    logs = lab.logs()
    assert set(logs) == {"one (agent)", "one (dhcp4)"}
    assert "something said (hidden)" in logs["one (dhcp4)"]
    assert "canary-5150" in server.log(V4)


def test_a_folder_with_a_long_path_is_no_trouble(tmp_path: Path) -> None:
    with pair(tmp_path / ("long" * 20)) as (a, b):
        assert a.command(V4, "version-get")["result"] == b.command(V4, "version-get")["result"] == 0


@pytest.mark.generations("2.2")
def test_where_apparmor_binds_the_programs_copies_of_them_run(lab: Laboratory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instance, "is_confined", lambda _: True)
    server = lab.server("one", {V4: base_configuration(V4)})
    ran = Path(f"/proc/{server.pid(V4)}/exe").readlink()
    assert ran == server.folder(V4) / "kea-dhcp4"
    assert through_agent(server, V4, "version-get")["result"] == 0


def test_a_command_can_be_wrapped_and_replaced(lab: Laboratory) -> None:
    program = found("kea-dhcp4")
    assert program is not None
    server = lab.server(
        "one",
        {V4: base_configuration(V4)},
        wrapper=("env", "LAB_MARK=here"),
        executables={"kea-dhcp4": ("nice", "-n", "1", program)},
    )
    assert b"LAB_MARK=here" in Path(f"/proc/{server.pid(V4)}/environ").read_bytes()
    assert os.getpriority(os.PRIO_PROCESS, server.pid(V4)) == min(os.getpriority(os.PRIO_PROCESS, 0) + 1, 19)


def test_a_server_can_have_an_address_and_a_port_of_choice_unless_it_is_taken(lab: Laboratory) -> None:
    with socket.create_server(("127.0.0.31", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(LabError, match=rf"TCP port {port} of 127\.0\.0\.31 is taken"):
            lab.server("one", {V4: base_configuration(V4)}, address="127.0.0.31", port=port)
        server = lab.server("two", {V4: base_configuration(V4)}, address="127.0.0.32", port=port)
        assert server.control == f"http://127.0.0.32:{port}/"
        assert through_agent(server, V4, "version-get")["result"] == 0
