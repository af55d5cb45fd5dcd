"""How a plan is carried out: the ways to take a server through a set, and the steps of an apply as values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Disruption(StrEnum):
    """What is done about a server's clients while it is changed, by what they notice (`planning.method` says which, and
    why): nothing, as nobody is answered by it or its HA goes on; a moment in which its scopes change hands; or the time
    that its HA needs to start again, with nobody in its place.
    """

    NONE = "none"
    HAND_OVER = "hand-over"
    RESTART = "restart"


class Deed(StrEnum):
    """What a step does; one that is a command of Kea has its name."""

    LOOK = "look whether all is as planned from"
    TELL_APART = "make sure that two processes answer"
    TEST = "config-test"
    AWAIT_WELL = "wait until all are well"
    SILENCE = "dhcp-disable"
    LEAVE_OFF = "dhcp-disable: until it is set"
    REST = "ha-scopes: nobody's"
    WIDEN = "ha-scopes: everybody's"
    SEND = "commands for single objects"
    SET = "config-set"
    WIDEN_WHEN_NORMAL = "ha-scopes: everybody's, once normal"
    AWAIT_MET = "wait until all have met"
    SERVE_IF_MET = "dhcp-enable, if all have met"
    AWAIT_NORMAL = "wait until all are normal"
    GIVE_BACK = "ha-scopes: its own"
    SERVE = "dhcp-enable"
    SERVE_AGAIN = "dhcp-enable, if an earlier run left it off"
    END_HOLD = "end its partner's hold"
    CHECK_SCOPES = "look whether each serves its own"
    WRITE = "config-write"
    MARK = "mark that it saw this replicated"
    PUT_BACK = "config-set: what it had"
    SETTLE = "give all time to become normal"
    AWAIT_HEARD = "wait until its partner hears it"


class Fact(StrEnum):
    """What a condition says of a server."""

    AS_SEEN = "is as the plan saw it"
    NORMAL = "is normal and hears its partner"
    OFF = "has its DHCP service switched off"
    LASTING = "has its DHCP service off, and not for a minute only"
    ON = "has its DHCP service on"
    WIDE = "answers all clients of the relationship"
    OWN = "answers its own clients only"
    RESTING = "answers no client of the relationship"
    SET = "has the planned configuration"
    PUT_BACK = "has its old configuration"
    SURE = "is known not to get what was not meant to stay"
    MET = "has heard its partner since the sets"
    WRITTEN = "has on its disk what it runs"


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that holds of one server, by its name."""

    fact: Fact
    server: str


@dataclass(frozen=True, slots=True)
class Step:
    """One step: what is done to which server, for whose clients, and what has to hold before and holds after it.

    `is_final` says that what was set stays even if this step fails; any other that fails is a reason to undo those
    before it. `is_lone` says, of a wait, that this server alone was set last: if it takes over, all is lost.
    `elsewhere` is the name of another relationship of a hub, which the step and its conditions are about then.
    """

    deed: Deed
    server: str
    covered: str = ""
    before: tuple[Condition, ...] = ()
    after: tuple[Condition, ...] = ()
    is_final: bool = False
    is_lone: bool = False
    elsewhere: str = ""
