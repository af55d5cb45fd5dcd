"""The daemon's git: a branch is followed forward, and nothing else."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from reconciler.watching.following import Branch, GitError

if TYPE_CHECKING:
    from pathlib import Path


class Repositories:
    """`origin`, in which people commit, and `here`, a clone that the daemon works in."""

    def __init__(self, folder: Path) -> None:
        self.origin, self.here = folder / "origin", folder / "here"
        self.origin.mkdir()
        self.git(self.origin, "init", "-q", "-b", "main")
        self.commit("one")
        self.git(folder, "clone", "-q", str(self.origin), str(self.here))

    def git(self, where: Path, *arguments: str) -> str:
        names = ("-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "commit.gpgsign=false")
        done = subprocess.run(["git", "-C", str(where), *names, *arguments], capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def commit(self, text: str, *options: str) -> str:
        (self.origin / "file").write_text(text)
        self.git(self.origin, "add", "-A")
        self.git(self.origin, "commit", "-q", "-m", text, *options)
        return self.git(self.origin, "rev-parse", "HEAD")

    @property
    def head(self) -> str:
        return self.git(self.here, "rev-parse", "HEAD")


@pytest.fixture
def repositories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repositories:
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    return Repositories(tmp_path)


def test_it_is_followed_forward(repositories: Repositories) -> None:
    branch = Branch(repositories.here, "origin", "main")
    branch.pull()
    commit = repositories.commit("two")
    branch.pull()
    assert repositories.head == commit
    assert (repositories.here / "file").read_text() == "two"


def test_a_rewritten_history_is_refused(repositories: Repositories) -> None:
    branch = Branch(repositories.here, "origin", "main")
    repositories.commit("two")
    branch.pull()
    before = repositories.head
    repositories.commit("another two", "--amend")
    with pytest.raises(GitError, match="was rewritten"):
        branch.pull()
    assert repositories.head == before


def test_what_somebody_edited_in_the_work_tree_is_not_overwritten(repositories: Repositories) -> None:
    (repositories.here / "file").write_text("by hand")
    repositories.commit("two")
    with pytest.raises(GitError, match="can't be moved forward"):
        Branch(repositories.here, "origin", "main").pull()
    assert (repositories.here / "file").read_text() == "by hand"


def test_no_hook_of_the_repository_is_run(repositories: Repositories) -> None:
    hook = repositories.here / ".git" / "hooks" / "post-merge"
    hook.write_text(f"#!/bin/sh\ntouch {repositories.here}/hooked\n")
    hook.chmod(0o755)
    repositories.commit("two")
    Branch(repositories.here, "origin", "main").pull()
    assert not (repositories.here / "hooked").exists()


@pytest.mark.parametrize("name", ["no-such-branch", "--upload-pack=touch x"])
def test_a_branch_that_is_not_there_is_told(repositories: Repositories, name: str) -> None:
    with pytest.raises(GitError, match="can't be fetched"):
        Branch(repositories.here, "origin", name).pull()


def test_a_login_in_a_url_is_not_told(repositories: Repositories) -> None:
    url = "http://user:canary@127.0.0.1:1/x"
    with pytest.raises(GitError, match="can't be fetched") as told:
        Branch(repositories.here, url, "main").pull()
    assert "canary" not in str(told.value)


def test_an_unsigned_commit_is_refused_where_signatures_are_required(repositories: Repositories) -> None:
    before = repositories.head
    repositories.commit("two")
    with pytest.raises(GitError, match="is not taken over"):
        Branch(repositories.here, "origin", "main", must_be_signed=True).pull()
    assert repositories.head == before


@pytest.fixture
def signing(repositories: Repositories, tmp_path: Path) -> Repositories:
    """Repositories that sign with a key that both take."""
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    allowed = tmp_path / "allowed"
    allowed.write_text(f"x@example.org {key.with_suffix('.pub').read_text()}")
    for where in (repositories.origin, repositories.here):
        repositories.git(where, "config", "gpg.format", "ssh")
        repositories.git(where, "config", "user.signingkey", str(key))
        repositories.git(where, "config", "gpg.ssh.allowedSignersFile", str(allowed))
    return repositories


@pytest.mark.program("ssh-keygen")
def test_signed_commits_are_taken_over(signing: Repositories) -> None:
    signing.commit("two", "-S")
    commit = signing.commit("three", "-S")
    branch = Branch(signing.here, "origin", "main", must_be_signed=True)
    branch.pull()
    assert signing.head == commit
    branch.pull()
    assert signing.head == commit


@pytest.mark.program("ssh-keygen")
def test_every_commit_that_comes_has_to_be_signed_not_the_newest_alone(signing: Repositories) -> None:
    before = signing.head
    signing.commit("two", "-S")
    smuggled = signing.commit("three")
    newest = signing.commit("four", "-S")
    branch = Branch(signing.here, "origin", "main", must_be_signed=True)
    with pytest.raises(GitError, match=f"{smuggled[:12]} of origin/main is not taken over, nor what comes after it"):
        branch.pull()
    assert signing.head == before
    signing.git(signing.here, "merge", "-q", "--ff-only", newest)  # a person looked at it
    branch.pull()
    assert signing.head == newest


@pytest.mark.program("ssh-keygen")
def test_an_unsigned_commit_that_a_signed_merge_brings_is_refused(signing: Repositories) -> None:
    before = signing.head
    signing.git(signing.origin, "checkout", "-q", "-b", "side")
    smuggled = signing.commit("two")
    signing.git(signing.origin, "checkout", "-q", "main")
    signing.git(signing.origin, "merge", "-q", "--no-ff", "-S", "-m", "merged", "side")
    with pytest.raises(GitError, match=smuggled[:12]):
        Branch(signing.here, "origin", "main", must_be_signed=True).pull()
    assert signing.head == before


def test_what_keeps_it_from_moving_is_said_with_the_file(repositories: Repositories) -> None:
    branch = Branch(repositories.here, "origin", "main")
    commit = repositories.commit("two")
    lock = repositories.here / ".git" / "index.lock"  # left by a git that was killed in the middle
    lock.touch()
    with pytest.raises(
        GitError, match=r"can't be moved forward: .*index\.lock': File exists.*remove the file manually"
    ):
        branch.pull()
    lock.unlink()
    branch.pull()
    assert repositories.head == commit
