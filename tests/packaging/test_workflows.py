"""The project's own workflows: pinned, with the least permissions, and closed to what a pull request can write."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from reconciler import __version__

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.y*ml"))
EVERY_WORKFLOW = pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)

# What a job may do beside reading the repository, and the jobs that are given secrets: none that a fork can start.
FURTHER = {
    ("plan.yml", "plan"): {"pull-requests": "write"},
    ("apply.yml", "apply"): {"actions": "read", "pull-requests": "read"},
    ("drift.yml", "drift"): {"issues": "write"},
}
TRUSTED = {("plan.yml", "plan"), ("apply.yml", "apply"), ("drift.yml", "drift")}
FORKS_ARE_OUT = "github.event.pull_request.head.repo.full_name == github.repository"
COPIES = ROOT / "contrib" / "github" / "dhcp.yml"

# Debian's own image: what is installed into it next comes unpinned from Debian's archive as well, by its signature.
UNPINNED = {"debian:bookworm"}
DIGEST = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}")
# What a fork's pull request runs with secrets and a writing token in reach.
DANGEROUS = {"pull_request_target", "workflow_run", "issue_comment"}


def read(path: Path) -> dict[Any, Any]:
    found: dict[Any, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return found


def jobs(path: Path) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = read(path)["jobs"]
    return found


def steps(path: Path) -> Iterator[dict[str, Any]]:
    for job in jobs(path).values():
        yield from job.get("steps", ())


def triggers(path: Path) -> set[str]:
    """YAML 1.1 reads the key `on` as true."""
    value = read(path)[True]
    return {value} if isinstance(value, str) else set(value)


def test_there_is_one() -> None:
    assert WORKFLOWS


@EVERY_WORKFLOW
def test_it_is_a_workflow(path: Path) -> None:
    for name, job in jobs(path).items():
        assert "runs-on" in job, name
        assert 0 < job["timeout-minutes"] <= (60 if name != "apply" else 1440), name
        for step in job["steps"]:
            assert ("run" in step) != ("uses" in step), step


@EVERY_WORKFLOW
def test_actions_are_pinned_by_digest_with_the_version_beside(path: Path) -> None:
    for step in steps(path):
        assert "uses" not in step or DIGEST.fullmatch(step["uses"]), step
    for line in path.read_text().splitlines():
        if re.match(r"\s*-?\s*uses:", line):
            assert re.search(r"@[0-9a-f]{40} # v\d+(\.\d+)*$", line), line


@EVERY_WORKFLOW
def test_images_are_pinned_by_digest(path: Path) -> None:
    for name, job in jobs(path).items():
        container = job.get("container", {})
        images = [container if isinstance(container, str) else container.get("image")]
        images += [service["image"] for service in job.get("services", {}).values()]
        for image in set(filter(None, images)) - UNPINNED:
            assert re.search(r"@sha256:[0-9a-f]{64}$", image), f"{name}: {image}"


@EVERY_WORKFLOW
def test_permissions_are_the_least(path: Path) -> None:
    assert read(path)["permissions"] == {}, "nothing for all jobs; each job says what it needs"
    for name, job in jobs(path).items():
        assert job["permissions"] == {"contents": "read", **FURTHER.get((path.name, name), {})}, name
    for step in steps(path):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


@EVERY_WORKFLOW
def test_nothing_is_pasted_into_a_script(path: Path) -> None:
    for step in steps(path):
        assert "${{" not in step.get("run", ""), step


@EVERY_WORKFLOW
def test_a_pull_request_of_a_fork_gets_no_secrets(path: Path) -> None:
    assert not triggers(path) & DANGEROUS
    for name, job in jobs(path).items():
        if (path.name, name) not in TRUSTED:
            assert "secrets" not in str(job), name
            assert "github.token" not in str(job), name
        else:
            assert job["environment"] == "${{ inputs.environment }}"
    if path.name == "plan.yml":
        assert jobs(path)["plan"]["if"] == FORKS_ARE_OUT


def test_what_changes_servers_is_never_cancelled_and_runs_alone() -> None:
    (job,) = jobs(ROOT / ".github" / "workflows" / "apply.yml").values()
    assert job["concurrency"]["cancel-in-progress"] is False
    (step,) = (each for each in job["steps"] if each.get("uses", "").startswith("actions/checkout@"))
    assert step["with"]["ref"] == "${{ github.event.repository.default_branch }}"
    groups = {
        job["concurrency"]["group"].split("$")[0]
        for name in ("plan", "apply", "drift")
        for job in jobs(ROOT / ".github" / "workflows" / f"{name}.yml").values()
        if "concurrency" in job
    }
    assert len(groups) == 3, "a run that only looks would take the place of an apply that waits"
    assert job["timeout-minutes"] == 1440, "GitHub would end one of many servers in the middle"


@pytest.mark.parametrize("name", ["plan", "apply", "drift"])
def test_a_folder_does_not_take_the_place_of_another_that_waits(name: str) -> None:
    """GitHub keeps one run of a group waiting, and drops the one that waited before."""
    groups = [
        job["concurrency"]["group"]
        for job in jobs(ROOT / ".github" / "workflows" / f"{name}.yml").values()
        if "concurrency" in job
    ]
    assert groups
    assert all("${{ inputs.name }}" in group for group in groups)


def test_the_workflow_to_copy_gives_each_what_it_declares() -> None:
    for name, job in jobs(COPIES).items():
        called = ROOT / job["uses"].partition("kea-reconciler/")[2].partition("@")[0]
        asked = read(called)[True]["workflow_call"]
        assert job["with"].keys() <= asked["inputs"].keys()
        assert {key for key, value in asked["inputs"].items() if value.get("required")} <= job["with"].keys()
        assert job["secrets"].keys() <= asked["secrets"].keys()
        needed: dict[str, str] = {}
        for inner in jobs(called).values():
            needed |= inner["permissions"]
        assert job["permissions"] == needed, name


def test_what_is_to_be_copied_is_of_this_version() -> None:
    """An older one lacks some of the commands; and a name alone could be anybody's on a package index."""
    for path in (COPIES, ROOT / "contrib" / "gitlab" / "dhcp.gitlab-ci.yml"):
        text = path.read_text(encoding="utf-8")
        assert set(re.findall(r"\bv(\d+\.\d+\.\d+)", text)) == {__version__}, path
        packages = re.findall(r"(?i)^\s*package: ([^#\n]+)", text, re.MULTILINE)
        assert packages
        assert all(re.fullmatch(r"kea-reconciler @ git\+https://\S+@[0-9a-f]{40}\s*", each) for each in packages)
    assert set(re.findall(r"\bv(\d+\.\d+\.\d+)", (ROOT / "docs" / "editors.md").read_text())) == {__version__}
