"""The same life as in test_life_channels, of a relationship of a hub."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from lab.laboratory import Laboratory
from reconciler.kea import guards
from reconciler.model import Service
from tests.kea.by_hand import deafen, pausing, unloadable
from tests.kea.hub import BRANCHES
from tests.kea.modified import Described, certified, renamed, slower, swapped, uncertified
from tests.kea.reached import POSSIBLE, Certificates, ReachedHub
from tests.kea.world import run, subnet, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FOUR = Service.DHCP4
APPROVED = ("--approve", "remove-relationship")
NORMAL = ["hot-standby"]
EAST = ("--relationship", "east", "--yes")


@dataclass
class Branch(Described):
    """The hub's relationship east, and what the files said when both were made."""

    world: ReachedHub
    made: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.made = copy.deepcopy(self.world.documents)

    @property
    def document(self) -> dict[str, Any]:
        return self.world.documents["east"]

    @property
    def folder(self) -> Path:
        return self.world.lab.directory

    def apply(self, *names: str) -> None:
        """Apply what is desired (both relationships); nothing is left to do, and all are well."""
        self.world.write(*(names or BRANCHES))
        self.world.must_apply(*APPROVED)
        self.world.must_be_normal()
        self.world.must("status")

    def renew(self) -> None:
        """Let both be what they were when they were made; what the hub was enabled to serve is none of west's."""
        self.world.run("continue", "hub", *EAST)  # where it was left as it paused; else this does nothing
        self.world.documents = copy.deepcopy(self.made)
        config = self.world.config(self.world.hub)
        if len(self.world.names(self.world.hub)) == 1 and any(each["id"] < 11 for each in config[FOUR.subnets]):
            config[FOUR.subnets] = [each for each in config[FOUR.subnets] if each["id"] >= 11]
            self.world.hub.set_config(FOUR, config)
            self.world.must_be_normal()
        self.apply()

    def is_as_it_should_be(self) -> bool:
        is_wanted = "state" not in self.document
        is_normal = [self.world.states(each) for each in self.world.servers] == [NORMAL, NORMAL, 2 * NORMAL]
        return is_wanted and is_normal and self.world.run("plan", "--detailed-exitcode").exit_code == 0


WAYS = ("unix", "direct-https-mutual-password")
CASES = [
    pytest.param((generation, way), id=name, marks=pytest.mark.xdist_group(f"life-hub-{name}"))
    for generation, way in POSSIBLE
    if generation.series != "2.2" and str(way) in WAYS
    for name in [f"{generation}-{way}"]
]
pytestmark = [pytest.mark.kea, pytest.mark.parametrize("made", CASES, indirect=True, scope="module")]


@pytest.fixture(scope="module")
def made(request: pytest.FixtureRequest) -> Iterator[Branch]:
    generation, way = request.param
    with (
        Laboratory(generation=generation) as lab,
        ReachedHub(lab, way, Certificates(lab.directory / "tls")) as world,
    ):
        world.documents["east"]["on-remove"] = "delete"
        branch = Branch(world)
        branch.peers.append({"server": "spare", "role": "backup", "url": world.spare.peer_url(FOUR)})
        branch.apply("east")
        assert world.states(world.hub) == NORMAL  # no hub before another branch gets it for its standby
        branch.apply()
        assert world.states(world.spare) == ["backup"]
        branch.peers.pop()
        branch.apply()
        yield branch
        branch.release()


@pytest.fixture
def branch(made: Branch) -> Branch:
    """Both relationships as the test before left them, or as they were made where that one failed."""
    if not made.is_as_it_should_be():
        made.renew()
    return made


def test_it_is_made_and_an_import_describes_it(branch: Branch, tmp_path: Path) -> None:
    world, folder = branch.world, str(tmp_path / "mine")
    assert set(world.subnets(world.hub)) >= {1, 2, 11}
    controls = [word for each in world.servers for word in ("--control", world.controls[each.name])]
    for command, *words in (["import", *controls], ["plan", "--detailed-exitcode"]):
        done = run(command, "--desired", folder, *words, *world.access())
        assert done.exit_code == 0, done


def test_what_changes_on_the_primary_follows_and_what_changes_elsewhere_is_put_back(branch: Branch) -> None:
    world = branch.world
    config = world.config(world.east)
    added = subnet(FOUR, 1 + len(config[FOUR.subnets]))
    config[FOUR.subnets].append(added)
    world.east.set_config(FOUR, config)
    world.must_be_normal()
    world.must("drift", "--detailed-exitcode", code=2)
    branch.apply()
    before = world.subnets(world.hub)
    assert before[added["id"]] == "east"
    config = world.config(world.hub)
    config[FOUR.subnets] = [each for each in config[FOUR.subnets] if each["id"] != 1]
    world.hub.set_config(FOUR, config)
    world.must_be_normal()
    world.must("drift", "--detailed-exitcode", code=2)
    branch.apply()
    assert world.subnets(world.hub) == before


def test_hooks_that_failed_to_load_are_seen_and_loaded_again(branch: Branch) -> None:
    world = branch.world
    broken = unloadable(world.config(world.hub))
    assert world.hub.command(FOUR, "config-set", {FOUR.root: broken})["result"] != 0
    assert world.states(world.hub) == []
    assert "hub has the HA hook configured, but not in force" in world.must("status", code=1).stdout
    branch.apply()


def test_parameters_and_roles_are_changed_one_server_after_the_other(branch: Branch) -> None:
    for change in (slower, swapped):
        change(branch)
        branch.apply()


def test_all_that_takes_both_servers_at_once_is_changed_and_back(branch: Branch) -> None:
    for change in (certified, uncertified):
        for each in (renamed, slower, change):
            each(branch)
        for now, then in zip(branch.peers, branch.made["east"]["peers"], strict=True):
            now["role"] = then["role"]
        branch.apply()
        east, hub = (peer["name"] for peer in branch.peers)
        assert branch.world.names(branch.world.east) == [east]
        assert hub in branch.world.names(branch.world.hub)


def test_a_backup_joins_and_leaves_and_is_heard_again_meanwhile(branch: Branch) -> None:
    world, url = branch.world, branch.world.spare.peer_url(FOUR)
    branch.peers.append({"server": "spare", "role": "backup", "url": url})
    branch.apply()
    assert world.states(world.spare) == ["backup"]
    deafen(world.spare, FOUR, url)
    assert f"spare is to listen at {url}, and nobody does" in world.must("status", code=1).stdout
    branch.apply()
    branch.peers.pop()
    branch.apply()
    assert world.states(world.spare) == []


def test_leases_are_compared_and_fetched(branch: Branch) -> None:
    world, address = branch.world, "10.0.2.20"
    for server in (world.east, world.hub):
        server.command(FOUR, "lease4-del", {"ip-address": address})
    lease = {"ip-address": address, "hw-address": "aa:bb:cc:00:00:20", "subnet-id": 2}
    assert world.east.command(FOUR, "lease4-add", lease)["result"] == 0
    world.must("leases", "compare", "east", "--detailed-exitcode", code=2)
    world.must("sync", "hub", *EAST)
    world.must("leases", "compare", "east", "--detailed-exitcode")


def test_maintenance_continue_and_reset(branch: Branch) -> None:
    world = branch.world
    world.must("maintenance", "start", "hub", *EAST)
    assert world.states(world.east) == ["partner-in-maintenance"]
    world.must("maintenance", "stop", "hub", *EAST)
    world.must_be_normal()
    for name in ("hub", "east"):
        world.must("reset", name, *EAST)
        world.must_be_normal()
    place = world.names(world.hub).index(branch.peers[1]["name"])
    world.hub.set_config(FOUR, pausing(world.config(world.hub), "syncing", place))
    until(lambda: world.states(world.hub)[place : place + 1] == ["syncing"], "a pause")  # the other may be, in passing
    world.must("continue", "hub", *EAST)
    world.must_be_normal()
    branch.apply()


def test_the_second_moves_to_another_server_and_back(branch: Branch) -> None:
    world, hub = branch.world, branch.peers[1]
    spare = {"server": "spare", "role": "standby", "url": world.spare.peer_url(FOUR)}
    for peer in (spare, {**hub, "url": branch.fresh_url()}):
        branch.peers[1] = peer
        branch.apply()
        assert world.states(world.spare) == ["hot-standby"] * (peer is spare)
    assert guards.is_silenced(world.config(world.spare))


def test_its_file_is_deleted_and_the_stamps_remember_what_it_said(branch: Branch) -> None:
    world = branch.world
    branch.apply("west")
    assert (world.states(world.east), world.states(world.hub)) == ([], ["hot-standby"])
    assert set(world.subnets(world.hub)) == {11}
    assert {1, 2} <= set(world.subnets(world.east))


def test_it_is_removed_and_what_was_disabled_is_enabled(branch: Branch) -> None:
    world = branch.world
    branch.document.update({"state": "absent", "on-remove": "disable"})
    branch.apply()
    assert (world.states(world.east), world.states(world.hub)) == ([], ["hot-standby"])
    assert guards.is_guarded(world.config(world.hub), FOUR)
    world.must("enable", "hub", "--yes", "--approve", "two-would-serve")
    world.must_be_normal()
    assert not guards.is_guarded(world.config(world.hub), FOUR)
