"""Whatever a server says in an operation or of its leases: it can't move a cursor, feign a line, or break our JSON."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.kea.leases import Lease
from reconciler.model import Objection, Role
from reconciler.planning.leases import Kind, LeaseComparison, LeaseDifference, LeaseSource
from reconciler.planning.scenes import Answer, Decision, Ending, Operation, OperationOutcome, Order, Standing
from reconciler.reports.json_leases import json_leases
from reconciler.reports.json_operations import json_operation
from reconciler.reports.text_leases import text_leases
from reconciler.reports.text_operations import text_operation
from tests.reports.schemas import LEASES, OPERATION
from tests.reports.test_hostile_strings import NAMES, OPTIONAL, RELATIONSHIPS, SECONDS, WORDS, assert_harmless

NUMBERS = st.integers(0, 2**32)
LEASE = st.builds(
    Lease,
    WORDS,
    WORDS,
    WORDS,
    WORDS,
    WORDS,
    st.none() | NUMBERS,
    st.none() | NUMBERS,
    NUMBERS,
    NUMBERS,
    NUMBERS,
    NUMBERS,
)
HELD = st.dictionaries(WORDS, st.none() | LEASE, max_size=2)
FIELDS = st.sampled_from([(), ("cltt", "state")])
COMPARISONS = st.builds(
    LeaseComparison,
    WORDS,
    st.sampled_from(["dhcp4", "dhcp6"]),
    st.sampled_from(["hot-standby", "load-balancing"]),
    st.lists(
        st.builds(LeaseSource, WORDS, st.sampled_from(Role), OPTIONAL, st.none() | NUMBERS, WORDS), max_size=2
    ).map(tuple),
    st.lists(st.builds(LeaseDifference, st.sampled_from(Kind), WORDS, WORDS, HELD, FIELDS), max_size=3).map(tuple),
    NUMBERS,
    NAMES,
    OPTIONAL,
)
STANDINGS = st.builds(Standing, WORDS, st.sampled_from(Role), OPTIONAL, NAMES, SECONDS, WORDS)
PAIRS = st.tuples(STANDINGS, STANDINGS)
ORDERS = st.builds(Order, WORDS, st.just("ha-sync"))
DECISIONS = st.builds(
    Decision,
    says=NAMES,
    refusals=st.lists(st.builds(Objection, WORDS, WORDS, WORDS), max_size=2).map(tuple),
)
OUTCOMES = st.builds(
    OperationOutcome,
    st.sampled_from(Operation),
    RELATIONSHIPS,
    WORDS,
    st.sampled_from(Ending),
    NAMES,
    DECISIONS,
    PAIRS,
    PAIRS,
    st.lists(st.builds(Answer, ORDERS, st.none() | st.integers(0, 5), WORDS), max_size=2).map(tuple),
)


@settings(deadline=None)
@given(OUTCOMES)
def test_an_operation(outcome: OperationOutcome) -> None:
    assert_harmless(text_operation(outcome), text_operation(outcome, colour=True))
    text = json_operation(outcome)
    assert all(line.isprintable() for line in text.split("\n"))
    OPERATION.validate(json.loads(text))


@settings(deadline=None)
@given(COMPARISONS)
def test_a_comparison_of_leases(comparison: LeaseComparison) -> None:
    assert_harmless(text_leases(comparison), text_leases(comparison, colour=True))
    text = json_leases(comparison)
    assert all(line.isprintable() for line in text.split("\n"))
    LEASES.validate(json.loads(text))
