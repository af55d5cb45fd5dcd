"""Every step of every kind of apply on a model of the servers: what must hold before and after it, what clients notice
in between, and what becomes of a run that is cut or fails there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import pytest

from reconciler.kea import hooks
from reconciler.kea.fingerprints import fingerprints
from reconciler.kea.stamps import with_stamp
from reconciler.model import (
    Command,
    Deed,
    Disruption,
    Mode,
    Peer,
    Procedure,
    Relationship,
    RelationshipPlan,
    Role,
    Service,
    Stage,
    Step,
)
from reconciler.planning import steps, transition, wanted
from reconciler.planning.plan import plan_relationship
from tests.planning.abstract import Kea, Model, as_read, entry, version_of
from tests.planning.strategies import HOOKS, RELATIONSHIP, snapshot
from tests.stamped import uncounted

Config = dict[str, Any]
SWITCHES = {Deed.SILENCE, Deed.SERVE, Deed.SERVE_IF_MET, Deed.SERVE_AGAIN}
NEEDLESS = {"shared-pools", "untested-version"}  # objections that a test lets pass
SPLIT = [{"pool": "10.0.0.10-10.0.0.19", "client-class": "HA_kea-a"}]
SPLIT += [{"pool": "10.0.0.20-10.0.0.29", "client-class": "HA_kea-b"}]
SHARED = [{"pool": "10.0.0.10-10.0.0.29"}]


@dataclass(frozen=True)
class Setting:
    """A standing relationship: mode, backups, service, whether pools are split and HA listeners are dedicated, and
    which server is in other relationships as well.
    """

    mode: Mode
    backups: int = 0
    service: Service = Service.DHCP4
    is_split: bool = False
    is_dedicated: bool = False
    hub: str = ""

    def __str__(self) -> str:
        pools, listeners = "split" if self.is_split else "shared", "dedicated" if self.is_dedicated else "agents"
        hub = f"-{self.hub}-is-a-hub" if self.hub else ""
        return f"{self.mode}-{self.backups}-{self.service}-{pools}-{listeners}{hub}"

    @property
    def relationship(self) -> Relationship:
        roles = [role for role in (Role.PRIMARY, self.mode.partner_role) if role] + self.backups * [Role.BACKUP]
        peers = tuple(
            Peer(
                f"kea-{letter}",
                f"kea-{letter}",
                role,
                f"http://192.0.2.{number}:8001/",
                is_hub=self.hub == f"kea-{letter}",
            )
            for number, (letter, role) in enumerate(zip("abcd", roles, strict=False), 10)
        )
        base = RELATIONSHIP[self.service]
        threads = {"enable-multi-threading": self.is_dedicated, "http-dedicated-listener": self.is_dedicated}
        return replace(base, mode=self.mode, peers=peers, parameters={"multi-threading": threads})

    def data(self, number: int = 1) -> Config:
        subnets = [
            {"id": each, "subnet": f"10.0.{each - 1}.0/24", "pools": SPLIT if self.is_split else SHARED}
            for each in range(1, number + 1)
        ]
        key = self.service.subnets
        return {key: subnets, "control-socket": {}, "multi-threading": {"enable-multi-threading": self.is_dedicated}}


SETTINGS = [
    *(Setting(mode, backups) for mode, backups in ((Mode.HOT_STANDBY, 0), (Mode.HOT_STANDBY, 2))),
    *(Setting(Mode.PASSIVE_BACKUP, backups) for backups in (1, 2)),
    Setting(Mode.HOT_STANDBY, service=Service.DHCP6, is_dedicated=True),
    *(Setting(Mode.HOT_STANDBY, is_dedicated=True, hub=hub) for hub in ("kea-a", "kea-b")),
    *(
        Setting(Mode.LOAD_BALANCING, backups, Service.DHCP4, is_split=is_split, is_dedicated=is_dedicated)
        for backups, is_split, is_dedicated in product((0, 1), (False, True), (False, True))
    ),
]


def given(relationship: Relationship, data: Mapping[str, Any], *, is_related: bool = True) -> dict[str, Config]:
    """What every server has."""
    made = {}
    for peer in relationship.peers:
        config = dict(data)
        if is_related:
            block = entry(relationship, peer.server)
            config["hooks-libraries"] = hooks.with_relationship(config, block, None, HOOKS)
            marks = fingerprints(wanted.replicated_part(relationship, snapshot(relationship, peer, config)))
            config = with_stamp(config, wanted.stamp_for(relationship, "1", marks, version_of(relationship)))
        made[peer.server] = config
    return made


# ------------------------------------------------------------------------------------------ what is changed


def nothing(relationship: Relationship) -> Relationship:
    return relationship


def slower(relationship: Relationship) -> Relationship:
    return replace(relationship, parameters={**relationship.parameters, "heartbeat-delay": 2000})


def renamed(relationship: Relationship) -> Relationship:
    peers = tuple(replace(peer, name=f"{peer.name}-new") for peer in relationship.peers)
    return replace(relationship, peers=peers)


def moved(relationship: Relationship) -> Relationship:
    peers = tuple(replace(peer, url=peer.url.replace("8001", "9001")) for peer in relationship.peers)
    return replace(relationship, peers=peers)


def swapped(relationship: Relationship) -> Relationship:
    first, second, *rest = relationship.peers
    peers = (replace(first, role=second.role), replace(second, role=first.role), *rest)
    return replace(relationship, peers=peers)


def in_the_other_mode(relationship: Relationship) -> Relationship:
    mode, role = Mode.LOAD_BALANCING, Role.SECONDARY
    if relationship.mode is Mode.LOAD_BALANCING:
        mode, role = Mode.HOT_STANDBY, Role.STANDBY
    first, second, *rest = relationship.peers
    return replace(relationship, mode=mode, peers=(first, replace(second, role=role), *rest))


def renamed_and_swapped(relationship: Relationship) -> Relationship:
    return renamed(swapped(relationship))


PAIRED = (renamed, renamed_and_swapped, moved, swapped, in_the_other_mode)
CHANGES = [
    (setting, change, number)
    for setting in SETTINGS
    for change, number in (
        (nothing, 2),
        (slower, 1),
        (slower, 2),
        *((each, 1) for each in PAIRED if setting.mode is not Mode.PASSIVE_BACKUP),
    )
    if not ((change in PAIRED and setting.is_split) or (change is in_the_other_mode and setting.hub))
]
CASES = [pytest.param(*case, id=f"{case[0]}-{case[1].__name__}-{case[2]}") for case in CHANGES]


@dataclass(frozen=True)
class Run:
    """A plan, the world that it was made for, and the configurations that it sends."""

    plan: RelationshipPlan
    model: Model

    @property
    def planned(self) -> dict[str, Config]:
        return {s.peer.server: dict(s.outgoing) for s in self.plan.servers if s.outgoing is not None}

    @property
    def before(self) -> dict[str, Config]:
        return {name: dict(kea.config) for name, kea in self.model.keas.items()}

    def parts(self) -> Iterator[tuple[Stage | None, steps.Steps]]:
        return zip((None, *self.plan.stages), steps.parts(self.plan), strict=True) if self.plan.stages else iter(())


def started(setting: Setting, desired: Relationship, live: Mapping[str, Config], *, is_new: bool = False) -> Run:
    """A relationship at rest, and what is to become of it."""
    keas = {name: Kea(name, config, "no HA") for name, config in live.items()}
    if not is_new:
        keas = {name: kea.at_ease() for name, kea in keas.items()}
    model = Model(desired, keas, has_recovery=setting.is_dedicated)
    return Run(plan_relationship(desired, as_read(model), "2"), model)


def begun(setting: Setting, change: Any, number: int) -> Run:
    """A change of git, and of the primary's data where the number of subnets is another."""
    live = given(setting.relationship, setting.data())
    if setting.hub:  # it has marks that say whose its subnets are
        live |= started(setting, setting.relationship, live).planned
    if number > 1:
        live["kea-a"][setting.service.subnets] = setting.data(number)[setting.service.subnets]
    return started(setting, change(setting.relationship), live)


def opened(model: Model, stage: Stage | None, leaving: Collection[str] = ()) -> Model:
    in_recovery = stage is not None and (
        stage.method is Disruption.HAND_OVER or not set(leaving).isdisjoint(stage.servers)
    )
    silenced = frozenset(stage.silenced) if stage is not None else frozenset[str]()
    return replace(model.unasked(), silenced=silenced, in_recovery=in_recovery)


def walked(run: Run) -> Iterator[tuple[Stage | None, list[Step], Step, Model, Model]]:
    """Yield for each step: its stage, the steps of the stage before it, itself, and the world before and after it."""
    model = run.model
    for stage, part in run.parts():
        leaving = [server.peer.server for server in run.plan.servers if server.leaves]
        model, done = opened(model, stage, leaving), list[Step]()
        for step in part:
            after = model.do(step, run.planned, run.before)
            yield stage, list(done), step, model, after
            model = after
            done.append(step)


def is_moment(stage: Stage | None, step: Step) -> bool:
    """Whether the next step at once ends what this one begins: between two that hand clients over nobody answers them,
    since otherwise both would.
    """
    if stage is None or stage.method is not Disruption.HAND_OVER:
        return False
    deeds = {Deed.SILENCE, Deed.REST, Deed.GIVE_BACK}
    deeds |= {Deed.SET} if stage.pauses else set()
    deeds |= {Deed.SERVE} if stage.in_turn or stage.released else set()
    return step.deed in deeds


def is_lasting(model: Model) -> bool:
    """Whether a cut leaves something for the next run that doesn't end by itself: a hub that gave up its scopes."""
    return bool(model.resting)


def must_be_bearable(run: Run, stage: Stage | None, model: Model, where: Step) -> None:
    """Clients don't get one address twice, and none is left alone who need not be, unless it was so before the run."""
    is_alone = stage is not None and stage.method is Disruption.HAND_OVER and not stage.in_turn
    for each in (model, model.settled()):
        assert not list(each.served_twice(even_in_step=is_alone)), where
        assert not list(each.leases_kept_back()), where
    assert not list(model.lost().served_twice()), where
    if stage is not None and stage.method is Disruption.HAND_OVER and not is_lasting(model):
        assert not list(model.cut().unserved()) or list(run.model.unserved()), where
    together = stage is not None and len(stage.servers) > 1 and not stage.in_turn
    if stage is None or not together:
        assert is_moment(stage, where) or not list(model.left_alone()) or list(run.model.left_alone()), where
        assert len(model.out_of_normal()) <= 1, where
    else:
        assert stage.reason or run.plan.procedure is not Procedure.MODIFY, where


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
    return Run(plan_relationship(run.plan.relationship, as_read(model), "2"), model)


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
        model = opened(model, stage.otherwise)
        for step in steps.instead_of_commands(run.plan, stage):
            model = model.do(step, run.planned, run.before)
            must_be_bearable(run, stage.otherwise, model, step)
    must_be_at_rest(run, model)
