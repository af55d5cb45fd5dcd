"""What of the state directory a look needs. Without it the daemon goes on watching, and does nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from reconciler.errors import StateError
from reconciler.model import Leftover, Suspension
from reconciler.state.left import leftovers
from reconciler.state.runs import Store, writes_within
from reconciler.state.suspensions import suspensions
from reconciler.watching.acting import COMMAND

_WINDOW = timedelta(hours=1)  # in which writes count


@dataclass(frozen=True, slots=True)
class Memory:
    """What runs left open, which relationships are suspended, and how often the daemon changed which lately.

    `unreadable` says why nothing of that is known, and is empty where it is.
    """

    left: Sequence[Leftover] = ()
    suspended: Mapping[str, Suspension] = field(default_factory=dict)
    written: Mapping[tuple[str, str], int] = field(default_factory=dict)
    unreadable: str = ""


def remembered(store: Store, at: datetime, left: Sequence[Leftover] | None = None) -> Memory:
    """Return what is remembered at a moment; `left` is what runs left open, where that is known."""
    try:
        return Memory(
            leftovers(store.database, store.directory) if left is None else left,
            suspensions(store.database, store.directory, at),
            writes_within(store, COMMAND, at, _WINDOW),
        )
    except StateError as error:
        return Memory(unreadable=str(error))
