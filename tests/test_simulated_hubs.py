"""Hubs on simulated servers: what becomes of one relationship's servers when another of the hub's changes or ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import pytest

from reconciler.kea import guards, hooks
from reconciler.model import Service
from reconciler.simulator import Release
from tests.cli.life import USUAL, WRITES, Life
from tests.cli.site import subnet

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DHCP4 = Service.DHCP4
APPROVED = ("--yes", "--approve", "remove-relationship")


class Hub(Life):
    """The relationships east and west of a hub with one server each, and a spare; `role` is the hub's in both."""

    def __init__(self, folder: Path, role: str) -> None:
        super().__init__(folder, Release.KEA_3_0)
        self.role = role

    def __enter__(self) -> Self:
        super().__enter__()
        is_standby = self.role == "standby"
        tags = {name: {} if is_standby else {"user_context": {"ha-server-name": name}} for name in ("east", "west")}
        subnets = {"east": [subnet(DHCP4, 1, **tags["east"])], "west": [subnet(DHCP4, 11, **tags["west"])]}
        bodies = subnets if is_standby else {"hub": [*subnets["east"], *subnets["west"]]}
        for name in ("east", "west", "hub", "spare"):
            self.world.add_server(name, {DHCP4: {"subnet4": bodies.get(name, [])}}, version=self.release)
            self.inventory[name] = {"dhcp4": {"control": self[name].control}}
        host, _, port = self["hub"].ha_url(DHCP4).rstrip("/").rpartition(":")
        for number, name in enumerate(("east", "west")):
            url = f"{host}:{int(port) + 1000 * number}/"
            hub = {"server": "hub", "name": f"hub-{name}", "role": self.role, "url": url}
            other = {"role": "primary" if is_standby else "standby"} | self.peer(name)
            document = {"name": name, "service": "dhcp4", "mode": "hot-standby", "peers": [hub, other]}
            self.documents.append(document | {"parameters": dict(USUAL)})
        self.write()
        made = self.run("apply", "--yes")
        assert made.exit_code == 0, made
        self.story.clear()
        return self

    def peer(self, name: str) -> dict[str, Any]:
        return {"server": name, "url": self[name].ha_url(DHCP4)}

    def states(self) -> dict[str, str | None]:
        """The state of each server's first relationship."""
        halves = {name: self.endpoint(name).ha for name in self.world.servers}
        return {name: half.state if half else None for name, half in halves.items()}

    def written(self) -> set[str]:
        return {server for server, command in self.story if command in WRITES}

    def forget_west(self) -> None:
        (self.desired / "relationships" / "west.yaml").unlink()
        self.documents = self.documents[:1]


@pytest.fixture
def standing_by(tmp_path: Path) -> Iterator[Hub]:
    with Hub(tmp_path, "standby") as life:
        yield life


def test_subnets_of_other_relationships_are_no_consolation_for_the_loss_of_all(standing_by: Hub) -> None:
    """East comes with another subnet in the place of its only one; the hub has one of west beside it."""
    other = subnet(DHCP4, 5)
    standing_by.endpoint("east").edit(lambda config: config.update({"subnet4": [other]}))
    standing_by.let_pass(30)
    refused = standing_by.run("plan", "--relationship", "east")
    assert refused.exit_code == 3, refused
    assert "the only one of the subnets on hub would be deleted" in refused.stdout


def test_a_server_leaves_a_hub_as_a_whole_after_another_relationship_was_changed(tmp_path: Path) -> None:
    """In parts it would miss the hub, take over, and serve the same clients as the hub and its new partner."""
    with Hub(tmp_path, "primary") as life:
        life.documents[0]["parameters"]["max-unacked-clients"] = 3
        life.documents[1]["peers"][1] = {"role": "standby"} | life.peer("spare")
        life.write()
        done = life.run("apply", *APPROVED)
        assert done.exit_code == 0, done
        assert life.written() == {"east", "hub", "west", "spare"}
        life.let_pass(60)
        assert life.states() == dict.fromkeys(("east", "spare", "hub"), "hot-standby") | {"west": None}
        assert guards.is_silenced(life.endpoint("west").config)


def test_a_removal_goes_on_after_another_relationship_of_the_hub_was_changed(standing_by: Hub) -> None:
    standing_by.change("east", lambda config: config["subnet4"].append(subnet(DHCP4, 2)))
    standing_by.forget_west()
    done = standing_by.run("apply", *APPROVED)
    assert done.exit_code == 0, done
    assert {each["id"] for each in standing_by.endpoint("hub").config["subnet4"]} == {1, 2, 11}
    assert standing_by.run("plan", "--detailed-exitcode").exit_code == 0
    assert hooks.relationships_of(standing_by.endpoint("west").config) == []


def test_the_removal_from_a_hub_counts_only_what_it_is_about(standing_by: Hub) -> None:
    standing_by.forget_west()
    planned = standing_by.run("plan")
    assert "hub is never to answer the clients of its 1 subnet with" in planned.stdout  # it stands by for them


@pytest.mark.parametrize("replicate", [True, False])
def test_what_a_hub_keeps_of_a_relationship_that_ended_stays_disabled_in_its_last_one(
    standing_by: Hub, *, replicate: bool
) -> None:
    standing_by.documents[0]["replicate"] = replicate
    standing_by.write()
    standing_by.forget_west()
    removed = standing_by.run("apply", *APPROVED)
    assert removed.exit_code == 0, removed
    standing_by.let_pass(60)
    planned = standing_by.run("plan", "--detailed-exitcode")
    assert planned.exit_code == 0, planned
    if replicate:
        standing_by.change("east", lambda config: config["subnet4"].append(subnet(DHCP4, 2)))
        done = standing_by.run("apply", "--yes")
        assert done.exit_code == 0, done
        assert {each["id"] for each in standing_by.endpoint("hub").config["subnet4"]} == {1, 2, 11}
    config = standing_by.endpoint("hub").config
    assert guards.guarded_subnets(config, DHCP4) == {"10.0.11.0/24": "west"}
    assert not guards.is_silenced(config)


def test_a_branch_of_a_hub_gets_another_name(standing_by: Hub) -> None:
    standing_by.let_pass(30)
    standing_by.documents[0]["peers"][1]["name"] = "orient"
    standing_by.write()
    done = standing_by.run("apply", "--yes")
    assert done.exit_code == 0, done
    standing_by.let_pass(30)
    planned = standing_by.run("plan", "--detailed-exitcode")
    assert planned.exit_code == 0, planned
    found = standing_by.endpoint("hub").config["subnet4"]
    assert {each["id"]: each["user-context"]["ha-server-name"] for each in found} == {1: "orient", 11: "west"}


def moved(life: Hub, *names: str) -> None:
    """Let these relationships have other urls on both sides."""
    for number, document in enumerate(life.documents):
        for place, peer in enumerate(document["peers"] if document["name"] in names else ()):
            host, _, _ = peer["url"].rstrip("/").rpartition(":")
            peer["url"] = f"{host}:{9100 + 10 * number + place}/"
    life.write()


def test_a_hub_is_never_switched_off_for_one_of_its_relationships(standing_by: Hub) -> None:
    """Its partner is, and the hub, which is set last, answers that one's clients until then."""
    standing_by.let_pass(30)
    moved(standing_by, "east")
    done = standing_by.run("apply", "--yes")
    assert done.exit_code == 0, done
    sent = [each for each in standing_by.story if each[1] in {*WRITES, "ha-scopes"} - {"config-write"}]
    assert sent == [
        ("east", "dhcp-disable"),
        ("hub", "ha-scopes"),
        ("east", "dhcp-disable"),
        ("east", "config-set"),
        ("hub", "config-set"),
        ("east", "dhcp-enable"),
    ]


def test_a_hub_is_set_last_where_it_gets_another_branch(standing_by: Hub) -> None:
    """Until it has met the new one it answers nobody in any relationship; and it can't be switched off."""
    peers = [{"server": "hub", "name": "hub-north", "role": "standby"}, {"role": "primary"} | standing_by.peer("spare")]
    standing_by.documents.append({**standing_by.documents[0], "name": "north", "peers": peers})
    host, _, _ = standing_by.documents[0]["peers"][0]["url"].rstrip("/").rpartition(":")
    peers[0]["url"] = f"{host}:9100/"
    standing_by.write()
    done = standing_by.run("apply", "--yes")
    assert done.exit_code == 0, done
    sent = [each for each in standing_by.story if each[1] in WRITES - {"config-write"}]
    assert sent == [("spare", "config-set"), ("hub", "config-set")]


def test_two_hubs_that_would_lose_each_other_need_an_approval(standing_by: Hub) -> None:
    host, _, _ = standing_by.documents[0]["peers"][0]["url"].rstrip("/").rpartition(":")
    peers = [{"server": "east", "name": "east-north", "role": "primary", "url": f"{host}:9200/"}]
    peers.append({"role": "standby"} | standing_by.peer("spare"))
    standing_by.documents.append({**standing_by.documents[0], "name": "north", "peers": peers})
    standing_by.write()
    done = standing_by.run("apply", "--yes")
    assert done.exit_code == 0, done
    standing_by.let_pass(30)
    moved(standing_by, "east")
    standing_by.story.clear()
    refused = standing_by.run("apply", "--yes")
    assert refused.exit_code == 3, refused
    assert "so neither can be switched off" in refused.stdout
    assert standing_by.written() == set()
    done = standing_by.run("apply", "--yes", "--approve", "two-would-serve")
    assert done.exit_code == 0, done
    assert "dhcp-disable" not in {command for _, command in standing_by.story}
    standing_by.let_pass(30)
    assert standing_by.run("plan", "--detailed-exitcode").exit_code == 0


def test_a_hub_and_its_branch_both_get_other_names(standing_by: Hub) -> None:
    standing_by.let_pass(30)
    moved(standing_by, "east")
    for peer in standing_by.documents[0]["peers"]:
        peer["name"] = f"{peer['server']}-new"
    standing_by.write()
    done = standing_by.run("apply", "--yes")
    assert done.exit_code == 0, done
    standing_by.let_pass(30)
    assert standing_by.run("plan", "--detailed-exitcode").exit_code == 0
    names = [each["this-server-name"] for each in hooks.relationships_of(standing_by.endpoint("hub").config)]
    assert names == ["hub-new", "hub-west"]


@pytest.mark.parametrize("on_remove", ["keep", "delete", "disable"])
@pytest.mark.parametrize("again", ["another subnet", "another name"])
def test_nothing_is_left_to_do_after_a_hub_has_left_one_of_two_relationships(
    standing_by: Hub, on_remove: str, again: str
) -> None:
    """Nor after what changes in the one that remains."""
    standing_by.documents[1]["on-remove"] = on_remove
    standing_by.write()
    assert standing_by.run("apply", "--yes").exit_code == 0
    standing_by.let_pass(30)
    standing_by.forget_west()
    removed = standing_by.run("apply", *APPROVED)
    assert removed.exit_code == 0, removed
    standing_by.let_pass(60)
    assert standing_by.run("plan", "--detailed-exitcode").exit_code == 0
    left = set() if on_remove == "delete" else {11}
    assert {each["id"] for each in standing_by.endpoint("hub").config["subnet4"]} == {1, *left}
    if again == "another subnet":
        standing_by.change("east", lambda config: config["subnet4"].append(subnet(DHCP4, 2)))
    else:
        standing_by.documents[0]["peers"][0]["name"] = "hub-new"
        standing_by.write()
    assert standing_by.run("apply", "--yes").exit_code == 0
    standing_by.let_pass(60)
    planned = standing_by.run("plan", "--detailed-exitcode")
    assert planned.exit_code == 0, planned
    assert "hub was in west too" in planned.stdout
    more = {2} if again == "another subnet" else set()
    assert {each["id"] for each in standing_by.endpoint("hub").config["subnet4"]} == {1, *left, *more}


def test_what_a_hub_has_of_its_own_stays_its_own_when_one_relationship_is_left(standing_by: Hub) -> None:
    """Even without a mark: it was not that of the other one before."""
    standing_by.change("hub", lambda config: config["subnet4"].append(subnet(DHCP4, 99)))
    standing_by.let_pass(30)
    standing_by.forget_west()
    removed = standing_by.run("apply", *APPROVED)
    assert removed.exit_code == 0, removed
    standing_by.let_pass(60)
    planned = standing_by.run("plan", "--detailed-exitcode")
    assert planned.exit_code == 0, planned
    standing_by.change("east", lambda config: config["subnet4"].append(subnet(DHCP4, 2)))
    standing_by.let_pass(30)
    done = standing_by.run("apply", "--yes")
    assert done.exit_code == 0, done
    assert {each["id"] for each in standing_by.endpoint("hub").config["subnet4"]} == {1, 2, 11, 99}


def test_what_a_hub_keeps_disabled_is_enabled_once_nobody_else_serves_it(standing_by: Hub) -> None:
    standing_by.forget_west()
    assert standing_by.run("apply", *APPROVED).exit_code == 0
    standing_by.let_pass(60)
    standing_by.story.clear()
    refused = standing_by.run("enable", "hub", "--yes")
    assert refused.exit_code == 3, refused
    assert "west serves the same addresses: 10.0.11.0/24" in refused.stdout
    assert standing_by.written() == set()
    standing_by.change("west", lambda config: config["subnet4"].clear())
    done = standing_by.run("enable", "hub", "--yes")
    assert done.exit_code == 0, done
    assert "only while it serves there too" in done.stdout
    standing_by.let_pass(60)
    assert guards.guarded_subnets(standing_by.endpoint("hub").config, DHCP4) == {}
    assert standing_by.run("plan", "--detailed-exitcode").exit_code == 0
    assert standing_by.run("enable", "hub", "--yes").exit_code == 0  # nothing to do
    assert {each["id"] for each in standing_by.endpoint("hub").config["subnet4"]} == {1, 11}


def test_a_hub_that_could_not_go_on_alone_is_not_left_alone(tmp_path: Path) -> None:
    """It is the standby of its other relationship, and so would answer nobody."""
    with Hub(tmp_path, "primary") as life:
        life.documents[0]["peers"][0]["role"], life.documents[0]["peers"][1]["role"] = "standby", "primary"
        life.write()
        life.let_pass(30)
        swapped = life.run("apply", "--yes")
        assert swapped.exit_code == 0, swapped
        life.let_pass(30)
        life.forget_west()
        refused = life.run("apply", *APPROVED)
        assert refused.exit_code == 3, refused
        assert "nobody-would-serve" in refused.stdout
        life.documents[0]["peers"][0]["role"], life.documents[0]["peers"][1]["role"] = "primary", "standby"
        life.write()
        life.let_pass(30)
        assert life.run("apply", "--yes").exit_code == 6  # the removal waits for an approval
        life.let_pass(30)
        done = life.run("apply", *APPROVED)
        assert done.exit_code == 0, done
        life.let_pass(30)
        assert {each["id"] for each in life.endpoint("hub").config["subnet4"]} == {1, 11}
        assert life.run("plan", "--detailed-exitcode").exit_code == 0
