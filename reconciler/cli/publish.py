"""`kea-reconciler publish`."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from reconciler.forge.publishing import Done
    from reconciler.forge.surroundings import Surroundings


_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


def _name(_context: click.Context, _option: click.Parameter, name: str | None) -> str | None:
    """Refuse a name that could end the hidden line which it becomes part of; an empty one is none."""
    from reconciler.forge.publishing import NAME

    if not name:
        return None
    if not NAME.fullmatch(name):
        raise click.BadParameter("a name is made of up to 64 letters, digits, dots, hyphens and underscores")
    return name


page_argument = click.argument("page", metavar="PAGE", type=click.Path(path_type=Path, dir_okay=False))
name_option = click.option(
    "--as",
    "name",
    metavar="NAME",
    callback=_name,
    help="Which of several this is, where a repository holds more than one folder of desired state.",
)


@click.group(short_help="Put a page on a pull request or into an issue; fetch what was reviewed.")
def publish() -> None:
    """Put a page that `--format markdown=FILE` wrote where people read it: on GitHub or GitLab; and fetch the plan file
    that was reviewed there.

    For jobs there: which project and which pull or merge request it is about is taken from the job's own variables
    (and event file), the token from GITHUB_TOKEN or GITLAB_TOKEN.
    """


@publish.command(short_help="Make a page the comment on the pull request.")
@page_argument
@name_option
def comment(page: Path, name: str | None) -> int:
    """Make PAGE the comment on the pull or merge request that the job is about.

    There is one comment for each kind of page: that of an earlier run is replaced.
    """
    from reconciler.cli.session import Failure, told_errors
    from reconciler.forge.calls import Calls
    from reconciler.forge.posts import forge
    from reconciler.forge.publishing import comment as made

    with told_errors():
        text, place = _text(page), _place()
        if place.change is None:
            raise Failure("this job is about no pull or merge request, so there is nothing to comment on")
        with Calls(place) as calls:
            done, post = made(forge(place, calls), place.change, text, name)
        _say("comment", done, post.url)
        return 0


@publish.command(short_help="Open, update or close the issue about a page.")
@page_argument
@click.option(
    "--outcome",
    type=click.Choice(["success", "failure"]),
    required=True,
    help="How the command that wrote the page ended; success closes the issue.",
)
@click.option("--title", default="Kea servers are not as they should be", show_default=True, help="The issue's title.")
@name_option
def issue(page: Path, outcome: str, title: str, name: str | None) -> int:
    """Keep one issue open with PAGE for as long as something is not as it should be.

    It is opened on the first failure, gets the newest page on each further one, and is closed on success.
    """
    from reconciler.cli.session import told_errors
    from reconciler.forge.calls import Calls
    from reconciler.forge.posts import forge
    from reconciler.forge.publishing import issue as made

    with told_errors():
        text, place, is_well = _text(page), _place(), outcome == "success"
        with Calls(place) as calls:
            done, post = made(forge(place, calls), text, is_well=is_well, title=title, name=name)
        _say("issue", done, post.url if post else "")
        return 0


@publish.command(short_help="Fetch the plan file that was reviewed.")
@click.option("--commit", metavar="COMMIT", required=True, help="The commit that the pull or merge request became.")
@click.option(
    "--out", metavar="FILE", required=True, type=click.Path(path_type=Path, dir_okay=False), help="Where to write it."
)
@name_option
def reviewed(commit: str, out: Path, name: str | None) -> int:
    """Fetch the plan file of the pull or merge request that brought COMMIT, for `apply FILE`.

    It is the newest that a job of that request left behind. On GitHub it is in the artifact `plan-dhcp`, on GitLab it
    is plan.json of the job `plan`; with --as NAME of `plan-NAME` on both.
    """
    from reconciler.cli.forms import echo
    from reconciler.cli.session import told_errors
    from reconciler.forge.calls import Calls
    from reconciler.forge.reviewed import reviewed_plan

    if not _COMMIT.fullmatch(commit):
        raise click.BadParameter("a commit is named by its whole hash, as `git rev-parse HEAD` says it")
    with told_errors():
        place = _place()
        with Calls(place) as calls:
            out.write_bytes(reviewed_plan(place, calls, commit, name))
        echo(f"the plan that was reviewed: {out}")
        return 0


def _text(page: Path) -> str:
    from reconciler.errors import FileError, UsageError

    try:
        return page.read_text(encoding="utf-8")
    except OSError as error:
        raise FileError(f"{page} can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{page} is no text; publish takes a page that `--format markdown=FILE` wrote") from None


def _place() -> Surroundings:
    from reconciler.forge.surroundings import surroundings

    return surroundings(os.environ)


def _say(what: str, done: Done, url: str) -> None:
    from reconciler.cli.forms import echo

    echo(f"{what}: {done}{f' ({url})' if url else ''}")
