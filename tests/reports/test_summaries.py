from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.model import Action, Change, RelationshipOutcome, RelationshipPlan, Result, ServerOutcome
from reconciler.planning.drift import only_drift
from reconciler.reports.text_outcomes import text_outcomes
from reconciler.reports.text_plan import text_drift, text_plan
from reconciler.reports.text_problems import text_problems
from reconciler.reports.text_status import text_status
from reconciler.reports.text_summary import plan_summary
from tests.reports import samples, standings

BLOCKED = samples.modification()
FREE = replace(BLOCKED, objections=(), notes=())
QUIET, SILENT = samples.quiet(), samples.unreachable()
OBJECTED = replace(samples.creation(), objections=BLOCKED.objections[:1])


@pytest.mark.parametrize(
    ("relationships", "plan_lines", "drift_lines"),
    [
        ((), ["Nothing to plan: no relationship is desired."], ["Nothing to compare: no relationship is desired."]),
        ((QUIET,), ["No changes. Every server is as desired."], ["No drift."]),
        (
            (SILENT,),
            ["1 of 1 relationship could not be planned."],
            ["1 of 1 relationship could not be compared."],
        ),
        (
            (QUIET, SILENT),
            ["1 of 2 relationships could not be planned.", "No changes elsewhere."],
            ["1 of 2 relationships could not be compared.", "No drift elsewhere."],
        ),
        (
            (FREE,),
            [
                "Plan: 2 to add, 7 to change, 1 to delete on 1 server in 1 of 1 relationship.",
                "Destructive: 1 delete-option.",
            ],
            [
                "Drift: 9 differences on 1 server in 1 of 1 relationship.",
                "The signs say what apply would do there: + add, ~ change, - delete.",
            ],
        ),
        (
            (samples.creation(), QUIET),
            [
                "Plan: 2 to add, 0 to change, 1 to delete on 2 servers in 1 of 2 relationships.",
                "Destructive: 1 delete-subnet.",
            ],
            ["No drift."],
        ),
        (
            (BLOCKED, OBJECTED, SILENT),
            [
                "Plan: 4 to add, 7 to change, 2 to delete on 2 servers in 2 of 3 relationships.",
                "Destructive: 1 delete-option, 1 delete-subnet.",
                "1 of 3 relationships could not be planned.",
                "2 of 3 relationships are blocked by safety objections.",
            ],
            [
                "Drift: 9 differences on 1 server in 1 of 3 relationships.",
                "The signs say what apply would do there: + add, ~ change, - delete.",
                "1 of 3 relationships could not be compared.",
            ],
        ),
    ],
)
def test_what_a_plan_comes_to(
    relationships: tuple[RelationshipPlan, ...], plan_lines: list[str], drift_lines: list[str]
) -> None:
    plan = samples.plan(*relationships)
    assert text_plan(plan).split("\n\n")[-1].split("\n") == plan_lines
    assert text_drift(only_drift(plan)).split("\n\n")[-1].split("\n") == drift_lines


def test_a_kind_of_object_that_is_no_word_of_ours_is_not_repeated() -> None:
    """As somebody may have written it into a plan file: these lines stand as they are at the top of a comment."""
    gone = Change(Action.DELETE, (("x</details>**\n::error::", "y"),))
    server = replace(FREE.servers[0], changes=(gone,))
    (line,) = (line for line in plan_summary(samples.plan(replace(FREE, servers=(server,)))) if "Destr" in line)
    assert line == "Destructive: 1 delete-object."


def test_an_approved_objection_blocks_nothing() -> None:
    plan = samples.plan(OBJECTED)
    assert text_plan(plan).endswith("1 of 1 relationship is blocked by safety objections.")
    assert "blocked" not in text_plan(plan, approved=["clock-skew"])


def test_a_quiet_world_takes_one_line() -> None:
    assert text_plan(samples.plan(QUIET, samples.quiet("other"))) == "No changes. Every server is as desired."


def test_a_partner_that_is_only_switched_off_is_shown() -> None:
    made = samples.creation()
    partner, primary = made.servers
    text = text_plan(samples.plan(replace(made, servers=(replace(partner, changes=()), primary))))
    assert "  kea-b (secondary): as desired\n    disruption: restart; its DHCP service is off from the first" in text


def outcome(*results: Result, persisted: bool | None = None) -> RelationshipOutcome:
    """Of one server for each result; the first of two outcomes is the same server where its result is the same."""
    named = ((f"kea-{place}-{result}", result) for place, result in enumerate(results))
    return RelationshipOutcome("hq", tuple(ServerOutcome(name, result, "", persisted) for name, result in named))


@pytest.mark.parametrize(
    ("outcomes", "line"),
    [
        ((), "Nothing to do. Every server is as desired."),
        ((outcome(Result.NOTHING_TO_DO, Result.NOTHING_TO_DO),), "Nothing to do. Every server is as desired."),
        (
            (outcome(Result.APPLIED, Result.APPLIED, persisted=True),),
            "Apply: 2 applied, of 2 servers in 1 relationship.",
        ),
        (
            2 * (outcome(Result.APPLIED, persisted=True),),
            "Apply: 2 applied, of 1 server in 2 relationships; one that is in several counts in each.",
        ),
        (
            (outcome(Result.APPLIED, persisted=True), outcome(Result.FAILED, Result.NOT_ATTEMPTED)),
            "Apply: 1 applied, 1 failed, 1 not attempted, of 3 servers in 2 relationships.",
        ),
    ],
)
def test_what_an_apply_comes_to(outcomes: tuple[RelationshipOutcome, ...], line: str) -> None:
    assert text_outcomes(outcomes).split("\n\n")[-1] == line


def test_what_statuses_come_to() -> None:
    assert text_status(()) == "Nothing to look at: no relationship is desired."
    assert text_status(standings.STATUSES[:1]).endswith("\n\n1 relationship: 1 OK.")


def test_what_problems_come_to() -> None:
    assert text_problems(()) == ""
    assert text_problems(standings.PROBLEMS[:1]).endswith("\n1 error.")
    assert text_problems(standings.PROBLEMS[2:] * 2).endswith("\n2 warnings.")
