"""Where a server goes when it hears its partner's state (Kea manual, "Server States"; measured on 2.2.0)."""

from __future__ import annotations

STAYS = ""
NORMAL, NORMAL_FIRST = "normal", "normal, primary first"
SYNC, SYNC_FIRST = "sync", "sync, primary first"

WORKING = ("load-balancing", "hot-standby", "communication-recovery")
BY_PARTNER: dict[str, dict[str, str]] = {
    "waiting": {"waiting": SYNC_FIRST},
    "syncing": {},
    "ready": {"waiting": SYNC, "ready": NORMAL_FIRST, "partner-down": NORMAL},
    "load-balancing": {"waiting": SYNC, "ready": NORMAL, "communication-recovery": NORMAL},
    "hot-standby": {"waiting": SYNC, "ready": NORMAL},
    "communication-recovery": {
        "waiting": SYNC,
        "ready": NORMAL,
        "communication-recovery": NORMAL,
        "partner-down": "waiting",
    },
    "partner-down": {"waiting": SYNC, "partner-down": "waiting", **dict.fromkeys(WORKING, "waiting")},
    "in-maintenance": {
        "waiting": SYNC,
        "ready": "partner-in-maintenance",
        **dict.fromkeys(WORKING, "partner-in-maintenance"),
    },
    "partner-in-maintenance": {
        "waiting": SYNC,
        "ready": "in-maintenance",
        "partner-down": "waiting",
        **dict.fromkeys(WORKING, "in-maintenance"),
    },
    "terminated": {
        "ready": "terminated",
        "syncing": "terminated",
        "partner-down": "terminated",
        **dict.fromkeys(WORKING, "terminated"),
    },
}
"""State of the partner -> state of this server -> where to: a state, or one of the marks above."""


def after(own: str, partner: str, *, is_primary: bool) -> str:
    """A state, NORMAL, SYNC, or STAYS; of two that wait for each other the primary goes first."""
    found = BY_PARTNER.get(partner, {}).get(own, STAYS)
    if found == NORMAL_FIRST:
        return NORMAL if is_primary else STAYS
    if found == SYNC_FIRST:
        return SYNC if is_primary else STAYS
    return found
