"""A whole pull request on real servers and in a real repository, by the shell of our own workflows."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest
import yaml

from lab.kea import base_configuration
from reconciler.model import Service
from tests.cli.work_tree import git
from tests.fakes.forge import FakeForge
from tests.forge.jobs import EVENT, Runner, on_github
from tests.kea.world import World, subnet

if TYPE_CHECKING:
    from pathlib import Path

    from lab.laboratory import Laboratory

pytestmark = pytest.mark.kea

FOUR = Service.DHCP4


class Repository:
    """A bare one that everybody pushes to, its author's clone, and the checkout of whichever job runs."""

    def __init__(self, folder: Path, desired: Path) -> None:
        self.bare, self.clone, self.checkout = (folder / name for name in ("origin.git", "clone", "checkout"))
        git(folder, "init", "--quiet", "--bare", "--initial-branch", "main", str(self.bare))
        for path in (self.clone, self.checkout):
            git(folder, "clone", "--quiet", str(self.bare), str(path))
        git(self.clone, "checkout", "--quiet", "-B", "main")
        shutil.move(desired, self.clone / "desired")
        self.commit("What the servers have")

    def commit(self, message: str) -> None:
        git(self.clone, "add", "--all")
        git(self.clone, "commit", "--quiet", "-m", message)
        git(self.clone, "push", "--quiet", "origin", "HEAD")

    def branch(self, name: str) -> None:
        git(self.clone, "checkout", "--quiet", "-b", name, "main")

    def merge(self, name: str) -> str:
        """Merge a branch as a forge does, and return the commit."""
        git(self.clone, "checkout", "--quiet", "main")
        git(self.clone, "merge", "--quiet", "--no-ff", "-m", f"Merge {name}", name)
        git(self.clone, "push", "--quiet", "origin", "main")
        return git(self.clone, "rev-parse", "HEAD")

    def check_out(self, *names: str) -> None:
        """What `actions/checkout` does: the main branch, and for a pull request this with its branch in it."""
        git(self.checkout, "fetch", "--quiet", "origin")
        git(self.checkout, "checkout", "--quiet", "--detach", "origin/main")
        for name in names:
            git(self.checkout, "merge", "--quiet", "-m", "what a merge would make", f"origin/{name}")


def edit(repository: Repository, **parameters: int) -> None:
    """Edit the relationship as a person does."""
    path = repository.clone / "desired" / "relationships" / "hq.yaml"
    document = yaml.safe_load(path.read_text())
    document["parameters"] |= parameters
    path.write_text(yaml.safe_dump(document, sort_keys=False))


def planned(runner: Runner, forge: FakeForge, change: int) -> str:
    """Run the job of a pull request, keep its artifact, and return its comment."""
    event = runner.folder / "event.json"
    event.write_text(json.dumps({**json.loads(EVENT.read_text()), "pull_request": {"number": change}}))
    runner.environment["GITHUB_EVENT_PATH"] = str(event)
    runner.run("plan", "plan")
    forge.runs.keep(change, (runner.folder / "plan.json").read_bytes())
    (comment,) = forge.texts(f"issues/{change}")
    return comment


def test_from_a_branch_to_servers_without_drift(lab: Laboratory, tmp_path: Path) -> None:
    start = base_configuration(FOUR, subnets=[subnet(FOUR, 1), subnet(FOUR, 4)])
    world = World(lab, configurations={"kea-a": start, "kea-b": start}, is_logged=True)
    world.must_apply()
    repository = Repository(tmp_path, world.desired)
    with FakeForge() as forge:
        runner = on_github(forge, repository.checkout, tmp_path, EVENT)

        repository.branch("patience")
        edit(repository, **{"max-unacked-clients": 7})
        repository.commit("Be less patient with a partner")
        repository.check_out("patience")
        assert runner.run("plan", "validate"), runner.output
        comment = planned(runner, forge, 7)
        assert runner.exit_code == 0, runner.output
        assert comment.startswith("<!-- kea-reconciler: plan -->\n")
        assert "max-unacked-clients" in comment
        assert "10.0.1.0/24" not in comment
        line = (repository.clone / "desired/relationships/hq.yaml").read_text()
        number = [each.partition(":")[0].strip() for each in line.splitlines()].index("max-unacked-clients") + 1
        assert f"::notice file=desired/relationships/hq.yaml,line={number}," in runner.output

        forge.runs.merge(repository.merge("patience"), 7)
        world.change(world.a, lambda config: config.update({"subnet4": []}))  # between the review and the apply
        world.forget()
        repository.check_out()
        assert not runner.run("apply", "apply")
        assert runner.exit_code == 4, runner.output
        due = runner.output.partition("the plan of now is another one than the plan in the file:")[2]
        assert "objections: none -> authority-empty" in due
        assert "- subnet 10.0.4.0/24" in due.partition("due now as well:")[2]
        assert "::error title=the plan file was not applied::" in runner.output
        assert world.story() == []

        comment = planned(runner, forge, 7)  # the same job once more
        assert runner.exit_code == 3, runner.output
        assert comment.index("authority-empty") < comment.index("max-unacked-clients")
        mark = json.loads((runner.folder / "plan.json").read_text())["fingerprint"]
        assert mark in comment

        repository.branch("approval")
        approvals = repository.clone / "desired" / "approvals"
        approvals.mkdir()
        (approvals / f"{mark}.yaml").write_text("approve:\n  - {code: authority-empty, reason: the site is closed}\n")
        repository.commit("The site is closed")
        repository.check_out("approval")
        assert "approved: authority-empty" in planned(runner, forge, 8)
        assert runner.exit_code == 0, runner.output

        forge.runs.merge(repository.merge("approval"), 8)
        repository.check_out()
        assert runner.run("apply", "apply"), runner.output
        for server in world.servers:
            config = world.config(server)
            assert config["subnet4"] == []
            assert config["hooks-libraries"][-1]["parameters"]["high-availability"][0]["max-unacked-clients"] == 7
        assert runner.run("drift", "drift"), runner.output
        assert forge.open_issues() == []
