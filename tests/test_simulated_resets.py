"""A server that serves begins anew, on simulated servers in simulated time: what fails on the way, and a process that
is killed there. The same on real Kea, with nothing in its way, is in tests/kea/test_operations.py.
"""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.model import Mode
from reconciler.simulator import Kind, Release
from reconciler.simulator.dhcp import Origin
from tests.mortal import CHANGING, Mortal, Scene, begun, endpoints, standing
from tests.test_simulated_crashes import must_be_in_order

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from reconciler.model import Endpoint

SENT = CHANGING | {"ha-reset"}
DONE = [
    ("kea-a", "dhcp-disable"),
    ("kea-b", "ha-scopes"),
    ("kea-a", "ha-reset"),
    ("kea-b", "ha-scopes"),
    ("kea-a", "dhcp-enable"),
]


@pytest.fixture(params=[Mode.HOT_STANDBY, Mode.LOAD_BALANCING])
def life(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Mortal]:
    """A standing pair."""
    with begun(tmp_path, Scene("reset", mode=request.param), Release.KEA_3_0) as made:
        yield made


def reset(life: Mortal, server: str = "kea-a") -> Any:
    return life.run("reset", server, "--yes", "--format", "json").json


def sent(life: Mortal) -> list[tuple[str, str]]:
    return [each for each in life.story if each[1] in SENT]


def must_serve_their_own(life: Mortal) -> None:
    """All is as before, and was never so that two answered unawares."""
    for endpoint in endpoints(life):
        assert endpoint.ha is not None
        assert endpoint.ha.state == endpoint.ha.settings.normal_state, standing(life)
        assert not endpoint.dhcp.is_off_by(Origin.USER), standing(life)
    scopes = {each.server.name: list(each.ha.scopes) for each in endpoints(life) if each.ha}
    is_divided = life.documents[0]["mode"] == Mode.LOAD_BALANCING
    assert scopes == {"kea-a": ["kea-a"], "kea-b": ["kea-b"] if is_divided else []}
    assert life.double == []


def test_another_answers_meanwhile(life: Mortal) -> None:
    report = reset(life)
    assert report["result"] == "done", report
    assert sent(life) == DONE
    assert any("kea-b answers the clients of kea-a" in each for each in report["notes"])
    must_serve_their_own(life)
    newest = life.run_line("history", "--format", "json").json["entries"][0]
    assert newest["run"]["command"].endswith(" reset kea-a")
    shown = life.run_line("history", "show", str(newest["id"]), "--format", "json").json
    assert newest["kind"] == "operated"
    assert [(each["server"], each["command"]) for each in shown["steps"]] == DONE


@pytest.mark.parametrize("kind", [Kind.FAILS, Kind.RESET])
@pytest.mark.parametrize(("server", "command"), DONE[:3])
def test_what_fails_before_anything_is_reset_leaves_all_as_it_was(
    life: Mortal, server: str, command: str, kind: Kind
) -> None:
    life[server].faults.add(kind, command, times=1)
    report = reset(life)
    assert report["result"] == "failed"
    is_sent = (server, command) == ("kea-a", "ha-reset")
    assert [each["command"] for each in report["commands"]] == is_sent * ["ha-reset"]
    assert ("kea-a", "ha-reset") not in sent(life) or is_sent
    must_serve_their_own(life)


@pytest.mark.parametrize(("server", "command"), DONE[3:])
def test_what_fails_for_a_moment_at_the_end_is_tried_again(life: Mortal, server: str, command: str) -> None:
    failing, original = command, life.begins

    def begins(endpoint: Endpoint, command: str) -> None:
        if command == "ha-reset":
            life[server].faults.add(Kind.FAILS, failing, times=1)
        original(endpoint, command)

    life.begins = begins  # type: ignore[method-assign]
    assert reset(life)["result"] == "done"
    must_serve_their_own(life)


def test_a_person_who_stops_it_does_not_leave_the_other_answering(life: Mortal) -> None:
    original = life.begins

    def begins(endpoint: Endpoint, command: str) -> None:
        original(endpoint, command)
        if command == "ha-reset":
            signal.raise_signal(signal.SIGINT)

    life.begins = begins  # type: ignore[method-assign]
    ended = life.run("reset", "kea-a", "--yes")
    assert ended.exit_code == 130, ended
    assert sent(life) == DONE
    must_serve_their_own(life)


@pytest.fixture
def pausing(life: Mortal) -> Mortal:
    """The pair, either server of which pauses on its way back."""
    pauses = [{"state": state, "pause": "always"} for state in ("waiting", "ready")]
    life.documents[0]["parameters"]["state-machine"] = {"states": pauses}
    life.write()
    assert life.run("apply", "--yes").exit_code == 0
    life.let_pass(30)
    return life


@pytest.mark.parametrize("server", ["kea-a", "kea-b"])
def test_one_that_would_pause_on_its_way_back_goes_on(pausing: Mortal, server: str) -> None:
    assert reset(pausing, server)["result"] == "done"
    must_serve_their_own(pausing)


def test_terminated_servers_that_would_pause_on_their_way_back_go_on(pausing: Mortal) -> None:
    for offset in (90, 0):
        pausing["kea-b"].clock_offset = offset
        pausing.let_pass(10)
    assert {each.ha.state for each in endpoints(pausing) if each.ha} == {"terminated"}
    report = reset(pausing)
    assert report["result"] == "done", report
    assert [each["server"] for each in report["commands"]] == ["kea-a", "kea-b"]
    pausing.double.clear()  # terminated servers both serve
    must_serve_their_own(pausing)


def test_each_serves_its_own_whatever_goes_wrong_in_between(life: Mortal, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: Any) -> None:
        raise RuntimeError("nobody foresaw this")

    monkeypatch.setattr("reconciler.running.operations._Work._send", broken)
    ended = life.run("reset", "kea-a", "--yes")
    assert (ended.exit_code, "RuntimeError" in ended.stderr) == (1, True), ended
    assert sent(life) == [each for each in DONE if each[1] != "ha-reset"]
    must_serve_their_own(life)


def test_one_that_has_to_be_set_again_stays_off_for_a_time_only(life: Mortal) -> None:
    """It is terminated at once, and with the set Kea forgets after which time the service was to come on again."""
    original = life.ends

    def ends(endpoint: Endpoint) -> None:
        original(endpoint)
        if life.story[-1] == ("kea-a", "ha-reset"):
            half = life.endpoint("kea-a").ha
            assert half is not None
            life.world.call(half.go, "terminated")

    life.ends = ends  # type: ignore[method-assign]
    assert reset(life)["result"] == "done"
    assert sent(life) == [*DONE[:3], ("kea-a", "config-set"), ("kea-a", "dhcp-disable"), *DONE[3:]]
    must_serve_their_own(life)


def test_who_answers_for_one_that_does_not_come_back_goes_on(life: Mortal) -> None:
    original = life.begins

    def begins(endpoint: Endpoint, command: str) -> None:
        original(endpoint, command)
        if command == "ha-reset":
            life.endpoint("kea-a").stop()

    life.begins = begins  # type: ignore[method-assign]
    report = reset(life)
    assert report["result"] == "failed"
    assert any("kea-b goes on answering the clients of kea-a" in each for each in report["reasons"])
    life.begins = original  # type: ignore[method-assign]
    assert life.endpoint("kea-b").serves
    life.endpoint("kea-a").start()
    life.let_pass(60)
    done = life.run("apply", "--yes")
    assert done.exit_code == 0, done
    must_serve_their_own(life)


def test_one_that_takes_its_partner_for_dead_serves_alone(tmp_path: Path) -> None:
    """They lose each other while it begins anew: two that answer everybody would not know of each other's leases."""
    with begun(tmp_path, Scene("reset"), Release.KEA_3_0) as life:
        original = life.begins

        def begins(endpoint: Endpoint, command: str) -> None:
            if command == "ha-reset":
                life.world.partition("kea-a", "kea-b")
            original(endpoint, command)

        life.begins = begins  # type: ignore[method-assign]
        report = reset(life)
        assert report["result"] == "failed"
        assert life.endpoint("kea-a").serves
        assert not life.endpoint("kea-b").serves
        assert life.double == []


SCENES = [
    pytest.param(Scene("reset", mode=Mode.HOT_STANDBY), Release.KEA_2_2, id="hot-standby-2.2"),
    pytest.param(Scene("reset", mode=Mode.HOT_STANDBY), Release.KEA_3_0, id="hot-standby-3.0"),
    pytest.param(Scene("reset", mode=Mode.LOAD_BALANCING), Release.KEA_3_0, id="load-balancing-3.0"),
    pytest.param(Scene("reset", is_hub=True), Release.KEA_3_0, id="hub-3.0"),
]


@pytest.mark.parametrize(("scene", "release"), SCENES)
def test_the_next_apply_puts_right_what_a_killed_one_left(tmp_path: Path, scene: Scene, release: Release) -> None:
    words = ("reset", "kea-a", *(["--relationship", "hq"] if scene.is_hub else []))
    with begun(tmp_path / "whole", scene, release) as first:
        done = first.run(*words, "--yes")
        assert done.exit_code == 0, done
        points = [number for number, each in enumerate(first.story) if each[1] in SENT]
    for place, number in enumerate(points):
        for was_sent in (False, True):
            folder = tmp_path / f"{place}-{was_sent}"
            with begun(folder, scene, release) as life:
                life.dies_at = (number, was_sent)
                life.killed(*words)
                life.let_pass(10)
                done = life.run("apply", "--yes")
                assert done.exit_code == 0, done
                life.let_pass(10)
                must_be_in_order(life, scene)
