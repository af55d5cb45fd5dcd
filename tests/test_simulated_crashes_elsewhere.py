"""The process is killed at every command of an apply, as in `test_simulated_crashes`: on other relationships than
a pair for DHCPv4, with pools that are split, and with another mode afterwards.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from reconciler.model import Mode, Service
from reconciler.simulator import Release
from tests.mortal import APPROVED, Mortal, Scene, remove, replicate, timers
from tests.test_simulated_crashes import must_be_finished

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def other_mode(life: Mortal) -> None:
    life.documents[0]["mode"] = Mode.LOAD_BALANCING.value
    life.documents[0]["peers"][1]["role"] = "secondary"
    life.write()


def passive_backup(life: Mortal) -> None:
    life.documents[0]["mode"] = Mode.PASSIVE_BACKUP.value
    life.documents[0]["peers"][1]["role"] = "backup"
    life.write()


def backup_leaves(life: Mortal) -> None:
    del life.documents[0]["peers"][2]
    life.write()


def split(name: str, change: Callable[[Mortal], None] = lambda _: None, **options: Any) -> Scene:
    """A scene of a pair in load-balancing whose pools are split."""
    arguments = ("--approve", "split-pools", *options.pop("arguments", ()))
    return Scene(name, change, mode=Mode.LOAD_BALANCING, is_split=True, arguments=arguments, **options)


SCENES = [
    (Scene("create-passive-backup", is_related=False, mode=Mode.PASSIVE_BACKUP), Release.KEA_2_2),
    (Scene("modify-passive-backup", timers, mode=Mode.PASSIVE_BACKUP), Release.KEA_3_0),
    (Scene("replicate-passive-backup", replicate, mode=Mode.PASSIVE_BACKUP, backups=1), Release.KEA_2_2),
    (Scene("modify-dhcp6", timers, service=Service.DHCP6), Release.KEA_3_0),
    (Scene("backup-leaves", backup_leaves, backups=1, arguments=APPROVED, leaving=("kea-c",)), Release.KEA_2_2),
    (Scene("other-mode", other_mode, is_together=True), Release.KEA_3_0),
    (Scene("passive-backup", passive_backup, is_together=True), Release.KEA_3_0),
    (Scene("passive-backup-from-load-balancing", passive_backup, mode=Mode.LOAD_BALANCING), Release.KEA_2_2),
    (Scene("modify-hub", timers, is_hub=True), Release.KEA_3_0),
    (split("create-split", is_related=False), Release.KEA_3_0),
    (split("modify-split", timers), Release.KEA_2_2),
    (split("replicate-split", replicate), Release.KEA_2_2),
    (split("remove-split", remove, arguments=APPROVED, ends_without=True), Release.KEA_3_0),
]


@pytest.mark.long
@pytest.mark.parametrize(("scene", "release"), SCENES, ids=lambda each: getattr(each, "name", str(each)))
def test_the_next_apply_finishes_what_was_cut_off_elsewhere(
    tmp_path: Path, scene: Scene, release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    must_be_finished(tmp_path, scene, release, monkeypatch)
