"""What `init` and `import` share: files that are written for the first time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path


def refuse_existing(command: str, files: Iterable[Path]) -> None:
    """End where one of the files is there already."""
    from reconciler.cli.session import Failure

    there = [str(path) for path in files if path.exists()]
    if there:
        raise Failure(
            f"{', '.join(there)} already there; {command} overwrites nothing. Move it away, or give another --desired"
        )


def write(echo: Callable[[str], None], desired: Path, files: Mapping[Path, str]) -> None:
    """Write the files, and the schemas that their first lines name, and say so."""
    from reconciler.desired.new_files import SCHEMAS, write_files, write_schemas

    write_files(files)
    for path in files:
        echo(f"wrote {path}")
    if write_schemas(desired):
        echo(f"wrote {desired / SCHEMAS}/, by which editors check these files")
