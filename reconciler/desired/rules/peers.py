"""Rules about the peers of one relationship."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from reconciler.desired.wording import listed
from reconciler.model import Mode, Pools, Problem, Role

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.desired.draft import Draft
    from reconciler.model import Position


def roles_suit_the_mode(draft: Draft) -> Iterator[Problem]:
    """mode-roles: exactly one primary, and the mode's one partner, if it has one; backups are free (Kea refuses all
    else when it loads the hook).
    """
    if draft.mode is None or "peers" not in draft.document.data or len(draft.peers) != _written_peers(draft):
        return
    needed = tuple(role for role in (Role.PRIMARY, draft.mode.partner_role) if role)
    if any(peer.role is None for peer in draft.peers):
        return
    counts = Counter(peer.role for peer in draft.peers)
    advice = f"The mode {draft.mode} needs exactly one {listed(needed, 'and one')}; all others are backups."
    for role in needed:
        if not counts[role]:
            yield Problem(draft.at("peers"), "mode-roles", f"there is no {role}", advice)
    seen: set[Role | None] = set()
    for peer in draft.peers:
        if peer.role is Role.BACKUP:
            continue
        if peer.role not in needed:
            message = f"the mode {draft.mode} has no {peer.role}"
            yield Problem(draft.at("peers", peer.index, "role"), "mode-roles", message, advice)
        elif peer.role in seen:
            message = f"there is a second {peer.role}"
            yield Problem(draft.at("peers", peer.index, "role"), "mode-roles", message, advice)
        seen.add(peer.role)


def pools_suit_the_mode(draft: Draft) -> Iterator[Problem]:
    """pools-mode: only in load-balancing two servers hand out addresses at the same time."""
    if draft.pools is Pools.SPLIT and draft.mode not in {None, Mode.LOAD_BALANCING}:
        message = f"the pools can't be split in {draft.mode}, where one server hands out all addresses"
        yield Problem(draft.at("pools"), "pools-mode", message, "Leave pools out, or use the mode load-balancing.")


def _written_peers(draft: Draft) -> int:
    written = draft.document.data["peers"]
    return len(written) if isinstance(written, list) else -1


def peer_names_are_unique(draft: Draft) -> Iterator[Problem]:
    """peer-names-unique: Kea refuses two peers of one name, and a server can't stand in for itself."""
    names: dict[str, Position] = {}
    servers: dict[str, Position] = {}
    advice = "A relationship is between different servers, each with a name of its own."
    for peer in draft.peers:
        position = draft.at("peers", peer.index, "server")
        if peer.server is not None:
            if peer.server in servers:
                message = f"the server {peer.server} is a peer twice, first at {servers[peer.server]}"
                yield Problem(position, "peer-names-unique", message, advice)
                continue
            servers[peer.server] = position
        if peer.name is not None:
            position = draft.at("peers", peer.index, "name")
            if peer.name in names:
                message = f"two peers have the name {peer.name}, the first at {names[peer.name]}"
                yield Problem(position, "peer-names-unique", message, advice)
            names.setdefault(peer.name, position)


def users_are_sound(draft: Draft) -> Iterator[Problem]:
    """basic-auth: a user without a colon, given once, and no password without a user."""
    for peer in draft.peers:
        user, user_file = peer.options.get("basic-auth-user"), peer.options.get("basic-auth-user-file")
        if user and ":" in user:
            message = f"peers[{peer.index}].basic-auth-user has a colon in it, where HTTP would end the name"
            advice = "Name a user without a colon; its password goes into a file (basic-auth-password-file)."
            yield Problem(draft.at("peers", peer.index, "basic-auth-user"), "basic-auth", message, advice)
        if user and user_file:
            message = f"peers[{peer.index}] has both basic-auth-user and basic-auth-user-file"
            yield Problem(draft.at("peers", peer.index, "basic-auth-user-file"), "basic-auth", message, "Keep one.")
        if "basic-auth-password-file" in peer.options and not user and not user_file:
            message = f"peers[{peer.index}] has a basic-auth-password-file and no user"
            position = draft.at("peers", peer.index, "basic-auth-password-file")
            yield Problem(position, "basic-auth", message, "Add basic-auth-user, or remove the file.")
