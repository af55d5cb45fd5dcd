from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from reconciler.kea import guards
from reconciler.model import (
    HaView,
    Health,
    Leftover,
    Mode,
    RelationshipPlan,
    RelationshipStatus,
    Role,
    RunRecord,
    Service,
    Snapshot,
    Unreachable,
)
from reconciler.planning.plan import plan
from reconciler.planning.status import HEARD, status
from reconciler.planning.terminated import way_out
from tests.planning.cases import World, read_case

Edits = dict[str, Callable[[Snapshot], Snapshot]]
Seen = tuple[RelationshipPlan, RelationshipStatus]


def of(name: str, **edits: Callable[[Snapshot], Snapshot]) -> RelationshipStatus:
    """The status in a case, with the reading of a server (its name with `_` for `-`) edited."""
    return told(read_case(name).live, name, edits)


def told(live: World, name: str, edits: Edits) -> RelationshipStatus:
    """The status of what a case desires in another world, with the reading of servers edited."""
    world: World = {}
    for key, each in live.items():
        edit = edits.get(key[0].replace("-", "_"))
        assert isinstance(each, Snapshot) or edit is None
        world[key] = edit(each) if edit and isinstance(each, Snapshot) else each
    (made,) = plan(read_case(name).desired, world).relationships
    return status(made, world)


def ha(**fields: Any) -> Callable[[Snapshot], Snapshot]:
    """An edit of what a server says about itself; keys that begin with partner_ of what it says about its partner."""

    def edit(snapshot: Snapshot) -> Snapshot:
        view = snapshot.ha
        assert isinstance(view, HaView)
        assert view.partner is not None
        seen = {key.removeprefix("partner_"): value for key, value in fields.items() if key.startswith("partner_")}
        own = {key: value for key, value in fields.items() if not key.startswith("partner_")}
        return replace(snapshot, ha=replace(view, partner=replace(view.partner, **seen), **own))

    return edit


def snapshot_with(**fields: Any) -> Callable[[Snapshot], Snapshot]:
    return lambda snapshot: replace(snapshot, **fields)


def test_a_normal_pair_is_ok_and_tells_all_it_knows() -> None:
    found = of("nothing-to-do", kea_b=snapshot_with(clock_offset=-3.0))
    assert (found.name, found.service, found.mode, found.status) == ("hq-dhcp4", "dhcp4", "hot-standby", Health.OK)
    assert (found.reasons, found.authority, found.in_sync, found.notes) == ((), "kea-a", True, ())
    primary, standby = found.servers
    assert (primary.server, primary.role, primary.ha_state) == ("kea-a", Role.PRIMARY, "hot-standby")
    assert (primary.scopes, standby.scopes) == (("kea-a",), ())
    assert (primary.clock_skew, standby.clock_skew) == (3.0, -3.0)
    assert (primary.heartbeat_age, primary.version, primary.reason, primary.in_sync) == (1.0, "2.2.0", "normal", True)


def test_a_load_balancing_pair_serves_two_scopes_and_is_ok() -> None:
    found = of("nothing-to-do-load-balancing")
    assert (found.status, found.mode, found.reasons) == (Health.OK, Mode.LOAD_BALANCING.value, ())
    assert [server.scopes for server in found.servers] == [("kea-a",), ("kea-b",)]


def test_what_is_due_does_not_make_a_serving_pair_unwell() -> None:
    found = of("drift-peer")
    assert (found.status, found.in_sync) == (Health.OK, False)
    assert [server.in_sync for server in found.servers] == [True, False]


NOT_IN_FORCE = "has the HA hook configured, but not in force; it probably serves nobody"
OFF = "has its DHCP service switched off by dhcp-disable"

ALTHOUGH = "although one server of a hot-standby relationship should: has each the role that it should have?"


@pytest.mark.parametrize(
    ("edits", "health", "reasons"),
    [
        (
            {"kea_a": ha(state="partner-down", scopes=("kea-a",)), "kea_b": ha(state="waiting")},
            Health.IMPAIRED,
            ["kea-a is in state partner-down, not hot-standby", "kea-b is in state waiting, not hot-standby"],
        ),
        (
            {"kea_a": ha(partner_interrupted=True), "kea_b": ha(partner_in_touch=False)},
            Health.IMPAIRED,
            ["kea-a is out of touch with its partner", "kea-b is out of touch with its partner"],
        ),
        ({"kea_a": ha(scopes=())}, Health.SERVICE_DOWN, ["no server serves any scope"]),
        (
            {"kea_a": ha(state="waiting", scopes=()), "kea_b": ha(state="waiting")},
            Health.SERVICE_DOWN,
            [
                "kea-a is in state waiting, not hot-standby",
                "kea-b is in state waiting, not hot-standby",
                "no server serves any scope",
            ],
        ),
        (
            {"kea_a": ha(state="terminated", scopes=("kea-a",)), "kea_b": ha(state="terminated", scopes=("kea-a",))},
            Health.IMPAIRED,
            [
                f"kea-a is in state terminated, not hot-standby; {way_out('kea-a')}",
                f"kea-b is in state terminated, not hot-standby; {way_out('kea-b')}",
                "kea-a and kea-b serve the scope kea-a at the same time",
            ],
        ),
        (
            {"kea_b": ha(scopes=("kea-b",))},
            Health.IMPAIRED,
            [f"kea-a and kea-b serve {ALTHOUGH}"],
        ),
        ({"kea_b": snapshot_with(ha=None)}, Health.IMPAIRED, [f"kea-b {NOT_IN_FORCE}"]),
        ({"kea_a": snapshot_with(ha=None)}, Health.SERVICE_DOWN, [f"kea-a {NOT_IN_FORCE}"]),
        ({"kea_a": snapshot_with(sockets_ready=False)}, Health.IMPAIRED, ["kea-a has DHCP sockets that are not ready"]),
        ({"kea_b": snapshot_with(disabled_by_user=True)}, Health.IMPAIRED, [f"kea-b {OFF}"]),
        ({"kea_a": snapshot_with(disabled_by_user=True)}, Health.SERVICE_DOWN, [f"kea-a {OFF}"]),
        (
            {"kea_a": snapshot_with(clock_offset=30.0), "kea_b": snapshot_with(clock_offset=-31.0)},
            Health.IMPAIRED,
            ["the servers' clocks are about 60 s apart; above 60 s Kea ends the HA service"],
        ),
    ],
)
def test_what_makes_a_pair_unwell(edits: Edits, health: Health, reasons: list[str]) -> None:
    found = of("nothing-to-do", **edits)
    assert (found.status, list(found.reasons)) == (health, reasons)


@pytest.mark.parametrize(("told", "is_off"), [(None, True), (True, True), (False, False)])
def test_what_an_apply_that_was_cut_off_has_left_off_is_down_where_kea_tells_nothing_too(
    told: bool | None, *, is_off: bool
) -> None:
    case = read_case("nothing-to-do")
    live = case.live["kea-a", Service.DHCP4]
    assert isinstance(live, Snapshot)
    world = {**case.live, ("kea-a", Service.DHCP4): replace(live, disabled_by_user=told)}
    (pair,) = case.desired.relationships
    run = RunRecord(1, "apply", "root", "host", 1, datetime(2026, 1, 1, tzinfo=UTC), "", is_cut_off=True)
    left = Leftover(
        run,
        1,
        pair.name,
        pair.service,
        pair.mode,
        pair.peers,
        "kea-a",
        live.endpoint.control,
        live.process,
        is_silenced=True,
    )
    (made,) = plan(case.desired, world, left=[left]).relationships
    found = status(made, world)
    assert found.status is (Health.SERVICE_DOWN if is_off else Health.OK)
    assert bool(found.reasons) is is_off


def test_a_skew_that_kea_still_bears_is_a_note() -> None:
    found = of("note-clock-skew")
    assert (found.status, found.reasons) == (Health.OK, ())
    assert found.notes == ("the servers' clocks are about 40 s apart; above 60 s Kea ends the HA service",)


def test_a_name_that_desired_alone_has_so_far_pages_nobody() -> None:
    case = read_case("nothing-to-do")
    (pair,) = case.desired.relationships
    renamed = replace(pair, peers=(pair.primary, replace(pair.peers[1], name="another")))
    (made,) = plan(replace(case.desired, relationships=(renamed,)), case.live).relationships
    found = status(made, case.live)
    assert (found.status, found.reasons, found.in_sync) == (Health.OK, (), False)


@pytest.mark.parametrize("mode", [Mode.LOAD_BALANCING, Mode.HOT_STANDBY])
def test_a_mode_that_desired_alone_has_so_far_pages_nobody(mode: Mode) -> None:
    case = read_case("nothing-to-do" if mode is Mode.LOAD_BALANCING else "nothing-to-do-load-balancing")
    (pair,) = case.desired.relationships
    partner = replace(pair.peers[1], role=mode.partner_role or Role.BACKUP)
    changed = replace(pair, mode=mode, peers=(pair.primary, partner))
    (made,) = plan(replace(case.desired, relationships=(changed,)), case.live).relationships
    found = status(made, case.live)
    assert (found.status, found.reasons, found.in_sync) == (Health.OK, (), False)


@pytest.mark.parametrize("name", ["backup-joins", "backup-joins-passive-backup"])
def test_a_backup_that_is_still_to_join_pages_nobody(name: str) -> None:
    found = of(name)
    assert (found.status, found.reasons, found.in_sync) == (Health.OK, (), False)
    assert found.servers[-1].reason == f"{found.servers[-1].server} is not in the relationship yet"


def test_a_removal_that_waits_for_its_approval_pages_nobody() -> None:
    found = of("remove-load-balancing-split-pools")
    assert (found.status, found.reasons, found.in_sync) == (Health.OK, (), False)
    assert found.notes[0] == "it is to be removed: its file says state: absent; kea-a goes on alone"


def test_that_a_server_may_be_another_is_said() -> None:
    (note,) = (each for each in of("objection-identity").notes if each.startswith("held"))
    assert note.startswith("held (identity): kea-b")


def test_a_relationship_that_is_still_to_be_made() -> None:
    found = of("create")
    assert (found.status, found.in_sync) == (Health.IMPAIRED, False)
    assert found.reasons == ("kea-a is not in the relationship yet", "kea-b is not in the relationship yet")


def test_what_cant_be_planned_says_why_and_not_whether_it_is_in_sync() -> None:
    found = of("mixed-what-the-older-cannot-say")
    assert (found.status, found.in_sync) == (Health.IMPAIRED, None)
    lacks = "no `allocator`: the global level; no `never-send`: option routers of subnet 10.0.1.0/24"
    advice = "take it out of kea-a's configuration, or bring kea-b to the version of kea-a"
    assert found.reasons == (f"kea-b runs 2.2.0, which has {lacks}; {advice}",)
    assert [server.in_sync for server in found.servers] == [None, None]


def test_one_that_is_gone() -> None:
    found = of("unreachable-primary", kea_b=ha(partner_age=60.0))
    assert (found.authority, found.in_sync) == ("kea-b", None)
    assert found.status is Health.SERVICE_DOWN  # its standby has not noticed yet, or can't tell: it serves nobody
    assert found.reasons == (
        "kea-a can't be reached: connection refused",
        "nobody answers clients: kea-b has not taken over yet",
    )
    gone, standby = found.servers
    assert (gone.is_reachable, gone.reason, gone.version, gone.ha_state) == (False, "connection refused", None, None)
    assert (standby.is_reachable, standby.ha_state) == (True, "hot-standby")


def test_one_that_only_we_do_not_reach() -> None:
    """Its standby hears it serve the clients, who notice nothing."""
    found = of("unreachable-primary")
    heard = "kea-b hears it all the same, and that it serves clients"
    assert (found.status, found.reasons[1:]) == (Health.IMPAIRED, (heard,))
    for silent in ({"partner_last_scopes": ()}, {"partner_interrupted": True}, {"partner_last_state": "waiting"}):
        assert of("unreachable-primary", kea_b=ha(**silent)).status is Health.SERVICE_DOWN


def test_one_that_is_to_be_removed_while_its_primary_is_gone() -> None:
    """Only the servers that can be read are its peers then, so that it has no primary."""
    case = read_case("remove-load-balancing-split-pools")
    endpoint = case.live["kea-a", Service.DHCP4].endpoint
    world = {**case.live, ("kea-a", Service.DHCP4): Unreachable(endpoint, "connection refused")}
    (made,) = plan(case.desired, world).relationships
    found = status(made, world)
    assert found.reasons == ("kea-a can't be reached: connection refused",)
    assert found.notes[0] == "it is to be removed: its file says state: absent"
    assert (found.status, found.in_sync) == (Health.IMPAIRED, None)
    assert [server.server for server in found.servers] == ["kea-b"]
    with pytest.raises(LookupError, match=r"none of the peers of hq-dhcp4 is its primary"):
        _ = made.relationship.primary


def test_a_partner_that_took_over() -> None:
    found = of("unreachable-primary", kea_b=ha(state="partner-down", scopes=("kea-a",), partner_in_touch=False))
    assert found.status is Health.IMPAIRED
    assert found.reasons == (
        "kea-a can't be reached: connection refused",
        "kea-b is in state partner-down, not hot-standby",
    )


BALANCED = "nothing-to-do-load-balancing"


@pytest.mark.parametrize(
    ("edits", "reasons"),
    [
        (
            {"kea_b": ha(state="partner-down", scopes=("kea-b",), partner_in_touch=False)},
            ["kea-b is in state partner-down, not load-balancing", "nobody answers the clients of the scope kea-a"],
        ),
        (
            {"kea_b": ha(state="communication-recovery", partner_interrupted=True)},
            [
                "kea-b is in state communication-recovery, not load-balancing",
                "nobody answers the clients of the scope kea-a: kea-b has not taken over yet",
            ],
        ),
    ],
)
def test_a_scope_that_no_living_server_serves(edits: Edits, reasons: list[str]) -> None:
    case = read_case(BALANCED)
    gone = Unreachable(case.live["kea-a", Service.DHCP4].endpoint, "connection refused")
    found = told({**case.live, ("kea-a", Service.DHCP4): gone}, BALANCED, edits)
    assert found.status is Health.SERVICE_DOWN
    assert list(found.reasons) == ["kea-a can't be reached: connection refused", *reasons]


def test_half_of_the_clients_that_a_partner_is_heard_to_serve_are_served() -> None:
    case = read_case(BALANCED)
    gone = Unreachable(case.live["kea-a", Service.DHCP4].endpoint, "connection refused")
    found = told({**case.live, ("kea-a", Service.DHCP4): gone}, BALANCED, {"kea_b": ha(partner_last_scopes=("kea-a",))})
    assert found.status is Health.IMPAIRED


def without_ha(snapshot: Snapshot) -> Snapshot:
    config = {**snapshot.config, "hooks-libraries": []}
    return replace(snapshot, config=config, ha=None, views=(), place=None)


def test_two_that_answer_the_same_clients_though_one_has_no_ha() -> None:
    """As after a removal that was cut off, when the server that was to stay off started again from its old file."""
    edits = {"kea_a": without_ha, "kea_b": ha(state="partner-down", scopes=("kea-a",), partner_in_touch=False)}
    found = of("nothing-to-do", **edits)
    assert found.status is Health.IMPAIRED
    (both,) = (each for each in found.reasons if "same clients" in each)
    assert both == (
        "kea-a, which has no HA, and kea-b answer the same clients, those of 4 subnets, and neither knows what the "
        "other leases"
    )


def empty(snapshot: Snapshot) -> Snapshot:
    bare = without_ha(snapshot)
    return replace(bare, config={**bare.config, "subnet4": [], "shared-networks": []})


def silenced(snapshot: Snapshot) -> Snapshot:
    bare = without_ha(snapshot)
    return replace(bare, config=guards.disabled(bare.config, Service.DHCP4, "hq-dhcp4", bare.version))


@pytest.mark.parametrize("nothing", [empty, silenced])
def test_a_server_without_ha_that_has_nobody_to_serve_serves_nobody(nothing: Callable[[Snapshot], Snapshot]) -> None:
    case = read_case("nothing-to-do")
    gone = Unreachable(case.live["kea-b", Service.DHCP4].endpoint, "connection refused")
    world = {**case.live, ("kea-b", Service.DHCP4): gone}
    assert told(world, "nothing-to-do", {"kea_a": nothing}).status is Health.SERVICE_DOWN
    assert told(world, "nothing-to-do", {"kea_a": without_ha}).status is Health.IMPAIRED


def test_both_gone() -> None:
    found = of("unreachable-both")
    assert (found.status, found.authority, found.authority_reason) == (
        Health.SERVICE_DOWN,
        None,
        "neither kea-a nor kea-b can be reached",
    )


# ------------------------------------------------------------------------------------------- more than two servers


@pytest.mark.parametrize("name", ["nothing-to-do-with-a-backup", "nothing-to-do-passive-backup"])
def test_backups_that_serve_nobody_are_as_they_should_be(name: str) -> None:
    found = of(name)
    assert (found.status, found.reasons, found.in_sync) == (Health.OK, (), True)
    assert (found.servers[-1].ha_state, found.servers[-1].scopes, found.servers[-1].reason) == ("backup", (), "normal")


def test_without_a_backup_the_others_serve() -> None:
    found = of("unreachable-backup")
    assert (found.status, found.reasons) == (Health.IMPAIRED, ("kea-c can't be reached: connection refused",))


def test_without_its_primary_nobody_serves_in_passive_backup() -> None:
    found = of("unreachable-primary-of-passive-backup")
    assert (found.status, found.reasons) == (Health.SERVICE_DOWN, ("kea-a can't be reached: connection refused",))
    assert found.authority is None


def local(**fields: Any) -> Callable[[Snapshot], Snapshot]:
    """An edit of what a server without a partner says about itself."""

    def edit(snapshot: Snapshot) -> Snapshot:
        assert snapshot.ha is not None
        return replace(snapshot, ha=replace(snapshot.ha, **fields))

    return edit


def waiting_for_backups(snapshot: Snapshot) -> Snapshot:
    config = copy.deepcopy(dict(snapshot.config))
    config["hooks-libraries"][1]["parameters"]["high-availability"][0]["wait-backup-ack"] = True
    return replace(snapshot, config=config)


@pytest.mark.parametrize(
    ("name", "edits", "health", "reasons"),
    [
        (
            "nothing-to-do-with-a-backup",
            {"kea_c": local(state="waiting")},
            Health.IMPAIRED,
            ["kea-c is in state waiting, not backup"],
        ),
        (
            "nothing-to-do-with-a-backup",
            {"kea_c": local(scopes=("kea-b",))},
            Health.IMPAIRED,
            ["kea-b and kea-c serve the scope kea-b at the same time"],
        ),
        (
            "nothing-to-do-passive-backup",
            {"kea_c": local(scopes=("kea-c",))},
            Health.IMPAIRED,
            [f"kea-a and kea-c serve {ALTHOUGH.replace('hot-standby', 'passive-backup')}"],
        ),
        (
            "nothing-to-do-passive-backup",
            {"kea_a": local(scopes=())},
            Health.SERVICE_DOWN,
            [
                "kea-a is in state passive-backup and serves no scope, as after an ha-reset; only a set ends that",
                "no server serves any scope",
            ],
        ),
        ("nothing-to-do-passive-backup", {"kea_a": waiting_for_backups}, Health.OK, []),
        (
            "nothing-to-do-passive-backup",
            {"kea_a": waiting_for_backups, "kea_b": local(state="waiting"), "kea_c": snapshot_with(ha=None)},
            Health.SERVICE_DOWN,
            [
                "kea-b is in state waiting, not backup",
                f"kea-c {NOT_IN_FORCE}",
                "kea-a gives no lease without a confirmation from kea-b and kea-c (wait-backup-ack)",
            ],
        ),
    ],
)
def test_what_makes_more_than_a_pair_unwell(name: str, edits: Edits, health: Health, reasons: list[str]) -> None:
    found = of(name, **edits)
    assert (found.status, list(found.reasons)) == (health, reasons)


def test_a_primary_waits_for_its_own_backups_while_other_roles_wait() -> None:
    """Those desired are yet to be told to the servers: nobody waits for the primary that is to be a backup."""
    case = read_case("nothing-to-do-passive-backup")
    (relationship,) = case.desired.relationships
    first, second, *others = relationship.peers
    swapped = (replace(first, role=second.role), replace(second, role=first.role), *others)
    desired = replace(case.desired, relationships=(replace(relationship, peers=swapped),))
    world: World = dict(case.live)
    primary = world["kea-a", relationship.service]
    assert isinstance(primary, Snapshot)
    world["kea-a", relationship.service] = waiting_for_backups(primary)
    (made,) = plan(desired, world).relationships
    assert status(made, world).status is Health.OK


def waiting(name: str, mode: Mode, *roles: Role, **edits: Callable[[Snapshot], Snapshot | Unreachable]) -> Seen:
    """The status in a case while git asks for another mode and for these roles, which nobody has applied."""
    case = read_case(name)
    (was,) = case.desired.relationships
    peers = tuple(replace(peer, role=role) for peer, role in zip(was.peers, roles, strict=True))
    desired = replace(case.desired, relationships=(replace(was, mode=mode, peers=peers),))
    world: World = dict(case.live)
    for server, edit in edits.items():
        key = server.replace("_", "-"), was.service
        seen = world[key]
        assert isinstance(seen, Snapshot)
        world[key] = edit(seen)
    (made,) = plan(desired, world).relationships
    return made, status(made, world)


def away(snapshot: Snapshot) -> Unreachable:
    return Unreachable(snapshot.endpoint, "timed out")


BALANCING = (Role.PRIMARY, Role.SECONDARY, Role.BACKUP)


@pytest.mark.parametrize(
    ("mode", "roles", "due"),
    [
        (Mode.LOAD_BALANCING, (Role.SECONDARY, Role.PRIMARY, Role.BACKUP), "kea-a as secondary, kea-b as primary"),
        (Mode.LOAD_BALANCING, (Role.PRIMARY, Role.BACKUP, Role.SECONDARY), "kea-b as backup, kea-c as secondary"),
        (Mode.HOT_STANDBY, (Role.PRIMARY, Role.STANDBY, Role.BACKUP), "mode hot-standby, kea-b as standby"),
    ],
)
def test_until_they_are_applied_the_mode_and_the_roles_are_those_of_the_servers(
    mode: Mode, roles: tuple[Role, ...], due: str
) -> None:
    _, found = waiting("nothing-to-do-with-a-backup", mode, *roles)
    assert (found.mode, tuple(each.role for each in found.servers)) == ("load-balancing", BALANCING)
    assert found.notes[-1] == f"still to be applied: {due}"
    assert (found.status, found.primary) == (Health.OK, "kea-a")


def test_what_is_still_to_be_applied_is_said_also_while_data_follow() -> None:
    case = read_case("unreachable-backup-partner-behind")
    (was,) = case.desired.relationships
    roles = [each.role for each in was.peers]
    made, found = waiting("unreachable-backup-partner-behind", was.mode, roles[1], roles[0], roles[2])
    assert (made.unplanned, made.has_changes) == (None, True)
    assert len([each for each in found.notes if each.startswith("still to be applied: kea-a as ")]) == 1


def test_a_partner_that_only_we_do_not_reach_serves_whatever_it_is_to_become() -> None:
    roles = (Role.PRIMARY, Role.BACKUP, Role.SECONDARY)
    _, found = waiting("nothing-to-do-with-a-backup", Mode.LOAD_BALANCING, *roles, kea_b=away)
    assert (found.status, found.reasons) == (Health.IMPAIRED, ("kea-b can't be reached: timed out", f"kea-a {HEARD}"))


def test_a_server_that_is_to_join_has_the_role_that_it_is_to_have() -> None:
    found = of("create")
    assert [each.role for each in found.servers] == [Role.PRIMARY, Role.STANDBY]


def test_what_waits_on_a_server_while_another_is_away_keeps_it_from_being_in_sync() -> None:
    roles = (Role.SECONDARY, Role.PRIMARY, Role.BACKUP)
    made, found = waiting("nothing-to-do-with-a-backup", Mode.LOAD_BALANCING, *roles, kea_c=away)
    assert "the relationship itself would change on kea-b and kea-a, which waits" in (made.unplanned or "")
    assert [each.in_sync for each in found.servers] == [False, False, None]


def test_a_hub_is_not_in_sync_for_all_that_is_known_while_another_is_away() -> None:
    case = read_case("unreachable-backup-partner-behind")
    (was,) = case.desired.relationships
    peers = tuple(replace(peer, is_hub=peer.server == "kea-b") for peer in was.peers)
    desired = replace(case.desired, relationships=(replace(was, peers=peers),))
    (made,) = plan(desired, case.live).relationships
    found = status(made, case.live)
    assert made.unplanned is not None
    assert [each.in_sync for each in found.servers] == [True, None, None]
