"""Plans that were shown and not carried out, kept; each once, until something else was planned or done."""

from __future__ import annotations

import json

from reconciler.model import Shown
from reconciler.model.history import CHANGED, PLANNED
from reconciler.state.database import told, transaction
from reconciler.state.events import sound
from reconciler.state.runs import Store


def keep_shown(store: Store, shown: Shown) -> bool:
    """Keep a plan, and return whether it is news: one that would do the same as the last that was shown, with nothing
    changed since, is not kept again. Raises StateError.
    """
    about = (shown.relationship, shown.service.value)
    with told(store.directory), transaction(store.database):
        last = store.database.execute(
            "SELECT kind, mark FROM event WHERE relationship = ? AND service = ? AND kind IN (?, ?) "
            "ORDER BY number DESC LIMIT 1",
            (*about, CHANGED, PLANNED),
        ).fetchone()
        if last == (PLANNED, shown.mark):
            return False
        store.database.execute(
            "INSERT INTO event (at, kind, severity, summary, relationship, service, details, revision, mark) "
            "VALUES (?, ?, 'info', ?, ?, ?, ?, ?, ?)",
            (
                shown.at.isoformat(timespec="milliseconds"),
                PLANNED,
                sound(shown.summary),
                *about,
                json.dumps([*map(sound, shown.details)]),
                shown.revision,
                shown.mark,
            ),
        )
    return True
