"""Every case in tests/cases: the plan as a whole, and what must hold for any plan."""

from __future__ import annotations

import copy
import json

import pytest

from reconciler.model import Snapshot
from reconciler.planning.guard import violations
from reconciler.planning.plan import plan
from reconciler.redaction import secret_values
from tests.planning.cases import BASES, Case, after_apply, dump, names, read_case


@pytest.fixture(params=names())
def case(request: pytest.FixtureRequest) -> Case:
    return read_case(request.param)


def test_the_plan_is_what_the_case_says(case: Case) -> None:
    assert dump(plan(case.desired, case.live)) == case.expected


def test_every_objection_says_what_it_is_about(case: Case) -> None:
    for each in plan(case.desired, case.live).relationships:
        known = {each.relationship.name, *(server for server, _ in case.live)}
        for objection in each.objections:
            about, _, what = objection.object.partition(": ")
            assert set(about.split(" and ")) <= known, objection
            assert what in {"", "subnets", "pools", "pd-pools", "reservations"}, objection


def test_planning_alters_nothing_that_was_read(case: Case) -> None:
    before = {key: copy.deepcopy(live.config) for key, live in case.live.items() if isinstance(live, Snapshot)}
    plan(case.desired, case.live)
    assert {key: live.config for key, live in case.live.items() if isinstance(live, Snapshot)} == before


def test_after_the_apply_there_is_nothing_left_to_do(case: Case) -> None:
    made = plan(case.desired, case.live)
    if any(each.unplanned for each in made.relationships):
        return
    again = plan(case.desired, after_apply(case, made))
    (relationship,) = again.relationships
    assert not relationship.has_changes
    assert relationship.unreachable or len(relationship.servers) == len(relationship.relationship.peers)


def test_everything_that_goes_out_passes_the_guard(case: Case) -> None:
    for each in plan(case.desired, case.live).relationships:
        for server in each.servers:
            if server.outgoing is not None:
                found = violations(server.peer, server.snapshot.config, server.outgoing, leaves=server.leaves)
                # A server that calls itself something else is set to its right name, once a person approved that.
                assert found == []


def test_no_secret_is_shown_and_none_is_lost(case: Case) -> None:
    made = plan(case.desired, case.live)
    text = dump(made)
    for live in case.live.values():
        secrets = secret_values(live.config) if isinstance(live, Snapshot) else frozenset()
        assert [secret for secret in secrets if secret in text or secret in repr(made)] == []


def test_the_bases_hold_no_path_of_the_machine_they_were_made_on() -> None:
    for path in BASES.glob("*.json"):
        text = path.read_text()
        assert "/tmp" not in text
        assert "x86_64" not in text
        assert secret_values(json.loads(text)) == frozenset()
