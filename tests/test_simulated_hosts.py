"""The process is killed in an apply, and what comes next knows nothing of it: an apply of another host, which has no
journal; or the journal is of the servers as they were before one was started anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from unittest import mock

import pytest

from reconciler.cli import session
from reconciler.model import Mode
from reconciler.simulator import Release
from reconciler.simulator.dhcp import Origin
from tests.mortal import (
    CHANGING,
    SCENES,
    Mortal,
    Scene,
    answering,
    begun,
    endpoints,
    killed_after,
    rename,
    standing,
    swap,
    timers,
)
from tests.test_simulated_crashes import MODIFY, must_be_in_order, undisturbed

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path
    from typing import Any

RELEASES = [Release.KEA_2_2, Release.KEA_2_6, Release.KEA_3_0]
OTHERS = [each for each in SCENES if each.name in {"modify", "modify-load-balancing"}]


@pytest.mark.long
@pytest.mark.parametrize("release", RELEASES, ids=str)
@pytest.mark.parametrize("scene", OTHERS, ids=lambda scene: scene.name)
def test_no_clients_are_left_alone_by_an_apply_of_another_host_that_succeeds(
    tmp_path: Path, scene: Scene, release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    story, made = undisturbed(tmp_path / "whole", scene, release)
    for number in [number for number, (_, command) in enumerate(story) if command in CHANGING]:
        for seconds in (2, 20):
            monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / f"state-{number}-{seconds}"))
            with begun(tmp_path / f"{number}-{seconds}", scene, release, made) as life:
                life.dies_at = (number, True)
                if not life.is_killed_in_apply(*scene.arguments):
                    continue
                where = (number, *life.story[-1], standing(life))
                life.let_pass(seconds)
                monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / f"elsewhere-{number}-{seconds}"))
                done = life.run("apply", "--yes", *scene.arguments)
                if done.exit_code == 0:
                    life.let_pass(120)
                    assert not answering(life).is_nobody, (where, standing(life), done)
                assert life.double == [], where


@pytest.mark.parametrize("release", [Release.KEA_2_6, Release.KEA_3_0], ids=str)
def test_another_host_waits_whether_kea_ends_what_a_killed_apply_left_off(
    tmp_path: Path, release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    with begun(tmp_path, SCENES[3], release) as life:
        killed_after(life, "kea-a", "dhcp-disable")
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "elsewhere"))
        assert "and for good: with a set Kea forgets the time" in life.run("plan").stdout
        done = life.run("apply", "--yes")
        assert done.exit_code == 0, done
        life.let_pass(20)
        must_be_in_order(life, SCENES[3])


@pytest.mark.parametrize("release", [Release.KEA_2_6, Release.KEA_3_0], ids=str)
def test_who_answers_for_a_server_that_is_off_goes_on_whoever_applies(
    tmp_path: Path, release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Off for good, since the process was gone right after the set had left."""
    with begun(tmp_path, MODIFY, release) as life:
        life.endpoint("kea-b").command("dhcp-disable")
        life.endpoint("kea-a").command("ha-scopes", {"scopes": ["kea-a", "kea-b"]})
        refused = life.run("apply", "--yes")
        assert (refused.exit_code, "nobody-would-serve" in refused.stdout) == (3, True), refused
        assert "kea-a answers for it, as when an apply was cut off" in refused.stdout
        assert not answering(life).is_nobody
        life.endpoint("kea-b").command("dhcp-enable")
        assert life.run("apply", "--yes").exit_code == 0
        life.let_pass(20)
        must_be_in_order(life, MODIFY)


@pytest.mark.parametrize("release", [Release.KEA_2_6, Release.KEA_3_0], ids=str)
def test_roles_that_are_half_swapped_are_swapped_by_another_host(
    tmp_path: Path, release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who is off is switched on by the very plan that would object to it."""
    with begun(tmp_path, Scene("swap", swap), release) as life:
        killed_after(life, "kea-a", "config-set")
        life.endpoint("kea-a").command("dhcp-disable")  # for good, as where the process was gone at once
        life.let_pass(20)
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "elsewhere"))
        done = life.run("apply", "--yes")
        assert done.exit_code == 0, done
        life.let_pass(20)
        assert life.run("plan", "--detailed-exitcode").exit_code == 0
        assert not any(each.dhcp.is_off_by(Origin.USER) for each in endpoints(life)), standing(life)
        assert not answering(life).is_nobody
        assert life.double == []


def test_both_off_are_not_set(tmp_path: Path) -> None:
    with begun(tmp_path, MODIFY, Release.KEA_3_0) as life:
        for name in ("kea-a", "kea-b"):
            life.endpoint(name).command("dhcp-disable")
        refused = life.run("apply", "--yes")
        assert (refused.exit_code, "kea-a and kea-b have their DHCP service" in refused.stdout) == (3, True), refused
        assert not CHANGING & {command for _, command in life.story}


def test_where_kea_does_not_tell_who_is_answered_for_is_switched_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Off for good: the process was gone before it could ask for a time once more."""
    with begun(tmp_path, MODIFY, Release.KEA_2_2) as life:
        killed_after(life, "kea-b", "config-set")
        life.let_pass(20)
        life.endpoint("kea-a").command("ha-scopes", {"scopes": ["kea-a", "kea-b"]})  # its state may not have moved
        assert life.endpoint("kea-b").dhcp.is_off_by(Origin.USER)
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "elsewhere"))
        done = life.run("apply", "--yes")
        assert done.exit_code == 0, done
        assert "its DHCP service is on again" in done.stdout
        assert not any(each.dhcp.is_off_by(Origin.USER) for each in endpoints(life)), standing(life)
        assert not answering(life).is_nobody


# ------------------------------------------------------------------------- a server that was started anew


def after_the_plan(act: Callable[[], object]) -> AbstractContextManager[object]:
    """Something happens right after the first plan was made."""
    original, done = session.make_plan, list[object]()

    def make_plan(*arguments: Any, **options: Any) -> Any:
        made = original(*arguments, **options)
        if not done:
            done.append(act())
        return made

    return mock.patch.object(session, "make_plan", make_plan)


def restarting(life: Mortal, name: str, *, in_container: bool = False) -> AbstractContextManager[object]:
    """A server is started anew right after the first plan was made, and all are normal again before it is applied. In a
    container it has the same process id then.
    """

    return after_the_plan(lambda: restart(life, name, in_container=in_container))


def restart(life: Mortal, name: str, *, in_container: bool) -> None:
    endpoint = life.endpoint(name)
    pid = endpoint.pid
    endpoint.restart()
    endpoint.pid = pid if in_container else endpoint.pid
    life.let_pass(20)


RESTARTED = [
    pytest.param(scene, name, id=f"{scene.name}-{name}")
    for scene in SCENES
    for name in ("kea-a", "kea-b")
    if scene.name in {"create", "modify-load-balancing", "rename", "remove"}
    or (scene.name, name) == ("modify", "kea-a")  # of a standby nothing is off when its set is cut off
]
MOMENTS = [("kea-b", "config-set"), ("kea-a", "config-set"), ("kea-b", "dhcp-disable"), ("kea-a", "dhcp-disable")]


@pytest.mark.long
@pytest.mark.parametrize(("scene", "name"), RESTARTED)
def test_a_server_that_was_started_anew_after_the_plan_is_put_right_too(
    tmp_path: Path, scene: Scene, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = {each for each in undisturbed(tmp_path / "whole", scene, Release.KEA_3_0)[0] if each in MOMENTS}
    for number, moment in enumerate(sorted(sent)):
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / f"state-{number}"))
        with begun(tmp_path / str(number), scene, Release.KEA_3_0) as life:
            with restarting(life, name):
                killed_after(life, *moment, *scene.arguments)
            life.let_pass(3)
            done = life.run("apply", "--yes", *scene.arguments)
            assert done.exit_code == 0, (moment, done)
            life.let_pass(20)
            must_be_in_order(life, scene)


RENAME = Scene("rename", rename, is_together=True)


@pytest.mark.parametrize("in_container", [False, True])
def test_a_server_that_a_person_had_switched_off_is_on_after_a_restart(tmp_path: Path, *, in_container: bool) -> None:
    """It is off no more, so what the apply switches off, since names change, is switched on again."""
    with begun(tmp_path, RENAME, Release.KEA_3_0) as life:
        life.endpoint("kea-b").command("dhcp-disable")
        with restarting(life, "kea-b", in_container=in_container):
            assert life.run("apply", "--yes").exit_code == 0
        assert not any(each.dhcp.is_off_by(Origin.USER) for each in endpoints(life)), standing(life)


@pytest.mark.parametrize("scene", [RENAME, SCENES[0]], ids=lambda scene: scene.name)
@pytest.mark.parametrize("is_killed", [False, True])
def test_so_is_one_that_a_person_switched_on_after_the_plan(tmp_path: Path, scene: Scene, *, is_killed: bool) -> None:
    """Also where the apply is cut off, and the next one ends it."""
    with begun(tmp_path, scene, Release.KEA_3_0) as life:
        endpoint = life.endpoint("kea-b")
        endpoint.command("dhcp-disable")
        with after_the_plan(lambda: endpoint.command("dhcp-enable")):
            if is_killed:
                killed_after(life, "kea-b", "config-set")
            else:
                assert life.run("apply", "--yes").exit_code == 0
        life.let_pass(20)
        if is_killed:
            assert life.run("apply", "--yes").exit_code == 0
        assert not any(each.dhcp.is_off_by(Origin.USER) for each in endpoints(life)), standing(life)


def test_one_that_was_started_anew_and_switched_off_then_answers_for_nobody(tmp_path: Path) -> None:
    with begun(tmp_path, Scene("modify", timers, mode=Mode.LOAD_BALANCING), Release.KEA_3_0) as life:
        endpoint = life.endpoint("kea-a")

        def act() -> None:
            endpoint.restart()
            life.let_pass(20)
            endpoint.command("dhcp-disable")

        with after_the_plan(act):
            done = life.run("apply", "--yes")
        assert done.exit_code == 4, done
        assert "kea-a: world changed: its DHCP service was switched off (dhcp-disable) since the plan" in done.stdout
        assert not CHANGING & {command for _, command in life.story}


@pytest.mark.parametrize("in_container", [False, True])
def test_what_a_person_switches_off_after_a_restart_is_not_taken_for_what_a_killed_apply_left(
    tmp_path: Path, *, in_container: bool
) -> None:
    with begun(tmp_path, SCENES[3], Release.KEA_3_0) as life:
        killed_after(life, "kea-a", "config-set")
        endpoint = life.endpoint("kea-a")
        assert endpoint.dhcp.is_off_by(Origin.USER)
        assert "switched its DHCP service off; it is switched on as soon as" in life.run("plan").stdout
        restart(life, "kea-a", in_container=in_container)
        assert "switched its DHCP service off" not in life.run("plan").stdout
        endpoint.command("dhcp-disable")
        assert "nothing here tells that an apply did it: it stays so" in life.run("plan").stdout
        refused = life.run("apply", "--yes")
        assert (refused.exit_code, "nobody-would-serve" in refused.stdout) == (3, True), refused
        assert endpoint.dhcp.is_off_by(Origin.USER)
