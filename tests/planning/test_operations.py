"""Which operations are allowed in which states, what is sent for them, and what is said before."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconciler.model import HaView, Live, Mode, PartnerView, Peer, Relationship, Role, Snapshot, Unreachable
from reconciler.planning.operations import decide
from reconciler.planning.scenes import Decision, Ending, Operation, Order, Scene, scene, settled, standings
from tests.reports import samples

A, B, C = "kea-a", "kea-b", "kea-c"
START, STOP = Operation.MAINTENANCE_START, Operation.MAINTENANCE_STOP
CONTINUE, SYNC, RESET = Operation.CONTINUE, Operation.SYNC, Operation.RESET
MAINTENANCE = ("in-maintenance", "partner-in-maintenance")


def block(name: str, mode: Mode, peers: tuple[Peer, ...]) -> dict[str, Any]:
    listed = [{"name": each.name, "role": each.role.value, "url": each.url} for each in peers]
    return {"this-server-name": name, "mode": mode.value, "peers": listed}


def hooks(*blocks: dict[str, Any]) -> list[Any]:
    return [{"library": "/usr/lib/kea/hooks/libdhcp_ha.so", "parameters": {"high-availability": list(blocks)}}]


class World:
    """A relationship in words: each server's state, and edits of what was read of it."""

    def __init__(self, mode: Mode = Mode.HOT_STANDBY, *, backup: bool = False) -> None:
        subject = samples.relationship(mode=mode) if mode is not Mode.PASSIVE_BACKUP else passive()
        if backup:
            third = Peer(C, C, Role.BACKUP, "http://192.0.2.12:8001/")
            subject = replace(subject, peers=(*subject.peers, third))
        self.relationship: Relationship = subject
        self.live: dict[str, Live] = {each.server: self._normal(each) for each in subject.peers}

    def _normal(self, peer: Peer) -> Snapshot:
        relationship = self.relationship
        hears = relationship.mode is not Mode.PASSIVE_BACKUP and peer.role is not Role.BACKUP
        state = "backup" if peer.role is Role.BACKUP else relationship.mode.value
        partner = PartnerView("x", state, (), age=0.0, in_touch=True, interrupted=False) if hears else None
        scopes = () if peer.role in {Role.STANDBY, Role.BACKUP} else (peer.name,)
        view = HaView(relationship.mode.value, peer.role.value, state, scopes, partner)
        config = {"hooks-libraries": hooks(block(peer.name, relationship.mode, relationship.peers))}
        return replace(samples.snapshot(peer.server, view, config), views=(view,), clock_offset=0.0)

    def __getitem__(self, server: str) -> Snapshot:
        live = self.live[server]
        assert isinstance(live, Snapshot)
        return live

    def view(self, server: str, **parts: Any) -> World:
        """What a server says of itself; keys that begin with partner_ of what it says of its partner."""
        view = self[server].ha
        assert view is not None
        heard = {key.removeprefix("partner_"): value for key, value in parts.items() if key.startswith("partner_")}
        own = {key: value for key, value in parts.items() if not key.startswith("partner_")}
        partner = replace(view.partner, **heard) if view.partner else None
        changed = replace(view, partner=partner, **own)
        self.live[server] = replace(self[server], ha=changed, views=(changed,))
        return self

    def states(self, **states: str) -> World:
        for server, state in states.items():
            scopes = (server.replace("_", "-"),) if state in {"partner-down", "terminated", MAINTENANCE[1]} else ()
            self.view(server.replace("_", "-"), state=state, scopes=scopes)
        return self

    def read(self, server: str, **parts: Any) -> World:
        self.live[server] = replace(self[server], **parts)
        return self

    def lose(self, server: str) -> World:
        self.live[server] = Unreachable(samples.endpoint(server), "connection refused")
        return self

    def scene(self, server: str) -> Scene:
        service = self.relationship.service
        return scene(self.relationship, server, {(name, service): each for name, each in self.live.items()})

    def decide(self, operation: Operation, server: str, **parts: Any) -> Decision:
        return decide(operation, self.scene(server), **parts)


def passive() -> Relationship:
    subject = samples.relationship()
    first = subject.peers[0]
    return replace(subject, mode=Mode.PASSIVE_BACKUP, peers=(first, replace(subject.peers[1], role=Role.BACKUP)))


def codes(decision: Decision) -> list[str]:
    assert not decision.refusals or (decision.orders == () and decision.nothing_to_do is None)
    assert all(each.message and each.advice and not each.approvable for each in decision.refusals)
    assert all(each.object in {A, B, C, "hq-dhcp4"} for each in decision.refusals)
    return [each.code for each in decision.refusals]


def sent(decision: Decision) -> list[tuple[str, str]]:
    return [(order.server, order.command) for order in decision.orders]


# ------------------------------------------------------------------------------------------ maintenance


@pytest.mark.parametrize("mode", [Mode.HOT_STANDBY, Mode.LOAD_BALANCING])
@pytest.mark.parametrize(("server", "partner"), [(A, B), (B, A)])
def test_the_command_goes_to_the_one_that_survives(mode: Mode, server: str, partner: str) -> None:
    decision = World(mode).decide(START, server)
    assert sent(decision) == [(partner, "ha-maintenance-start")]
    assert decision.goals == {server: {"in-maintenance"}, partner: {"partner-in-maintenance"}}
    assert decision.orders[0].arguments is None
    assert set(decision.hearing) == {server, partner}
    assert any(partner in line and "alone" in line for line in decision.says)


@pytest.mark.parametrize(
    ("world", "expected"),
    [
        (World().lose(B), ["unreachable"]),
        (World().lose(A), ["unreachable"]),
        (World().lose(A).lose(B), ["unreachable", "unreachable"]),
        (World().read(A, ha=None, views=()), ["no-ha"]),
        (World().states(kea_b="waiting"), ["state"]),
        (World().states(kea_a="partner-down"), ["state"]),
        (World().states(kea_a="terminated", kea_b="terminated"), ["state", "state"]),
        (World().states(kea_a="in-maintenance", kea_b="partner-in-maintenance"), ["state", "state"]),
        (World().view(A, partner_interrupted=True), ["out-of-touch"]),
        (World().view(B, partner_in_touch=False), ["out-of-touch"]),
        (World().read(B, clock_offset=61.0), ["clock-skew"]),
        (World().read(A, disabled_by_user=True), ["service-off"]),
        (World().read(A, sockets_ready=False), ["service-off"]),
    ],
)
def test_a_maintenance_does_not_begin_on_a_doubt(world: World, expected: list[str]) -> None:
    assert codes(world.decide(START, B)) == expected


def test_a_server_that_is_out_of_service_need_not_serve() -> None:
    """It is the other that has to be able to."""
    assert codes(World().read(B, disabled_by_user=True).decide(START, B)) == []


def test_split_brain_is_named_where_a_server_can_not_be_told() -> None:
    (objection,) = World().lose(B).decide(START, B).refusals
    assert "kea-a would serve everybody at once, and so would kea-b" in objection.message


def test_a_maintenance_that_is_under_way_is_not_started_again() -> None:
    decision = World().states(kea_a=MAINTENANCE[1], kea_b=MAINTENANCE[0]).decide(START, B)
    assert settled(decision) == (Ending.NOTHING_TO_DO, ("kea-b is in maintenance already, and kea-a serves",))


@pytest.mark.parametrize("operation", [START, STOP])
@pytest.mark.parametrize(
    ("world", "server"), [(World(Mode.PASSIVE_BACKUP), A), (World(Mode.PASSIVE_BACKUP), B), (World(backup=True), C)]
)
def test_there_is_no_maintenance_without_a_partner(operation: Operation, world: World, server: str) -> None:
    assert codes(world.decide(operation, server)) == ["role"]


def test_one_of_several_branches_can_not_be_told_alone() -> None:
    world = World()
    others = [replace(each, name=f"{each.name}-2") for each in world.relationship.peers]
    both = hooks(
        block(A, Mode.HOT_STANDBY, world.relationship.peers), block("kea-a-2", Mode.HOT_STANDBY, tuple(others))
    )
    view = world[A].ha
    world.read(A, config={"hooks-libraries": both}, views=(view, view))
    assert codes(world.decide(START, B)) == ["several-relationships"]
    decision = world.decide(START, A)  # the hub itself can be: its branch is in one relationship only
    assert sent(decision) == [(B, "ha-maintenance-start")]
    assert any("2 relationships" in line for line in decision.says)


def test_a_server_that_says_it_is_another_gets_no_command() -> None:
    world = World()
    config = {"hooks-libraries": hooks(block("kea-b", Mode.HOT_STANDBY, world.relationship.peers))}
    for operation in Operation:
        assert "identity" in codes(world.read(A, config=config).decide(operation, A))


@pytest.mark.parametrize(
    ("server", "partner", "outcome"),
    [
        ("hot-standby", "hot-standby", "nothing"),
        ("in-maintenance", "partner-in-maintenance", "cancel"),
        ("waiting", "partner-in-maintenance", "passing"),
        ("syncing", "partner-in-maintenance", "passing"),
        ("ready", "partner-in-maintenance", "passing"),
        ("waiting", "partner-down", "by itself"),
        ("ready", "partner-down", "by itself"),
        ("partner-in-maintenance", "in-maintenance", "state"),
        ("partner-down", "partner-down", "state"),
        ("terminated", "terminated", "state"),
        ("in-maintenance", "partner-down", "anew"),
        ("hot-standby", "partner-down", "state"),
    ],
)
def test_the_way_back(server: str, partner: str, outcome: str) -> None:
    decision = World().states(kea_b=server, kea_a=partner).decide(STOP, B)
    assert {
        "nothing": decision.nothing_to_do is not None,
        "cancel": sent(decision) == [(A, "ha-maintenance-cancel")],
        "anew": sent(decision) == [(B, "ha-reset")] and decision.hearing == (B,),
        "passing": decision.is_passing and decision.orders == (),
        "by itself": bool(decision.goals) and not decision.orders and not decision.is_passing,
        "state": codes(decision) == ["state"],
    }[outcome], decision
    if outcome in {"cancel", "anew", "by itself", "passing"}:
        assert decision.goals == {A: {"hot-standby"}, B: {"hot-standby"}}


def test_the_way_back_needs_the_server_that_was_shut_down() -> None:
    assert codes(World().states(kea_a="partner-in-maintenance").lose(B).decide(STOP, B)) == ["unreachable"]
    assert codes(World().states(kea_a="partner-down").lose(B).decide(STOP, B)) == ["unreachable"]
    assert codes(World().lose(A).decide(STOP, B)) == ["unreachable"]
    assert codes(World().lose(A).lose(B).decide(STOP, B)) == ["unreachable", "unreachable"]


def test_a_server_that_would_serve_beside_its_partner_does_not_begin_anew() -> None:
    world = World().states(kea_a="partner-down", kea_b="in-maintenance").view(B, partner_interrupted=True)
    assert codes(world.decide(STOP, B)) == ["out-of-touch"]


def test_a_cancel_that_would_not_arrive_is_not_sent() -> None:
    world = World().states(kea_a=MAINTENANCE[1], kea_b=MAINTENANCE[0]).view(A, partner_interrupted=True)
    assert codes(world.decide(STOP, B)) == ["out-of-touch"]


# --------------------------------------------------------------------------------- continue, sync, reset


@pytest.mark.parametrize(
    ("version", "arguments"),
    [("2.2.0", None), ("2.5.4", None), ("2.5.5", {"server-name": B}), ("3.0.3", {"server-name": B})],
)
@pytest.mark.parametrize(("operation", "command"), [(CONTINUE, "ha-continue"), (RESET, "ha-reset")])
def test_the_relationship_is_named_where_there_can_be_several(
    version: str, arguments: Any, operation: Operation, command: str
) -> None:
    decision = World().read(B, version=version).decide(operation, B)
    assert decision.orders == (Order(B, command, arguments),)


def test_going_on_beside_a_partner_that_serves_is_refused() -> None:
    lost = {"state": "waiting", "partner_interrupted": True}
    assert codes(World().view(B, **lost).decide(CONTINUE, B)) == ["out-of-touch"]
    decision = World().view(B, **lost).lose(A).decide(CONTINUE, B)
    assert sent(decision) == [(B, "ha-continue")]
    assert any("make sure that it serves nobody" in line for line in decision.says)
    assert codes(World().lose(B).decide(CONTINUE, B)) == ["unreachable"]
    assert codes(World(backup=True).decide(CONTINUE, C)) == []


@pytest.mark.parametrize(
    ("world", "server"), [(World(Mode.PASSIVE_BACKUP), A), (World(Mode.PASSIVE_BACKUP), B), (World(backup=True), C)]
)
def test_a_server_without_heartbeats_can_be_unpaused_only_where_it_is_to_stay(world: World, server: str) -> None:
    assert sent(world.decide(CONTINUE, server)) == [(server, "ha-continue")]
    assert codes(world.view(server, state="waiting").decide(CONTINUE, server)) == ["state"]


def test_a_sync_says_who_is_silent_and_for_how_long() -> None:
    decision = World().decide(SYNC, B, leases=15000)
    assert decision.orders == (Order(B, "ha-sync", {"server-name": A, "max-period": 60}),)
    assert "kea-a answers no client meanwhile, for some 3 s with its 15000 leases, at most 60 s" in decision.says[1]
    decision = World().decide(SYNC, A)
    assert "kea-b serves nobody now" in decision.says[1]


@pytest.mark.parametrize(
    ("world", "server", "source", "giver"),
    [
        (World(), A, None, B),
        (World(backup=True), C, None, A),
        (World(backup=True), C, B, B),
        (World(backup=True), A, C, C),
        (World(Mode.PASSIVE_BACKUP).read(A, version="2.6.3"), A, None, B),
        (World(Mode.PASSIVE_BACKUP), B, None, A),
    ],
)
def test_whose_leases_are_fetched(world: World, server: str, source: str | None, giver: str) -> None:
    decision = world.decide(SYNC, server, source=source)
    assert decision.orders[0].arguments is not None
    assert decision.orders[0].arguments["server-name"] == giver


def test_a_primary_with_several_backups_is_told_which() -> None:
    world = World(Mode.PASSIVE_BACKUP, backup=True)
    assert codes(world.decide(SYNC, A)) == ["role"]
    assert codes(world.read(A, version="3.0.3").decide(SYNC, A, source=C)) == []


def test_a_backup_is_told_of_a_standby_that_has_the_leases_too() -> None:
    world = World(backup=True)
    assert any("with --from kea-b no client waits" in line for line in world.decide(SYNC, C).says)
    assert not any("--from" in line for line in world.decide(SYNC, C, source=B).says)
    assert not any("--from" in line for line in world.decide(SYNC, B).says)
    assert not any("--from" in line for line in world.states(kea_b="waiting").decide(SYNC, C).says)
    assert not any("--from" in line for line in World(Mode.LOAD_BALANCING, backup=True).decide(SYNC, C).says)


def test_kea_2_2_never_comes_back_from_a_sync_of_a_primary_alone() -> None:
    assert codes(World(Mode.PASSIVE_BACKUP).decide(SYNC, A)) == ["role"]
    assert codes(World(Mode.PASSIVE_BACKUP).decide(SYNC, B)) == []


@pytest.mark.parametrize(
    ("world", "expected"),
    [
        (World().lose(A), ["unreachable"]),
        (World().lose(B), ["unreachable"]),
        (World().view(B, partner_interrupted=True), ["out-of-touch"]),
        (World().states(kea_b="syncing"), ["state"]),
    ],
)
def test_a_sync_needs_both(world: World, expected: list[str]) -> None:
    assert codes(world.decide(SYNC, B)) == expected


@pytest.mark.parametrize(
    ("world", "orders"),
    [
        (World().states(kea_a="terminated", kea_b="terminated"), [A, B]),
        (World().states(kea_a="waiting", kea_b="terminated"), [B]),
        (World().states(kea_a="terminated", kea_b="waiting"), [A]),
        (World().states(kea_a="ready"), [A]),
        (World(), [A]),
        (World(Mode.LOAD_BALANCING), [A]),
        (World().states(kea_b="terminated"), [A, B]),
    ],
)
def test_who_is_reset(world: World, orders: list[str]) -> None:
    assert sent(world.decide(RESET, A)) == [(server, "ha-reset") for server in orders]


@pytest.mark.parametrize(
    ("world", "server", "by"),
    [
        (World(), A, B),
        (World(), B, None),
        (World(Mode.LOAD_BALANCING), A, B),
        (World(Mode.LOAD_BALANCING), B, A),
        (World().states(kea_a="ready"), A, None),
        (World().states(kea_a="terminated", kea_b="terminated"), A, None),
        (World().states(kea_b="terminated"), A, None),
        (World(Mode.LOAD_BALANCING, backup=True), C, None),
    ],
)
def test_who_answers_for_a_server_that_is_reset(world: World, server: str, by: str | None) -> None:
    decision = world.decide(RESET, server)
    assert decision.covered_by == by
    assert set(decision.hearing) == ({server, by} if by else set())
    assert any(f"{by} answers the clients of {server}" in line for line in decision.says) is (by is not None)


def test_what_a_reset_costs_the_clients_is_said() -> None:
    alone = World().states(kea_a="terminated", kea_b="terminated")
    assert any("nobody answers for it" in line for line in alone.decide(RESET, A).says)
    assert sent(World().decide(RESET, B)) == [(B, "ha-reset")]
    assert not any("answers" in line for line in World().decide(RESET, B).says)
    off = World().read(B, disabled_by_user=True)
    assert any(line.startswith("nobody does then: kea-b has its DHCP") for line in off.decide(SYNC, B).says)


def test_one_that_waits_already_is_not_reset() -> None:
    assert World().states(kea_a="waiting").decide(RESET, A).nothing_to_do == "kea-a is in state waiting already"


@pytest.mark.parametrize(
    ("world", "expected"),
    [
        (World().lose(A), ["unreachable"]),
        (World().lose(A).lose(B), ["unreachable", "unreachable"]),
        (World().lose(B), ["sole-server"]),
        (World().read(B, ha=None, views=()), ["sole-server"]),
        (World().states(kea_a="partner-down", kea_b="syncing"), ["sole-server"]),
        (World().states(kea_a="partner-down", kea_b="hot-standby"), ["state"]),
        (World().states(kea_b="partner-down"), ["state"]),
        (World(Mode.LOAD_BALANCING).view(A, state="communication-recovery"), ["state"]),
        (World().view(B, partner_in_touch=False), ["out-of-touch"]),
        (World().read(B, disabled_by_user=True), ["service-off"]),
        (World(Mode.LOAD_BALANCING).read(B, sockets_ready=False), ["service-off"]),
        (World().states(kea_a="in-maintenance", kea_b="partner-in-maintenance"), ["state"]),
        (World().states(kea_b="in-maintenance", kea_a="partner-in-maintenance"), ["state"]),
        (World().view(A, partner_interrupted=True), ["out-of-touch"]),
        (World().states(kea_a="terminated", kea_b="terminated").read(B, clock_offset=90.0), ["clock-skew"]),
        (World().states(kea_a="terminated", kea_b="waiting").read(A, clock_offset=-90.0), ["clock-skew"]),
        (World(Mode.PASSIVE_BACKUP), ["role"]),
    ],
)
def test_a_reset_is_refused(world: World, expected: list[str]) -> None:
    assert codes(world.decide(RESET, A)) == expected


def test_a_terminated_server_without_a_lease_file_keeps_its_leases() -> None:
    world = World().states(kea_a="terminated", kea_b="terminated")
    config = {**world[B].config, "lease-database": {"type": "memfile", "persist": False}}
    assert codes(world.read(B, config=config).decide(RESET, A)) == ["leases-not-persistent"]


def test_where_servers_stand() -> None:
    world = World().lose(B)
    first, second = standings(world.relationship, world.scene(A).live)
    assert (first.state, first.scopes, first.heard, first.reason) == ("hot-standby", ("kea-a",), 0.0, "")
    assert (second.state, second.heard, second.reason) == (None, None, "connection refused")
