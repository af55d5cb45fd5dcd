"""Random histories of a relationship: edits by hand, changes in git, faults, restarts, partitions, and applies
in between.

What must hold after every step is what the project promises: one server is written at a time, each has its old or
its new configuration and never a third, nobody is left switched off unsaid, nothing is sent where nothing changes,
and no secret is shown. At the end of every history an apply brings all in order again.
"""

from __future__ import annotations

import contextlib
import copy
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from reconciler.kea import hooks
from reconciler.model import Mode, Service
from reconciler.planning.guard import CODES
from reconciler.simulator import Kind, Release
from reconciler.simulator.dhcp import Origin
from tests.cli.life import USUAL, WRITES, Life
from tests.cli.site import Run, subnet
from tests.pairs import PAIR_MODES

if TYPE_CHECKING:
    from reconciler.simulator import SimulatedEndpoint

Config = dict[str, Any]
NAMES = ("kea-a", "kea-b", "kea-c")
CANARY = "canary"
PASSIVE = Mode.PASSIVE_BACKUP
KINDS = [(mode, release, 2) for release in (Release.KEA_2_6, Release.KEA_3_0) for mode in Mode]
KINDS += [(mode, Release.KEA_2_2, 2) for mode in PAIR_MODES]
KINDS += [(mode, Release.KEA_2_2, 3) for mode in Mode] + [(PASSIVE, Release.KEA_2_2, 1)]
APPROVED = [part for code in CODES for part in ("--approve", code)]
FAULTS = (
    (Kind.CUT, "config-set"),  # carried out, but the answer is lost
    (Kind.RESET, "config-set"),  # not carried out, and no answer
    (Kind.GARBAGE, "config-set"),
    (Kind.TRUNCATE, "config-set"),
    (Kind.SET_FAILS, "config-set"),
    (Kind.FAILS, "config-set"),
    (Kind.FAILS, "config-test"),
    (Kind.DISK_FULL, "config-write"),
    (Kind.CUT, "config-write"),
    (Kind.CUT, "dhcp-disable"),
    (Kind.CUT, "dhcp-enable"),
    (Kind.RESET, "dhcp-enable"),
    (Kind.CUT, "config-get"),
    (Kind.RESET, "status-get"),
)

names = st.runner().flatmap(lambda histories: st.sampled_from(histories.names))


@dataclass(frozen=True)
class Standing:
    """What a daemon had before an apply: its configuration, its file, and whether its HA hook was in force."""

    config: Config
    file: Config | None
    has_ha: bool


class Histories(RuleBasedStateMachine):
    """Up to three servers in a simulated world, and everything that can happen to them."""

    def __init__(self) -> None:
        super().__init__()
        self._exits = contextlib.ExitStack()
        folder = Path(self._exits.enter_context(tempfile.TemporaryDirectory(prefix="kea-history-")))
        self.life = self._exits.enter_context(Life(folder))
        self.service, self.mode = Service.DHCP4, Mode.HOT_STANDBY
        self.names: tuple[str, ...] = NAMES[:2]
        self.begun: dict[str, Config] = {}
        self.said_to_be_off: set[str] = set()
        self.is_cut = False
        self.mark = 4710  # what the last edit in the middle of an apply has set

    @initialize(service=st.sampled_from(Service), kind=st.sampled_from(KINDS), is_related=st.booleans())
    def begin(self, service: Service, kind: tuple[Mode, Release, int], is_related: bool) -> None:
        self.service, (self.mode, self.life.release, number) = service, kind
        self.names = NAMES[:number]
        secrets: Config = {
            "user-context": {"api-token": CANARY},
            "lease-database": {"type": "memfile", "password": CANARY},
        }
        bodies = {name: {**secrets, service.subnets: [subnet(service, 1), subnet(service, 2)]} for name in self.names}
        self.life.add_pair("hq", service, self.mode, servers=self.names, configurations=bodies)
        self.document["parameters"] = dict(USUAL)
        self.life.write()
        self.begun = {name: copy.deepcopy(self.endpoint(name).config) for name in self.names}
        if is_related:
            assert self.run("apply", "--yes").exit_code == 0

    def teardown(self) -> None:
        with self._exits:
            if self.begun:
                self.recover()

    # ---------------------------------------------------------------------------------------- at hand

    @property
    def document(self) -> Config:
        return self.life.documents[0]

    def endpoint(self, name: str) -> SimulatedEndpoint:
        return self.life.endpoint(name, self.service)

    def run(self, *arguments: str) -> Run:
        """Run the command line; whatever it says has no secret in it, and it never stumbles over itself."""
        ended = self.life.run(*arguments, "--log-level", "debug")
        assert CANARY not in ended.stdout + ended.stderr
        assert "internal error" not in ended.stdout + ended.stderr, ended
        return ended

    def standing(self) -> dict[str, Standing]:
        return {
            name: Standing(copy.deepcopy(each.config), each.written, each.ha is not None)
            for name in self.names
            for each in [self.endpoint(name)]
        }

    # ------------------------------------------------------------------------------------ what people do

    def edit(self, name: str, change: Any) -> None:
        """A hand's config-set; it may meet with a fault as well as ours."""
        if self.endpoint(name).is_running:
            with contextlib.suppress(ValueError):
                self.endpoint(name).edit(change)

    @rule(name=names, number=st.integers(3, 5))
    def add_or_remove_subnet(self, name: str, number: int) -> None:
        key, new = self.service.subnets, subnet(self.service, number)

        def change(config: Config) -> None:
            kept = [each for each in config[key] if each["id"] != number]
            config[key] = kept if len(kept) < len(config[key]) else [*kept, new]

        self.edit(name, change)

    @rule(name=names, value=st.integers(1, 3))
    def change_global(self, name: str, value: int) -> None:
        self.edit(name, lambda config: config.update({"decline-probation-period": value}))

    @rule(name=names, token=st.sampled_from([CANARY, f"{CANARY}-2"]))
    def change_secret(self, name: str, token: str) -> None:
        self.edit(name, lambda config: config["user-context"].update({"api-token": token}))

    @rule(name=names)
    def remove_relationship(self, name: str) -> None:
        self.edit(name, lambda config: config.update({"hooks-libraries": []}))

    @rule(name=names, value=st.integers(1, 3))
    def change_local(self, name: str, value: int) -> None:
        self.edit(name, lambda config: config.update({"statistic-default-sample-count": value}))

    @rule(value=st.sampled_from([1000, 2000, 3000]))
    def change_parameter_in_git(self, value: int) -> None:
        self.document["parameters"]["max-ack-delay"] = value
        self.life.write()

    @rule(replicate=st.booleans())
    def change_replication_in_git(self, replicate: bool) -> None:
        self.document["replicate"] = replicate
        self.life.write()

    # ---------------------------------------------------------------------------------- what goes wrong

    @rule(name=names, fault=st.sampled_from(FAULTS), times=st.integers(1, 2))
    def fail(self, name: str, fault: tuple[Kind, str], times: int) -> None:
        kind, command = fault
        inside = kind in {Kind.SET_FAILS, Kind.FAILS, Kind.DISK_FULL}
        holder = self.endpoint(name).faults if inside else self.life[name].faults
        holder.add(kind, command, times=times, text=f"refused: password: {CANARY}")

    @rule(name=names, killed=st.booleans())
    def stop(self, name: str, killed: bool) -> None:
        self.endpoint(name).stop(killed=killed)

    @rule(name=names)
    def start(self, name: str) -> None:
        if not self.endpoint(name).is_running:
            self.endpoint(name).start()
            self.said_to_be_off.discard(name)

    @rule(name=names)
    def come_back_with_the_first_file(self, name: str) -> None:
        self.endpoint(name).restart(self.begun[name])
        self.said_to_be_off.discard(name)

    @rule()
    def cut_or_heal(self) -> None:
        self.is_cut = not self.is_cut
        (self.life.world.partition if self.is_cut else self.life.world.heal)(*NAMES[:2])

    @rule(seconds=st.sampled_from([1, 5, 30]))
    def wait(self, seconds: int) -> None:
        self.life.let_pass(seconds)

    # --------------------------------------------------------------------------------------- what we do

    @rule()
    def look(self) -> None:
        was_calm = not self.has_faults()
        first = self.run("plan", "--verbose")
        assert self.run("plan", "--verbose").stdout == first.stdout or not was_calm
        self.run("drift", "--format", "json")
        self.run("status")

    def has_faults(self) -> bool:
        return any(fault.times != 0 for name in self.names for fault in self.life[name].faults)

    @rule(is_approved=st.booleans())
    def apply(self, is_approved: bool) -> None:
        self.applied(is_approved=is_approved)

    @precondition(lambda self: self.is_ready())
    @rule()
    def apply_in_peace(self) -> None:
        """The same without the faults that are due, so that histories get somewhere."""
        self.clear_faults()
        self.applied(is_approved=True)

    @precondition(lambda self: self.is_ready())
    @rule(faults=st.lists(st.tuples(names, st.sampled_from(FAULTS)), min_size=1, max_size=2), value=st.integers(1, 3))
    def apply_amid_faults(self, faults: list[tuple[str, tuple[Kind, str]]], value: int) -> None:
        """Both servers are to be changed, and it is in that very apply that things go wrong."""
        self.clear_faults()
        self.edit("kea-a", lambda config: config.update({"parked-packet-limit": 100 + value}))
        self.document["parameters"]["max-ack-delay"] = 10000 + value
        self.life.write()
        self.life.let_pass(20)
        for name, fault in faults:
            self.fail(name, fault, 1)
        self.applied(is_approved=False)

    @precondition(lambda self: self.is_ready())
    @rule(name=names, number=st.integers(0, 40))
    def apply_while_somebody_edits(self, name: str, number: int) -> None:
        """A hand's edit in the middle of an apply, at any of its commands."""
        self.clear_faults()
        self.document["parameters"]["max-ack-delay"] = 10000 + number
        self.life.write()
        self.life.let_pass(20)
        self.mark += 1
        mark = {"decline-probation-period": self.mark}
        self.life.events = {number: lambda: self.edit(name, lambda config: config.update(mark))}
        self.applied(is_approved=True, is_alone=False)
        if number < len(self.life.story) and not self.may_be_overwritten(name, number):
            assert self.endpoint(name).config["decline-probation-period"] == self.mark, self.life.story
        self.life.events = {}
        self.edit(name, lambda config: config.pop("decline-probation-period"))

    def may_be_overwritten(self, name: str, number: int) -> bool:
        """Whether an edit before the command of this number came before the plan's own reading, or in the moment
        that nobody can close: after the last look at the server and before its set, with no more than two tests of
        the configuration and a look at each server's state in between. Nor can
        Kea before 2.4 tell who made a third configuration that a server shows at the first look after it took ours: it
        is put back, and that is said.
        """
        story = self.life.story
        if number <= story.index((name, "config-get")) or story[number - 1] == (name, "config-set"):
            return True
        later = [place for place in range(number, len(story)) if story[place] == (name, "config-set")]
        return bool(later) and later[0] - number <= 4

    def is_ready(self) -> bool:
        """Whether both run and hear each other."""
        return not self.is_cut and all(self.endpoint(name).is_running for name in self.names)

    def clear_faults(self) -> None:
        for name in self.names:
            self.life[name].faults.clear()
            self.endpoint(name).faults.clear()

    def applied(self, *, is_approved: bool, is_alone: bool = True) -> Run:
        """Apply, and hold what became of each server against what was told; `is_alone`: nobody edits meanwhile."""
        before = self.standing()
        self.life.is_waived = is_approved
        self.life.story.clear()
        ended = self.run("apply", "--yes", "--format", "json", *(APPROVED if is_approved else []))
        assert ended.exit_code in {0, 1, 3, 4, 6}, ended
        assert self.life.plan is not None
        planned = {each.peer.server: each.outgoing for each in self.life.plan.relationships[0].servers}
        told = {each["server"]: each for each in ended.json["relationships"][0]["servers"]}
        for name in self.names:
            outgoing = planned.get(name)
            new = None if outgoing is None else self.life.taken(outgoing, self.service)
            self.check_server(name, before[name], new, told[name])
        if not any(planned.values()):
            assert [each for each in self.life.story if each[1] in WRITES | {"config-test"}] == []
        if ended.exit_code == 0 and is_alone and not self.has_faults():
            assert self.run("plan", "--detailed-exitcode").exit_code == 0
        return ended

    def check_server(self, name: str, before: Standing, new: Config | None, told: Config) -> None:
        endpoint = self.endpoint(name)
        if endpoint.config.get("decline-probation-period") == self.mark:  # somebody else's, and not overwritten
            return
        assert endpoint.written in (before.file, new) or "its file is cut" in told["reason"], told
        assert endpoint.config in (before.config, new), told
        match told["result"]:
            case "applied":
                assert endpoint.config == new
                assert not told["persisted"] or endpoint.written == new
            case "restored":
                assert endpoint.config == before.config
                assert endpoint.ha is not None or not before.has_ha
                assert not endpoint.is_running or endpoint.has_sockets
            case "nothing-to-do" | "not-attempted" | "world-changed":
                assert endpoint.config == before.config
                assert (endpoint.ha is not None) == before.has_ha
            case "failed":
                if "nothing was changed" in told["reason"]:
                    assert endpoint.config == before.config
        if "dhcp-enable on it" in told["reason"]:
            self.said_to_be_off.add(name)

    # -------------------------------------------------------------------------------- what always holds

    @invariant()
    def one_server_at_a_time(self) -> None:
        assert self.life.violations == []

    @invariant()
    def nobody_is_left_switched_off_unsaid(self) -> None:
        for name in self.names if self.begun else ():
            endpoint = self.endpoint(name)
            if endpoint.is_running and Origin.USER in endpoint.dhcp._off:
                assert name in self.said_to_be_off

    # ------------------------------------------------------------------------------------------- the end

    def recover(self) -> None:
        """The faults end, and everybody comes back: applies bring all in order."""
        self.clear_faults()
        self.life.world.heal(*NAMES[:2])
        for name in self.names:
            endpoint = self.endpoint(name)
            if not endpoint.is_running:
                if endpoint.written is None:  # what a person does with a file that was cut
                    endpoint.write_file(endpoint.config)
                endpoint.start()
            if endpoint.ha is None and hooks.relationships_of(endpoint.config):
                endpoint.restart(endpoint.config)  # see test_simulated_life: a lost hook and other differences
            if name in self.said_to_be_off:  # what a person does who was told so
                endpoint.command("dhcp-enable")
        for _ in range(3):
            self.life.let_pass(60)
            self.applied(is_approved=True)
        assert self.run("plan", "--detailed-exitcode").exit_code == 0
        self.life.let_pass(60)
        assert self.run("status").exit_code == 0
        for half in [self.endpoint(name).ha for name in self.names]:
            assert half is not None
            assert half.state == half.settings.normal_state


TestHistories = pytest.mark.long(Histories.TestCase)
TestHistories.settings = settings(
    max_examples=25,
    stateful_step_count=12,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
