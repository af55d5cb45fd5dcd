"""Operations and comparisons on real Kea where a relationship has a backup, and where a server is in two of them."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from lab.kea import base_configuration
from reconciler.model import Service
from tests.kea.world import HURRIED, Run, run, subnet, until

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lab.laboratory import Laboratory

pytestmark = pytest.mark.kea
S = Service.DHCP4
HOOKS = "/usr/lib/x86_64-linux-gnu/kea/hooks"


class Site:
    """Servers that were put into relationships by hand, and for each relationship a folder that describes it."""

    def __init__(self, lab: Laboratory, *names: str, subnets: Sequence[Mapping[str, Any]]) -> None:
        body = base_configuration(S, subnet4=list(subnets))
        self.servers = {name: lab.server(name, {S: body}) for name in names}
        self.folder = lab.directory
        self.blocks: dict[str, list[dict[str, Any]]] = {name: [] for name in names}

    def relate(self, name: str, peers: Sequence[tuple[str, str, str, str]]) -> None:
        """Describe a hot-standby relationship of (server, name in Kea, role, url), for `start` and in desired."""
        listed = [{"name": kea, "role": role, "url": url} for _, kea, role, url in peers]
        for server, kea, _, _ in peers:
            block = {"this-server-name": kea, "mode": "hot-standby", "peers": listed, **HURRIED}
            self.blocks[server].append(block)
        document = {
            "name": name,
            "mode": "hot-standby",
            "peers": [{"server": s, "name": kea, "role": role, "url": url} for s, kea, role, url in peers],
            "parameters": dict(HURRIED),
        }
        inventory = {server: {"dhcp4": {"control": self.servers[server].control}} for server, *_ in peers}
        desired = self.folder / name
        (desired / "relationships").mkdir(parents=True)
        (desired / "servers.yaml").write_text(yaml.safe_dump({"servers": inventory}))
        (desired / "relationships" / "only.yaml").write_text(yaml.safe_dump(document))

    def start(self, expected: Mapping[str, Sequence[str]]) -> None:
        """Load the hooks everywhere and wait for these states of each server, relationship by relationship."""
        for name, server in self.servers.items():
            libraries = [
                {"library": f"{HOOKS}/libdhcp_lease_cmds.so"},
                {"library": f"{HOOKS}/libdhcp_ha.so", "parameters": {"high-availability": self.blocks[name]}},
            ]
            server.set_config(S, {**server.config(S), "hooks-libraries": libraries})
        until(lambda: all(self.states(name) == list(states) for name, states in expected.items()), "normal servers")

    def states(self, name: str) -> list[str]:
        entries = self.servers[name].command(S, "status-get")["arguments"].get("high-availability", [])
        return [each["ha-servers"]["local"]["state"] for each in entries]

    def run(self, name: str, command: str, *arguments: str) -> Run:
        return run(command, "--desired", str(self.folder / name), *arguments)

    def must(self, name: str, *words: str, result: str = "done", code: int = 0) -> Any:
        done = self.run(name, *words, "--yes", "--format", "json")
        assert (done.exit_code, done.json["result"]) == (code, result), done
        return done.json

    def compared(self, name: str, code: int = 0) -> Any:
        done = self.run(name, "leases", "compare", name, "--format", "json", "--detailed-exitcode")
        assert done.exit_code == code, done
        return done.json

    def lease(self, name: str, number: int, network: int = 1) -> None:
        wanted = {"ip-address": f"10.0.{network}.{number}", "hw-address": f"aa:bb:cc:00:{network:02x}:{number:02x}"}
        reply = self.servers[name].command(S, "lease4-add", {**wanted, "subnet-id": network})
        assert reply["result"] == 0, reply


def test_a_backup_is_compared_too_and_has_no_maintenance(lab: Laboratory) -> None:
    site = Site(lab, "kea-a", "kea-b", "kea-c", subnets=[subnet(S, 1)])
    roles = {"kea-a": "primary", "kea-b": "standby", "kea-c": "backup"}
    site.relate("hq", [(name, name, role, site.servers[name].ha_url(S)) for name, role in roles.items()])
    site.start({"kea-a": ["hot-standby"], "kea-b": ["hot-standby"], "kea-c": ["backup"]})
    for name in ("kea-a", "kea-b"):
        site.lease(name, 20)
    site.lease("kea-a", 21)
    report = site.compared("hq", code=2)
    assert [each["leases"] for each in report["servers"]] == [2, 1, 0]
    assert report["counts"]["missing"] == 2
    fetched = site.must("hq", "sync", "kea-c")
    assert any("kea-c fetches the leases of kea-a" in note for note in fetched["notes"])
    (left,) = site.compared("hq", code=2)["differences"]
    assert left["address"] == "10.0.1.21"
    assert [each["lease"] is None for each in left["leases"]] == [False, True, False]
    site.must("hq", "sync", "kea-b", "--from", "kea-c")
    assert site.compared("hq")["differences"] == []
    refused = site.must("hq", "maintenance", "start", "kea-c", result="refused", code=3)
    assert [each["code"] for each in refused["refusals"]] == ["role"]
    site.must("hq", "maintenance", "start", "kea-a")
    site.must("hq", "maintenance", "stop", "kea-a")
    report = site.must("hq", "reset", "kea-c")
    assert [each["ha_state"] for each in report["after"]] == ["hot-standby", "hot-standby", "backup"]


@pytest.mark.generations("2.6", "3.0")
def test_a_hub_s_branches_are_told_apart(lab: Laboratory) -> None:
    owned = [subnet(S, 1, user_context={"ha-server-name": "hub-1"})]
    owned.append(subnet(S, 2, user_context={"ha-server-name": "hub-2"}))
    site = Site(lab, "hub", "branch-1", "branch-2", subnets=owned)
    urls = {1: site.servers["hub"].peer_url(S), 2: f"http://127.0.0.1:{_free_port()}/"}  # a listener for each
    for number in (1, 2):
        branch = f"branch-{number}"
        site.relate(
            f"to-{branch}",
            [
                (branch, branch, "primary", site.servers[branch].peer_url(S)),
                ("hub", f"hub-{number}", "standby", urls[number]),
            ],
        )
    site.start({"hub": ["hot-standby"] * 2, "branch-1": ["hot-standby"], "branch-2": ["hot-standby"]})
    for number in (1, 2):
        site.lease(f"branch-{number}", 20, number)
        site.lease("hub", 20, number)
    site.lease("hub", 30, 2)
    assert [each["leases"] for each in site.compared("to-branch-1")["servers"]] == [1, 1]
    assert site.compared("to-branch-2", code=2)["differences"][0]["address"] == "10.0.2.30"
    refused = site.must("to-branch-1", "maintenance", "start", "branch-1", result="refused", code=3)
    assert [each["code"] for each in refused["refusals"]] == ["several-relationships"]
    report = site.must("to-branch-2", "maintenance", "start", "hub")
    assert [each["ha_state"] for each in report["after"]] == ["partner-in-maintenance", "in-maintenance"]
    assert site.states("hub") == ["hot-standby", "in-maintenance"]
    site.must("to-branch-2", "maintenance", "stop", "hub")
    site.must("to-branch-1", "reset", "hub")
    assert site.states("hub") == ["hot-standby", "hot-standby"]


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
