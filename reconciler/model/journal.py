"""What earlier runs left behind, as far as our own journal tells, and what puts it right."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from reconciler.model.desired import Mode, Peer, Service
    from reconciler.model.json import Json
    from reconciler.model.live import Process


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run of the program: what was called, by whom and where. `is_cut_off` says that it ended without saying so:
    it was killed, or its machine was.
    """

    number: int
    command: str
    user: str
    host: str
    pid: int
    began_at: datetime
    revision: str
    is_cut_off: bool = False


@dataclass(frozen=True, slots=True)
class Leftover:
    """What runs of ours left open on one endpoint; `run` is the last of them, and `part` its place in the journal.

    `process` is that of Kea then. `is_silenced`: its DHCP service was on, and we switched it off; Kea switches it on by
    itself at `silenced_until`, where there is such a time. `is_unwritten`: it may
    run what is not on its disk. `is_unclear`: nobody saw how the last set ended, or it failed. `is_maintaining`: its
    partner was sent into maintenance. `before` and `planned` are its configurations, there only where one of the
    middle two is so. The relationship is described as it was planned, for the case that nobody describes it any more.
    """

    run: RunRecord
    part: int
    relationship: str
    service: Service
    mode: Mode
    peers: tuple[Peer, ...]
    server: str
    control: str
    process: Process
    is_silenced: bool = False
    silenced_until: datetime | None = None
    is_unwritten: bool = False
    is_unclear: bool = False
    is_maintaining: bool = False
    before: Mapping[str, Json] | None = field(default=None, repr=False, compare=False)
    planned: Mapping[str, Json] | None = field(default=None, repr=False, compare=False)

    @property
    def is_owed(self) -> bool:
        """Whether anything is to be put right, or at least to be looked at."""
        return self.is_silenced or self.is_unwritten or self.is_unclear or self.is_maintaining


class Remedy(StrEnum):
    """What is done about something that a run left behind."""

    RESTORE = "restore"  # set the configuration again that it had when all was well
    END_MAINTENANCE = "end maintenance"
    WRITE = "write"  # its running configuration to its disk
    NARROW = "narrow"  # let it serve its own scopes only
    SERVE = "serve"  # switch its DHCP service on again, now that nobody answers its clients any more


@dataclass(frozen=True, slots=True)
class Mend:
    """One thing that is put right on one server, apart from what is changed there: `reason` says why, in words."""

    server: str
    remedy: Remedy
    reason: str
