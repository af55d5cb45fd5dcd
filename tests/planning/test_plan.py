"""What a plan says beyond what tests/cases show."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconciler.kea.fingerprints import fingerprints
from reconciler.kea.stamps import with_stamp
from reconciler.model import Action, Carrier, Cause, Change, FieldChange, Mode, Procedure, Role, Service, Snapshot
from reconciler.planning import wanted
from reconciler.planning.plan import plan
from reconciler.planning.schedule import in_safe_order
from reconciler.planning.server_plan import may_refuse_its_own
from tests.planning.cases import World, read_base, read_case
from tests.planning.strategies import RELATIONSHIP, snapshot

PAIR = RELATIONSHIP[Service.DHCP4]


def test_relationships_are_planned_by_name_whatever_order_they_are_told_in() -> None:
    case = read_case("drift-peer")
    (first,) = case.desired.relationships
    others = tuple(replace(first, name=name) for name in ("b", "z", "a"))
    made = plan(replace(case.desired, relationships=others), case.live)
    assert [each.relationship.name for each in made.relationships] == ["a", "b", "z"]
    assert made.revision == case.desired.revision


def test_one_relationship_that_cant_be_planned_leaves_the_others_alone() -> None:
    garbage, fine = read_case("garbage"), read_case("drift-primary")
    (relationship,) = fine.desired.relationships
    other = replace(relationship, name="zz", service=Service.DHCP6)
    world: World = {**fine.live}
    for (server, _), live in garbage.live.items():
        assert isinstance(live, Snapshot)
        world[server, Service.DHCP6] = replace(live, config={**live.config, "subnet6": live.config["subnet4"]})
    made = plan(replace(fine.desired, relationships=(relationship, other)), world)
    assert [(each.unplanned is None, each.procedure) for each in made.relationships] == [
        (True, Procedure.MODIFY),
        (False, Procedure.NOTHING),
    ]


def test_the_primary_is_changed_last() -> None:
    turned = replace(PAIR, peers=tuple(reversed(PAIR.peers)))
    assert [peer.role for peer in in_safe_order(PAIR)] == [Role.STANDBY, Role.PRIMARY]
    assert in_safe_order(turned) == in_safe_order(PAIR)


def test_our_own_bugs_are_not_taken_for_garbage(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise TypeError("a bug")

    case = read_case("drift-primary")
    monkeypatch.setattr(wanted, "outgoing", broken)
    with pytest.raises(TypeError, match="a bug"):
        plan(case.desired, case.live)


# ------------------------------------------------------------------------------------------------ causes


def stamped(name: str, **edits: Any) -> dict[str, Any]:
    """A real configuration with the stamp of an apply under another wish for the relationship."""
    relationship = read_case("nothing-to-do").desired.relationships[0]
    config = read_base(name)
    marks = fingerprints(wanted.replicated_part(relationship, snapshot(relationship, relationship.primary, config)))
    return with_stamp(config, wanted.stamp_for(replace(relationship, **edits), "rev-1", marks, "2.2.0"))


def causes(**edits: Any) -> set[tuple[Cause, tuple[str, ...]]]:
    case = read_case("nothing-to-do")
    (relationship,) = case.desired.relationships
    world: World = {}
    for peer in relationship.peers:
        config = stamped(f"dhcp4-hs-{peer.server}", **edits)
        if peer.role is Role.PRIMARY:
            config["valid-lifetime"] = 60
        world[peer.server, relationship.service] = snapshot(relationship, peer, config)
    (made,) = plan(case.desired, world).relationships
    return {(change.cause, change.moved) for server in made.servers for change in server.changes}


def test_the_primary_moved() -> None:
    assert causes() == {(Cause.PRIMARY, ("kea-a",))}


def test_replication_that_was_just_switched_on_is_gits_doing() -> None:
    assert causes(replicate=False) == {(Cause.GIT, ())}


def test_so_is_a_change_of_what_is_local() -> None:
    assert causes(local=("/valid-lifetime",)) == {(Cause.GIT, ())}


def test_a_changed_parameter_of_the_relationship_says_nothing_about_the_data() -> None:
    assert causes(parameters={"heartbeat-delay": 1000}) == {(Cause.PRIMARY, ("kea-a",))}


# ------------------------------------------------------------------------------------------- config-test


def is_tried(*kinds: str, standing: dict[str, Any] | None = None, sent: dict[str, Any] | None = None) -> bool:
    """Whether a server that carries our stamp is to try what it has before one with such changes is set."""
    changes = tuple(Change(Action.CHANGE, ((kind, "x"),), (FieldChange("a", 1, 2),)) for kind in kinds)
    return may_refuse_its_own(standing or {}, sent or {}, changes, Service.DHCP4, is_stamped=True)


@pytest.mark.parametrize("kind", ["subnet", "shared-network", "option", "reservation"])
def test_what_the_server_took_from_the_authority_before_need_not_be_tried_again(kind: str) -> None:
    assert is_tried(kind) is False


@pytest.mark.parametrize("kind", ["global", "relationship", "hook", "client-class", "option-def"])
def test_what_meets_the_servers_own_parts_is_tried(kind: str) -> None:
    assert is_tried("subnet", kind) is True


def test_everything_is_tried_the_first_time() -> None:
    assert may_refuse_its_own({}, {}, (), Service.DHCP4, is_stamped=False) is True


@pytest.mark.parametrize("carrier", [None, *Carrier])
def test_a_stamp_that_commands_brought_does_not_say_that_the_server_took_a_whole_configuration(
    carrier: Carrier | None,
) -> None:
    case = read_case("nothing-to-do")
    (relationship,) = case.desired.relationships
    subnet = {"subnet": "10.9.9.0/24", "id": 999}
    world: World = {}
    for peer in relationship.peers:
        config = stamped(f"dhcp4-hs-{peer.server}")
        if peer.role is Role.PRIMARY:
            config["subnet4"] = [*config["subnet4"], subnet]
        seen = snapshot(relationship, peer, config)
        world[peer.server, relationship.service] = replace(seen, carrier=carrier)
    (made,) = plan(case.desired, world).relationships
    assert [server.try_standing for server in made.servers if server.changes] == [carrier is not None]


@pytest.mark.parametrize("key", ["interface", "4o6-interface"])
def test_an_interface_that_the_server_may_not_have_is_tried(key: str) -> None:
    def configs(interface: str) -> list[dict[str, Any]]:
        subnet = {"subnet": "10.0.0.0/24", key: interface}
        return [
            {"subnet4": [subnet]},
            {"shared-networks": [{"name": "a", "subnet4": [subnet]}]},
            {"shared-networks": [{"name": "a", key: interface}]},
        ]

    for known in configs("eth0"):
        assert [is_tried("subnet", standing=known, sent=sent) for sent in configs("eth1")] == [True, True, True]
        for sent in configs("eth0") + configs(""):
            assert is_tried("subnet", standing=known, sent=sent) is False


# ------------------------------------------------------------------------------------------------- notes


def test_a_broken_hook_is_repaired_although_its_partner_is_not_normal() -> None:
    case = read_case("hook-not-in-force")
    world = dict(case.live)
    live = world["kea-a", Service.DHCP4]
    assert isinstance(live, Snapshot)
    assert live.ha is not None
    world["kea-a", Service.DHCP4] = replace(live, ha=replace(live.ha, state="partner-down"))
    (made,) = plan(case.desired, world).relationships
    assert [(server.peer.server, bool(server.changes)) for server in made.servers] == [
        ("kea-b", True),
        ("kea-a", False),
    ]
    assert made.objections == ()


def test_load_balancing_has_a_secondary() -> None:
    case = read_case("nothing-to-do-load-balancing")
    (relationship,) = case.desired.relationships
    assert (relationship.mode, relationship.partner and relationship.partner.role) == (
        Mode.LOAD_BALANCING,
        Role.SECONDARY,
    )
