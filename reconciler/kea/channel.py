"""What a channel to one endpoint is: a request in, an answer out, whatever lies between."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait, in seconds: for a connection, and for the next sign of life after the request was sent."""

    connect: float
    silence: float


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whole and unread. `status` and `content_type` are None where there is no HTTP; `date` is the
    server's clock as its Date header says it. `is_logged_in` says that the request had a user and a password.
    """

    body: bytes | bytearray = field(repr=False)
    status: int | None = None
    content_type: str | None = None
    date: datetime | None = None
    is_logged_in: bool = False


class Channel(Protocol):
    """A way to one endpoint. `label` names the endpoint and its address in errors.

    `names_service`: whether requests must say which service they are for (HTTP, since an agent asked without one
    answers for itself); a unix socket belongs to one daemon.
    """

    label: str
    names_service: bool

    async def exchange(self, request: bytes, patience: Patience, *, is_repeatable: bool) -> Answer:
        """Send one request and return the answer.

        Raises NotReachedError where nothing of it can have been executed, OutcomeUnknownError where it may have
        been, AccessRefusedError and WrongAnswererError. Only a request that `is_repeatable` may travel on a
        connection that was used before, and is sent again where the server had closed that one.
        """

    async def close(self) -> None:
        """Close what is open."""
