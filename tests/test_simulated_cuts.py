"""The process is killed after every command that changes something, and nobody applies again: two minutes later all
clients are answered, since Kea ends by itself what was to last for a while. Where that can't be, `UNSERVED` says why.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.model import Mode
from reconciler.simulator import Release
from tests.mortal import CHANGING, KINDS, Scene, answering, begun, replicate, standing, swap, timers
from tests.test_simulated_crashes import undisturbed
from tests.test_simulated_crashes_elsewhere import SCENES as ELSEWHERE
from tests.test_simulated_crashes_elsewhere import split

if TYPE_CHECKING:
    from pathlib import Path

OTHERS = [
    (Scene("swap", swap), Release.KEA_3_0),
    (split("swap-split", swap), Release.KEA_3_0),
    (Scene("replicate-load-balancing", replicate, mode=Mode.LOAD_BALANCING), Release.KEA_2_2),
    (Scene("modify-hub", timers, is_hub=True), Release.KEA_2_6),
]

# By scene: the command after which some clients wait for the next apply, and why.
NOT_SEEN = (
    "the partner is off: were it on, both would serve beside each other if they don't hear each other, and nobody has "
    "seen yet that they do; with split pools too, since who misses its partner serves both halves"
)
RESTING = "a hub is never switched off, and Kea has no time after which it takes scopes back that were given up"
UNSERVED = {
    "create-load-balancing": {("kea-a", "config-set"): NOT_SEEN},
    "create-split": {("kea-a", "config-set"): NOT_SEEN},
    "other-mode": {("kea-a", "config-set"): NOT_SEEN},
    "modify-hub": {("kea-a", "ha-scopes"): RESTING},
}


@pytest.mark.long
@pytest.mark.parametrize(
    ("scene", "release"), [*KINDS, *ELSEWHERE, *OTHERS], ids=lambda each: getattr(each, "name", str(each))
)
def test_clients_are_answered_though_nobody_applies_again(
    tmp_path: Path, scene: Scene, release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is left before a command is what the last that changes something has left."""
    story, made = undisturbed(tmp_path / "whole", scene, release)
    planned = [(number, True) for number, (_, command) in enumerate(story) if command in CHANGING]
    missed = 0
    unserved = set()
    for place, point in enumerate(planned):
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / f"state-{place}"))
        with begun(tmp_path / str(place), scene, release, made) as life:
            assert not answering(life).is_nobody
            life.dies_at = point
            missed += not life.is_killed_in_apply(*scene.arguments)
            last = [each for each in life.story if each[1] in CHANGING][-1]
            life.let_pass(120)
            found = answering(life)
            where = f"killed at {point}, {last}: {found}: {standing(life)}"
            assert life.double == [], where
            if found.is_nobody:
                unserved.add(last)
                assert last in UNSERVED.get(scene.name, {}), where
    assert missed * 4 < len(planned), (missed, len(planned))
    assert missed or unserved == set(UNSERVED.get(scene.name, {}))
