"""Every step of every kind of apply on a model of the servers: what must hold before and after it, what clients notice
in between, and what becomes of a run that is cut or fails there.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconciler.model import (
    Command,
    Deed,
    Disruption,
    Mode,
    Procedure,
    Stage,
    Step,
)
from reconciler.planning import steps, transition
from reconciler.planning.plan import plan_relationship
from tests.planning.abstract import Model, as_read
from tests.planning.changes import (
    CASES,
    NEEDLESS,
    SETTINGS,
    SWITCHES,
    Run,
    Setting,
    begun,
    given,
    is_lasting,
    is_moment,
    nothing,
    opened,
    slower,
    started,
    swapped,
    walked,
)
from tests.stamped import uncounted

Config = dict[str, Any]


def must_be_bearable(run: Run, stage: Stage | None, model: Model, where: Step) -> None:
    """Clients don't get one address twice, and none is left alone who need not be, unless it was so before the run."""
    is_alone = stage is not None and stage.method is Disruption.HAND_OVER and not stage.in_turn
    for each in (model, model.settled()):
        assert not list(each.served_twice(even_in_step=is_alone)), where
        assert not list(each.leases_kept_back()), where
    if stage is not None and stage.pauses:  # there and back: no server has an update that fails
        assert not [kea.name for kea in model.keas.values() if kea.state == "communication-recovery"], where
    assert not list(model.lost().served_twice()), where
    must_be_bearable_when_cut(run, stage, model, where)
    together = stage is not None and len(stage.servers) > 1 and not stage.in_turn
    if stage is None or not together:
        assert is_moment(stage, where) or not list(model.left_alone()) or list(run.model.left_alone()), where
        assert len(model.out_of_normal()) <= 1, where
    else:
        assert stage.reason or run.plan.procedure is not Procedure.MODIFY, where


def must_be_bearable_when_cut(run: Run, stage: Stage | None, model: Model, where: Step) -> None:
    """A minute after a run was killed no two serve unawares that didn't before; and all are served in a hand-over, as
    they are where all are set at once and none of them is yet.
    """
    cut = model.cut()
    assert not list(cut.served_twice()) or list(run.model.served_twice()), where
    is_untouched = all(kea.config == run.before[name] and not kea.is_fresh for name, kea in model.keas.items())
    is_answered = is_untouched and stage is not None and bool(stage.covered_by)
    if stage is not None and (stage.method is Disruption.HAND_OVER or is_answered) and not is_lasting(model):
        assert not list(cut.unserved()) or list(run.model.unserved()), where


def must_be_bridged(model: Model, where: Step) -> None:
    """Two that were set together begin to serve one after the other: who is first serves all until then, and never do
    both serve the same clients.
    """
    blocks = [kea.block for kea in model.keas.values()]
    is_set = not any(kea.is_fresh for kea in model.settled().keas.values()) and all(blocks)
    for each in (model, model.half_settled()):
        assert not list(each.served_twice(even_in_step=True)), where
        is_hand_over = where.deed in {Deed.SET, Deed.GIVE_BACK, Deed.PUT_BACK, Deed.SILENCE}
        assert is_hand_over or not is_set or not list(each.left_alone()), where


# ----------------------------------------------------------------------------------------------- the tests


@pytest.mark.parametrize(("setting", "change", "number"), CASES)
def test_every_step_finds_what_it_needs_and_leaves_clients_served(setting: Setting, change: Any, number: int) -> None:
    run = begun(setting, change, number)
    assert run.plan.has_changes
    assert not any(step.server == setting.hub for _, part in run.parts() for step in part if step.deed in SWITCHES)
    assert {each.code for each in run.plan.objections} <= NEEDLESS
    final = run.model
    for stage, _, step, before, after in walked(run):
        for condition in step.before:
            assert before.holds(condition, run.planned, run.before), (step, condition)
        for condition in step.after:
            assert after.holds(condition, run.planned, run.before), (step, condition)
        if step.deed is Deed.SET and stage is not None and stage.needs_normal and step.server == stage.servers[0]:
            others = [k for k in before.keas.values() if k.name != step.server and k.block is not None]
            assert all(before.is_normal(kea) for kea in others), step
        must_be_bearable(run, stage, after, step)
        if stage and stage.reason and not stage.in_turn and run.plan.relationship.mode is Mode.LOAD_BALANCING:
            must_be_bridged(after, step)
        final = after
    must_be_at_rest(run, final)


def must_be_at_rest(run: Run, model: Model) -> None:
    """Every server has what was planned, on its disk too, is normal, and serves its own."""
    for name, kea in model.keas.items():
        assert kea.config == run.planned.get(name, run.before[name])
        assert kea.is_written
        assert not kea.is_off
        assert model.is_normal(kea)
        assert kea.scopes == kea.own_scopes
    assert not plan_relationship(run.plan.relationship, as_read(model), "2").has_changes


@pytest.mark.parametrize(("setting", "change", "number"), CASES)
def test_what_fails_is_undone_to_where_it_began(setting: Setting, change: Any, number: int) -> None:
    run = begun(setting, change, number)
    for stage, done, step, model, _ in walked(run):
        if stage is None or step.is_final:
            continue
        back = model
        start = next(before for each, _, _, before, _ in walked(run) if each is stage)
        for each in steps.undoing(run.plan, stage, done, harmed=(), unsure=()):
            back = back.do(each, run.planned, run.before)
            must_be_bearable(run, stage, back, each)
        back = back.settled()
        for name, kea in back.keas.items():
            assert kea.config == start.keas[name].config, (step, name)
            assert (kea.is_off, kea.scopes) == (False, kea.own_scopes), (step, name)
            assert back.is_normal(kea), (step, name)


@pytest.mark.parametrize(("setting", "change", "number"), CASES)
def test_a_run_that_is_cut_is_finished_by_the_next_or_that_says_why_not(
    setting: Setting, change: Any, number: int
) -> None:
    run = begun(setting, change, number)
    for _, _, step, before_step, after in walked(run):
        if after == before_step:
            continue
        rest = again(run, after)
        if rest.plan.unplanned is not None or {each.code for each in rest.plan.objections} - NEEDLESS:
            # what a killed run leaves in maintenance, or out of touch, is somebody's to end
            assert {kea.state for kea in rest.model.keas.values()} - {"load-balancing", "hot-standby", "backup"}, step
            continue
        final = rest.model
        for stage, _, later, before, model in walked(rest):
            for condition in later.before:
                assert before.holds(condition, rest.planned, rest.before), (step, later, condition)
            must_be_bearable(rest, stage, model, later)
            final = model
        assert not plan_relationship(run.plan.relationship, as_read(final), "2").has_changes, step
        assert {name: uncounted(kea.config) for name, kea in final.keas.items()} == {
            name: uncounted(run.planned.get(name, run.before[name])) for name in final.keas
        }, step


def again(run: Run, cut: Model) -> Run:
    """A new run that finds the world as it is a while after another was killed, and what that one had asked of servers
    taken back, as the journal says it.
    """
    model = cut.unasked().settled()
    keas = {
        name: replace(kea, is_off=False, scopes=kea.own_scopes) if model.is_normal(kea) else kea
        for name, kea in model.keas.items()
    }
    mended = replace(model, keas=keas)
    model = model if list(mended.served_twice(even_in_step=True)) else mended  # with roles exchanged on one only
    read = {key: replace(each, is_off_by_us=bool(each.disabled_by_user)) for key, each in as_read(model).items()}
    return Run(plan_relationship(run.plan.relationship, read, "2"), model)


# ----------------------------------------------------------------------------------------- made and removed


@pytest.mark.parametrize("setting", [each for each in SETTINGS if not each.hub], ids=str)
def test_a_relationship_is_made_without_two_that_serve_and_dont_know_of_each_other(setting: Setting) -> None:
    desired = setting.relationship
    live = given(desired, setting.data(), is_related=False)
    run = started(setting, desired, live, is_new=True)
    assert run.plan.procedure is Procedure.CREATE
    final = run.model
    is_begun = False
    for stage, done, step, model, after in walked(run):
        # Until the others are silenced, two unrelated servers serve as they always did.
        is_begun = is_begun or step.deed is Deed.SET
        if is_begun:
            assert not list(after.served_twice()), step
            assert not list(after.lost().served_twice()), step
        if is_begun and setting.mode is Mode.LOAD_BALANCING:
            must_be_bridged(after, step)
        if stage is not None and not step.is_final:
            back = model
            for each in steps.undoing(run.plan, stage, done, harmed=(), unsure=()):
                back = back.do(each, run.planned, run.before)
            assert {name: kea.config for name, kea in back.keas.items()} == live, step
            assert not any(kea.is_off for kea in back.keas.values()), step
        final = after
    must_be_at_rest(run, final)


# ------------------------------------------------------------------------------------------------- undoing


def test_servers_that_leave_stay_out_where_the_one_that_goes_on_may_be_without_them() -> None:
    setting = Setting(Mode.HOT_STANDBY)
    run = begun(setting, slower, 1)
    leaving = tuple(replace(server, leaves=True) for server in run.plan.servers)
    plan = replace(run.plan, servers=leaving)
    (stage, *_) = plan.stages
    done = [Step(Deed.SILENCE, "kea-b"), Step(Deed.SET, "kea-b")]
    put_back = [each.deed for each in steps.undoing(plan, stage, done, harmed=(), unsure=("kea-a",))]
    assert Deed.PUT_BACK not in put_back
    put_back = [each.deed for each in steps.undoing(plan, stage, done, harmed=(), unsure=())]
    assert Deed.PUT_BACK in put_back


def test_a_server_that_a_failed_set_has_harmed_is_put_back_first() -> None:
    run = begun(Setting(Mode.LOAD_BALANCING), slower, 1)
    stage = run.plan.stages[0]
    done = [step for step in steps.of_stage(run.plan, stage) if step.deed in {Deed.AWAIT_WELL, Deed.WIDEN}]
    undone = steps.undoing(run.plan, stage, done, harmed=("kea-b",), unsure=())
    assert [(each.deed, each.server) for each in undone][:2] == [(Deed.PUT_BACK, "kea-b"), (Deed.SETTLE, "kea-b")]
    assert (undone[-1].deed, undone[-1].server) == (Deed.GIVE_BACK, "kea-a")


def commanded(run: Run) -> Run:
    """The same where every server that changes can be changed by commands."""
    command = Command("subnet4-add", {})
    servers = tuple(replace(each, commands=(command,)) if each.changes else each for each in run.plan.servers)
    stages = tuple(transition.stages(run.plan.relationship, servers))
    return replace(run, plan=replace(run.plan, servers=servers, stages=stages))


@pytest.mark.parametrize("change", [slower, swapped])
def test_a_partner_that_died_while_both_were_off_does_not_end_a_stage(change: Any) -> None:
    """What was set takes over for it then; put back it would serve nobody for still longer."""
    plan = begun(Setting(Mode.LOAD_BALANCING, is_dedicated=True), change, 1).plan
    sets = [
        (stage, of_stage, place)
        for stage, of_stage in ((stage, steps.of_stage(plan, stage)) for stage in plan.stages)
        for place, step in enumerate(of_stage)
        if step.deed is Deed.SET
    ]
    assert len(sets) == 2
    for stage, of_stage, place in sets:
        paused = dict(stage.covered_by)[of_stage[place].server]
        off, on = of_stage[place - 1], of_stage[place + 1]
        assert [(step.deed, step.server) for step in (off, on)] == [(Deed.SILENCE, paused), (Deed.SERVE, paused)]
        assert not off.is_final
        assert on.is_final


@pytest.mark.parametrize("setting", SETTINGS, ids=str)
def test_commands_move_nobody_and_need_nobody(setting: Setting) -> None:
    run = commanded(begun(setting, nothing, 2))
    final = run.model
    assert all(stage.method is Disruption.NONE for stage in run.plan.stages)
    for _, _, step, before, after in walked(run):
        assert step.deed in {Deed.LOOK, Deed.SEND, Deed.WRITE}
        assert all(before.holds(condition, run.planned, run.before) for condition in step.before), step
        assert all(after.holds(condition, run.planned, run.before) for condition in step.after), step
        assert [(kea.state, kea.scopes) for kea in after.keas.values()] == [
            (kea.state, kea.scopes) for kea in run.model.keas.values()
        ]
        final = after
    must_be_at_rest(run, final)


@pytest.mark.parametrize("setting", SETTINGS, ids=str)
def test_where_commands_fail_each_server_is_set_as_it_would_have_been(setting: Setting) -> None:
    run, plain = commanded(begun(setting, nothing, 2)), begun(setting, nothing, 2)
    assert [stage.otherwise for stage in run.plan.stages] == [*plain.plan.stages]
    model = run.model
    for stage in run.plan.stages:
        model = opened(model, run.plan, stage.otherwise)
        for step in steps.instead_of_commands(run.plan, stage):
            model = model.do(step, run.planned, run.before)
            must_be_bearable(run, stage.otherwise, model, step)
    must_be_at_rest(run, model)
