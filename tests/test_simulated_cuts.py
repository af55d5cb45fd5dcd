"""The process is killed after every command of a hand-over, and nobody applies again: two minutes later all clients are
answered, since Kea ends by itself what was to last for a while.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.model import Mode
from reconciler.simulator import Release
from tests.cli.life import Life
from tests.test_simulated_crashes import (
    CHANGING,
    PREFIX,
    Scene,
    begun,
    replicate,
    standing,
    swap,
    timers,
    undisturbed,
)

if TYPE_CHECKING:
    from pathlib import Path

HANDED_OVER = [
    (Scene("modify", timers), Release.KEA_2_2),
    (Scene("swap", swap), Release.KEA_2_2),
    (Scene("replicate-load-balancing", replicate, mode=Mode.LOAD_BALANCING), Release.KEA_2_2),
    (Scene("modify", timers), Release.KEA_3_0),
    (Scene("modify-load-balancing", timers, mode=Mode.LOAD_BALANCING), Release.KEA_3_0),
    (Scene("swap-load-balancing", swap, mode=Mode.LOAD_BALANCING), Release.KEA_2_2),
]


@pytest.mark.long
@pytest.mark.parametrize(("scene", "release"), HANDED_OVER, ids=lambda each: getattr(each, "name", str(each)))
def test_clients_are_answered_though_nobody_applies_again(
    tmp_path: Path, scene: Scene, release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is left before a command is what the last that changes something has left."""
    story, made = undisturbed(tmp_path / "whole", scene, release)
    planned = [(number, True) for number, (_, command) in enumerate(story) if command in CHANGING]
    missed = 0
    for place, point in enumerate(planned):
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / f"state-{place}"))
        life = begun(tmp_path / str(place), scene, release, made)
        try:
            life.dies_at = point
            missed += not life.is_killed_in_apply()
            Life.let_pass(life, 120)
            found = life.world.serving(PREFIX)
            assert not found.is_nobody, f"killed at {point}, {life.story[-1:]}: {found}: {standing(life)}"
        finally:
            life.__exit__()
    assert missed * 4 < len(planned), (missed, len(planned))
