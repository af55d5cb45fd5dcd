"""`apply` asks before it changes anything, and carries out only what was shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest

from reconciler.model import Service
from tests.cli.site import subnet
from tests.cli.terminal import Terminal
from tests.reports.schemas import OUTCOME

if TYPE_CHECKING:
    from tests.cli.site import Site

QUESTION = "Apply this plan? [y/N]: "


def add_subnet(config: dict[str, Any]) -> None:
    config["subnet4"] = [*config["subnet4"], subnet(Service.DHCP4, 2)]


@pytest.fixture
def drifted(pair: Site) -> Site:
    """A pair whose primary has a subnet that its standby lacks."""
    pair.change("kea-a", add_subnet)
    return pair


def at_terminal(site: Site, *arguments: str, **options: Any) -> Terminal:
    return Terminal(site.line("apply", *arguments), **options)


def reads(site: Site) -> int:
    return sum(entry.command == "config-get" for name in ("kea-a", "kea-b") for entry in site[name].log)


def test_yes_applies(drifted: Site) -> None:
    with at_terminal(drifted, NO_COLOR="1") as terminal:
        terminal.wait_for(QUESTION)
        assert "      + subnet 10.0.2.0/24: id 2, 1 pool\n" in terminal.screen
        assert drifted.sent() == []
        terminal.type("y\n")
        assert terminal.end() == 0
    assert "Apply: 1 applied, 1 nothing to do, of 2 servers in 1 relationship.\n" in terminal.screen
    assert drifted.endpoint("kea-b").config["subnet4"] == drifted.endpoint("kea-a").config["subnet4"]


@pytest.mark.parametrize("answer", ["n\n", "\n"])
def test_no_and_nothing_change_nothing(drifted: Site, answer: str) -> None:
    with at_terminal(drifted) as terminal:
        terminal.wait_for(QUESTION)
        terminal.type(answer)
        assert terminal.end() == 1
    assert terminal.screen.endswith("Error: not applied: the answer was no; nothing was changed\n")
    assert drifted.sent() == []


def test_the_end_of_the_input_is_an_interruption(drifted: Site) -> None:
    with at_terminal(drifted) as terminal:
        terminal.wait_for(QUESTION)
        terminal.type("\x04")
        assert terminal.end() == 130
    assert terminal.screen.endswith("Interrupted.\n")
    assert drifted.sent() == []


def test_the_question_is_no_part_of_the_result(drifted: Site) -> None:
    with at_terminal(drifted, "--format", "json", has_stdout=False) as terminal:
        terminal.wait_for(QUESTION)
        terminal.type("y\n")
        assert terminal.end() == 0
    report = orjson.loads(terminal.piped)
    OUTCOME.validate(report)
    assert [each["result"] for each in report["relationships"][0]["servers"]] == ["applied", "nothing-to-do"]


def test_without_a_terminal_it_ends_before_any_server_is_read(drifted: Site) -> None:
    read = reads(drifted)
    for run in (drifted.run, drifted.run_process):
        ended = run("apply")
        assert (ended.exit_code, ended.stdout) == (64, "")
        assert "there is no terminal to ask on; give --yes to apply without a question" in ended.stderr
    assert reads(drifted) == read


def test_without_a_terminal_it_ends_alike_where_there_is_nothing_to_ask_for(pair: Site) -> None:
    """Else a job without --yes would fail on the first day on which there is something to do."""
    assert pair.run("apply").exit_code == 64


def test_nothing_to_do_needs_no_answer(pair: Site) -> None:
    with at_terminal(pair, NO_COLOR="1", has_stdout=False) as terminal:
        assert terminal.end() == 0
    assert terminal.piped == "No changes. Every server is as desired.\n"


def test_what_is_blocked_needs_no_answer(pair: Site) -> None:
    pair.change("kea-a", lambda config: config.update({"subnet4": []}))
    with at_terminal(pair) as terminal:
        assert terminal.end() == 3


@pytest.mark.parametrize("name", ["kea-a", "kea-b"])
def test_4_when_a_server_changed_while_the_person_thought(drifted: Site, name: str) -> None:
    """The server that is to be set, and the one whose data it would get."""
    with at_terminal(drifted) as terminal:
        terminal.wait_for(QUESTION)
        drifted.change(name, lambda config: config.update({"decline-probation-period": 4711}))
        before = drifted.endpoint("kea-b").config
        terminal.type("y\n")
        assert terminal.end() == 4
    assert f"  {name}: " in terminal.screen
    assert "its configuration changed since the plan was made" in terminal.screen
    assert drifted.sent() == []
    assert drifted.endpoint("kea-b").config == before


def test_the_question_keeps_nobody_from_the_servers(drifted: Site) -> None:
    """Who works there while it waits makes what was shown untrue."""
    with at_terminal(drifted, "--state-dir", str(drifted.folder / "state")) as terminal:
        terminal.wait_for(QUESTION)
        done = drifted.run("apply", "--yes", "--state-dir", str(drifted.folder / "state"), "--lock-timeout", "0")
        assert done.exit_code == 0, done
        drifted.forget()
        terminal.type("y\n")
        assert terminal.end() == 5
    assert "`kea-reconciler apply` of " in terminal.screen
    assert "worked on the same servers meanwhile; nothing was done, try again" in terminal.screen
    assert drifted.sent() == []
