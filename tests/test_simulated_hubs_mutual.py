"""Two servers that are in two relationships with each other, each the primary of one: both are hubs."""

from __future__ import annotations

import os
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.model import Service
from reconciler.simulator import Release
from reconciler.state.directory import default_directory
from reconciler.state.runs import open_store
from tests.cli.life import USUAL, Life
from tests.cli.site import subnet

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DHCP4 = Service.DHCP4
SERVERS = ("kea-a", "kea-b")


class Mutual(Life):
    """The first relationship has the primary kea-a, the second kea-b."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, Release.KEA_3_0)

    def _peer(self, server: str, number: int) -> dict[str, Any]:
        host, _, port = self[server].ha_url(DHCP4).rstrip("/").rpartition(":")
        return {"server": server, "name": f"{server}-{number}", "url": f"{host}:{int(port) + 1000 * number}/"}

    def __enter__(self) -> Mutual:
        super().__enter__()
        nets = [subnet(DHCP4, number, user_context={"ha-server-name": f"{SERVERS[0]}-{number}"}) for number in (1, 2)]
        for name in SERVERS:
            self.world.add_server(name, {DHCP4: {"subnet4": nets}}, version=self.release)
            self.inventory[name] = {"dhcp4": {"control": self[name].control}}
        for number, order in enumerate((SERVERS, SERVERS[::-1]), 1):
            peers = [self._peer(server, number) for server in order]
            peers[0]["role"], peers[1]["role"] = "primary", "standby"
            document = {"name": f"r{number}", "service": "dhcp4", "mode": "hot-standby", "peers": peers}
            self.documents.append({**document, "parameters": dict(USUAL)})
        self.write()
        made = self.run("apply", "--yes")
        assert made.exit_code == 0, made
        self.let_pass(60)
        self.story.clear()
        return self

    def slower(self) -> None:
        """Another timer for the first relationship."""
        self.documents[0]["parameters"]["max-ack-delay"] = 3000
        self.write()

    def sets(self) -> list[str]:
        return [server for server, command in self.story if command == "config-set"]


@pytest.fixture
def mutual(tmp_path: Path) -> Iterator[Mutual]:
    with Mutual(tmp_path) as life:
        yield life


def test_each_server_s_steps_are_written_down_as_its_own(mutual: Mutual) -> None:
    mutual.slower()
    done = mutual.run("apply", "--yes")
    assert done.exit_code == 0, done
    assert set(mutual.sets()) == set(SERVERS)
    with closing(open_store(default_directory(os.environ))) as store:
        steps = store.database.execute(
            "SELECT step.server, part.server FROM step JOIN part ON part.number = step.part "
            "WHERE command = 'config-set'"
        ).fetchall()
        settled = store.database.execute("SELECT count(*), count(settled_at) FROM part").fetchone()
    assert {own == noted for own, noted in steps} == {True}, steps
    assert settled[0] == settled[1], settled
    assert mutual.run("status").exit_code == 0
    assert mutual.run("plan", "--detailed-exitcode").exit_code == 0


def test_roles_are_swapped_by_a_partner_that_is_not_set_itself(mutual: Mutual) -> None:
    """Both are set in one stage: neither can answer for the other in the second relationship, and the plan says so."""
    first, second = mutual.documents[0]["peers"]
    first["role"], second["role"] = second["role"], first["role"]
    mutual.write()
    planned = mutual.run("plan")
    assert "its partner there is set with it" in planned.stdout
    done = mutual.run("apply", "--yes")
    assert done.exit_code == 0, done
    assert mutual.run("plan", "--detailed-exitcode").exit_code == 0
