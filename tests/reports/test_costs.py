from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.model import Action, Change, HaView, Mode, Procedure, Role
from reconciler.reports.costs import cost, is_affected
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


def test_while_a_pair_is_made_nobody_answers() -> None:
    plan = samples.creation()
    partner, primary = (cost(plan, server) for server in plan.servers)
    span = "until the pair is up, up to three heartbeat-delays (30 s)"
    assert partner == f"its DHCP service is off from the first step {span} after the last"
    assert primary == f"it answers no client from its set {span}"


def test_who_is_affected() -> None:
    made, changed = samples.creation(), samples.modification()
    assert [is_affected(changed, server) for server in changed.servers] == [True, False]
    # The partner is switched off although nothing changes on it; the primary is left alone.
    unchanged = tuple(replace(server, changes=()) for server in made.servers)
    assert [is_affected(replace(made, servers=unchanged), server) for server in unchanged] == [True, False]
    idle = replace(made, servers=unchanged, procedure=Procedure.NOTHING)
    assert [is_affected(idle, server) for server in unchanged] == [False, False]
