"""The desired state in force: the last one that was right, whatever is being written into the folder.

Half of a file may be right as it is, and mean something else. So nothing is read while it is being written.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

from reconciler.desired.load import load
from reconciler.desired.revision import commit_of
from reconciler.errors import FixInputError, ReconcilerError
from reconciler.model import Desired
from reconciler.watching.telling import unforeseen

_MOST = 20  # problems that are told at once
STILL = 2.0  # seconds without a change, after which files are read
_TRIES = 30  # to find them still

_Sign = tuple[str | None, frozenset[tuple[str, int, int]]]  # the commit, and the files


class Source:
    """Reads the folder when it may have changed. `desired` is what is in force, `problems` why it is not the folder's.

    `pull` brings the folder level with a git branch before it is read; it raises ReconcilerError where it can't, and
    when `stop` was called, which ends it. `verified` is what `read` asks for.
    """

    def __init__(
        self,
        directory: Path,
        desired: Desired,
        pull: Callable[[], None] = lambda: None,
        *,
        stop: Callable[[], None] = lambda: None,
        verified: Callable[[], str] | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.directory, self.desired = directory, desired
        self.problems: tuple[str, ...] = ()
        self.git_problem = ""
        self._pull, self.stop = pull, stop
        self._verified, self._sleep = verified, sleep
        self._sign: _Sign | None = _sign(directory)  # of what was read; None: it is read, whatever it looks like

    async def look(self, *, is_told: bool = False) -> bool:
        """Read what there is, and return whether another desired state is in force now.

        `is_told`: something changed there, so that it is read even if it looks the same. What looks different is read
        as soon as it has been the same for STILL seconds. Whatever goes wrong is a problem: what was in force stays so,
        and it is read the next time whatever it looks like.
        """
        try:
            return await self._look(is_told=is_told)
        except OSError as error:  # it is taken away, or its disk is, while it is looked through
            self.problems = (f"{self.directory} can't be looked through: {error.strerror or type(error).__name__}",)
        except Exception as error:  # noqa: BLE001 - else nobody would follow the files any more, and nobody say so
            self.problems = (unforeseen(error),)
        self._sign = None
        return False

    async def _look(self, *, is_told: bool) -> bool:
        sign = await asyncio.to_thread(self._followed)
        if sign == self._sign:
            is_new = await asyncio.to_thread(self._read, sign) if is_told else False
            if is_new is not None:
                return is_new
        for _ in range(_TRIES):
            await self._sleep(STILL)
            before, sign = sign, await asyncio.to_thread(_sign, self.directory)
            if sign == before:
                self._sign = sign
                is_new = await asyncio.to_thread(self._read, sign)
                if is_new is not None:
                    return is_new
        self.problems = (f"files below {self.directory} are written all the time: nothing is read meanwhile",)
        return False

    def _followed(self) -> _Sign:
        """Follow the branch, and return what the folder looks like then."""
        try:
            self._pull()
            self.git_problem = ""
        except ReconcilerError as error:
            self.git_problem = str(error)
        return _sign(self.directory)

    def _read(self, sign: _Sign) -> bool | None:
        """Read the folder that looked like `sign`, and return whether another desired state is in force now; None where
        it does not look so any more, of which half may have been read.
        """
        found: Desired | ReconcilerError
        try:
            found = read(self.directory, self._verified)
        except ReconcilerError as error:
            found = error
        if _sign(self.directory) != sign:
            return None
        if isinstance(found, FixInputError):
            shown = found.problems[:_MOST]
            more = len(found.problems) - len(shown)
            self.problems = (
                *(" ".join(str(each).split()) for each in shown),
                *([f"and {more} more problems"] if more else ()),
            )
            return False
        if isinstance(found, ReconcilerError):  # what keeps it from being used need not be in the files, nor in HEAD
            self.problems, self._sign = (str(found),), None
            return False
        self.problems = ()
        old, self.desired = self.desired, found
        return (old.revision, old.digest, old.approvals) != (found.revision, found.digest, found.approvals)


def read(directory: Path, verified: Callable[[], str] | None) -> Desired:
    """Return the desired state in a folder. With `verified`, it has to be that of the commit that this returns, which
    raises ReconcilerError where the commit may not be used.

    Raises FixInputError, and NotCommittedError where the files are not those of the commit.
    """
    return load(directory, commit=None if verified is None else verified())


def _sign(directory: Path) -> _Sign:
    """Return by what it is noticed that there is something else to read: the commit that is checked out, since it names
    the files that are the same, and the names, times and sizes of files, but for git's own.
    """
    found = set()
    for folder, folders, names in os.walk(directory):  # what can't be looked into is said when it is read
        folders[:] = [name for name in folders if name != ".git"]
        for path in (Path(folder, name) for name in (*folders, *names)):
            try:
                about = path.stat()
            except OSError:  # it was just taken away
                continue
            found.add((str(path), about.st_mtime_ns, about.st_size))
    return commit_of(directory), frozenset(found)
