"""Reading one TOML file of the operator's, collecting every problem with its place before giving up."""

from __future__ import annotations

import os
import re
import stat
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from reconciler.errors import FixInputError
from reconciler.model import Position, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable

_LARGEST = 1 << 20
_PLACE = re.compile(r"\s*\(at (?:line (\d+), column (\d+)|end of document)\)$")
_KEY = re.compile(r"""\s*(?:([A-Za-z0-9_-]+)|"([^"]*)"|'([^']*)')\s*=""")


class TomlFile:
    """A parsed file: its `content`, and the problems found in it so far.

    FixInputError at once where it can't be read or is no TOML. `rule` begins the names of all its rules.
    """

    def __init__(self, path: Path, rule: str, *, is_private: bool = False) -> None:
        self._file = str(path)
        self._rule = rule
        self._problems: list[Problem] = []
        self._lines: dict[tuple[str, ...], Position] = {}
        try:
            text = read_text(path, is_private=is_private)
        except RefusedFileError as error:
            self._give_up(Position(self._file, 1, 1), "file", f"The file {error}.", error.advice)
        self.content: dict[str, Any] = self._parse(text)
        self._lines = dict(_positions(text, self._file))

    def problem(self, path: tuple[str, ...], kind: str, message: str, advice: str) -> None:
        """Note a problem with what stands at `path` (keys from the outside in)."""
        self._problems.append(Problem(self.position(path), f"{self._rule}-{kind}", message, advice))

    def position(self, path: tuple[str, ...]) -> Position:
        """Return the line of the key at `path`, or of the nearest table around it; best effort."""
        while path and path not in self._lines:
            path = path[:-1]
        return self._lines.get(path, Position(self._file, 1, 1))

    def table(self, key: str, known: Iterable[str]) -> dict[str, Any]:
        """Return the table under `key`, empty where it is missing; unknown keys in it are noted and left out."""
        table = self.content.get(key, {})
        if not isinstance(table, dict):
            self.problem((key,), "value", f"{key!r} must be a table.", f"Write it as [{key}] with its keys below.")
            return {}
        return self.known_keys((key,), table, known)

    def known_keys(self, path: tuple[str, ...], table: dict[str, Any], known: Iterable[str]) -> dict[str, Any]:
        """Return `table` without its unknown keys, which are noted."""
        names = tuple(known)
        for key in table:
            if key not in names:
                self.problem((*path, key), "key", f"Unknown key {key!r}.", f"Known here: {', '.join(names)}.")
        return {key: value for key, value in table.items() if key in names}

    def finish(self) -> None:
        """Raise FixInputError with everything that was noted, if anything was."""
        if self._problems:
            raise FixInputError(sorted(self._problems))

    def _parse(self, text: str) -> dict[str, Any]:
        content: dict[str, Any] | None = None
        fault = ""
        try:
            content = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            fault = str(error)
        if content is None:  # past the except block: newer Pythons keep the whole text, secrets too, in the exception
            place = _PLACE.search(fault)
            line, column = (place[1], place[2]) if place and place[1] else (len(text.splitlines()), 1)
            position = Position(self._file, int(line), int(column))
            message = f"This is not TOML: {_PLACE.sub('', fault)}."
            self._give_up(position, "toml", message, "Strings need quotes; see https://toml.io.")
        return content

    def _give_up(self, position: Position, kind: str, message: str, advice: str) -> NoReturn:
        raise FixInputError([Problem(position, f"{self._rule}-{kind}", message, advice)])


class RefusedFileError(Exception):
    """A file that can't or must not be used. The text goes behind "the file"; `advice` says what to do."""

    def __init__(self, why: str, advice: str) -> None:
        super().__init__(why)
        self.advice = advice


def read_text(path: Path, *, is_private: bool, may_group_read: bool = False) -> str:
    """Return the text of a regular file of at most 1 MiB.

    One that `is_private` must belong to us or root, and nobody else may have any permission on it, except that
    its group may read it where `may_group_read`, or where systemd hands it over. RefusedFileError otherwise.
    """
    try:
        # Non-blocking, so that a named pipe can't hold us up before it is seen to be one.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or "its name can't be one"
        raise RefusedFileError(f"can't be read: {why}", "Check the path and its permissions.") from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise RefusedFileError("is not a regular file", "Name a regular file.")
        if is_private:
            _check_privacy(status, may_group_read=may_group_read or _is_handed_over(path, status))
        with os.fdopen(descriptor, "rb", closefd=False) as stream:
            content = stream.read(_LARGEST + 1)
    finally:
        os.close(descriptor)
    if len(content) > _LARGEST:
        raise RefusedFileError("is larger than 1 MiB", "This can't be the file that was meant.")
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise RefusedFileError("is not UTF-8 text", "Save it as UTF-8.") from None


def _check_privacy(status: os.stat_result, *, may_group_read: bool) -> None:
    if status.st_uid not in (os.geteuid(), 0):
        raise RefusedFileError("belongs to another user", "It must belong to the user who runs this, or to root.")
    forbidden = 0o037 if may_group_read else 0o077
    if status.st_mode & forbidden:
        mode = f"{stat.S_IMODE(status.st_mode):04o}"
        raise RefusedFileError(f"holds secrets, but others have permissions on it (mode {mode})", "chmod it to 0600.")


def _is_handed_over(path: Path, status: os.stat_result) -> bool:
    """Whether systemd put a credential there for this service alone (systemd.exec(5), LoadCredential=).

    It is root's, and from systemd 254 on an ACL lets the service's user read it, which `stat` shows as its group.
    """
    folder = Path(os.environ.get("CREDENTIALS_DIRECTORY", ""))
    return status.st_uid == 0 and folder.is_absolute() and path.parent.resolve() == folder.resolve()


def _positions(text: str, file: str) -> Iterable[tuple[tuple[str, ...], Position]]:
    """Yield the paths of tables and keys with their places, from the lines alone: multi-line strings mislead it."""
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), start=1):
        column = len(line) - len(line.lstrip()) + 1
        if line.lstrip().startswith("["):
            table = _table_path(line) or table
            yield table, Position(file, number, column)
        elif match := _KEY.match(line):
            yield (*table, next(name for name in match.groups() if name is not None)), Position(file, number, column)


def _table_path(line: str) -> tuple[str, ...]:
    """Return the path that a line like `[a."b c"]` names; nothing where it is no such line."""
    try:
        node: Any = tomllib.loads(line)
    except tomllib.TOMLDecodeError:
        return ()
    path: list[str] = []
    while isinstance(node, dict) and node:
        key, node = next(iter(node.items()))
        path.append(key)
    return tuple(path)
