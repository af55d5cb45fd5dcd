"""One fault of every kind at every single command of an apply: what must hold afterwards, whatever happened."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import pytest

from reconciler.model import RelationshipOutcome, Result, ServerOutcome
from reconciler.running.apply import apply
from tests.running.fake_kea import Fault, Kea, Pair, positions, relationship
from tests.stamped import uncounted

SUBNETS = [{"id": 2, "subnet": "10.0.2.0/24", "pools": []}]


def unrelated() -> Pair:
    """Two servers without HA: the apply creates."""
    return Pair()


def differing() -> Pair:
    """A related pair whose standby lacks a subnet: the apply changes it alone."""
    pair = Pair(is_related=True)
    pair.a.edit("subnet4", [*pair.a.config["subnet4"], *SUBNETS])
    pair.a.disk = deepcopy(pair.a.config)
    pair.clock.now += 100
    return pair


def slower() -> Pair:
    """A related pair that is to have another delay: the apply changes both."""
    pair = Pair(is_related=True)
    pair.relationship = relationship(**{"max-ack-delay": 3000})
    return pair


def half() -> Pair:
    """Only the standby has HA, as after a create that was killed in between: the apply changes the primary."""
    pair = Pair(is_related=True)
    pair.a.config = {**pair.a.config, "hooks-libraries": []}
    return pair


STARTS = (unrelated, differing, slower, half)


@dataclass
class Applied:
    """A pair after an apply, what its servers had before and should have had, and what was told."""

    pair: Pair
    old: dict[str, Any]
    disk: dict[str, Any]
    new: dict[str, Any]
    told: dict[str, ServerOutcome]

    def is_old(self, kea: Kea) -> bool:
        return uncounted(kea.config) == uncounted(self.old[kea.name])

    def is_new(self, kea: Kea) -> bool:
        return uncounted(kea.config) == uncounted(self.new[kea.name])


def applied(
    pair: Pair, faults: Mapping[int, Fault] | None = None, events: Mapping[int, Callable[[], object]] | None = None
) -> Applied:
    """Plan, then apply; `faults` and `events` come at the apply's commands of these numbers."""
    plan = asyncio.run(pair.plan())
    old = {kea.name: deepcopy(kea.config) for kea in pair.keas}
    plans = {each.peer.server: each for each in plan.relationships[0].servers}
    disk = {kea.name: deepcopy(kea.disk) for kea in pair.keas}
    new = {name: deepcopy(dict(each.outgoing or old[name])) for name, each in plans.items()}
    pair.story.clear()
    pair.faults, pair.events = dict(faults or {}), dict(events or {})
    (outcome,) = asyncio.run(apply(plan, pair.hands()))
    assert isinstance(outcome, RelationshipOutcome)
    return Applied(pair, old, disk, new, {each.server: each for each in outcome.servers})


def cases() -> Iterator[Any]:
    for start in STARTS:
        done = applied(start())
        for number, name in positions(done.pair.story):
            yield pytest.param(start, number, id=f"{start.__name__}-{name}")


CASES = tuple(cases())


@pytest.mark.parametrize("start", STARTS)
def test_without_a_fault_all_is_new_persisted_and_serving(start: Any) -> None:
    done = applied(start())
    for kea in done.pair.keas:
        changed = done.new[kea.name] != done.old[kea.name]
        assert done.is_new(kea)
        assert (kea.is_disabled, kea.is_harmed) == (False, False)
        assert done.told[kea.name].result is (Result.APPLIED if changed else Result.NOTHING_TO_DO)
        assert done.told[kea.name].persisted is (True if changed else None)
        assert (kea.disk == kea.config) or not changed
    assert start is half or done.pair.double == []
    assert not asyncio.run(done.pair.plan()).relationships[0].has_changes


@pytest.mark.parametrize("fault", list(Fault))
@pytest.mark.parametrize(("start", "number"), CASES)
def test_after_any_fault_the_world_is_in_a_state_that_was_told(start: Any, number: int, fault: Fault) -> None:
    done = applied(start(), {number: fault})
    assert start is half or done.pair.double == [], "both servers handed out the same addresses"
    for kea in done.pair.keas:
        told = done.told[kea.name]
        assert_old_or_new(done, kea)
        assert_told_as_is(done, kea, told)
        assert_serving_or_said(kea, told)
    if fault in {Fault.FREEZES, Fault.DIES_BEFORE, Fault.DIES_AFTER}:
        assert_recovered(done)


@pytest.mark.parametrize("seed", range(40))
def test_the_same_holds_for_several_faults_at_once(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(5):
        start = chance.choice(STARTS)
        length = len(applied(start()).pair.story) + 10
        faults = {chance.randrange(length): chance.choice(list(Fault)) for _ in range(3)}
        done = applied(start(), faults)
        assert start is half or done.pair.double == [], (start, faults)
        for kea in done.pair.keas:
            assert_old_or_new(done, kea)
            assert_told_as_is(done, kea, done.told[kea.name])
            assert_serving_or_said(kea, done.told[kea.name])
        assert_recovered(done)


@pytest.mark.parametrize("name", ["kea-a", "kea-b"])
@pytest.mark.parametrize(("start", "number"), CASES)
def test_what_a_person_changes_meanwhile_is_not_overwritten(start: Any, number: int, name: str) -> None:
    """Except in the moment that nobody can close, since Kea has no compare-and-set: from right before the set until
    the server is read again.
    """
    pair = start()
    kea = next(kea for kea in pair.keas if kea.name == name)
    done = applied(pair, events={number: lambda: kea.edit("decline-probation-period", 4711)})
    assert not any(each.is_disabled or each.is_harmed for each in pair.keas)
    if not is_at_its_set(done.pair.story, number, name):
        assert kea.config["decline-probation-period"] == 4711, done.told
        if kea.config["subnet4"] == done.old[name]["subnet4"] != done.new[name]["subnet4"]:
            assert Result.WORLD_CHANGED in {each.result for each in done.told.values()}


def is_at_its_set(story: list[tuple[str, str]], number: int, name: str) -> bool:
    """Whether the command of this number lies between a server's config-set and the config-get behind it."""
    own = [(index, command) for index, (server, command) in enumerate(story) if server == name]
    sets = [index for index, command in own if command == "config-set" and index <= number]
    return bool(sets) and not any(sets[-1] < index < number for index, command in own if command == "config-get")


def assert_old_or_new(done: Applied, kea: Kea) -> None:
    assert done.is_old(kea) or done.is_new(kea)
    assert kea.disk in (done.disk[kea.name], done.new[kea.name])


def assert_told_as_is(done: Applied, kea: Kea, told: ServerOutcome) -> None:
    changed = done.new[kea.name] != done.old[kea.name]
    match told.result:
        case Result.APPLIED:
            assert done.is_new(kea)
            assert changed
            if told.persisted:
                assert kea.disk == kea.config
        case Result.RESTORED | Result.NOT_ATTEMPTED | Result.NOTHING_TO_DO:
            assert done.is_old(kea)
            assert not kea.is_harmed
        case Result.FAILED:
            if "nothing was changed" in told.reason:
                assert done.is_old(kea)
                assert not kea.is_harmed
        case _:
            pytest.fail(f"nothing changed in this world: {told}")


def assert_serving_or_said(kea: Kea, told: ServerOutcome) -> None:
    """A server that lost its service through us says so."""
    if kea.is_dead or kea.is_frozen:
        return
    if kea.is_harmed:
        assert told.result is Result.FAILED
        assert "a person has to look" in told.reason
    if kea.is_disabled:
        assert told.result is Result.FAILED
        assert "run dhcp-enable on it" in told.reason


def assert_recovered(done: Applied) -> None:
    """Once the server is back, and has carried out what was still sent to it, another apply brings all in order."""
    pair = done.pair
    pair.faults, pair.events = {}, {}
    for kea in pair.keas:
        kea.revive()
        assert_old_or_new(done, kea)
    pair.clock.now += 100
    for _ in range(2):  # what was left half done first, then what follows from it
        asyncio.run(apply(asyncio.run(pair.plan()), pair.hands()))
        pair.clock.now += 100
    assert not asyncio.run(pair.plan()).relationships[0].has_changes
    assert all(done.is_new(kea) or kea.config["subnet4"] == done.new[kea.name]["subnet4"] for kea in pair.keas)
    assert not any(kea.is_harmed for kea in pair.keas)
    for kea in pair.keas:  # where nothing was left to do, nobody but the person who was told so can switch it on
        assert not kea.is_disabled or "run dhcp-enable on it" in done.told[kea.name].reason
