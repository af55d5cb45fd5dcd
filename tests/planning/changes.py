"""Relationships at rest on a model of their servers, what is to become of them, and the steps that lead there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import pytest

from reconciler.kea import hooks
from reconciler.kea.fingerprints import fingerprints
from reconciler.kea.stamps import with_stamp
from reconciler.model import (
    Deed,
    Disruption,
    Mode,
    Peer,
    Relationship,
    RelationshipPlan,
    Role,
    Service,
    Stage,
    Step,
)
from reconciler.planning import steps, wanted
from reconciler.planning.plan import plan_relationship
from reconciler.planning.silence import returning
from tests.planning.abstract import Kea, Model, as_read, entry, version_of
from tests.planning.strategies import HOOKS, RELATIONSHIP, snapshot

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


def opened(model: Model, plan: RelationshipPlan, stage: Stage | None) -> Model:
    leaving = {server.peer.server for server in plan.servers if server.leaves}
    in_recovery = stage is not None and (stage.method is Disruption.HAND_OVER or not leaving.isdisjoint(stage.servers))
    silenced = frozenset(stage.silenced).difference(returning(plan, stage)) if stage is not None else frozenset[str]()
    return replace(model.unasked(), silenced=silenced, in_recovery=in_recovery)


def walked(run: Run) -> Iterator[tuple[Stage | None, list[Step], Step, Model, Model]]:
    """Yield for each step: its stage, the steps of the stage before it, itself, and the world before and after it."""
    model = run.model
    for stage, part in run.parts():
        model, done = opened(model, run.plan, stage), list[Step]()
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
