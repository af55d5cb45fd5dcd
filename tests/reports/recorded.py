"""Plans of recorded cases (tests/cases) in every form, as whole files in `recorded/`.

Run as a program (`python -m tests.reports.recorded`) this writes them all anew; read the difference before committing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from reconciler.model import Plan
from reconciler.planning.plan import plan
from reconciler.reports.annotations import commands
from reconciler.reports.json_plan import json_plan
from reconciler.reports.markdown import markdown
from reconciler.reports.pages import plan_page
from reconciler.reports.remarks import of_plan
from reconciler.reports.text_plan import text_plan
from tests.planning.cases import FOLDER as CASES
from tests.planning.cases import read_case

FOLDER = Path(__file__).parent / "recorded"
NAMES = (
    "create-load-balancing",
    "drift-both-in-different-sections",
    "objection-authority-shrunk",
    "pools-split",
    "relationship-changed-in-git",
    "remove-load-balancing-split-pools",
    "unreachable-primary",
)


def _path_of(file: str) -> str:
    return str(Path(file).relative_to(CASES))


FORMS: Mapping[str, Callable[[Plan], str]] = {
    "plan.txt": text_plan,
    "plan.json": json_plan,
    "plan.md": lambda made: markdown(plan_page(made)),
    "plan.github": lambda made: commands(tuple(of_plan(made)), _path_of),
}


def planned(name: str) -> Plan:
    """The plan of a case, of a revision that is the same everywhere."""
    case = read_case(name)
    return plan(replace(case.desired, revision="git:0123456789ab"), case.live)


if __name__ == "__main__":
    for name in NAMES:
        (FOLDER / name).mkdir(parents=True, exist_ok=True)
        for form, render in FORMS.items():
            (FOLDER / name / form).write_text(render(planned(name)) + "\n", encoding="utf-8")
