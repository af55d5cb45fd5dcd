"""What the pages tell people to type is what the command line takes."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from reconciler.cli import cli
from reconciler.cli.plan_files import KEY_VARIABLE
from tests.docs.pages import PAGES, ROOT, blocks, inline, name, rows, text

PROGRAM = "kea-reconciler"


def shown() -> list[tuple[str, str]]:
    """Every command line of ours in blocks of shell and between backticks, with the page that it stands on."""
    found = []
    for page in PAGES:
        lines = [
            line.strip().removeprefix("$ ")
            for block in blocks(page, "sh", "text")
            for line in block.text.replace("\\\n", " ").splitlines()
        ]
        found += [(name(page), line) for line in [*lines, *inline(page)] if line.startswith(f"{PROGRAM} ")]
    return found


SHOWN = shown()


@pytest.mark.parametrize(("page", "line"), SHOWN)
def test_a_command_line_is_taken(page: str, line: str) -> None:
    words = shlex.split(re.split(r" [>|] ", line)[0], comments=True)[1:]
    command = cli.commands.get(words[0])
    if command is None:
        assert words in (["--help"], ["--version"])
        return
    names = ["-h", "--help"]  # as the group has them: a command keeps the ones that it sees first
    with command.make_context(f"{PROGRAM} {words[0]}", words[1:], help_option_names=names) as context:
        assert isinstance(context, click.Context)


def test_there_are_some_of_every_command_that_matters() -> None:
    used = {shlex.split(line, comments=True)[1] for _, line in SHOWN}
    assert {"validate", "plan", "apply", "drift", "status", "import", "schema"} <= used


def options() -> dict[str, click.Option]:
    groups = [each for each in cli.commands.values() if isinstance(each, click.Group)]
    commands = [*cli.commands.values(), *(each for group in groups for each in group.commands.values())]
    parameters = [each for command in commands for each in command.params]
    return {flag: each for each in parameters if isinstance(each, click.Option) for flag in each.opts}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_options_that_are_spoken_of_exist(page: Path) -> None:
    """Options that stand alone, or behind our own name; other programs have theirs."""
    ours = [piece for piece in inline(page) if piece.startswith(("--", PROGRAM)) and page.name != "benchmarks.md"]
    spoken = {word for piece in ours for word in re.findall(r"(?<!\S)--[a-z][a-z-]*", piece)}
    assert spoken <= options().keys() | {"--help", "--version"}


def test_variables_of_the_environment_are_the_same() -> None:
    spoken = {word for page in PAGES for word in re.findall(r"\bKEA_RECONCILER_[A-Z_]+\b", text(page))}
    assert spoken == {KEY_VARIABLE} | {str(option.envvar) for option in options().values() if option.envvar}


def test_the_readme_lists_every_command() -> None:
    listed = [row[0].strip("`") for row in rows(ROOT / "README.md", "command")]
    assert listed == list(cli.commands)


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    spoken = {
        word
        for page in PAGES
        for piece in [*inline(page), *(block.text for block in blocks(page, "sh"))]
        for word in re.findall(r"^make ([a-z-]+)", piece, re.MULTILINE)
    }
    assert {"demo", "test"} <= spoken <= targets
