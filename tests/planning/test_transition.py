"""From any way two servers may have a relationship to any that is desired: exhaustively, and cut after every server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from reconciler.kea import ha, hooks
from reconciler.kea.fingerprints import fingerprints
from reconciler.kea.stamps import with_stamp
from reconciler.model import HaView, Mode, Peer, Relationship, RelationshipPlan, Role, Service, Snapshot
from reconciler.planning import wanted
from reconciler.planning.plan import plan_relationship
from tests.pairs import PAIR_MODES
from tests.planning.strategies import HOOKS, RELATIONSHIP, Config, snapshot

S = Service.DHCP4
BASE = RELATIONSHIP[S]
SUBNETS = {"subnet4": [{"id": 1, "subnet": "10.0.0.0/24"}], "control-socket": {}}
NAMES = (("kea-a", "kea-b"), ("one", "two"))
URLS = (
    ("http://192.0.2.10:8001/", "http://192.0.2.11:8001/"),
    ("https://192.0.2.10:9001/", "https://192.0.2.11:9001/"),
)


def shaped(mode: Mode, names: tuple[str, str], urls: tuple[str, str], *, is_swapped: bool, delay: int) -> Relationship:
    roles = [Role.PRIMARY, mode.partner_role or Role.BACKUP]
    first, second = BASE.peers
    peers = tuple(
        Peer(peer.server, name, role, url)
        for peer, name, role, url in zip(
            (first, second), names, reversed(roles) if is_swapped else roles, urls, strict=True
        )
    )
    return replace(BASE, mode=mode, peers=peers, parameters={"heartbeat-delay": delay})


def shapes() -> Iterator[Relationship]:
    for mode, names, urls, is_swapped in product((*PAIR_MODES, Mode.PASSIVE_BACKUP), NAMES, URLS, (False, True)):
        for delay in (1000, 2000)[: 2 if (names, urls) == (NAMES[0], URLS[0]) else 1]:
            yield shaped(mode, names, urls, is_swapped=is_swapped, delay=delay)


SHAPES = list(shapes())


def given(relationship: Relationship, *, is_stamped: bool) -> dict[str, Config]:
    """What every server has after an apply of a relationship, or after a person made it."""
    made: dict[str, Config] = {}
    for peer in relationship.peers:
        block = ha.wanted_block(relationship, peer, None)
        config = {**SUBNETS, "hooks-libraries": hooks.with_relationship(SUBNETS, block, None, HOOKS)}
        marks = fingerprints(wanted.replicated_part(relationship, snapshot(relationship, peer, config)))
        made[peer.server] = (
            with_stamp(config, wanted.stamp_for(relationship, "1", marks, "2.2.0")) if is_stamped else config
        )
    return made


def seen(relationship: Relationship, peer: Peer, config: Mapping[str, Any]) -> Snapshot:
    """A server in the normal state of whatever it has."""
    found = snapshot(relationship, peer, dict(config))
    block = hooks.relationships_of(config)[0]
    own = next(each for each in block["peers"] if each["name"] == block["this-server-name"])
    role, mode = Role(own["role"]), Mode(block["mode"])
    scopes = (own["name"],) if role in {Role.PRIMARY, Role.SECONDARY} else ()
    partner = found.ha.partner if found.ha and ha.hears_a_partner(mode, role) else None
    view = HaView(mode.value, role.value, ha.normal_state(mode, role), scopes, partner)
    return replace(found, ha=view, views=(view,))


def planned(desired: Relationship, live: Mapping[str, Config]) -> RelationshipPlan:
    world = {(peer.server, S): seen(desired, peer, live[peer.server]) for peer in desired.peers}
    if not hear_each_other(live):
        world = {key: lost(each) for key, each in world.items()}
    return plan_relationship(desired, world, "2")


def hear_each_other(live: Mapping[str, Config]) -> bool:
    """Whether servers know the same peers, and each where the others are to be reached."""
    blocks = [hooks.relationships_of(config)[0] for config in live.values()]
    return len({tuple(sorted((each["name"], each["url"]) for each in block["peers"])) for block in blocks}) == 1


def are_for_each_other(live: Mapping[str, Config]) -> bool:
    """Whether servers know the same peers, by the same names."""
    blocks = [hooks.relationships_of(config)[0] for config in live.values()]
    return len({tuple(sorted(each["name"] for each in block["peers"])) for block in blocks}) == 1


def is_told(desired: Relationship, live: Mapping[str, Config]) -> bool:
    """Whether it can be told that servers are out of touch because of a change that was cut, by names, or by urls where
    both are to hear a partner.
    """
    if desired.mode is Mode.PASSIVE_BACKUP:
        return hear_each_other(live)
    return are_for_each_other(live)


def lost(snapshot: Snapshot) -> Snapshot:
    """A server that has not heard its partner since it was set."""
    view = snapshot.ha
    if view is None or view.partner is None:
        return snapshot
    view = replace(view, partner=replace(view.partner, in_touch=False))
    return replace(snapshot, ha=view, views=(view,))


def carried(made: RelationshipPlan, live: Mapping[str, Config], *, sets: int) -> dict[str, Config]:
    """What the servers have after so many sets."""
    after = dict(live)
    outgoing = {server.peer.server: server.outgoing for server in made.servers}
    order = [name for stage in made.stages for name in stage.servers]
    for name in order[:sets]:
        after[name] = dict(outgoing[name] or {})
    return after


@pytest.mark.parametrize("is_stamped", [True, False])
@pytest.mark.parametrize("desired", SHAPES, ids=range(len(SHAPES)))
def test_any_change_reaches_its_end_from_wherever_it_was_cut(desired: Relationship, *, is_stamped: bool) -> None:
    for before in SHAPES:
        live = given(before, is_stamped=is_stamped)
        first = planned(desired, live)
        assert first.unplanned is None, (before, first.unplanned)
        assert not first.objections or {each.code for each in first.objections} <= {"shared-pools"}
        count = sum(len(stage.servers) for stage in first.stages)
        changed = [server.peer.server for server in first.servers if server.changes]
        assert sorted(changed) == sorted(name for stage in first.stages for name in stage.servers)
        for sets in range(count + 1):
            cut = carried(first, live, sets=sets)
            rest = planned(desired, cut)
            assert rest.unplanned is None, (before, desired, sets, rest.unplanned)
            allowed = {"shared-pools"} if is_told(desired, cut) else {"shared-pools", "out-of-touch"}
            assert {each.code for each in rest.objections} <= allowed, (before, desired, sets)
            assert len([server for server in rest.servers if server.changes]) == count - sets
            end = carried(rest, cut, sets=count)
            assert not planned(desired, end).has_changes


def differ(one: Relationship, other: Relationship) -> set[str]:
    found = {"mode"} if one.mode is not other.mode else set()
    found |= {"names"} if [peer.name for peer in one.peers] != [peer.name for peer in other.peers] else set()
    found |= {"urls"} if [peer.url for peer in one.peers] != [peer.url for peer in other.peers] else set()
    roles = [[peer.role is Role.PRIMARY for peer in each.peers] for each in (one, other)]
    return found | ({"roles"} if roles[0] != roles[1] else set())


@pytest.mark.parametrize("desired", SHAPES, ids=range(len(SHAPES)))
def test_who_would_lose_each_other_is_changed_together_and_the_one_that_serves_last(desired: Relationship) -> None:
    for before in SHAPES:
        made = planned(desired, given(before, is_stamped=True))
        what = differ(before, desired)
        primary = next(peer.server for peer in before.peers if peer.role is Role.PRIMARY)
        pair = Mode.PASSIVE_BACKUP not in {before.mode, desired.mode}
        if pair and what & {"mode", "names", "urls"}:
            (stage,) = made.stages
            assert len(stage.servers) == 2
            assert stage.silenced == stage.servers[:1]
            assert not stage.in_turn
            assert stage.servers[-1] == primary
        elif pair and what == {"roles"}:
            (stage,) = made.stages
            assert stage.in_turn
            assert stage.silenced == ()
            assert dict(stage.covered_by) == {"kea-a": "kea-b", "kea-b": "kea-a"}
            assert stage.servers[0] == primary or before.mode is Mode.LOAD_BALANCING
        elif pair:
            assert [stage.servers for stage in made.stages] in ([], [("kea-a",), ("kea-b",)], [("kea-b",), ("kea-a",)])


def test_the_primary_of_now_is_the_truth_until_another_has_its_role() -> None:
    before = shaped(Mode.HOT_STANDBY, NAMES[0], URLS[0], is_swapped=False, delay=1000)
    desired = shaped(Mode.HOT_STANDBY, NAMES[0], URLS[0], is_swapped=True, delay=1000)
    live = given(before, is_stamped=True)
    live["kea-a"]["valid-lifetime"] = 60
    made = planned(desired, live)
    assert made.authority.server == "kea-a"
    for sets in range(3):
        rest = planned(desired, carried(made, live, sets=sets))
        end = carried(rest, carried(made, live, sets=sets), sets=2)
        assert [config["valid-lifetime"] for config in end.values()] == [60, 60]


def test_pools_that_are_split_follow_the_peers_new_names() -> None:
    before = shaped(Mode.LOAD_BALANCING, NAMES[0], URLS[0], is_swapped=False, delay=1000)
    for urls in URLS:
        desired = shaped(Mode.LOAD_BALANCING, NAMES[1], urls, is_swapped=False, delay=1000)
        live = given(before, is_stamped=True)
        for config in live.values():
            pools = [{"pool": "10.0.0.1-10.0.0.9", "client-class": "HA_kea-a"}, {"pool": "10.0.0.10-10.0.0.19"}]
            pools[1]["client-class"] = "HA_kea-b"
            config["subnet4"] = [{"id": 1, "subnet": "10.0.0.0/24", "pools": pools}]
        made = planned(desired, live)
        for sets in range(3):
            rest = planned(desired, carried(made, live, sets=sets))
            end = carried(rest, carried(made, live, sets=sets), sets=2)
            for config in end.values():
                found = [pool["client-class"] for pool in config["subnet4"][0]["pools"]]
                assert found == ["HA_one", "HA_two"]
            assert not planned(desired, end).has_changes


@pytest.mark.parametrize("mode", PAIR_MODES)
def test_a_backup_that_becomes_a_partner_gets_no_other_name_or_url(mode: Mode) -> None:
    alone = shaped(Mode.PASSIVE_BACKUP, NAMES[0], URLS[0], is_swapped=False, delay=1000)
    paired = shaped(mode, NAMES[0], URLS[0], is_swapped=False, delay=1000)
    for before, after in ((alone, paired), (paired, alone)):
        (stage,) = planned(after, given(before, is_stamped=True)).stages
        assert stage.reason == "with different mode and roles they would lose each other in between"
