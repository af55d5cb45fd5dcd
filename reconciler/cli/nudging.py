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
def store_for(relationship: str, desired: Path, state_dir: Path | None) -> Iterator[tuple[Store, set[str]]]:
    """Yield the store of the daemon, and the control addresses of the relationship's servers.

    Raises UsageError for a relationship that nobody declared.
    """
    from reconciler.cli import session
    from reconciler.state.runs import open_store

    found = session.load_desired(desired, [relationship])
    keys = {(peer.server, each.service) for each in found.relationships for peer in each.peers}
    controls = {endpoint.control for key, endpoint in found.endpoints.items() if key in keys}
    with closing(open_store(state_directory(state_dir))) as store:
        yield store, controls
