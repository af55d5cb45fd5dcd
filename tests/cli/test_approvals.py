"""Approvals that are for one plan: on the command line and in files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reconciler.model import Service
from tests.cli.site import Site, subnet

OTHER = "f" * 32


@pytest.fixture
def blocked(pair: Site) -> Site:
    """The primary has lost all its subnets, and the standby would follow it."""
    pair.change("kea-a", lambda config: config.update({"subnet4": []}))
    pair.forget()
    return pair


@pytest.fixture
def mark(blocked: Site, tmp_path: Path) -> str:
    """The fingerprint of that plan."""
    file = tmp_path / "plan.json"
    assert blocked.run("plan", "--out", str(file)).exit_code == 3
    return str(json.loads(file.read_text())["fingerprint"])


def approve(site: Site, mark: str, code: str = "authority-empty") -> Path:
    path = site.desired / "approvals" / f"{mark}.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"approve:\n  - {{code: {code}, reason: the site is closed}}\n")
    return path


def test_a_blocked_plan_says_its_fingerprint(blocked: Site, mark: str, tmp_path: Path) -> None:
    comment = tmp_path / "comment.md"
    ended = blocked.run("plan", "--format", "text", "--format", f"markdown={comment}")
    line = f"To approve for this plan alone: --approve CODE@{mark}, or a file approvals/{mark}.yaml."
    assert line in ended.stdout
    assert line in comment.read_text()
    assert line in blocked.run("apply", "--yes").stdout


def test_a_code_counts_for_its_plan_and_no_other(blocked: Site, mark: str) -> None:
    wrong = blocked.run("apply", "--yes", "--approve", f"authority-empty@{OTHER}")
    assert wrong.exit_code == 3
    assert "is for another plan" in wrong.stderr
    assert blocked.sent() == []
    assert blocked.run("plan", "--approve", f"authority-empty@{mark}").exit_code == 0
    done = blocked.run("apply", "--yes", "--approve", f"authority-empty@{mark}")
    assert done.exit_code == 0
    assert "config-set" in blocked.sent("kea-b")


def test_a_merged_file_counts_for_its_plan_and_no_other(blocked: Site, mark: str, tmp_path: Path) -> None:
    file = approve(blocked, OTHER)
    assert blocked.run("plan").exit_code == 3
    file.unlink()
    file = approve(blocked, mark)
    planned = blocked.run("plan", "--out", str(tmp_path / "plan.json"))
    assert planned.exit_code == 0
    assert f"{file}:2:5: approved: authority-empty: the site is closed" in planned.stderr
    assert "approved: authority-empty (kea-b): " in planned.stdout
    shown = blocked.run_line("show", str(tmp_path / "plan.json"))
    assert (shown.exit_code, "approved: authority-empty (kea-b): " in shown.stdout) == (0, True)
    assert blocked.run("apply", str(tmp_path / "plan.json"), "--yes").exit_code == 0


def test_a_merged_file_counts_for_enable_too(pair: Site) -> None:
    pair.documents[0]["state"] = "absent"
    pair.write()
    assert pair.run("apply", "--yes", "--approve", "remove-relationship").exit_code == 0
    refused = pair.run("enable", "kea-b", "--yes")
    mark = refused.stdout.partition("a file approvals/")[2].partition(".yaml")[0]
    assert (refused.exit_code, "blocked: two-would-serve (kea-a)" in refused.stdout) == (3, True)
    assert "\nEnable: 1 not attempted, of 1 server in 1 relationship.\n" in refused.stdout
    path = pair.desired / "approvals" / f"{mark}.yaml"
    path.parent.mkdir()
    path.write_text("approve:\n  - code: two-would-serve\n")
    assert pair.run("enable", "kea-b", "--yes").exit_code == 1
    path.write_text('approve:\n  - code: two-would-serve\n    reason: "kea-a is switched off"\n')
    done = pair.run("enable", "kea-b", "--yes")
    assert (done.exit_code, "approved: two-would-serve: kea-a is switched off" in done.stderr) == (0, True)


def test_what_was_approved_is_not_approved_once_the_plan_is_another(blocked: Site, mark: str) -> None:
    approve(blocked, mark)
    third = subnet(Service.DHCP4, 3)
    blocked.change("kea-b", lambda config: config.update({"subnet4": [*config["subnet4"], third]}))
    blocked.forget()
    assert blocked.run("apply", "--yes").exit_code == 3
    assert blocked.sent() == []


def test_a_wrong_file_stops_everything_and_says_where(blocked: Site, mark: str) -> None:
    file = approve(blocked, mark, "authority-emty")
    for name in ("validate", "plan"):
        ended = blocked.run(name)
        assert ended.exit_code == 1
        assert f"{file}:2:12: error:" in ended.stdout + ended.stderr


def test_the_operator_says_how_much_is_too_much(pair: Site, tmp_path: Path) -> None:
    settings = tmp_path / "settings.toml"
    more = [subnet(Service.DHCP4, number) for number in (2, 3, 4)]
    pair.change("kea-b", lambda config: config.update({"subnet4": [*config["subnet4"], *more]}))
    pair.change("kea-a", lambda config: config.update({"subnet4": [*config["subnet4"], *more[:2]]}))
    assert pair.run("plan").exit_code == 0
    settings.write_text("[thresholds]\ndeleted = 0\n")
    blocked = pair.run("plan", "--settings", str(settings))
    assert blocked.exit_code == 3
    assert "blocked: authority-shrunk (kea-b: subnets): 1 of the 4 subnets on kea-b" in blocked.stdout
    assert "- subnet 10.0.4.0/24" in blocked.stdout  # a blocked plan is shown whole
    assert pair.run("apply", "--yes", "--settings", str(settings)).exit_code == 3
    done = pair.run("apply", "--yes", "--settings", str(settings), "--approve", "authority-shrunk")
    assert done.exit_code == 0


@pytest.mark.parametrize(
    "given", ["authority-empty@", "authority-empty@abc", f"authority-empty@{OTHER}0", f"nothing@{OTHER}"]
)
def test_what_is_no_approval_is_wrong_usage(pair: Site, given: str) -> None:
    ended = pair.run("plan", "--approve", given)
    assert ended.exit_code == 64
    assert "no fingerprint" in ended.stderr or "no objection has the code" in ended.stderr


def test_a_code_alone_counts_for_the_run_as_ever(blocked: Site) -> None:
    ended: Any = blocked.run("plan", "--approve", "authority-empty")
    assert (ended.exit_code, ended.stderr) == (0, "")
