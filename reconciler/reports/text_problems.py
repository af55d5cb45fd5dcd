"""Problems of the input, as text for people and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from reconciler.model import Problem, Severity
from reconciler.redaction import visible
from reconciler.reports.colours import Style, paint
from reconciler.reports.numbers import count

_STYLES: Final = {Severity.ERROR: Style.BAD, Severity.WARNING: Style.WARNING}


def text_problems(problems: Sequence[Problem], *, colour: bool = False) -> str:
    """Return problems as text, in their own order, without a line end at its end; nothing where there is none.

    The first line of each is `file:line:column: severity: message [rule]`, which editors can jump to.
    """
    if not problems:
        return ""
    lines = [line for each in problems for line in problem_lines(each, colour=colour)]
    return "\n".join([*lines, paint(problem_summary(problems), Style.HEADING, colour=colour)])


def json_problems(problems: Sequence[Problem]) -> str:
    """Return problems as JSON text: `problems[]` with file, line, column, severity, rule, message, advice."""
    from reconciler.reports.json_text import json_text  # text alone, the common case, starts without orjson

    return json_text({"problems": [_problem_value(each) for each in problems]})


def problem_lines(problem: Problem, *, colour: bool = False) -> Iterator[str]:
    """Yield one problem: where, how bad, what and which rule, then what to do."""
    severity = paint(problem.severity, _STYLES[problem.severity], colour=colour)
    yield f"{visible(str(problem.position))}: {severity}: {visible(problem.message)} [{visible(problem.rule)}]"
    if problem.advice:
        yield f"    {visible(problem.advice)}"


def _problem_value(problem: Problem) -> dict[str, str | int]:
    return {
        "file": problem.position.file,
        "line": problem.position.line,
        "column": problem.position.column,
        "severity": problem.severity.value,
        "rule": problem.rule,
        "message": problem.message,
        "advice": problem.advice,
    }


def problem_summary(problems: Sequence[Problem]) -> str:
    """Return how many there are of each severity."""
    found = Counter(each.severity for each in problems)
    return ", ".join(count(found[severity], severity.value) for severity in Severity if found[severity]) + "."
