"""Which method takes a server through a set, and what that costs its clients."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.model import Disruption, Mode, Plan, RelationshipPlan, Snapshot
from reconciler.planning.method import choose, disruption
from reconciler.planning.pause import fetched_from, leases_a_second, pause, with_counts
from reconciler.reports.costs import cost
from tests.planning.changes import Setting, begun, slower

LB, HS = Mode.LOAD_BALANCING, Mode.HOT_STANDBY


@pytest.mark.parametrize(
    ("mode", "is_dedicated", "pauses"),
    [
        (HS, False, False),
        (HS, True, False),
        (LB, False, False),
        (LB, True, True),
    ],
)
def test_the_method_is_that_which_costs_least(mode: Mode, *, is_dedicated: bool, pauses: bool) -> None:
    for is_covered in (True, False):
        found = choose(mode, serves=True, is_covered=is_covered, is_dedicated=is_dedicated)
        assert found.method is (Disruption.HAND_OVER if is_covered else Disruption.RESTART)
        assert found.pauses is (pauses and is_covered)
        assert found.because
        idle = choose(mode, serves=False, is_covered=is_covered, is_dedicated=is_dedicated)
        assert idle.method is Disruption.NONE


def of_each(plan: RelationshipPlan) -> dict[str, Disruption]:
    return {server.peer.server: disruption(plan, server) for server in plan.servers}


def test_a_plan_says_for_each_server_which_method_and_why() -> None:
    hot = begun(Setting(HS, backups=1), slower, 1).plan
    assert of_each(hot) == {
        "kea-c": Disruption.NONE,
        "kea-b": Disruption.NONE,
        "kea-a": Disruption.HAND_OVER,
    }
    balanced = begun(Setting(LB, is_dedicated=True), slower, 1).plan
    assert not {Disruption.NONE, Disruption.RESTART} & set(of_each(balanced).values())
    alone = begun(Setting(Mode.PASSIVE_BACKUP, backups=1), slower, 1).plan
    assert of_each(alone) == {"kea-b": Disruption.NONE, "kea-a": Disruption.RESTART}
    assert all(stage.because for each in (hot, balanced, alone) for stage in each.stages)


def test_fetching_the_partners_leases_is_a_pause_whatever_the_method() -> None:
    plan = begun(Setting(HS, backups=1), slower, 1).plan
    whole = Plan("2", (plan,))
    service = plan.relationship.service
    assert fetched_from(whole) == {("kea-a", service), ("kea-b", service)}
    assert [pause(plan, server) for server in plan.servers] == [0.0, None, None]
    live = {
        (server.peer.server, service): replace(server.snapshot, active_leases={1: number, 2: number})
        for server, number in zip(plan.servers, (0, 3300, 33000), strict=True)
    }
    assert all(isinstance(each, Snapshot) for each in live.values())
    (counted,) = with_counts(whole, live).relationships
    pauses = {server.peer.server: pause(counted, server) for server in counted.servers}
    fetched = 66000 / leases_a_second(plan.servers[0].snapshot.version)
    assert pauses == {"kea-c": 0.0, "kea-b": pytest.approx(fetched + 0.06), "kea-a": pytest.approx(fetched / 10)}
    assert fetched_from(Plan("2", (counted,))) == set()


def test_the_older_of_two_makes_the_pause() -> None:
    """Kea 2.2.0 passes on less than half as many leases in a second as 2.6.3 and 3.0.3."""
    assert 2 * leases_a_second("2.2.0") < leases_a_second("2.6.3") == leases_a_second("3.0.3")
    assert leases_a_second("3.0.3", "2.2.0") == leases_a_second("2.2.0")


def test_who_is_to_fetch_no_leases_makes_no_pause() -> None:
    plan = begun(Setting(HS), lambda each: replace(each, parameters={**each.parameters, "sync-leases": False}), 1).plan
    assert [pause(plan, server) for server in plan.servers] == [0.0, 0.0]
    assert fetched_from(Plan("2", (plan,))) == set()


def test_what_both_are_off_for_is_a_pause_that_grows_with_the_configuration() -> None:
    """No leases are fetched here. On hot-standby, or through agents, the other answers while Kea takes it."""
    for mode, is_dedicated, expected in [(LB, True, 3.0), (LB, False, 0.0), (HS, True, 0.0)]:
        made = begun(Setting(mode, is_dedicated=is_dedicated), slower, 1).plan
        servers = tuple(
            replace(each, snapshot=replace(each.snapshot, size=10_000_000, active_leases={})) for each in made.servers
        )
        plan = replace(made, servers=servers)
        assert [pause(plan, each) for each in plan.servers] == [pytest.approx(expected)] * 2
        told = [cost(plan, each) for each in plan.servers]
        for each in told:
            assert ("both are off" in each) is (expected > 0)
            assert ("takes about 3 s, in which nobody answers" in each) is (expected > 0)
