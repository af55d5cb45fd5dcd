"""The process is killed at every command of an apply, before it arrives and after it was carried out; the next apply
reaches the goal, and at no moment do two servers answer for one scope without knowing of each other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.model import Mode
from reconciler.simulator import Kind, Release
from reconciler.simulator.dhcp import Origin
from tests.mortal import (
    APPROVED,
    CHANGING,
    KINDS,
    SCENES,
    Made,
    Mortal,
    Scene,
    answering,
    begun,
    endpoints,
    forget,
    killed_after,
    remove,
    standing,
    swap,
    timers,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


def points(story: list[tuple[str, str]]) -> Iterator[tuple[int, bool]]:
    """The commands before or after which the process is killed; reading again while waiting is left out."""
    for number, (server, command) in enumerate(story):
        if command in CHANGING:
            yield number, False
            yield number, True
        elif (server, command) not in story[max(0, number - 8) : number]:
            yield number, False


def must_be_in_order(life: Mortal, scene: Scene) -> None:
    """The goal is reached, on disk too, and nobody is left in maintenance, with others' scopes or switched off."""
    planned = life.run("plan", "--detailed-exitcode")
    assert planned.exit_code == 0, planned
    assert "earlier run" not in planned.stdout
    assert "cut off" not in planned.stdout
    for endpoint in endpoints(life):
        assert not endpoint.dhcp.is_off_by(Origin.USER), standing(life)
        assert endpoint.written == endpoint.config, endpoint.server.name
        if endpoint.server.name in {"kea-a", "kea-b", "kea-c"}:
            assert (endpoint.ha is None) is (scene.ends_without or endpoint.server.name in scene.leaving)
        for half in endpoint.relationships:
            assert half.state == half.settings.normal_state, standing(life)
            assert set(half.scopes) <= {half.settings.name}, standing(life)
    found = answering(life)
    assert not any(each.is_nobody for each in (found, *(life.world.serving(p, life.service) for p in life.elsewhere)))
    assert not found.is_double or life.documents[0]["mode"] == Mode.LOAD_BALANCING.value
    assert life.double == []
    assert life.violations == []


def undisturbed(folder: Path, scene: Scene, release: Release) -> tuple[list[tuple[str, str]], Made | None]:
    """What an apply sends that nobody kills, and how the pair was made before."""
    with begun(folder, scene, release) as life:
        done = life.run("apply", "--yes", *scene.arguments)
        assert done.exit_code == 0, done
        story = list(life.story)
        life.let_pass(20)
        must_be_in_order(life, scene)
        return story, life.was_made


@pytest.mark.long
@pytest.mark.parametrize(("scene", "release"), KINDS, ids=lambda each: getattr(each, "name", str(each)))
def test_the_next_apply_finishes_what_was_cut_off_at_any_command(
    tmp_path: Path, scene: Scene, release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    must_be_finished(tmp_path, scene, release, monkeypatch)


def must_be_finished(tmp_path: Path, scene: Scene, release: Release, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kill the apply of a scene at each of its points, and let the next one finish."""
    story, made = undisturbed(tmp_path / "whole", scene, release)
    planned = list(points(story))
    missed = 0
    for number, point in enumerate(planned):
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / f"state-{number}"))
        with begun(tmp_path / str(number), scene, release, made) as life:
            where: tuple[object, ...] = point
            life.dies_at = point
            try:
                missed += not life.is_killed_in_apply(*scene.arguments)
                where = (*point, *life.story[-1:])
                life.let_pass((0, 3, 30)[number % 3])
                status = life.run("status")
                assert "internal error" not in status.stderr, status
                done = life.run("apply", "--yes", *scene.arguments)
                assert done.exit_code == 0, (where, done)
                life.let_pass(20)
                must_be_in_order(life, scene)
            except AssertionError as error:
                raise AssertionError(f"killed at {where}: {standing(life)}\n{error}") from error
    assert missed * 10 < len(planned), (missed, len(planned))


@pytest.mark.parametrize("name", ["replicate", "replicate-to-backup", "modify-load-balancing"])
def test_a_pair_that_is_made_again_is_the_same(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = next(each for each in SCENES if each.name == name)
    seen = []
    made = None
    for number in range(2):
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / f"state-{number}"))
        with begun(tmp_path / str(number), scene, Release.KEA_3_0, made) as life:
            made = life.was_made
            halves = [each.ha for each in endpoints(life)]
            looks = [(each.config, each.written, each.pid, each.log, each.committed_at) for each in endpoints(life)]
            partners = [half and (half.state, half.partner.state, half.partner.heard_at) for half in halves]
            history = life.run("history").stdout
            seen.append((looks, partners, standing(life), life.world.clock.now(), history.replace(str(tmp_path), "")))
    assert seen[0] == seen[1]


# ------------------------------------------------------------------------------- whose doing it was


MODIFY = next(scene for scene in SCENES if scene.name == "modify-load-balancing")
CREATE, REPLICATE = SCENES[0], next(scene for scene in SCENES if scene.name == "replicate")


def test_what_a_person_switched_off_stays_off_after_a_killed_create(tmp_path: Path) -> None:
    with begun(tmp_path, CREATE, Release.KEA_3_0) as life:
        life.endpoint("kea-b").command("dhcp-disable")
        killed_after(life, "kea-b", "config-set")
        assert life.run("apply", "--yes").exit_code == 0
        assert life.endpoint("kea-b").dhcp.is_off_by(Origin.USER)
        assert "nothing here tells that an apply did it" in life.run("plan").stdout


def test_who_answers_for_another_is_off_only_while_that_one_is_set(tmp_path: Path) -> None:
    """Nobody answers then: not for one command more."""
    with begun(tmp_path, MODIFY, Release.KEA_3_0) as life:
        done = life.run("apply", "--yes")
        assert done.exit_code == 0, done
        for name, other in (("kea-b", "kea-a"), ("kea-a", "kea-b")):
            at = life.story.index((name, "config-set"))
            asked = [each for each in life.story[at - 1 : at + 8] if each[1] != "status-get"]  # by who keeps it wide
            assert asked[:3] == [(other, "dhcp-disable"), (name, "config-set"), (other, "dhcp-enable")]


@pytest.mark.parametrize("release", [Release.KEA_2_2, Release.KEA_3_0], ids=str)
def test_a_server_that_was_left_off_serves_before_it_is_to_answer_for_another(tmp_path: Path, release: Release) -> None:
    with begun(tmp_path, MODIFY, release) as life:
        killed_after(life, "kea-b", "config-set")
        life.let_pass(30)
        life.story.clear()
        done = life.run("apply", "--yes")
        assert done.exit_code == 0, done
        switches = {"ha-scopes", "dhcp-enable", "dhcp-disable", "config-set"}
        story = [each for each in life.story if each[1] in switches]
        off = story.index(("kea-a", "dhcp-disable"))
        assert story[0] == ("kea-a", "ha-scopes")
        assert ("kea-b", "dhcp-enable") in story[:off]
        assert story[off + 1] == ("kea-b", "ha-scopes")
        life.let_pass(20)
        must_be_in_order(life, MODIFY)


@pytest.mark.parametrize("release", [Release.KEA_2_2, Release.KEA_2_6, Release.KEA_3_0], ids=str)
def test_a_second_run_that_is_killed_too_leaves_nobody_off_for_good(tmp_path: Path, release: Release) -> None:
    """Between two sets of swapped roles, where it can't be switched on before the second."""
    with begun(tmp_path, Scene("swap", swap), release) as life:
        for _ in range(2):
            killed_after(life, "kea-b", "dhcp-disable")
            assert life.endpoint("kea-b").dhcp.is_off_by(Origin.USER)
        life.let_pass(120)
        assert not any(each.dhcp.is_off_by(Origin.USER) for each in endpoints(life)), standing(life)
        assert not answering(life).is_nobody, standing(life)
        assert life.double == []


@pytest.mark.parametrize("release", [Release.KEA_2_6, Release.KEA_3_0], ids=str)
@pytest.mark.parametrize("scene", [each for each in SCENES if each.name in {"rename", "remove"}], ids=lambda s: s.name)
def test_what_a_person_switched_off_stays_off_when_two_are_at_odds(
    tmp_path: Path, scene: Scene, release: Release
) -> None:
    with begun(tmp_path, scene, release) as life:
        life.endpoint("kea-b").command("dhcp-disable")
        killed_after(life, "kea-b", "config-set", *scene.arguments)
        done = life.run("apply", "--yes", *scene.arguments)
        assert done.exit_code == 0, done
        life.let_pass(20)
        assert life.run("plan", "--detailed-exitcode").exit_code == 0
        assert life.endpoint("kea-b").dhcp.is_off_by(Origin.USER)


def test_another_host_leaves_off_what_it_can_t_explain_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with begun(tmp_path, CREATE, Release.KEA_3_0) as life:
        killed_after(life, "kea-a", "config-set")
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "elsewhere"))
        life.let_pass(20)
        assert "send dhcp-enable to it" in life.run("status").stdout
        assert life.run("apply", "--yes").exit_code == 0
        assert life.endpoint("kea-b").dhcp.is_off_by(Origin.USER)


def test_any_host_gives_back_scopes_that_were_left_widened(tmp_path: Path) -> None:
    with begun(tmp_path, REPLICATE, Release.KEA_2_2) as life:
        assert life.run("apply", "--yes").exit_code == 0
        life.endpoint("kea-b").command("ha-scopes", {"scopes": ["kea-a"]})
        assert life.run("plan", "--detailed-exitcode").exit_code == 2
        assert "serves kea-a beside its own" in life.run("status").stdout
        done = life.run("apply", "--yes")
        assert done.exit_code == 0
        assert "it serves its own scopes again" in done.stdout
        assert life.endpoint("kea-b").serves == ()
        assert life.run("plan", "--detailed-exitcode").exit_code == 0


def test_a_server_that_a_killed_run_left_without_hooks_gets_its_last_configuration_back(tmp_path: Path) -> None:
    with begun(tmp_path, REPLICATE, Release.KEA_2_2) as life:
        fault = life.endpoint("kea-b").faults.add(Kind.SET_FAILS, "config-set", times=1)
        killed_after(life, "kea-b", "config-set")
        assert life.endpoint("kea-b").ha is None
        life.endpoint("kea-b").faults.remove(fault)
        told = life.run("plan").stdout
        assert "gets back the configuration before that" in told
        done = life.run("apply", "--yes")
        assert done.exit_code == 0, done
        assert "it has its last good configuration again" in done.stdout
        life.let_pass(20)
        must_be_in_order(life, REPLICATE)


@pytest.mark.parametrize("release", [Release.KEA_2_2, Release.KEA_2_6], ids=str)
def test_who_answers_for_a_server_goes_on_as_long_as_that_can_not_be_switched_on(
    tmp_path: Path, release: Release
) -> None:
    """It waits for a backup that is not well."""
    with begun(tmp_path, Scene("modify", timers, backups=1), release) as life:
        killed_after(life, "kea-b", "ha-scopes")
        backup = life.endpoint("kea-c")
        fault = backup.faults.add(Kind.SET_FAILS, "config-set", times=1)
        backup.command("config-set", {backup.service.root: backup.config})
        backup.faults.remove(fault)
        assert backup.ha is None
        life.story.clear()
        done = life.run("apply", "--yes")
        assert done.exit_code == 0, done
        assert life.story.index(("kea-c", "config-set")) < life.story.index(("kea-b", "ha-scopes"))
        life.let_pass(20)
        must_be_in_order(life, Scene("modify", backups=1))
        assert life.double == []


@pytest.mark.parametrize("way", [remove, forget])
def test_a_removal_goes_on_after_a_server_got_its_hooks_back(tmp_path: Path, way: Callable[[Mortal], None]) -> None:
    """What it does is still what was shown: one apply is enough."""
    with begun(tmp_path, REPLICATE, Release.KEA_2_2) as life:
        fault = life.endpoint("kea-b").faults.add(Kind.SET_FAILS, "config-set", times=1)
        killed_after(life, "kea-b", "config-set")
        life.endpoint("kea-b").faults.remove(fault)
        way(life)
        done = life.run("apply", "--yes", *APPROVED)
        assert done.exit_code == 0, done
        assert "it has its last good configuration again" in done.stdout
        life.let_pass(20)
        must_be_in_order(life, Scene("removed", ends_without=True))
