"""What GitHub and GitLab tell of merged changes, of the jobs for them, and of what those left behind."""

from __future__ import annotations

import io
import re
import zipfile
from dataclasses import dataclass, field
from typing import Any

Told = tuple[int, Any, str | None]


@dataclass(frozen=True)
class Kept:
    """What one job left at a change; the later one has the higher number, which is its time too."""

    number: int
    change: int
    content: bytes
    name: str
    is_of_fork: bool
    is_expired: bool


@dataclass
class FakeRuns:
    """`merge` and `keep` are what people and jobs do; `answer` is for FakeForge."""

    merged: dict[str, int] = field(default_factory=dict)
    kept: list[Kept] = field(default_factory=list)

    def merge(self, commit: str, change: int) -> None:
        """A change became this commit."""
        self.merged[commit] = change

    def keep(
        self,
        change: int,
        content: bytes,
        name: str = "plan-dhcp",
        *,
        is_of_fork: bool = False,
        is_expired: bool = False,
    ) -> None:
        """A job for a change leaves a plan file; `name` is that of GitHub's artifact or GitLab's job."""
        self.kept.append(Kept(len(self.kept) + 10, change, content, name, is_of_fork, is_expired))

    def elsewhere(self, path: str, headers: dict[str, str]) -> Told:
        """Where GitHub sends those who want an artifact: others, who are not to see the token."""
        assert not {"authorization", "private-token"} & {name.lower() for name in headers}
        (one,) = (each for each in self.kept if path == f"/elsewhere/{each.number}")
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as opened:
            opened.writestr("plan.md", "what people read")
            opened.writestr("plan.json", one.content)
        return 200, archive.getvalue(), None

    def answer(self, path: str, query: dict[str, str], address: str) -> Told | None:
        """None for what is about something else."""
        for pattern, told in _QUESTIONS.items():
            if match := re.fullmatch(pattern, path.removeprefix("/repos/acme/dhcp/").removeprefix("/projects/42/")):
                return told(self, match[1] if match.groups() else "", query, address)
        return None

    def _pulls(self, commit: str, _query: dict[str, str], _address: str) -> Told:
        other = {"number": 3, "merged_at": None, "merge_commit_sha": None, "head": {"sha": "head-3"}}
        mine = {"merged_at": "2026-01-01T00:00:00Z", "merge_commit_sha": commit}
        change = self.merged.get(commit)
        return 200, [other] + ([{**mine, "number": change, "head": {"sha": f"head-{change}"}}] if change else []), None

    def _runs(self, _: str, query: dict[str, str], _address: str) -> Told:
        assert query["event"] == "pull_request"
        runs = [
            {"id": each.number, "head_repository": {"full_name": "eve/dhcp" if each.is_of_fork else "acme/dhcp"}}
            for each in self.kept
            if query["head_sha"] == f"head-{each.change}"
        ]
        return 200, {"total_count": len(runs), "workflow_runs": runs}, None

    def _artifacts(self, run: str, query: dict[str, str], _address: str) -> Told:
        (one,) = (each for each in self.kept if each.number == int(run))
        artifact = {
            "id": one.number,
            "name": one.name,
            "expired": one.is_expired,
            "created_at": f"2026-01-{one.number}",
        }
        return 200, {"artifacts": [artifact] if query["name"] == one.name else []}, None

    def _zip(self, number: str, _query: dict[str, str], address: str) -> Told:
        return 302, {}, f"{address}/elsewhere/{number}?signature=abc"

    def _merge_requests(self, commit: str, _query: dict[str, str], _address: str) -> Told:
        change = self.merged.get(commit)
        mine = {"iid": change, "state": "merged", "merge_commit_sha": commit}
        return 200, [{"iid": 3, "state": "opened"}] + ([mine] if change else []), None

    def _pipelines(self, change: str, _query: dict[str, str], _address: str) -> Told:
        found = [each for each in self.kept if each.change == int(change)]
        return 200, [{"id": each.number, "project_id": 7 if each.is_of_fork else 42} for each in found], None

    def _jobs(self, pipeline: str, _query: dict[str, str], _address: str) -> Told:
        (one,) = (each for each in self.kept if each.number == int(pipeline))
        file = {} if one.is_expired else {"artifacts_file": {"filename": "artifacts.zip"}}
        return 200, [{"id": one.number, "name": one.name, "finished_at": f"2026-01-{one.number}", **file}], None

    def _file(self, job: str, _query: dict[str, str], _address: str) -> Told:
        (one,) = (each for each in self.kept if each.number == int(job))
        return 200, one.content, None


_QUESTIONS = {
    r"commits/(\w+)/pulls": FakeRuns._pulls,
    r"actions/runs": FakeRuns._runs,
    r"actions/runs/(\d+)/artifacts": FakeRuns._artifacts,
    r"actions/artifacts/(\d+)/zip": FakeRuns._zip,
    r"repository/commits/(\w+)/merge_requests": FakeRuns._merge_requests,
    r"merge_requests/(\d+)/pipelines": FakeRuns._pipelines,
    r"pipelines/(\d+)/jobs": FakeRuns._jobs,
    r"jobs/(\d+)/artifacts/plan\.json": FakeRuns._file,
}
