"""Which files below desired/ say something, and their content: regular files inside the root only, within limits."""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

from reconciler.desired.limits import LIMITS, Limits
from reconciler.model import Position, Problem, Severity

SERVERS = "servers.yaml"
RELATIONSHIPS = "relationships"
NOTHING_DESIRED = "nothing-desired"
_MISSPELT_SERVERS = "servers.yml"
_ENDINGS = (".yaml", ".yml")


@dataclass(slots=True)
class Files:
    """What was found. `contents` are the bytes of each file by its path below the directory, sorted; `names` are
    the paths that were found at all, read or not.
    """

    contents: dict[str, bytes] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def read_files(directory: Path, limits: Limits = LIMITS) -> Files:
    """Read servers.yaml and every *.yaml and *.yml below relationships/. Hidden files and folders are left alone."""
    files = Files()
    if not directory.is_dir():
        message = "this is not a directory" if directory.exists() else "this directory does not exist"
        advice = "Name the directory that holds servers.yaml and relationships/ (option --desired)."
        files.problems.append(_problem(directory, "directory-missing", message, advice))
        return files
    files.names = [*_servers(directory, files), *_relationships(directory, limits, files)]
    for name in files.names:
        content = _read(directory, name, limits)
        if isinstance(content, Problem):
            files.problems.append(content)
        else:
            files.contents[name] = content
    files.problems.extend(_unread(directory))
    return files


def read_folder(directory: Path, folder: str, limits: Limits = LIMITS) -> tuple[dict[str, bytes], list[Problem]]:
    """Return the content of every YAML file in a folder below the directory, sorted, and what can't be read.

    A folder that isn't there has none; files of other kinds, and hidden ones, are left alone.
    """
    root, files = directory / folder, Files()
    if not directory.is_dir():
        return {}, []  # which is said already
    if root.is_symlink() and not root.resolve().is_relative_to(directory.resolve()):
        return {}, [_outside(root)]
    for path in _walk(root, files):
        name = str(path.relative_to(directory))
        content = _read(directory, name, limits)
        if isinstance(content, Problem):
            files.problems.append(content)
        else:
            files.contents[name] = content
    return dict(sorted(files.contents.items())), files.problems


def is_read(name: str) -> bool:
    """Whether a path relative to the directory is one of those that are read."""
    first, *inner = name.split("/")
    hidden = any(part.startswith(".") for part in inner)
    return name == SERVERS or (first == RELATIONSHIPS and bool(inner) and not hidden and _is_yaml(inner[-1]))


def _problem(path: Path, rule: str, message: str, advice: str, severity: Severity = Severity.ERROR) -> Problem:
    return Problem(Position(str(path)), rule, message, advice, severity)


def _unreadable(path: Path, error: Exception) -> Problem:
    # a RuntimeError is how Path.resolve of Python 3.11 says that links lead in a circle
    reason = error.strerror if isinstance(error, OSError) else "its links lead in a circle"
    return _problem(path, "file-unreadable", f"this can't be read: {reason}", "Make it readable, or remove it.")


def _outside(path: Path) -> Problem:
    message, advice = "the link leads out of the directory", "Put a copy of what it leads to into the directory."
    return _problem(path, "file-outside", message, advice)


def _servers(directory: Path, files: Files) -> list[str]:
    path = directory / SERVERS
    if os.path.lexists(path):
        return [SERVERS]
    advice = "Write the inventory: each server's name and the URL of its control channel."
    if (directory / _MISSPELT_SERVERS).exists():
        advice = f"Rename {_MISSPELT_SERVERS} to {SERVERS}."
    files.problems.append(_problem(path, "servers-missing", "the inventory does not exist", advice))
    return []


def _relationships(directory: Path, limits: Limits, files: Files) -> list[str]:
    """Return the sorted paths of all relationship files, as text relative to the directory."""
    root = directory / RELATIONSHIPS
    if root.is_symlink() and not root.resolve().is_relative_to(directory.resolve()):
        files.problems.append(_outside(root))
        return []
    found: list[str] = []
    for path in _walk(root, files):
        found.append(str(path.relative_to(directory)))
        if len(found) > limits.files:
            message = f"there are more than {limits.files} files"
            advice = "Write several relationships into one file, separated by lines of ---."
            files.problems.append(_problem(root, "too-many-files", message, advice))
            return []
    if not found:
        advice = (
            "Write at least one relationship; an empty or missing desired state never means 'nothing is wanted'. "
            "The last one is removed by its file, with `state: absent` in it."
        )
        files.problems.append(_problem(root, NOTHING_DESIRED, "there is no relationship file here", advice))
    return sorted(found)


def _walk(root: Path, files: Files) -> list[Path]:
    """Return the YAML files below a folder; what can't be looked into is a problem, never silently nothing."""
    found: list[Path] = []

    def refuse(error: OSError) -> None:
        if error.errno != errno.ENOENT:
            files.problems.append(_unreadable(Path(error.filename), error))

    for folder, folders, names in os.walk(root, onerror=refuse):
        here = Path(folder)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in folders:
            if (here / name).is_symlink():
                advice = "Put the files themselves there; only links to single files inside the root are followed."
                message = "a linked directory is not followed"
                files.problems.append(_problem(here / name, "file-irregular", message, advice))
        for name in filter(_is_yaml, names):
            if str(here / name).isprintable():
                found.append(here / name)
            else:
                message = f"the name of a file in it, {name!a}, has invisible characters"
                files.problems.append(_problem(root, "file-irregular", message, "Rename the file."))
    return found


def _is_yaml(name: str) -> bool:
    return name.lower().endswith(_ENDINGS) and not name.startswith(".")


def _read(directory: Path, name: str, limits: Limits) -> bytes | Problem:
    """Return the content of one file. It is opened without waiting, so that a pipe can't stop us."""
    path = directory / name
    content: bytes | Problem | None
    try:
        content = _read_regular(path, limits.file_bytes + 1)
    except OSError as error:
        if error.errno != errno.ELOOP:
            return _unreadable(path, error)
        content = _read_linked(path, directory, limits.file_bytes + 1)
    if isinstance(content, Problem):
        return content
    if content is None:
        return _problem(path, "file-irregular", "this is not a regular file", "Put a regular file here.")
    if len(content) > limits.file_bytes:
        message = f"the file is larger than {limits.file_bytes} bytes"
        return _problem(path, "file-too-large", message, "Split it into several files below relationships/.")
    return content


def _read_linked(path: Path, directory: Path, size: int) -> bytes | Problem | None:
    """Return what a link leads to, as long as that is inside the directory."""
    try:
        real = path.resolve(strict=True)
        return _read_regular(real, size) if real.is_relative_to(directory.resolve()) else _outside(path)
    except (OSError, RuntimeError) as error:
        return _unreadable(path, error)


def _read_regular(path: Path, size: int) -> bytes | None:
    """Return at most `size` bytes of a file, None where it is not a regular one; OSError (ELOOP) for a link."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        content = b""
        while len(content) < size and (more := os.read(descriptor, size - len(content))):
            content += more
        return content
    finally:
        os.close(descriptor)


def _unread(directory: Path) -> list[Problem]:
    """Return a warning for each YAML file that stands beside servers.yaml, where nobody reads it."""
    try:
        names = sorted(path.name for path in directory.iterdir())
    except OSError as error:
        return [_unreadable(directory, error)]
    advice = f"Relationships belong into {RELATIONSHIPS}/."
    return [
        _problem(directory / name, "file-not-read", "this file is not read", advice, Severity.WARNING)
        for name in filter(_is_yaml, names)
        if name not in (SERVERS, _MISSPELT_SERVERS) and name.isprintable()
    ]
