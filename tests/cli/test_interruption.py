"""Ctrl-C and SIGTERM: nothing is left half done, and what stands where is said."""

from __future__ import annotations

import contextlib
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from reconciler.simulator import Kind
from tests.cli.site import Run, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.cli.site import Site


@contextlib.contextmanager
def running(site: Site, command: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    program = site.line(command, *arguments)
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def interrupted(site: Site, is_time: Callable[[], bool], sign: int, command: str, *arguments: str) -> Run:
    """Send a signal once it is time to; how the command ended then."""
    with running(site, command, *arguments) as process:
        until(is_time, "the moment to interrupt")
        process.send_signal(sign)
        out, err = process.communicate(timeout=30)
        return Run(process.returncode, out, err)


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_an_apply_finishes_the_step_at_hand_and_leaves_the_rest_alone(pair: Site, sign: int) -> None:
    pair.documents[0]["parameters"]["max-unacked-clients"] = 3
    pair.write()
    before = pair.endpoint("kea-a").config
    ended = interrupted(pair, lambda: "config-set" in pair.sent("kea-b"), sign, "apply", "--yes")
    assert ended.exit_code == 130
    assert ended.stderr == "Stopping. The step at hand is finished first, which can take a few minutes.\n"
    assert "kea-b: applied, persisted: has the planned configuration" in ended.stdout
    assert "kea-a: not attempted: stopped on request before this server was touched" in ended.stdout
    assert pair.sent() == ["config-test"] * 4 + ["config-set", "config-write"]
    assert pair.endpoint("kea-a").config == before
    assert pair.endpoint("kea-b").written == pair.endpoint("kea-b").config


def test_a_new_relationship_is_completed_once_it_was_begun(site: Site) -> None:
    """Half of one would be worse than either end."""
    ended = interrupted(site, lambda: "config-set" in site.sent(), signal.SIGINT, "apply", "--yes")
    assert ended.exit_code == 130
    assert "Apply: 2 applied, of 2 servers in 1 relationship." in ended.stdout
    assert site.run("plan", "--detailed-exitcode").exit_code == 0
    assert site.endpoint("kea-b").is_serving()


def test_an_apply_whose_servers_are_all_gone_is_left_and_the_next_one_goes_on(pair: Site, tmp_path: Path) -> None:
    pair.documents[0]["parameters"]["max-unacked-clients"] = 3
    pair.write()
    state = ("--state-dir", str(tmp_path / "state"))

    def all_are_gone() -> bool:
        is_time = "config-set" in pair.sent("kea-b")
        for name in ("kea-a", "kea-b") if is_time else ():
            pair.endpoint(name).stop(killed=True)
        return is_time

    ended = interrupted(pair, all_are_gone, signal.SIGTERM, "apply", "--yes", *state)
    assert ended.exit_code == 130, ended
    assert "stopped on request while no server could be reached" in ended.stdout
    shown = pair.run_line("history", "show", "1", *state).stdout
    assert "kea-b failed" in shown
    assert "stopped on request while no server could be reached" in shown
    for name in ("kea-a", "kea-b"):
        pair.endpoint(name).start()
    pair.until_normal()
    done = pair.run("apply", "--yes", *state)
    assert done.exit_code == 0, done
    assert pair.run("plan", "--detailed-exitcode", *state).exit_code == 0


def test_an_apply_that_is_only_reading_ends_at_once(site: Site) -> None:
    site["kea-b"].faults.add(Kind.HANG)
    ended = interrupted(site, lambda: bool(site["kea-a"].log), signal.SIGINT, "apply", "--yes")
    assert (ended.exit_code, ended.stdout) == (130, "")
    assert ended.stderr.strip() == "Interrupted."
    assert site.sent() == []


@pytest.mark.parametrize("command", ["plan", "drift", "status"])
def test_what_only_looks_ends_at_once(site: Site, command: str) -> None:
    site["kea-b"].faults.add(Kind.HANG)
    ended = interrupted(site, lambda: bool(site["kea-a"].log), signal.SIGINT, command)
    assert (ended.exit_code, ended.stdout, ended.stderr.strip()) == (130, "", "Interrupted.")
