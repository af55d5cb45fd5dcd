"""Which changes take something away that clients may be living on."""

from __future__ import annotations

from reconciler.model import Action, Change

# Parameters of a subnet that its leases depend on: they carry its id (Kea manual, "Subnet Identifiers").
_HELD_BY_LEASES = frozenset({"id"})


def is_destructive(change: Change) -> bool:
    """Whether a change deletes an object, gives a subnet another id, or makes a server answer fewer clients."""
    if change.action is Action.DELETE:
        return True
    kind = change.path[-1][0]
    return any(
        (kind == "subnet" and field.name in _HELD_BY_LEASES) or (kind == "clients" and field.after is False)
        for field in change.fields
    )
