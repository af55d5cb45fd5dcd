"""Boards and days to draw: quiet ones, and ones in trouble."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from reconciler.model import (
    Board,
    Entry,
    Health,
    PastResult,
    RelationshipStatus,
    Requests,
    Role,
    RunRecord,
    ServerStatus,
    Service,
    Suspension,
    Unmanaged,
    Watched,
    WatchMode,
)
from reconciler.model.health import NORMAL

NOW = datetime(2026, 11, 26, 17, 26, 46, tzinfo=UTC)
DRIFT = (
    "kea-b: + pool 192.0.2.100-192.0.2.199 in subnet 192.0.2.0/24 (kea-b was changed behind our back)",
    "kea-b: ~ option routers in subnet 192.0.2.0/24 data 192.0.2.254 -> 192.0.2.1 (kea-b was changed behind our back)",
)


def server(name: str, role: Role, state: str | None = "hot-standby", **other: object) -> ServerStatus:
    """A server that is well, but for what is said otherwise."""
    known = {
        "reason": NORMAL,
        "version": "3.0.3",
        "scopes": (),
        "heartbeat_age": 3.0,
        "clock_skew": 0.2,
        "in_sync": True,
    }
    return ServerStatus(name, role, True, ha_state=state, **{**known, **other})  # type: ignore[arg-type]


def away(name: str, role: Role) -> ServerStatus:
    """A server that does not answer."""
    return ServerStatus(name, role, False, "http://192.0.2.10:8000/: connection refused")


def pair(name: str, *servers: ServerStatus, mode: str = "hot-standby", **other: object) -> RelationshipStatus:
    """A relationship that is well, but for what is said otherwise."""
    primary, partner = f"{name}-a", f"{name}-b"
    both = (server(primary, Role.PRIMARY, mode, scopes=(primary,)), server(partner, Role.STANDBY, mode))
    known: dict[str, object] = {"status": Health.OK, "reasons": (), "authority": primary, "in_sync": True, "notes": ()}
    known["primary"] = primary
    known["authority_reason"] = f"{primary} is the primary and answers"
    return RelationshipStatus(name, "dhcp4", mode, servers=servers or both, **{**known, **other})  # type: ignore[arg-type]


def watched(name: str, status: RelationshipStatus | None = None, **other: object) -> Watched:
    """What is known of a relationship that was looked at lately."""
    seen = NOW - timedelta(seconds=12)
    first = Watched(name, Service.DHCP4, status or pair(name), looked_at=seen, succeeded_at=seen, seconds=0.04)
    return replace(first, **other)  # type: ignore[arg-type]


def drifted(name: str = "hq") -> Watched:
    """A standby that somebody edited by hand."""
    partner = server("kea-b", Role.STANDBY, in_sync=False)
    status = pair(
        name,
        server("kea-a", Role.PRIMARY, scopes=("kea-a",)),
        partner,
        in_sync=False,
        authority="kea-a",
        authority_reason="kea-a is the primary and answers",
    )
    since = NOW - timedelta(minutes=42)
    return watched(name, status, drift=DRIFT, drift_counts={"kea-b": 2}, drifted_since=since)


def impaired(name: str = "berlin") -> Watched:
    """A primary that is away, its partner and a backup going on."""
    status = pair(
        name,
        away("ber-a", Role.PRIMARY),
        server(
            "ber-b",
            Role.STANDBY,
            "partner-down",
            reason="ber-b is in state partner-down, not hot-standby",
            scopes=("ber-a", "ber-b"),
            heartbeat_age=312.0,
        ),
        server("ber-c", Role.BACKUP, "backup"),
        status=Health.IMPAIRED,
        reasons=("ber-a can't be read: connection refused", "ber-b serves all clients alone"),
        authority="ber-b",
        authority_reason="ber-a is the primary and does not answer; ber-b does",
        in_sync=None,
    )
    return watched(name, status, failures=4, succeeded_at=NOW - timedelta(minutes=7))


def down(name: str = "lisbon") -> Watched:
    """Two servers that are away."""
    status = pair(
        name,
        away("lis-a", Role.PRIMARY),
        away("lis-b", Role.SECONDARY),
        mode="load-balancing",
        status=Health.SERVICE_DOWN,
        reasons=("no server that can be reached answers clients",),
        authority=None,
        authority_reason="neither answers; the first to come back is the truth",
        in_sync=None,
    )
    return watched(name, status, failures=9, succeeded_at=NOW - timedelta(hours=2))


def backed_up(name: str = "tokyo") -> Watched:
    """A pair that balances, with two backups; suspended."""
    status = pair(
        name,
        server("tyo-a", Role.PRIMARY, "load-balancing", scopes=("tyo-a",)),
        server("tyo-b", Role.SECONDARY, "load-balancing", scopes=("tyo-b",), clock_skew=-14.0),
        server("tyo-c", Role.BACKUP, "backup"),
        server("tyo-d", Role.BACKUP, "backup", in_sync=None),
        mode="load-balancing",
        authority="tyo-a",
        authority_reason="tyo-a is the primary and answers",
    )
    until = Suspension(name, "CHG-1234: new racks", "ada", NOW - timedelta(hours=1), NOW + timedelta(hours=1))
    return watched(name, status, suspension=until)


def board(*relationships: Watched, **other: object) -> Board:
    """What a daemon knows that runs since two days."""
    known = Board(
        at=NOW,
        started_at=NOW - timedelta(days=2),
        ticked_at=NOW - timedelta(seconds=0.4),
        mode=WatchMode.REPLICATE,
        interval=60.0,
        revision="git:4f583b8c2e91",
        relationships=relationships,
        requests={("kea-a", Service.DHCP4): Requests(1204, 3, 9.5, 0.008)},
        is_ready=True,
    )
    return replace(known, **other)  # type: ignore[arg-type]


def three() -> Board:
    """One that is well, one that drifted, one that is Impaired."""
    return board(drifted(), impaired(), watched("vienna"))


def sixty() -> Board:
    """A fleet with everything in it."""
    quiet = [watched(f"branch-{number:02}") for number in range(55)]
    new = Watched("zurich", Service.DHCP6)
    strange = (Unmanaged("lab-1", Service.DHCP4, ("lab-1", "lab-2")),)
    return board(drifted(), impaired(), down(), backed_up(), new, *quiet, unmanaged=strange)


def day() -> tuple[Entry, ...]:
    """What happened to the relationships of `three`."""

    def at(hours: float) -> datetime:
        return NOW - timedelta(hours=hours)

    def finding(number: int, hours: float, kind: str, name: str, words: str, **other: object) -> Entry:
        known: dict[str, object] = {"severity": "warning", "finding": f"{kind}:{name}"}
        return Entry(number, at(hours), kind, name, Service.DHCP4, summary=words, **{**known, **other})  # type: ignore[arg-type]

    run = RunRecord(7, "apply --relationship vienna", "ada", "mgmt", 4711, at(9), "git:4f583b8c2e91")
    return (
        finding(2, 30, "changes", "vienna", "vienna is not yet as desired: 3 differences", severity="info"),
        finding(5, 19, "status", "vienna", "vienna is Service down: no server answers", severity="error"),
        finding(6, 18.2, "status", "vienna", "vienna is OK again", is_over=True, severity="info"),
        Entry(
            8,
            at(9),
            "changed",
            "vienna",
            Service.DHCP4,
            run,
            at(8.99),
            results=(PastResult("vie-b", "applied", True),),
        ),
        finding(9, 8.98, "changes", "vienna", "vienna is as desired again", is_over=True, severity="info"),
        Entry(10, at(4), "started", summary="watching begins; the mode is replicate", severity="info"),
        finding(11, 0.7, "drift", "hq", "hq has drifted: 2 differences", details=DRIFT),
        finding(
            12, 0.12, "status", "berlin", "berlin is Impaired: ber-a can't be read: connection refused, and 1 more"
        ),
    )
