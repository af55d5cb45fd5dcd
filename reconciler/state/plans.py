"""Plan files that were carried out: each is good for once."""

from __future__ import annotations

from reconciler.errors import StateError
from reconciler.state.database import told, transaction
from reconciler.state.runs import Store, now

DAYS = 400  # longer than any plan file can be of use


def used(store: Store, plan: str) -> str | None:
    """Return when the plan with that id was carried out; None where it was not. Raises StateError."""
    with told(store.directory):
        row = store.database.execute("SELECT used_at FROM used_plan WHERE id = ?", (plan,)).fetchone()
    return None if row is None else str(row[0])


def use(store: Store, plan: str, fingerprint: str) -> None:
    """Write down that a plan is carried out from now on. Raises StateError where that can't be, or was so before."""
    values = (plan, fingerprint, now())
    with told(store.directory), transaction(store.database):
        store.database.execute("DELETE FROM used_plan WHERE used_at < date('now', ?)", (f"-{DAYS} days",))
        if not store.database.execute("INSERT OR IGNORE INTO used_plan VALUES (?, ?, ?)", values).rowcount:
            raise StateError("another run has carried out this plan file meanwhile; nothing was changed. Plan again")
