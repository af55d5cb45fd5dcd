from __future__ import annotations

import json
from dataclasses import replace
from itertools import product

import pytest

from reconciler.kea.ha import wanted_block
from reconciler.kea.hooks import with_relationship
from reconciler.kea.stamps import with_stamp
from reconciler.model import (
    Authority,
    Endpoint,
    Fingerprints,
    Live,
    Mode,
    Peer,
    Relationship,
    Role,
    Service,
    Snapshot,
    Unreachable,
)
from reconciler.planning.authority import acting, authority, promoted_authority
from reconciler.planning.wanted import stamp_for
from tests.planning.strategies import RELATIONSHIP, snapshot

PAIR = RELATIONSHIP[Service.DHCP4]
BOTH, PARTNER = "kea-a is the primary and answers", "the primary kea-a can't be reached; its standby kea-b"

TABLE = {
    (True, True): Authority("kea-a", BOTH),
    (True, False): Authority("kea-a", BOTH),
    (False, True): Authority("kea-b", f"{PARTNER} is the truth until then"),
    (False, False): Authority(None, "neither kea-a nor kea-b can be reached"),
}


@pytest.mark.parametrize(("primary", "partner"), list(product((True, False), repeat=2)))
def test_the_primary_is_the_truth_while_it_answers_and_then_its_partner(*, primary: bool, partner: bool) -> None:
    live: dict[str, Live] = {}
    for peer, answers in zip(PAIR.peers, (primary, partner), strict=True):
        down = Unreachable(Endpoint(peer.server, PAIR.service, ""), "connection refused")
        live[peer.server] = snapshot(PAIR, peer, {}) if answers else down
    assert authority(PAIR, live) == TABLE[primary, partner]


THIRD = Peer("kea-c", "kea-c", Role.BACKUP, "http://192.0.2.3:8001/")
TRIO = replace(PAIR, peers=(*PAIR.peers, THIRD))
WAITS = "kea-a is the primary until the roles are changed, and answers"


def with_roles(relationship: Relationship, mode: Mode, *roles: Role) -> Relationship:
    peers = zip(relationship.peers, roles, strict=True)
    return replace(relationship, mode=mode, peers=tuple(replace(peer, role=role) for peer, role in peers))


SWAPPED = with_roles(TRIO, Mode.HOT_STANDBY, Role.STANDBY, Role.PRIMARY, Role.BACKUP)
PASSIVE = with_roles(TRIO, Mode.PASSIVE_BACKUP, Role.PRIMARY, Role.BACKUP, Role.BACKUP)


def member(relationship: Relationship, peer: Peer) -> Snapshot:
    """A server that an apply brought to this relationship."""
    config = {"hooks-libraries": with_relationship({}, wanted_block(relationship, peer, None), None, "/usr/lib/kea")}
    stamp = stamp_for(relationship, "1", Fingerprints("", {}), "2.2.0")
    return snapshot(relationship, peer, with_stamp(config, stamp))


def world(*relationships: Relationship | None) -> dict[str, Live]:
    """The three servers, each as one of these relationships has it; None is one that can't be read."""
    live: dict[str, Live] = {}
    for number, relationship in enumerate(relationships):
        peer = (relationship or TRIO).peers[number]
        down = Unreachable(Endpoint(peer.server, PAIR.service, ""), "connection refused")
        live[peer.server] = down if relationship is None else member(relationship, peer)
    return live


@pytest.mark.parametrize(
    ("desired", "servers", "expected"),
    [
        (SWAPPED, (TRIO, TRIO, TRIO), ("kea-a", WAITS)),
        (SWAPPED, (TRIO, None, TRIO), ("kea-a", WAITS)),
        (SWAPPED, (None, TRIO, TRIO), ("kea-b", f"{PARTNER} is the truth until then")),
        (SWAPPED, (None, None, TRIO), (None, "neither kea-a nor kea-b can be reached")),
        (SWAPPED, (SWAPPED, TRIO, TRIO), ("kea-a", WAITS)),  # one of the two has the roles so far
        (SWAPPED, (SWAPPED, SWAPPED, TRIO), ("kea-b", "kea-b is the primary and answers")),  # a backup missed it
        (SWAPPED, (None, SWAPPED, TRIO), ("kea-b", "kea-b is the primary and answers")),
        (PASSIVE, (None, TRIO, TRIO), ("kea-b", f"{PARTNER} is the truth until then")),
        (TRIO, (None, PASSIVE, PASSIVE), (None, "the primary kea-a can't be reached, and passive-backup has no other")),
    ],
)
def test_the_servers_say_who_the_two_are_while_other_roles_wait(
    desired: Relationship, servers: tuple[Relationship | None, ...], expected: tuple[str | None, str]
) -> None:
    found = authority(desired, world(*servers))
    assert (found.server, found.reason) == expected


def test_a_primary_that_is_away_is_known_by_its_url_where_it_is_to_have_another_name() -> None:
    first, second, third = SWAPPED.peers
    renamed = replace(SWAPPED, peers=(replace(first, name="north"), second, third))
    assert acting(renamed, world(None, TRIO, TRIO)).primary.server == "kea-a"


def test_a_partner_without_an_entry_is_known_by_the_one_that_the_primary_has_for_it() -> None:
    slower = replace(TRIO, parameters={"heartbeat-delay": 12345})
    bare = snapshot(TRIO, TRIO.peers[1], {})
    assert acting(slower, {**world(TRIO, TRIO, TRIO), "kea-b": bare}) is slower


def test_servers_that_name_two_primaries_are_no_witness() -> None:
    assert acting(PASSIVE, world(TRIO, SWAPPED, TRIO)) is PASSIVE


def test_who_settles_and_who_is_promoted_are_those_of_the_servers_too() -> None:
    live = world(TRIO, TRIO, TRIO)
    assert authority(SWAPPED, live, is_settling=True).server == "kea-b"
    assert promoted_authority(SWAPPED, live).reason == "what the standby kea-b has is taken over to kea-a, as asked for"


def test_a_role_that_is_no_text_names_nobody() -> None:
    live = world(TRIO, TRIO, TRIO)
    odd = live["kea-a"]
    assert isinstance(odd, Snapshot)
    config = json.loads(json.dumps(odd.config))
    config["hooks-libraries"][-1]["parameters"]["high-availability"][0]["peers"][1]["role"] = [1]
    assert acting(SWAPPED, {**live, "kea-a": replace(odd, config=config)}).primary.server == "kea-a"
