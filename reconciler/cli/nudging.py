"""What suspend and resume share: the state directory, and that the relationship is one of ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.cli.remembering import state_directory

if TYPE_CHECKING:
    from reconciler.state.runs import Store


@contextmanager
def store_for(relationship: str, desired: Path, state_dir: Path | None) -> Iterator[Store]:
    """Yield the store of the daemon. Raises UsageError for a relationship that nobody declared."""
    from reconciler.cli import session
    from reconciler.state.runs import open_store

    session.load_desired(desired, [relationship])
    with closing(open_store(state_directory(state_dir))) as store:
        yield store
