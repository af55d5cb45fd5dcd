"""Plan files as values: by their schema, without secrets, and read back as what they were written from."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from reconciler.model import ABSENT, Action, Cause, Change, FieldChange, Plan, Position, Problem, Snapshot
from reconciler.planning.plan import plan
from reconciler.planning.risk import with_leases_at_stake
from reconciler.redaction import secret_values
from reconciler.reports.annotations import commands
from reconciler.reports.markdown import markdown
from reconciler.reports.pages import plan_page
from reconciler.reports.remarks import of_plan
from reconciler.reports.text_plan import text_plan
from reconciler.saved.digests import Key, passing_key
from reconciler.saved.document import Made, document, failed_document
from reconciler.saved.fingerprint import fingerprint
from reconciler.saved.values import approved_in, plan_of, problems_of
from tests.planning.cases import names, read_case
from tests.reports import samples
from tests.reports.schemas import validator
from tests.reports.test_hostile_strings import PLANS

KEY = Key(b"a key of at least sixteen characters")
MADE = Made("0" * 32, datetime(2026, 11, 26, 12, 0, tzinfo=UTC), 24.0, None, KEY)
SCHEMA = validator("plan")


def closed(node: Any) -> Any:
    """A schema that knows no other keys than its own."""
    if isinstance(node, list):
        return [closed(each) for each in node]
    if not isinstance(node, dict):
        return node
    inner = {key: closed(value) for key, value in node.items()}
    return {**inner, "additionalProperties": False} if "properties" in node and "type" in node else inner


OF_MINOR_VERSIONS = {"object", "digest", "is_left"}  # what files of 1.0 and 1.1 don't have, which are read too
CLOSED = Draft202012Validator(closed(SCHEMA.schema))


def of_case(name: str, made: Made = MADE) -> tuple[Plan, dict[str, Any]]:
    case = read_case(name)
    planned = plan(case.desired, case.live)
    return planned, document(planned, made)


@pytest.mark.parametrize("name", names())
def test_every_case_follows_the_schema_and_reads_back_as_it_was(name: str) -> None:
    planned, value = of_case(name)
    value = json.loads(json.dumps(value))
    CLOSED.validate(value)
    back = plan_of(value)
    for verbose in (False, True):
        shown = replace(back, relationships=tuple(map(_local_of, back.relationships, planned.relationships)))
        assert text_plan(shown, verbose=verbose) == text_plan(planned, verbose=verbose)
    assert markdown(plan_page(back)) == markdown(plan_page(planned))
    assert _remarks(back) == _remarks(planned)


def _local_of(shown: Any, planned: Any) -> Any:
    """What --verbose says is local is all that a plan file does not know."""
    return replace(shown, relationship=replace(shown.relationship, local=planned.relationship.local))


def _remarks(made: Plan) -> str:
    """Annotations, with the lines that they are at."""
    return commands(tuple(of_plan(made)))


@pytest.mark.parametrize("name", names())
def test_no_case_shows_a_secret(name: str) -> None:
    case = read_case(name)
    text = json.dumps(document(plan(case.desired, case.live), MADE))
    for live in case.live.values():
        found = secret_values(live.config) if isinstance(live, Snapshot) else frozenset()
        assert [secret for secret in found if secret in text] == []


@settings(deadline=None)
@given(PLANS)
def test_whatever_servers_say_it_can_be_read_back(made: Plan) -> None:
    saved = replace(made, relationships=tuple(replace(each, relationship=_absent(each)) for each in made.relationships))
    value = json.loads(json.dumps(document(saved, MADE)))
    SCHEMA.validate(value)
    assert value["fingerprint"] == fingerprint(value)
    plan_of(value)


def _absent(plan: Any) -> Any:
    """Without peers nobody could say what is wanted of a relationship that stands."""
    return replace(plan.relationship, is_absent=True)


def test_a_plan_that_could_not_be_made() -> None:
    problems = [Problem(Position("desired/servers.yaml", 2, 3), "unknown-key", "there is no key 'x'", "Remove it.")]
    value = failed_document(MADE, problems)
    CLOSED.validate(value)
    assert (value["errored"], value["fingerprint"], value["relationships"]) == (True, None, [])
    assert problems_of(value) == problems
    CLOSED.validate(failed_document(MADE, [], "no relationship nowhere"))
    assert problems_of(failed_document(MADE, [], "it broke"))[0].message == "it broke"


def test_what_could_not_be_planned_in_part_is_errored_too() -> None:
    full = document(samples.plan(samples.modification(), samples.unreachable()), MADE)
    assert (full["errored"], full["fingerprint"] is None) == (True, False)
    assert not document(samples.plan(samples.modification()), MADE)["errored"]


def maps_in(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from maps_in(item)


def test_every_key_is_in_the_schema_and_none_can_be_left_out() -> None:
    value = document(samples.plan(samples.modification(), samples.creation(), samples.unreachable()), MADE)
    for place in range(len(list(maps_in(value)))):
        for key in list(list(maps_in(value))[place]):
            broken = copy.deepcopy(value)
            holder = list(maps_in(broken))[place]
            if key in {"before", "after", "a", "b"}:
                continue
            del holder[key]
            is_of_minor_version = key in OF_MINOR_VERSIONS or (key == "source" and set(holder) == {"server", "reason"})
            assert SCHEMA.is_valid(broken) is is_of_minor_version, key
            holder[key] = holder[f"{key}x"] = list(maps_in(value))[place][key]
            SCHEMA.validate(broken)  # a newer minor version may know more
            assert not CLOSED.is_valid(broken), key


def test_every_property_is_described() -> None:
    for node in maps_in(SCHEMA.schema):
        for name, inner in node.get("properties", {}).items():
            assert inner.get("description"), name


# ---------------------------------------------------------------------------------- what it says of each change


def changed(*changes: Change) -> Plan:
    made = samples.modification()
    first = replace(made.servers[0], changes=changes)
    return samples.plan(replace(made, servers=(first, *made.servers[1:])))


def told(change: Change, key: Key = KEY) -> dict[str, Any]:
    value = document(changed(change), replace(MADE, key=key))
    found: dict[str, Any] = value["relationships"][0]["servers"][0]["changes"][0]
    return found


def test_a_change_has_its_reason_its_line_and_its_risk() -> None:
    git = told(samples.modification().servers[0].changes[0])
    assert (git["reason"], git["source"]["line"]) == ("desired changed", 9)
    assert git["risk"] == {"destructive": False, "code": None, "object": None, "active_leases": None}
    gone = told(Change(Action.DELETE, samples.SUBNET_PATH, cause=Cause.PRIMARY, moved=("kea-a",)))
    assert (gone["reason"], gone["source"]["line"]) == ("kea-a's data changed", 5)
    what = {"code": "delete-subnet", "object": "subnet 10.0.0.0/24"}
    assert gone["risk"] == {"destructive": True, **what, "active_leases": None}


def test_a_subnet_that_goes_says_how_many_leases_it_has() -> None:
    made = samples.modification()
    config = {"subnet4": [{"id": 7, "subnet": "10.0.0.0/24"}]}
    server = made.servers[0]
    read = replace(server.snapshot, config=config, active_leases={7: 41})
    for path in (samples.SUBNET_PATH, (*samples.SUBNET_PATH, ("pool", "10.0.0.10-10.0.0.20"))):
        one = replace(server, snapshot=read, changes=(Change(Action.DELETE, path),))
        value = document(with_leases_at_stake(samples.plan(replace(made, servers=(one,)))), MADE)
        assert value["relationships"][0]["servers"][0]["changes"][0]["risk"]["active_leases"] == 41


SECRET = Change(
    Action.CHANGE,
    (("relationship", "hq-dhcp4"),),
    (FieldChange("password", "(hidden)", "(hidden, another value)", ("old-canary", "new-canary")),),
)


def test_a_secret_is_a_keyed_digest() -> None:
    one, again, other = (told(SECRET, key)["fields"][0] for key in (KEY, KEY, Key(b"quite another key of some length")))
    assert one == again
    assert one["before"] == "(hidden)"
    assert one["digests"]["before"] != one["digests"]["after"]
    assert one["digests"]["before"].startswith("hmac-sha256:")
    assert not set(one["digests"].values()) & set(other["digests"].values())
    assert "canary" not in json.dumps(told(SECRET)) + repr(SECRET)


def test_equal_secrets_have_equal_digests_in_one_plan_and_none_where_there_is_no_secret() -> None:
    same = replace(SECRET, fields=(replace(SECRET.fields[0], hidden=("canary", ABSENT)),))
    assert told(same)["fields"][0]["digests"]["after"] is None
    assert told(samples.modification().servers[0].changes[0])["fields"][0]["digests"] is None


def test_an_object_with_a_secret_has_a_keyed_digest_as_well() -> None:
    item = {"subnet": "10.0.0.0/24", "user-context": {"password": "canary"}}
    added = Change(Action.ADD, samples.SUBNET_PATH, item=item)
    content = told(added)["content"]
    assert content["digest"].startswith("sha256:")
    assert content["keyed"].startswith("hmac-sha256:")
    moved = {**item, "user-context": {"password": "another"}}
    others = told(replace(added, item=moved))["content"]
    assert (others["digest"], others["keyed"] == content["keyed"]) == (content["digest"], False)
    assert told(replace(added, item={"subnet": "10.0.0.0/24"}))["content"]["keyed"] is None


# -------------------------------------------------------------------------------------------- fingerprints


def test_a_fingerprint_depends_on_neither_time_nor_run_nor_commit() -> None:
    made = samples.plan(samples.modification(), samples.creation(), samples.unreachable())
    later = Made("f" * 32, datetime(2030, 1, 1, tzinfo=UTC), 1.0, ["hq-dhcp4"], KEY)
    moved = replace(made, revision="git:ffffffffffff", digest="sha256:other")
    assert document(made, MADE)["fingerprint"] == document(moved, later)["fingerprint"]


def test_a_fingerprint_depends_on_no_order() -> None:
    made = samples.plan(samples.modification(), samples.creation())
    turned = replace(made, relationships=tuple(map(_turned, made.relationships[::-1])))
    assert document(made, MADE)["fingerprint"] == document(turned, MADE)["fingerprint"]


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(names()), st.randoms(use_true_random=False), st.datetimes(timezones=st.just(UTC)))
def test_a_fingerprint_is_the_same_at_any_time_in_any_order(name: str, chance: random.Random, when: datetime) -> None:
    value = of_case(name)[1]
    other = copy.deepcopy(value) | {"id": f"{chance.getrandbits(128):032x}", "revision": "git:ffffffffffff"}
    other |= {"created_at": when.isoformat(), "expires_at": when.isoformat(), "desired_digest": "sha256:other"}
    for holder in maps_in(other):
        for key in {"relationships", "servers", "changes", "fields", "objections", "unreachable"} & holder.keys():
            if holder[key] and isinstance(holder[key][0], dict):  # a stage has its servers in an order that matters
                chance.shuffle(holder[key])
    assert fingerprint(other) == value["fingerprint"]


def _turned(each: Any) -> Any:
    servers = (replace(server, changes=server.changes[::-1]) for server in each.servers[::-1])
    return replace(each, servers=tuple(servers), objections=each.objections[::-1])


def test_a_fingerprint_is_of_what_is_done_and_not_of_why() -> None:
    made = changed(Change(Action.ADD, samples.SUBNET_PATH, cause=Cause.GIT))
    other = changed(Change(Action.ADD, samples.SUBNET_PATH, cause=Cause.PEER, moved=("kea-b",)))
    assert document(made, MADE)["fingerprint"] == document(other, MADE)["fingerprint"]


OTHERWISE = {
    "another object": Change(Action.ADD, (("subnet", "10.0.9.0/24"),)),
    "another action": Change(Action.DELETE, samples.SUBNET_PATH),
    "another content": Change(Action.ADD, samples.SUBNET_PATH, item={"subnet": "10.0.0.0/24", "id": 8}),
    "another value": Change(Action.CHANGE, samples.SUBNET_PATH, (FieldChange("id", 1, 2),)),
}


@pytest.mark.parametrize("name", OTHERWISE)
def test_another_change_has_another_fingerprint(name: str) -> None:
    item = {"subnet": "10.0.0.0/24", "id": 7}
    was = document(changed(Change(Action.ADD, samples.SUBNET_PATH, item=item)), MADE)["fingerprint"]
    assert document(changed(OTHERWISE[name]), MADE)["fingerprint"] != was


def test_an_objection_or_an_address_more_is_another_plan() -> None:
    made = samples.modification()
    was = document(samples.plan(made), MADE)["fingerprint"]
    fewer = replace(made, objections=made.objections[:1])
    assert document(samples.plan(fewer), MADE)["fingerprint"] != was
    server = made.servers[0]
    endpoint = replace(server.snapshot.endpoint, control="http://192.0.2.99:8000/")
    elsewhere = replace(server, snapshot=replace(server.snapshot, endpoint=endpoint))
    assert document(samples.plan(replace(made, servers=(elsewhere, made.servers[1]))), MADE)["fingerprint"] != was
    parameters = replace(made.relationship, parameters={"heartbeat-delay": 6000})
    assert document(samples.plan(replace(made, relationship=parameters)), MADE)["fingerprint"] != was


def test_secrets_count_only_with_a_key_that_others_have_too() -> None:
    other = replace(SECRET, fields=(replace(SECRET.fields[0], hidden=("old-canary", "third-canary")),))

    def marks(key: Key) -> set[str]:
        return {str(document(changed(each), replace(MADE, key=key))["fingerprint"]) for each in (SECRET, other)}

    assert len(marks(KEY)) == 2
    assert len(marks(passing_key()) | marks(passing_key())) == 1


def test_a_key_has_a_name_that_is_not_itself() -> None:
    assert KEY.name is not None
    assert KEY.name != Key(b"quite another key of some length").name
    assert passing_key().name is None
    assert "sixteen" not in repr(KEY) + repr(MADE)


def test_an_objection_says_what_it_is_about_and_one_of_1_0_need_not() -> None:
    made, value = of_case("objection-authority-shrunk")
    (objection,) = value["relationships"][0]["objections"]
    assert (objection["code"], objection["object"]) == ("authority-shrunk", "kea-b: reservations")
    assert plan_of(value).relationships[0].objections == made.relationships[0].objections
    del objection["object"]
    SCHEMA.validate(value)
    assert fingerprint(value) != value["fingerprint"]  # an approval for one object is none for another
    assert plan_of(value).relationships[0].objections[0].object == ""


def test_who_would_answer_for_a_server_that_is_not_in_the_file_is_read_all_the_same() -> None:
    value = document(samples.plan(samples.modification()), MADE)
    value["relationships"][0]["elsewhere"] = [{"relationship": "west", "server": "nobody", "partner": "west"}]
    SCHEMA.validate(value)
    (there,) = plan_of(value).relationships[0].elsewhere
    assert (there.hub.peer.server, there.partner.peer.server) == ("nobody", "west")


def test_what_was_approved_is_known_again() -> None:
    value = document(samples.plan(samples.modification()), MADE, approved=["clock-skew"])
    assert approved_in(value) == ["clock-skew"]
