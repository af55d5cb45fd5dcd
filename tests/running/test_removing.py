"""One fault of every kind at every single command of a removal: who serves afterwards, and what the next apply does."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from reconciler.kea import guards
from reconciler.model import Procedure, RelationshipOutcome, Result
from reconciler.running.apply import apply
from tests.running.fake_kea import Fault, Kea, Pair, positions

APPROVED = ("remove-relationship", "out-of-touch", "partner-not-normal")


def leaving() -> Pair:
    """A related pair whose file says that it is absent."""
    pair = Pair(is_related=True)
    pair.relationship = replace(pair.relationship, is_absent=True)
    return pair


def removed(pair: Pair, faults: Mapping[int, Fault] | None = None) -> RelationshipOutcome:
    plan = asyncio.run(pair.plan())
    pair.story.clear()
    pair.faults = dict(faults or {})
    (outcome,) = asyncio.run(apply(plan, pair.hands(), APPROVED))
    return outcome


def cases() -> Iterator[Any]:
    pair = leaving()
    removed(pair)
    for number, name in positions(pair.story):
        yield pytest.param(number, id=name)


CASES = tuple(cases())


def must_be_removed(pair: Pair) -> None:
    assert (pair.a.block, pair.b.block) == (None, None)
    assert pair.a.serves
    assert not pair.b.serves
    assert guards.is_silenced(pair.b.config)
    (plan,) = asyncio.run(pair.plan()).relationships
    assert (plan.procedure, plan.has_changes) == (Procedure.NOTHING, False)


def test_the_other_stops_before_the_primary_is_touched() -> None:
    pair = leaving()
    outcome = removed(pair)
    assert {each.result for each in outcome.servers} == {Result.APPLIED}
    writes = [each for each in pair.story if each[1] in {"config-set", "dhcp-disable", "dhcp-enable"}]
    assert writes == [
        ("kea-b", "dhcp-disable"),
        ("kea-b", "config-set"),
        ("kea-a", "config-set"),
        ("kea-b", "dhcp-enable"),
    ]
    must_be_removed(pair)
    assert pair.double == []
    assert [kea.disk == kea.config for kea in pair.keas] == [True, True]


def is_well(kea: Kea) -> bool:
    return not (kea.is_dead or kea.is_frozen)


@pytest.mark.parametrize("fault", list(Fault))
@pytest.mark.parametrize("number", CASES)
def test_after_any_fault_one_serves_and_the_next_apply_ends_it(number: int, fault: Fault) -> None:
    pair = leaving()
    outcome = removed(pair, {number: fault})
    assert pair.double == [], "both servers handed out the same addresses"
    told = {each.server: each for each in outcome.servers}
    pair.clock.now += 5  # one that was put back begins in `waiting`
    if is_well(pair.a):
        assert pair.a.serves or "a person has to look" in told["kea-a"].reason
    if is_well(pair.b) and pair.b.block is None and not pair.b.is_harmed:
        assert guards.is_silenced(pair.b.config)
    pair.faults = {}
    for kea in pair.keas:
        kea.revive()
    pair.clock.now += 100
    for _ in range(2):
        removed(pair)
        pair.clock.now += 100
    must_be_removed(pair)
