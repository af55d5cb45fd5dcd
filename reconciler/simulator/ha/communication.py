"""What a server knows of its partner."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import TYPE_CHECKING

from reconciler.simulator.releases import Release

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model import Json
    from reconciler.simulator.ha.settings import Settings

UNAVAILABLE = "unavailable"
WORST_SKEW = 60.0
"""Seconds between the two clocks at which Kea ends the HA service."""


@dataclass(slots=True)
class Partner:
    """The partner as it was last heard: simulated `heard_at`, its state ("" before the first try), its scopes.

    `clocks`: its clock and ours, as they were then. `unacked_clients` counts the clients that it left waiting (nobody
    but a test sets it). `state_since`: when it came into its state. `unsent`: how many updates it never sent us, when
    it was heard before and when it was heard last.
    """

    heard_at: float
    state: str = ""
    scopes: list[str] = field(default_factory=list)
    skew: float = 0.0
    clocks: tuple[float, float] | None = None
    unacked_clients: int = 0
    state_since: float = 0.0
    unsent: tuple[int, int] = (0, 0)

    def lose(self) -> None:
        """It did not answer, or not with a success."""
        self.state, self.skew, self.clocks = UNAVAILABLE, 0.0, None

    def has_new_unsent(self) -> bool:
        """Whether it gave leases that it did not send us, since we last heard it."""
        before, now = self.unsent
        return now != 0 and now != before

    def take(self, answer: Mapping[str, Json] | None, now: float, wall: float) -> None:
        """Note the answer to a heartbeat; none, or one that is no success, makes the partner unavailable."""
        if answer is None or answer.get("result") != 0:
            self.lose()
            return
        arguments = answer["arguments"]
        self.heard_at, self.unacked_clients = now, 0
        if arguments["state"] != self.state:
            self.state_since = now
        self.state, self.scopes = arguments["state"], list(arguments["scopes"])
        self.unsent = (self.unsent[1], int(arguments.get("unsent-update-count", 0)))
        its = parsedate_to_datetime(arguments["date-time"]).timestamp()
        self.skew, self.clocks = its - math.floor(wall), (its, wall)

    def is_interrupted(self, settings: Settings, now: float) -> bool:
        """Kea's communication-interrupted."""
        return now - self.heard_at > settings.seconds("max-response-delay")

    def has_failed(self, settings: Settings) -> bool:
        """Whether enough of its clients went without an answer to call it down."""
        limit = settings.values["max-unacked-clients"]
        return bool(limit == 0 or self.unacked_clients > limit)

    def report(self, settings: Settings, role: str, now: float) -> dict[str, Json]:
        """`remote` of status-get."""
        interrupted = self.is_interrupted(settings, now)
        limit = settings.values["max-unacked-clients"]
        left = max(0, limit - self.unacked_clients + 1) if interrupted else 0
        report: dict[str, Json] = {
            "age": int(now - self.heard_at),
            "analyzed-packets": self.unacked_clients,
            "communication-interrupted": interrupted,
            "connecting-clients": self.unacked_clients,
            "in-touch": bool(self.state),
            "last-scopes": list(self.scopes),
            "last-state": self.state,
            "role": role,
            "unacked-clients": self.unacked_clients,
            "unacked-clients-left": left,
        }
        if settings.release >= Release.KEA_2_6:
            report["server-name"] = settings.partner
        if settings.release >= Release.KEA_3_0:
            report["system-time"] = None if self.clocks is None else clock(self.clocks[0])
            report["clock-skew"] = None if self.clocks is None else int(self.skew)
        return report

    def own_clock(self) -> str | None:
        """Our own clock when its was last seen, as status-get shows it since 2.7.2."""
        return None if self.clocks is None else clock(self.clocks[1])


def clock(wall: float) -> str:
    """A time as status-get shows it."""
    return datetime.fromtimestamp(wall, UTC).strftime("%Y-%m-%d %H:%M:%S")


def date(wall: float) -> str:
    """A time as a heartbeat carries it (RFC 1123)."""
    return format_datetime(datetime.fromtimestamp(wall, UTC), usegmt=True)
