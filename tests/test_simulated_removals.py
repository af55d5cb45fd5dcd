"""Removals of relationships of which not every server is known any more, on simulated servers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.kea import hooks
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
