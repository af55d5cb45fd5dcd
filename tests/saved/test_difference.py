"""How the plan of now differs from the one in a file, in lines for people."""

from __future__ import annotations

from dataclasses import replace

from reconciler.model import (
    Action,
    Authority,
    Change,
    Command,
    Disruption,
    Elsewhere,
    FieldChange,
    Objection,
    Plan,
    Relationship,
    RelationshipPlan,
)
from reconciler.saved.document import document
from reconciler.saved.fingerprint import difference
from tests.reports import samples
from tests.saved.test_document import KEY, MADE, SECRET, changed

ADDED = Change(Action.ADD, samples.SUBNET_PATH, summary="id 1")
DELETED = Change(Action.DELETE, samples.SUBNET_PATH, summary="id 1")


def told(then: Plan, now: Plan) -> list[str]:
    return difference(document(then, MADE), document(now, MADE))


def test_equal_plans_have_none() -> None:
    full = samples.plan(samples.modification(), samples.creation(), samples.unreachable())
    assert told(full, full) == []


def test_changes_that_are_new_and_that_are_gone() -> None:
    assert told(changed(ADDED), changed(DELETED)) == [
        "hq-dhcp4 (dhcp4):",
        "  kea-b:",
        "    not due any more:",
        "      + subnet 10.0.0.0/24: id 1",
        "    due now as well:",
        "      - subnet 10.0.0.0/24: id 1",
    ]


def test_an_object_of_the_same_words_and_another_content_is_on_both_sides() -> None:
    one, other = (replace(ADDED, item={"id": 1, "valid-lifetime": seconds}) for seconds in (1, 2))
    assert len(told(changed(one), changed(other))) == 6


def test_a_secret_that_is_another_now_is_on_both_sides_and_not_shown() -> None:
    other = replace(SECRET, fields=(FieldChange("password", "(hidden)", "(hidden, another value)", ("a", "canary")),))
    lines = told(changed(SECRET), changed(other))
    assert lines[3:4] == ["      ~ relationship hq-dhcp4: password (hidden) -> (hidden, another value)"]
    assert "canary" not in "".join(lines)
    assert KEY.name is not None


def test_what_else_may_differ() -> None:
    made = samples.modification()
    server = made.servers[0]
    endpoint = replace(server.snapshot.endpoint, control="http://192.0.2.9:8000/")
    now = replace(
        made,
        authority=Authority("kea-b", "since"),
        objections=(Objection("shared-pools", "", ""),),
        relationship=replace(made.relationship, parameters={"heartbeat-delay": 1}),
        servers=(replace(server, snapshot=replace(server.snapshot, endpoint=endpoint)), made.servers[1]),
    )
    assert told(samples.plan(made), samples.plan(now)) == [
        "hq-dhcp4 (dhcp4):",
        "  authority: kea-a -> kea-b",
        "  objections: clock-skew, identity of kea-b -> shared-pools",
        "  kea-b:",
        "    control: http://kea-b.example:8000/ -> http://192.0.2.9:8000/",
        "  the relationship itself is described otherwise in desired",
    ]


def test_who_answers_for_a_hub_counts_where_it_is_set_and_not_where_commands_change_it() -> None:
    made = samples.modification()
    hub, partner = made.servers
    names = hub.peer.server, partner.peer.server
    elsewhere = (Elsewhere(replace(made.relationship, name="west"), hub, partner),)
    assert told(samples.plan(made), samples.plan(replace(made, elsewhere=elsewhere))) == [
        "hq-dhcp4 (dhcp4):",
        f"  who answers the clients of other relationships: none -> {names[1]} for {names[0]} in west",
    ]
    commanded = replace(hub, commands=(Command("subnet4-add", {}),), told_disruption=Disruption.NONE)
    made = replace(made, servers=(commanded, partner))
    assert told(samples.plan(made), samples.plan(replace(made, elsewhere=elsewhere))) == []


def test_relationships_that_come_and_go_and_those_that_can_not_be_planned() -> None:
    lost = replace(samples.unreachable(), relationship=_named("hq-dhcp4", samples.modification()))
    assert told(samples.plan(samples.quiet("a"), samples.modification()), samples.plan(samples.quiet("b"), lost))[
        :6
    ] == [
        "a (dhcp4):",
        "  was in the plan file, and is in the plan no more",
        "b (dhcp4):",
        "  is in the plan only now",
        "hq-dhcp4 (dhcp4):",
        "  what is done: modify -> nothing",
    ]


def _named(name: str, like: RelationshipPlan) -> Relationship:
    return replace(like.relationship, name=name)


def test_an_objection_to_another_server_is_another_one() -> None:
    """What is approved for kea-a is not approved for kea-b."""
    made = samples.modification()
    one, other = (
        samples.plan(replace(made, objections=(Objection("leases-not-persistent", "", "", object=name),)))
        for name in ("kea-a", "kea-b")
    )
    assert document(one, MADE)["fingerprint"] != document(other, MADE)["fingerprint"]
    assert told(one, other) == [
        "hq-dhcp4 (dhcp4):",
        "  objections: leases-not-persistent of kea-a -> leases-not-persistent of kea-b",
    ]
