"""Which state of desired/ this is: a git commit where it lies in a work tree, else a digest of its files.

git is asked harmless questions only, and everything else is compared here. `git status` would run programs that
a repository's own configuration names (clean filters, fsmonitor, hooks), and a desired state may come from anyone.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.desired.files import is_read, read_files

if TYPE_CHECKING:
    from collections.abc import Mapping

_SECONDS = 10.0
_DIGITS = 12
_OPTIONS = (
    "--no-replace-objects",
    "--no-optional-locks",
    "--literal-pathspecs",
    *("-c", "core.fsmonitor=false"),
    *("-c", "core.hooksPath=/dev/null"),
    *("-c", "protocol.allow=never"),  # a partial clone would fetch what it lacks, with any transport it names
    *("-c", "safe.directory=*"),  # harmless: nothing that the repository configures is run
    *("-c", "safe.bareRepository=explicit"),  # a bare repository hidden in the directory is not taken for ours
)


def revision(directory: Path) -> str:
    """Return `git:<commit>`, with `-dirty` where a file that says something differs from it, or `sha256:<digest>`.

    Both are cut to 12 hexadecimal digits.
    """
    return revision_of(directory, read_files(directory).contents)


def revision_of(directory: Path, contents: Mapping[str, bytes]) -> str:
    """Return the revision of a directory whose files were read already, by their paths relative to it."""
    commit = commit_of(directory)
    tree = ask_git(directory, "ls-tree", "-r", "-z", commit) if commit else None
    if commit is None or tree is None:
        return f"sha256:{digest_of(contents)[:_DIGITS]}"
    entries = _entries(tree)
    is_clean = {name for name in entries if is_read(name)} == set(contents) and _has(directory, contents, entries)
    return named(commit) if is_clean else f"{named(commit)}-dirty"


def not_of(
    commit: str, directory: Path, desired: Mapping[str, bytes], approvals: Mapping[str, bytes]
) -> tuple[str, ...]:
    """Return the paths of those files of a directory, as they were read, that a commit of its work tree hasn't got with
    this very content, or has beside them; sorted. An approval that is missing allows nothing, so it may be.
    """
    tree = ask_git(directory, "ls-tree", "-r", "-z", commit)
    entries = _entries(tree) if tree is not None else {}
    missing = {name for name in entries if is_read(name)} - desired.keys()
    read = {**desired, **approvals}
    return tuple(sorted({*missing, *(name for name in read if not _has(directory, {name: read[name]}, entries))}))


def commit_of(directory: Path) -> str | None:
    """Return the commit that is checked out in the work tree of a directory, None where there is none."""
    head = ask_git(directory, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
    return head.decode("ascii", "replace").strip() if head else None


def named(commit: str) -> str:
    """Return the revision of a directory whose files are those of a commit."""
    return f"git:{commit[:_DIGITS]}"


def _entries(tree: bytes) -> dict[str, str]:
    """Return the object name of each file in the output of `git ls-tree -r -z`, by path relative to the directory."""
    lines = (entry.partition(b"\t") for entry in tree.split(b"\0") if entry)
    return {os.fsdecode(name): about.split()[2].decode("ascii") for about, _, name in lines}


def _has(directory: Path, contents: Mapping[str, bytes], entries: Mapping[str, str]) -> bool:
    """Whether files are exactly those of a commit, byte for byte; links and what they lead to."""
    for name, content in contents.items():
        path, committed = directory / name, name
        algorithm = "sha1" if len(entries.get(name, "")) == 40 else "sha256"
        if path.is_symlink():
            if entries.get(name) != _blob(os.fsencode(path.readlink()), algorithm):
                return False
            committed = str(path.resolve().relative_to(directory.resolve()))
        if entries.get(committed) != _blob(content, algorithm):
            return False
    return True


def _blob(content: bytes, algorithm: str) -> str:
    """Return git's object name of a file with that content."""
    return hashlib.new(algorithm, b"blob %d\0%b" % (len(content), content), usedforsecurity=False).hexdigest()


def digest_of(contents: Mapping[str, bytes]) -> str:
    """Return the SHA-256 of files by their paths, as hexadecimal digits."""
    digest = hashlib.sha256()
    for name, content in sorted(contents.items()):
        for part in (os.fsencode(name), content):
            digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()


def ask_git(directory: Path, *arguments: str) -> bytes | None:
    """Return what git prints, None where there is no git, no work tree, no commit, or no answer in time."""
    program = shutil.which("git")
    if program is None or not Path(program).is_absolute():
        return None
    environment = {
        "PATH": os.defpath,
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_NO_LAZY_FETCH": "1",
    }
    try:
        if not _is_in_work_tree(directory.resolve()):
            return None  # which git would say too, and takes a process to say
        done = subprocess.run(
            [program, *_OPTIONS, "-C", str(directory.absolute()), *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout if done.returncode == 0 else None


def _is_in_work_tree(directory: Path) -> bool:
    """Whether a folder, or one that it is in, has what every work tree of git has: `.git`, a folder or a file."""
    return any((folder / ".git").exists() for folder in (directory, *directory.parents))
