"""What could be read so far, right or wrong: the rules look at drafts, so that one mistake doesn't hide another.

A value that the reader or the schema has already refused is left out of a draft: None, or absent from its mapping.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from reconciler.desired.urls import HttpUrl, parse_http
from reconciler.model import Endpoint, Mode, OnPrimaryReturn, OnRemove, Pools, Role, Service

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from reconciler.desired.documents import Document, Trail
    from reconciler.model import Json, Position

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PeerDraft:
    """A peer as far as it could be read. `name` is its name in Kea, given or taken from the server."""

    index: int
    server: str | None
    name: str | None
    role: Role | None
    url: str | None
    options: Mapping[str, Json]

    @property
    def parsed_url(self) -> HttpUrl | None:
        """The parts of the peer's URL, None where it has none that can be used."""
        parsed = parse_http(self.url) if self.url is not None else None
        return parsed if isinstance(parsed, HttpUrl) else None


@dataclass(frozen=True, slots=True)
class Draft:
    """A relationship as far as it could be read."""

    document: Document
    name: str | None
    service: Service | None
    mode: Mode | None
    peers: tuple[PeerDraft, ...]
    parameters: Mapping[str, Json]
    replicate: bool
    local: tuple[str | None, ...]
    pools: Pools
    on_remove: OnRemove
    is_absent: bool
    on_primary_return: OnPrimaryReturn
    faulty: frozenset[Trail]

    def has_refused(self, *trail: str | int) -> bool:
        """Whether a value was written, and left out here because the reader or the schema refused it."""
        return trail in self.faulty

    def at(self, *trail: str | int) -> Position:
        """Return the position of a value of the relationship."""
        return self.document.at(trail)

    @property
    def listens_itself(self) -> bool:
        """Whether the HA hook's dedicated listener is asked for explicitly; its default depends on Kea's version."""
        threads = self.parameters.get("multi-threading", {})
        return bool(threads.get("enable-multi-threading") and threads.get("http-dedicated-listener"))


@dataclass(frozen=True, slots=True)
class Inventory:
    """The servers as far as they could be read. `services` are those that each server lists, well or badly."""

    services: Mapping[str, frozenset[str]]
    endpoints: Mapping[tuple[str, Service], Endpoint]


@dataclass(frozen=True, slots=True)
class Drafts:
    """All that the rules look at; `inventory` is None where servers.yaml could not be read at all."""

    relationships: tuple[Draft, ...]
    inventory: Inventory | None


def draft_relationship(document: Document, faulty: Collection[Trail]) -> Draft | None:
    """Return the draft of a relationship document without its faulty values, None where nothing is left."""
    refused = frozenset(faulty) | document.faulty
    data = _sound(document.data, (), refused)
    if not isinstance(data, dict):
        return None
    return Draft(
        document=document,
        name=data.get("name"),
        service=_member(Service, data.get("service")) if "service" in document.data else Service.DHCP4,
        mode=_member(Mode, data.get("mode")),
        peers=tuple(
            _peer(index, peer, is_named="name" in document.data["peers"][index])
            for index, peer in enumerate(data.get("peers", ()))
            if peer is not None
        ),
        parameters=data.get("parameters", {}),
        replicate=data.get("replicate", True),
        local=tuple(data.get("local", ())),
        pools=Pools(data.get("pools", Pools.SHARED)),
        on_remove=OnRemove(data.get("on-remove", OnRemove.DISABLE)),
        is_absent=data.get("state") == "absent",
        on_primary_return=OnPrimaryReturn(data.get("on-primary-return", OnPrimaryReturn.PRIMARY)),
        faulty=refused,
    )


def draft_inventory(document: Document, faulty: Collection[Trail]) -> Inventory | None:
    """Return the draft of the inventory without its faulty values, None where it names no servers."""
    data = _sound(document.data, (), frozenset(faulty) | document.faulty)
    servers = data.get("servers") if isinstance(data, dict) else None
    if not isinstance(servers, dict):
        return None
    written = document.data["servers"]
    endpoints = {
        (name, service): Endpoint(name, service, entry["control"], entry.get("hooks-directory"), position)
        for name, entries in sorted(servers.items())
        for service in Service
        if "control" in (entry := entries.get(service) or {})
        for position in (document.at(("servers", name, service, "control")),)
    }
    # of a server that is written wrongly, everything may be meant
    listed = {
        name: frozenset(entries if entries and isinstance(entries, dict) else Service)
        for name, entries in written.items()
    }
    return Inventory(listed, endpoints)


def _peer(index: int, data: Mapping[str, Any], *, is_named: bool) -> PeerDraft:
    options = {key: value for key, value in data.items() if key not in {"server", "role", "url", "name"}}
    server = data.get("server")
    name = data.get("name") if is_named else server
    return PeerDraft(index, server, name, _member(Role, data.get("role")), data.get("url"), options)


def _member(kind: Callable[[str], T], value: str | None) -> T | None:
    return None if value is None else kind(value)


def _sound(value: Json, trail: Trail, faulty: frozenset[Trail]) -> Json:
    """Return a copy without faulty values. In lists None takes their place, so that the others keep their index."""
    if trail in faulty:
        return None
    if isinstance(value, dict):
        inner = ((key, _sound(item, (*trail, key), faulty)) for key, item in value.items())
        return {key: item for key, item in inner if item is not None}
    if isinstance(value, list):
        return [_sound(item, (*trail, index), faulty) for index, item in enumerate(value)]
    return value
