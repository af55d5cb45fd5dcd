"""What can be made to go wrong with one server, and when."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.model import Service


class Kind(StrEnum):
    """A fault. Those of the channel change how an answer gets through; the last three what the daemon does."""

    HANG = "hang"  # the request is read and never answered
    DELAY = "delay"  # it is answered `seconds` later
    RESET = "reset"  # the connection is closed before anything is done
    CUT = "cut"  # the command is carried out, then the connection is closed without an answer
    TRUNCATE = "truncate"  # half of the answer, then the connection is closed
    GARBAGE = "garbage"  # HTTP 200 and something that is no JSON
    UNAUTHORIZED = "unauthorized"  # HTTP 401 as the agent says it
    HTML = "html"  # HTTP 502 and a page, as a proxy in front of it would
    WRONG_SERVICE = "wrong-service"  # the other daemon of this server answers
    OTHER_ANSWER = "other-answer"  # HTTP 200 and `answer` as it is
    SET_FAILS = "set-fails"  # config-set goes wrong half way: old hooks gone, sockets closed, old configuration shown
    DISK_FULL = "disk-full"  # config-write says success and leaves `room` bytes
    FAILS = "fails"  # result 1 with `text`, and nothing is done


@dataclass(slots=True)
class Fault:
    """One fault: `commands` it is limited to (none: all), `services` likewise, and how many `times` it strikes."""

    kind: Kind
    commands: frozenset[str] = frozenset()
    services: frozenset[Service] = frozenset()
    times: int | None = None
    seconds: float = 0.0
    room: int = 0
    text: str = "injected failure"
    answer: bytes = b""
    hits_peers: bool = False

    def strikes(self, command: str, service: Service | None) -> bool:
        """Whether it applies to a command now."""
        return (
            self.times != 0
            and (not self.commands or command in self.commands)
            and (not self.services or service in self.services)
        )


@dataclass(slots=True)
class Faults:
    """The faults of one server, in the order in which they are tried. Change it at any time, from any thread."""

    _active: list[Fault] = field(default_factory=list)

    def add(self, kind: Kind | str, *commands: str, **details: object) -> Fault:
        """Switch a fault on, for some commands or for all; `details` are the other fields of `Fault`."""
        fault = Fault(Kind(kind), frozenset(commands), **details)  # type: ignore[arg-type]
        self._active = [*self._active, fault]
        return fault

    def remove(self, fault: Fault) -> None:
        """Switch one fault off."""
        self._active = [other for other in self._active if other is not fault]

    def clear(self) -> None:
        """Switch all of them off."""
        self._active = []

    def __iter__(self) -> Iterator[Fault]:
        return iter(self._active)

    def __bool__(self) -> bool:
        return bool(self._active)

    def strike(self, kinds: frozenset[Kind], command: str, service: Service | None) -> Fault | None:
        """The first fault of these kinds that applies; it counts as having struck."""
        for fault in self._active:
            if fault.kind in kinds and fault.strikes(command, service):
                if fault.times is not None:
                    fault.times -= 1
                return fault
        return None


BEFORE = frozenset({Kind.HANG, Kind.DELAY, Kind.RESET, Kind.GARBAGE, Kind.UNAUTHORIZED, Kind.HTML, Kind.OTHER_ANSWER})
AFTER = frozenset({Kind.CUT, Kind.TRUNCATE})
ELSEWHERE = frozenset({Kind.WRONG_SERVICE})
