"""The plan file that a job left at a pull request, found again once that is merged."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.forge.calls import Calls, ForgeError
from reconciler.forge.surroundings import Kind, Surroundings

FILE = "plan.json"
_LARGEST = 256 * 1024 * 1024  # bytes
_AGAIN = "run the plan job of that pull request again, look at what it says, and then run this one again"


def reviewed_plan(place: Surroundings, calls: Calls, commit: str, name: str | None = None) -> bytes:
    """Return the content of the newest plan file of the pull or merge request that brought a commit to its branch.

    `name` as for the comment. Jobs of forks are left out: whoever has one says what it leaves. Nobody has to trust what
    is found: `apply` makes a plan of its own, and does nothing where the two differ. Raises ForgeError.
    """
    return (_of_github if place.kind is Kind.GITHUB else _of_gitlab)(place, calls, commit, name)


def _of_github(place: Surroundings, calls: Calls, commit: str, name: str | None) -> bytes:
    """By GitHub's names: the artifact `plan-NAME`, `plan-dhcp` without one, of a run for the pull request's head."""
    project, artifact = f"/repos/{place.project}", f"plan-{name or 'dhcp'}"
    pull = _merged(calls.all(f"{project}/commits/{commit}/pulls"), "merged_at", commit)
    head = _inside(pull, "head").get("sha")
    runs = calls.all(f"{project}/actions/runs", "workflow_runs", head_sha=str(head), event="pull_request")
    found = [
        each
        for run in runs
        if _inside(run, "head_repository").get("full_name") == place.project
        for each in calls.all(f"{project}/actions/runs/{run.get('id')}/artifacts", "artifacts", name=artifact)
        if each.get("name") == artifact and not each.get("expired")
    ]
    if not found:
        raise _nothing(f"pull request {pull.get('number')} has no artifact {artifact}")
    newest = max(found, key=lambda each: str(each.get("created_at")))
    return _unpacked(calls.file(f"{project}/actions/artifacts/{newest.get('id')}/zip"), artifact)


def _of_gitlab(place: Surroundings, calls: Calls, commit: str, name: str | None) -> bytes:
    """By GitLab's: the artifact of the job `plan-NAME`, `plan` without one, of a pipeline of the merge request."""
    project, job = f"/projects/{place.project}", f"plan-{name}" if name else "plan"
    merge = _merged(calls.all(f"{project}/repository/commits/{commit}/merge_requests"), "state", commit)
    number = merge.get("iid")
    found = [
        each
        for pipeline in calls.all(f"{project}/merge_requests/{number}/pipelines")
        if str(pipeline.get("project_id", place.project)) == place.project
        for each in calls.all(f"{project}/pipelines/{pipeline.get('id')}/jobs")
        if each.get("name") == job and each.get("artifacts_file")
    ]
    if not found:
        raise _nothing(f"merge request {number} has no job {job} that left a file")
    newest = max(found, key=lambda each: str(each.get("finished_at") or ""))
    return calls.file(f"{project}/jobs/{newest.get('id')}/artifacts/{FILE}")


def _merged(changes: Iterator[dict[str, Any]], mark: str, commit: str) -> dict[str, Any]:
    """Return the change that brought a commit; of several the one that says that it is its merge."""
    found = [each for each in changes if each.get(mark) and each.get(mark) not in ("opened", "closed", "locked")]
    if not found:
        raise ForgeError(
            f"no pull request brought {commit[:12]}, so nobody reviewed a plan for it; look at `kea-reconciler plan`, "
            "and apply it by hand, or by a pull request with a change of any file"
        )
    return next((each for each in found if each.get("merge_commit_sha") == commit), found[0])


def _inside(found: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    inner = found.get(key)
    return inner if isinstance(inner, dict) else {}


def _nothing(reason: str) -> ForgeError:
    return ForgeError(f"{reason}, so there is no plan that was reviewed: {_AGAIN}")


def _unpacked(content: bytes, artifact: str) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if archive.getinfo(FILE).file_size > _LARGEST:
                raise ForgeError(f"{FILE} in the artifact {artifact} is larger than {_LARGEST} bytes")
            return archive.read(FILE)
    except (zipfile.BadZipFile, KeyError, NotImplementedError, RuntimeError) as error:
        raise ForgeError(f"the artifact {artifact} is no archive with a {FILE} in it: {_AGAIN}") from error
