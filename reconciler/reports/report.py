"""One result in every form; each is made only when it is asked for, and imports only what it needs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reconciler.model import Plan, Problem, RelationshipOutcome, RelationshipStatus
    from reconciler.reports.annotations import Annotation
    from reconciler.reports.markdown import Page


@dataclass(frozen=True, slots=True)
class Report:
    """How to make each form of a result. `text` is told whether it may be coloured; one that returns nothing has
    nothing to say in text.
    """

    text: Callable[[bool], str]
    json: Callable[[], str]
    page: Callable[[], Page]
    annotations: Callable[[], Iterable[Annotation]]

    def with_text(self, text: Callable[[bool], str]) -> Report:
        """Return the same with another text."""
        return replace(self, text=text)


def plan_report(plan: Plan, approved: Collection[str] = (), *, verbose: bool = False, fingerprint: str = "") -> Report:
    """Return the report on a plan; `approved` are the codes of objections that are waved through, `fingerprint` what
    others can be approved by for this plan alone.
    """

    def text(colour: bool) -> str:  # noqa: FBT001 - as Report has it
        from reconciler.reports.text_plan import text_plan

        return text_plan(plan, approved=approved, colour=colour, verbose=verbose, fingerprint=fingerprint)

    def json() -> str:
        from reconciler.reports.json_plan import json_plan

        return json_plan(plan, approved=approved)

    def page() -> Page:
        from reconciler.reports.pages import plan_page

        return plan_page(plan, approved=approved, verbose=verbose, fingerprint=fingerprint)

    def annotations() -> Iterable[Annotation]:
        from reconciler.reports.remarks import of_plan

        return of_plan(plan, approved)

    return Report(text, json, page, annotations)


def drift_report(plan: Plan, *, verbose: bool = False) -> Report:
    """Return the report on a drift; `plan` is one that `only_drift` returned."""

    def text(colour: bool) -> str:  # noqa: FBT001 - as Report has it
        from reconciler.reports.text_plan import text_drift

        return text_drift(plan, colour=colour, verbose=verbose)

    def json() -> str:
        from reconciler.reports.json_plan import json_plan

        return json_plan(plan)

    def page() -> Page:
        from reconciler.reports.pages import drift_page

        return drift_page(plan, verbose=verbose)

    def annotations() -> Iterable[Annotation]:
        from reconciler.reports.remarks import of_drift

        return of_drift(plan)

    return Report(text, json, page, annotations)


def status_report(statuses: Sequence[RelationshipStatus], plan: Plan) -> Report:
    """Return the report on how relationships are doing; `plan` is what the statuses were made from."""

    def text(colour: bool) -> str:  # noqa: FBT001 - as Report has it
        from reconciler.reports.text_status import text_status

        return text_status(statuses, plan.unmanaged, colour=colour)

    def json() -> str:
        from reconciler.reports.json_status import json_status

        return json_status(statuses, plan.unmanaged)

    def page() -> Page:
        from reconciler.reports.pages import status_page

        return status_page(statuses, plan.unmanaged)

    def annotations() -> Iterable[Annotation]:
        from reconciler.reports.remarks import of_status

        return of_status(statuses, plan)

    return Report(text, json, page, annotations)


def outcome_report(outcomes: Sequence[RelationshipOutcome], plan: Plan, command: str = "apply") -> Report:
    """Return the report on what a command did; `plan` is what was carried out."""

    def text(colour: bool) -> str:  # noqa: FBT001 - as Report has it
        from reconciler.reports.text_outcomes import text_outcomes

        return text_outcomes(outcomes, command, colour=colour)

    def json() -> str:
        from reconciler.reports.json_outcomes import json_outcomes

        return json_outcomes(outcomes)

    def page() -> Page:
        from reconciler.reports.pages import outcome_page

        return outcome_page(outcomes, command)

    def annotations() -> Iterable[Annotation]:
        from reconciler.reports.remarks import of_outcomes

        return of_outcomes(outcomes, plan)

    return Report(text, json, page, annotations)


def problem_report(problems: Sequence[Problem], name: str = "validate", valid: str = "") -> Report:
    """Return the report on what is wrong with files; `valid` says in our words that nothing stops anything."""

    def text(colour: bool) -> str:  # noqa: FBT001 - as Report has it
        from reconciler.reports.text_problems import text_problems

        return "\n".join(filter(None, [text_problems(problems, colour=colour), valid]))

    def json() -> str:
        from reconciler.reports.text_problems import json_problems

        return json_problems(problems)

    def page() -> Page:
        from reconciler.reports.pages import problem_page

        return problem_page(problems, name, "The files are valid." if valid else "")

    def annotations() -> Iterable[Annotation]:
        from reconciler.reports.remarks import of_problems

        return of_problems(problems)

    return Report(text, json, page, annotations)


def other_report(name: str, text: Callable[[bool], str], json: Callable[[], str], *, is_well: bool) -> Report:
    """Return the report of a command whose text serves as its page too; where all is not well, that is an error."""

    def page() -> Page:
        from reconciler.reports.pages import text_page

        return text_page(name, text(False))  # noqa: FBT003 - as Report has it

    def annotations() -> Iterable[Annotation]:
        from reconciler.reports.annotations import Annotation, Level

        level = Level.NOTICE if is_well else Level.ERROR
        return [Annotation(level, name, text(False).strip("\n"))]  # noqa: FBT003 - as Report has it

    return Report(text, json, page, annotations)


def saved_plan_report(
    plan: Plan, document: Mapping[str, Any], approved: Collection[str] = (), *, verbose: bool = False
) -> Report:
    """Return the report on a plan that was read from a plan file, whose value is the JSON."""
    told = plan_report(plan, approved, verbose=verbose, fingerprint=document["fingerprint"])
    head = _saved_head(document)

    def page() -> Page:
        found = told.page()
        return replace(found, lead=(*found.lead, f"{head}."))

    return replace(told, text=lambda colour: f"{told.text(colour)}\n{head}.", json=partial(_json, document), page=page)


def failed_plan_report(problems: Sequence[Problem], document: Mapping[str, Any]) -> Report:
    """Return the report on a plan file of a plan that could not be made."""
    told, head = problem_report(problems, "plan"), _saved_head(document)
    return replace(told, text=lambda colour: f"{told.text(colour)}\n{head}.", json=partial(_json, document))


def _saved_head(document: Mapping[str, Any]) -> str:
    """Return which plan this is; all of it has a form that the schema checks."""
    mark = f"Fingerprint {document['fingerprint']}" if document["fingerprint"] else "Planning failed"
    return f"{mark}; made at {document['created_at']}, of use until {document['expires_at']}"


def _json(document: Mapping[str, Any]) -> str:
    from reconciler.reports.json_text import json_text

    return json_text(document)


def mended_report(file: str, reason: str, outcomes: Sequence[RelationshipOutcome], plan: Plan) -> Report:
    """Return the report on a plan file that is not carried out, where what an earlier run left behind was put right."""
    done = outcome_report(outcomes, plan)
    refused = outdated_report(
        file, reason, "What an earlier run left behind was put right as far as it could be; see above"
    )

    def page() -> Page:
        page = done.page()
        return replace(page, blocks=(*refused.page().blocks, *page.blocks))

    def json() -> str:
        from reconciler.reports.json_outcomes import json_outcomes

        return json_outcomes(outcomes, refused=reason.split("\n"))

    return Report(
        lambda colour: f"{done.text(colour)}\n\n{refused.text(colour)}",
        json,
        page,
        lambda: [*refused.annotations(), *done.annotations()],
    )


def outdated_report(file: str, reason: str, done: str = "Nothing was changed") -> Report:
    """Return the report on a plan file that is not carried out, since it is not the plan any more."""

    def text(colour: bool) -> str:  # noqa: FBT001 - as Report has it
        from reconciler.redaction import visible
        from reconciler.reports.colours import Style, paint

        first, *rest = f"{file} was not applied: {reason}".split("\n")
        end = f"{done}. Plan again."
        return "\n".join([paint(visible(first), Style.BAD, colour=colour), *(f"  {line}" for line in rest), end])

    def page() -> Page:
        from reconciler.reports.pages import text_page

        return text_page("apply", text(False))  # noqa: FBT003 - as Report has it

    def json() -> str:
        from reconciler.reports.json_outcomes import json_outcomes

        return json_outcomes((), refused=reason.split("\n"))

    def annotations() -> Iterable[Annotation]:
        from reconciler.reports.annotations import Annotation, Level

        return [Annotation(Level.ERROR, "the plan file was not applied", text(False))]  # noqa: FBT003

    return Report(text, json, page, annotations)


def failure_report(name: str, reason: str) -> Report:
    """Return the report on a command that ended before it had a result; its text and JSON say nothing."""
    nothing = Report(lambda _: "", str, partial(_failure_page, name, reason), partial(_failure, name, reason))
    return nothing.with_text(lambda _: "")


def _failure_page(name: str, reason: str) -> Page:
    from reconciler.reports.pages import text_page

    return text_page(name, reason)


def _failure(name: str, reason: str) -> Iterable[Annotation]:
    from reconciler.reports.annotations import Annotation, Level

    return [Annotation(Level.ERROR, f"{name} ended without a result", reason)]
