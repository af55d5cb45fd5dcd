"""Removals of relationships of which not every server is known any more, on simulated servers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.kea import guards, hooks
from reconciler.model import Mode
from tests.cli.life import USUAL, Life

if TYPE_CHECKING:
    from pathlib import Path


def test_a_backup_does_not_begin_to_serve_beside_servers_that_are_forgotten(tmp_path: Path) -> None:
    with Life(tmp_path) as life:
        life.add_pair("hq", servers=("kea-a", "kea-b", "kea-c"))
        life.add_pair("other", servers=("kea-x", "kea-y"))
        for document in life.documents:
            document["parameters"] = dict(USUAL)
        life.write()
        made = life.run("apply", "--yes")
        assert made.exit_code == 0, made
        (life.desired / "relationships" / "hq.yaml").unlink()
        life.documents = life.documents[1:]
        del life.inventory["kea-a"], life.inventory["kea-b"]
        life.write()
        refused = life.run("apply", "--yes", "--approve", "remove-relationship")
        assert refused.exit_code == 3, refused
        assert "two-would-serve" in refused.stdout
        assert hooks.relationships_of(life.endpoint("kea-c").config)
        done = life.run("apply", "--yes", "--approve", "remove-relationship", "--approve", "two-would-serve")
        assert done.exit_code == 0, done
        assert not hooks.relationships_of(life.endpoint("kea-c").config)


@pytest.mark.parametrize("is_deleted", [False, True])
@pytest.mark.parametrize("mode", [Mode.PASSIVE_BACKUP, Mode.HOT_STANDBY])
def test_a_backup_that_left_earlier_has_no_part_in_the_removal(tmp_path: Path, mode: Mode, *, is_deleted: bool) -> None:
    with Life(tmp_path) as life:
        life.add_pair("hq", mode=mode, servers=("kea-a", "kea-b", "kea-c"))
        life.add_pair("other", servers=("kea-x", "kea-y"))
        document = life.documents[0]
        for each in life.documents:
            each["parameters"] = dict(USUAL)
        document["on-remove"] = "keep" if is_deleted else "disable"
        life.write()
        assert life.run("apply", "--yes").exit_code == 0
        document["peers"].pop()
        life.write()
        left = life.run("apply", "--yes", "--approve", "remove-relationship")
        assert left.exit_code == 0, left
        before = life.endpoint("kea-c").config
        if is_deleted:
            (life.desired / "relationships" / "hq.yaml").unlink()
            del life.documents[0]
        else:
            document |= {"state": "absent", "on-remove": "keep"}
        life.write()
        life.story.clear()
        removed = life.run("apply", "--yes", "--approve", "remove-relationship")
        assert removed.exit_code == 0, removed
        assert "kea-c" not in removed.stdout
        assert ("kea-c", "config-set") not in life.story
        assert life.endpoint("kea-c").config == before
        assert life.run("plan", "--detailed-exitcode").exit_code == 0
        assert guards.is_silenced(before) is not is_deleted


def test_a_file_of_another_name_says_what_the_servers_call_it(tmp_path: Path) -> None:
    with Life(tmp_path) as life:
        life.add_pair("hq")
        life.documents[0] |= {"parameters": dict(USUAL), "on-remove": "keep"}
        life.write()
        assert life.run("apply", "--yes").exit_code == 0
        (life.desired / "relationships" / "hq.yaml").unlink()
        life.documents[0] |= {"name": "old", "state": "absent", "on-remove": "disable"}
        life.write()
        planned = life.run("plan").stdout
        assert "know this relationship as hq, with on-remove: keep; what counts is the file of old" in planned
        removed = life.run("apply", "--yes", "--approve", "remove-relationship")
        assert removed.exit_code == 0, removed
        assert guards.is_silenced(life.endpoint("kea-b").config)
        assert life.run("plan", "--detailed-exitcode").exit_code == 0
