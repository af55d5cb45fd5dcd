"""The state that no server leaves by itself, whatever is waited for, and the way out of it."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.model import RelationshipPlan, Snapshot

TERMINATED = "terminated"

_CAUSE = "once its cause is mended (clocks that are apart, lease updates that are rejected)"


def is_terminated(snapshots: Iterable[Snapshot]) -> bool:
    """Whether one of the servers is in that state: its partner then waits for it, or comes to be in it too."""
    return any(each.ha is not None and each.ha.state == TERMINATED for each in snapshots)


def has_terminated(plan: RelationshipPlan) -> bool:
    """Whether one of the servers that a plan saw is in that state."""
    return is_terminated(server.snapshot for server in plan.servers)


def way_out(server: str) -> str:
    """Return what a person is to do about a terminated server."""
    return f"send `kea-reconciler reset {server}` {_CAUSE}; it does not end by itself"
