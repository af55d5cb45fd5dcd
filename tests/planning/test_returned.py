"""What a primary that is back finds: who moved, what is held, and what `promote` makes of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from reconciler.kea.stamps import as_class, gathered, read_stamps, with_stamp, witness_marks
from reconciler.model import Cause, OnPrimaryReturn, RelationshipPlan, Service, Snapshot, Unreachable
from reconciler.planning.plan import plan
from reconciler.planning.remembered import EARLIER, fingerprint_with
from tests.planning.cases import World, after_apply, read_case

if TYPE_CHECKING:
    from tests.planning.cases import Case

S = Service.DHCP4


def promoted(case: Case, world: World | None = None) -> RelationshipPlan:
    (made,) = plan(case.desired, world or case.live, promoted="hq-dhcp4").relationships
    return made


def edited(world: World, server: str, lifetime: int, *, reload: int = 5) -> World:
    """The world after somebody gave a subnet of a server another lifetime."""
    snapshot = world[server, S]
    assert isinstance(snapshot, Snapshot)
    first, *others = snapshot.config["subnet4"]
    config = {**snapshot.config, "subnet4": [{**first, "valid-lifetime": lifetime}, *others]}
    return {**world, (server, S): replace(snapshot, config=config, reload=reload)}


def restarted(world: World, server: str) -> World:
    snapshot = world[server, S]
    assert isinstance(snapshot, Snapshot)
    return {**world, (server, S): replace(snapshot, uptime=20, reload=20)}


def applied(case: Case, world: World) -> World:
    return after_apply(replace(case, live=world), plan(case.desired, world))


def codes(case: Case, world: World) -> list[str]:
    (made,) = plan(case.desired, world).relationships
    return [each.code for each in made.objections]


@pytest.mark.parametrize(
    "name", ["drift-peer", "hold-partner-changed", "hold-both-changed", "objection-authority-older"]
)
def test_promote_gives_the_primary_what_its_partner_has_and_the_next_plan_is_empty(name: str) -> None:
    case = read_case(name)
    made = promoted(case)
    assert made.authority.server == "kea-b"
    assert made.objections == ()
    changed = {server.peer.server: server.changes for server in made.servers if server.changes}
    assert {change.path[0][0] for change in changed.pop("kea-b", ())} <= {"relationship"}  # its stamp alone
    assert list(changed) == ["kea-a"]
    world = after_apply(case, plan(case.desired, case.live, promoted="hq-dhcp4"))
    (after,) = plan(case.desired, world).relationships
    assert (after.has_changes, after.objections) == (False, ())
    (then,) = plan(case.desired, edited(world, "kea-a", 1234)).relationships
    assert {change.moved for server in then.servers for change in server.changes} == {("kea-a",)}
    assert then.objections == ()


@pytest.mark.parametrize("name", ["nothing-to-do", "nothing-to-do-with-a-backup"])
def test_a_primary_that_is_put_back_to_before_a_promote_is_known_as_older(name: str) -> None:
    case = read_case(name)
    world = applied(case, edited(dict(case.live), "kea-a", 1111))
    world = applied(case, edited(world, "kea-a", 2222))
    old, changed = world["kea-a", S], edited(world, "kea-b", 3333)
    made = plan(case.desired, changed, promoted="hq-dhcp4")
    world = after_apply(replace(case, live=changed), made)
    assert codes(case, world) == []
    assert not plan(case.desired, world).relationships[0].has_changes
    assert codes(case, restarted({**world, ("kea-a", S): old}, "kea-a")) == ["authority-older"]


def test_promote_has_nothing_to_do_where_the_primary_has_it_already() -> None:
    case = read_case("nothing-to-do")
    world = edited(edited(dict(case.live), "kea-a", 1111), "kea-b", 1111)
    assert not promoted(case, world).has_changes


def test_a_primary_that_is_older_than_what_its_partner_took_over_is_known_by_the_backup_too() -> None:
    case, world = given_by_the_partner(OnPrimaryReturn.PRIMARY)
    backup = world["kea-c", S]
    assert isinstance(backup, Snapshot)
    (relationship,) = case.desired.relationships
    older = edited(world, "kea-a", 999)["kea-a", S]
    assert isinstance(older, Snapshot)
    earlier = (fingerprint_with(relationship.local, relationship, older, backup.version),)
    before = read_case("unreachable-primary-backup-behind")
    behind = before.live["kea-c", S]
    assert isinstance(behind, Snapshot)
    (last,) = read_stamps(behind.config)
    behind = replace(behind, config=with_stamp(behind.config, replace(last, earlier=earlier)))
    world["kea-c", S] = applied(before, {**before.live, ("kea-c", S): behind})["kea-c", S]
    assert codes(case, restarted({**world, ("kea-a", S): older}, "kea-a")) == ["authority-older"]
    assert codes(case, restarted(world, "kea-a")) == []  # it has what it had last


def test_promote_needs_both_and_a_partner() -> None:
    case = read_case("drift-peer")
    endpoint = case.live["kea-a", S].endpoint
    away = promoted(case, {**case.live, ("kea-a", S): Unreachable(endpoint, "connection refused")})
    assert away.unplanned is not None
    assert "kea-a can't be reached" in away.unplanned
    alone = read_case("nothing-to-do-passive-backup")
    (made,) = plan(alone.desired, alone.live, promoted=alone.desired.relationships[0].name).relationships
    assert made.unplanned == "passive-backup has no server beside kea-a that answers clients"


def test_what_was_replicated_before_is_older_only_where_a_daemon_was_started_with_it() -> None:
    case = read_case("nothing-to-do")
    world = applied(case, edited(dict(case.live), "kea-a", 1111))
    old = world["kea-a", S]
    world = applied(case, edited(world, "kea-a", 2222))
    returned: World = {**world, ("kea-a", S): old}
    assert codes(case, returned) == []  # undone by hand: taken five seconds ago by a daemon that runs for longer
    assert codes(case, restarted(returned, "kea-a")) == ["authority-older"]
    assert codes(case, restarted(edited(returned, "kea-a", 3333), "kea-a")) == []  # nobody ever had that


def test_an_older_primary_is_known_though_something_else_is_local_by_now() -> None:
    """Twice: what was replicated before stays known with the patterns of its time. What it has still is no older."""
    case = read_case("nothing-to-do")
    (relationship,) = case.desired.relationships

    def with_local(*local: str) -> Case:
        return replace(case, desired=replace(case.desired, relationships=(replace(relationship, local=local),)))

    world = applied(case, edited(dict(case.live), "kea-a", 1111))
    old = world["kea-a", S]
    world = applied(case, edited(world, "kea-a", 2222))
    for lifetime, now in ((3333, with_local("/next-server")), (4444, with_local("/next-server", "/boot-file-name"))):
        assert codes(now, restarted({**world, ("kea-a", S): old}, "kea-a")) == ["authority-older"]  # nobody applied it
        world = applied(now, edited(world, "kea-a", lifetime))
        assert codes(now, restarted({**world, ("kea-a", S): old}, "kea-a")) == ["authority-older"]
        assert codes(now, restarted(edited(world, "kea-a", 5555), "kea-a")) == []
    stayed = edited(applied(case, edited(dict(case.live), "kea-a", 1111)), "kea-b", 7777)
    stayed = applied(with_local("/next-server"), stayed)
    assert codes(with_local("/next-server"), restarted(edited(stayed, "kea-b", 8888), "kea-a")) == []


@pytest.mark.parametrize("versions", [("2.2.0", "2.6.3", "3.0.3"), ("3.0.3", "2.6.3")], ids=" ".join)
def test_an_older_primary_is_known_though_its_partner_runs_another_kea_by_now(versions: tuple[str, ...]) -> None:
    case = read_case("nothing-to-do")
    first: World = {
        key: replace(each, version=versions[0]) for key, each in case.live.items() if isinstance(each, Snapshot)
    }
    world = applied(case, edited(first, "kea-a", 1111))
    old = world["kea-a", S]
    world = applied(case, edited(world, "kea-a", 2222))
    for lifetime, version in enumerate(versions[1:], 3333):
        partner = world["kea-b", S]
        assert isinstance(partner, Snapshot)
        world = applied(case, edited({**world, ("kea-b", S): replace(partner, version=version)}, "kea-a", lifetime))
        assert codes(case, restarted({**world, ("kea-a", S): old}, "kea-a")) == ["authority-older"]
        assert codes(case, restarted(edited(world, "kea-a", 5555), "kea-a")) == []


def test_a_large_file_takes_a_daemon_that_starts_longer() -> None:
    case = read_case("nothing-to-do")
    world = applied(case, edited(dict(case.live), "kea-a", 1111))
    old = world["kea-a", S]
    assert isinstance(old, Snapshot)
    world = applied(case, edited(world, "kea-a", 2222))

    def told(size: int) -> list[str]:
        slow = replace(old, uptime=22, reload=2, size=size)
        return codes(case, {**world, ("kea-a", S): slow})

    assert [told(1_000_000), told(70_000_000)] == [[], ["authority-older"]]


def test_a_primary_that_is_back_with_what_it_had_is_not_older_because_its_partner_went_on() -> None:
    """A backup was given what the partner got meanwhile: the primary never had that."""
    case = read_case("unreachable-primary-backup-behind")
    made = plan(case.desired, case.live)
    world = after_apply(case, made)
    (stamp,) = read_stamps(world["kea-c", S].config)  # type: ignore[union-attr]
    assert stamp.earlier == ()


def given_by_the_partner(policy: OnPrimaryReturn) -> tuple[Case, World]:
    """The backup followed the partner while the primary was away, and now it is the partner that is."""
    case, primary = read_case("unreachable-primary-backup-behind"), read_case("nothing-to-do-with-a-backup")
    relationships = tuple(replace(each, on_primary_return=policy) for each in case.desired.relationships)
    case = replace(case, desired=replace(case.desired, relationships=relationships))
    world = applied(case, dict(case.live))
    partner = Unreachable(world["kea-b", S].endpoint, "connection refused")
    return case, {**world, ("kea-a", S): primary.live["kea-a", S], ("kea-b", S): partner}


@pytest.mark.parametrize("policy", OnPrimaryReturn)
def test_what_a_backup_was_given_by_the_partner_is_overwritten_neither_under_hold_nor_unsaid(
    policy: OnPrimaryReturn,
) -> None:
    case, world = given_by_the_partner(policy)
    (made,) = plan(case.desired, world).relationships
    ((server, changes),) = [(each.peer.server, each.changes) for each in made.servers if each.changes]
    assert server == "kea-c"
    assert {(each.cause, each.moved) for each in changes} == {(Cause.PEER, ("kea-b",))}
    told = [each for each in made.notes if each.startswith("kea-c has what it was given from kea-b")]
    if policy is OnPrimaryReturn.HOLD:
        assert [(each.code, each.object) for each in made.objections] == [("partner-changed", "kea-c")]
        assert told == []
    else:
        assert made.objections == ()
        assert [("rollback" in each, "promote" in each) for each in told] == [(True, True)]


def test_where_the_partner_is_there_it_alone_is_named() -> None:
    case, world = given_by_the_partner(OnPrimaryReturn.HOLD)
    partner, backup = case.live["kea-b", S], world["kea-c", S]
    assert isinstance(partner, Snapshot)
    assert isinstance(backup, Snapshot)
    changed = {**partner.config, "subnet4": backup.config["subnet4"]}
    world["kea-b", S] = replace(partner, config=changed)
    (made,) = plan(case.desired, world).relationships
    assert [each.object for each in made.objections if each.code == "partner-changed"] == ["kea-b"]


@pytest.mark.parametrize("told", ["no source", "given as well", "seen as well", "alike"])
def test_a_backup_whose_data_the_authority_had_too_is_told_from_its_stamp_as_ever(told: str) -> None:
    case, world = given_by_the_partner(OnPrimaryReturn.HOLD)
    primary, backup = world["kea-a", S], world["kea-c", S]
    assert isinstance(primary, Snapshot)
    assert isinstance(backup, Snapshot)
    (own,), (stamp,) = read_stamps(primary.config), read_stamps(backup.config)
    if told == "no source":
        world["kea-c", S] = replace(backup, config=with_stamp(backup.config, replace(stamp, source="")))
    elif told == "seen as well":
        marks = as_class(witness_marks(primary.config, stamp.relationship, stamp.generation))
        classes = [*primary.config.get("client-classes", []), marks]
        config = gathered({**primary.config, "client-classes": classes})
        world["kea-a", S] = replace(primary, config=config)
    else:
        given = replace(own, generation=stamp.generation, source=stamp.source, version="2.6.3")
        new = given if told == "given as well" else replace(own, fingerprints=stamp.fingerprints)
        world["kea-a", S] = replace(primary, config=with_stamp(primary.config, new))
    (made,) = plan(case.desired, world).relationships
    movers = {each.moved for server in made.servers for each in server.changes}
    assert (movers, made.objections) == ({("kea-a",)}, ())


def test_a_primary_whose_own_stamp_has_a_larger_number_had_no_part_in_what_was_replicated_while_it_was_away() -> None:
    case, world = given_by_the_partner(OnPrimaryReturn.HOLD)
    primary = world["kea-a", S]
    assert isinstance(primary, Snapshot)
    (own,) = read_stamps(primary.config)
    numbered = replace(own, generation=99, source="kea-b")  # as a `promote` leaves it
    world["kea-a", S] = replace(primary, config=with_stamp(primary.config, numbered))
    assert codes(case, world) == ["partner-changed"]


def test_what_somebody_changed_on_the_backup_besides_is_told_as_well() -> None:
    case, world = given_by_the_partner(OnPrimaryReturn.HOLD)
    (made,) = plan(case.desired, edited(world, "kea-c", 4321)).relationships
    movers = {each.moved for server in made.servers for each in server.changes}
    assert movers == {("kea-b", "kea-c")}


@pytest.mark.parametrize("name", ["hold-partner-changed", "drift-peer", "drift-both-in-one-section"])
def test_what_the_partner_got_is_told_though_something_else_is_to_be_local_too(name: str) -> None:
    case = read_case(name)
    (relationship,) = case.desired.relationships
    other = replace(case.desired, relationships=(replace(relationship, local=("/next-server",)),))
    (before,), (made,) = plan(case.desired, case.live).relationships, plan(other, case.live).relationships
    assert (made.objections, made.notes) == (before.objections, before.notes)
    told, was = ([[(x.path, x.cause, x.moved) for x in each.changes] for each in one.servers] for one in (made, before))
    assert told == was


def test_a_stamp_remembers_only_so_many() -> None:
    case = read_case("nothing-to-do")
    world: World = dict(case.live)
    for number in range(EARLIER + 4):
        world = applied(case, edited(world, "kea-a", 1000 + number))
    partner = world["kea-b", S]
    assert isinstance(partner, Snapshot)
    (stamp,) = read_stamps(partner.config)
    assert (len(stamp.earlier), stamp.generation) == (EARLIER, EARLIER + 4)
    assert len(set(stamp.earlier)) == EARLIER


def test_under_hold_nothing_is_told_by_a_stamp_that_may_have_aged() -> None:
    case = read_case("hold-primary-changed")
    partner = case.live["kea-b", S]
    assert isinstance(partner, Snapshot)
    (stamp,) = read_stamps(partner.config)
    aged = replace(partner, config=with_stamp(partner.config, replace(stamp, may_age=True)))
    assert codes(case, {**case.live, ("kea-b", S): aged}) == ["authority-older", "partner-changed"]


@pytest.mark.parametrize("name", ["drift-primary", "drift-peer"])
def test_a_partner_that_lost_its_stamp_is_not_overwritten_unsaid(name: str) -> None:
    case = read_case(name)
    partner = case.live["kea-b", S]
    assert isinstance(partner, Snapshot)
    config = {key: value for key, value in partner.config.items() if key != "user-context"}
    (made,) = plan(case.desired, {**case.live, ("kea-b", S): replace(partner, config=config)}).relationships
    told = [
        each for each in made.notes if each.startswith("whether kea-b was changed since the last replication can't")
    ]
    assert [("rollback" in each, "promote" in each) for each in told] == [(True, True)]


@pytest.mark.parametrize(("name", "is_told"), [("drift-primary", True), ("drift-peer", True), ("nothing-to-do", False)])
def test_where_a_stamp_can_not_tell_who_moved_what_would_be_overwritten_is_said(name: str, *, is_told: bool) -> None:
    case = read_case(name)
    partner = case.live["kea-b", S]
    assert isinstance(partner, Snapshot)
    (stamp,) = read_stamps(partner.config)
    aged = replace(partner, config=with_stamp(partner.config, replace(stamp, may_age=True)))
    (made,) = plan(case.desired, {**case.live, ("kea-b", S): aged}).relationships
    told = [
        each for each in made.notes if each.startswith("whether kea-b was changed since the last replication can't")
    ]
    assert [("rollback" in each, "promote" in each) for each in told] == ([(True, True)] if is_told else [])


def held_after_single_commands(uptime: int, reload: int, *, may_age: bool = True, had_it: bool = False) -> bool:
    """Whether a primary with a state that no stamp tells of is held as older; what it has it `had` earlier."""
    case = read_case("drift-primary")
    primary, partner = case.live["kea-a", S], case.live["kea-b", S]
    assert isinstance(primary, Snapshot)
    assert isinstance(partner, Snapshot)
    (stamp,) = read_stamps(partner.config)
    (relationship,) = case.desired.relationships
    earlier = (
        (fingerprint_with(relationship.local, relationship, primary, stamp.version or partner.version),)
        if had_it
        else ()
    )
    aged = with_stamp(partner.config, replace(stamp, may_age=may_age, earlier=earlier))
    world: World = {
        ("kea-a", S): replace(primary, uptime=uptime, reload=reload),
        ("kea-b", S): replace(partner, config=aged),
    }
    return "authority-older" in codes(case, world)


def test_after_single_commands_that_leave_no_stamp_a_primary_as_it_was_started_takes_nothing_away_unasked() -> None:
    assert held_after_single_commands(30, 30)
    assert held_after_single_commands(7200, 7200)  # it may have been started before, or put back with its memory
    assert not held_after_single_commands(7200, 30)  # it was set since it was started
    assert not held_after_single_commands(30, 30, may_age=False)  # the stamp tells


def test_what_it_had_earlier_is_held_whether_it_takes_something_away_or_not() -> None:
    assert held_after_single_commands(7200, 7200, had_it=True)
    assert not held_after_single_commands(7200, 30, had_it=True)  # it was set since


def test_a_primary_that_is_back_too_short_a_time_is_left_alone_and_its_partner_is_the_truth() -> None:
    case = read_case("drift-primary")
    (made,) = plan(case.desired, case.live, settling={("kea-a", S)}).relationships
    assert made.authority.server == "kea-b"
    assert "back, but not for long enough" in made.authority.reason
    assert not made.has_changes
    away = {**case.live, ("kea-b", S): Unreachable(case.live["kea-b", S].endpoint, "connection refused")}
    (alone,) = plan(case.desired, away, settling={("kea-a", S)}).relationships
    assert alone.authority.server == "kea-a"


def installed_anew(world: World, *, subnets: int, reload: int) -> World:
    """The world after the primary was installed anew with so many of its subnets, without an HA entry and a stamp."""
    snapshot = world["kea-a", S]
    assert isinstance(snapshot, Snapshot)
    config = {key: value for key, value in snapshot.config.items() if key not in {"user-context", "hooks-libraries"}}
    config = {**config, "user-context": {"site": "hq"}, "subnet4": snapshot.config["subnet4"][:subnets]}
    bare = replace(snapshot, config=config, uptime=20, reload=reload, ha=None, views=(), place=None)
    return {**world, ("kea-a", S): bare}


@pytest.mark.parametrize("reload", [20, 2], ids=["as started", "set since"])
def test_a_primary_installed_anew_is_held_where_it_would_take_something_away(reload: int) -> None:
    case = read_case("nothing-to-do")
    stands = out_of_touch(applied(case, edited(case.live, "kea-a", 4321)))
    number = len(subnets_of(stands))
    assert "authority-older" not in codes(case, installed_anew(stands, subnets=number, reload=reload))
    world = installed_anew(stands, subnets=number - 1, reload=reload)
    (made,) = plan(case.desired, world).relationships
    (held,) = (each for each in made.objections if each.code == "authority-older")
    assert held.message == (
        "kea-a has no HA entry and no stamp of this relationship, as if it were installed anew, and would take from "
        "kea-b what that has"
    )
    assert (held.object, held.approvable) == ("kea-a", True)
    assert held.advice.startswith("`kea-reconciler promote hq-dhcp4` gives kea-a what kea-b has; approve")
    assert "authority-older" not in [each.code for each in promoted(case, world).objections]


def subnets_of(world: World) -> list[object]:
    snapshot = world["kea-b", S]
    assert isinstance(snapshot, Snapshot)
    return list(snapshot.config["subnet4"])


def out_of_touch(world: World) -> World:
    """The world after kea-b noticed that its partner is gone."""
    snapshot = world["kea-b", S]
    assert isinstance(snapshot, Snapshot)
    assert snapshot.ha is not None
    assert snapshot.ha.partner is not None
    partner = replace(snapshot.ha.partner, age=60.0, in_touch=False, interrupted=True)
    view = replace(snapshot.ha, state="partner-down", partner=partner)
    return {**world, ("kea-b", S): replace(snapshot, ha=view, views=(view,))}


def test_promote_waits_for_all_servers_and_says_so() -> None:
    case = read_case("unreachable-backup-partner-behind")
    (made,) = plan(case.desired, case.live, promoted="hq-dhcp4").relationships
    assert made.unplanned == (
        "kea-c can't be reached; nothing is changed until then. "
        "what the partner has is taken over once all servers are there"
    )
