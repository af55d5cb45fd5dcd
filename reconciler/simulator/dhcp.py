"""Whether a daemon answers clients at all."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.simulator.clock import Timer


class Origin(IntEnum):
    """Who switched DHCP off. Relationship number n is HA + n, its partner PARTNER + n.

    HA's own state machine and its partner are one side (the partner) to Kea 2.2.
    """

    USER = 1
    HA = 1000
    PARTNER = 2000


class Waiting(Protocol):
    """What can call something later."""

    def after(self, seconds: float, call: Callable[[], None]) -> Timer:
        """Call it so many simulated seconds from now."""


class DhcpSwitch:
    """On, unless somebody switched it off; each side takes back only its own."""

    def __init__(self, host: Waiting) -> None:
        self._host = host
        self._off: dict[int, Timer | None] = {}

    @property
    def is_on(self) -> bool:
        """Whether nobody has switched it off."""
        return not self._off

    def is_off_by(self, origin: int) -> bool:
        """Whether this side has switched it off."""
        return origin in self._off

    def off_by(self, kind: Origin) -> list[int]:
        """The relationships, in their own state machine or by the partner, that have switched it off, as numbers."""
        return sorted(origin for origin in self._off if kind <= origin < kind + Origin.HA)

    def take_back_all(self) -> None:
        """Take back what HA has switched off, on both sides: its hook is unloaded."""
        for origin in [*self.off_by(Origin.HA), *self.off_by(Origin.PARTNER)]:
            self.enable(origin)

    def forget_times(self) -> None:
        """Stay off for good where it was off for a time: Kea drops its timers with each set (measured)."""
        for origin, timer in self._off.items():
            if timer is not None:
                timer.cancel()
                self._off[origin] = None

    def disable(self, origin: int, seconds: float | None = None) -> None:
        """Switch it off, for a time or until it is switched on again from the same side."""
        self.enable(origin)
        self._off[origin] = None if seconds is None else self._host.after(seconds, lambda: self.enable(origin))

    def enable(self, origin: int) -> None:
        """Take back a `disable` from the same side."""
        timer = self._off.pop(origin, None)
        if timer is not None:
            timer.cancel()
