"""What goes on of a relationship in which something is contested, by what it is."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.kea.hooks import relationships_of
from reconciler.model import RelationshipPlan, Service, Snapshot, Suspension, Thresholds, WatchMode
from reconciler.planning.plan import plan
from reconciler.watching.fights import disputes, kept
from reconciler.watching.parts import with_parts
from reconciler.watching.records import Look
from reconciler.watching.ruling import Rules, ruling
from tests.planning.cases import after_apply, read_case
from tests.planning.test_contested import ALPHA, edited, longer, renamed

if TYPE_CHECKING:
    from tests.planning.cases import Case

NOW = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
HA = (("relationship", "hq-dhcp4"),)
HOOK = (("hook", "libdhcp_ha.so"),)
OTHER = (("subnet", "10.0.2.0/24"),)
POOL = (("subnet", "10.0.1.0/24"), ("pool", "10.0.1.100-10.0.1.199"))
ENFORCE = Rules(WatchMode.ENFORCE)


def patient(config: dict[str, Any]) -> None:
    """Somebody gives the HA hook of one server another timer."""
    block: Any = relationships_of(config)[0]
    block["max-ack-delay"] = 4321


def unguarded(config: dict[str, Any]) -> None:
    """Somebody lets both servers lease the addresses of a pool."""
    del config["subnet4"][0]["pools"][0]["client-class"]


def shifted(config: dict[str, Any]) -> None:
    """Somebody puts another pool in the place of one."""
    config["subnet4"][0]["pools"] = [{"option-data": [], "pool": "10.0.1.100-10.0.1.149"}]


def emptied(config: dict[str, Any]) -> None:
    """Somebody takes a subnet away."""
    del config["subnet4"][1]


def only(config: dict[str, Any], prefix: str) -> None:
    """Somebody takes away all subnets but one."""
    config["shared-networks"] = []
    config["subnet4"] = [each for each in config["subnet4"] if each["subnet"] == prefix]


def reserved(config: dict[str, Any], *numbers: int) -> None:
    """Somebody lets a server have these reservations only."""
    inside = (each for network in config["shared-networks"] for each in network["subnet4"])
    for each in (config, *config["subnet4"], *inside):
        each["reservations"] = []
    hosts = [{"hw-address": f"02:00:00:00:00:0{number}", "ip-address": f"10.0.1.{number}"} for number in numbers]
    config["subnet4"][0]["reservations"] = hosts


def strict(case: Case) -> Case:
    """No subnet may go without an approval."""
    (relationship,) = case.desired.relationships
    thresholds = Thresholds(least=1, deleted_share=0.0)
    return replace(case, desired=replace(case.desired, relationships=(replace(relationship, thresholds=thresholds),)))


def seen(case: Case, server: str, **parts: Any) -> Case:
    """The case after a server became another one in what it does, not in what it has."""
    key = server, Service.DHCP4
    found = case.live[key]
    assert isinstance(found, Snapshot)
    return replace(case, live={**case.live, key: replace(found, **parts)})


def unhooked(case: Case, server: str) -> Case:
    """The case after a set that failed took a server's hook away."""
    return seen(case, server, ha=None)


def asked(case: Case) -> Case:
    """Git asks for another timer."""
    (relationship,) = case.desired.relationships
    parameters = {**relationship.parameters, "max-response-delay": 54321}
    return replace(case, desired=replace(case.desired, relationships=(replace(relationship, parameters=parameters),)))


def look_at(case: Case, rules: Rules, *contested: object) -> Look:
    """A look at a relationship in which the objects with these paths are contested, wherever they are to be changed, or
    on one server where it is named before the path.
    """

    def rules_of(made: RelationshipPlan, known: Rules) -> Rules:
        found = [each for each in disputes(made).values() if {each.path, (each.server, each.path)} & {*contested}]
        return replace(known, contested=tuple(each.words for each in found), staying=kept(made, found))

    made = plan(case.desired, case.live)
    (whole,) = made.relationships
    rules = rules_of(whole, rules)
    look = Look(whole, None, rules, ruling(whole, rules), NOW, 0.1)
    (found,) = asyncio.run(with_parts([look], case.desired, case.live, made, rules_of))
    return found


def due(look: Look) -> set[object]:
    """The paths of what is carried out on the standby."""
    assert not look.ruling.may
    return {change.path for server in look.due.servers for change in server.changes} if look.due else set()


def drifted() -> Case:
    return edited(edited(read_case("nothing-to-do"), "kea-b", renamed), "kea-b", longer)


def test_all_else_goes_on_and_it_is_said_that_an_object_is_contested() -> None:
    look = look_at(drifted(), ENFORCE, ALPHA)
    assert due(look) == {OTHER}
    assert not look.part.is_level
    assert any(each.startswith("contested: reservation ") for each in look.ruling.waits)
    assert look.part.left_alone == ()


def test_where_nothing_else_is_due_nothing_is_done() -> None:
    look = look_at(edited(read_case("nothing-to-do"), "kea-b", renamed), ENFORCE, ALPHA)
    assert (due(look), look.part.waits, look.part.left_alone) == (set(), "", ())
    assert look.part.is_level


def test_what_git_asks_for_goes_on_where_it_may() -> None:
    assert due(look_at(asked(drifted()), ENFORCE, ALPHA)) == {OTHER, HA}
    assert due(look_at(asked(drifted()), Rules(WatchMode.REPLICATE), ALPHA)) == {OTHER}


def test_beside_a_contested_entry_of_the_hook_data_go_on() -> None:
    look = look_at(edited(drifted(), "kea-b", patient), ENFORCE, HA, ALPHA)
    assert due(look) == {OTHER}
    assert look.part.left_alone == ()


def undivided() -> tuple[Case, tuple[tuple[str, str], ...]]:
    """A pair with divided pools, of which somebody takes a guard off on the authority, and the path of that pool."""
    case = read_case("pools-split")
    case = replace(case, live=after_apply(case, plan(case.desired, case.live)))
    case = edited(edited(case, "kea-a", unguarded), "kea-b", longer)
    (whole,) = plan(case.desired, case.live).relationships
    (path,) = {each.path for server in whole.servers if server.peer.server == "kea-a" for each in server.changes}
    return case, path


def test_what_is_contested_on_the_authority_itself_stays_on_all_servers_and_the_rest_goes_on() -> None:
    case, path = undivided()
    look = look_at(case, ENFORCE, path)
    assert {each.code for each in look.plan.objections} >= {"split-pools"}
    assert look.due is not None
    assert {each.peer.server: [change.path for change in each.changes] for each in look.due.servers} == {
        "kea-b": [OTHER],
        "kea-a": [],
    }
    assert (look.due.objections, look.part.left_alone) == ((), ())
    (was, now) = ([each["pools"] for each in config["subnet4"]] for config in configs(case, look))
    assert was == now


def test_it_stays_contested_when_other_data_of_the_authority_change() -> None:
    case, path = undivided()
    look = look_at(
        edited(case, "kea-a", lambda config: config["subnet4"][1].update({"renew-timer": 1234})), ENFORCE, path
    )
    assert look.rules.contested
    assert due(look) == {OTHER}


def configs(case: Case, look: Look) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the standby has, and what it is set to."""
    found = case.live["kea-b", Service.DHCP4]
    assert isinstance(found, Snapshot)
    assert look.due is not None
    (server,) = [each for each in look.due.servers if each.peer.server == "kea-b"]
    assert server.outgoing is not None
    return dict(found.config), dict(server.outgoing)


def test_neither_form_of_what_is_contested_on_the_authority_is_carried_to_another_that_has_a_third() -> None:
    case, path = undivided()
    case = edited(case, "kea-b", lambda config: config["subnet4"][0]["pools"][0].update({"client-class": "third"}))
    look = look_at(case, ENFORCE, ("kea-a", path))
    assert due(look) == {OTHER}
    (was, now) = (config["subnet4"][0]["pools"] for config in configs(case, look))
    assert was == now
    assert look.part.left_alone == (f"pool {path[-1][1]} in subnet 10.0.1.0/24 on kea-b is left alone with it",)


def test_a_server_that_joins_gets_what_is_contested_on_the_authority_as_desired_wants_it() -> None:
    case, path = undivided()
    found = case.live["kea-b", Service.DHCP4]
    assert isinstance(found, Snapshot)
    (whole,) = plan(case.desired, case.live).relationships
    stayed = kept(whole, [each for each in disputes(whole).values() if each.path == path])
    assert set(stayed) == {"kea-a", "kea-b"}
    fresh = edited(case, "kea-b", lambda config: config.pop("user-context"))
    (whole,) = plan(fresh.desired, fresh.live).relationships
    assert "kea-b" not in kept(whole, [each for each in disputes(whole).values() if each.path == path])


def test_what_stays_with_a_contested_object_is_told() -> None:
    case = edited(drifted(), "kea-b", shifted)
    look = look_at(case, ENFORCE, ALPHA, POOL)
    assert due(look) == {OTHER}
    assert look.part.left_alone == ("pool 10.0.1.100-10.0.1.149 in subnet 10.0.1.0/24 on kea-b is left alone with it",)
    assert not look.part.is_level


def test_what_was_approved_of_the_whole_counts_for_all_else() -> None:
    case = strict(edited(edited(read_case("nothing-to-do"), "kea-b", renamed), "kea-a", emptied))
    look = look_at(case, ENFORCE, ALPHA)
    assert due(look) == set()
    assert [each.partition(":")[0] for each in look.asks] == ["authority-shrunk"]
    look = look_at(case, replace(ENFORCE, approved=("authority-shrunk",)), ALPHA)
    assert (due(look), look.asks) == ({OTHER}, ())


def test_what_was_approved_of_the_whole_counts_for_data_that_go_on_beside_a_change_of_git() -> None:
    case = strict(asked(edited(read_case("nothing-to-do"), "kea-a", emptied)))
    rules = Rules(WatchMode.REPLICATE)
    assert due(look_at(case, rules)) == set()
    assert due(look_at(case, replace(rules, approved=("authority-shrunk",)))) == {OTHER}


def test_no_approval_counts_where_what_is_left_alone_makes_the_rest_another_matter() -> None:
    """Of two subnets one is to take the place of the other, and without it nothing would be left."""
    case = edited(read_case("nothing-to-do"), "kea-a", lambda config: only(config, "10.0.1.0/24"))
    case = edited(case, "kea-b", lambda config: only(config, "10.0.2.0/24"))
    look = look_at(case, replace(ENFORCE, approved=("authority-shrunk",)), (("subnet", "10.0.1.0/24"),))
    assert look.plan.objections
    assert not look.ruling.asks
    assert due(look) == set()
    (told,) = look.asks
    assert "none would be left" in told
    assert told.endswith("`kea-reconciler apply` does the whole")


def test_where_nothing_was_approved_nothing_is_said_of_that() -> None:
    """A reservation is to take the place of all others; only without it the last would go."""
    case = edited(read_case("nothing-to-do"), "kea-a", lambda config: reserved(config, 7))
    case = edited(case, "kea-b", lambda config: reserved(config, 8, 9))
    look = look_at(case, ENFORCE, (*ALPHA[:-1], ("reservation", "hw-address 02:00:00:00:00:07")))
    assert look.plan.objections == ()
    assert due(look) == set()
    (told,) = look.asks
    assert "approved" not in told
    assert told.endswith("; the whole plan has no such objection; `kea-reconciler apply` does the whole")


def test_beside_a_contested_entry_of_the_hook_another_server_is_mended() -> None:
    case = unhooked(edited(read_case("nothing-to-do"), "kea-b", patient), "kea-a")
    look = look_at(case, ENFORCE, HA)
    assert look.due is not None
    assert {server.peer.server: [each.path for each in server.changes] for server in look.due.servers} == {
        "kea-a": [HOOK],
        "kea-b": [],
    }


def test_a_server_is_not_mended_with_an_entry_that_somebody_else_sets() -> None:
    case = unhooked(edited(drifted(), "kea-b", patient), "kea-b")
    look = look_at(case, ENFORCE, HA)
    assert due(look) == set()
    assert look.part.waits.endswith("this comes first: the hook of kea-b, whose entry somebody else set")


def test_nor_is_it_where_git_changed_the_entry_as_well() -> None:
    case = asked(unhooked(edited(drifted(), "kea-b", patient), "kea-b"))
    look = look_at(case, Rules(WatchMode.REPLICATE))
    assert due(look) == set()
    assert look.part.waits.endswith("this comes first: the hook of kea-b, whose entry somebody else set")


@pytest.mark.parametrize("edited_too", [("kea-a",), ("kea-a", "kea-b")], ids=["as it was set", "as its partner has it"])
def test_one_whose_entry_is_known_to_be_good_is_mended_while_a_change_of_git_waits(edited_too: tuple[str, ...]) -> None:
    case = read_case("nothing-to-do")
    for server in edited_too:
        case = edited(case, server, patient)
    look = look_at(asked(unhooked(case, "kea-b")), Rules(WatchMode.REPLICATE))
    assert due(look) == {HOOK}
    assert "whose entry" not in look.part.waits


def test_what_an_earlier_run_left_is_put_right_whatever_else_waits() -> None:
    case = edited(read_case("nothing-to-do"), "kea-b", patient)
    found = case.live["kea-b", Service.DHCP4]
    assert isinstance(found, Snapshot)
    assert found.ha is not None
    view = replace(found.ha, scopes=("kea-a",))
    case = seen(case, "kea-b", ha=view, views=(view,))
    for rules, contested in ((ENFORCE, [HA]), (Rules(WatchMode.REPLICATE), [])):
        look = look_at(case if contested else asked(case), rules, *contested)
        assert due(look) == set()
        assert look.due is not None
        assert [mend.server for mend in look.due.mends] == ["kea-b", "kea-a"]  # of which 2.2 doesn't tell that it is on
        assert not look.due.objections
    assert look_at(case, Rules(WatchMode.REPORT), HA).due is None


@pytest.mark.parametrize(
    "rules",
    [
        Rules(WatchMode.REPORT),
        Rules(WatchMode.ENFORCE, suspension=Suspension("hq", "CHG-1", "ann", NOW, NOW)),
        Rules(WatchMode.ENFORCE, writes=10),
        Rules(WatchMode.ENFORCE, resting=7.0),
    ],
)
def test_what_holds_back_everything_holds_back_the_rest_too(rules: Rules) -> None:
    look = look_at(drifted(), rules, ALPHA)
    assert (due(look), look.part.left_alone, look.part.is_level) == (set(), (), False)
