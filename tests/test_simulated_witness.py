"""What the authority's memory tells, in simulated time: it lived through the last replication, or was put back."""

from __future__ import annotations

import os
from contextlib import closing, contextmanager
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.kea.single_commands import LIBRARIES
from reconciler.kea.stamps import carrier
from reconciler.model import Mode, Service
from reconciler.simulator import Kind, Release
from reconciler.simulator.libraries import DIRECTORY
from reconciler.state.directory import default_directory
from reconciler.state.left import leftovers
from reconciler.state.runs import open_store
from tests.cli.life import USUAL, Life
from tests.cli.site import subnet
from tests.mortal import Mortal, killed_after
from tests.test_simulated_hubs import Hub

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from reconciler.simulator.endpoint import SimulatedEndpoint

S = Service.DHCP4
HOOKS = [{"library": f"{DIRECTORY}/{name}"} for name in LIBRARIES]
OLDER = "authority-older"


@pytest.fixture(params=[LIBRARIES, LIBRARIES[:2]], ids=["class", "reservation"])
def life(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Mortal]:
    """A pair with nothing to do, whose primary runs what it was started with, and by what its memory can be marked."""
    with pair(tmp_path, Release.KEA_3_0, request.param) as made:
        yield made


@contextmanager
def pair(folder: Path, release: Release, libraries: Sequence[str]) -> Iterator[Mortal]:
    with Mortal(folder, release) as made:
        hooks = [{"library": f"{DIRECTORY}/{name}"} for name in libraries]
        body = {"hooks-libraries": hooks, S.subnets: [subnet(S, number) for number in (1, 2, 3)]}
        made.add_pair("hq", S, Mode.HOT_STANDBY, configurations=dict.fromkeys(("kea-a", "kea-b"), body))
        made.documents[0]["parameters"] = dict(USUAL)
        made.write()
        assert made.run("apply", "--yes").exit_code == 0
        made.let_pass(30)
        restart(made)
        must_be_done(made)
        made.story.clear()
        yield made


def must_be_done(life: Life) -> None:
    assert [life.run(command, "--detailed-exitcode").exit_code for command in ("plan", "drift")] == [0, 0]


def restart(life: Life) -> None:
    """Start the primary anew with its file."""
    life.endpoint("kea-a", S).restart()
    life.let_pass(60)


def add(life: Life, number: int) -> None:
    reply = life.endpoint("kea-a", S).command("subnet4-add", {S.subnets: [subnet(S, number)]})
    assert reply["result"] == 0, reply


def take(life: Life, number: int) -> None:
    assert life.endpoint("kea-a", S).command("subnet4-del", {"id": number})["result"] == 0


def follow(life: Life) -> None:
    """Replicate, by commands."""
    told = life.run("apply", "--yes")
    assert told.exit_code == 0, told
    assert "config-set" not in [command for _, command in life.story]
    must_be_done(life)


def objections(life: Life) -> list[str]:
    (told,) = life.run("plan", "--format", "json").json["relationships"]
    return [each["code"] for each in told["objections"]]


def everywhere(life: Life, folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The objections of this host, and of one that remembers nothing."""
    own = objections(life)
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("XDG_STATE_HOME", str(folder / "another-host"))
        return [own, objections(life)]


def marks(endpoint: SimulatedEndpoint) -> list[Any]:
    """What the server witnessed, in its memory."""
    carrying = [*endpoint.config.get("client-classes", []), *endpoint.config.get("reservations", [])]
    told = [each["user-context"]["kea-reconciler"] for each in carrying if "user-context" in each]
    return [each for found in told for each in found if "witnessed" in each]


def marking(life: Life, verb: str) -> str:
    """The command that marks the primary."""
    can_class = any(
        each["library"].endswith(LIBRARIES[2]) for each in life.endpoint("kea-a", S).config["hooks-libraries"]
    )
    return f"{'class' if can_class else 'reservation'}-{verb}"


def sent(life: Life, server: str) -> list[str]:
    reads = ("status-", "config-get", "config-hash", "list-", "version-", "build-", "ha-heartbeat", "statistic-")
    return [command for name, command in life.story if name == server and not command.startswith(reads)]


def test_what_commands_undo_on_the_primary_is_nothing_older_for_any_host(
    life: Life, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kea counts them as no commit: kea-a seems to have what it was started with."""
    add(life, 7)
    follow(life)
    assert sent(life, "kea-a") == [marking(life, "add")]
    assert len(marks(life.endpoint("kea-a", S))) == 1
    take(life, 7)
    assert everywhere(life, tmp_path, monkeypatch) == [[], []]
    follow(life)
    assert sent(life, "kea-a") == [marking(life, "add"), marking(life, "update")]
    add(life, 7)  # and there and back
    follow(life)
    life.story.clear()
    assert life.run("apply", "--yes").exit_code == 0
    assert sent(life, "kea-a") == sent(life, "kea-b") == []
    assert carrier(life.endpoint("kea-a", S).written or {}) is None


def test_one_that_was_started_with_its_old_file_is_held(
    life: Life, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(life, 7)
    follow(life)
    restart(life)
    assert marks(life.endpoint("kea-a", S)) == []
    assert everywhere(life, tmp_path, monkeypatch) == [[OLDER], [OLDER]]


def test_a_virtual_machine_that_is_put_back_with_its_memory_is_held(
    life: Life, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    primary = life.endpoint("kea-a", S)
    add(life, 7)
    follow(life)
    memory = deepcopy(primary.config)
    add(life, 8)
    follow(life)
    primary.change(memory)
    assert everywhere(life, tmp_path, monkeypatch) == [[OLDER], [OLDER]]
    assert life.run("apply", "--yes", "--approve", OLDER).exit_code == 0  # the older is meant
    add(life, 8)
    follow(life)
    take(life, 8)
    assert everywhere(life, tmp_path, monkeypatch) == [[], []]


def test_so_is_one_that_was_set_since_its_start_and_never_what_a_person_sets(
    life: Life, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As long as no commit can have brought the mark."""
    primary = life.endpoint("kea-a", S)
    life.change("kea-a", lambda config: config[S.subnets][0].update({"renew-timer": 77}))
    life.let_pass(60)
    assert life.run("apply", "--yes").exit_code == 0
    assert len(marks(primary)) == 1
    memory = deepcopy(primary.config)
    add(life, 8)
    assert life.run("apply", "--yes").exit_code == 0
    life.let_pass(60)
    primary.change(memory)
    assert everywhere(life, tmp_path, monkeypatch) == [[OLDER], [OLDER]]
    (told,) = life.run("plan", "--format", "json").json["relationships"]
    assert (
        "put back, with its memory, to what it had before the last replication to kea-b"
        in told["objections"][0]["message"]
    )
    assert primary.command("config-set", {S.root: memory})["result"] == 0
    life.let_pass(60)
    assert everywhere(life, tmp_path, monkeypatch) == [[], []]
    assert life.run("apply", "--yes").exit_code == 0
    must_be_done(life)


def test_a_run_that_is_killed_before_it_marks_holds_no_change_after_it(life: Mortal) -> None:
    life.change("kea-a", lambda config: config[S.subnets][0].update({"renew-timer": 77}))
    life.let_pass(60)
    assert life.run("apply", "--yes").exit_code == 0
    add(life, 8)
    killed_after(life, "kea-b", "config-write")
    assert objections(life) == []
    take(life, 1)
    assert objections(life) == []
    assert life.run("apply", "--yes").exit_code == 0
    must_be_done(life)


def test_a_mark_that_a_person_had_written_to_the_disk_says_as_much_as_the_data_beside_it(
    life: Life, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    primary = life.endpoint("kea-a", S)
    add(life, 7)
    follow(life)
    take(life, 7)
    assert primary.command("config-write")["result"] == 0
    restart(life)
    assert everywhere(life, tmp_path, monkeypatch) == [[], []]  # it is what came last
    follow(life)
    add(life, 8)
    follow(life)
    restart(life)
    assert everywhere(life, tmp_path, monkeypatch) == [[OLDER], [OLDER]]


@pytest.mark.parametrize("kind", [Kind.FAILS, Kind.CUT, Kind.RESET])
def test_a_mark_that_can_not_be_made_costs_a_question(life: Life, kind: Kind) -> None:
    faults = life.endpoint("kea-a", S).faults if kind is Kind.FAILS else life["kea-a"].faults
    faults.add(kind, marking(life, "add"), times=1)
    add(life, 7)
    told = life.run("apply", "--yes", "--format", "json")
    assert told.exit_code == 0, told
    found = {each["server"]: each for each in told.json["relationships"][0]["servers"]}
    assert {name: each["result"] for name, each in found.items()} == {"kea-a": "nothing-to-do", "kea-b": "applied"}
    assert found["kea-a"]["reason"].startswith("as desired, but not marked: ")
    must_be_done(life)
    assert life.run("plan").stderr == ""  # and nothing is to be put right
    take(life, 7)
    assert objections(life) == ([] if marks(life.endpoint("kea-a", S)) else [OLDER])


class _AfterTheWrite(dict[int, Any]):
    """Events that happen as soon as the follower's disk is written."""

    def __init__(self, life: Life, event: Callable[[], object]) -> None:
        super().__init__()
        self._life, self._event = life, event

    def pop(self, _: int, default: Any = None) -> Any:
        is_now = bool(self._life.story) and self._life.story[-1] == ("kea-b", "config-write")
        return self._event if is_now else default


def test_one_that_was_started_anew_meanwhile_with_its_old_file_is_not_marked(life: Life) -> None:
    add(life, 7)
    primary = life.endpoint("kea-a", S)
    life.events = _AfterTheWrite(life, primary.restart)
    told = life.run("apply", "--yes")
    assert told.exit_code == 0, told
    assert "as desired, but not marked: its configuration changed since the plan was made" in told.stdout
    assert sent(life, "kea-a") == []
    life.let_pass(60)
    assert objections(life) == [OLDER]


def test_a_run_that_is_killed_at_the_mark_leaves_nothing_to_be_done(life: Mortal) -> None:
    add(life, 7)
    killed_after(life, "kea-a", marking(life, "add"))
    must_be_done(life)
    take(life, 7)
    assert objections(life) == []
    told = life.run("apply", "--yes", "--format", "json")
    results = {each["server"]: each["result"] for each in told.json["relationships"][0]["servers"]}
    assert results == {"kea-a": "nothing-to-do", "kea-b": "applied"}
    assert carrier(life.endpoint("kea-a", S).written or {}) is None


def test_a_mark_leaves_nothing_open(life: Mortal) -> None:
    add(life, 7)
    follow(life)
    with closing(open_store(default_directory(os.environ))) as store:
        assert leftovers(store.database, store.directory) == ()


def test_a_run_that_is_killed_while_data_are_on_their_way_makes_the_primary_no_older(
    life: Mortal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(life, 7)
    follow(life)
    take(life, 7)
    killed_after(life, "kea-b", marking(life, "update"))  # before the first command for data
    assert everywhere(life, tmp_path, monkeypatch) == [[], []]
    follow(life)


@pytest.mark.parametrize("release", Release)
def test_without_commands_that_mark_anything_an_old_file_is_held_and_what_a_person_sets_is_not(
    release: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pair(tmp_path, release, ()) as life:
        before = deepcopy(life.endpoint("kea-a", S).config)
        life.change("kea-a", lambda config: config[S.subnets].pop())
        assert life.run("apply", "--yes").exit_code == 0
        life.let_pass(60)
        life.change("kea-a", lambda config: config.update({S.subnets: before[S.subnets]}))
        assert everywhere(life, tmp_path, monkeypatch) == [[], []]
        assert life.run("apply", "--yes").exit_code == 0
        life.let_pass(60)
        life.change("kea-a", lambda config: config[S.subnets].pop())
        assert life.run("apply", "--yes").exit_code == 0
        restart(life)
        assert everywhere(life, tmp_path, monkeypatch) == [[OLDER], [OLDER]]


def test_where_no_command_renews_a_stamp_each_host_asks_before_something_is_taken_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pair(tmp_path, Release.KEA_3_0, LIBRARIES[:1]) as life:
        add(life, 7)
        follow(life)
        assert sent(life, "kea-a") == []
        take(life, 7)
        assert everywhere(life, tmp_path, monkeypatch) == [[OLDER], [OLDER]]
        assert life.run("apply", "--yes", "--approve", OLDER).exit_code == 0
        must_be_done(life)


def test_the_plan_tells_of_the_mark(life: Life) -> None:
    add(life, 7)
    (told,) = life.run("plan", "--format", "json").json["relationships"]
    last = told["steps"][-1][-1]
    assert (last["deed"], last["server"], last["final"]) == ("mark that it saw this replicated", "kea-a", True)
    assert last["before"] == ["kea-b has the planned configuration"]


def test_a_hub_is_marked_for_each_of_its_relationships(tmp_path: Path) -> None:
    """The mark for one is no reason to leave the next undone, which was planned from the hub as it was before."""
    with Hub(tmp_path, "primary") as life:
        for name in ("hub", "east", "west"):
            endpoint = life.endpoint(name)
            libraries = [*HOOKS, *endpoint.config["hooks-libraries"]]
            endpoint.restart({**endpoint.config, "hooks-libraries": libraries})
            life.let_pass(60)
        assert life.run("plan", "--detailed-exitcode").exit_code == 0
        hub = life.endpoint("hub")
        for number, name in ((2, "east"), (12, "west")):
            tagged = subnet(S, number, user_context={"ha-server-name": f"hub-{name}"})
            assert hub.command("subnet4-add", {S.subnets: [tagged]})["result"] == 0
        told = life.run("apply", "--yes")
        assert told.exit_code == 0, told
        assert sorted(each["relationship"] for each in marks(hub)) == ["east", "west"]
        assert life.run("plan", "--detailed-exitcode").exit_code == 0
        for number in (2, 12):
            assert hub.command("subnet4-del", {"id": number})["result"] == 0
        assert life.run("apply", "--yes").exit_code == 0
        assert life.run("plan", "--detailed-exitcode").exit_code == 0
