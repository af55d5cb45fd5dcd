"""Our workflows played through: their own shell, a recorded event, a forge on loopback, simulated servers."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.model import Service
from reconciler.simulator import World
from tests.cli.site import Site, subnet
from tests.cli.work_tree import git
from tests.fakes.forge import FakeForge
from tests.forge.jobs import EVENT, SECRET, Runner, on_github

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with World(sync_seconds=0.01) as world:
        site = Site(world, tmp_path / "checkout")
        site.add_pair()
        yield site.made()


@pytest.fixture
def runner(site: Site, forge: FakeForge, tmp_path: Path) -> Runner:
    return on_github(forge, site.folder, tmp_path, EVENT)


def edit(site: Site, **parameters: Any) -> None:
    site.documents[0]["parameters"].update(parameters)
    site.write()


def two(config: dict[str, Any]) -> None:
    config["subnet4"] = [*config["subnet4"], subnet(Service.DHCP4, 2)]


def test_a_pull_request_is_validated_planned_and_commented_on(site: Site, runner: Runner, forge: FakeForge) -> None:
    assert runner.run("plan", "validate"), runner.output
    edit(site, **{"max-unacked-clients": 7})
    site.forget()
    assert runner.run("plan", "plan"), runner.output
    (text,) = forge.texts("issues/7")
    assert text.startswith("<!-- kea-reconciler: plan -->\n")
    assert "max-unacked-clients" in text
    assert "::notice file=desired/relationships/hq.yaml,line=" in runner.output
    assert json.loads((runner.folder / "plan.json").read_text())["fingerprint"]
    assert site.sent() == []
    edit(site, **{"max-unacked-clients": 8})
    assert runner.run("plan", "plan"), runner.output
    assert len(forge.texts("issues/7")) == 1
    assert "-> 8" in forge.texts("issues/7")[0]
    assert SECRET not in runner.output + forge.texts("issues/7")[0]
    credentials = runner.folder / "credentials.toml"
    assert stat.S_IMODE(credentials.stat().st_mode) == 0o600


def test_what_is_wrong_fails_both_jobs_and_takes_the_plan_s_place(site: Site, runner: Runner, forge: FakeForge) -> None:
    assert runner.run("plan", "plan")
    edit(site, **{"max-unacked-client": 7})
    assert not runner.run("plan", "validate")
    assert "::error file=desired/relationships/hq.yaml,line=" in runner.output
    assert not runner.run("plan", "plan")
    (text,) = forge.texts("issues/7")
    assert "max-unacked-client" in text


def test_settings_in_the_checkout_count_for_nothing(site: Site, runner: Runner, forge: FakeForge) -> None:
    """A pull request could change them, and with them which servers the runner talks to."""
    own = site.folder / "kea-reconciler.toml"
    own.write_text("[network]\n")
    assert runner.run("plan", "plan"), runner.output
    for settings, told in ((str(own), "lies in the checkout"), ("", "KEA_RECONCILER_SETTINGS is empty in this job")):
        runner.values["inputs.settings"] = settings
        assert not runner.run("plan", "plan")
        assert told in runner.output
        assert told in forge.texts("issues/7")[0]


def test_several_folders_have_comments_of_their_own(runner: Runner, forge: FakeForge) -> None:
    for name in ("branch", "hq"):
        runner.values["inputs.name"] = name
        assert runner.run("plan", "plan"), runner.output
    assert [each.partition("\n")[0] for each in forge.texts("issues/7")] == [
        "<!-- kea-reconciler: plan of branch -->",
        "<!-- kea-reconciler: plan of hq -->",
    ]


def merged(site: Site, forge: FakeForge, plan: Path) -> None:
    """What a job of pull request 7 planned is kept, and the checkout is a commit that this became."""
    git(site.folder, "init", "--quiet")
    git(site.folder, "add", "desired")
    git(site.folder, "commit", "--quiet", "-m", "Merge pull request 7")
    forge.runs.keep(7, plan.read_bytes())
    forge.runs.merge(git(site.folder, "rev-parse", "HEAD"), 7)


def test_a_merge_is_applied_as_it_was_reviewed(site: Site, runner: Runner, forge: FakeForge, tmp_path: Path) -> None:
    edit(site, **{"max-unacked-clients": 7})
    assert runner.run("plan", "plan"), runner.output
    merged(site, forge, runner.folder / "plan.json")
    assert runner.run("apply", "apply"), runner.output
    assert site.run("plan", "--detailed-exitcode").exit_code == 0
    assert json.loads((runner.folder / "outcome.json").read_text())
    assert any((tmp_path / "state").iterdir())
    site.forget()
    assert runner.run("apply", "apply"), runner.output  # that of the next merge, which this one has seen already
    assert site.sent() == []


def test_what_nobody_reviewed_is_not_applied(site: Site, runner: Runner, forge: FakeForge) -> None:
    edit(site, **{"max-unacked-clients": 7})
    assert runner.run("plan", "plan"), runner.output
    merged(site, forge, runner.folder / "plan.json")
    site.change("kea-b", two)
    site.forget()
    assert not runner.run("apply", "apply")
    assert runner.exit_code == 4
    assert "- subnet 10.0.2.0/24" in runner.output.partition("due now as well:")[2]
    forge.runs.merged.clear()
    assert not runner.run("apply", "apply")
    assert "so nobody reviewed a plan for it" in runner.output
    assert site.sent() == []
    runner.values["inputs.reviewed"] = "false"
    assert runner.run("apply", "apply"), runner.output
    assert site.run("plan", "--detailed-exitcode").exit_code == 0


def test_a_night_opens_updates_and_closes_one_issue(site: Site, runner: Runner, forge: FakeForge) -> None:
    assert runner.run("drift", "drift"), runner.output
    assert forge.open_issues() == []
    site.change("kea-b", two)
    site.forget()
    assert not runner.run("drift", "drift")
    (issue,) = forge.open_issues()
    assert "subnet 10.0.2.0/24" in issue["body"]
    site.change("kea-b", lambda config: config["subnet4"].append(subnet(Service.DHCP4, 3)))
    assert not runner.run("drift", "drift")
    (issue,) = forge.open_issues()
    assert "subnet 10.0.3.0/24" in issue["body"]
    assert site.sent() == []
    assert site.run("apply", "--yes").exit_code == 0
    assert runner.run("drift", "drift"), runner.output
    assert forge.open_issues() == []
