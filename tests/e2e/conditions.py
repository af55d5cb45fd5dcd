"""The conditions under which lost exchanges are counted, and what is required under each."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from reconciler.model import Mode


class Change(StrEnum):
    """What is applied while the clients ask."""

    NOTHING = "nothing"
    TIMERS = "timers"  # a parameter of the relationship: both servers are changed
    RESERVATIONS = "60 reservations"  # made on the primary before, and replicated
    SUBNETS = "1,000 subnets"  # the same


class Method(StrEnum):
    """How an apply spares the clients."""

    NONE = "none"
    HAND_OVER = "hand-over"
    PAUSED = "hand-over, both off during each set"
    SINGLE = "single commands"


@dataclass(frozen=True, slots=True)
class Pair:
    """A pair of servers: their generation of Kea, the relationship, and what they have."""

    series: str
    mode: Mode
    has_split_pools: bool = False
    heartbeat: int = 1000  # milliseconds
    leases: int = 0  # that they have before any client of ours asks
    has_commands: bool = False  # the hooks that take single subnets, reservations and classes

    def __str__(self) -> str:
        pools = ", split pools" if self.has_split_pools else ""
        commands = ", with *_cmds" if self.has_commands else ""
        return f"{self.series} {self.mode}{pools}{commands}"

    @property
    def clients(self) -> int:
        """Of how many clients each exchange is one's.

        Nearly all are new to the servers. Where a trial takes half a minute, that alone would make the pair one with
        many leases, which a server that was set has to fetch while nobody answers: there they are fewer.
        """
        return 60_000 if self.heartbeat == 1000 else 600

    @property
    def has_listeners(self) -> bool:
        """Whether the servers talk through listeners of the HA hook's own, which a set closes for a moment."""
        return self.series != "2.2"

    @property
    def has_races(self) -> bool:
        """Whether both servers give out the same addresses at the same time, each before it hears of the other."""
        return self.mode is Mode.LOAD_BALANCING and not self.has_split_pools


@dataclass(frozen=True, slots=True)
class Case:
    """One comparison: a change to a pair, made by `apply` and in the naive way, with the primary killed or not."""

    pair: Pair
    change: Change
    is_killed: bool = False

    def __str__(self) -> str:
        parts = [str(self.pair), str(self.change)]
        parts += [f"heartbeat {self.pair.heartbeat}"] if self.pair.heartbeat != 1000 else []
        parts += [f"{self.pair.leases} leases"] if self.pair.leases else []
        parts += ["primary killed"] if self.is_killed else []
        return ", ".join(parts)

    @property
    def wants_quiet(self) -> bool:
        """Whether clients wait for as long as a server calculates, so that other trials beside it would count: it
        fetches leases, or takes a large configuration while both are off.
        """
        return bool(self.pair.leases) or (self.method is Method.PAUSED and self.change is Change.SUBNETS)

    @property
    def method(self) -> Method:
        """What the change takes here: the servers take single commands, or are set."""
        pair = self.pair
        if self.change is Change.NOTHING:
            return Method.NONE
        if pair.has_commands and self.change is not Change.TIMERS:
            return Method.SINGLE
        return Method.PAUSED if pair.mode is Mode.LOAD_BALANCING and pair.has_listeners else Method.HAND_OVER

    def most_lost(self, naively: int) -> int:
        """How many exchanges an apply may lose where the naive way lost so many."""
        if self.method in {Method.NONE, Method.SINGLE}:
            return 0
        if self.is_killed:  # nobody serves until the partner takes over, whatever is done
            return naively + naively // 5
        if self.pair.leases:
            return naively - 1
        if self.pair.heartbeat != 1000:
            return naively // 100
        return 6
