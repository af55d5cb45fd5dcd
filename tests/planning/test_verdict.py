from __future__ import annotations

from itertools import combinations_with_replacement, product

import pytest

from reconciler.model import (
    Action,
    Authority,
    Change,
    Endpoint,
    Health,
    Mode,
    Objection,
    Peer,
    Plan,
    Relationship,
    RelationshipOutcome,
    RelationshipPlan,
    RelationshipStatus,
    Result,
    Role,
    ServerOutcome,
    ServerPlan,
    Service,
    Snapshot,
    Unreachable,
)
from reconciler.planning.verdict import ExitCode, of_outcomes, of_plan, of_status, unapproved

ENDPOINT = Endpoint("kea-a", Service.DHCP4, "http://192.0.2.10:8000/")
PEER = Peer("kea-a", "kea-a", Role.PRIMARY, "http://192.0.2.10:8001/")
RELATIONSHIP = Relationship("hq", Service.DHCP4, Mode.HOT_STANDBY, (PEER,))
CHANGED = ServerPlan(
    PEER,
    Snapshot(ENDPOINT, "2.2.0", {}, None, 1, 1, 1, 0.0, None),
    (Change(Action.ADD, (("subnet", "10.0.0.0/24"),)),),
)
BLOCKS = Objection("clock-skew", "clocks", "synchronise them")
NEVER = Objection("identity", "another server", "look", approvable=False)


def relationship_plan(
    *, unreachable: bool = False, unplanned: bool = False, objection: Objection | None = None, changes: bool = False
) -> RelationshipPlan:
    return RelationshipPlan(
        RELATIONSHIP,
        Authority("kea-a", ""),
        servers=(CHANGED,) if changes else (),
        objections=(objection,) if objection else (),
        unplanned="versions differ" if unplanned else None,
        unreachable=(Unreachable(ENDPOINT, "refused"),) if unreachable else (),
    )


ALL_PLANS = [
    relationship_plan(unreachable=unreachable, unplanned=unplanned, objection=objection, changes=changes)
    for unreachable, unplanned, objection, changes in product(
        (False, True), (False, True), (None, BLOCKS, NEVER), (False, True)
    )
]


@pytest.mark.parametrize("approved", [(), ("clock-skew",), ("identity",), ("clock-skew", "identity")])
@pytest.mark.parametrize("detailed", [False, True])
def test_every_plan_of_up_to_two_relationships(approved: tuple[str, ...], detailed: bool) -> None:
    for number in (0, 1, 2):
        for plans in combinations_with_replacement(ALL_PLANS, number):
            unread = [each for each in plans if each.unreachable or each.unplanned]
            against = {objection.code for each in plans for objection in each.objections} - (
                set(approved) & {"clock-skew"}
            )
            changing = [each for each in plans if each.servers]
            code = 1 if unread else 3 if against else 2 if changing and detailed else 0
            assert of_plan(Plan("1", plans), approved, detailed=detailed) == code
            assert of_plan(Plan("1", plans[::-1]), approved, detailed=detailed) == code


def test_an_approval_is_by_code_and_only_where_it_may_be() -> None:
    plan = RelationshipPlan(RELATIONSHIP, Authority("kea-a", ""), objections=(BLOCKS, NEVER))
    assert unapproved(plan, ()) == (BLOCKS, NEVER)
    assert unapproved(plan, ("clock-skew", "identity")) == (NEVER,)


def outcome(*servers: tuple[Result, bool | None], blocked: bool = False) -> RelationshipOutcome:
    told = tuple(
        ServerOutcome(f"kea-{place}", result, "", persisted) for place, (result, persisted) in enumerate(servers)
    )
    return RelationshipOutcome("hq", told, (BLOCKS,) if blocked else ())


APPLIED, UNPERSISTED = (Result.APPLIED, True), (Result.APPLIED, False)
NOTHING, RESTORED, FAILED = (Result.NOTHING_TO_DO, None), (Result.RESTORED, None), (Result.FAILED, None)
CHANGED_WORLD, LEFT = (Result.WORLD_CHANGED, None), (Result.NOT_ATTEMPTED, None)
STATES = (APPLIED, UNPERSISTED, NOTHING, RESTORED, FAILED, CHANGED_WORLD, LEFT)


@pytest.mark.parametrize(
    ("outcomes", "code"),
    [
        ([], ExitCode.OK),
        ([outcome(NOTHING, NOTHING)], ExitCode.OK),
        ([outcome(APPLIED, NOTHING)], ExitCode.OK),
        ([outcome(APPLIED, APPLIED), outcome(NOTHING, NOTHING)], ExitCode.OK),
        ([outcome(LEFT, LEFT, blocked=True)], ExitCode.BLOCKED),
        ([outcome(LEFT, LEFT, blocked=True), outcome(NOTHING, NOTHING)], ExitCode.BLOCKED),
        ([outcome(CHANGED_WORLD, LEFT)], ExitCode.WORLD_CHANGED),
        ([outcome(LEFT, LEFT, blocked=True), outcome(CHANGED_WORLD, LEFT)], ExitCode.WORLD_CHANGED),
        ([outcome(FAILED, LEFT)], ExitCode.ERROR),
        ([outcome(RESTORED, LEFT)], ExitCode.ERROR),
        ([outcome(RESTORED, RESTORED)], ExitCode.ERROR),
        ([outcome(LEFT, LEFT)], ExitCode.ERROR),  # a server that could not be read
        ([outcome(LEFT, LEFT), outcome(LEFT, LEFT, blocked=True)], ExitCode.ERROR),
        ([outcome(FAILED, LEFT), outcome(CHANGED_WORLD, LEFT)], ExitCode.ERROR),
        ([outcome(UNPERSISTED, NOTHING)], ExitCode.PARTIAL),
        ([outcome(APPLIED, FAILED)], ExitCode.PARTIAL),
        ([outcome(APPLIED, LEFT)], ExitCode.PARTIAL),
        ([outcome(APPLIED, CHANGED_WORLD)], ExitCode.PARTIAL),
        ([outcome(APPLIED, APPLIED), outcome(LEFT, LEFT)], ExitCode.PARTIAL),
        ([outcome(APPLIED, APPLIED), outcome(LEFT, LEFT, blocked=True)], ExitCode.PARTIAL),
    ],
)
def test_how_an_apply_ends(outcomes: list[RelationshipOutcome], code: ExitCode) -> None:
    assert of_outcomes(outcomes) is code
    assert of_outcomes(outcomes, interrupted=True) is ExitCode.INTERRUPTED


def row_of(outcomes: tuple[RelationshipOutcome, ...]) -> int:
    """The table of `of_outcomes`, decided from the set of what is to be seen in each relationship."""
    seen = set()
    for each in outcomes:
        states = {(server.result, server.persisted) for server in each.servers}
        if LEFT in states and not each.blocked_by and CHANGED_WORLD not in states:
            seen.add("short")
        if states & {UNPERSISTED, RESTORED, FAILED}:
            seen.add("short")
        if states & {APPLIED, UNPERSISTED}:
            seen.add("applied")
        if CHANGED_WORLD in states:
            seen.add("changed")
        if each.blocked_by:
            seen.add("blocked")
    if "applied" in seen:
        return 0 if seen == {"applied"} else 6
    for mark, code in (("short", 1), ("changed", 4), ("blocked", 3)):
        if mark in seen:
            return code
    return 0


def test_every_outcome_of_two_relationships_of_two_servers() -> None:
    single = [outcome(*states, blocked=blocked) for states in product(STATES, repeat=2) for blocked in (False, True)]
    reached = set()
    for outcomes in product(single, repeat=2):
        code = of_outcomes(outcomes)
        assert code == row_of(outcomes), outcomes
        assert of_outcomes(outcomes, interrupted=True) == 130
        reached.add(code)
    assert reached == {0, 1, 3, 4, 6}


def status_of(health: Health) -> RelationshipStatus:
    return RelationshipStatus("hq", "dhcp4", "hot-standby", health, (), "kea-a", "", in_sync=True, servers=())


def test_every_status_of_up_to_three_relationships() -> None:
    for number in range(4):
        for healths in product(Health, repeat=number):
            code = ExitCode.OK if set(healths) <= {Health.OK} else ExitCode.ERROR
            assert of_status(map(status_of, healths)) is code


def test_the_numbers_are_the_documented_ones() -> None:
    assert {code.name: code.value for code in ExitCode} == {
        "OK": 0,
        "ERROR": 1,
        "CHANGES": 2,
        "BLOCKED": 3,
        "WORLD_CHANGED": 4,
        "LOCKED": 5,
        "PARTIAL": 6,
        "USAGE": 64,
        "INTERRUPTED": 130,
    }
