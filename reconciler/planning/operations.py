"""From an operation that a person asks for to what is to be sent, or the reasons not to: pure."""

from __future__ import annotations

from reconciler.planning import maintenance, mending
from reconciler.planning.scenes import Decision, Operation, Scene


def decide(operation: Operation, scene: Scene, *, source: str | None = None, leases: int | None = None) -> Decision:
    """Return what is to be done for an operation on the scene's peer.

    For `sync`, `source` is the server whose leases are fetched, and `leases` how many it has, where that is known.
    """
    match operation:
        case Operation.MAINTENANCE_START:
            return maintenance.start(scene)
        case Operation.MAINTENANCE_STOP:
            return maintenance.stop(scene)
        case Operation.CONTINUE:
            return mending.resume(scene)
        case Operation.SYNC:
            return mending.sync(scene, source, leases)
        case Operation.RESET:
            return mending.reset(scene)
