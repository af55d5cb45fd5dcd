"""What goes to which stream, and how it looks there: colour and progress for people, plain text for everything else."""

from __future__ import annotations

import os
import shlex
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.cli.site import PROGRAM, Run
from tests.cli.terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.cli.site import Site

ESCAPE = "\x1b"
PROGRESS = "read 2 of 2 endpoints"


def in_shell(site: Site, line: str) -> Run:
    """Run a line of shell in which `$program` is the console script and `$desired` the folder; bash's own exit code
    is that of the first program of a pipe.
    """
    script = (
        f"program={shlex.quote(str(PROGRAM))} desired={shlex.quote(str(site.desired))}\n{line}\nexit ${{PIPESTATUS[0]}}"
    )
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False)
    return Run(done.returncode, done.stdout, done.stderr)


def at_terminal(
    site: Site,
    command: str,
    *arguments: str,
    has_stdout: bool = True,
    environment: Mapping[str, str] | None = None,
) -> Terminal:
    with Terminal(site.line(command, *arguments), has_stdout=has_stdout, **(environment or {})) as terminal:
        terminal.end()
    return terminal


@pytest.mark.parametrize("command", ["plan", "drift", "status", "apply", "validate"])
def test_a_pipe_gets_plain_text_and_no_progress(pair: Site, command: str) -> None:
    ended = pair.run_process(command, *(["--yes"] if command == "apply" else []))
    assert ended.exit_code == 0
    assert ended.stderr == ""
    assert ESCAPE not in ended.stdout


def test_a_terminal_gets_colour_and_progress(site: Site) -> None:
    screen = at_terminal(site, "plan").screen
    assert "\x1b[32m+ relationship hq" in screen
    assert PROGRESS in screen


def test_a_terminal_gets_colour_in_problems(site: Site) -> None:
    (site.desired / "servers.yaml").write_text("servers: 1\n")
    for command in ("validate", "plan"):
        assert f"{ESCAPE}[1;31merror{ESCAPE}[0m" in at_terminal(site, command).screen


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"NO_COLOR": "0"}, {"TERM": "dumb"}], ids=str)
def test_colour_can_be_declined(site: Site, environment: dict[str, str]) -> None:
    screen = at_terminal(site, "plan", environment=environment).screen
    assert "+ relationship hq" in screen
    assert f"{ESCAPE}[3" not in screen
    assert f"{ESCAPE}[1m" not in screen


def test_an_empty_no_color_means_nothing(site: Site) -> None:
    assert "\x1b[32m+ relationship hq" in at_terminal(site, "plan", environment={"NO_COLOR": ""}).screen


def test_a_result_that_goes_into_a_pipe_has_no_colour_while_progress_is_shown(site: Site) -> None:
    terminal = at_terminal(site, "plan", has_stdout=False)
    assert ESCAPE not in terminal.piped
    assert terminal.piped.startswith("hq: dhcp4, hot-standby\n")
    assert PROGRESS in terminal.screen
    assert "hq: dhcp4" not in terminal.screen


def test_a_plan_beside_json_is_coloured_by_the_stream_that_it_goes_to(site: Site) -> None:
    terminal = at_terminal(site, "apply", "--yes", "--format", "json", has_stdout=False)
    assert "\x1b[32m+ relationship hq" in terminal.screen
    assert ESCAPE not in terminal.piped


def test_a_log_takes_the_place_of_the_progress(site: Site) -> None:
    screen = at_terminal(site, "plan", "--log-level", "info").screen
    assert f"INFO reconciler: {PROGRESS}\n" in screen
    assert "⠋" not in screen


@pytest.mark.parametrize("command", ["plan", "status", "validate", "schema", "--help"])
def test_a_reader_that_goes_away_is_no_accident(site: Site, command: str) -> None:
    where = "" if command in {"schema", "--help"} else '--desired "$desired"'
    assert in_shell(site, f'"$program" {command} {where} | true').stderr == ""


def test_head_shows_the_head(site: Site) -> None:
    ended = in_shell(site, '"$program" plan --desired "$desired" | head -1')
    assert (ended.stdout, ended.stderr) == ("hq: dhcp4, hot-standby\n", "")


def test_an_apply_whose_plan_nobody_reads_changes_nothing(site: Site) -> None:
    read, write = os.pipe()
    os.close(read)
    try:
        done = subprocess.run(site.line("apply", "--yes"), stdout=write, stderr=subprocess.PIPE, text=True, check=False)
    finally:
        os.close(write)
    assert (done.returncode, done.stderr) == (1, "")
    assert site.sent() == []


@pytest.mark.parametrize("command", ["plan", "validate", "status", "schema", "version"])
def test_a_result_that_cannot_be_written_is_an_error(site: Site, command: str) -> None:
    where = "" if command in {"schema", "version"} else '--desired "$desired"'
    ended = in_shell(site, f'"$program" {command} {where} >/dev/full')
    assert (ended.exit_code, ended.stderr) == (1, "Error: No space left on device\n")


def test_closed_streams_are_no_accident(site: Site) -> None:
    assert in_shell(site, '"$program" plan --desired "$desired" >&-').stderr == ""
    ended = in_shell(site, '"$program" apply --desired "$desired" <&-')
    assert ended.exit_code == 64
    assert "no terminal" in ended.stderr
