"""Rules about the inventory, and about relationships among each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.desired.urls import HttpUrl, parse_control
from reconciler.desired.wording import nearest
from reconciler.model import Position, Problem, Service

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.desired.draft import Draft, Drafts, PeerDraft
    from reconciler.model import Endpoint

_NOWHERE = Position("", 0, 0)


def relationship_names_are_unique(drafts: Drafts) -> Iterator[Problem]:
    """relationship-names-unique: over all files and both services, since plans and commands go by the name."""
    first: dict[str, Position] = {}
    for draft in drafts.relationships:
        if draft.name is None:
            continue
        position = draft.at("name")
        if draft.name in first:
            message = f"there is already a relationship {draft.name}, at {first[draft.name]}"
            advice = "Give each relationship a name of its own, over all files and both services."
            yield Problem(position, "relationship-names-unique", message, advice)
        first.setdefault(draft.name, position)


def servers_are_known(drafts: Drafts) -> Iterator[Problem]:
    """server-known: every peer's server is in the inventory, with the relationship's service."""
    if drafts.inventory is None:
        return
    services = drafts.inventory.services
    for draft, peer in _peers(drafts):
        position = draft.at("peers", peer.index, "server")
        if peer.server is not None and peer.server not in services:
            meant = nearest(peer.server, services)
            guess = f"Did you mean {meant}? Else add" if meant else "Add"
            message = f"the server {peer.server} is not in the inventory"
            yield Problem(position, "server-known", message, f"{guess} it to servers.yaml.")
        elif peer.server is not None and draft.service and draft.service not in services[peer.server]:
            message = f"the server {peer.server} has no {draft.service} in the inventory"
            advice = f"Add {draft.service} with its control URL to {peer.server} in servers.yaml."
            yield Problem(position, "server-known", message, advice)


def servers_have_one_relationship(drafts: Drafts) -> Iterator[Problem]:
    """one-relationship-per-server-and-service: so nobody is secondary in one and primary in another either.

    Kea can do more from 2.5.5 on (hub and spoke, hot-standby only); this release can't.
    """
    first: dict[tuple[str, Service], tuple[Draft, PeerDraft]] = {}
    for draft, peer in _peers(drafts):
        if peer.server is None or draft.service is None:
            continue
        other, known = first.setdefault((peer.server, draft.service), (draft, peer))
        if other is draft:
            continue
        roles = f" as {known.role}, here as {peer.role}" if known.role and peer.role else ""
        where = other.at("peers", known.index, "server")
        message = f"{peer.server} ({draft.service}) is already in another relationship{roles}, at {where}"
        advice = "A server takes part in one relationship for each service; hub-and-spoke comes in a later release."
        position = draft.at("peers", peer.index, "server")
        yield Problem(position, "one-relationship-per-server-and-service", message, advice)


def control_urls_are_sound(drafts: Drafts) -> Iterator[Problem]:
    """control-url: what the schema's pattern lets through and can't be used, such as port 70000."""
    for endpoint in drafts.inventory.endpoints.values() if drafts.inventory else ():
        fault = parse_control(endpoint.control)
        if isinstance(fault, str):
            message = f"the control URL of {endpoint} can't be used: {fault}"
            advice = "Write http://HOST:PORT/, https://HOST:PORT/ or unix:/ABSOLUTE/PATH."
            yield Problem(endpoint.position or _NOWHERE, "control-url", message, advice)


def control_urls_are_distinct(drafts: Drafts) -> Iterator[Problem]:
    """control-urls-distinct: two servers behind one control URL are one server, which can't replicate to itself.

    Both services of one server may share a control agent, never a daemon's own unix socket.
    """
    first: dict[tuple[object, ...], Endpoint] = {}
    for endpoint in drafts.inventory.endpoints.values() if drafts.inventory else ():
        url = parse_control(endpoint.control)
        place: tuple[object, ...] = (endpoint.control,) if url is None else ()
        if isinstance(url, HttpUrl):
            place = (*url.place, url.path.strip("/"), endpoint.service)  # a proxy may tell servers apart by path
        if not place:
            continue
        other = first.setdefault(place, endpoint)
        if other is not endpoint:
            message = f"the control URL of {endpoint} is that of {other}, at {other.position}"
            advice = "Each server is reached at an address of its own."
            yield Problem(endpoint.position or _NOWHERE, "control-urls-distinct", message, advice)


def _peers(drafts: Drafts) -> Iterator[tuple[Draft, PeerDraft]]:
    for draft in drafts.relationships:
        for peer in draft.peers:
            yield draft, peer
