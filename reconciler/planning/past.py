"""What a change that is remembered did, or would have done, to a server's configuration: pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.kea import ha, hooks
from reconciler.kea.locality import replicated
from reconciler.kea.rapid_commit import written_out
from reconciler.model import ABSENT, Action, Change, FieldChange, PastServer
from reconciler.planning.diff import differences, field_changes

OLDEST = "2.2.0"  # whose words are gone by where nobody wrote down which Kea it was


def past_changes(server: PastServer, relationship: str) -> tuple[Change, ...]:
    """Return what the configuration that was to be set differs in from the one that was found, secrets hidden; nothing
    where the server was to stay as it was. Causes are not remembered: those of the changes mean nothing.
    """
    if server.before is None or server.planned is None:
        return ()
    before, after = (written_out(replicated(each, server.service), server.service) for each in _both(server))
    data = (each.change for each in differences(before, after, server.service))
    return (*_entry_changes(server, relationship), *data)


def _both(server: PastServer) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    return server.before or {}, server.planned or {}


def _entry_changes(server: PastServer, relationship: str) -> Iterator[Change]:
    """Yield what differs in the HA hook's entries, each found by the names of its peers."""
    olds, news = (hooks.relationships_of(each) for each in _both(server))
    path = (("relationship", relationship),)
    for old in olds:
        new = next((each for each in news if _names(each) & _names(old)), None)
        if new is None and len(news) == len(olds):
            new = news[olds.index(old)]
        if new is None:
            yield Change(Action.DELETE, path, summary=_told(old))
        elif fields := tuple(_fields(old, new, server.version or OLDEST)):
            yield Change(Action.CHANGE, path, fields)
    if len(news) > len(olds):
        taken = [each for each in news if not any(_names(each) & _names(old) for old in olds)]
        yield from (Change(Action.ADD, path, summary=_told(each)) for each in taken)


def _fields(old: Mapping[str, Any], new: Mapping[str, Any], version: str) -> Iterator[FieldChange]:
    was, now = (ha.comparable(each, version) for each in (old, new))
    for name in sorted(was.keys() | now.keys()):
        yield from field_changes(name, was.get(name, ABSENT), now.get(name, ABSENT))


def _names(entry: Mapping[str, Any]) -> set[str]:
    return {str(peer.get("name")) for peer in entry.get("peers") or ()}


def _told(entry: Mapping[str, Any]) -> str:
    return f"{entry.get('mode')}, as {entry.get('this-server-name')}"
