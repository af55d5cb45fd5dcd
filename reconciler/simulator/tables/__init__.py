"""What Kea knows, as data: the keys of each kind of object, the standard options and the hook libraries.

`keywords.json` and `options.json` are those of 2.2.0, the files of changes say what each later release has more or
less of. All were read out of the daemons themselves, by offering them keys and values and noting what they said.
"""

from __future__ import annotations

import functools
from importlib import resources
from typing import TYPE_CHECKING, Any

import orjson

from reconciler.simulator.releases import Release

if TYPE_CHECKING:
    from collections.abc import Iterator

Keywords = dict[str, dict[str, dict[str, str]]]
Options = dict[str, dict[str, list[dict[str, Any]]]]
_REMOVED = "removed"


@functools.cache
def keywords(release: Release) -> Keywords:
    """Service -> kind of object -> key -> JSON type (`any` where Kea does not check it)."""
    known: Keywords = {}
    for table in _tables("keyword", release):
        for service, kinds in table.items():
            for kind, by_type in kinds.items():
                keys = known.setdefault(service, {}).setdefault(kind, {})
                for key in by_type.pop(_REMOVED, ()):
                    del keys[key]
                keys |= {key: name for name, added in by_type.items() for key in added}
    return known


@functools.cache
def standard_options(release: Release) -> Options:
    """Service -> option space -> definitions: code, name, fields, and array and encapsulates where they apply."""
    known: Options = {}
    for table in _tables("option", release):
        for service, spaces in table.items():
            for space, rows in spaces.items():
                known.setdefault(service, {}).setdefault(space, []).extend(rows)
    return known


@functools.cache
def library_commands(release: Release) -> dict[str, tuple[str, ...]]:
    """Hook library of the Debian packages -> the commands that it adds (HA's own excepted)."""
    known: dict[str, tuple[str, ...]] = {}
    for earlier, table in _read("libraries.json").items():
        if earlier <= release:
            for name in table.pop(_REMOVED, ()):
                del known[name]
            known |= {name: (*known.get(name, ()), *added) for name, added in table.items()}
    return known


def _tables(name: str, release: Release) -> Iterator[Any]:
    """The table of 2.2.0, and the changes up to a release, in order."""
    yield _read(f"{name}s.json")
    changes = _read(f"{name}_changes.json")
    yield from (changes[later] for later in Release if later in changes and later <= release)


def _read(name: str) -> Any:
    return orjson.loads(resources.files(__package__).joinpath(name).read_bytes())
