"""Is it shaped like a configuration of Kea? Asked when something could not be read, to tell garbage from a bug."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from reconciler.kea.hooks import HA_LIBRARY, find
from reconciler.kea.objects import TOP, Kind

_MAPS = ("user-context", "lease-database", "multi-threading")  # of those at the top that are looked into


def misshapen(config: Mapping[str, Any]) -> str | None:
    """Return the name of the first part that is not built as in a configuration of Kea, None where all are.

    `config` is what stands under Dhcp4 or Dhcp6. Looked at are the lists of objects, which must hold maps, and what
    of the rest is read by name; values of parameters may be anything.
    """
    return next(_faults(config), None)


def _faults(config: Mapping[str, Any]) -> Iterator[str]:
    yield from _map_faults(config, _MAPS)
    yield from _object_faults([config], TOP)
    yield from _list_faults(config, "hooks-libraries")
    yield from _relationship_faults((find(config, HA_LIBRARY) or {}).get("parameters"))


def _object_faults(holders: list[Any], children: Mapping[str, Kind]) -> Iterator[str]:
    """Look at one kind of list in all its holders at once."""
    for key, kind in children.items():
        fault = next((fault for holder in holders for fault in _list_faults(holder, key)), None)
        if fault:
            yield fault
            return
        members = [member for holder in holders for member in holder.get(key, [])]
        yield from (f"{key}[].{name}" for name in ("client-classes",) if any(_is_odd(each, name) for each in members))
        yield from _object_faults(members, kind.children)


def _is_odd(member: Mapping[str, Any], key: str) -> bool:
    return not isinstance(member.get(key, []), list)


def _list_faults(holder: Mapping[str, Any], key: str) -> Iterator[str]:
    items = holder.get(key, [])
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        yield key


def _map_faults(holder: Mapping[str, Any], keys: Iterable[str]) -> Iterator[str]:
    yield from (key for key in keys if not isinstance(holder.get(key, {}), dict))


def _relationship_faults(parameters: Any) -> Iterator[str]:
    """Look at what stands under the HA hook's `parameters`."""
    if not isinstance(parameters or {}, dict):
        yield "parameters"
        return
    blocks = (parameters or {}).get("high-availability")
    for block in blocks if isinstance(blocks, list) else ():
        if not isinstance(block, dict):
            yield "high-availability"
            return
        yield from _list_faults(block, "peers")
        yield from _map_faults(block, ("multi-threading", "state-machine"))
        machine = block.get("state-machine")
        yield from _list_faults(machine if isinstance(machine, dict) else {}, "states")
