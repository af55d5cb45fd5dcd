"""`rollback`: what was overwritten comes back, by a plan like any other, and refuses what it can't bring back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.model import Service
from tests.cli.site import Run, Site, subnet

if TYPE_CHECKING:
    from pathlib import Path

OWN = {"interfaces-config", "control-socket", "control-sockets", "hooks-libraries", "lease-database", "loggers"}


@pytest.fixture
def state(tmp_path: Path) -> str:
    return str(tmp_path / "state")


def rollback(site: Site, state: str, number: int, *arguments: str, name: str = "hq") -> Run:
    return site.run("rollback", name, "--to", str(number), "--state-dir", state, *arguments)


def data(site: Site, name: str) -> dict[str, Any]:
    config = {key: value for key, value in site.endpoint(name).config.items() if key not in OWN}
    config["user-context"] = {k: v for k, v in config.get("user-context", {}).items() if k != "kea-reconciler"}
    return config


def applied(site: Site, state: str) -> None:
    done = site.run("apply", "--yes", "--state-dir", state)
    assert done.exit_code == 0, done


def add_subnet(config: dict[str, Any]) -> None:
    config["subnet4"].append(subnet(Service.DHCP4, 7))


def take_all(config: dict[str, Any]) -> None:
    config["subnet4"] = []


@pytest.fixture
def changed(site: Site, state: str) -> Site:
    """Entry 1 made the pair, entry 2 carried a new subnet over to kea-b."""
    applied(site, state)
    site.change("kea-a", add_subnet)
    applied(site, state)
    site.forget()
    return site


def is_planned_empty(site: Site) -> bool:
    return site.run("plan", "--detailed-exitcode").exit_code == 0


def test_both_have_again_what_was_there_before(changed: Site, state: str) -> None:
    after = data(changed, "kea-b")
    page = changed.folder / "page.md"
    done = rollback(changed, state, 2, "--yes", "--format", "text", "--format", f"markdown={page}")
    assert done.exit_code == 0, done
    assert "rollback: brought back as it was\n      - subnet 10.0.7.0/24" in done.stdout
    assert done.stdout.endswith("\nRollback: 2 applied, of 2 servers in 1 relationship.\n")
    assert page.read_text().startswith("<!-- kea-reconciler: rollback -->\n")
    assert "**Rollback: 2 applied" in page.read_text()
    for name in ("kea-a", "kea-b"):
        assert data(changed, name) != after
        assert [each["subnet"] for each in data(changed, name)["subnet4"]] == ["10.0.1.0/24"]
    assert is_planned_empty(changed)
    undone = rollback(changed, state, 3, "--yes")
    assert undone.exit_code == 0, undone
    assert data(changed, "kea-a") == data(changed, "kea-b") == after
    assert is_planned_empty(changed)


def test_the_primary_goes_first_so_that_one_that_is_cut_off_is_not_undone(changed: Site, state: str) -> None:
    assert rollback(changed, state, 2, "--yes").exit_code == 0
    sets = sorted(
        (entry, name) for name in ("kea-a", "kea-b") for entry in changed[name].log if entry.command == "config-set"
    )
    assert [name for _, name in sets] == ["kea-a", "kea-b"]


def test_the_history_says_what_it_went_back_to(changed: Site, state: str) -> None:
    assert rollback(changed, state, 2, "--yes").exit_code == 0
    told = changed.run_line("history", "show", "3", "--format", "json", "--state-dir", state)
    assert json.loads(told.stdout)["entries"][0]["back_to"] == 2
    assert "a rollback to 2" in changed.run_line("history", "show", "3", "--state-dir", state).stdout


def test_without_a_terminal_it_asks_for_yes(changed: Site, state: str) -> None:
    before = data(changed, "kea-a")
    assert rollback(changed, state, 2).exit_code == 64
    assert data(changed, "kea-a") == before


def test_nothing_to_do_is_said(changed: Site, state: str) -> None:
    assert rollback(changed, state, 2, "--yes").exit_code == 0
    again = rollback(changed, state, 2, "--yes")
    assert again.exit_code == 0
    assert "No changes" in again.stdout or "Nothing to do" in again.stdout


def test_what_it_takes_away_needs_the_same_approval(changed: Site, state: str) -> None:
    """Entry 1 made the pair: kea-b had no subnet before it."""
    done = rollback(changed, state, 1, "--yes", "--server", "kea-b")
    assert done.exit_code == 3, done
    assert "the earlier data have no subnet at all" in done.stdout
    assert rollback(changed, state, 1, "--yes").exit_code == 0  # the primary's own, without being asked for


def test_what_is_local_and_the_relationship_stay(changed: Site, state: str) -> None:
    def edit(config: dict[str, Any]) -> None:
        config["loggers"] = [{"name": "kea-dhcp4", "severity": "WARN"}]

    changed.change("kea-a", edit)
    hooks = changed.endpoint("kea-a").config["hooks-libraries"]
    loggers = changed.endpoint("kea-a").config["loggers"]
    assert rollback(changed, state, 2, "--yes").exit_code == 0
    assert changed.endpoint("kea-a").config["hooks-libraries"] == hooks
    assert changed.endpoint("kea-a").config["loggers"] == loggers


# ----------------------------------------------------------------------------------------------- refusals


def test_an_id_of_nothing_or_of_another_relationship(changed: Site, state: str) -> None:
    assert "nothing is remembered with the id 77" in rollback(changed, state, 77).stderr
    changed.add_pair("branch", servers=("kea-c", "kea-d"))
    assert "not about branch is the entry 2" in rollback(changed, state, 2, name="branch").stderr
    unknown = rollback(changed, state, 2, name="nobody").stderr
    assert ("no relationship nobody" in unknown, "--relationship" in unknown) == (True, False)


def test_a_server_that_was_not_overwritten(changed: Site, state: str) -> None:
    done = rollback(changed, state, 2, "--server", "kea-a")
    assert done.exit_code == 64
    assert "what 2 overwrote was on kea-b" in done.stderr


def test_a_relationship_that_is_not_as_desired(changed: Site, state: str) -> None:
    changed.documents[0]["parameters"]["heartbeat-delay"] = 700
    changed.write()
    done = rollback(changed, state, 2, "--yes")
    assert done.exit_code == 1, done
    assert "apply first, then roll back" in done.stdout
    assert changed.sent() == []


def test_data_that_are_not_replicated(changed: Site, state: str) -> None:
    changed.documents[0]["replicate"] = False
    changed.write()
    applied(changed, state)
    changed.forget()
    done = rollback(changed, state, 2, "--yes")
    assert done.exit_code == 1, done
    assert "not replicated" in done.stdout
    assert changed.sent() == []


def test_a_server_that_can_t_be_reached(changed: Site, state: str) -> None:
    changed["kea-b"].stop_agent()
    done = rollback(changed, state, 2, "--yes")
    assert done.exit_code == 1, done
    assert changed.sent() == []
