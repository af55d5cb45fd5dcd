"""The daemon's git: a branch is followed forward, and nothing else."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from reconciler.watching import following
from reconciler.watching import git as program
from reconciler.watching.following import Branch
from reconciler.watching.git import GitError
from tests.cli.work_tree import git, sign_with_a_key
from tests.kea.world import until
from tests.watching.living import Living

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cli.site import Site


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


def test_no_login_is_told_in_any_url_of_a_line() -> None:
    said = following._said("fatal: 'https://a:canary@x/y' is\n  not 'ssh://b:can@ary@z:22/me@home'\n")
    assert said == "fatal: 'https://x/y' is not 'ssh://z:22/me@home'"


def test_a_login_in_a_url_is_not_told(repositories: Repositories) -> None:
    url = "http://user:canary@127.0.0.1:1/x"
    with pytest.raises(GitError, match="can't be fetched") as told:
        Branch(repositories.here, url, "main").pull()
    assert "canary" not in str(told.value)


@pytest.fixture
def signing(repositories: Repositories, tmp_path: Path) -> Repositories:
    """Repositories that sign with a key that both take, and the newest commit of which is signed."""
    sign_with_a_key(tmp_path, repositories.origin, repositories.here, address="x@example.org")
    repositories.commit("signed", "-S")
    repositories.git(repositories.here, "pull", "-q", "--ff-only")
    return repositories


@pytest.mark.program("ssh-keygen")
def test_an_unsigned_commit_is_refused_where_signatures_are_required(signing: Repositories) -> None:
    before = signing.head
    signing.commit("two")
    branch = Branch(signing.here, "origin", "main", must_be_signed=True)
    with pytest.raises(GitError, match="of origin/main is not taken over"):
        branch.pull()
    assert signing.head == before
    assert branch.verified() == before


@pytest.mark.program("ssh-keygen")
def test_what_comes_after_an_unsigned_commit_that_somebody_put_there_is_not_taken_over(signing: Repositories) -> None:
    smuggled = signing.commit("two")
    signing.git(signing.here, "pull", "-q", "--ff-only")
    signing.commit("three", "-S")
    branch = Branch(signing.here, "origin", "main", must_be_signed=True)
    for refused in (branch.verified, branch.pull):
        with pytest.raises(GitError, match=f" is at commit {smuggled[:12]}, which is not used: "):
            refused()
    assert signing.head == smuggled


@pytest.mark.program("ssh-keygen")
def test_it_is_said_why_a_commit_is_not_used_and_what_to_do(signing: Repositories, tmp_path: Path) -> None:
    branch = Branch(signing.here, "origin", "main", must_be_signed=True)
    (tmp_path / "strange" / "again").mkdir(parents=True)
    sign_with_a_key(tmp_path / "strange", signing.origin)
    strange = signing.commit("two", "-S")  # by a key that only the origin takes
    signing.git(signing.here, "pull", "-q", "--ff-only")
    with pytest.raises(GitError) as told:
        branch.verified()
    said = str(told.value)
    assert said.startswith(f"the work tree of {signing.here} is at commit {strange[:12]}, which is not used: ")
    assert "No principal matched" in said
    assert "gpg.ssh.allowedSignersFile" in said
    signing.commit("three")
    signing.git(signing.here, "pull", "-q", "--ff-only")
    with pytest.raises(GitError) as told:
        branch.verified()
    assert "which is not used: it has no signature. If what it has is meant, add a signed commit" in str(told.value)
    sign_with_a_key(tmp_path / "strange" / "again", signing.origin, signing.here, address="x@example.org")
    signing.git(signing.origin, "commit", "-q", "--allow-empty", "-S", "-m", "all of it is meant")
    signing.git(signing.here, "pull", "-q", "--ff-only")
    assert branch.verified() == signing.head


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


@pytest.mark.parametrize("name", ["index.lock", "refs/kea-reconciler/main.lock"])
def test_of_a_lock_that_a_killed_git_left_it_is_said_what_to_do(repositories: Repositories, name: str) -> None:
    branch = Branch(repositories.here, "origin", "main")
    branch.pull()
    commit = repositories.commit("two")
    lock = repositories.here / ".git" / name
    lock.touch()
    with pytest.raises(GitError, match="File exists"):
        branch.pull()  # somebody's git may just be at work
    os.utime(lock, (1_764_000_000, 1_764_000_000))
    with pytest.raises(GitError) as told:
        branch.pull()
    assert f": {lock} is there since 2025-11-24T16:00:00Z. No git of this daemon is at work" in str(told.value)
    assert "remove the file" in str(told.value)
    assert lock.exists()
    lock.unlink()
    branch.pull()
    assert repositories.head == commit


# ------------------------------------------------------------------------------------- the end of it


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """Somebody who takes connections, and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)
        yield server


def url_of(server: socket.socket) -> str:
    return f"git://127.0.0.1:{server.getsockname()[1]}/site.git"


def left_in(work_tree: Path) -> list[str]:
    """What git has there while it is at it: locks, and packs that are not whole."""
    files = (path.name for path in (work_tree / ".git").rglob("*") if path.is_file())
    return [name for name in files if name.endswith(".lock") or name.startswith("tmp_")]


def test_a_remote_that_never_answers_is_left_at_once(repositories: Repositories, silent: socket.socket) -> None:
    branch, before = Branch(repositories.here, url_of(silent), "main"), repositories.head
    with ThreadPoolExecutor() as pool:
        pulling = pool.submit(branch.pull)
        connection, _ = silent.accept()
        began = time.monotonic()
        branch.stop()
        with pytest.raises(GitError, match="git fetch was ended"):
            pulling.result(60)
        assert time.monotonic() - began < 60
        connection.close()
    assert (repositories.head, left_in(repositories.here)) == (before, [])
    with pytest.raises(GitError, match="was not begun"):
        branch.pull()


def test_what_git_started_ends_with_it_even_if_it_will_not(
    repositories: Repositories, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deaf = tmp_path / "deaf"
    deaf.write_text(
        f"#!/bin/sh\ntrap '' TERM\necho $$ > {tmp_path}/pid.new; mv {tmp_path}/pid.new {tmp_path}/pid\n"
        "while :; do sleep 1; done\n"
    )
    deaf.chmod(0o755)
    monkeypatch.setenv("GIT_SSH_COMMAND", str(deaf))
    branch = Branch(repositories.here, "ssh://127.0.0.1/site.git", "main")
    with ThreadPoolExecutor() as pool:
        pulling = pool.submit(branch.pull)
        until((tmp_path / "pid").exists, "transport of git", 60)
        branch.stop()
        with pytest.raises(GitError):
            pulling.result(60)
    pid = (tmp_path / "pid").read_text().strip()
    until(lambda: is_gone(pid), "end of the transport", 30)


def is_gone(pid: str) -> bool:
    """Whether a process has ended, be it that nobody asked how."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_a_remote_that_is_slower_than_may_be_is_left(
    repositories: Repositories, silent: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(program, "_SECONDS", 0.1)
    with pytest.raises(GitError, match=r"git fetch was not done within 0\.1 s"):
        Branch(repositories.here, url_of(silent), "main").pull()
    assert left_in(repositories.here) == []


def test_the_work_tree_is_moved_to_the_end_whatever_is_asked_meanwhile(
    repositories: Repositories, tmp_path: Path
) -> None:
    """A filter holds git up in the middle of writing the files."""
    held, go = tmp_path / "held", tmp_path / "go"
    smudge = f"touch {held}; while [ ! -e {go} ]; do sleep 0.1; done; cat"
    repositories.git(repositories.here, "config", "filter.slow.smudge", smudge)
    (repositories.origin / ".gitattributes").write_text("file filter=slow\n")
    commit = repositories.commit("two")
    branch = Branch(repositories.here, "origin", "main")
    with ThreadPoolExecutor() as pool:
        pulling = pool.submit(branch.pull)
        until(held.exists, "git that writes the files", 60)
        branch.stop()
        go.touch()
        pulling.result(60)
    assert repositories.head == commit
    assert (repositories.here / "file").read_text() == "two"
    assert repositories.git(repositories.here, "status", "--porcelain") == ""


def test_the_daemon_ends_while_a_remote_keeps_it_waiting(site: Site, tmp_path: Path, silent: socket.socket) -> None:
    for arguments in (("init", "-q"), ("add", "-A"), ("commit", "-q", "-m", "one")):
        git(site.desired, *arguments)
    with Living(site.desired, tmp_path, "--git-remote", url_of(silent)) as daemon:
        connection, _ = silent.accept()
        began = time.monotonic()
        assert daemon.stop() == 0
        assert time.monotonic() - began < 60  # git itself would take twice that
        assert daemon.events("stopped")
        assert daemon.events("git-refused") == []
        connection.close()
    assert left_in(site.desired) == []
