"""Whether something is shaped like a configuration of Kea.

Asked of the top when a configuration comes in, and of all of it only when it could not be planned with: to look into
each of 100,000 reservations takes as long as comparing two such configurations.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from reconciler.kea.hooks import HA_LIBRARY, find, relationships_of
from reconciler.kea.objects import TOP, Kind

_MAPS = ("user-context", "lease-database", "multi-threading")  # of those at the top that are looked into


def misshapen(config: Mapping[str, Any]) -> str | None:
    """Return the name of the first part that is not built as in a configuration of Kea, None where all are.

    `config` is what stands under Dhcp4 or Dhcp6. Looked at are the lists of objects, which must hold maps, and what
    of the rest is read by name; values of parameters may be anything.
    """
    at_the_top = misshapen_at_the_top(config) or next(_entry_faults(config), None)
    return at_the_top or next(_object_faults([config], TOP), None)


def misshapen_at_the_top(config: Mapping[str, Any]) -> str | None:
    """Return the same of the top level and the hooks alone, at hardly any cost."""
    return next(_faults_at_the_top(config), None)


def _faults_at_the_top(config: Mapping[str, Any]) -> Iterator[str]:
    yield from _map_faults(config, _MAPS)
    for key in (*TOP, "hooks-libraries"):
        yield from _list_faults(config, key)
    yield from _relationship_faults((find(config, HA_LIBRARY) or {}).get("parameters"))


def _object_faults(holders: list[Any], children: Mapping[str, Kind]) -> Iterator[str]:
    """Look at one kind of list in all its holders at once."""
    for key, kind in children.items():
        fault = next((fault for holder in holders for fault in _list_faults(holder, key)), None)
        if fault:
            yield fault
            return
        members = [member for holder in holders for member in holder.get(key, [])]
        if key != "client-classes" and not all(isinstance(each.get("client-classes", []), list) for each in members):
            yield "client-classes"
        yield from _object_faults(members, kind.children)


def _list_faults(holder: Mapping[str, Any], key: str) -> Iterator[str]:
    items = holder.get(key, [])
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        yield key


def _map_faults(holder: Mapping[str, Any], keys: Iterable[str]) -> Iterator[str]:
    yield from (key for key in keys if not isinstance(holder.get(key, {}), dict))


def _entry_faults(config: Mapping[str, Any]) -> Iterator[str]:
    """Look at what every entry of the HA hook must have, and its peers, for Kea to take it: texts."""
    for block in relationships_of(config):
        yield from (key for key in ("mode", "this-server-name") if not isinstance(block.get(key), str))
        for peer in block.get("peers") or ():
            yield from (f"peers ({key})" for key in ("name", "role", "url") if not isinstance(peer.get(key), str))


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
