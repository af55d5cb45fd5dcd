"""The forms of a result, where each of them goes, and how it gets there."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconciler.redaction import Scrubber

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from reconciler.reports.report import Report

_RUN = ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID")  # set by the runner
_JOB = "CI_JOB_URL"  # the same of GitLab
_RUN_URL = re.compile(r"https?://[\w.-]+(?::\d+)?(?:/[\w.-]+){2,20}?/(?:actions/runs|-/jobs)/\d+")


class Kind(StrEnum):
    """A form of a result."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"
    GITHUB = "github"


@dataclass(frozen=True, slots=True)
class Form:
    """One form; `file` is where it goes, None for stdout. For github it is where the job's summary goes, None for the
    file that the runner names.
    """

    kind: Kind
    file: Path | None = None


@dataclass(frozen=True, slots=True)
class Forms:
    """Every form that a result is given in."""

    forms: tuple[Form, ...] = (Form(Kind.TEXT),)

    @property
    def is_text(self) -> bool:
        """Whether a person reads the result on stdout."""
        return Form(Kind.TEXT) in self.forms

    def without_results(self) -> Forms:
        """Return the forms that can say that there is no result: a comment and annotations, so that none goes stale."""
        kinds = {Kind.MARKDOWN, Kind.GITHUB}
        return replace(self, forms=tuple(form for form in self.forms if form.kind in kinds))


class FormType(click.ParamType):  # type: ignore[type-arg] # generic only in the newest click
    """FORM or FORM=FILE on the command line."""

    name = "form"

    def shell_complete(
        self, _context: click.Context, _option: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Offer the forms; which file one goes to is for people to say."""
        from click.shell_completion import CompletionItem

        return [CompletionItem(kind) for kind in Kind if kind.startswith(incomplete)]

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Form:
        """Return what was written as a form."""
        if isinstance(value, Form):
            return value
        name, given, file = str(value).partition("=")
        if name not in set(Kind):
            self.fail(f"there is no form {name!r}; there are {', '.join(Kind)}", param, ctx)
        if given and not file:
            self.fail(f"{value} names no file; write {name}=FILE, or {name} for stdout", param, ctx)
        return Form(Kind(name), Path(file) if file else None)


def together(_context: click.Context, _option: click.Parameter, forms: Sequence[Form]) -> Forms:
    """Return all forms as one; refuse those that would stand in each other's way."""
    on_stdout = [form.kind for form in forms if form.file is None and form.kind is not Kind.GITHUB]
    if len(on_stdout) > 1:
        raise click.BadParameter(f"{' and '.join(on_stdout)} would both go to stdout; give all but one a file")
    if Kind.GITHUB in {form.kind for form in forms} and {Kind.JSON, Kind.MARKDOWN} & set(on_stdout):
        raise click.BadParameter(f"github writes its annotations to stdout; give {on_stdout[0]} a file")
    files = [form.file for form in forms if form.file is not None]
    if len(set(files)) < len(files):
        raise click.BadParameter("two forms would go to the same file")
    return Forms(tuple(forms)) if forms else Forms()


def tell(forms: Forms, report: Report, scrubber: Scrubber) -> None:
    """Give a result in every form that was asked for, each through the filter that takes secrets out."""
    for form in forms.forms:
        if form.kind is Kind.GITHUB:
            _tell_github(report, form.file, scrubber)
            continue
        text = _scrubbed(_rendered(form, report), form.kind, scrubber)
        if form.file is not None:
            form.file.write_text(text.strip("\n") + "\n", encoding="utf-8")
        elif text:
            echo(text)


def _scrubbed(text: str, kind: Kind, scrubber: Scrubber) -> str:
    """Return a result without secrets; JSON stays what it is, even where a secret looks like a part of it."""
    scrubbed = scrubber.scrub(text)
    if kind is not Kind.JSON or scrubbed == text:
        return scrubbed
    from reconciler.reports.json_text import json_text

    return json_text(scrubber.scrub_values(json.loads(text)))


def _rendered(form: Form, report: Report) -> str:
    from reconciler.cli.session import wants_colour

    if form.kind is Kind.TEXT:
        return report.text(form.file is None and wants_colour(sys.stdout))
    if form.kind is Kind.JSON:
        return report.json()
    from reconciler.reports.markdown import markdown

    return markdown(report.page(), pointer=_pointer())


def _tell_github(report: Report, file: Path | None, scrubber: Scrubber) -> None:
    """Print annotations, and append the job's summary to a file, to the runner's where none is named."""
    from reconciler.reports.annotations import commands

    lines = scrubber.scrub(commands(tuple(report.annotations()), _from_checkout))
    if lines:
        click.echo(lines)
    named = os.environ.get("GITHUB_STEP_SUMMARY")
    file = file or (Path(named) if named else None)
    if file is None:
        return
    from reconciler.reports.markdown import markdown, summary_limit

    used = file.stat().st_size if file.exists() else 0
    text = scrubber.scrub(markdown(report.page(), summary_limit(used), _pointer()))
    if text:
        with file.open("a", encoding="utf-8") as summary:
            summary.write(f"{text}\n")


def _from_checkout(file: str) -> str:
    """Return how a file is called from the top of the runner's checkout, unchanged where it is not in one."""
    checkout, path = os.environ.get("GITHUB_WORKSPACE"), Path(file).absolute()
    return str(path.relative_to(checkout)) if checkout and path.is_relative_to(checkout) else file


def _pointer() -> str:
    """Return where the whole of a report is, as Markdown: the run (the job, on GitLab) that the runner tells of, if it
    does.
    """
    server, repository, run = (os.environ.get(name, "") for name in _RUN)
    urls = (f"{server}/{repository}/actions/runs/{run}", os.environ.get(_JOB, ""))
    found = next(filter(_RUN_URL.fullmatch, urls), None)
    return f"[the log of the run and its artifacts]({found})" if found else ""


def echo(text: str, *, err: bool = False) -> None:
    """Print a text; what a server says in it is no workflow command to the runner that may be reading along."""
    from reconciler.reports.annotations import inert

    click.echo(inert(text), err=err, nl=not text.endswith("\n"))
