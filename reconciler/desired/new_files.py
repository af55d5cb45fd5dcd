"""The files of a desired state that is written for the first time, with the schemas that editors check them by."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.desired.dump import dump_relationship, dump_servers
from reconciler.desired.files import RELATIONSHIPS, SERVERS
from reconciler.desired.load import load
from reconciler.desired.schema import schema_path
from reconciler.errors import FixInputError
from reconciler.model import Position

if TYPE_CHECKING:
    from reconciler.desired.documents import Trail
    from reconciler.model import Desired, Endpoint, Problem, Relationship

SCHEMAS = ".schemas"
"""The folder with copies of the schemas; hidden, so that nobody takes it for desired state."""
_INPUTS = ("servers", "relationship", "approvals")


def new_files(
    directory: Path,
    endpoints: Iterable[Endpoint],
    relationships: Mapping[str, tuple[Relationship, Mapping[Trail, str]]],
) -> dict[Path, str]:
    """Return the text of every file by its path: an inventory where there are `endpoints`, and a file for each
    relationship with its remarks, by its name. Their first lines name the schemas that `write_schemas` puts beside.
    """
    endpoints = list(endpoints)
    inventory = dump_servers(endpoints, f"{SCHEMAS}/servers.schema.json")
    schema = f"../{SCHEMAS}/relationship.schema.json"
    return {
        **({directory / SERVERS: inventory} if endpoints else {}),
        **{
            directory / RELATIONSHIPS / f"{file_name(name)}.yaml": dump_relationship(relationship, remarks, schema)
            for name, (relationship, remarks) in relationships.items()
        },
    }


def file_name(name: str) -> str:
    """Return how the file of a relationship is called, without its ending."""
    return re.sub(r"[^A-Za-z0-9._-]", "-", name).strip(".-") or "relationship"


def checked(directory: Path, files: Mapping[Path, str]) -> Desired:
    """Return what files that are still to be written will say as a desired state of their own.

    Raises FixInputError with all that `validate` would find wrong with them.
    """
    with tempfile.TemporaryDirectory() as name:
        draft = Path(name)
        for path, text in files.items():
            _write(draft / path.relative_to(directory), text)
        try:
            return load(draft)
        except FixInputError as error:
            raise FixInputError([_as_in(directory, draft, problem) for problem in error.problems]) from None


def _as_in(directory: Path, draft: Path, problem: Problem) -> Problem:
    place = problem.position
    return replace(
        problem, position=Position(str(directory / Path(place.file).relative_to(draft)), place.line, place.column)
    )


def write_files(files: Mapping[Path, str]) -> None:
    """Write files that are not there yet; FileExistsError where one is."""
    for path, text in files.items():
        _write(path, text)


def write_schemas(directory: Path) -> list[Path]:
    """Put copies of the schemas beside the files, and return those that were written; what is there stays."""
    written = []
    for name in _INPUTS:
        source = schema_path(name)
        path = directory / SCHEMAS / source.name
        if not path.exists():
            _write(path, source.read_text(encoding="utf-8"))
            written.append(path)
    return written


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("x", encoding="utf-8") as file:
        file.write(text)
