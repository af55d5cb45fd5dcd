"""What a relationship's servers get where objects are contested, and what is told of it afterwards."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from reconciler.model import Cause, Change, RelationshipPlan, Service, Snapshot
from reconciler.planning.plan import plan
from tests.planning.cases import World, after_apply, read_case

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.planning.cases import Case

S = Service.DHCP4
ALPHA = (("subnet", "10.0.1.0/24"), ("reservation", "hw-address 02:00:00:00:01:0a"))


def snapshot(world: World, server: str) -> Snapshot:
    found = world[server, S]
    assert isinstance(found, Snapshot)
    return found


def edited(case: Case, server: str, edit: Callable[[dict[str, Any]], object]) -> Case:
    """The case after somebody changed a server's configuration."""
    seen = snapshot(case.live, server)
    config = copy.deepcopy(dict(seen.config))
    edit(config)
    return replace(case, live={**case.live, (server, S): replace(seen, config=config)})


def alpha(config: dict[str, Any]) -> dict[str, Any]:
    hosts = config["subnet4"][0]["reservations"]
    found: dict[str, Any] = next(each for each in hosts if each.get("hw-address") == "02:00:00:00:01:0a")
    return found


def renamed(config: dict[str, Any]) -> None:
    alpha(config)["hostname"] = "omega"


def longer(config: dict[str, Any]) -> None:
    config["subnet4"][1]["valid-lifetime"] = 9999


def taken(config: dict[str, Any]) -> None:
    """The address of the reservation is another one's."""
    alpha(config)["ip-address"] = "10.0.1.99"
    other = {**alpha(config), "hw-address": "02:00:00:00:01:99", "ip-address": "10.0.1.10"}
    config["subnet4"][0]["reservations"].append(other)


def planned(case: Case, *contested: str) -> RelationshipPlan:
    """The plan in which the reservation is contested on these servers."""
    (relationship,) = case.desired.relationships
    relationship = replace(relationship, contested=dict.fromkeys(contested, (ALPHA,)))
    (made,) = plan(replace(case.desired, relationships=(relationship,)), case.live).relationships
    assert made.unplanned is None
    return made


def changes(made: RelationshipPlan, server: str) -> tuple[Change, ...]:
    return next(each.changes for each in made.servers if each.peer.server == server)


def carried_out(case: Case, made: RelationshipPlan) -> Case:
    whole = replace(plan(case.desired, case.live), relationships=(made,))
    return replace(case, live=after_apply(case, whole))


def test_a_contested_object_stays_and_all_else_follows() -> None:
    case = edited(edited(read_case("nothing-to-do"), "kea-b", renamed), "kea-a", longer)
    made = planned(case, "kea-b")
    assert [each.path for each in changes(made, "kea-b")] == [(("subnet", "10.0.2.0/24"),)]
    after = carried_out(case, made)
    config = dict(snapshot(after.live, "kea-b").config)
    assert alpha(config)["hostname"] == "omega"
    assert config["subnet4"][1]["valid-lifetime"] == 9999
    assert changes(planned(after, "kea-b"), "kea-b") == ()
    (left,) = changes(planned(after), "kea-b")  # it still is drift, of who made it
    assert (left.path, left.cause, left.moved) == (ALPHA, Cause.PEER, ("kea-b",))


def test_who_moved_is_told_in_the_same_way_where_it_was_the_authority() -> None:
    case = edited(read_case("nothing-to-do"), "kea-a", renamed)
    before = changes(planned(case), "kea-b")
    case = edited(case, "kea-a", longer)
    after = carried_out(case, planned(case, "kea-b"))
    assert alpha(dict(snapshot(after.live, "kea-b").config))["hostname"] == "alpha"
    assert changes(planned(after), "kea-b") == before
    assert before[0].moved == ("kea-a",)


def test_a_server_that_cannot_keep_it_alone_is_left_and_the_others_go_on() -> None:
    case = edited(edited(read_case("nothing-to-do-with-a-backup"), "kea-b", renamed), "kea-a", taken)
    case = edited(case, "kea-a", longer)
    made = planned(case, "kea-b")
    told = {each.peer.server: each.left_alone for each in made.servers}
    assert told == {"kea-a": "", "kea-b": "two reservations in 10.0.1.0/24 would have 10.0.1.10", "kea-c": ""}
    assert changes(made, "kea-b") == ()
    assert len(changes(made, "kea-c")) == 3
    after = carried_out(case, made)
    assert snapshot(after.live, "kea-b") == snapshot(case.live, "kea-b")
    assert {each.path for each in changes(planned(after), "kea-b")} == {each.path for each in changes(made, "kea-c")}


def test_where_it_is_contested_on_one_server_the_others_get_it() -> None:
    case = edited(edited(read_case("nothing-to-do-with-a-backup"), "kea-b", renamed), "kea-c", renamed)
    made = planned(case, "kea-b")
    assert changes(made, "kea-b") == ()
    assert [each.path for each in changes(made, "kea-c")] == [ALPHA]


def test_a_change_of_the_relationship_takes_no_contested_object_with_it() -> None:
    case = edited(read_case("nothing-to-do"), "kea-b", renamed)
    (relationship,) = case.desired.relationships
    timers = replace(relationship, parameters={**relationship.parameters, "max-ack-delay": 4321})
    case = replace(case, desired=replace(case.desired, relationships=(timers,)))
    made = planned(case, "kea-b")
    assert {each.path[0][0] for server in made.servers for each in server.changes} == {"relationship"}
    after = carried_out(case, made)
    assert alpha(dict(snapshot(after.live, "kea-b").config))["hostname"] == "omega"
    (left,) = changes(planned(after), "kea-b")
    assert (left.path, left.cause) == (ALPHA, Cause.PEER)
