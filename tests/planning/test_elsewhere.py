"""A hub's other relationship while the hub is set, on the model of `abstract`: its partner there answers for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest

from reconciler.kea import hooks
from reconciler.model import Deed, Elsewhere, Mode, Peer, Remedy, Role, ServerPlan, Stage, Step
from reconciler.planning import recovery, steps
from tests.planning.abstract import Kea, Model, entry
from tests.planning.changes import (
    Run,
    Setting,
    begun,
    moved,
    nothing,
    opened,
    renamed_and_swapped,
    slower,
    swapped,
)
from tests.planning.strategies import HOOKS, RELATIONSHIP

HUBS = [Setting(Mode.HOT_STANDBY, is_dedicated=True, hub=hub) for hub in ("kea-a", "kea-b")]
CASES = [
    pytest.param(setting, change, number, id=f"{setting.hub}-{change.__name__}-{number}")
    for setting in HUBS
    for change, number in ((slower, 1), (slower, 2), (nothing, 2), (swapped, 1), (moved, 1), (renamed_and_swapped, 1))
    if not (change is nothing and setting.hub == "kea-a")  # the authority is not set for its own data
]
WAITS = {Deed.AWAIT_WELL, Deed.AWAIT_NORMAL, Deed.AWAIT_MET, Deed.SETTLE}
WEST = replace(
    RELATIONSHIP[HUBS[0].service],
    name="west",
    mode=Mode.HOT_STANDBY,
    peers=(
        Peer("hub", "hub-west", Role.PRIMARY, "http://192.0.2.10:8101/", is_hub=True),
        Peer("west", "west", Role.STANDBY, "http://192.0.2.20:8101/"),
    ),
)


@dataclass(frozen=True)
class Worlds:
    """The relationship that is changed, and the other one of its hub."""

    run: Run
    hub: str
    here: Model
    there: Model

    def do(self, step: Step) -> Worlds:
        if step.elsewhere:
            there = self.there.do(step, {}, {})
            return replace(self, there=there, here=self.here.settled() if step.deed in WAITS else self.here)
        here, there = self.here.do(step, self.run.planned, self.run.before), self.there
        if step.deed in WAITS:
            there = there.settled()
        elif step.deed in {Deed.SET, Deed.PUT_BACK} and step.server == self.hub:
            there = there.do(Step(Deed.SET, self.hub), {self.hub: there.keas[self.hub].config}, {})
        return replace(self, here=here, there=there)

    def opened(self, stage: Stage | None) -> Worlds:
        return replace(self, here=opened(self.here, self.run.plan, stage), there=self.there.unasked())


def started(setting: Setting, change: Any, number: int) -> Worlds:
    run = begun(setting, change, number)
    west = replace(WEST, peers=(replace(WEST.peers[0], server=setting.hub), WEST.peers[1]))
    keas = {}
    for peer in west.peers:
        config: dict[str, Any] = {}
        config["hooks-libraries"] = hooks.with_relationship(config, entry(west, peer.server), None, HOOKS)
        keas[peer.server] = Kea(peer.server, config, "no HA").at_ease()
    there = Model(west, keas)
    servers = [ServerPlan(peer, there.snapshot(keas[peer.server])) for peer in west.peers]
    plan = replace(run.plan, elsewhere=(Elsewhere(west, *servers),))
    return Worlds(replace(run, plan=plan), setting.hub, run.model, there)


def walked(worlds: Worlds) -> Iterator[tuple[Stage | None, list[Step], Step, Worlds, Worlds]]:
    for stage, part in worlds.run.parts():
        worlds, done = worlds.opened(stage), list[Step]()
        for step in part:
            after = worlds.do(step)
            yield stage, list(done), step, worlds, after
            worlds = after
            done.append(step)


def must_be_served_once(worlds: Worlds, where: Step) -> None:
    """The hub's clients there are answered by one server, but for the moment between two commands."""
    for there in (worlds.there, worlds.there.settled()):
        assert not list(there.served_twice(even_in_step=True)), where
    is_moment = where.elsewhere and where.deed in {Deed.REST, Deed.GIVE_BACK}
    assert is_moment or not list(worlds.there.unserved()), where


def must_be_at_rest(there: Model, where: object) -> None:
    for kea in there.keas.values():
        assert there.is_normal(kea), where
        assert kea.scopes == kea.own_scopes, where


@pytest.mark.parametrize(("setting", "change", "number"), CASES)
def test_the_partner_there_answers_while_the_hub_is_set(setting: Setting, change: Any, number: int) -> None:
    worlds = started(setting, change, number)
    sets = 0
    for _, _, step, before, after in walked(worlds):
        for condition in step.before if step.elsewhere else ():
            assert before.there.holds(condition, {}, {}), (step, condition)
        for condition in step.after if step.elsewhere else ():
            assert after.there.holds(condition, {}, {}), (step, condition)
        if step.deed is Deed.SET and step.server == setting.hub:
            sets += 1
            assert before.there.keas["west"].scopes
        must_be_served_once(after, step)
        worlds = after
    assert sets == 1
    must_be_at_rest(worlds.there, "the end")


def undone(worlds: Worlds, stage: Stage, done: Sequence[Step], *, harmed: Sequence[str] = ()) -> Worlds:
    for each in steps.undoing(worlds.run.plan, stage, done, harmed=harmed, unsure=()):
        worlds = worlds.do(each)
        must_be_served_once(worlds, each)
    return worlds


@pytest.mark.parametrize(("setting", "change", "number"), CASES)
def test_what_fails_is_undone_with_the_partner_there_answering(setting: Setting, change: Any, number: int) -> None:
    for stage, done, step, before, after in walked(started(setting, change, number)):
        if stage is None or step.is_final:
            continue
        must_be_at_rest(undone(before, stage, done).there, step)
        if step.deed in {Deed.REST, Deed.WIDEN}:  # it may have been carried out, though no answer came
            must_be_at_rest(undone(after, stage, [*done, step]).there, step)
        if step.deed is Deed.SET and step.server == setting.hub:
            must_be_at_rest(undone(after, stage, done, harmed=[setting.hub]).there, step)


@pytest.mark.parametrize(("setting", "change", "number"), CASES)
def test_what_a_run_that_was_cut_leaves_there_is_found(setting: Setting, change: Any, number: int) -> None:
    for _, _, step, _, after in walked(started(setting, change, number)):
        there = after.there.cut()
        strange = {kea.name for kea in there.keas.values() if kea.scopes != kea.own_scopes}
        found = {kea.name: there.snapshot(kea) for kea in there.keas.values()}
        mends = list(recovery.mends(there.relationship, found, ()))
        assert {each.server for each in mends} == strange, step
        assert all(each.remedy is Remedy.NARROW for each in mends), step


def test_who_goes_on_alone_is_answered_for_no_more() -> None:
    """The hub serves there by itself, as it does here."""
    hub = HUBS[0].hub
    for stage, done, step, _, after in walked(started(HUBS[0], slower, 1)):
        if stage is None or step.deed is not Deed.AWAIT_NORMAL or step.server != hub or step.is_final:
            continue
        worlds = after
        for each in steps.leaving_alone(worlds.run.plan, stage, [*done, step], hub):
            worlds = worlds.do(each)
            must_be_served_once(worlds, each)
        must_be_at_rest(worlds.there, step)


def test_a_stage_that_does_not_set_the_hub_asks_nothing_of_others() -> None:
    plan = started(HUBS[0], slower, 1).run.plan
    asked = [{step.elsewhere for step in steps.of_stage(plan, stage)} for stage in plan.stages]
    assert [stage.servers for stage in plan.stages] == [("kea-b",), ("kea-a",)]
    assert asked == [{""}, {"", "west"}]
