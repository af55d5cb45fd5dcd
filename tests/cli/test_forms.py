"""`--format FORM[=FILE]`: what goes where, what may not go together, and what a failure leaves behind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from reconciler.model import Service
from tests.cli.site import Site, subnet
from tests.reports.runner import command, lines
from tests.reports.schemas import OUTCOME, PLAN

if TYPE_CHECKING:
    from collections.abc import Sequence

SECOND = subnet(Service.DHCP4, 2)


@pytest.fixture
def drifted(pair: Site) -> Site:
    """The standby lacks a subnet of the primary's."""
    pair.change("kea-a", lambda config: config.update({"subnet4": [*config["subnet4"], SECOND]}))
    return pair


@pytest.fixture
def summary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that a runner names for the job's summary."""
    file = tmp_path / "summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(file))
    return file


def commands(text: str) -> list[str]:
    return [found.name for found in map(command, lines(text)) if found]


def test_every_form_at_once_and_each_where_it_belongs(drifted: Site, tmp_path: Path, summary: Path) -> None:
    text, report, comment = (tmp_path / name for name in ("plan.txt", "plan.json", "comment.md"))
    forms = [f"--format=text={text}", f"--format=json={report}", f"--format=markdown={comment}", "--format=github"]
    ended = drifted.run("plan", "--format", "text", *forms[1:])
    assert (ended.exit_code, ended.stderr) == (0, "")
    plain = drifted.run("plan").stdout
    assert ended.stdout.startswith(plain)
    assert commands(ended.stdout.removeprefix(plain)) == ["notice"]
    PLAN.validate(json.loads(report.read_text()))
    assert comment.read_text().startswith("<!-- kea-reconciler: plan -->\n")
    assert summary.read_text() == comment.read_text()
    assert drifted.run("plan", *forms[:1]).stdout == ""
    assert text.read_text() == plain


def test_a_file_for_github_is_where_the_summary_goes(drifted: Site, tmp_path: Path, summary: Path) -> None:
    own = tmp_path / "own.md"
    own.write_text("before\n")
    ended = drifted.run("plan", "--format", f"github={own}")
    assert commands(ended.stdout) == ["notice"]
    assert own.read_text().startswith("before\n<!-- kea-reconciler: plan -->\n")
    assert not summary.exists()


def test_a_summary_that_is_full_gets_nothing_more(drifted: Site, summary: Path) -> None:
    summary.write_bytes(b"x" * ((1 << 20) - 300))
    assert drifted.run("plan", "--format", "github").exit_code == 0
    assert summary.stat().st_size < 1 << 20


def test_annotations_name_files_from_the_top_of_the_checkout(
    drifted: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path))
    found = command(drifted.run("plan", "--format", "github").stdout.rstrip("\n"))
    assert found is not None
    assert found.properties["file"] == "desired/relationships/hq.yaml"
    assert int(found.properties["line"]) > 1


def test_a_cut_page_points_at_the_run(drifted: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, value in (("SERVER_URL", "https://github.example"), ("REPOSITORY", "net/dhcp"), ("RUN_ID", "42")):
        monkeypatch.setenv(f"GITHUB_{name}", value)
    more = [
        subnet(Service.DHCP4, 3 + n // 250, id=1000 + n, subnet=f"10.{n // 250}.{n % 250}.0/24", pools=[])
        for n in range(2000)
    ]
    drifted.change("kea-a", lambda config: config.update({"subnet4": more}))
    drifted.run("plan", "--format", f"markdown={tmp_path / 'comment.md'}")
    text = (tmp_path / "comment.md").read_text()
    assert len(text) < 65_536
    assert "more lines are left out here.**" in text
    assert "](https://github.example/net/dhcp/actions/runs/42)" in text


def test_a_page_of_many_deletions_still_says_what_blocks_it(drifted: Site, tmp_path: Path) -> None:
    many = [
        subnet(Service.DHCP4, 3 + n // 250, id=1000 + n, subnet=f"10.{n // 250}.{n % 250}.0/24", pools=[])
        for n in range(2000)
    ]
    drifted.change("kea-a", lambda config: config.update({"subnet4": many}))
    drifted.change("kea-b", lambda config: config.update({"subnet4": many}))
    drifted.change("kea-a", lambda config: config.update({"subnet4": many[:50]}))
    assert drifted.run("plan", "--format", f"markdown={tmp_path / 'comment.md'}").exit_code == 3
    text = (tmp_path / "comment.md").read_text()
    assert len(text) < 65_536
    assert text.index("### Destructive") < text.index("### Blocked by safety objections") < text.index("left out here")
    assert "authority-shrunk" in text[text.index("### Blocked") :]


@pytest.mark.parametrize(
    ("forms", "why"),
    [
        (["yaml"], "there is no form 'yaml'"),
        (["json="], "names no file"),
        (["text", "json"], "would both go to stdout"),
        (["markdown", "github"], "give markdown a file"),
        (["json", "github"], "give json a file"),
        (["json=a", "markdown=a"], "the same file"),
    ],
)
def test_what_does_not_go_together_is_wrong_usage(site: Site, forms: Sequence[str], why: str) -> None:
    for name in ("validate", "plan", "status"):
        ended = site.run(name, *(part for form in forms for part in ("--format", form)))
        assert (ended.exit_code, ended.stdout) == (64, "")
        assert why in " ".join(ended.stderr.split())


def test_wrong_files_are_told_in_the_comment_and_at_their_lines(site: Site, tmp_path: Path) -> None:
    (site.desired / "relationships" / "hq.yaml").write_text("name: hq\nmode: nothing\npeers: []\n")
    comment = tmp_path / "comment.md"
    for name in ("validate", "plan", "apply", "drift", "status"):
        comment.unlink(missing_ok=True)
        ended = site.run(name, "--format", f"markdown={comment}", "--format", "github")
        assert ended.exit_code == 1
        assert "error" in commands(ended.stdout)
        assert f"{site.desired}/relationships/hq.yaml" in ended.stdout
        assert "[value-not-allowed]" in comment.read_text()
        assert comment.read_text().startswith(f"<!-- kea-reconciler: {name} -->\n")


def test_a_failure_is_told_in_the_comment(pair: Site, tmp_path: Path) -> None:
    comment = tmp_path / "comment.md"
    ended = pair.run("plan", "--relationship", "other", "--format", f"markdown={comment}", "--format", "github")
    assert ended.exit_code == 64
    assert "no relationship other" in comment.read_text()
    assert commands(ended.stdout) == ["error"]


def test_apply_gives_its_outcome_in_every_form(drifted: Site, tmp_path: Path) -> None:
    report, comment = tmp_path / "outcome.json", tmp_path / "outcome.md"
    forms = ["--format", "text", "--format", f"json={report}", "--format", f"markdown={comment}", "--format", "github"]
    ended = drifted.run("apply", "--yes", *forms)
    assert ended.exit_code == 0
    assert "Plan: 1 to add" in ended.stdout
    assert "Apply: 1 applied" in ended.stdout
    assert commands(ended.stdout) == ["notice"]
    OUTCOME.validate(json.loads(report.read_text()))
    assert "**Apply: 1 applied" in comment.read_text()
    assert "Plan: " not in comment.read_text()


def test_without_text_on_stdout_the_plan_goes_to_stderr(drifted: Site, tmp_path: Path) -> None:
    ended = drifted.run("apply", "--yes", "--format", f"markdown={tmp_path / 'outcome.md'}")
    assert ended.stdout == ""
    assert "Plan: 1 to add" in ended.stderr


def test_what_a_server_says_is_no_command_to_a_runner_that_reads_along(pair: Site) -> None:
    owned = {"name": "::error::owned", "test": "option[61].text == '##[error]owned'"}
    pair.change("kea-a", lambda config: config.update({"client-classes": [owned]}))
    for form in ("text", "json", "markdown"):
        ended = pair.run("plan", "--format", form)
        assert "owned" in ended.stdout
        assert commands(ended.stdout) == []


def test_other_commands_have_the_forms_too(pair: Site, tmp_path: Path) -> None:
    comment = tmp_path / "comment.md"
    ended = pair.run("sync", "kea-b", "--yes", "--format", f"markdown={comment}", "--format", "github")
    assert (ended.exit_code, commands(ended.stdout)) == (0, ["notice"])
    assert "sync" in comment.read_text()
    compared = run_leases(pair, comment)
    assert compared == 0
    assert "leases" in comment.read_text()


def run_leases(pair: Site, comment: Path) -> int:
    return pair.run("leases", "compare", "hq", "--format", f"markdown={comment}").exit_code
