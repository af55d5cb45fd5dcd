"""The daemon is killed at every command that it sends; started again, it ends in the world of one that was not."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from unittest import mock

import pytest

from reconciler.model import Mode
from reconciler.simulator import Release
from reconciler.state.runs import Run
from tests.mortal import CHANGING, KilledError, Mortal, Scene, begun, replicate, timers
from tests.test_simulated_crashes import must_be_in_order, points
from tests.watching.simulated import rounds_of

if TYPE_CHECKING:
    from pathlib import Path

ROUNDS = 40
SHARED = ("--approve", "shared-pools")
SCENES = [
    (Scene("create", is_related=False), Release.KEA_3_0),
    (Scene("replicate", replicate), Release.KEA_2_2),
    (  # by far the longest: killed at what it changes alone, and not where it reads in between
        Scene("modify-load-balancing", timers, mode=Mode.LOAD_BALANCING, arguments=SHARED),
        Release.KEA_3_0,
    ),
]


def watch(life: Mortal) -> None:
    """Watch in simulated time until nothing is to be done any more, twice in a row."""

    async def work() -> None:
        async with rounds_of(life) as (rounds, found, _):
            quiet = 0
            for _ in range(ROUNDS):
                seconds = min([await rounds.once(group) for group in found])
                watched = [each.watched for each in rounds.records.values()]
                quiet = 0 if any(w.drift or w.changes or w.waits or w.failures for w in watched) else quiet + 1
                if quiet > 1:
                    return
                life.let_pass(int(seconds) + 1)
        raise AssertionError(f"still not quiet: {watched}")

    asyncio.run(work())


def killed_watch(life: Mortal) -> None:
    """Watch until the process dies: the kernel lets go of its locks, and nothing else happens. It may come to its end
    before the command at which it was to die, as in `Mortal.is_killed_in_apply`.
    """
    assert life.dies_at is not None
    number, _ = life.dies_at
    try:
        with mock.patch.object(Run, "end", lambda mine, _: mine.release()), pytest.raises(KilledError):
            watch(life)
    except pytest.fail.Exception:
        if len(life.story) > number:
            raise
    life.dies_at = None
    life._writing.clear()


@pytest.mark.long
@pytest.mark.parametrize(("scene", "release"), SCENES, ids=lambda each: getattr(each, "name", str(each)))
def test_killed_at_any_command_it_ends_in_the_same_world(
    tmp_path: Path, scene: Scene, release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state-whole"))
    with begun(tmp_path / "whole", scene, release) as life:
        watch(life)
        story, made = list(life.story), life.was_made
        must_be_in_order(life, scene)
    all_points = [point for point in points(story) if not scene.arguments or story[point[0]][1] in CHANGING]
    for number, point in enumerate(all_points):
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / f"state-{number}"))
        with begun(tmp_path / str(number), scene, release, made) as life:
            try:
                life.dies_at = point
                killed_watch(life)
                life.let_pass((0, 3, 30)[number % 3])
                watch(life)
                life.let_pass(20)
                must_be_in_order(life, scene)
            except AssertionError as error:
                raise AssertionError(f"killed at {point}, {story[point[0]]}: {error}") from error
