"""Rules about the inventory, and about relationships among each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.desired.urls import HttpUrl, parse_control
from reconciler.desired.wording import nearest
from reconciler.model import Mode, Position, Problem, Service

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

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


def hubs_are_hot_standby(drafts: Drafts) -> Iterator[Problem]:
    """hub-and-spoke: a server is in several relationships of one service only where all of them are hot-standby (Kea
    manual, "Hub and Spoke Configuration").
    """
    for members in _hubs(drafts).values():
        for draft, peer in members:
            if draft.mode is not None and draft.mode is not Mode.HOT_STANDBY:
                others = ", ".join(str(other.name) for other, _ in members if other is not draft)
                message = f"{peer.server} ({draft.service}) is also in {others}, so {draft.mode} is not possible here"
                advice = "A server in several relationships is a hub; all of them must be hot-standby."
                yield Problem(draft.at("mode"), "hub-and-spoke", message, advice)


def names_are_unique_on_hubs(drafts: Drafts) -> Iterator[Problem]:
    """hub-names-unique: Kea refuses one peer's name in two relationships of a server, its own included."""
    told: set[tuple[str, int]] = set()
    for (server, _), members in _hubs(drafts).items():
        first: dict[str, Position] = {}
        for draft, _ in members:
            for peer in draft.peers:
                if peer.name is None:
                    continue
                position = draft.at("peers", peer.index, "name" if "name" in _written(draft, peer) else "server")
                if peer.name in first and (place := (position.file, position.line)) not in told:
                    told.add(place)
                    message = (
                        f"{server} is in two relationships with a peer {peer.name}, the first at {first[peer.name]}"
                    )
                    advice = "Give the peer another name here (`name:`); a hub too has one for each relationship."
                    yield Problem(position, "hub-names-unique", message, advice)
                first.setdefault(peer.name, position)


def hubs_listen_apart(drafts: Drafts) -> Iterator[Problem]:
    """hub-listener: each relationship of a hub has a listener of its own (Kea manual, same chapter)."""
    for (server, _), members in _hubs(drafts).items():
        first: dict[tuple[str, int], Position] = {}
        for draft, peer in members:
            if peer.parsed_url is None:
                continue
            position = draft.at("peers", peer.index, "url")
            other = first.setdefault(peer.parsed_url.place, position)
            if other is not position:
                message = f"{server} has this url in another relationship too, at {other}"
                advice = "Give the hub a url with a port of its own in each relationship."
                yield Problem(position, "hub-listener", message, advice)


def _written(draft: Draft, peer: PeerDraft) -> Mapping[str, object]:
    found: Mapping[str, object] = draft.document.data["peers"][peer.index]
    return found


def _hubs(drafts: Drafts) -> dict[tuple[str, Service], list[tuple[Draft, PeerDraft]]]:
    """Return the servers that are in several relationships of one service, with those that are to be there."""
    found: dict[tuple[str, Service], list[tuple[Draft, PeerDraft]]] = {}
    for draft, peer in _peers(drafts):
        if peer.server is not None and draft.service is not None and not draft.is_absent:
            found.setdefault((peer.server, draft.service), []).append((draft, peer))
    return {key: members for key, members in found.items() if len({id(draft) for draft, _ in members}) > 1}


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
