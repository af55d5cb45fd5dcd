"""hooks-libraries, as far as it is looked at before anything is loaded."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from reconciler.simulator.configuration import keywords
from reconciler.simulator.configuration.refusal import PLACE, RefusedError, at
from reconciler.simulator.releases import Release

if TYPE_CHECKING:
    from reconciler.model import Json
    from reconciler.simulator.configuration.context import Machine, Shown


DIRECTORY = "/usr/lib/x86_64-linux-gnu/kea/hooks"
"""Where Debian's packages put them."""


def parse(machine: Machine, value: Json) -> list[Shown]:
    """The libraries with their parameters. Their files are looked at, their parameters are not."""
    shown = [_one(machine, item) for item in keywords.as_list(value)]
    missing = [path for item in shown if not _is_found(machine, path := _place(machine, item["library"]))]
    if missing:
        names = ", ".join(missing)
        raise at(f"hooks libraries failed to validate - library or libraries in error are: {names}")
    return shown


def _one(machine: Machine, value: Json) -> Shown:
    if not isinstance(value, dict):
        reason = "one or more entries in the hooks-libraries list is not a map"
        raise at(f"hooks library configuration error: {reason}")
    for key in value:
        if key not in ("library", "parameters"):
            raise RefusedError(f"unknown hooks library parameter: {key}{PLACE}")
    if "library" not in value:
        reason = "one or more hooks-libraries elements are missing the name of the library"
        raise at(f"hooks library configuration error: {reason}")
    if not isinstance(value["library"], str):
        reason = "value of 'library' element is not a string giving the path to a hooks library"
        raise at(f"hooks library configuration error: {reason}")
    if not value["library"].strip():
        raise at("hooks library configuration error: value of 'library' element must not be blank")
    _check_folder(machine, value["library"])
    is_written_out = machine.release is Release.KEA_2_6
    return {**value, "library": _place(machine, value["library"])} if is_written_out else dict(value)


def _check_folder(machine: Machine, library: str) -> None:
    """Since 2.6.3 libraries lie in one folder."""
    folder = str(PurePosixPath(library).parent)
    if machine.release >= Release.KEA_2_6 and folder not in (".", DIRECTORY):
        reason = f"invalid path specified: '{folder}', supported path is '{DIRECTORY}'"
        raise at(f"hooks library configuration error: {reason}")


def _place(machine: Machine, library: str) -> str:
    """Where a library is looked for: since 2.6.3 a bare name is one of the folder's."""
    is_bare = machine.release >= Release.KEA_2_6 and "/" not in library
    return f"{DIRECTORY}/{library}" if is_bare else library


def _is_found(machine: Machine, library: str) -> bool:
    """Whether dlopen() finds it: by its path, or by the bare name of one that is in the process already."""
    return library in machine.libraries or library in {PurePosixPath(path).name for path in machine.loaded}


def name(library: str) -> str:
    """`libdhcp_ha.so` of a path."""
    return PurePosixPath(library).name
