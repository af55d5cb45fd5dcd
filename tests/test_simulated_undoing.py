"""A change that fails after the servers were set is taken back whole, and nothing else is told of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.model import Deed, Mode, Service
from reconciler.planning import steps
from reconciler.simulator import Release
from tests.cli.life import USUAL, WRITES, Life
from tests.pairs import PAIR_MODES
from tests.test_simulated_single_commands import S, body

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from reconciler.model import Endpoint, Step

SERVERS = ("kea-a", "kea-b")
APPROVED = ("--approve", "shared-pools")


class Parting(Life):
    """A pair whose servers, once `is_parting`, lose each other with a config-set and meet with the next; with the
    second, if not said otherwise.
    """

    is_parting = False
    parts_with = 2
    meddled_with = ""  # where somebody adds a class by hand when the first is put back

    def begins(self, endpoint: Endpoint, command: str) -> None:
        super().begins(endpoint, command)
        sets = [each[1] for each in self.story].count("config-set")
        if self.is_parting and command == "config-set" and sets == self.parts_with:
            self.world.partition(*SERVERS)
        if self.is_parting and command == "config-set" and sets == self.parts_with + 1:
            self.world.heal(*SERVERS)
            if self.meddled_with:
                theirs = {"client-classes": [{"name": "theirs"}]}
                assert self.endpoint(self.meddled_with).command("class-add", theirs)["result"] == 0


def rename(life: Life) -> None:
    for peer in life.documents[0]["peers"]:
        peer["name"] = "new-" + peer["server"]


def balance(life: Life) -> None:
    life.documents[0]["mode"] = "load-balancing"
    life.documents[0]["peers"][1]["role"] = "secondary"


def swap(life: Life) -> None:
    one, two = life.documents[0]["peers"]
    one["role"], two["role"] = two["role"], one["role"]


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


@pytest.mark.parametrize("mode", PAIR_MODES)
@pytest.mark.parametrize("primary", SERVERS)
def test_where_one_of_two_that_exchange_roles_was_changed_by_hand_meanwhile_all_are_answered_by_one(
    tmp_path: Path, mode: Mode, primary: str
) -> None:
    """The first that was set is the last to be put back, and answered for the other until then. It is left as somebody
    made it, so that both may be standbys.
    """
    with Parting(tmp_path, Release.KEA_3_0) as life:
        names = SERVERS if primary == SERVERS[0] else SERVERS[::-1]
        life.add_pair("hq", S, mode, servers=names, configurations={name: body() for name in names})
        life.documents[0]["parameters"] = dict(USUAL)
        life.write()
        assert life.run("apply", "--yes").exit_code == 0
        life.let_pass(30)
        swap(life)
        life.write()
        life.meddled_with = next(step.server for step in planned_steps(life) if step.deed is Deed.SET)
        life.story.clear()
        life.is_parting = True
        report = life.run("apply", "--yes", *APPROVED, "--format", "json").json["relationships"][0]
        found = {server["server"]: server["result"] for server in report["servers"]}
        assert found.pop(life.meddled_with) == "failed", report
        assert list(found.values()) == ["restored"], report
        assert "theirs" in str(life.endpoint(life.meddled_with).config["client-classes"])
        for _ in range(10):
            life.let_pass(1)
            answering = life.world.serving("10.0.1.0/24", S)
            assert not answering.is_nobody, (answering, report)
            assert not answering.is_double, (answering, report)


def planned_steps(life: Life) -> list[Step]:
    assert life.run("plan", *APPROVED).exit_code == 0
    assert life.plan is not None
    return [step for part in steps.parts(life.plan.relationships[0]) for step in part]
