"""Our template for GitLab played through: its own shell, GitLab's variables, a forge on loopback, simulated servers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.model import Service
from reconciler.simulator import World
from tests.cli.site import Site, subnet
from tests.cli.work_tree import git
from tests.fakes.forge import FakeForge
from tests.forge.jobs import SECRET
from tests.forge.pipelines import Pipeline, given, jobs_of

if TYPE_CHECKING:
    from collections.abc import Iterator

REQUEST = {
    "CI_PIPELINE_SOURCE": "merge_request_event",
    "CI_MERGE_REQUEST_IID": "7",
    "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "42",
}
PUSH = {"CI_PIPELINE_SOURCE": "push", "CI_COMMIT_BRANCH": "main"}
NIGHT = {"CI_PIPELINE_SOURCE": "schedule", "CI_COMMIT_BRANCH": "main"}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A pair, and a checkout of its files."""
    with World(sync_seconds=0.01) as world:
        site = Site(world, tmp_path / "checkout")
        site.add_pair()
        site.made()
        git(site.folder, "init", "--quiet", "--initial-branch", "main")
        git(site.folder, "remote", "add", "origin", str(site.folder))
        commit(site, "What the servers have")
        yield site


@pytest.fixture
def pipeline(site: Site, forge: FakeForge, tmp_path: Path) -> Pipeline:
    (tmp_path / "runner").mkdir()
    return Pipeline(site.folder, tmp_path / "runner", given(forge, tmp_path / "runner"))


def commit(site: Site, message: str) -> None:
    git(site.folder, "add", "desired")
    git(site.folder, "commit", "--quiet", "-m", message)


def two(config: dict[str, Any]) -> None:
    config["subnet4"] = [*config["subnet4"], subnet(Service.DHCP4, 2)]


@pytest.mark.parametrize(
    ("variables", "jobs"),
    [
        (REQUEST, {"validate", "plan"}),
        ({**REQUEST, "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "7"}, {"validate"}),  # of a fork
        (PUSH, {"validate", "apply"}),
        ({**PUSH, "CI_COMMIT_BRANCH": "patience"}, set()),
        (NIGHT, {"drift"}),
    ],
)
def test_what_runs_when(pipeline: Pipeline, variables: dict[str, str], jobs: set[str]) -> None:
    assert jobs_of({**pipeline.variables, **variables}) == jobs


def test_a_merge_request_is_planned_commented_on_and_applied_as_reviewed(
    site: Site, pipeline: Pipeline, forge: FakeForge
) -> None:
    site.documents[0]["parameters"]["max-unacked-clients"] = 7
    site.write()
    site.forget()
    pipeline.variables |= REQUEST
    assert pipeline.run("validate"), pipeline.output
    assert pipeline.run("plan"), pipeline.output
    (text,) = forge.texts("issues/7")
    assert text.startswith("<!-- kea-reconciler: plan -->\n")
    assert "max-unacked-clients" in text
    assert SECRET not in pipeline.output + text
    assert json.loads((site.folder / "plan.json").read_text())["fingerprint"]
    assert site.sent() == []

    commit(site, "Merge branch 'patience' into 'main'")
    forge.runs.keep(7, (site.folder / "plan.json").read_bytes(), "plan")
    forge.runs.merge(git(site.folder, "rev-parse", "HEAD"), 7)
    for name in REQUEST:
        del pipeline.variables[name]
    pipeline.variables |= PUSH
    site.change("kea-b", two)
    site.forget()
    assert not pipeline.run("apply")
    assert pipeline.exit_code == 4, pipeline.output
    assert "- subnet 10.0.2.0/24" in pipeline.output.partition("due now as well:")[2]
    assert site.sent() == []

    site.change("kea-b", lambda config: config["subnet4"].pop())
    assert pipeline.run("apply"), pipeline.output
    assert site.run("plan", "--detailed-exitcode").exit_code == 0
    site.forget()
    assert pipeline.run("apply"), pipeline.output  # of the next merge, which this one has seen already
    assert site.sent() == []


def test_what_is_wrong_takes_the_plan_s_place(site: Site, pipeline: Pipeline, forge: FakeForge) -> None:
    site.documents[0]["parameters"]["max-unacked-client"] = 7
    site.write()
    pipeline.variables |= REQUEST
    assert not pipeline.run("validate")
    assert not pipeline.run("plan")
    (text,) = forge.texts("issues/7")
    assert "max-unacked-client" in text


def test_a_night_opens_and_closes_one_issue(site: Site, pipeline: Pipeline, forge: FakeForge) -> None:
    pipeline.variables |= NIGHT
    site.change("kea-b", two)
    assert not pipeline.run("drift")
    (issue,) = forge.open_issues()
    assert "subnet 10.0.2.0/24" in issue["body"]
    assert site.run("apply", "--yes").exit_code == 0
    assert pipeline.run("drift"), pipeline.output
    assert forge.open_issues() == []
