"""Rules about the URLs at which the peers reach each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.desired.urls import HttpUrl, parse_control, parse_http
from reconciler.model import Problem, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.desired.draft import Draft, Drafts, PeerDraft
    from reconciler.model import Position

_TLS = ("trust-anchor", "cert-file", "key-file")


def peer_urls_are_literal(draft: Draft) -> Iterator[Problem]:
    """literal-peer-address: Kea takes only an IP address that it can connect to (HA hook; 2.2.0 measured).

    Names, `127.1` and `010.0.0.1` are refused when the hook loads; port 0 and ports beyond 65535 are taken and fail.
    """
    for peer in draft.peers:
        if peer.url is None:
            continue
        url, position = parse_http(peer.url), draft.at("peers", peer.index, "url")
        if isinstance(url, str):
            message = f"peers[{peer.index}].url is not a URL that can be used: {url}"
            yield Problem(position, "literal-peer-address", message, "Write http://ADDRESS:PORT/.")
        elif url.address is None:
            message = f"peers[{peer.index}].url has {url.host} where Kea takes a literal IP address only"
            advice = "Write the server's address, an IPv6 address in brackets: http://[2001:db8::10]:8001/."
            yield Problem(position, "literal-peer-address", message, advice)
        elif url.address.is_unspecified or url.address.is_multicast:
            message = f"peers[{peer.index}].url has the address {url.host}, at which no single server can be reached"
            yield Problem(position, "literal-peer-address", message, "Write the server's own address.")


def peer_urls_are_distinct(draft: Draft) -> Iterator[Problem]:
    """peer-urls-distinct: Kea takes one URL for two peers, and a server then talks to itself (2.2.0 measured)."""
    seen: dict[tuple[str, int], Position] = {}
    for peer in draft.peers:
        if peer.parsed_url is None:
            continue
        place, position = peer.parsed_url.place, draft.at("peers", peer.index, "url")
        if place in seen:
            message = f"peers[{peer.index}].url is that of another peer, at {seen[place]}"
            advice = "Each peer's url is where that server itself is reached."
            yield Problem(position, "peer-urls-distinct", message, advice)
        seen.setdefault(place, position)


def https_has_tls(draft: Draft) -> Iterator[Problem]:
    """https-needs-tls, tls-all-or-none: Kea refuses https without TLS files, and an incomplete set of them.

    A peer inherits what the relationship's parameters say; an empty text means "not set".
    """
    for peer in draft.peers:
        files = {key: peer.options.get(key, draft.parameters.get(key, "")) for key in _TLS}
        missing = [key for key, path in files.items() if not path]
        if _is_https(peer) and len(missing) == len(_TLS):
            message = f"peers[{peer.index}].url is https, and there are no TLS files; Kea refuses that on a new pair"
            advice = (
                f"Give trust-anchor, cert-file and key-file, in peers[{peer.index}] or in parameters for all. "
                "Servers that already have files of their own keep them."
            )
            place = draft.at("peers", peer.index, "url")
            yield Problem(place, "https-needs-tls", message, advice, Severity.WARNING)
        elif 0 < len(missing) < len(_TLS):
            message = f"peers[{peer.index}] has some of the TLS files, and no {' and no '.join(missing)}"
            advice = "Give all of trust-anchor, cert-file and key-file, or none; parameters count for every peer."
            yield Problem(draft.at("peers", peer.index), "tls-all-or-none", message, advice)


def _is_https(peer: PeerDraft) -> bool:
    return peer.url is not None and peer.url.startswith("https:")


def listeners_have_ports_of_their_own(drafts: Drafts) -> Iterator[Problem]:
    """peer-url-is-control-url: a dedicated listener can't bind the port of a control channel (Kea manual, HA).

    Kea then answers with an error and runs the new configuration all the same, unheard by its partner. Only an
    explicit listener is looked at: without one the peer url has to be the control agent's.
    """
    controls: dict[tuple[str, int], str] = {}
    for endpoint in drafts.inventory.endpoints.values() if drafts.inventory else ():
        control = parse_control(endpoint.control)
        if isinstance(control, HttpUrl):
            controls.setdefault(control.place, str(endpoint))
    for draft, peer, url in _dedicated(drafts):
        if url.place in controls:
            message = f"peers[{peer.index}].url is the control channel of {controls[url.place]}"
            advice = "The dedicated listener (parameters.multi-threading) needs a port of its own, such as 8001."
            yield Problem(draft.at("peers", peer.index, "url"), "peer-url-is-control-url", message, advice)


def listeners_are_distinct(drafts: Drafts) -> Iterator[Problem]:
    """listener-distinct: two daemons can't listen on one port, so relationships with own listeners share no url."""
    seen: dict[tuple[str, int], tuple[Draft, Position]] = {}
    for draft, peer, url in _dedicated(drafts):
        position = draft.at("peers", peer.index, "url")
        first, where = seen.setdefault(url.place, (draft, position))
        if first is not draft:
            message = f"peers[{peer.index}].url is already the dedicated listener of a peer at {where}"
            advice = "Give each relationship a port of its own on each server."
            yield Problem(position, "listener-distinct", message, advice)


def _dedicated(drafts: Drafts) -> Iterator[tuple[Draft, PeerDraft, HttpUrl]]:
    """Yield every peer whose daemon is told to listen itself at the peer's url."""
    for draft in drafts.relationships:
        for peer in draft.peers if draft.listens_itself else ():
            if peer.parsed_url is not None:
                yield draft, peer, peer.parsed_url
