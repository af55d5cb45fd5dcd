"""How relationships and their servers are doing."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from reconciler.model.desired import Role
    from reconciler.model.watched import Suspension

HA_STATES: Final = frozenset(
    {
        "backup",
        "communication-recovery",
        "hot-standby",
        "in-maintenance",
        "load-balancing",
        "partner-down",
        "partner-in-maintenance",
        "passive-backup",
        "ready",
        "syncing",
        "terminated",
        "waiting",
    }
)
"""The states that Kea's HA state machine has (ha_service_states.cc)."""


class Health(StrEnum):
    """Whether the relationship does what it is for."""

    OK = "ok"
    IMPAIRED = "impaired"
    SERVICE_DOWN = "service-down"


NORMAL: Final = "normal"
"""The reason of a server's status where nothing is to be said against it."""


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """One server of a relationship. Ages and skews are in seconds; `clock_skew` is against the other servers'
    clocks, the larger difference with its sign. What is not known is None.
    """

    server: str
    role: Role
    is_reachable: bool
    reason: str
    version: str | None = None
    ha_state: str | None = None
    scopes: tuple[str, ...] = ()
    heartbeat_age: float | None = None
    clock_skew: float | None = None
    in_sync: bool | None = None

    @property
    def is_normal(self) -> bool:
        """Whether it answers, and nothing is to be said against it."""
        return self.is_reachable and self.reason == NORMAL


@dataclass(frozen=True, slots=True)
class RelationshipStatus:
    """How one relationship is doing, and why. `in_sync` is None where it could not be told.

    `primary` is the server that has this role now, whatever desired wants; None where there is none. `suspension` and
    `contested` are from the state directory: until when the daemon is kept from changing it, and which objects, in
    words, the daemon leaves alone since they drift back again and again.
    """

    name: str
    service: str
    mode: str
    status: Health
    reasons: tuple[str, ...]
    authority: str | None
    authority_reason: str
    in_sync: bool | None
    servers: tuple[ServerStatus, ...]
    notes: tuple[str, ...] = ()
    suspension: Suspension | None = None
    contested: tuple[str, ...] = ()
    primary: str | None = None
