"""Whether a daemon answers clients at all."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.simulator.clock import Timer


class Origin(StrEnum):
    """Who switched DHCP off; HA's own state machine and its partner are one side (the partner) to Kea 2.2."""

    USER = "user"
    PARTNER = "ha-partner"
    HA = "ha-local"


class Waiting(Protocol):
    """What can call something later."""

    def after(self, seconds: float, call: Callable[[], None]) -> Timer:
        """Call it so many simulated seconds from now."""


class DhcpSwitch:
    """On, unless somebody switched it off; each side takes back only its own."""

    def __init__(self, host: Waiting) -> None:
        self._host = host
        self._off: dict[Origin, Timer | None] = {}

    @property
    def is_on(self) -> bool:
        """Whether nobody has switched it off."""
        return not self._off

    def is_off_by(self, origin: Origin) -> bool:
        """Whether this side has switched it off."""
        return origin in self._off

    def disable(self, origin: Origin, seconds: float | None = None) -> None:
        """Switch it off, for a time or until it is switched on again from the same side."""
        self.enable(origin)
        self._off[origin] = None if seconds is None else self._host.after(seconds, lambda: self.enable(origin))

    def enable(self, origin: Origin) -> None:
        """Take back a `disable` from the same side."""
        timer = self._off.pop(origin, None)
        if timer is not None:
            timer.cancel()
