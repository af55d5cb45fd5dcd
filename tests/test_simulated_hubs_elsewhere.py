"""A hub on simulated servers is set: who answers the clients that it serves in its other relationship."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from reconciler.model import Service
from reconciler.running import apply
from reconciler.simulator import Kind
from tests.mortal import Mortal
from tests.test_simulated_hubs import Hub

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from reconciler.model import Endpoint

DHCP4 = Service.DHCP4
WEST = "10.0.11.0/24"


class Watched(Hub):
    """A hub that is the primary of both; `unserved` are the commands before which nobody answers west's clients."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, "primary")
        self.unserved: list[tuple[str, str]] = []

    @property
    def own_scopes(self) -> bool:
        """Whether each server serves its own, and no more."""
        own = [[{"hub-east"}, {"hub-west"}], [set()], [set()]]
        found = [[set(half.scopes) for half in self.endpoint(name).relationships] for name in ("hub", "east", "west")]
        return found == own

    def begins(self, endpoint: Endpoint, command: str) -> None:
        if self.world.serving(WEST, DHCP4).is_nobody:
            self.unserved.append((endpoint.server, command))
        super().begins(endpoint, command)

    def slower(self) -> None:
        """Another timer for east, once all has settled."""
        self.settle()
        self.documents[0]["parameters"]["max-ack-delay"] = 3000
        self.write()

    def settle(self) -> None:
        """Wait, and forget what was seen."""
        self.let_pass(30)
        self.story.clear()
        self.unserved.clear()

    def reset(self) -> Any:
        """Let the hub begin anew in east; the report."""
        return self.run("reset", "hub", "--relationship", "east", "--yes", "--format", "json").json

    def handed_over(self) -> list[tuple[str, str]]:
        return [each for each in self.story if each[1] in {"ha-scopes", "config-set"} and each[0] != "east"]


HANDED_OVER = [
    ("hub", "ha-scopes"),
    ("west", "ha-scopes"),
    ("hub", "ha-scopes"),  # east's
    ("hub", "config-set"),
    ("west", "ha-scopes"),
]


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    with Watched(tmp_path) as life:
        yield life


@pytest.mark.parametrize("selection", [(), ("--relationship", "east")], ids=["all", "east alone"])
def test_the_clients_of_another_relationship_are_answered_while_the_hub_is_set(
    watched: Watched, selection: tuple[str, ...]
) -> None:
    watched.slower()
    planned = watched.run("plan", *selection)
    assert "west answers the clients of west meanwhile (ha-scopes on hub and west)" in planned.stdout
    report = watched.run("plan", "--format", "json", *selection).json["relationships"][0]
    assert report["elsewhere"] == [{"relationship": "west", "server": "hub", "partner": "west"}]
    about = [(each["deed"], each["server"]) for part in report["steps"] for each in part if "elsewhere" in each]
    assert about[1:3] == [("ha-scopes: nobody's", "hub"), ("ha-scopes: everybody's", "west")]
    done = watched.run("apply", "--yes", *selection)
    assert done.exit_code == 0, done
    assert watched.handed_over() == HANDED_OVER
    assert set(watched.unserved) == {("west", "ha-scopes")}  # between the two commands that hand them over
    assert watched.endpoint("west").serves == ()
    told = watched.run_line("history", "list", "--format", "json").json["entries"]
    assert "west" in watched.run_line("history", "show", str(told[0]["id"])).stdout


def test_what_is_shown_and_saved_of_a_hub_is_what_is_applied(watched: Watched) -> None:
    watched.slower()
    plan = str(watched.folder / "plan.json")
    assert watched.run("plan", "--out", plan).exit_code == 0
    shown = watched.run_line("show", plan, "--format", "json").json["relationships"][0]
    assert shown["elsewhere"] == [{"relationship": "west", "server": "hub", "partner": "west"}]
    assert watched.run("apply", plan, "--yes").exit_code == 0
    assert watched.handed_over() == HANDED_OVER


def test_a_plan_file_without_what_another_server_is_asked_for_is_not_carried_out(watched: Watched) -> None:
    """Nothing is sent to it that was not shown."""
    watched.slower()
    watched.endpoint("west").command("dhcp-disable")
    plan = str(watched.folder / "plan.json")
    assert watched.run("plan", "--out", plan).exit_code == 0
    watched.endpoint("west").command("dhcp-enable")
    watched.story.clear()
    refused = watched.run("apply", plan, "--yes")
    assert refused.exit_code == 4, refused
    assert "who answers the clients of other relationships" in refused.stdout + refused.stderr
    assert watched.handed_over() == []


def test_the_plan_says_why_the_clients_of_another_relationship_wait(watched: Watched) -> None:
    watched.slower()
    watched.endpoint("west").command("dhcp-disable")
    said = "while hub is set, nobody answers the clients that it serves in the relationship"
    assert f"{said} west: west has its DHCP service switched off" in watched.run("plan").stdout
    watched.endpoint("west").command("dhcp-enable")
    (watched.desired / "relationships" / "west.yaml").rename(watched.folder / "west.yaml")
    alone = watched.run("plan", "--relationship", "east")
    assert f"{said} of hub-west and west: no file describes it" in alone.stdout
    done = watched.run("apply", "--yes", "--relationship", "east")
    assert done.exit_code == 0, done
    assert ("west", "ha-scopes") not in watched.story
    (watched.folder / "west.yaml").rename(watched.desired / "relationships" / "west.yaml")
    watched.endpoint("west").stop()
    watched.documents[0]["parameters"]["max-ack-delay"] = 4000
    watched.write()
    planned = watched.run("plan", "--relationship", "east")
    assert f"{said} west: its partner there could not be read" in planned.stdout


def test_a_partner_that_is_not_well_any_more_stops_it_before_anything_is_touched(watched: Watched) -> None:
    watched.slower()
    fault = watched.endpoint("west").faults.add(Kind.FAILS, "ha-scopes", times=1)
    failed = watched.run("apply", "--yes")
    watched.endpoint("west").faults.remove(fault)
    assert failed.exit_code == 6, failed
    assert "its clients in west can't be handed over to west: ha-scopes" in failed.stdout
    assert ("hub", "config-set") not in watched.story
    assert [set(half.scopes) for half in watched.endpoint("hub").relationships] == [{"hub-east"}, {"hub-west"}]
    watched.let_pass(5)
    assert watched.run("apply", "--yes").exit_code == 0
    assert watched.run("status").exit_code == 0


def test_a_partner_that_was_switched_off_after_the_plan_is_handed_no_clients(watched: Watched) -> None:
    watched.slower()
    watched.run("plan")
    reads = len(watched.story)
    watched.story.clear()
    watched.events = {reads: lambda: watched.endpoint("west").command("dhcp-disable")}
    done = watched.run("apply", "--yes", "--format", "json")
    told = {each["server"]: each for each in done.json["relationships"][0]["servers"]}
    assert told["hub"]["result"] == "world-changed", told
    assert "west, which is to answer its clients in west, was switched off" in told["hub"]["reason"]
    assert watched.handed_over() == []
    assert watched.unserved == []


@pytest.mark.parametrize("is_for_good", [False, True])
def test_what_was_shown_is_not_left_out_where_it_is_not_possible_at_the_moment(
    watched: Watched, monkeypatch: pytest.MonkeyPatch, *, is_for_good: bool
) -> None:
    """East and west are changed in one apply, and east's pair misses a heartbeat as west's turn comes."""
    watched.slower()
    watched.documents[1]["parameters"]["max-ack-delay"] = 3000
    watched.write()
    planned_again = apply._planned_again

    async def spoilt(*arguments: Any) -> Any:
        (half,) = watched.world.servers["east"].endpoints[DHCP4].relationships
        half.partner.state = "waiting"
        if is_for_good:
            watched.world.partition("east", "hub")
        return await planned_again(*arguments)

    monkeypatch.setattr(apply, "_planned_again", spoilt)
    done = watched.run("apply", "--yes")
    if is_for_good:
        assert done.exit_code == 6, done
        assert [each for each in watched.story if each == ("hub", "config-set")] == [("hub", "config-set")]
    else:
        assert done.exit_code == 0, done
        first, last = [at for at, each in enumerate(watched.story) if each == ("hub", "config-set")]
        asked = [each for each in watched.story[first:last] if each == ("east", "ha-scopes")]
        assert len(asked) == 2, watched.story  # it gives back what it had for its own turn, and takes over for west's


def test_its_partner_answers_while_a_hub_gets_back_what_it_had(watched: Watched) -> None:
    """A set that went wrong half way has unloaded the hub's hooks in both relationships."""
    watched.slower()
    before = watched.endpoint("hub").config
    fault = watched.endpoint("hub").faults.add(Kind.SET_FAILS, "config-set", times=1)
    failed = watched.run("apply", "--yes")
    watched.endpoint("hub").faults.remove(fault)
    assert "it has its old configuration again" in failed.stdout, failed
    assert watched.endpoint("hub").config == before
    assert set(watched.unserved) == {("west", "ha-scopes")}
    watched.let_pass(5)
    assert watched.run("status").exit_code == 0


def test_what_a_killed_run_left_in_another_relationship_is_put_right_with_the_one_that_is_asked_for(
    watched: Watched,
) -> None:
    watched.let_pass(30)
    watched.endpoint("west").command("ha-scopes", {"scopes": ["hub-west"]})
    assert "west would be put right: it serves hub-west" in watched.run("plan", "--relationship", "east").stdout
    done = watched.run("apply", "--yes", "--relationship", "east")
    assert done.exit_code == 0, done
    assert watched.endpoint("west").serves == ()
    assert watched.run("plan", "--detailed-exitcode").exit_code == 0


BEGAN_ANEW = [
    ("hub", "ha-scopes"),
    ("west", "ha-scopes"),
    ("hub", "ha-scopes"),  # east's
    ("east", "ha-scopes"),
    ("hub", "ha-reset"),
    ("east", "ha-scopes"),
    ("hub", "ha-scopes"),
    ("west", "ha-scopes"),
    ("hub", "ha-scopes"),  # west's
]


def test_the_clients_of_another_relationship_are_answered_while_the_hub_begins_anew(watched: Watched) -> None:
    watched.settle()
    report = watched.reset()
    assert report["result"] == "done", report
    assert any("west answers the clients of hub in west until it is normal again" in each for each in report["notes"])
    assert [each for each in watched.story if each[1] in {"ha-scopes", "ha-reset"}] == BEGAN_ANEW
    handing_over = [("west", "ha-scopes"), ("west", "status-get"), ("hub", "ha-scopes")]  # to it, a look, and from it
    assert watched.unserved == handing_over
    assert watched.own_scopes
    watched.let_pass(5)
    assert watched.run("plan", "--detailed-exitcode").exit_code == 0


def test_a_reset_says_why_the_clients_of_another_relationship_wait(watched: Watched) -> None:
    watched.endpoint("west").command("dhcp-disable")
    watched.settle()
    report = watched.reset()
    assert report["result"] == "done", report
    said = "while hub begins anew, nobody answers the clients that it serves in the relationship west: west has its"
    assert any(said in each for each in report["notes"])
    assert ("west", "ha-scopes") not in watched.story


@pytest.mark.parametrize("place", range(len(BEGAN_ANEW)))
def test_what_fails_of_a_reset_leaves_each_its_own(watched: Watched, place: int) -> None:
    """A command that fails once; at the end each is tried again."""
    watched.settle()
    original, (server, failing) = watched.begins, BEGAN_ANEW[place]

    def begins(endpoint: Endpoint, command: str) -> None:
        sent = [each for each in watched.story if each[1] in {"ha-scopes", "ha-reset"}]
        if (len(sent), endpoint.server, command) == (place, server, failing):
            watched.endpoint(server).faults.add(Kind.FAILS, failing, times=1)
        original(endpoint, command)

    watched.begins = begins  # type: ignore[method-assign]
    report = watched.reset()
    assert report["result"] == ("failed" if place < 5 else "done"), report
    assert watched.own_scopes
    watched.let_pass(5)
    assert watched.run("status").exit_code == 0


@pytest.mark.parametrize("pauses", [False, True])
def test_a_hub_that_has_to_be_set_again_is_waited_for_in_its_other_relationships(
    watched: Watched, *, pauses: bool
) -> None:
    """It is terminated at once, and the set starts its HA anew in all of them."""
    states = [{"state": state, "pause": "always"} for state in ("waiting", "ready")] if pauses else []
    for document in watched.documents:
        document["parameters"]["state-machine"] = {"states": states}
    watched.documents[1]["parameters"]["heartbeat-delay"] = 5000  # west is not back as soon as east is
    watched.write()
    assert watched.run("apply", "--yes").exit_code == 0
    watched.settle()
    original = watched.ends

    def ends(endpoint: Endpoint) -> None:
        original(endpoint)
        if watched.story[-1] == ("hub", "ha-reset"):
            half = watched.endpoint("hub").ha
            assert half is not None
            watched.world.call(half.go, "terminated")

    watched.ends = ends  # type: ignore[method-assign]
    report = watched.reset()
    assert report["result"] == "done", report
    at = watched.story.index(("hub", "config-set"))
    assert ("west", "ha-scopes") in watched.story[at:]
    assert watched.own_scopes
    assert {half.state for half in watched.endpoint("hub").relationships} == {"hot-standby"}
    assert set(watched.unserved) <= {("west", "ha-scopes"), ("west", "status-get"), ("hub", "ha-scopes")}


def test_each_has_its_own_whatever_goes_wrong_in_between(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: Any) -> None:
        raise RuntimeError("nobody foresaw this")

    monkeypatch.setattr("reconciler.running.operations._Work._send", broken)
    watched.settle()
    ended = watched.run("reset", "hub", "--relationship", "east", "--yes")
    assert (ended.exit_code, "RuntimeError" in ended.stderr) == (1, True), ended
    assert [each for each in watched.story if each[1] == "ha-scopes"] == [e for e in BEGAN_ANEW if e[1] == "ha-scopes"]
    assert watched.own_scopes


ENABLED = [("hub", "ha-scopes"), ("east", "ha-scopes"), ("hub", "config-set"), ("east", "ha-scopes")]
ENABLING = ("enable", "hub", "--approve", "two-would-serve")


def end_west(life: Watched) -> None:
    """The hub keeps, disabled, what it has of west, of which it is the standby, and is the primary of east."""
    life.documents[1]["peers"][0]["role"], life.documents[1]["peers"][1]["role"] = "standby", "primary"
    life.write()
    assert life.run("apply", "--yes").exit_code == 0
    life.forget_west()
    assert life.run("apply", "--yes", "--approve", "remove-relationship").exit_code == 0
    life.settle()


def test_the_clients_of_a_hub_are_answered_while_what_it_keeps_is_enabled(watched: Watched) -> None:
    end_west(watched)
    done = watched.run(*ENABLING, "--yes")
    assert done.exit_code == 0, done
    assert "east answers the clients of east meanwhile (ha-scopes on hub and east)" in done.stdout
    assert [each for each in watched.story if each[1] in {"ha-scopes", "config-set"}] == ENABLED
    watched.let_pass(5)
    assert [set(half.scopes) for half in watched.endpoint("hub").relationships] == [{"hub-east"}]
    assert watched.endpoint("east").serves == ()


class Dying(Watched, Mortal):
    """A hub, and a process that is killed."""


@pytest.mark.parametrize("was_sent", [False, True])
@pytest.mark.parametrize("place", range(len(ENABLED)))
def test_the_next_apply_puts_right_what_a_killed_enable_left(tmp_path: Path, place: int, *, was_sent: bool) -> None:
    with Dying(tmp_path) as life:
        end_west(life)
        original = life.begins

        def begins(endpoint: Endpoint, command: str) -> None:
            sent = [each for each in life.story if each[1] in {"ha-scopes", "config-set"}]
            if len(sent) == place and (endpoint.server, command) == ENABLED[place]:
                life.dies_at = (len(life.story), was_sent)
            original(endpoint, command)

        life.begins = begins  # type: ignore[method-assign]
        life.killed(*ENABLING)
        life.begins = original  # type: ignore[method-assign]
        life.let_pass(10)
        done = life.run("apply", "--yes")
        assert done.exit_code == 0, done
        life.let_pass(10)
        assert [set(half.scopes) for half in life.endpoint("hub").relationships] == [{"hub-east"}]
        assert life.endpoint("east").serves == ()
        assert life.run("status").exit_code == 0
