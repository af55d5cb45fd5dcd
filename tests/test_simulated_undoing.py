"""A change that fails after the servers were set is taken back whole, and nothing else is told of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.model import Mode, Service
from reconciler.simulator import Release
from tests.cli.life import USUAL, WRITES, Life

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from reconciler.model import Endpoint

SERVERS = ("kea-a", "kea-b")


class Parting(Life):
    """A pair whose servers, once `is_parting`, lose each other with a config-set and meet with the next; with the
    second, if not said otherwise.
    """

    is_parting = False
    parts_with = 2

    def begins(self, endpoint: Endpoint, command: str) -> None:
        super().begins(endpoint, command)
        sets = [each[1] for each in self.story].count("config-set")
        if self.is_parting and command == "config-set" and sets == self.parts_with:
            self.world.partition(*SERVERS)
        if self.is_parting and command == "config-set" and sets == self.parts_with + 1:
            self.world.heal(*SERVERS)


def rename(life: Life) -> None:
    for peer in life.documents[0]["peers"]:
        peer["name"] = "new-" + peer["server"]


def balance(life: Life) -> None:
    life.documents[0]["mode"] = "load-balancing"
    life.documents[0]["peers"][1]["role"] = "secondary"


def rename_and_balance(life: Life) -> None:
    rename(life)
    balance(life)


@pytest.mark.parametrize(
    ("mode", "change"),
    [
        (Mode.LOAD_BALANCING, rename),
        (Mode.HOT_STANDBY, balance),
        (Mode.HOT_STANDBY, rename_and_balance),
    ],
)
def test_servers_that_got_back_what_they_had_are_not_asked_for_what_they_were_to_serve(
    tmp_path: Path, mode: Mode, change: Callable[[Life], None]
) -> None:
    with Parting(tmp_path) as life:
        life.add_pair("hq", Service.DHCP4, mode, servers=SERVERS)
        life.documents[0]["parameters"] = dict(USUAL)
        life.write()
        assert life.run("apply", "--yes").exit_code == 0
        before = [life.endpoint(name).config for name in SERVERS]
        change(life)
        life.write()
        life.story.clear()
        life.is_parting = True
        report = life.run("apply", "--yes", "--format", "json").json["relationships"][0]
        assert [life.endpoint(name).config for name in SERVERS] == before
        assert [server["result"] for server in report["servers"]] == ["restored", "restored"], report
        last = max(place for place, (_, command) in enumerate(life.story) if command == "config-set")
        assert "ha-scopes" not in [command for _, command in life.story[last:]]


@pytest.mark.parametrize("release", [Release.KEA_2_6, Release.KEA_3_0])
def test_who_answers_for_a_server_is_off_for_the_moment_in_which_that_is_put_back(
    tmp_path: Path, release: Release
) -> None:
    """As it is for that of the set: with listeners of their own a lease update would fail in it."""
    with Parting(tmp_path, release) as life:
        life.add_pair("hq", Service.DHCP4, Mode.LOAD_BALANCING, servers=SERVERS)
        life.documents[0]["parameters"] = dict(USUAL)
        life.write()
        assert life.run("apply", "--yes").exit_code == 0
        life.documents[0]["parameters"]["max-unacked-clients"] = 3
        life.write()
        life.story.clear()
        life.is_parting, life.parts_with = True, 1
        report = life.run("apply", "--yes", "--format", "json").json["relationships"][0]
        assert "restored" in [server["result"] for server in report["servers"]], report
        sent = [each for each in life.story if each[1] in WRITES]
        moment = [("kea-a", "dhcp-disable"), ("kea-b", "config-set"), ("kea-a", "dhcp-enable")]
        assert [each for each in sent if each in moment] == 2 * moment
        assert all(endpoint.serves for endpoint in map(life.endpoint, SERVERS))
