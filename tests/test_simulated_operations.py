"""Operations and comparisons from the command line, on simulated servers in simulated time: what is asked, sent, said
and answered when something goes wrong. The same on real Kea is in tests/kea/test_operations.py and test_leases.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest

from reconciler.model import Mode, Service
from reconciler.running import leases as paging
from reconciler.simulator import Kind
from tests.cli.life import USUAL, Life
from tests.reports.schemas import LEASES, OPERATION

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cli.site import Run

ACTING = frozenset({"ha-maintenance-start", "ha-maintenance-cancel", "ha-continue", "ha-reset", "ha-sync"})
NAMES = ("kea-a", "kea-b")


class Pair(Life):
    """kea-a and kea-b, normal; what is sent from then on is in `story`."""

    def __init__(self, folder: Path, mode: Mode = Mode.HOT_STANDBY, service: Service = Service.DHCP4) -> None:
        super().__init__(folder)
        self.mode, self.service = mode, service

    def __enter__(self) -> Pair:
        super().__enter__()
        self.add_pair("hq", self.service, self.mode)
        self.documents[0]["parameters"] = dict(USUAL)
        self.write()
        self.made()
        self.let_pass(5)
        self.story.clear()
        return self

    def must(self, *words: str, result: str = "done", code: int = 0) -> Any:
        """Do an operation without a question; its report."""
        ended = self.operate(*words, "--yes", "--format", "json")
        assert (ended.exit_code, ended.json["result"]) == (code, result), ended
        OPERATION.validate(ended.json)
        return ended.json

    def operate(self, command: str, *words: str) -> Run:
        return self.run(command, *words)

    def compared(self, code: int = 0) -> Any:
        ended = self.run("leases", "compare", "hq", "--format", "json", "--detailed-exitcode")
        assert ended.exit_code == code, ended
        LEASES.validate(ended.json)
        return ended.json

    def acted(self) -> list[tuple[str, str]]:
        return [(server, command) for server, command in self.story if command in ACTING]

    def states(self) -> tuple[str, ...]:
        halves = [self.endpoint(name, self.service).ha for name in NAMES]
        return tuple(half.state if half else "" for half in halves)

    def lease(self, name: str, number: int, **parts: Any) -> dict[str, Any]:
        """Give a server a lease; what it is."""
        made = {
            "ip-address": f"10.0.1.{number}",
            "hw-address": f"aa:bb:cc:00:00:{number:02x}",
            "subnet-id": 1,
            "valid-lft": 4000,
            "cltt": int(self.world.clock.wall()),
            "state": 0,
            **{key.replace("_", "-"): value for key, value in parts.items()},
        }
        self.endpoint(name, self.service).leases.put(made)
        return made


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    with Pair(tmp_path) as made:
        yield made


# ------------------------------------------------------------------------------------------- operations


@pytest.mark.parametrize("mode", [Mode.HOT_STANDBY, Mode.LOAD_BALANCING])
def test_maintenance_there_and_back(tmp_path: Path, mode: Mode) -> None:
    with Pair(tmp_path, mode) as pair:
        pair.must("maintenance", "start", "kea-b")
        assert pair.states() == ("partner-in-maintenance", "in-maintenance")
        pair.must("maintenance", "stop", "kea-b")
        assert pair.states() == (mode, mode)
        assert pair.acted() == [("kea-a", "ha-maintenance-start"), ("kea-a", "ha-maintenance-cancel")]


def test_a_partition_is_noticed_before_kea_itself_calls_it_one(pair: Pair) -> None:
    pair.world.partition(*NAMES)
    report = pair.must("maintenance", "start", "kea-a", result="refused", code=3)
    assert [each["code"] for each in report["refusals"]] == ["out-of-touch"]
    assert (pair.acted(), pair.states()) == ([], ("hot-standby", "hot-standby"))


def test_a_partition_at_the_last_moment_is_said_to_be_split_brain(pair: Pair) -> None:
    """After the last look and before the command: nothing can be done about it, but it is told as what it is."""
    original = pair.begins

    def begins(endpoint: Any, command: str) -> None:
        if command == "ha-maintenance-start":
            pair.world.partition(*NAMES)
        original(endpoint, command)

    pair.begins = begins  # type: ignore[method-assign]
    report = pair.must("maintenance", "start", "kea-b", result="failed", code=1)
    assert pair.states() == ("partner-down", "hot-standby")
    assert "if it serves, both do now" in report["reasons"][-1]


@pytest.mark.parametrize(("kind", "result"), [(Kind.CUT, "done"), (Kind.RESET, "failed")])
def test_a_lost_answer_is_resolved_by_the_states(pair: Pair, kind: Kind, result: str) -> None:
    pair["kea-a"].faults.add(kind, "ha-maintenance-start", times=1)
    report = pair.must("maintenance", "start", "kea-b", result=result, code=int(result == "failed"))
    assert "the answer was lost" in report["reasons"][0]
    assert report["commands"][0]["result"] is None
    assert pair.acted() == [("kea-a", "ha-maintenance-start")], "it is not repeated"


def test_a_sync_whose_answer_is_lost_is_resolved_by_the_leases(pair: Pair) -> None:
    """Whether it was carried out is asked of the leases: here it was not, and then there is none to fetch."""
    lease = pair.lease("kea-a", 20)
    pair["kea-b"].faults.add(Kind.RESET, "ha-sync", times=2)
    report = pair.must("sync", "kea-b", result="failed", code=1)
    assert "1 leases of kea-a are missing" in report["reasons"][0]
    pair.endpoint("kea-b").leases.put(lease)
    report = pair.must("sync", "kea-b")
    assert "every lease of kea-a is there" in report["reasons"][0]


def test_a_reset_whose_answer_is_lost_can_not_be_told_from_none(pair: Pair) -> None:
    pair["kea-b"].faults.add(Kind.RESET, "ha-reset", times=1)
    report = pair.must("reset", "kea-b", result="failed", code=1)
    assert "don't tell whether it was carried out" in report["reasons"][0]


def test_what_kea_refuses_is_said_in_its_words(pair: Pair) -> None:
    pair["kea-b"].faults.add(Kind.FAILS, "ha-sync", text="no way", times=1)
    report = pair.must("sync", "kea-b", result="failed", code=1)
    assert report["reasons"] == ["kea-b refused ha-sync: no way"]
    assert report["commands"] == [{"server": "kea-b", "command": "ha-sync", "result": 1, "text": "no way"}]


def test_a_world_that_changed_while_a_person_thought_is_looked_at_again(pair: Pair) -> None:
    """What is decided before the question is decided anew after it."""
    heard = pair.begins
    looks = 0

    def begins(endpoint: Any, command: str) -> None:
        nonlocal looks
        looks += command == "status-get"
        if looks == 3:  # the first look has been at both
            pair.endpoint("kea-b").ha.go("waiting")  # type: ignore[union-attr]
        heard(endpoint, command)

    pair.begins = begins  # type: ignore[method-assign]
    report = pair.must("maintenance", "start", "kea-b", result="refused", code=3)
    assert [each["code"] for each in report["refusals"]] == ["state"]
    assert pair.acted() == []


def test_why_it_is_refused_stands_in_every_form(pair: Pair, tmp_path: Path) -> None:
    pair.must("maintenance", "start", "kea-b")
    comment = tmp_path / "comment.md"
    ended = pair.operate("reset", "kea-a", "--yes", "--format", "github", "--format", f"markdown={comment}")
    told = "refused: state (kea-a): kea-a is in state partner-in-maintenance"
    assert (ended.exit_code, told in comment.read_text()) == (3, True)
    assert ended.stdout.startswith(f"::error title=reset::{told}%0A    end it with")


def test_without_a_terminal_nothing_is_done_without_yes(pair: Pair) -> None:
    ended = pair.operate("maintenance", "start", "kea-b")
    assert (ended.exit_code, pair.acted()) == (64, [])
    assert "give --yes to go on without a question" in ended.stderr
    assert "kea-a gets kea-b to stop" in ended.stdout, "what would be done is shown"


def test_the_server_has_to_be_one_of_a_relationship(pair: Pair) -> None:
    ended = pair.operate("reset", "kea-c")
    assert (ended.exit_code, pair.story) == (64, [])
    assert "there are: kea-a, kea-b" in ended.stderr
    ended = pair.operate("sync", "kea-a", "--from", "kea-c", "--yes")
    assert ended.exit_code == 64
    assert "the others in hq are kea-b" in ended.stderr


def test_of_several_relationships_one_has_to_be_named(tmp_path: Path) -> None:
    with Pair(tmp_path) as pair:
        for server in NAMES:
            pair.inventory[server]["dhcp6"] = {"control": pair[server].control}
        document = {**pair.documents[0], "name": "hq6", "service": "dhcp6"}
        pair.documents.append(document)
        pair.write()
        ended = pair.operate("maintenance", "start", "kea-b", "--yes")
        assert ended.exit_code == 64
        assert "hq (dhcp4), hq6 (dhcp6); choose with --relationship or --service" in ended.stderr
        pair.must("maintenance", "start", "kea-b", "--service", "dhcp4")
        pair.must("maintenance", "stop", "kea-b", "--relationship", "hq")


def test_an_unreachable_server_is_an_error_and_not_an_objection(pair: Pair) -> None:
    pair.endpoint("kea-b").stop()
    report = pair.must("maintenance", "start", "kea-a", result="refused", code=1)
    assert report["refusals"][0]["code"] == "unreachable"
    assert report["before"][1]["reason"]
    text = pair.operate("maintenance", "start", "kea-a", "--yes")
    assert text.exit_code == 1
    assert "Refused; nothing was sent." in text.stdout
    assert text.stdout.count("the service behind it does not run") == 1


@pytest.mark.parametrize("words", [("maintenance", "start"), ("maintenance", "stop"), ("reset",)], ids=" ".join)
def test_every_server_that_can_not_be_reached_is_named_at_once(pair: Pair, words: tuple[str, ...]) -> None:
    for name in NAMES:
        pair.endpoint(name).stop()
    text = pair.operate(*words, "kea-b", "--yes")
    assert text.exit_code == 1
    assert all(text.stdout.count(f"{name} can't be reached: ") == 1 for name in NAMES)


# ----------------------------------------------------------------------------------------------- leases


def test_equal_and_different_leases(pair: Pair) -> None:
    for number in range(20, 40):
        for name in NAMES:
            pair.lease(name, number)
    assert [each["leases"] for each in pair.compared()["servers"]] == [20, 20]
    pair.lease("kea-a", 50)
    pair.lease("kea-b", 51, hw_address="aa")
    pair.lease("kea-a", 51, hw_address="bb")
    pair.lease("kea-a", 52, state=2)
    pair.lease("kea-b", 53, cltt=1)
    report = pair.compared(code=2)
    found = [(each["kind"], each["address"]) for each in report["differences"]]
    assert found == [("two-clients", "10.0.1.51"), ("missing", "10.0.1.50")]


@pytest.mark.parametrize("page", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize("one_by_one", [0, 1000])
def test_the_size_of_a_page_changes_nothing(
    pair: Pair, page: int, one_by_one: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "PAGE", page)
    monkeypatch.setattr(paging, "ONE_BY_ONE", one_by_one)
    for number in range(20, 40):
        pair.lease("kea-a", number)
        if number % 3:
            pair.lease("kea-b", number)
    pair.lease("kea-b", 99)
    expected = [f"10.0.1.{number}" for number in [*range(21, 40, 3), 99]]
    report = pair.compared(code=2)
    assert [each["address"] for each in report["differences"]] == expected
    assert [each["leases"] for each in report["servers"]] == [20, 14]


def test_equal_databases_are_not_held_in_memory(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """What agrees is let go at once: what waits for the other server is about a page."""
    monkeypatch.setattr(paging, "PAGE", 10)
    for number in range(200):
        for name in NAMES:
            pair.lease(name, number)
    most = 0
    note = paging._note

    def noted(waiting: dict[Any, Any], *rest: Any) -> None:
        nonlocal most
        note(waiting, *rest)
        most = max(most, len(waiting))

    monkeypatch.setattr(paging, "_note", noted)
    assert pair.compared()["differences"] == []
    assert 0 < most <= 10


def test_pages_that_go_in_a_circle_are_an_error(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "PAGE", 1)
    one = pair.lease("kea-a", 20)
    answer = orjson.dumps([{"result": 0, "text": "1", "arguments": {"count": 1, "leases": [one]}}])
    pair["kea-a"].faults.add(Kind.OTHER_ANSWER, "lease4-get-page", answer=answer)
    report = pair.compared(code=1)
    assert "go in a circle" in report["servers"][0]["reason"]
    assert report["servers"][1]["reason"] == ""


@pytest.mark.parametrize("answer", [b'[{"result": 0, "text": "x", "arguments": {"leases": [{"x": 1}]}}]', b"[]"])
def test_what_is_no_page_of_leases_is_an_error(pair: Pair, answer: bytes) -> None:
    pair["kea-b"].faults.add(Kind.OTHER_ANSWER, "lease4-get-page", answer=answer)
    report = pair.compared(code=1)
    assert (report["complete"], report["differences"]) == (False, [])
    assert report["servers"][1]["reason"]


def test_a_server_that_can_not_be_read_ends_the_comparison(pair: Pair) -> None:
    pair.endpoint("kea-b").stop()
    report = pair.compared(code=1)
    assert report["servers"][1]["reason"]
    assert "Not compared: not every server's leases could be read." in pair.run("leases", "compare", "hq").stdout
