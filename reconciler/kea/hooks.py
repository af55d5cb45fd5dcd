"""The hook libraries of one server: finding the HA entry, and making the list for a relationship."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from typing import Any

HA_LIBRARY = "libdhcp_ha.so"
LEASE_COMMANDS_LIBRARY = "libdhcp_lease_cmds.so"


def find(config: Mapping[str, Any], library: str) -> Mapping[str, Any] | None:
    """Return the entry of hooks-libraries whose file has this base name, or None.

    Base names are compared, since Kea 2.6 shows a full path and 3.0 whatever was configured.
    """
    entries = config.get("hooks-libraries")
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, Mapping) and posixpath.basename(str(entry.get("library", ""))) == library:
            return entry
    return None


def relationships_of(config: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the list under the HA hook's `high-availability`, empty where the hook is not configured."""
    entry = find(config, HA_LIBRARY) or {}
    parameters = entry.get("parameters")
    blocks = parameters.get("high-availability") if isinstance(parameters, Mapping) else None
    return [block for block in blocks if isinstance(block, Mapping)] if isinstance(blocks, list) else []


def directory_from_build_report(text: str) -> str | None:
    """Return the hooks directory that build-report prints ("Hooks directory:", since Kea 1.4), or None."""
    match = re.search(r"^\s*Hooks directory:\s*(\S+)\s*$", text, re.MULTILINE)
    return match[1] if match else None


def directory_in_use(config: Mapping[str, Any]) -> str | None:
    """Return the folder of the HA or lease commands library as this server has it loaded, or None."""
    for library in (HA_LIBRARY, LEASE_COMMANDS_LIBRARY):
        entry = find(config, library)
        folder = posixpath.dirname(str(entry["library"])) if entry else ""
        if folder:
            return folder
    return None


def with_relationship(
    config: Mapping[str, Any], block: Mapping[str, Any], place: int | None, directory: str
) -> list[dict[str, Any]]:
    """Return hooks-libraries as it stands, with the HA hook's relationship at `place` replaced by `block`, or with
    `block` added to its list where that is None.

    A missing library is added from `directory`, lease commands before HA; other libraries, their parameters and
    unknown keys stay as they are and where they are.
    """
    libraries = [dict(entry) for entry in config.get("hooks-libraries") or ()]
    names = [posixpath.basename(str(entry.get("library", ""))) for entry in libraries]
    if HA_LIBRARY not in names:
        libraries.append({"library": posixpath.join(directory, HA_LIBRARY)})
        names.append(HA_LIBRARY)
    blocks: list[Mapping[str, Any]] = [*relationships_of(config)]
    blocks[len(blocks) if place is None else place : None if place is None else place + 1] = [dict(block)]
    entry = names.index(HA_LIBRARY)
    parameters = dict(libraries[entry].get("parameters") or {})
    libraries[entry] = {**libraries[entry], "parameters": {**parameters, "high-availability": blocks}}
    if LEASE_COMMANDS_LIBRARY not in names:
        libraries.insert(entry, {"library": posixpath.join(directory, LEASE_COMMANDS_LIBRARY)})
    return libraries


def without_relationship(config: Mapping[str, Any], place: int) -> list[dict[str, Any]]:
    """Return hooks-libraries as it stands, without the HA hook's relationship at `place`.

    The library goes with its last relationship: Kea refuses an empty list. The lease commands stay, since others may
    use them and they do nothing by themselves.
    """
    libraries = []
    for entry in config.get("hooks-libraries") or ():
        if posixpath.basename(str(entry.get("library", ""))) != HA_LIBRARY:
            libraries.append(dict(entry))
            continue
        blocks = relationships_of(config)
        left = blocks[:place] + blocks[place + 1 :]
        if left:
            parameters = {**(entry.get("parameters") or {}), "high-availability": left}
            libraries.append({**entry, "parameters": parameters})
    return libraries
