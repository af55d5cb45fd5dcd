"""The state directory: where it is, and that nobody else can look into it. It holds configurations, and so secrets."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from reconciler.errors import StateError

VARIABLE = "KEA_RECONCILER_STATE_DIR"
_OPEN_TO_OTHERS = 0o077


def default_directory(environment: Mapping[str, str]) -> Path:
    """Return the directory in the XDG state folder; a relative XDG_STATE_HOME doesn't count (XDG Base Directory).

    Raises StateError where there is no home directory.
    """
    base = environment.get("XDG_STATE_HOME", "")
    if base.startswith("/"):
        return Path(base) / "kea-reconciler"
    try:
        return Path.home() / ".local" / "state" / "kea-reconciler"
    except RuntimeError as error:  # a container's user without HOME and without an entry in passwd
        raise StateError(
            f"there is no home directory to keep a state directory in; name one with --state-dir or {VARIABLE}"
        ) from error


def prepare(directory: Path) -> None:
    """Make the directory, if it isn't there, and make sure that it is ours alone. Raises StateError."""
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        directory.mkdir(mode=0o700, exist_ok=True)
        found = directory.stat()
    except OSError as error:
        raise unusable(directory, f"can't be made: {error.strerror}") from error
    if not stat.S_ISDIR(found.st_mode):
        raise unusable(directory, "is no directory")
    if found.st_uid != os.geteuid():
        raise unusable(directory, f"belongs to another user (uid {found.st_uid}), who could change what is in it")
    if found.st_mode & _OPEN_TO_OTHERS:
        mode = f"{stat.S_IMODE(found.st_mode):04o}"
        raise StateError(
            f"the state directory {directory} is open to others (mode {mode}), and it holds configurations with their "
            f"secrets; run `chmod 700 {directory}`, or name another with --state-dir"
        )


def unusable(directory: Path, why: str) -> StateError:
    """Return the error that says why, and what to do."""
    return StateError(
        f"the state directory {directory} {why}. Nothing was changed: what is not written down before can't be put "
        "right after a crash. Mend it, or name another directory with --state-dir"
    )


def private_file(path: Path) -> int:
    """Open a file for reading and writing, made if need be, that others can't read; returns its descriptor.

    One that others can read is closed to them. Raises OSError, for a link too.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    if os.fstat(descriptor).st_mode & _OPEN_TO_OTHERS:
        os.fchmod(descriptor, 0o600)
    return descriptor


@contextlib.contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold a file's lock, waiting for it: for the moments in which only one process may do something here."""
    descriptor = private_file(path)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
