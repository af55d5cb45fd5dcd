"""A plan file is carried out once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.errors import StateError
from reconciler.state.plans import use, used
from reconciler.state.runs import open_store

if TYPE_CHECKING:
    from pathlib import Path

PLAN, OTHER, MARK = "0" * 32, "1" * 32, "f" * 32


def test_what_was_carried_out_is_remembered(tmp_path: Path) -> None:
    store = open_store(tmp_path / "state")
    assert used(store, PLAN) is None
    use(store, PLAN, MARK)
    use(store, OTHER, MARK)
    store.close()
    store = open_store(tmp_path / "state")
    assert used(store, PLAN) is not None
    with pytest.raises(StateError, match="meanwhile"):
        use(store, PLAN, MARK)
    store.close()


def test_what_no_file_can_be_of_use_any_more_is_forgotten(tmp_path: Path) -> None:
    store = open_store(tmp_path / "state")
    store.database.execute("INSERT INTO used_plan VALUES (?, ?, '2020-01-01T00:00:00.000+00:00')", (OTHER, MARK))
    use(store, PLAN, MARK)
    assert (used(store, OTHER), used(store, PLAN) is None) == (None, False)
    store.close()
