"""A small model of the servers of one relationship: what Kea does to them with every step, as far as clients notice.

A server has a configuration and a state; it serves scopes. `Model.do(step)` is what the step does at once, and
`settled()` what becomes of the servers by themselves within a few heartbeats, `lost()` what after max-response-delay.
What is claimed of Kea here is in docs/replication.md and shown by tests/kea; a sample of the same changes runs on the
simulator in tests/test_simulated_life.py and test_simulated_histories.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any

from reconciler.kea import ha, hooks
from reconciler.model import Condition, Deed, Fact, HaView, Mode, PartnerView, Relationship, Role, Snapshot, Step
from reconciler.planning.places import located
from tests.planning.strategies import snapshot

Config = Mapping[str, Any]
Scopes = frozenset[str]
NOBODY: Scopes = frozenset()
NORMAL = frozenset({"load-balancing", "hot-standby", "passive-backup"})
SERVING = NORMAL | {"communication-recovery", "partner-down", "partner-in-maintenance"}
HALVES = frozenset({"lower half", "upper half"})


@dataclass(frozen=True)
class Kea:
    """One server. `is_fresh` says that it was set and has not met its partner since."""

    name: str
    config: Config
    state: str
    scopes: Scopes = NOBODY
    is_off: bool = False
    is_timed: bool = False  # it is off for a time only, which we renew
    is_written: bool = True
    is_fresh: bool = False

    @property
    def block(self) -> Mapping[str, Any] | None:
        found = hooks.relationships_of(self.config)
        return found[0] if found else None

    @property
    def own(self) -> Mapping[str, Any]:
        block = self.block or {}
        return next(peer for peer in block["peers"] if peer["name"] == block["this-server-name"])

    @property
    def mode(self) -> Mode:
        return Mode((self.block or {})["mode"])

    @property
    def role(self) -> Role:
        return Role(self.own["role"])

    @property
    def normal(self) -> str:
        return ha.normal_state(self.mode, self.role)

    @property
    def own_scopes(self) -> Scopes:
        return frozenset({self.own["name"]}) if self.role in {Role.PRIMARY, Role.SECONDARY} else NOBODY

    @property
    def all_scopes(self) -> Scopes:
        peers = (self.block or {})["peers"]
        return frozenset(peer["name"] for peer in peers if peer["role"] in {Role.PRIMARY, Role.SECONDARY})

    @property
    def serves(self) -> frozenset[str]:
        """Which of the clients it answers."""
        if self.is_off:
            return frozenset()
        if self.block is None:
            return HALVES if self.config.get("subnet4") else frozenset()
        if self.state not in SERVING:
            return frozenset()
        if self.mode is not Mode.LOAD_BALANCING:
            return HALVES if self.scopes else frozenset()
        roles = {peer["name"]: peer["role"] for peer in self.block["peers"]}
        halves = {Role.PRIMARY: "lower half", Role.SECONDARY: "upper half"}
        return frozenset(halves[roles[scope]] for scope in self.scopes)

    def begun(self, config: Config) -> Kea:
        """The server after a config-set."""
        new = replace(self, config=config, state="no HA", scopes=NOBODY, is_written=False, is_fresh=True)
        if new.block is None:
            return new
        waits = ha.hears_a_partner(new.mode, new.role)
        return replace(new, state="waiting") if waits else new.at_ease()

    def at_ease(self) -> Kea:
        """The server in its normal state, with its own scopes."""
        return replace(self, state=self.normal, scopes=self.own_scopes, is_fresh=False)


@dataclass(frozen=True)
class Model:
    """All servers of a relationship, by name."""

    relationship: Relationship
    keas: Mapping[str, Kea]
    covering: frozenset[str] = frozenset()  # those that we keep wide
    until_back: Mapping[str, str] = field(default_factory=dict)  # for whom, where that one serves by itself again
    resting: frozenset[str] = frozenset()  # those that we asked to serve nobody
    silenced: frozenset[str] = frozenset()  # those that are switched off for good
    in_recovery: bool = False  # also while they keep back their updates
    has_recovery: bool = False  # whether a server whose partner is set goes to communication-recovery

    # ------------------------------------------------------------------------------------------ what holds

    def partner(self, kea: Kea) -> Kea | None:
        """The server that one exchanges heartbeats with."""
        if kea.block is None or not ha.hears_a_partner(kea.mode, kea.role):
            return None
        others = [o for o in self.keas.values() if o is not kea and o.block is not None]
        talking = [o for o in others if ha.hears_a_partner(o.mode, o.role)]
        return talking[0] if talking else None

    def peer(self, kea: Kea) -> Any:
        return next(peer for peer in self.relationship.peers if peer.server == kea.name)

    def snapshot(self, kea: Kea) -> Snapshot:
        """The server as it is read."""
        found = snapshot(self.relationship, self.peer(kea), dict(kea.config))
        found = replace(found, version=version_of(self.relationship))
        views: tuple[HaView, ...] = ()
        if kea.block is not None:
            other = self.partner(kea)
            remote = None
            if ha.hears_a_partner(kea.mode, kea.role):
                heard = self.hear(kea, other)
                state, scopes = (other.state, tuple(sorted(other.scopes))) if other and heard else ("", ())
                remote = PartnerView("", state, scopes, 1.0, in_touch=heard, interrupted=False)
            views = (HaView(kea.mode.value, kea.role.value, kea.state, tuple(sorted(kea.scopes)), remote),)
        found = replace(found, ha=views[0] if views else None, views=views, disabled_by_user=kea.is_off)
        return located(self.relationship, found)

    @staticmethod
    def hear(one: Kea, other: Kea | None) -> bool:
        """Whether two servers understand each other: they have the same mode, names, urls and kind of listeners."""
        if other is None or one.block is None or other.block is None:
            return False
        said = [
            (
                block["mode"],
                block.get("multi-threading"),
                sorted((peer["name"], peer["url"]) for peer in block["peers"] if peer["role"] != Role.BACKUP),
            )
            for block in (one.block, other.block)
        ]
        return said[0] == said[1] and one.own["name"] != other.own["name"]

    def is_normal(self, kea: Kea) -> bool:
        """Whether it is in its normal state and hears its partner in that, if it has one."""
        if kea.block is None or kea.state != kea.normal:
            return False
        if not ha.hears_a_partner(kea.mode, kea.role):
            return True
        other = self.partner(kea)
        return other is not None and self.hear(kea, other) and other.state == kea.state

    def holds(self, condition: Condition, planned: Mapping[str, Config], before: Mapping[str, Config]) -> bool:
        """Whether a condition holds; `planned` and `before` are the configurations that servers get and had."""
        kea = self.keas[condition.server]
        match condition.fact:
            case Fact.NORMAL:
                return self.is_normal(kea)
            case Fact.OFF:
                return kea.is_off
            case Fact.LASTING:
                return kea.is_off and not kea.is_timed
            case Fact.ON:
                return not kea.is_off
            case Fact.WIDE:
                return kea.scopes == kea.all_scopes
            case Fact.OWN:
                return kea.scopes == kea.own_scopes
            case Fact.RESTING:
                return not kea.scopes
            case Fact.SET:
                return kea.config == planned[kea.name]
            case Fact.PUT_BACK | Fact.AS_SEEN | Fact.SURE:
                return kea.config in (before[kea.name], planned.get(kea.name))
            case Fact.MET:
                return self.partner(kea) is None or self.hear(kea, self.partner(kea))
            case Fact.WRITTEN:
                return kea.is_written

    # ----------------------------------------------------------------------------------------- what happens

    def having(self, kea: Kea) -> Model:
        return replace(self, keas={**self.keas, kea.name: kea})

    def forgotten(self, kea: Kea) -> Model:
        """What we asked of a server is over."""
        until_back = {name: covered for name, covered in self.until_back.items() if name != kea.name}
        mine = {kea.name}
        return replace(self, covering=self.covering - mine, resting=self.resting - mine, until_back=until_back)

    def unasked(self) -> Model:
        """Nobody keeps what was asked of the servers."""
        return replace(self, covering=frozenset(), resting=frozenset(), until_back={})

    def do(self, step: Step, planned: Mapping[str, Config], before: Mapping[str, Config]) -> Model:
        """What a step that reaches its end does."""
        kea = self.keas[step.server]
        match step.deed:
            case Deed.AWAIT_WELL | Deed.AWAIT_NORMAL | Deed.SETTLE | Deed.AWAIT_MET:
                return self.settled()
            case Deed.WIDEN:
                made = self.having(replace(kea, scopes=kea.all_scopes))
                made = replace(made, covering=made.covering | {kea.name})
                covered = step.covered and not self.keas[step.covered].is_off
                return replace(made, until_back={**made.until_back, kea.name: step.covered}) if covered else made
            case Deed.REST:
                made = replace(self, covering=self.covering - {kea.name}, resting=self.resting | {kea.name})
                return made.having(replace(kea, scopes=NOBODY))
            case Deed.WIDEN_WHEN_NORMAL:
                return replace(self, covering=self.covering | {kea.name}).kept()
            case Deed.GIVE_BACK:
                asked = kea.name in self.covering | self.resting
                return self.forgotten(kea).having(replace(kea, scopes=kea.own_scopes)) if asked else self
            case Deed.SILENCE | Deed.LEAVE_OFF:
                is_timed = step.deed is Deed.SILENCE and kea.name not in self.silenced
                return self.having(replace(kea, is_off=True, is_timed=is_timed))
            case Deed.SERVE | Deed.SERVE_IF_MET | Deed.SERVE_AGAIN:
                return self.having(replace(kea, is_off=False, is_timed=False))
            case Deed.SEND:
                return self.having(replace(kea, config=planned[kea.name], is_written=False))
            case Deed.SET:
                return self._set(kea, planned[kea.name])
            case Deed.PUT_BACK:
                return self._set(kea, before[kea.name])
            case Deed.WRITE:
                return self.having(replace(kea, is_written=True))
        return self

    def _set(self, kea: Kea, config: Config) -> Model:
        other = self.partner(kea)
        made = self.forgotten(kea).having(kea.begun(config))
        tells = other is not None and not other.is_off  # one that is off has no lease update that could fail
        if other is not None and tells and self.has_recovery and other.state == "load-balancing":
            made = made.having(replace(other, state="communication-recovery", scopes=other.own_scopes))
        return made.kept()

    def kept(self) -> Model:
        """Those that are to be wide are widened again."""
        back = [name for name, covered in self.until_back.items() if self.keas[covered].scopes]
        if back:
            kea = self.keas[back[0]]
            return self.forgotten(kea).having(replace(kea, scopes=kea.own_scopes)).kept()
        keas = dict(self.keas)
        for name in self.covering:
            kea = keas[name]
            if kea.state == kea.normal or (self.in_recovery and kea.state == "communication-recovery"):
                keas[name] = replace(kea, scopes=kea.all_scopes)
        return replace(self, keas=keas)

    def settled(self) -> Model:
        """The servers after a few heartbeats without anybody doing anything."""
        keas = dict(self.keas)
        for kea in self.keas.values():
            other = self.partner(kea)
            if other is None or not self.hear(kea, other):
                continue
            if kea.state in {"waiting", "ready", "communication-recovery", "partner-down"}:
                keas[kea.name] = kea.at_ease()
        return replace(self, keas=keas).kept()

    def half_settled(self) -> Model:
        """The servers once the one that is on is normal, and its partner is up to a heartbeat behind."""
        made = self.settled()
        keas = {name: self.keas[name] if kea.is_off else kea for name, kea in made.keas.items()}
        return replace(self, keas=keas).kept()

    def cut(self) -> Model:
        """The servers a minute after the run was killed: Kea has ended what was for a time, and all have settled."""
        on = {name: replace(kea, is_off=False) if kea.is_timed else kea for name, kea in self.keas.items()}
        return replace(self, keas=on).unasked().settled()

    def lost(self) -> Model:
        """The servers after max-response-delay: who doesn't hear its partner takes over. Nobody keeps anything wide."""
        made = self.unasked().settled()
        keas = dict(made.keas)
        for kea in made.keas.values():
            if kea.block is None or not ha.hears_a_partner(kea.mode, kea.role):
                continue
            if not made.hear(kea, made.partner(kea)):
                keas[kea.name] = replace(kea, state="partner-down", scopes=kea.all_scopes)
        return replace(made, keas=keas)

    # ------------------------------------------------------------------------------------------ invariants

    def served_twice(self, *, even_in_step: bool = False) -> Iterator[str]:
        """Who serves the same clients though HA doesn't keep them in step; or even if it does, since each gives out
        what is free before it hears of the other's lease.
        """
        for one, other in combinations(self.keas.values(), 2):
            both = one.serves & other.serves
            in_step = self.is_normal(one) and self.is_normal(other)
            if both and (even_in_step or not in_step):
                yield f"{one.name} ({one.state}) and {other.name} ({other.state}) both serve the {min(both)}"

    def unserved(self) -> Iterator[str]:
        """Whom nobody serves."""
        yield from sorted(HALVES.difference(*(kea.serves for kea in self.keas.values())))

    def left_alone(self) -> Iterator[str]:
        """Whom nobody serves though a server could: one in a state in which Kea serves, that is not switched off."""
        served = frozenset[str]().union(*(kea.serves for kea in self.keas.values()))
        able = [k for k in self.keas.values() if k.block and k.state in NORMAL | {"partner-down"} and not k.is_off]
        if HALVES - served and able and not all(kea.role is Role.BACKUP for kea in able):
            yield f"nobody serves the {min(HALVES - served)}, though {able[0].name} ({able[0].state}) could"

    def leases_kept_back(self) -> Iterator[str]:
        """Who gives addresses of pools that both have, of clients that aren't its own, without telling the other."""
        for kea in self.keas.values():
            if kea.state == "communication-recovery" and kea.scopes != kea.own_scopes and not self.in_recovery:
                yield f"{kea.name} serves its partner's clients, and keeps its lease updates back"

    def out_of_normal(self) -> list[str]:
        """The servers that serve nobody because they were set, or told to rest."""
        return [
            kea.name
            for kea in self.keas.values()
            if kea.block is not None and kea.state in {"waiting", "syncing", "ready", "in-maintenance"}
        ]


def version_of(relationship: Relationship) -> str:
    """The version of Kea that all servers run: one that can have hubs where there is one."""
    return "3.0.3" if relationship.is_spoke else "2.2.0"


def as_read(model: Model) -> dict[tuple[str, Any], Snapshot]:
    """The world as a plan sees it."""
    service = model.relationship.service
    return {(kea.name, service): model.snapshot(kea) for kea in model.keas.values()}


def entry(relationship: Relationship, server: str) -> Mapping[str, Any]:
    """The entry of the HA hook that a server is to have."""
    peer = next(peer for peer in relationship.peers if peer.server == server)
    return ha.wanted_block(relationship, peer, None)
