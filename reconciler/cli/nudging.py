"""What suspend and resume share: the state directory, that the relationship is one of ours, and who keeps it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.cli.remembering import state_directory

if TYPE_CHECKING:
    from reconciler.model import Relationship
    from reconciler.state.runs import Store


@dataclass(frozen=True, slots=True)
class Concern:
    """A relationship, and the store of the daemon that watches it: by which revision of desired, and the control
    addresses of its servers.
    """

    store: Store
    relationship: Relationship
    revision: str
    controls: set[str]

    def tell(self, summary: str, details: tuple[str, ...] = ()) -> None:
        """Have the daemon look, which tells what it finds and keeps it; where none runs, keep this for the history.

        Raises StateError.
        """
        from datetime import UTC, datetime

        from reconciler.model import Event, EventKind, Gravity
        from reconciler.state.daemon import nudge
        from reconciler.state.events import keep_event

        if nudge(self.store.directory) is not None:
            return
        about = self.relationship
        said = Event(  # and no finding: of that a daemon that begins tells by itself, webhooks too
            datetime.now(UTC),
            EventKind.SUSPENDED,
            Gravity.INFO,
            summary,
            about.name,
            about.service,
            details,
            self.revision,
        )
        keep_event(self.store, said)


@contextmanager
def concerning(relationship: str, desired: Path, state_dir: Path | None) -> Iterator[Concern]:
    """Yield a relationship and the store of the daemon. Raises UsageError for one that nobody declared."""
    from reconciler.cli import session
    from reconciler.state.runs import open_store

    found = session.load_desired(desired, [relationship])
    (one,) = found.relationships
    keys = {(peer.server, one.service) for peer in one.peers}
    controls = {endpoint.control for key, endpoint in found.endpoints.items() if key in keys}
    with closing(open_store(state_directory(state_dir))) as store:
        yield Concern(store, one, found.revision, controls)
