"""Plans, statuses and outcomes made by hand, for the reports to show."""

from __future__ import annotations

from typing import Any

from reconciler.model import (
    ABSENT,
    Action,
    Authority,
    Cause,
    Change,
    Endpoint,
    FieldChange,
    HaView,
    Mode,
    Objection,
    PartnerView,
    Peer,
    Plan,
    Position,
    Procedure,
    Relationship,
    RelationshipPlan,
    Role,
    ServerPlan,
    Service,
    Snapshot,
    Stage,
    Unreachable,
)

FILE = "desired/relationships/hq.yaml"
RESERVATION = "hw-address aa:bb:cc:dd:ee:01"
SUBNET = ("subnet", "10.0.0.0/24")
SUBNET_PATH = (SUBNET,)


def endpoint(server: str, service: Service = Service.DHCP4) -> Endpoint:
    return Endpoint(server, service, f"http://{server}.example:8000/")


def relationship(name: str = "hq-dhcp4", mode: Mode = Mode.HOT_STANDBY, **parts: Any) -> Relationship:
    peers = (
        Peer("kea-a", "kea-a", Role.PRIMARY, "http://192.0.2.10:8001/", position=Position(FILE, 4, 5)),
        Peer("kea-b", "kea-b", Role(str(mode.partner_role)), "http://192.0.2.11:8001/", position=Position(FILE, 5, 5)),
    )
    return Relationship(name, Service.DHCP4, mode, **{"peers": peers, **parts})


def ha_view(role: Role, mode: Mode = Mode.HOT_STANDBY, *scopes: str, in_touch: bool = True) -> HaView:
    partner = PartnerView("partner", mode.value, (), age=1.0, in_touch=in_touch, interrupted=not in_touch)
    return HaView(mode.value, role.value, mode.value, scopes, partner)


def snapshot(server: str, ha: HaView | None = None, config: dict[str, Any] | None = None) -> Snapshot:
    return Snapshot(endpoint(server), "2.2.0", config or {"secret-canary": "s3cr3t"}, None, 4711, 100, 90, 1000.0, ha)


def server_plan(subject: Relationship, server: str, *changes: Change, ha: HaView | None = None) -> ServerPlan:
    peer = next(each for each in subject.peers if each.server == server)
    return ServerPlan(peer, snapshot(server, ha), changes, {"secret-canary": "s3cr3t"} if changes else None)


def modification() -> RelationshipPlan:
    """A standing hot-standby pair: the standby is to get every kind of change, for every cause."""
    subject = relationship(
        parameters={"heartbeat-delay": 5000},
        local=("/subnet4/*/interface",),
        position=Position(FILE, 1, 1),
        positions={("parameters", "heartbeat-delay"): Position(FILE, 9, 20)},
    )
    changes = (
        Change(
            Action.CHANGE,
            (("relationship", "hq-dhcp4"),),
            (
                FieldChange("heartbeat-delay", 10000, 5000),
                FieldChange("peers.kea-b.basic-auth-password", "(hidden)", "(hidden, another value)"),
                FieldChange("peers.kea-b.trust-anchor", "", "/etc/kea/ca.pem"),
            ),
            cause=Cause.GIT,
        ),
        Change(Action.ADD, (("hook", "libdhcp_lease_cmds.so"),), cause=Cause.PEER, moved=("kea-b",)),
        Change(
            Action.CHANGE,
            (("hook", "libdhcp_ha.so"),),
            (FieldChange("in force", before=False, after=True),),
            cause=Cause.PEER,
            moved=("kea-b",),
        ),
        Change(
            Action.CHANGE,
            (("global", "valid-lifetime"),),
            (FieldChange("valid-lifetime", 4000, 7200),),
            cause=Cause.PRIMARY,
            moved=("kea-a",),
        ),
        Change(
            Action.CHANGE,
            (("global", "expired-leases-processing"),),
            (FieldChange("expired-leases-processing.max-reclaim-time", ABSENT, 250),),
            cause=Cause.PRIMARY,
            moved=("kea-a",),
        ),
        Change(
            Action.CHANGE,
            (("client-class", "order"),),
            (FieldChange("order", ["voip", "printers"], ["printers", "voip"]),),
            cause=Cause.PRIMARY,
            moved=("kea-a",),
        ),
        Change(
            Action.ADD,
            SUBNET_PATH,
            summary="id 1, 2 pools, 10 reservations in shared-network office",
            cause=Cause.PRIMARY,
            moved=("kea-a",),
        ),
        Change(
            Action.CHANGE,
            (SUBNET, ("reservation", RESERVATION)),
            (FieldChange("ip-address", "10.0.0.5", "10.0.0.6"),),
            cause=Cause.PEER,
            moved=("kea-b",),
        ),
        Change(
            Action.DELETE,
            (SUBNET, ("pool", "10.0.0.100-10.0.0.200"), ("option", "domain-name")),
            summary="data example.org",
            cause=Cause.PRIMARY,
            moved=("kea-a", "kea-b"),
        ),
        Change(
            Action.CHANGE,
            (("subnet", "10.0.9.0/24"),),
            (
                FieldChange("shared-network", "office", ABSENT),
                FieldChange("user-context", ABSENT, {"b": [1], "a": None}),
            ),
            cause=Cause.PRIMARY,
        ),
    )
    return RelationshipPlan(
        subject,
        Authority("kea-a", "kea-a is the primary and answers"),
        Procedure.MODIFY,
        replicates=True,
        servers=(
            server_plan(subject, "kea-b", *changes, ha=ha_view(Role.STANDBY)),
            server_plan(subject, "kea-a", ha=ha_view(Role.PRIMARY, Mode.HOT_STANDBY, "kea-a")),
        ),
        objections=(
            Objection("clock-skew", "the servers' clocks are 61 s apart", "synchronise the clocks (NTP) first"),
            Objection("identity", "kea-b says it is 'kea-c'", "check the control address", False, "kea-b"),
        ),
        notes=(
            "kea-b runs Kea 2.2.0, which has no `max-rejected-lease-updates` (since Kea 2.3.1); it is left out there",
        ),
    )


def creation() -> RelationshipPlan:
    """Two unrelated servers that become a load-balancing pair."""
    subject = relationship("branch-dhcp4", Mode.LOAD_BALANCING)

    def joins(role: str) -> Change:
        return Change(Action.ADD, (("relationship", "branch-dhcp4"),), summary=f"load-balancing, {role}")

    return RelationshipPlan(
        subject,
        Authority("kea-a", "kea-a is the primary and answers"),
        Procedure.CREATE,
        replicates=True,
        servers=(
            server_plan(
                subject,
                "kea-b",
                joins("secondary kea-b, partner kea-a at http://192.0.2.10:8001/"),
                Change(Action.DELETE, SUBNET_PATH, summary="id 7, 1 pool"),
            ),
            server_plan(subject, "kea-a", joins("primary kea-a, partner kea-b at http://192.0.2.11:8001/")),
        ),
        stages=(Stage(("kea-b", "kea-a"), silenced=("kea-b",), needs_normal=False),),
    )


def unreachable() -> RelationshipPlan:
    """A pair whose primary can't be read."""
    return RelationshipPlan(
        relationship("lab-dhcp4"),
        Authority("kea-b", "the primary kea-a can't be reached; its standby kea-b is the truth until then"),
        unplanned="kea-a can't be reached; nothing is changed until then",
        unreachable=(Unreachable(endpoint("kea-a"), "connection refused"),),
    )


def undecided() -> RelationshipPlan:
    """A pair that answers, and about which nothing can be planned."""
    return RelationshipPlan(
        relationship("mixed-dhcp4"),
        Authority("kea-a", "kea-a is the primary and answers"),
        unplanned="the servers run different versions of Kea",
    )


def quiet(name: str = "quiet-dhcp4", notes: tuple[str, ...] = ()) -> RelationshipPlan:
    """A pair that is as desired."""
    subject = relationship(name)
    return RelationshipPlan(
        subject,
        Authority("kea-a", "kea-a is the primary and answers"),
        replicates=True,
        servers=(server_plan(subject, "kea-b"), server_plan(subject, "kea-a")),
        notes=notes,
    )


def plan(*relationships: RelationshipPlan) -> Plan:
    return Plan("4f2a9c1", tuple(sorted(relationships, key=lambda each: each.relationship.name)))
