"""The project's own workflows: pinned, with the least permissions, and closed to what a pull request can write."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.y*ml"))
EVERY_WORKFLOW = pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)

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
        assert 0 < job["timeout-minutes"] <= 120, name
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
        assert job["permissions"] == {"contents": "read"}, name
    for step in steps(path):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


@EVERY_WORKFLOW
def test_nothing_is_pasted_into_a_script(path: Path) -> None:
    for step in steps(path):
        assert "${{" not in step.get("run", ""), step
        assert "secrets" not in str(step), step


@EVERY_WORKFLOW
def test_a_pull_request_gets_no_secrets(path: Path) -> None:
    assert not triggers(path) & DANGEROUS
