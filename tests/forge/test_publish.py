"""`publish`: one comment on a change, one issue for what is not well, on both forges."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.fakes.forge import FakeForge
from tests.kea.world import Run, run

if TYPE_CHECKING:
    pass

EVENT = Path(__file__).with_name("pull_request.json")
PLAN, DRIFT = "<!-- kea-reconciler: plan -->", "<!-- kea-reconciler: drift -->"
ON_CHANGE = "issues/7"


@pytest.fixture(params=["github", "gitlab"])
def job(request: pytest.FixtureRequest, forge: FakeForge, monkeypatch: pytest.MonkeyPatch) -> FakeForge:
    """The variables of a job that is about pull request 7."""
    of_github = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_API_URL": forge.address,
        "GITHUB_REPOSITORY": "acme/dhcp",
        "GITHUB_EVENT_PATH": str(EVENT),
        "GITHUB_TOKEN": forge.token,
    }
    of_gitlab = {
        "GITLAB_CI": "true",
        "CI_API_V4_URL": forge.address,
        "CI_PROJECT_ID": "42",
        "CI_MERGE_REQUEST_IID": "7",
        "GITLAB_TOKEN": forge.token,
    }
    for name in of_github | of_gitlab:
        monkeypatch.delenv(name, raising=False)
    for name, value in (of_github if request.param == "github" else of_gitlab).items():
        monkeypatch.setenv(name, value)
    return forge


@pytest.fixture
def kept(request: pytest.FixtureRequest) -> str:
    """What a plan is found by where it was left: GitHub's artifact, or GitLab's job."""
    return "plan-dhcp" if request.node.callspec.params["job"] == "github" else "plan"


def page(tmp_path: Path, text: str) -> str:
    path = tmp_path / "page.md"
    path.write_text(text)
    return str(path)


def comment(tmp_path: Path, text: str, *arguments: str) -> Run:
    return run("publish", "comment", page(tmp_path, text), *arguments)


def issue(tmp_path: Path, text: str, outcome: str, *arguments: str) -> Run:
    return run("publish", "issue", page(tmp_path, text), "--outcome", outcome, *arguments)


def test_a_comment_is_made_once_and_then_replaced(job: FakeForge, tmp_path: Path) -> None:
    job.people(f"{PLAN}\nmine", ON_CHANGE)
    job.people("nice", ON_CHANGE)
    job.people("indeed", ON_CHANGE)
    made = comment(tmp_path, f"{PLAN}\none\n")
    assert (made.exit_code, made.stderr) == (0, "")
    assert made.stdout.startswith("comment: made")
    assert comment(tmp_path, f"{PLAN}\ntwo\n").stdout.startswith("comment: changed")
    assert comment(tmp_path, f"{PLAN}\ntwo\n").stdout.startswith("comment: kept as it is")
    assert job.texts(ON_CHANGE) == [f"{PLAN}\ntwo\n"]
    assert job.posts[0]["body"] == f"{PLAN}\nmine"  # of a person, though it begins like ours


def test_pages_of_another_kind_or_folder_have_comments_of_their_own(job: FakeForge, tmp_path: Path) -> None:
    for text, name in ((f"{PLAN}\nx", ""), (f"{DRIFT}\nx", ""), (f"{PLAN}\nx", "lab"), (f"{PLAN}\ny", "lab")):
        assert comment(tmp_path, text, "--as", name).exit_code == 0
    assert job.texts(ON_CHANGE) == [f"{PLAN}\nx", f"{DRIFT}\nx", "<!-- kea-reconciler: plan of lab -->\ny"]


def test_an_issue_is_opened_updated_and_closed(job: FakeForge, tmp_path: Path) -> None:
    assert issue(tmp_path, f"{DRIFT}\nnothing", "success").stdout == "issue: nothing to do\n"
    for number in range(3):
        job.people(f"{DRIFT}\n{number}", "issues")
    assert issue(tmp_path, f"{DRIFT}\none", "failure", "--title", "Drift").stdout.startswith("issue: made (https://f/")
    assert issue(tmp_path, f"{DRIFT}\ntwo", "failure").stdout.startswith("issue: changed")
    assert issue(tmp_path, f"{DRIFT}\ntwo", "failure").stdout.startswith("issue: kept as it is")
    (only,) = job.open_issues()
    assert (only["title"], only["body"]) == ("Drift", f"{DRIFT}\ntwo")
    assert only["labels"] in ("kea-reconciler", ["kea-reconciler"])
    assert issue(tmp_path, f"{DRIFT}\nnothing", "success").stdout.startswith("issue: closed")
    assert job.open_issues() == []
    assert job.texts(f"issues/{only['number']}") == [
        "All is as it should be again; the run that found that closes this."
    ]
    assert issue(tmp_path, f"{DRIFT}\nthree", "failure").stdout.startswith("issue: made")


@pytest.mark.parametrize(
    ("status", "told"),
    [(401, "token is not valid"), (403, "permissions"), (404, "permissions"), (422, "does not take"), (302, "later")],
)
def test_a_refusal_is_said_without_the_token(job: FakeForge, tmp_path: Path, status: int, told: str) -> None:
    job.failures = [status]
    ended = comment(tmp_path, f"{PLAN}\none\n")
    assert ended.exit_code == 1
    assert f"with status {status}: " in ended.stderr
    assert told in ended.stderr
    assert job.token not in ended.stderr


def test_a_bad_moment_is_waited_out_but_nothing_is_made_twice(job: FakeForge, tmp_path: Path) -> None:
    job.failures = [502, 503]
    assert comment(tmp_path, f"{PLAN}\none\n").exit_code == 0
    made = [call for call in job.calls if call.startswith("POST")]
    assert len(made) == 1


def test_a_forge_that_was_asked_too_much_is_asked_later(job: FakeForge, tmp_path: Path) -> None:
    job.failures = [429, 429]
    assert comment(tmp_path, f"{PLAN}\none\n").exit_code == 0
    assert len(job.texts(ON_CHANGE)) == 1
    job.failures = [429] * 3
    ended = comment(tmp_path, f"{PLAN}\ntwo\n")
    assert (ended.exit_code, "with status 429: try again later" in ended.stderr) == (1, True)


@pytest.mark.parametrize("number", ["true", "-3", "0", "1.5", '"7"'])
def test_an_event_about_no_pull_request_is_none(
    job: FakeForge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: str
) -> None:
    event = tmp_path / "event.json"
    event.write_text(f'{{"pull_request": {{"number": {number}}}}}')
    monkeypatch.setenv("GITHUB_EVENT_PATH", str(event))
    monkeypatch.setenv("CI_MERGE_REQUEST_IID", number)
    ended = comment(tmp_path, f"{PLAN}\n")
    assert (ended.exit_code, "about no pull or merge request" in ended.stderr) == (1, True)
    assert job.calls == []


@pytest.mark.parametrize("command", [("comment",), ("issue", "--outcome", "success")])
def test_a_page_that_is_not_there_is_an_error(job: FakeForge, tmp_path: Path, command: tuple[str, ...]) -> None:
    ended = run("publish", *command, str(tmp_path / "page.md"))
    assert (ended.exit_code, job.calls) == (1, [])
    assert "page.md can't be read: No such file or directory" in " ".join(ended.stderr.split())


def test_a_page_that_is_no_text_is_refused(job: FakeForge, tmp_path: Path) -> None:
    (tmp_path / "page.md").write_bytes(b"\xff\xfe")
    ended = run("publish", "comment", str(tmp_path / "page.md"))
    assert (ended.exit_code, "is no text" in ended.stderr, job.calls) == (64, True, [])


def test_a_page_of_somebody_else_is_not_published(job: FakeForge, tmp_path: Path) -> None:
    ended = comment(tmp_path, "# hello\n")
    assert ended.exit_code == 64
    assert "no page of ours" in ended.stderr
    assert [call for call in job.calls if not call.startswith("GET")] == []


@pytest.mark.parametrize("name", ["a b", "-->", "x" * 65, "."])
def test_a_name_can_t_end_the_hidden_line(job: FakeForge, tmp_path: Path, name: str) -> None:
    assert comment(tmp_path, f"{PLAN}\n", "--as", name).exit_code == 64
    assert job.calls == []


COMMIT = "c0ffee" * 6 + "beef"


def reviewed(tmp_path: Path, *arguments: str) -> Run:
    return run("publish", "reviewed", "--commit", COMMIT, "--out", str(tmp_path / "reviewed.json"), *arguments)


def test_the_newest_plan_of_the_request_that_was_merged_is_fetched(job: FakeForge, tmp_path: Path, kept: str) -> None:
    job.runs.merge(COMMIT, 7)
    for content, options in (
        (b"old", {}),
        (b"new", {}),
        (b"of a fork", {"is_of_fork": True}),
        (b"gone", {"is_expired": True}),
    ):
        job.runs.keep(7, content, kept, **options)
    job.runs.keep(8, b"of another request", kept)
    job.runs.keep(7, b"of another folder", "plan-lab")
    ended = reviewed(tmp_path)
    assert (ended.exit_code, ended.stderr) == (0, "")
    assert (tmp_path / "reviewed.json").read_bytes() == b"new"
    assert reviewed(tmp_path, "--as", "lab").exit_code == 0
    assert (tmp_path / "reviewed.json").read_bytes() == b"of another folder"


def test_without_a_request_or_its_plan_there_is_none(job: FakeForge, tmp_path: Path, kept: str) -> None:
    job.runs.keep(7, b"x", kept, is_of_fork=True)
    ended = reviewed(tmp_path)
    assert ended.exit_code == 1
    assert f"no pull request brought {COMMIT[:12]}" in ended.stderr
    job.runs.merge(COMMIT, 7)
    ended = reviewed(tmp_path)
    assert ended.exit_code == 1
    assert "so there is no plan that was reviewed: run the plan job of that pull request again" in ended.stderr
    assert not (tmp_path / "reviewed.json").exists()
    assert run("publish", "reviewed", "--commit", "main", "--out", str(tmp_path / "x")).exit_code == 64


def test_outside_of_a_job_it_says_so(forge: FakeForge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GITHUB_ACTIONS", "GITLAB_CI"):
        monkeypatch.delenv(name, raising=False)
    ended = comment(tmp_path, f"{PLAN}\n")
    assert ended.exit_code == 64
    assert "no job of GitHub Actions or GitLab CI" in ended.stderr


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("GITHUB_TOKEN", "", "no token in GITHUB_TOKEN"),
        ("GITHUB_REPOSITORY", "../x", "names no project"),
        ("GITHUB_API_URL", "http://example.com", "no https:// address"),
    ],
)
def test_surroundings_that_can_t_be_used(
    forge: FakeForge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, told: str
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_API_URL", forge.address)
    monkeypatch.setenv("GITHUB_REPOSITORY", "acme/dhcp")
    monkeypatch.setenv("GITHUB_TOKEN", forge.token)
    monkeypatch.setenv("GITHUB_EVENT_PATH", str(EVENT))
    monkeypatch.setenv(name, value)
    ended = comment(tmp_path, f"{PLAN}\n")
    assert ended.exit_code == 64
    assert told in ended.stderr
    assert forge.calls == []


def test_a_push_has_no_change_to_comment_on(forge: FakeForge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    event = tmp_path / "push.json"
    event.write_text('{"ref": "refs/heads/main"}')
    for name, value in {
        "GITHUB_ACTIONS": "true",
        "GITHUB_API_URL": forge.address,
        "GITHUB_REPOSITORY": "acme/dhcp",
        "GITHUB_TOKEN": forge.token,
        "GITHUB_EVENT_PATH": str(event),
    }.items():
        monkeypatch.setenv(name, value)
    ended = comment(tmp_path, f"{PLAN}\n")
    assert ended.exit_code == 1
    assert "about no pull or merge request" in ended.stderr
