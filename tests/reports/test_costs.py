from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.model import (
    Action,
    Change,
    Command,
    Disruption,
    HaView,
    Mode,
    Peer,
    Procedure,
    Relationship,
    RelationshipPlan,
    Role,
    ServerPlan,
    Service,
    Stage,
)
from reconciler.planning.method import disruption
from reconciler.reports.costs import cost, disruption_words, is_affected
from tests.reports import samples

CHANGE = Change(Action.DELETE, (samples.SUBNET,))


def cost_of(ha: HaView | None, mode: Mode = Mode.HOT_STANDBY, parameters: dict[str, int] | None = None) -> str:
    subject = samples.relationship(mode=mode, parameters=parameters or {})
    server = samples.server_plan(subject, "kea-b", CHANGE, ha=ha)
    plan = replace(samples.modification(), relationship=subject, servers=(server,))
    return cost(plan, server)


def test_a_standby_costs_nothing() -> None:
    assert cost_of(samples.ha_view(Role.STANDBY)) == "no outage: it answers no client now; its HA starts again"


def test_a_standby_that_took_over_does_cost() -> None:
    assert cost_of(samples.ha_view(Role.STANDBY, Mode.HOT_STANDBY, "kea-a")) == (
        "its HA starts again, and the clients of scope kea-a get no answer from it for about one heartbeat-delay "
        "(10 s), longer when it has many leases to fetch"
    )


@pytest.mark.parametrize(
    ("servers", "words", "until"),
    [
        (("kea-b",), "its HA starts again", "for about one heartbeat-delay"),
        (("kea-a", "kea-b"), "it is set together with kea-a", "until both sides of this one know of each other"),
    ],
)
def test_a_hub_costs_what_it_serves_in_its_other_relationships(
    servers: tuple[str, ...], words: str, until: str
) -> None:
    here, other = samples.ha_view(Role.STANDBY), samples.ha_view(Role.PRIMARY, Mode.HOT_STANDBY, "hub-north")
    subject = samples.relationship(mode=Mode.HOT_STANDBY, parameters={})
    server = samples.server_plan(subject, "kea-b", CHANGE, ha=here)
    server = replace(server, snapshot=replace(server.snapshot, views=(here, other), place=0))
    plan = replace(samples.modification(), relationship=subject, servers=(server,))
    plan = replace(plan, stages=(Stage(servers),))
    assert cost(plan, server) == (
        f"it answers no client now; {words}; its other relationships start again too: the clients of scope "
        f"hub-north get no answer {until}"
    )


@pytest.mark.parametrize(("delay", "words"), [(10000, "10 s"), (1000, "1 s"), (500, "0.5 s")])
def test_a_server_with_scopes_is_silent_for_a_heartbeat(delay: int, words: str) -> None:
    view = samples.ha_view(Role.SECONDARY, Mode.LOAD_BALANCING, "kea-a", "kea-b")
    assert cost_of(view, Mode.LOAD_BALANCING, {"heartbeat-delay": delay}) == (
        "its HA starts again, and the clients of scopes kea-a and kea-b get no answer from it for about one "
        f"heartbeat-delay ({words}), longer when it has many leases to fetch"
    )


@pytest.mark.parametrize(("parameters", "words"), [({}, "60 s"), ({"max-response-delay": 15000}, "15 s")])
def test_out_of_touch_it_is_silent_until_it_gives_its_partner_up(parameters: dict[str, int], words: str) -> None:
    view = samples.ha_view(Role.SECONDARY, Mode.LOAD_BALANCING, "kea-b", in_touch=False)
    told = (
        "its HA starts again, and the clients of scope kea-b get no answer from it for up to max-response-delay "
        f"({words}), since it is out of touch with its partner"
    )
    assert cost_of(view, parameters=parameters) == told
    assert cost_of(replace(view, partner=None), parameters=parameters) == told


def test_a_server_without_its_hook_serves_nobody() -> None:
    assert cost_of(None) == "its HA hook is not in force, so it probably answers no client now"


def member(role: Role, mode: Mode, *, waits: bool = False, ha: HaView | None = None) -> ServerPlan:
    """A server that is in a relationship of this mode and role, and changes."""
    peer = Peer(f"kea-{role}", f"kea-{role}", role, "http://192.0.2.1:8000/")
    peers = [{"name": peer.name, "role": role.value, "url": peer.url}]
    block = {"this-server-name": peer.name, "mode": mode.value, "wait-backup-ack": waits, "peers": peers}
    library = {"library": "/x/libdhcp_ha.so", "parameters": {"high-availability": [block]}}
    return ServerPlan(peer, samples.snapshot(peer.server, ha, {"hooks-libraries": [library]}), (CHANGE,))


def cost_among(servers: tuple[ServerPlan, ...], mode: Mode, procedure: Procedure = Procedure.MODIFY) -> list[str]:
    peers = tuple(server.peer for server in servers)
    relationship = Relationship("hq", Service.DHCP4, mode, peers)
    plan = replace(samples.modification(), relationship=relationship, servers=servers, procedure=procedure)
    return [cost(plan, server) for server in servers]


@pytest.mark.parametrize("waits", [False, True])
def test_passive_backup_waits_for_nobody_but_those_it_is_told_to(waits: bool) -> None:
    mode = Mode.PASSIVE_BACKUP
    alone = HaView(mode.value, "primary", mode.value, ("kea-primary",), None)
    backup = member(Role.BACKUP, mode, ha=HaView(mode.value, "backup", "backup", (), None))
    primary = member(Role.PRIMARY, mode, waits=waits, ha=alone)
    assert cost_among((backup, primary), mode) == [
        "meanwhile the primary gives no lease, since it waits for every backup (wait-backup-ack)"
        if waits
        else "no outage: it answers no client now; its HA starts again",
        "its HA starts again and waits for nobody: the clients of scope kea-primary miss it for a moment",
    ]


def test_who_becomes_a_backup_answers_nobody_any_more() -> None:
    new = member(Role.BACKUP, Mode.HOT_STANDBY)
    new = replace(new, snapshot=replace(new.snapshot, config={}))
    told = "its DHCP service is off from the first step on: a backup answers no client"
    view = samples.ha_view(Role.PRIMARY, Mode.HOT_STANDBY, "kea-primary")
    primary = member(Role.PRIMARY, Mode.HOT_STANDBY, ha=view)
    assert cost_among((new, primary), Mode.HOT_STANDBY)[0] == told
    made = cost_among((new, primary), Mode.PASSIVE_BACKUP, Procedure.CREATE)
    assert made == [told, "it answers no client for a moment, while it is set"]


def test_while_a_pair_is_made_nobody_answers() -> None:
    plan = samples.creation()
    partner, primary = (cost(plan, server) for server in plan.servers)
    span = "until the pair is up, up to three heartbeat-delays (30 s)"
    assert partner == f"its DHCP service is off from the first step {span} after the last"
    assert primary == f"it answers no client from its set {span}"


def commanded(*others: Stage) -> tuple[RelationshipPlan, ServerPlan]:
    """A plan in which kea-b, which serves, is changed by one command."""
    view = samples.ha_view(Role.SECONDARY, Mode.LOAD_BALANCING, "kea-b")
    subject = samples.relationship(mode=Mode.LOAD_BALANCING)
    server = samples.server_plan(subject, "kea-b", CHANGE, ha=view)
    server = replace(server, commands=(Command("subnet4-del", {"id": 1}),))
    stages = others or (Stage(("kea-b",), because="1 command; its HA goes on", otherwise=Stage(("kea-b",))),)
    return replace(samples.modification(), relationship=subject, servers=(server,), stages=stages), server


def test_commands_cost_nothing_not_even_in_other_relationships() -> None:
    plan, server = commanded()
    elsewhere = samples.ha_view(Role.STANDBY, Mode.HOT_STANDBY, "kea-c")
    views = (server.snapshot.ha, elsewhere)
    server = replace(server, snapshot=replace(server.snapshot, views=views))  # type: ignore[arg-type]
    assert cost(plan, server) == "no outage: 1 command; its HA goes on"
    assert disruption_words(plan, server) == "none; 1 command; its HA goes on"


@pytest.mark.parametrize("method", Disruption)
def test_what_the_stage_does_about_the_clients_of_a_server_that_serves_is_told(method: Disruption) -> None:
    plan, server = commanded(Stage(("kea-b",), method=method))
    assert disruption(plan, server) is method
    view = samples.ha_view(Role.SECONDARY, Mode.LOAD_BALANCING)
    silent = replace(server, snapshot=replace(server.snapshot, ha=view))
    assert disruption(plan, silent) is Disruption.NONE


def test_a_backup_that_is_waited_for_disrupts() -> None:
    mode = Mode.PASSIVE_BACKUP
    backup = member(Role.BACKUP, mode, ha=HaView(mode.value, "backup", "backup", (), None))
    stages = (Stage((backup.peer.server,), method=Disruption.NONE),)
    for waits, told in ((True, Disruption.RESTART), (False, Disruption.NONE)):
        servers = (backup, member(Role.PRIMARY, mode, waits=waits))
        plan = replace(samples.modification(), servers=servers, stages=stages)
        assert disruption(plan, backup) is told


def test_who_is_affected() -> None:
    made, changed = samples.creation(), samples.modification()
    assert [is_affected(changed, server) for server in changed.servers] == [True, False]
    # The partner is switched off although nothing changes on it; the primary is left alone.
    unchanged = tuple(replace(server, changes=()) for server in made.servers)
    assert [is_affected(replace(made, servers=unchanged), server) for server in unchanged] == [True, False]
    idle = replace(made, servers=unchanged, procedure=Procedure.NOTHING)
    assert [is_affected(idle, server) for server in unchanged] == [False, False]
