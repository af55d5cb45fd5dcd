"""A server dies, or a person switches its service off, while the other one is being changed or it itself is: at no time
do clients go unanswered longer than Kea's own take-over lasts, and what a person did stays done.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import pytest

from reconciler.model import Mode
from reconciler.simulator import Release
from reconciler.simulator.dhcp import Origin
from reconciler.simulator.faults import Kind
from tests.mortal import APPROVED, CHANGING, Mortal, Scene, answering, begun, killed_after, remove, standing, timers
from tests.test_simulated_crashes import must_be_in_order, undisturbed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

SCENES = [
    (Scene("modify", timers), Release.KEA_2_2),
    (Scene("modify-load-balancing", timers, mode=Mode.LOAD_BALANCING), Release.KEA_3_0),
    (Scene("modify-hub", timers, is_hub=True), Release.KEA_2_6),
]
each_scene = pytest.mark.parametrize(("scene", "release"), SCENES, ids=lambda each: getattr(each, "name", str(each)))


@pytest.mark.long
@each_scene
@pytest.mark.parametrize("dying", ["kea-a", "kea-b"])
def test_who_is_left_answers_all_clients_when_the_other_dies_at_any_command(
    tmp_path: Path, scene: Scene, release: Release, dying: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    story, _ = undisturbed(tmp_path / "whole", scene, release)
    places = [place for place in range(1, len(story)) if {story[place][1], story[place - 1][1]} & CHANGING]
    for place, life in lives(tmp_path, scene, release, places, monkeypatch):
        life.events[place] = life.endpoint(dying).stop
        done = life.run("apply", "--yes")
        if life.events:  # two that are looked at at once make a story one shorter, or longer
            continue
        where = f"{dying} died at {place}, {story[place]}: {done.stdout}{done.stderr}"
        assert "internal error" not in where
        life.let_pass(120)
        assert not answering(life).is_nobody, f"{where} {standing(life)}"
        assert scene.is_hub or life.double == [], where  # a hub and who answers for it may, both well there
        life.double.clear()
        life.endpoint(dying).start()
        life.let_pass(30)
        done = life.run("apply", "--yes")
        assert done.exit_code == 0, (where, done)
        life.let_pass(20)
        must_be_in_order(life, scene)


@pytest.mark.long
@pytest.mark.parametrize("mode", [Mode.HOT_STANDBY, Mode.LOAD_BALANCING])
@pytest.mark.parametrize("switched_off", ["kea-a", "kea-b"])
def test_what_a_person_switches_off_after_the_plan_was_made_stays_off(
    tmp_path: Path, mode: Mode, switched_off: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until the last look before our first command; Kea tells from 2.6.2 on."""
    scene = Scene("modify", timers, mode=mode)
    story, _ = undisturbed(tmp_path / "whole", scene, Release.KEA_3_0)
    first = next(place for place, (_, command) in enumerate(story) if command in CHANGING)
    planned = max(place for place, (_, command) in enumerate(story[:first]) if command == "config-get") + 1
    looks = [place for place in range(planned, first) if story[place] == (switched_off, "status-get")]
    assert looks
    for place, life in lives(tmp_path, scene, Release.KEA_3_0, range(planned, looks[-1] + 1), monkeypatch):
        endpoint = life.endpoint(switched_off)
        life.events[place] = functools.partial(endpoint.command, "dhcp-disable")
        done = life.run("apply", "--yes")
        where = f"{switched_off} switched off at {place}, {story[place]}: {done}"
        assert endpoint.dhcp.is_off_by(Origin.USER), where
        assert done.exit_code == 4, where
        reason = "its DHCP service was switched off (dhcp-disable) since the plan was made"
        assert f"{switched_off}: world changed: {reason}" in done.stdout, where
        assert not {command for _, command in life.story} & CHANGING, where


@pytest.mark.parametrize("mode", [Mode.HOT_STANDBY, Mode.LOAD_BALANCING])
@pytest.mark.parametrize("release", [Release.KEA_2_2, Release.KEA_3_0])
def test_a_server_that_has_left_stays_out_when_it_is_started_anew_after_a_killed_removal(
    tmp_path: Path, mode: Mode, release: Release
) -> None:
    """Its disk knows before the other is set, which has no HA from then on, and serves everybody."""
    scene = Scene("remove", remove, mode=mode, arguments=APPROVED, ends_without=True)
    with begun(tmp_path, scene, release) as life:
        killed_after(life, "kea-a", "config-set", *scene.arguments)
        life.endpoint("kea-b").stop()
        life.endpoint("kea-b").start()
        life.let_pass(100)
        assert life.double == [], standing(life)
        assert answering(life) == (("kea-a",), ("kea-a",)), standing(life)
        done = life.run("apply", "--yes", *scene.arguments)
        assert done.exit_code == 0, done
        life.let_pass(20)
        must_be_in_order(life, scene)


@pytest.mark.parametrize("kind", [Kind.FAILS, Kind.DISK_FULL])
def test_a_removal_ends_where_who_leaves_has_no_room_on_its_disk(tmp_path: Path, kind: Kind) -> None:
    scene = Scene("remove", remove, arguments=APPROVED, ends_without=True)
    with begun(tmp_path, scene, Release.KEA_3_0) as life:
        endpoint = life.endpoint("kea-b")
        before = endpoint.written
        endpoint.faults.add(kind, "config-write", times=3)
        done = life.run("apply", "--yes", *scene.arguments)
        assert done.exit_code == 1, done
        assert "kea-b: failed: the relationship was not completed; it has its old configuration again; " in done.stdout
        assert "what was planned could not be written to its disk: " in done.stdout
        assert endpoint.written == before == endpoint.config
        life.let_pass(20)
        assert life.double == []
        assert not answering(life).is_nobody
        assert life.run("apply", "--yes", *scene.arguments).exit_code == 0
        life.let_pass(20)
        must_be_in_order(life, scene)


def lives(
    folder: Path, scene: Scene, release: Release, places: Iterable[int], monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[int, Mortal]]:
    """A world for each of these places in the story, right before the apply."""
    made = None
    for place in places:
        monkeypatch.setenv("XDG_STATE_HOME", str(folder / f"state-{place}"))
        with begun(folder / str(place), scene, release, made) as life:
            made = made or life.was_made
            life.is_waived = True
            yield place, life
