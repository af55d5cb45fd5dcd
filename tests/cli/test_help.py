"""What the command line says of itself."""

from __future__ import annotations

import json
import re

import click
import pytest
from jsonschema import Draft202012Validator

import reconciler
from reconciler.cli import EPILOG, cli
from reconciler.planning.verdict import ExitCode
from tests.cli.site import run, run_process

COMMANDS = (
    "validate",
    "plan",
    "explain",
    "show",
    "apply",
    "drift",
    "status",
    "promote",
    "watch",
    "reconcile-now",
    "suspend",
    "resume",
    "history",
    "rollback",
    "leases",
    "maintenance",
    "continue",
    "sync",
    "reset",
    "enable",
    "init",
    "import",
    "schema",
    "completion",
    "publish",
    "version",
)
SCHEMAS = (
    "relationship",
    "servers",
    "approvals",
    "plan",
    "plan-report",
    "outcome-report",
    "status",
    "operation-report",
    "lease-report",
    "history-report",
    "problem-report",
)


def test_the_commands_stand_in_the_order_of_their_use() -> None:
    listed = re.findall(
        r"^  ([a-z-]+) +\S", run("--help").stdout.partition("Commands:")[2].partition("Exit codes")[0], re.MULTILINE
    )
    assert tuple(listed) == COMMANDS


@pytest.mark.parametrize("flag", ["--help", "-h"])
@pytest.mark.parametrize("command", [(), *((name,) for name in COMMANDS)], ids=" ".join)
def test_help_of_every_command(command: tuple[str, ...], flag: str) -> None:
    ended = run(*command, flag)
    assert (ended.exit_code, ended.stderr) == (0, "")
    assert ended.stdout.startswith(f"Usage: {' '.join(('kea-reconciler', *command))} [OPTIONS]")
    assert max(map(len, ended.stdout.splitlines())) <= 80


def test_without_a_command_there_is_help() -> None:
    ended = run()
    assert ended.exit_code == 64
    assert "Commands:" in ended.stderr + ended.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_explained_in_whole_sentences(name: str) -> None:
    command = cli.commands[name]
    assert command.help
    assert command.get_short_help_str(limit=200).endswith(".")
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            text = parameter.help or ""
            assert text[:1].isupper(), parameter.name
            assert text.endswith("."), parameter.name


def test_options_that_are_shared_mean_the_same_everywhere() -> None:
    told: dict[str, set[str]] = {}
    for command in cli.commands.values():
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                told.setdefault(parameter.opts[0], set()).add(str(parameter.help))
    assert {name: texts for name, texts in told.items() if len(texts) > 1} == {}


@pytest.mark.parametrize("name", ["plan", "apply", "drift", "status", "leases", "maintenance", "sync", "import"])
def test_variables_of_the_environment_are_named(name: str) -> None:
    text = re.sub(r"\s+", " ", run(name, "--help").stdout)
    for variable in ("DESIRED", "SETTINGS", "CREDENTIALS"):
        assert f"KEA_RECONCILER_{variable}" in text


def test_every_exit_code_is_explained() -> None:
    assert [int(code) for code in re.findall(r"^  (\d+) ", EPILOG, re.MULTILINE)] == [code.value for code in ExitCode]
    assert EPILOG.strip("\b\n") in run("--help").stdout.replace("\n  ", "\n")


@pytest.mark.parametrize("name", SCHEMAS)
def test_schema_prints_each(name: str) -> None:
    ended = run("schema", name)
    assert (ended.exit_code, ended.stderr) == (0, "")
    Draft202012Validator.check_schema(json.loads(ended.stdout))
    assert name in run("schema", "--help").stdout


def test_schema_prints_that_of_a_relationship_unless_told_otherwise() -> None:
    assert run("schema") == run("schema", "relationship")


def test_schema_knows_every_schema_that_there_is() -> None:
    from reconciler.desired.schema import schema_names

    assert set(SCHEMAS) == set(schema_names())


def test_version() -> None:
    own = re.escape(reconciler.__version__)
    said = rf"kea-reconciler {own} \(Python 3\.\d+\.\d+\S*, tested with Kea 2\.2, 2\.6, 3\.0\)\n"
    assert re.fullmatch(said, run("version").stdout)
    assert run("--version").stdout == f"kea-reconciler, version {reconciler.__version__}\n"


def test_the_installed_program_is_the_same() -> None:
    assert run_process("--help") == run("--help")


def test_an_unknown_command_gets_a_hint() -> None:
    ended = run("plans")
    assert ended.exit_code == 64
    assert "No such command 'plans'" in ended.stderr


@pytest.mark.parametrize(("command", "is_hinted"), [("plan", True), ("status", True), ("validate", False)])
def test_a_name_that_belongs_to_an_option_gets_a_hint(command: str, *, is_hinted: bool) -> None:
    ended = run(command, "hq")
    assert (ended.exit_code, "`--relationship NAME`" in ended.stderr) == (64, is_hinted)
    assert "unexpected extra argument (hq)" in ended.stderr
