"""Which desired relationship a server, a name or an entry of the HA hook belongs to, found without a search of all.

A daemon plans each of a thousand relationships by itself, and each time against all others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

from reconciler.kea.ha import same_url
from reconciler.model import Desired, Relationship, Service

_Index = dict[tuple[str, Service], list[Relationship]]


class Declared:
    """All relationships of a desired state, those that were not asked for as well."""

    def __init__(self, desired: Desired) -> None:
        self._all = (*desired.relationships, *desired.others)

    def on(self, server: str, service: Service) -> Sequence[Relationship]:
        """Return the relationships that have a server in."""
        return self._on.get((server, service), ())

    def named(self, name: str, service: Service) -> Relationship | None:
        """Return the relationship of this name."""
        return next(iter(self._named.get((name, service), ())), None)

    def sharing(self, block: Mapping[str, Any], service: Service) -> Relationship | None:
        """Return the first relationship of which an entry names a peer at its very url, and is not that peer's own."""
        entries = entries_of([block])
        entries.pop(str(block.get("this-server-name")), None)
        urls = {name: str(entry.get("url", "")) for name, entry in entries.items()}
        found = [
            each
            for name, url in urls.items()
            for each in self._naming.get((name, service), ())
            if any(peer.name == name and same_url(url, peer.url) for peer in each.peers)
        ]
        return min(found, key=self._all.index) if len(found) > 1 else next(iter(found), None)

    @cached_property
    def _on(self) -> _Index:
        return self._by(lambda each: {peer.server for peer in each.peers})

    @cached_property
    def _named(self) -> _Index:
        return self._by(lambda each: {each.name})

    @cached_property
    def _naming(self) -> _Index:
        return self._by(lambda each: {peer.name for peer in each.peers})

    def _by(self, keys: Callable[[Relationship], Iterable[str]]) -> _Index:
        index: _Index = {}
        for each in self._all:
            for key in keys(each):
                index.setdefault((key, each.service), []).append(each)
        return index


def entries_of(blocks: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Return the peers that entries of the HA hook name, by name."""
    lists = [peers for block in blocks if isinstance(peers := block.get("peers"), list)]
    return {str(peer.get("name")): peer for peers in lists for peer in peers if isinstance(peer, Mapping)}
