"""The whole life of a relationship through unix sockets, and through the daemons' own HTTP sockets; agents are the way
of all other tests.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from lab.laboratory import Laboratory
from reconciler.kea import guards, pools
from reconciler.model import Mode, Role, Service
from tests.kea.by_hand import deafen, pausing, unloadable
from tests.kea.modified import Pair, becomes, certified, in_the_other_mode, renamed, slower, swapped, uncertified
from tests.kea.reached import POSSIBLE, Certificates, Reached
from tests.kea.removed import has_no_relationship, say_absent
from tests.kea.world import relationship, run, subnet, until

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from lab.kea import KeaServer

FOUR = Service.DHCP4
# Each with the way to the daemons' own sockets, of which none costs more than another: all are tried.
TOPOLOGIES = {
    (Mode.LOAD_BALANCING, 0): "direct-http",
    (Mode.HOT_STANDBY, 0): "direct-https-mutual-password",
    (Mode.PASSIVE_BACKUP, 1): "direct-http-password",
    (Mode.LOAD_BALANCING, 1): "direct-https",
}
APPROVED = [word for code in ("split-pools", "remove-relationship") for word in ("--approve", code)]


@dataclass
class Life:
    """A relationship with what changes in it, one more server, and what its file said when it was made."""

    pair: Pair
    spare: KeaServer
    made: dict[str, Any] = field(init=False)
    servers: dict[str, KeaServer] = field(init=False)

    def __post_init__(self) -> None:
        self.made = copy.deepcopy(self.world.document)
        self.servers = {server.name: server for server in (*self.world.servers, self.spare)}

    @property
    def world(self) -> Reached:
        assert isinstance(self.pair.world, Reached)
        return self.pair.world

    @property
    def others(self) -> Sequence[KeaServer]:
        """All but the primary."""
        return self.world.servers[1:]

    def apply(self) -> None:
        """Apply what is desired: nothing is left to do, all are well, and have it on disk."""
        world, document = self.world, self.world.document
        world.servers = tuple(self.servers[peer["server"]] for peer in document["peers"])
        world.roles = [Role(peer["role"]) for peer in document["peers"]]
        world.mode = Mode(document["mode"])
        world.write()
        world.must_apply(*APPROVED)
        self.pair.must_be_well()
        serving = [role in {Role.PRIMARY, Role.SECONDARY} for role in world.roles]
        assert [bool(scopes) for scopes in world.scopes()] == serving
        for server in world.servers:
            assert world.file(server) == world.config(server)
            assert pools.are_divided_by_us(world.config(server), FOUR) == (document.get("pools") == "split")

    def renew(self) -> None:
        """Let it be what it was when it was made."""
        self.world.run("continue", "kea-b", "--yes")  # where it was left as it paused; else this does nothing
        (self.world.desired / "relationships" / "annex.yaml").unlink(missing_ok=True)
        self.world.documents[:] = [copy.deepcopy(self.made)]
        self.apply()

    def is_as_it_should_be(self) -> bool:
        world = self.world
        is_there = world.documents[0]["name"] == "hq" and world.document.get("state") != "absent"
        return is_there and world.is_normal() and world.run("plan", "--detailed-exitcode").exit_code == 0


CASES = [
    pytest.param((generation, way, topology), id=name, marks=pytest.mark.xdist_group(f"life-{name}"))
    for generation, way in POSSIBLE
    for topology in TOPOLOGIES
    if str(way) in {"unix", TOPOLOGIES[topology]}
    for name in [f"{generation}-{way}-{topology[0]}-{topology[1]}"]
]
pytestmark = [pytest.mark.kea, pytest.mark.parametrize("made", CASES, indirect=True, scope="module")]


@pytest.fixture(scope="module")
def made(request: pytest.FixtureRequest) -> Iterator[Life]:
    generation, way, (mode, backups) = request.param
    with Laboratory(generation=generation) as lab:
        certificates = Certificates(lab.directory / "tls")
        world = Reached(lab, way, certificates, certificates.issued("127.0.0.1"), mode, backups=backups)
        world.document["on-remove"] = "delete"
        if mode is Mode.LOAD_BALANCING:
            world.document["pools"] = "split"
        life = Life(Pair(world), world.spare("kea-x"))
        life.apply()
        yield life
        life.pair.release()


@pytest.fixture
def life(made: Life) -> Life:
    """The relationship as the test before left it, or as it was made where that one failed."""
    if not made.is_as_it_should_be():
        made.renew()
    return made


def test_it_is_made_and_an_import_describes_it(life: Life, tmp_path: Path) -> None:
    world, folder = life.world, str(tmp_path / "mine")
    controls = [word for each in world.servers for word in ("--control", world.controls[each.name][FOUR])]
    for command, *words in (["import", *controls], ["plan", "--detailed-exitcode"]):
        done = run(command, "--desired", folder, *words, *world.access())
        assert done.exit_code == 0, done


def test_what_changes_on_the_primary_follows_and_what_changes_elsewhere_is_put_back(life: Life) -> None:
    world = life.world
    added = subnet(FOUR, 1 + len(world.config(world.a)[FOUR.subnets]))
    world.change(world.a, lambda config: config[FOUR.subnets].append(added))
    world.a.command(FOUR, "config-write")  # which is up to who changes it
    world.must("drift", "--detailed-exitcode", code=3 if "pools" in world.document else 2)  # to be divided: approved
    life.apply()
    world.change(world.servers[-1], lambda config: config.update({"valid-lifetime": 4711}))
    world.must("drift", "--detailed-exitcode", code=2)
    life.apply()
    for server in life.others:
        assert world.shared_part(server) == world.shared_part(world.a)
        assert world.config(server)["valid-lifetime"] != 4711
        assert added["id"] in {each["id"] for each in world.config(server)[FOUR.subnets]}


def test_hooks_that_failed_to_load_are_seen_and_loaded_again(life: Life) -> None:
    world, server = life.world, life.world.servers[-1]
    broken = unloadable(world.config(server))
    assert server.command(FOUR, "config-set", {FOUR.root: broken})["result"] != 0
    assert world.ha(server) is None
    assert f"{server.name} has the HA hook configured, but not in force" in world.must("status", code=1).stdout
    life.apply()


def test_parameters_and_roles_are_changed_one_server_after_the_other(life: Life) -> None:
    for change in (slower, swapped):
        change(life.pair)
        life.apply()


def test_all_that_takes_both_servers_at_once_is_changed_and_back(life: Life) -> None:
    document = life.world.document
    for change in (certified, uncertified):
        for each in (renamed, slower, change):
            each(life.pair)
        if change is certified:
            swapped(life.pair)
            in_the_other_mode(life.pair)
            document.pop("pools", None)
        else:
            becomes(Mode(life.made["mode"]))(life.pair)
            document |= {key: life.made[key] for key in ("pools",) if key in life.made}
            for now, then in zip(life.pair.peers, life.made["peers"], strict=True):
                now["role"] = then["role"]
        life.apply()


def test_a_backup_joins_and_leaves_and_is_heard_again_meanwhile(life: Life) -> None:
    peers, url = life.world.document["peers"], life.spare.peer_url(FOUR)
    peers.append({"server": life.spare.name, "role": "backup", "url": url})
    life.apply()
    assert life.world.shared_part(life.spare) == life.world.shared_part(life.world.a)
    deafen(life.spare, FOUR, url)
    assert f"kea-x is to listen at {url}, and nobody does" in life.world.must("status", code=1).stdout
    life.apply()
    peers.pop()
    life.apply()
    assert has_no_relationship(life.world, life.spare)


def test_the_second_moves_to_another_server_and_back(life: Life) -> None:
    second, url = life.pair.peers[1], life.spare.peer_url(FOUR)
    for peer in ({**second, "server": "kea-x", "name": "kea-x", "url": url}, second):
        before = life.servers[life.pair.peers[1]["server"]]
        life.pair.peers[1] = peer
        life.apply()
        assert has_no_relationship(life.world, before)
        assert guards.is_silenced(life.world.config(before))


def test_leases_are_compared_and_fetched(life: Life) -> None:
    world, address = life.world, "10.0.1.20"
    for server in world.servers:
        server.command(FOUR, "lease4-del", {"ip-address": address})
    lease = {"ip-address": address, "hw-address": "aa:bb:cc:00:00:20", "subnet-id": 1}
    assert world.a.command(FOUR, "lease4-add", lease)["result"] == 0
    world.must("leases", "compare", "hq", "--detailed-exitcode", code=2)
    for server in life.others:
        world.must("sync", server.name, "--yes")
    world.must("leases", "compare", "hq", "--detailed-exitcode")


def test_maintenance_continue_and_reset(life: Life) -> None:
    """Without a partner there is nothing to maintain, and only a backup is reset."""
    world, has_partner = life.world, life.world.mode.partner_role is not None
    world.must("maintenance", "start", "kea-b", "--yes", code=0 if has_partner else 3)
    if has_partner:
        assert [world.state(each) for each in (world.a, world.b)] == ["partner-in-maintenance", "in-maintenance"]
        world.must("maintenance", "stop", "kea-b", "--yes")
        world.until_normal()
        world.b.set_config(FOUR, pausing(world.config(world.b), "syncing"))
        until(lambda: world.state(world.b) == "syncing", "a pause")
        world.must("continue", "kea-b", "--yes")
        world.until_normal()
        life.apply()
    world.must("reset", "kea-a" if has_partner else "kea-b", "--yes")
    world.until_normal()


def test_its_file_is_deleted_and_the_stamps_remember_what_it_said(life: Life) -> None:
    world = life.world
    before, servers = world.config(world.a)[FOUR.subnets], world.servers
    annex = relationship("annex", FOUR, Mode.PASSIVE_BACKUP, life.spare)  # so that desired/ is not empty
    world.documents[:] = [{**annex, "state": "absent"}]
    (world.desired / "relationships" / "hq.yaml").unlink()
    world.write()
    world.must_apply(*APPROVED)
    assert all(has_no_relationship(world, server) for server in servers)
    assert len(world.config(world.a)[FOUR.subnets]) == len(before)
    assert all(world.config(server)[FOUR.subnets] == [] for server in life.others)


def test_it_is_removed_and_what_was_disabled_is_enabled(life: Life) -> None:
    world = life.world
    say_absent(world, **{"on-remove": "disable"})
    world.must_apply(*APPROVED)
    assert all(has_no_relationship(world, server) for server in world.servers)
    assert not guards.is_silenced(world.config(world.a))
    for server in life.others:
        assert guards.is_silenced(world.config(server))
    world.must("enable", "kea-b", "--yes", "--approve", "two-would-serve")
    assert not guards.is_silenced(world.file(world.b))
