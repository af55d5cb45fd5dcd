"""Whatever a server says: it can't move a cursor, turn the writing, feign a line, or break our JSON."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.model import (
    ABSENT,
    Action,
    Authority,
    Cause,
    Change,
    Endpoint,
    FieldChange,
    HaView,
    Health,
    Objection,
    Peer,
    Plan,
    Position,
    Problem,
    Procedure,
    Relationship,
    RelationshipOutcome,
    RelationshipPlan,
    RelationshipStatus,
    Result,
    Role,
    ServerOutcome,
    ServerPlan,
    ServerStatus,
    Service,
    Severity,
    Snapshot,
    Suspension,
    Unreachable,
)
from reconciler.planning.drift import only_drift
from reconciler.reports.costs import is_affected
from reconciler.reports.json_outcomes import json_outcomes
from reconciler.reports.json_plan import json_plan
from reconciler.reports.json_status import json_status
from reconciler.reports.text_outcomes import text_outcomes
from reconciler.reports.text_plan import text_drift, text_plan
from reconciler.reports.text_problems import json_problems, text_problems
from reconciler.reports.text_status import text_status
from reconciler.reports.text_summary import plan_summary
from tests.pairs import PAIR_MODES
from tests.reports.schemas import OUTCOME, PLAN, STATUS

NASTY = (
    "\x1b[2J",
    "\x1b]0;t\x07",
    "\r",
    "\n",
    "\n\n",
    "\x9b",
    "\x7f",
    "\u202e",
    "\u2066",
    "\u200b",
    "\u2028",
    "\udcff",
    "\0",
    "`",
    "```",
    "~~~",
    "|",
    "<details>",
    "</details>",
    "<!--",
    "-->",
    "<img src=x onerror=alert(1)>",
    "![x](http://192.0.2.1/)",
    "@octocat",
    "#1",
    "\n# heading",
    "$$x$$",
    "::error::",
    "::set-output name=a::",
    "##[error]",
    "%0A::error::",
    "\\",
)
WORDS = st.lists(st.sampled_from(NASTY) | st.text(st.characters(codec=None), max_size=8), max_size=4).map("".join)
LONG_WORDS = st.builds(lambda word, times: word * times, WORDS, st.integers(1, 60))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | WORDS | LONG_WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=6,
)
NAMES = st.lists(WORDS, max_size=2).map(tuple)
OPTIONAL = st.none() | WORDS
SECONDS = st.none() | st.floats(-1e6, 1e6)

PEERS = st.builds(Peer, WORDS, WORDS, st.sampled_from(Role), WORDS)
ENDPOINTS = st.builds(Endpoint, WORDS, st.sampled_from(Service), WORDS)
VIEWS = st.none() | st.builds(HaView, WORDS, WORDS, WORDS, NAMES, st.none())
SNAPSHOTS = st.builds(
    Snapshot,
    endpoint=ENDPOINTS,
    version=WORDS,
    config=st.just({}),
    kea_hash=st.none(),
    pid=st.just(1),
    uptime=st.just(1),
    reload=st.just(1),
    read_at=st.just(0.0),
    ha=VIEWS,
)
FIELDS = st.builds(FieldChange, WORDS | st.just("order"), VALUES | st.just(ABSENT), VALUES)
KINDS = st.sampled_from(["global", "subnet", "client-class"])
PATHS = st.lists(st.tuples(KINDS, LONG_WORDS | st.just("order")), min_size=1, max_size=3).map(tuple)
CHANGES = st.builds(
    Change,
    st.sampled_from(Action),
    PATHS,
    st.lists(FIELDS, max_size=2).map(tuple),
    LONG_WORDS,
    st.sampled_from(Cause),
    NAMES,
)
SERVERS = st.builds(ServerPlan, PEERS, SNAPSHOTS, st.lists(CHANGES, max_size=3).map(tuple))
OBJECTIONS = st.lists(st.builds(Objection, WORDS, WORDS, WORDS, st.booleans()), max_size=2).map(tuple)
RELATIONSHIPS = st.builds(
    Relationship,
    name=WORDS,
    service=st.sampled_from(Service),
    mode=st.sampled_from(PAIR_MODES),
    peers=st.just(()),
    local=NAMES,
)
PLANS = st.builds(
    Plan,
    WORDS,
    st.lists(
        st.builds(
            RelationshipPlan,
            RELATIONSHIPS,
            st.builds(Authority, OPTIONAL, WORDS),
            st.sampled_from(Procedure),
            st.booleans(),
            st.lists(SERVERS, max_size=2).map(tuple),
            OBJECTIONS,
            NAMES,
            OPTIONAL,
            st.lists(st.builds(Unreachable, ENDPOINTS, WORDS), max_size=1).map(tuple),
        ),
        max_size=2,
    ).map(tuple),
)
MOMENT = datetime(2026, 11, 26, 12, tzinfo=UTC)
STATUSES = st.lists(
    st.builds(
        RelationshipStatus,
        WORDS,
        st.sampled_from(["dhcp4", "dhcp6"]),
        st.sampled_from([mode.value for mode in PAIR_MODES]),
        st.sampled_from(Health),
        NAMES,
        OPTIONAL,
        WORDS,
        st.none() | st.booleans(),
        st.lists(
            st.builds(
                ServerStatus,
                WORDS,
                st.sampled_from(Role),
                st.booleans(),
                WORDS,
                OPTIONAL,
                OPTIONAL,
                NAMES,
                SECONDS,
                SECONDS,
                st.none() | st.booleans(),
            ),
            max_size=2,
        ).map(tuple),
        NAMES,
        st.none() | st.builds(Suspension, WORDS, WORDS, WORDS, st.just(MOMENT), st.just(MOMENT)),
        NAMES,
    ),
    max_size=2,
)
OUTCOMES = st.lists(
    st.builds(
        RelationshipOutcome,
        WORDS,
        st.lists(
            st.builds(ServerOutcome, WORDS, st.sampled_from(Result), WORDS, st.none() | st.booleans()), max_size=2
        ).map(tuple),
        OBJECTIONS,
    ),
    max_size=2,
)
PROBLEMS = st.lists(
    st.builds(
        Problem,
        st.builds(Position, WORDS, st.integers(1, 99), st.integers(1, 99)),
        WORDS,
        WORDS,
        WORDS,
        st.sampled_from(Severity),
    ),
    max_size=2,
)
OUR_COLOURS = re.compile(r"\x1b\[(?:\d+;)?\d+m")


def assert_harmless(plain: str, coloured: str) -> None:
    """Every line prints as it is, and colour adds nothing but our own sequences."""
    assert all(line.isprintable() for line in plain.split("\n"))
    assert OUR_COLOURS.sub("", coloured) == plain
    plain.encode()


@settings(deadline=None)
@given(PLANS, NAMES)
def test_a_plan(plan: Plan, approved: tuple[str, ...]) -> None:
    for verbose in (False, True):
        assert_harmless(
            text_plan(plan, approved=approved, verbose=verbose),
            text_plan(plan, approved=approved, verbose=verbose, colour=True),
        )
        drifted = only_drift(plan)
        assert_harmless(text_drift(drifted, verbose=verbose), text_drift(drifted, verbose=verbose, colour=True))
    text = json_plan(plan, approved=approved)
    assert all(line.isprintable() for line in text.split("\n"))
    PLAN.validate(json.loads(text))


def number_of_lines(plan: Plan) -> int:
    """How many lines a plan with nothing approved has: that follows from its shape, whatever its words are."""
    lines = 0
    for each in plan.relationships:
        affected = [server for server in each.servers if is_affected(each, server)]
        heads = {
            (server_place, change.cause, change.moved)
            for server_place, server in enumerate(each.servers)
            for change in server.changes
        }
        changes = [change for server in each.servers for change in server.changes]
        inside = 2 * len(affected) + len(heads) + sum(_lines_of(change) for change in changes)
        more = len(each.unreachable) + (each.unplanned is not None) + 3 * len(each.objections) + len(each.all_notes)
        more += each.unplanned is not None and bool(each.objections)
        if changes or more:
            lines += 2 + inside + more + 1  # heading and authority before, an empty line behind
    return lines + len(list(plan_summary(plan)))


def _lines_of(change: Change) -> int:
    return 1 if len(change.fields) < 2 else 1 + len(change.fields)


@settings(deadline=None)
@given(PLANS)
def test_no_text_can_feign_a_line_of_a_plan(plan: Plan) -> None:
    assert len(text_plan(plan).split("\n")) == number_of_lines(plan)


@settings(deadline=None)
@given(STATUSES)
def test_a_status(statuses: list[RelationshipStatus]) -> None:
    assert_harmless(text_status(statuses), text_status(statuses, colour=True))
    text = json_status(statuses)
    assert all(line.isprintable() for line in text.split("\n"))
    STATUS.validate(json.loads(text))


@settings(deadline=None)
@given(OUTCOMES)
def test_outcomes(outcomes: list[RelationshipOutcome]) -> None:
    assert_harmless(text_outcomes(outcomes), text_outcomes(outcomes, colour=True))
    text = json_outcomes(outcomes)
    assert all(line.isprintable() for line in text.split("\n"))
    OUTCOME.validate(json.loads(text))


@settings(deadline=None)
@given(PROBLEMS)
def test_problems(problems: list[Problem]) -> None:
    assert_harmless(text_problems(problems), text_problems(problems, colour=True))
    text = json_problems(problems)
    assert all(line.isprintable() for line in text.split("\n"))
    assert len(json.loads(text)["problems"]) == len(problems)
