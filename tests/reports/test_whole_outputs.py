"""Every report as a whole, held against a file of `cases/`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from reconciler.model import Position
from reconciler.planning.drift import only_drift
from reconciler.planning.scenes import Operation
from reconciler.reports import pages, remarks
from reconciler.reports.annotations import commands
from reconciler.reports.json_leases import json_leases
from reconciler.reports.json_operations import json_operation
from reconciler.reports.json_outcomes import json_outcomes
from reconciler.reports.json_plan import json_plan
from reconciler.reports.json_status import json_status
from reconciler.reports.markdown import Limit, markdown
from reconciler.reports.text_explained import Explanation, text_explained
from reconciler.reports.text_leases import text_leases
from reconciler.reports.text_operations import text_decision, text_operation
from reconciler.reports.text_outcomes import text_outcomes
from reconciler.reports.text_plan import text_drift, text_plan
from reconciler.reports.text_problems import json_problems, text_problems
from reconciler.reports.text_status import text_status
from tests.reports import operated, samples, standings

CASES = Path(__file__).parent / "cases"

FULL = samples.plan(
    samples.modification(),
    samples.creation(),
    samples.unreachable(),
    samples.undecided(),
    samples.quiet(),
    samples.quiet("shared-dhcp4", notes=("replicate is false: DHCP data is left alone",)),
)
ONE = samples.plan(samples.modification())


def explanations() -> list[Explanation]:
    """Why each change on the first server is planned: told of two, nothing known of the others."""
    server, *_ = ONE.relationships[0].servers
    place, meanings = Position("desired/relationships/hq.yaml", 9, 20), (("heartbeat-delay", "How often it is."),)
    known = ("2026-11-26 12:00:00, commit 0123456789ab by Ada: Be quick\n::error::x", meanings, "the manual")
    return [
        Explanation("kea-b", change, place if number < 2 else None, *(known if number < 2 else ("not known", (), "")))
        for number, change in enumerate(server.changes)
    ]


REPORTS: dict[str, Callable[[], str]] = {
    "plan.txt": lambda: text_plan(FULL),
    "plan-approved.txt": lambda: text_plan(ONE, approved=["clock-skew", "identity"]),
    "plan-colour.txt": lambda: text_plan(FULL, colour=True),
    "plan-verbose.txt": lambda: text_plan(samples.plan(samples.quiet(), samples.modification()), verbose=True),
    "plan.json": lambda: json_plan(FULL, approved=["clock-skew", "identity"]),
    "explained.txt": lambda: text_explained(ONE.relationships[0], explanations()),
    "drift.txt": lambda: text_drift(only_drift(FULL)),
    "drift-verbose.txt": lambda: text_drift(only_drift(FULL), verbose=True),
    "status.txt": lambda: text_status(standings.STATUSES),
    "status-held.txt": lambda: text_status([standings.HELD], colour=True),
    "status-colour.txt": lambda: text_status(standings.STATUSES, colour=True),
    "status.json": lambda: json_status(standings.STATUSES),
    "outcomes.txt": lambda: text_outcomes(standings.OUTCOMES),
    "outcomes-colour.txt": lambda: text_outcomes(standings.OUTCOMES, colour=True),
    "outcomes.json": lambda: json_outcomes(standings.OUTCOMES),
    **{f"operation-{name}.txt": partial(text_operation, each) for name, each in operated.OUTCOMES.items()},
    "operation-colour.txt": lambda: text_operation(operated.FAILED, colour=True),
    "operation.json": lambda: json_operation(operated.FAILED),
    "decision.txt": lambda: text_decision(Operation.MAINTENANCE_START, operated.scene(), operated.GOES),
    "decision-refused.txt": lambda: text_decision(
        Operation.MAINTENANCE_START, operated.scene(is_reachable=False), operated.OBJECTS
    ),
    **{f"leases-{name}.txt": partial(text_leases, each) for name, each in operated.COMPARISONS.items()},
    "leases-colour.txt": lambda: text_leases(operated.DIFFERENT, colour=True),
    "leases.json": lambda: json_leases(operated.DIFFERENT),
    "problems.txt": lambda: text_problems(standings.PROBLEMS),
    "problems-colour.txt": lambda: text_problems(standings.PROBLEMS, colour=True),
    "problems.json": lambda: json_problems(standings.PROBLEMS),
    "plan.md": lambda: markdown(pages.plan_page(FULL)),
    "plan-approved.md": lambda: markdown(pages.plan_page(ONE, approved=["clock-skew"])),
    "plan-cut.md": lambda: markdown(pages.plan_page(FULL), Limit(2600, len)),
    "plan-nothing.md": lambda: markdown(pages.plan_page(samples.plan(samples.quiet()))),
    "drift.md": lambda: markdown(pages.drift_page(only_drift(FULL))),
    "status.md": lambda: markdown(pages.status_page(standings.STATUSES)),
    "outcomes.md": lambda: markdown(pages.outcome_page(standings.OUTCOMES)),
    "problems.md": lambda: markdown(pages.problem_page(standings.PROBLEMS)),
    "operation-failed.md": lambda: markdown(pages.text_page("reset", text_operation(operated.FAILED))),
    "operation-refused.md": lambda: markdown(
        pages.text_page("maintenance start", text_operation(operated.REFUSED, is_alone=True))
    ),
    "plan.github": lambda: commands(tuple(remarks.of_plan(FULL, ["clock-skew"]))),
    "drift.github": lambda: commands(tuple(remarks.of_drift(only_drift(FULL)))),
    "status.github": lambda: commands(tuple(remarks.of_status(standings.STATUSES, samples.plan()))),
    "outcomes.github": lambda: commands(tuple(remarks.of_outcomes(standings.OUTCOMES, samples.plan()))),
    "problems.github": lambda: commands(tuple(remarks.of_problems(standings.PROBLEMS))),
}


@pytest.mark.parametrize("name", REPORTS)
def test_a_report_is_this_text(name: str) -> None:
    assert REPORTS[name]() + "\n" == (CASES / name).read_text(encoding="utf-8")


def test_every_case_is_looked_at() -> None:
    assert {path.name for path in CASES.iterdir()} == REPORTS.keys()


@pytest.mark.parametrize("name", REPORTS)
def test_a_report_shows_no_configuration_and_is_the_same_every_time(name: str) -> None:
    first = REPORTS[name]()
    assert first == REPORTS[name]()
    assert "s3cr3t" not in first
    assert "secret-canary" not in first
