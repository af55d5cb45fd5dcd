"""Statuses, outcomes and problems made by hand, for the reports to show."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from reconciler.model import (
    Health,
    Objection,
    Position,
    Problem,
    RelationshipOutcome,
    RelationshipStatus,
    Result,
    Role,
    ServerOutcome,
    ServerStatus,
    Severity,
    Suspension,
)

STATUSES = (
    RelationshipStatus(
        name="hq-dhcp4",
        service="dhcp4",
        mode="hot-standby",
        status=Health.OK,
        reasons=(),
        authority="kea-a",
        authority_reason="kea-a is the primary and answers",
        in_sync=True,
        servers=(
            ServerStatus(
                "kea-a",
                Role.PRIMARY,
                is_reachable=True,
                reason="normal",
                version="2.2.0",
                ha_state="hot-standby",
                scopes=("kea-a",),
                heartbeat_age=2.0,
                clock_skew=-31.26,
                in_sync=True,
            ),
            ServerStatus(
                "kea-b",
                Role.STANDBY,
                is_reachable=True,
                reason="normal",
                version="2.2.0",
                ha_state="hot-standby",
                scopes=(),
                heartbeat_age=11.0,
                clock_skew=31.26,
                in_sync=True,
            ),
        ),
        notes=("the servers' clocks are 31 s apart; Kea ends the HA service above 60 s",),
    ),
    RelationshipStatus(
        name="lab-dhcp6",
        service="dhcp6",
        mode="load-balancing",
        status=Health.IMPAIRED,
        reasons=(
            "kea-c can't be reached: connection refused",
            "kea-d is in state partner-down, not load-balancing",
        ),
        authority="kea-d",
        authority_reason="the primary kea-c can't be reached; its secondary kea-d is the truth until then",
        in_sync=None,
        servers=(
            ServerStatus("kea-c", Role.PRIMARY, is_reachable=False, reason="connection refused"),
            ServerStatus(
                "kea-d",
                Role.SECONDARY,
                is_reachable=True,
                reason="kea-d is in state partner-down, not load-balancing",
                version="3.0.3",
                ha_state="partner-down",
                scopes=("kea-c", "kea-d"),
                heartbeat_age=340.0,
            ),
        ),
    ),
    RelationshipStatus(
        name="new-dhcp4",
        service="dhcp4",
        mode="hot-standby",
        status=Health.IMPAIRED,
        reasons=("kea-a is not in the relationship yet", "kea-b is not in the relationship yet"),
        authority="kea-a",
        authority_reason="kea-a is the primary and answers",
        in_sync=False,
        servers=(
            ServerStatus(
                "kea-a",
                Role.PRIMARY,
                is_reachable=True,
                reason="kea-a is not in the relationship yet",
                version="2.2.0",
                clock_skew=0.3,
                in_sync=False,
            ),
            ServerStatus(
                "kea-b",
                Role.STANDBY,
                is_reachable=True,
                reason="kea-b is not in the relationship yet",
                version="2.2.0",
                clock_skew=-0.3,
                in_sync=False,
            ),
        ),
    ),
    RelationshipStatus(
        name="old-dhcp4",
        service="dhcp4",
        mode="hot-standby",
        status=Health.SERVICE_DOWN,
        reasons=("kea-e can't be reached: no route to host", "kea-f can't be reached: no route to host"),
        authority=None,
        authority_reason="neither kea-e nor kea-f can be reached",
        in_sync=None,
        servers=(
            ServerStatus("kea-e", Role.PRIMARY, is_reachable=False, reason="no route to host"),
            ServerStatus("kea-f", Role.STANDBY, is_reachable=False, reason="no route to host"),
        ),
    ),
)

_EVENING = datetime(2026, 11, 26, 21, 0).astimezone()  # by the clock of whoever runs this
HELD = replace(
    STATUSES[0],
    in_sync=False,
    suspension=Suspension("hq-dhcp4", "CHG-1234: new racks", "ada", _EVENING - timedelta(hours=2), _EVENING),
    contested=("global valid-lifetime on kea-b", "pool 192.0.2.10-192.0.2.20 in subnet 192.0.2.0/24 on kea-b"),
)

BLOCKING = (
    Objection(
        "subnet-id-conflict",
        "subnet ids on kea-b differ for the same prefix (10.0.0.0/24 is 7, not 1); its leases carry the old ids",
        "approve to give kea-b the authority's ids; its leases with the old ids then match no subnet",
    ),
    Objection(
        "identity",
        "kea-b says it is 'kea-c', not 'kea-b'",
        "check the address of kea-b",
        approvable=False,
        object="kea-b",
    ),
)

OUTCOMES = (
    RelationshipOutcome(
        "blocked-dhcp4",
        tuple(
            ServerOutcome(server, Result.NOT_ATTEMPTED, "; ".join(each.message for each in BLOCKING))
            for server in ("kea-a", "kea-b")
        ),
        BLOCKING,
    ),
    RelationshipOutcome(
        "hq-dhcp4",
        (
            ServerOutcome("kea-b", Result.APPLIED, "running and persisted", persisted=True),
            ServerOutcome(
                "kea-a",
                Result.APPLIED,
                "running, NOT persisted (a restart would bring the old configuration back): is the disk full?",
                persisted=False,
            ),
        ),
    ),
    RelationshipOutcome(
        "lab-dhcp6",
        (
            ServerOutcome("kea-d", Result.RESTORED, "not normal within 180 s; it has its old configuration again"),
            ServerOutcome("kea-c", Result.NOT_ATTEMPTED, "an earlier step did not reach its end"),
        ),
    ),
    RelationshipOutcome(
        "moved-dhcp4",
        (
            ServerOutcome("kea-f", Result.WORLD_CHANGED, "its configuration changed since the plan was made"),
            ServerOutcome("kea-e", Result.FAILED, "config-set got no answer; it may still carry out the change"),
        ),
    ),
    RelationshipOutcome(
        "quiet-dhcp4",
        (
            ServerOutcome("kea-h", Result.NOTHING_TO_DO, "as desired"),
            ServerOutcome("kea-g", Result.NOTHING_TO_DO, "as desired"),
        ),
    ),
)

PROBLEMS = (
    Problem(
        Position("desired/relationships/hq.yaml", 4, 13),
        "literal-address",
        "the peer url names the host 'kea-a.example'",
        "write its IP address: Kea resolves no names there",
    ),
    Problem(Position("desired/relationships/hq.yaml", 9, 3), "unknown-key", "there is no key 'paramters'", ""),
    Problem(
        Position("desired/servers.yaml", 2, 5),
        "response-delay",
        "max-response-delay is less than three heartbeats",
        "raise it to 30000",
        Severity.WARNING,
    ),
)
