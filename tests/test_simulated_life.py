"""The main job on simulated servers, in simulated time: two unrelated servers become a relationship, stay replicated,
drift in every way there is, and are repaired. The same is done on real Kea in tests/kea.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.kea import hooks
from reconciler.model import Action, Mode, Service
from reconciler.simulator import Kind, Release
from tests.cli.life import USUAL, WRITES, Life
from tests.kea.objects import base, things
from tests.pairs import PAIR_MODES
from tests.stamped import uncounted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

Config = dict[str, Any]
EVERY_PAIR = [(service, mode, Release.KEA_2_2) for service in Service for mode in PAIR_MODES]
EVERY_PAIR += [(Service.DHCP4, mode, Release.KEA_2_6) for mode in PAIR_MODES]
EVERY_PAIR += [(service, mode, Release.KEA_3_0) for service in Service for mode in PAIR_MODES]
STEPS = (
    ("kea-a", Action.ADD),
    ("kea-b", Action.CHANGE),
    ("kea-b", Action.DELETE),
    ("kea-a", Action.CHANGE),
    ("kea-a", Action.DELETE),
    ("kea-b", Action.ADD),
)


class Pair(Life):
    """kea-a and kea-b of one service and mode; kea-a has everything that a configuration can hold."""

    def __init__(self, folder: Path, service: Service, mode: Mode, release: Release) -> None:
        super().__init__(folder, release)
        self.service, self.mode = service, mode

    def __enter__(self) -> Pair:
        super().__enter__()
        bodies = {"kea-a": base(self.service)}
        self.add_pair("hq", self.service, self.mode, configurations=bodies)
        self.documents[0]["parameters"] = dict(USUAL)
        self.write()
        return self

    def report(self, command: str, code: int, *arguments: str) -> Any:
        """What a command says of the relationship; it must end with this exit code."""
        ended = self.run(command, "--format", "json", *arguments)
        assert ended.exit_code == code, ended
        return ended.json["relationships"][0]

    def changes(self, code: int = 2, command: str = "plan") -> dict[str, list[Any]]:
        """The changes of each server by plan or drift."""
        report = self.report(command, code, "--detailed-exitcode")
        return {server["server"]: server["changes"] for server in report["servers"]}

    def must_apply(self) -> None:
        """Apply; the plan after it must be empty, and both servers normal."""
        ended = self.run("apply", "--yes")
        assert ended.exit_code == 0, ended
        assert self.changes(code=0) == {"kea-a": [], "kea-b": []}
        assert self.report("status", 0)["in_sync"]
        assert self.violations == []

    def config(self, name: str) -> Config:
        return self.endpoint(name, self.service).config

    def edit(self, name: str, edit: Callable[[Config], None]) -> None:
        self.change(name, edit, self.service)

    def writes(self) -> list[tuple[str, str]]:
        return [each for each in self.story if each[1] in WRITES | {"config-test"}]


@pytest.fixture(params=EVERY_PAIR, ids="-".join)
def unrelated(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Pair]:
    with Pair(tmp_path, *request.param) as pair:
        yield pair


@pytest.fixture
def pair(unrelated: Pair) -> Pair:
    unrelated.must_apply()
    unrelated.story.clear()
    return unrelated


# ------------------------------------------------------------------------------------------ more than a pair

ROWS = [
    (Mode.PASSIVE_BACKUP, 1, ["passive-backup"]),
    (Mode.PASSIVE_BACKUP, 2, ["passive-backup", "backup"]),
    (Mode.PASSIVE_BACKUP, 4, ["passive-backup", "backup", "backup", "backup"]),
    (Mode.LOAD_BALANCING, 3, ["load-balancing", "load-balancing", "backup"]),
    (Mode.HOT_STANDBY, 4, ["hot-standby", "hot-standby", "backup", "backup"]),
]


@pytest.mark.parametrize("service", Service)
@pytest.mark.parametrize(("mode", "number", "states"), ROWS)
def test_any_number_of_servers_lives_the_same_life(
    tmp_path: Path, service: Service, mode: Mode, number: int, states: list[str]
) -> None:
    names = tuple(f"kea-{letter}" for letter in "abcd"[:number])
    with Life(tmp_path) as life:
        life.add_pair("hq", service, mode, servers=names, configurations={"kea-a": base(service)})
        life.documents[0]["parameters"] = dict(USUAL)
        life.write()
        for _ in range(2):
            ended = life.run("apply", "--yes")
            assert ended.exit_code == 0, ended
            assert life.run("plan", "--detailed-exitcode").exit_code == 0
            assert life.run("status").exit_code == 0
            assert [life.endpoint(name, service).ha.state for name in names] == states  # type: ignore[union-attr]
            configs = [life.endpoint(name, service).config for name in names]
            assert all(without_own(config) == without_own(configs[0]) for config in configs)
            life.change(names[-1], lambda config: config.update({"decline-probation-period": 4711}), service)
            life.change("kea-a", lambda config: config.update({"parked-packet-limit": 100}), service)
        assert life.violations == []


# --------------------------------------------------------------------------------------------- the story


def test_two_unrelated_servers_become_a_relationship(unrelated: Pair) -> None:
    assert unrelated.run("validate").exit_code == 0
    assert unrelated.report("status", 1)["status"] == "impaired"
    planned = unrelated.changes()
    assert {change["cause"] for server in planned.values() for change in server} == {"git"}
    unrelated.must_apply()
    status = unrelated.report("status", 0)
    assert (status["status"], status["authority"], status["reasons"]) == ("ok", "kea-a", [])
    assert [server["ha_state"] for server in status["servers"]] == [unrelated.mode] * 2
    own = {"kea-a": ["kea-a"], "kea-b": [] if unrelated.mode is Mode.HOT_STANDBY else ["kea-b"]}
    assert {server["server"]: server["scopes"] for server in status["servers"]} == own
    for name in ("kea-a", "kea-b"):
        endpoint = unrelated.endpoint(name, unrelated.service)
        assert endpoint.written == endpoint.config
        assert endpoint.serves == tuple(own[name])


def test_a_created_relationship_survives_a_restart_of_both(pair: Pair) -> None:
    for name in ("kea-a", "kea-b"):
        pair.endpoint(name, pair.service).restart()
    pair.let_pass(15)
    assert pair.changes(code=0) == {"kea-a": [], "kea-b": []}
    assert pair.report("status", 0)["status"] == "ok"


def test_servers_that_pause_on_their_way_back_are_let_go_on_by_an_apply(unrelated: Pair) -> None:
    """Be it a new relationship, a change of one that stands, or one that is undone."""
    pauses = [{"state": "waiting", "pause": "always"}, {"state": "ready", "pause": "once"}]
    unrelated.documents[0]["parameters"]["state-machine"] = {"states": pauses}
    unrelated.write()
    unrelated.must_apply()
    unrelated.documents[0]["parameters"]["max-unacked-clients"] = 5
    unrelated.write()
    unrelated.must_apply()
    unrelated.is_waived = True  # peers are renamed together: each is set while the other waits for it
    unrelated.documents[0]["peers"][0]["name"] = "one"
    unrelated.write()
    unrelated.must_apply()
    assert "ha-continue" in {command for _, command in unrelated.story}
    unrelated.let_pass(60)
    unrelated.documents[0]["peers"][0]["name"] = "two"
    unrelated.write()
    unrelated.world.servers["kea-a"].faults.add(Kind.FAILS, "config-set", times=1)
    ended = unrelated.run("apply", "--yes")
    assert ended.exit_code == 1, ended
    unrelated.documents[0]["peers"][0]["name"] = "one"
    unrelated.write()
    assert unrelated.changes(code=0) == {"kea-a": [], "kea-b": []}
    assert unrelated.report("status", 0)["status"] == "ok"


def test_nothing_to_do_sends_nothing(pair: Pair) -> None:
    for _ in range(3):
        assert pair.run("apply", "--yes", "--detailed-exitcode").exit_code == 0
    assert pair.writes() == []


def test_every_kind_of_object_drifts_on_either_side_and_is_put_right(pair: Pair) -> None:
    known = sorted(thing.path for thing in things(pair.service))

    def edit(config: Config, action: Action) -> None:
        for thing in things(pair.service):
            thing.edit(config, action)

    for mover, action in STEPS:
        before = copy.deepcopy(pair.config("kea-a"))
        pair.edit(mover, lambda config, action=action: edit(config, action))  # type: ignore[misc]
        drift = pair.changes(command="drift")
        assert drift == pair.changes()
        assert drift["kea-a"] == []
        assert sorted(change["path"] for change in drift["kea-b"]) == known
        cause = "primary" if mover == "kea-a" else "peer"
        assert {(change["cause"], *change["moved"]) for change in drift["kea-b"]} == {(cause, mover)}
        for thing in things(pair.service):
            told, fields = thing.told(action, undone=mover == "kea-b")
            (change,) = (each for each in drift["kea-b"] if each["path"] == thing.path)
            assert change["action"] == told
            assert fields is None or change["fields"] == named(fields, pair.release)
        pair.must_apply()
        assert (pair.config("kea-a") == before) is (mover == "kea-b")
        assert without_own(pair.config("kea-a")) == without_own(pair.config("kea-b"))


def named(fields: list[Config], release: Release) -> list[Config]:
    """The parameters of a change as a release has them: 3.0 has a list where others have one class."""
    if release < Release.KEA_3_0:
        return fields
    return [
        {key: "client-classes" if key == "name" else [value] for key, value in field.items()}
        if field["name"] == "client-class"
        else field
        for field in fields
    ]


OWN = ("control-socket", "control-sockets", "hooks-libraries", "server-id", "user-context")


def without_own(config: Config) -> Config:
    return {key: value for key, value in config.items() if key not in OWN}


# -------------------------------------------------------------------------------- what else can drift, and not


def block(config: Config) -> Config:
    entry = hooks.find(config, hooks.HA_LIBRARY)
    assert entry is not None
    found: Config = entry["parameters"]["high-availability"][0]
    return found


def set_delay(config: Config) -> None:
    block(config)["max-ack-delay"] = 1234


def set_unknown(config: Config) -> None:
    block(config)["peers"][0]["remark"] = "theirs"


def remove_lease_commands(config: Config) -> None:
    libraries = config["hooks-libraries"]
    config["hooks-libraries"] = [each for each in libraries if not each["library"].endswith("libdhcp_lease_cmds.so")]


def remove_relationship(config: Config) -> None:
    config["hooks-libraries"] = []


@pytest.mark.parametrize("name", ["kea-a", "kea-b"])
@pytest.mark.parametrize(
    ("edit", "path"),
    [
        (set_delay, [["relationship", "hq"]]),
        (remove_lease_commands, [["hook", "libdhcp_lease_cmds.so"]]),
        (remove_relationship, [["relationship", "hq"]]),
    ],
)
def test_the_relationship_itself_is_repaired_on_either_side(
    pair: Pair, name: str, edit: Callable[[Config], None], path: Any
) -> None:
    before = {each: copy.deepcopy(pair.config(each)) for each in ("kea-a", "kea-b")}
    pair.edit(name, edit)
    drift = pair.changes(command="drift")
    (change,) = drift[name]
    assert (change["path"], change["cause"], change["moved"]) == (path, "peer", [name])
    assert drift["kea-a" if name == "kea-b" else "kea-b"] == []
    pair.story.clear()
    pair.must_apply()
    written = {server for server, command in pair.writes() if command in {"config-set", "config-write"}}
    assert written <= ({name, "kea-b"} if edit is remove_relationship else {name})
    assert {each: uncounted(pair.config(each)) for each in before} == {
        each: uncounted(config) for each, config in before.items()
    }


def use_interface(config: Config) -> None:
    config["interfaces-config"] = {"interfaces": ["eth1"]}


def add_logger(config: Config) -> None:
    config["loggers"] = [{"name": "kea-dhcp4", "severity": "DEBUG", "output_options": [{"output": "stdout"}]}]


def reverse_subnets(config: Config) -> None:
    for key in ("subnet4", "subnet6"):
        if key in config:
            config[key] = config[key][::-1]


@pytest.mark.parametrize("edit", [use_interface, add_logger, set_unknown, reverse_subnets])
def test_what_belongs_to_a_server_or_means_nothing_is_no_drift(pair: Pair, edit: Callable[[Config], None]) -> None:
    pair.edit("kea-b", edit)
    assert pair.changes(code=0, command="drift") == {"kea-a": [], "kea-b": []}
    before = copy.deepcopy(pair.config("kea-b"))
    pair.edit("kea-a", lambda config: config.update({"valid-lifetime": 4711}))
    pair.must_apply()
    after = pair.config("kea-b")
    assert after["valid-lifetime"] == 4711
    kept = {"interfaces-config", "loggers", "hooks-libraries"}
    assert {key: after.get(key) for key in kept} == {key: before.get(key) for key in kept}


def test_a_change_in_git_is_carried_to_both(pair: Pair) -> None:
    pair.documents[0]["parameters"]["max-unacked-clients"] = 3
    pair.write()
    planned = pair.changes()
    assert {change["cause"] for changes in planned.values() for change in changes} == {"git"}
    assert pair.changes(code=0, command="drift") == {"kea-a": [], "kea-b": []}
    pair.story.clear()
    pair.must_apply()
    sets = [server for server, command in pair.writes() if command == "config-set"]
    assert sets == ["kea-b", "kea-a"], "the partner first, the primary last"
    assert [block(pair.config(name))["max-unacked-clients"] for name in ("kea-a", "kea-b")] == [3, 3]


def test_both_sides_moved(pair: Pair) -> None:
    pair.edit("kea-a", lambda config: config.update({"decline-probation-period": 1000, "parked-packet-limit": 100}))
    pair.edit(
        "kea-b", lambda config: config.update({"decline-probation-period": 2000, "reservations-lookup-first": True})
    )
    told = {change["path"][0][1]: (change["cause"], change["moved"]) for change in pair.changes()["kea-b"]}
    assert told == {
        "decline-probation-period": ("primary", ["kea-a", "kea-b"]),
        "parked-packet-limit": ("primary", ["kea-a"]),
        "reservations-lookup-first": ("peer", ["kea-b"]),
    }
    pair.must_apply()
    assert without_own(pair.config("kea-b")) == without_own(pair.config("kea-a"))
    assert pair.config("kea-a")["decline-probation-period"] == 1000


def test_with_the_primary_down_nothing_moves_and_it_goes_on_afterwards(pair: Pair) -> None:
    pair.edit("kea-b", lambda config: config.update({"valid-lifetime": 2000}))
    primary = pair.endpoint("kea-a", pair.service)
    primary.stop(killed=True)
    pair.let_pass(60)
    pair.story.clear()
    planned = pair.report("plan", 1)
    assert planned["authority"]["server"] == "kea-b"
    assert pair.report("status", 1)["status"] == "impaired"
    assert pair.run("apply", "--yes").exit_code == 1
    assert pair.writes() == []
    primary.start()
    pair.let_pass(60)
    pair.must_apply()
    assert pair.config("kea-b").get("valid-lifetime") == pair.config("kea-a").get("valid-lifetime") != 2000


def test_a_partition_stops_every_write(pair: Pair) -> None:
    pair.edit("kea-b", lambda config: config.update({"valid-lifetime": 2000}))
    pair.world.partition("kea-a", "kea-b")
    pair.let_pass(60)
    assert pair.run("apply", "--yes").exit_code == 3
    assert pair.writes() == []
    pair.world.heal("kea-a", "kea-b")
    pair.let_pass(60)
    pair.must_apply()


def test_a_lost_hook_on_the_authority_comes_back_although_its_data_have_moved(pair: Pair) -> None:
    """A failed config-set of a person's leaves a server without hooks and sockets, while its partner serves alone."""
    pair.edit("kea-a", lambda config: config.update({"decline-probation-period": 4711}))
    primary = pair.endpoint("kea-a", pair.service)
    fault = primary.faults.add(Kind.SET_FAILS)
    with pytest.raises(ValueError, match="injected failure"):
        primary.edit(lambda config: config.update({"parked-packet-limit": 100}))
    primary.faults.remove(fault)
    pair.let_pass(60)
    assert (primary.ha, primary.serves) == (None, ())
    pair.must_apply()
    assert pair.config("kea-b")["decline-probation-period"] == 4711


@pytest.mark.parametrize("name", ["kea-a", "kea-b"])
def test_a_lost_hook_comes_back(pair: Pair, name: str) -> None:
    endpoint = pair.endpoint(name, pair.service)
    fault = endpoint.faults.add(Kind.SET_FAILS)
    with pytest.raises(ValueError, match="injected failure"):
        endpoint.edit(lambda config: config.update({"parked-packet-limit": 100}))
    endpoint.faults.remove(fault)
    pair.let_pass(60)
    assert pair.report("status", 1)["status"] == "impaired"
    (change,) = pair.changes(command="drift")[name]
    assert (change["path"], change["moved"]) == ([["hook", "libdhcp_ha.so"]], [name])
    pair.must_apply()
    assert endpoint.has_sockets
