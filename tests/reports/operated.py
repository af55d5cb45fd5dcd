"""Outcomes of operations and comparisons of leases made by hand, for the reports to show."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from reconciler.kea.leases import Lease
from reconciler.model import Live, Role, Unreachable
from reconciler.planning.leases import Kind, LeaseComparison, LeaseDifference, LeaseSource
from reconciler.planning.scenes import (
    Answer,
    Decision,
    Ending,
    Operation,
    OperationOutcome,
    Order,
    Scene,
    Standing,
    refusal,
)
from tests.reports import samples

ORDER = Order("kea-a", "ha-maintenance-start")
SAYS = ("kea-a gets kea-b to stop, and then serves all clients alone",)
GOES = Decision((ORDER,), {"kea-a": frozenset({"partner-in-maintenance"})}, SAYS)
OBJECTS = Decision(
    refusals=(
        refusal("unreachable", "kea-b", "kea-b can't be reached: connection refused", "make kea-b reachable first"),
        refusal("state", "kea-a", "kea-a is in state waiting, not hot-standby", "wait until both servers are normal"),
    )
)
BEFORE = (
    Standing("kea-a", Role.PRIMARY, "hot-standby", ("kea-a",), 1.0),
    Standing("kea-b", Role.STANDBY, "hot-standby", (), 0.0),
)
LOST = Standing("kea-b", Role.STANDBY, None, reason="connection refused")
AFTER = (
    Standing("kea-a", Role.PRIMARY, "partner-in-maintenance", ("kea-a",), 0.0),
    Standing("kea-b", Role.STANDBY, "in-maintenance", (), 0.0),
)


def outcome(ending: Ending, decision: Decision = GOES, **parts: Any) -> OperationOutcome:
    subject = samples.relationship()
    base = OperationOutcome(Operation.MAINTENANCE_START, subject, "kea-b", ending, (), decision, BEFORE)
    return replace(base, **parts)


DONE = outcome(
    Ending.DONE, after=AFTER, answers=(Answer(ORDER, 0, "Server is now in the partner-in-maintenance state."),)
)
REFUSED = outcome(Ending.REFUSED, OBJECTS, reasons=tuple(each.message for each in OBJECTS.refusals))
NOTHING = outcome(
    Ending.NOTHING_TO_DO,
    Decision(nothing_to_do="kea-b is in maintenance already"),
    reasons=("kea-b is in maintenance already",),
)
FAILED = outcome(
    Ending.FAILED,
    reasons=("the answer was lost (read timed out)", "kea-b is in state unknown, not in-maintenance"),
    after=(replace(AFTER[0], state="partner-down"), LOST),
    answers=(Answer(ORDER, None, "read timed out"),),
)
OUTCOMES = {"done": DONE, "refused": REFUSED, "nothing": NOTHING, "failed": FAILED}


def scene(*, is_reachable: bool = True) -> Scene:
    subject = samples.relationship()
    primary = samples.snapshot("kea-a", samples.ha_view(Role.PRIMARY, subject.mode, "kea-a"))
    standby: Live = samples.snapshot("kea-b", samples.ha_view(Role.STANDBY))
    if not is_reachable:
        standby = Unreachable(samples.endpoint("kea-b"), "connection refused")
    return Scene(subject, subject.peers[1], {"kea-a": primary, "kea-b": standby})


# --------------------------------------------------------------------------------------------- leases


def lease(address: str = "10.0.0.20", **parts: Any) -> Lease:
    base = Lease(address, "V4", "aa:bb:cc:dd:ee:01", "", "", None, None, 1, 4000, 1795680000, 0)
    return replace(base, **parts)


def lease6(address: str, **parts: Any) -> Lease:
    base = Lease(address, "IA_NA", "", "", "00:01:02:03", 7, None, 1, 4000, 1795680000, 0)
    return replace(base, **parts)


def differing(kind: Kind, one: Lease | None, other: Lease | None, *fields: str) -> LeaseDifference:
    known = one or other
    assert known is not None
    return LeaseDifference(kind, known.type, known.address, {"kea-a": one, "kea-b": other}, fields)


def comparison(**parts: Any) -> LeaseComparison:
    sources = (
        LeaseSource("kea-a", Role.PRIMARY, "hot-standby", 1200),
        LeaseSource("kea-b", Role.STANDBY, "hot-standby", 1198),
    )
    return replace(LeaseComparison("hq-dhcp4", "dhcp4", "hot-standby", sources), **parts)


EQUAL = comparison(passing=1)
DIFFERENT = comparison(
    differences=(
        differing(
            Kind.TWO_CLIENTS, lease("10.0.0.21"), lease("10.0.0.21", hw_address="aa:bb:cc:dd:ee:02"), "hw-address"
        ),
        differing(Kind.MISSING, lease("10.0.0.20", client_id="01:02:03"), None),
        differing(
            Kind.DIFFERS,
            lease6("2001:db8:1::", type="IA_PD", prefix_len=56),
            lease6("2001:db8:1::", type="IA_PD", prefix_len=56, cltt=1795680100, state=1),
            "cltt",
            "state",
        ),
    ),
    passing=3,
    notes=("kea-b is in state ready: it may have leases to fetch or to send yet",),
)
UNREAD = comparison(
    sources=(
        LeaseSource("kea-a", Role.PRIMARY, "hot-standby", None),
        LeaseSource("kea-b", Role.STANDBY, None, None, "connection refused"),
    )
)
SHARED = comparison(
    not_compared="all servers keep their leases in one database, so there is nothing to compare",
    sources=tuple(replace(each, leases=None) for each in EQUAL.sources),
)
COMPARISONS = {"equal": EQUAL, "different": DIFFERENT, "unread": UNREAD, "shared": SHARED}
