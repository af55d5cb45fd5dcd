"""`history`: what was changed by whom, and never a secret."""

from __future__ import annotations

import getpass
import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.cli.site import Run, Site, subnet
from tests.reports.schemas import HISTORY

if TYPE_CHECKING:
    from pathlib import Path

from reconciler.model import Service
from reconciler.simulator import Kind

SECRET = "c4n4ry-pa55"


@pytest.fixture
def state(tmp_path: Path) -> str:
    return str(tmp_path / "state")


def history(site: Site, state: str, *arguments: str) -> Run:
    return site.run_line("history", *arguments, "--state-dir", state)


def entries(site: Site, state: str, *arguments: str) -> list[dict[str, Any]]:
    done = history(site, state, *arguments, "--format", "json")
    assert done.exit_code == 0, done
    report = json.loads(done.stdout)
    HISTORY.validate(report)
    found: list[dict[str, Any]] = report["entries"]
    return found


def changed(site: Site, state: str) -> None:
    """The relationship is made, and then the primary's subnets and its peer's password are changed by hand."""
    assert site.run("apply", "--yes", "--state-dir", state).exit_code == 0

    def edit(config: dict[str, Any]) -> None:
        config["subnet4"].append(subnet(Service.DHCP4, 7))
        config["user-context"]["password"] = SECRET

    site.change("kea-a", edit)
    done = site.run("apply", "--yes", "--state-dir", state)
    assert done.exit_code == 0, done


def test_before_the_first_change_nothing_is_remembered(site: Site, state: str) -> None:
    assert history(site, state).stdout == "Nothing is remembered.\n"
    assert history(site, state, "hq").stdout == "Nothing is remembered of hq.\n"
    told = "Nothing is remembered of 3; `kea-reconciler history show 3` shows an entry by its id.\n"
    assert history(site, state, "3").stdout == told
    assert entries(site, state) == []


def test_it_lists_changes_newest_first(site: Site, state: str) -> None:
    changed(site, state)
    found = entries(site, state)
    assert [(each["id"], each["relationship"], each["kind"]) for each in found] == [
        (2, "hq", "changed"),
        (1, "hq", "changed"),
    ]
    assert {each["server"]: each["result"] for each in found[0]["results"]} == {
        "kea-a": "nothing-to-do",
        "kea-b": "applied",
    }
    shown = history(site, state, "hq").stdout.splitlines()
    assert shown[1].endswith(f"hq            `kea-reconciler apply` by {getpass.getuser()}: kea-b applied")
    assert entries(site, state, "nobody") == []
    assert entries(site, state, "--service", "dhcp6") == []
    assert [each["id"] for each in entries(site, state, "--limit", "1")] == [2]


def test_an_entry_has_the_difference_the_steps_and_no_secret(site: Site, state: str) -> None:
    changed(site, state)
    done = history(site, state, "show", "2")
    assert done.exit_code == 0, done
    assert "+ subnet 10.0.7.0/24: id 7, 1 pool" in done.stdout
    assert "kea-b config-set: done" in done.stdout
    assert "rollback hq --to 2" in done.stdout
    told = history(site, state, "show", "2", "--format", "json").stdout
    HISTORY.validate(json.loads(told))
    assert SECRET not in done.stdout + told
    server = next(each for each in json.loads(told)["servers"] if each["server"] == "kea-b")
    paths = [change["path"][0][1] for change in server["changes"]]
    assert "10.0.7.0/24" in paths
    assert server["is_overwritten"]


def test_the_entry_that_made_a_relationship_says_so(site: Site, state: str) -> None:
    changed(site, state)
    shown = history(site, state, "show", "1").stdout
    assert "+ relationship hq: hot-standby, as kea-b" in shown


def test_an_entry_says_why_it_failed_in_the_words_of_the_run(pair: Site, state: str) -> None:
    pair.documents[0]["parameters"]["max-unacked-clients"] = 3
    pair.write()
    pair["kea-b"].faults.add(Kind.FAILS, "config-set", times=1, text=f'no room, "password": "{SECRET}"')
    done = pair.run("apply", "--yes", "--state-dir", state)
    assert done.exit_code == 1, done
    (told,) = [line for line in done.stdout.splitlines() if line.startswith("  kea-b: restored")]
    reason = told.partition("restored: ")[2]
    assert "config-set failed" in reason
    shown = history(pair, state, "show", "1").stdout
    assert f"  kea-b restored, Kea 2.2.0: {reason}\n" in shown
    (entry,) = entries(pair, state)
    assert {each["server"]: each["reason"] for each in entry["results"]}["kea-b"] == reason
    assert SECRET not in shown + json.dumps(entry)


def test_an_operation_is_an_entry_too(pair: Site, state: str) -> None:
    done = pair.run("maintenance", "start", "kea-b", "--yes", "--state-dir", state)
    assert done.exit_code == 0, done
    (entry,) = entries(pair, state, "hq")
    assert (entry["kind"], entry["exit_code"]) == ("operated", 0)
    assert "ha-maintenance-start: done" in history(pair, state, "show", "1").stdout


def test_a_suspension_is_an_entry_where_no_daemon_tells_of_it(site: Site, state: str) -> None:
    where = ("hq", "--state-dir", state)
    assert site.run("suspend", *where, "--reason", "CHG-1", "--for", "2h").exit_code == 0
    assert [site.run("resume", *where).exit_code for _ in range(2)] == [0, 0]
    end, begin = entries(site, state, "hq")
    who = getpass.getuser()
    assert (begin["kind"], begin["summary"]) == ("suspended", f"hq is suspended by {who}: CHG-1")
    assert [each[:8] for each in begin["details"]] == ["until 20"]
    assert (end["kind"], end["summary"]) == ("suspended", f"hq is resumed by {who}")


def test_a_plan_that_is_only_shown_is_an_entry_once(site: Site, state: str) -> None:
    def plan() -> None:
        assert site.run("plan", "--state-dir", state).exit_code == 0

    plan()
    plan()
    (first,) = entries(site, state, "hq")
    assert (first["kind"], first["run"], first["severity"]) == ("planned", None, "info")
    assert first["summary"].startswith(f"`kea-reconciler plan` by {getpass.getuser()} showed ")
    assert any("+ relationship hq" in line and "git: desired changed" in line for line in first["details"])
    changed(site, state)
    plan()  # which is empty
    assert [each["kind"] for each in entries(site, state)] == ["changed", "changed", "planned"]
    for lifetime in (1234, 4321, 1234):
        site.change("kea-a", lambda config: config.update({"valid-lifetime": lifetime}))  # noqa: B023
        plan()
    assert [each["kind"] for each in entries(site, state)][:3] == ["planned"] * 3
    text = history(site, state, "show", "4").stdout
    assert "~ global valid-lifetime: 7200 -> 1234" in text
    assert SECRET not in text + history(site, state, "--format", "json").stdout


def test_a_plan_that_an_apply_shows_and_does_not_carry_out_is_an_entry(site: Site, state: str) -> None:
    changed(site, state)
    site.change("kea-a", lambda config: config.update({"subnet4": [], "user-context": {"password": SECRET * 2}}))
    assert site.run("apply", "--yes", "--state-dir", state).exit_code == 3
    newest, *others = entries(site, state)
    assert (newest["kind"], [each["kind"] for each in others]) == ("planned", ["changed", "changed"])
    assert any(line.startswith("held by authority-empty") for line in newest["details"])
    assert any("user-context" in line for line in newest["details"])
    assert SECRET not in json.dumps(newest)


def test_a_plan_is_shown_where_nothing_can_be_remembered(site: Site, tmp_path: Path) -> None:
    (tmp_path / "state").mkdir(mode=0o777)
    (tmp_path / "state").chmod(0o777)  # open to others
    done = site.run("plan", "--state-dir", str(tmp_path / "state"))
    assert done.exit_code == 0, done
    assert "the plan can't be remembered" in done.stderr


def test_an_id_that_nobody_has_is_said(site: Site, state: str) -> None:
    changed(site, state)
    done = history(site, state, "show", "77")
    assert done.exit_code == 64
    assert "nothing is remembered with the id 77" in done.stderr


def test_help_tells_of_both(site: Site) -> None:
    assert "ID" in site.run_line("history", "show", "--help").stdout
    assert "RELATIONSHIP" in site.run_line("history", "list", "--help").stdout
