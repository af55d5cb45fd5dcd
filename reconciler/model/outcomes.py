"""What became of a plan."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.model.decided import Objection


class Result(StrEnum):
    """What became of one server's part of a plan."""

    APPLIED = "applied"
    NOTHING_TO_DO = "nothing to do"
    MENDED = "mended"
    RESTORED = "restored"
    FAILED = "failed"
    WORLD_CHANGED = "world changed"
    NOT_ATTEMPTED = "not attempted"


@dataclass(frozen=True, slots=True)
class ServerOutcome:
    """Where one server stands after an apply, with the reason in words. `persisted` is None where nothing
    was to be written to disk.
    """

    server: str
    result: Result
    reason: str
    persisted: bool | None = None


@dataclass(frozen=True, slots=True)
class RelationshipOutcome:
    """What an apply did to one relationship, server by server, in the order of the plan."""

    relationship: str
    servers: tuple[ServerOutcome, ...]
    blocked_by: tuple[Objection, ...] = ()
