"""The desired state in force: the last one that was right, whatever is being written into the folder."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from reconciler.desired.load import load
from reconciler.errors import FixInputError, ReconcilerError
from reconciler.model import Desired

_MOST = 20  # problems that are told at once


class Source:
    """Reads the folder when it may have changed. `desired` is what is in force, `problems` why it is not the folder's.

    `pull` brings the folder level with a git branch before it is read; it raises ReconcilerError where it can't. With
    `must_be_committed`, files that differ from the commit are wrong.
    """

    def __init__(
        self,
        directory: Path,
        desired: Desired,
        pull: Callable[[], None] = lambda: None,
        *,
        must_be_committed: bool = False,
    ) -> None:
        self.directory, self.desired = directory, desired
        self.problems: tuple[str, ...] = ()
        self.git_problem = ""
        self._pull, self._must_be_committed = pull, must_be_committed
        self._sign = _signs(directory)

    async def look(self, *, is_told: bool = False) -> bool:
        """Read what there is, and return whether another desired state is in force now.

        `is_told`: something changed there, so that it is read even if it looks the same.
        """
        return await asyncio.to_thread(self._look, is_told=is_told)

    def _look(self, *, is_told: bool) -> bool:
        try:
            self._pull()
            self.git_problem = ""
        except ReconcilerError as error:
            self.git_problem = str(error)
        sign = _signs(self.directory)
        if sign == self._sign and not is_told:
            return False
        self._sign = sign
        try:
            found = load(self.directory)
        except FixInputError as error:
            shown = error.problems[:_MOST]
            more = len(error.problems) - len(shown)
            self.problems = (
                *(" ".join(str(each).split()) for each in shown),
                *([f"and {more} more problems"] if more else ()),
            )
            return False
        if self._must_be_committed and is_uncommitted(found):
            self.problems = (UNCOMMITTED,)
            return False
        self.problems = ()
        old, self.desired = self.desired, found
        return (old.revision, old.digest, old.approvals) != (found.revision, found.digest, found.approvals)


UNCOMMITTED = "the files are not those of a commit, and signed commits are required: commit them, or put them back"


def is_uncommitted(desired: Desired) -> bool:
    """Whether files differ from the commit, or there is none."""
    return not desired.revision.startswith("git:") or desired.revision.endswith("-dirty")


def _signs(directory: Path) -> frozenset[tuple[str, int, int]]:
    """Return by what it is noticed that files were changed: their names, times and sizes."""
    found = set()
    for path in directory.rglob("*"):
        try:
            about = path.stat()
        except OSError:  # it was just taken away
            continue
        found.add((str(path), about.st_mtime_ns, about.st_size))
    return frozenset(found)
