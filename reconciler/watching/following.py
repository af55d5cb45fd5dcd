"""Following a branch of a git remote: fast-forward only, and signed only where that is required.

The program git does it, as the user that runs the daemon.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.redaction import visible
from reconciler.watching.git import Git, GitError

if TYPE_CHECKING:
    import subprocess

_MOST = 800  # characters of what git says; long paths are in it
_LEFT = 600.0  # seconds; no git of ours is at it for as long
_LOCK = re.compile(r"'([^'\n]+\.lock)': File exists")
_LOGIN = re.compile(r"(?<=://)[^/\s]*@")


@dataclass(frozen=True, slots=True)
class Branch:
    """What is followed: the branch of that name of a remote, in the work tree that `directory` lies in. With
    `must_be_signed`, only commits are taken over of which git verifies the signature of each.
    """

    directory: Path
    remote: str
    name: str
    must_be_signed: bool = False
    git: Git = field(default_factory=Git, repr=False, compare=False)

    def pull(self) -> None:
        """Bring the work tree level with the branch. Raises GitError, and changes nothing then."""
        spec = f"+refs/heads/{self.name}:{self._ref}"
        self._must(
            "the remote can't be fetched", "fetch", "--quiet", "--no-tags", "--end-of-options", self.remote, spec
        )
        here = self.verified() if self.must_be_signed else self._commit("HEAD")
        there = self._commit(self._ref)
        if here == there:
            return
        self._check_history(here, there)
        if self.must_be_signed:
            self._check_signatures(here, there)
        self._move(there)

    def stop(self) -> None:
        """End a `pull` that is under way in another thread at once, but for the step that moves the work tree; it
        raises GitError. No other begins.
        """
        self.git.stop()

    def verified(self) -> str:
        """Return the commit that the work tree is at, whoever put it there. Raises GitError where git doesn't take its
        signature: such a one is not used, nor what comes after it.
        """
        commit = self._commit("HEAD")
        reason = self._fault(commit)
        if reason:
            raise GitError(
                f"the work tree of {self.directory} is at commit {commit[:12]}, which is not used: {reason}. If what "
                "it has is meant, add a signed commit after it where the branch comes from (git commit --allow-empty "
                "-S), and move the work tree there (git pull --ff-only); else put back one that is signed (git reset "
                "--hard COMMIT)"
            )
        return commit

    @property
    def _label(self) -> str:
        return f"{_without_logins(self.remote)}/{self.name}"

    @property
    def _ref(self) -> str:
        return f"refs/kea-reconciler/{self.name}"

    def _commit(self, name: str) -> str:
        return self._must(
            f"there is no commit {name}", "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}"
        ).strip()

    def _check_history(self, here: str, there: str) -> None:
        if self._git("merge-base", "--is-ancestor", here, there).returncode == 0:
            return
        raise GitError(
            f"{self._label} was rewritten: {there[:12]} does not come after {here[:12]}, which stays in force. "
            "If that is meant, move the work tree by hand (git reset --hard), and look at `plan` before"
        )

    def _check_signatures(self, here: str, there: str) -> None:
        """Make sure that every commit that comes is signed, the oldest first."""
        coming = self._must("what comes can't be told", "rev-list", "--reverse", "--topo-order", f"{here}..{there}")
        for commit in coming.split():
            reason = self._fault(commit)
            if reason:
                raise GitError(
                    f"commit {commit[:12]} of {self._label} is not taken over, nor what comes after it: {reason}. If "
                    "it is meant, move the work tree forward by hand (git merge --ff-only) to a signed commit that "
                    "comes after it"
                )

    def _fault(self, commit: str) -> str:
        """Return why git doesn't take the signature of a commit, and where it knows the keys from whose it would;
        nothing where it does. What git says first may be that a signature is good, of a key that it doesn't know.
        """
        checked = self._git("verify-commit", commit)
        if checked.returncode == 0:
            return ""
        said = visible(_said(checked.stderr))
        if not said:
            return "it has no signature"
        return (
            f"git doesn't take its signature ({said}); it takes those of keys in its file gpg.ssh.allowedSignersFile, "
            "or in the keyring of gpg, as the user that runs this"
        )

    def _move(self, commit: str) -> None:
        """Move the work tree forward: the one step that leaves something half done where it is ended."""
        self._must("the work tree can't be moved forward", "merge", "--quiet", "--ff-only", commit, to_its_end=True)

    def _must(self, failure: str, *arguments: str, to_its_end: bool = False) -> str:
        """Return what git prints; GitError, which begins with `failure`, where it fails."""
        done = self._git(*arguments, to_its_end=to_its_end)
        if done.returncode != 0:
            reason = _left_lock(done.stderr) or _said(done.stderr) or f"git ended with {done.returncode}"
            raise GitError(f"{failure}: {visible(reason)}")
        return done.stdout

    def _git(self, *arguments: str, to_its_end: bool = False) -> subprocess.CompletedProcess[str]:
        return self.git.run(self.directory, *arguments, to_its_end=to_its_end)


def _left_lock(text: str) -> str:
    """Return what is to be done about a lock that git names as in its way, where it is too old for one of a git that is
    at work; else nothing, and what git itself says of it has to do.

    It is never taken away from here: somebody else's git may hold it, on another host even, and the files have to be
    looked at where one was killed in the middle.
    """
    found = _LOCK.search(text)
    if found is None:
        return ""
    try:
        since = Path(found[1]).stat().st_mtime
    except OSError:  # it is gone by now
        return ""
    if time.time() - since < _LEFT:
        return ""
    at = datetime.fromtimestamp(since, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return (
        f"{found[1]} is there since {at}. No git of this daemon is at work: one that was killed left it, or somebody "
        "else's is. Make sure that none is, remove the file, and look at `git status`"
    )


def _said(text: str) -> str:
    """Return what git says, as one line, without the logins that urls may hold: the file or host stands in any of its
    lines.
    """
    whole = _without_logins(" ".join(line.strip() for line in text.splitlines() if line.strip()))
    return whole if len(whole) <= _MOST else f"{whole[:_MOST]} ..."


def _without_logins(text: str) -> str:
    return _LOGIN.sub("", text)
