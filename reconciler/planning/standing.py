"""The relationship as its servers have it now, and what of it a change in desired would turn over between them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any

from reconciler.kea import ha
from reconciler.model import Mode, Peer, Relationship, Role, Snapshot
from reconciler.planning import wanted


class Aspect(StrEnum):
    """What servers must have alike to work together, by the words for it. Kea compares nothing of it itself."""

    MODE = "mode"
    NAMES = "peer names"
    URLS = "urls"
    LISTENER = "HA listener"
    TRUST = "trust-anchor"
    ROLES = "roles"


# With one of these different, two servers don't hear, or don't follow, each other any more (seen on 2.2.0, 2.6.3 and
# 3.0.3: a partner of another mode parks a server in `waiting`; from 2.5.5 on heartbeats carry the peer's name). With
# other roles alone they do, and then both serve one scope, or neither (Kea doesn't look at the partner's role).
SEVERING = frozenset(Aspect) - {Aspect.ROLES}


def own_entry(snapshot: Snapshot) -> Mapping[str, Any] | None:
    """Return the peer that a server says it is, None where it has no relationship or is not among its own peers."""
    block = wanted.block_of(snapshot) or {}
    peers = [each for each in block.get("peers") or () if each.get("name") == block.get("this-server-name")]
    return peers[0] if peers else None


def own_scopes(snapshot: Snapshot) -> list[str]:
    """Return the scopes that a server serves while all is well, by the names that Kea has for them."""
    own = own_entry(snapshot) or {}
    return [str(own.get("name"))] if own.get("role") in {Role.PRIMARY, Role.SECONDARY} else []


def standing(relationship: Relationship, peer: Peer, snapshot: Snapshot) -> tuple[Mode, Role]:
    """Return the mode and role in which a server works now; those desired where it is not in the relationship."""
    block, own = wanted.block_of(snapshot), own_entry(snapshot)
    if block is None or own is None or block.get("mode") not in list(Mode) or own.get("role") not in list(Role):
        return relationship.mode, peer.role
    return Mode(block["mode"]), Role(own["role"])


def main_of(relationship: Relationship, servers: Sequence[tuple[Peer, Snapshot]]) -> tuple[tuple[Peer, Snapshot], ...]:
    """Return those servers that answer clients, or would in another's place: as they are, as they are to be, or as one
    of these others has it, which an apply was to tell of another mode next when it was cut off.
    """
    blocks = [wanted.block_of(snapshot) or {} for _, snapshot in servers]
    listed = [each for block in blocks for each in block.get("peers") or ()]
    names = {each.get("name") for each in listed if each.get("role") != Role.BACKUP}
    return tuple(
        (peer, snapshot)
        for peer, snapshot in servers
        if not peer.role is standing(relationship, peer, snapshot)[1] is Role.BACKUP
        or (own_entry(snapshot) or {}).get("name") in names
    )


def turned_over(relationship: Relationship, peer: Peer, snapshot: Snapshot) -> frozenset[Aspect]:
    """Return what of the terms between the servers would change on this one."""
    block = wanted.block_of(snapshot)
    if block is None:
        return frozenset()
    return _differing(_terms(block, snapshot), _terms(ha.wanted_block(relationship, peer, block), snapshot))


def is_torn(relationship: Relationship, servers: Iterable[tuple[Peer, Snapshot]], *, by: Iterable[Aspect]) -> bool:
    """Whether servers are at odds over any of these aspects: a change reached one and not the other, or a person made
    one on one of them.
    """
    found = [(turned_over(relationship, *each), each[1]) for each in servers if wanted.block_of(each[1]) is not None]
    aspects = set(by)
    if len({changed & aspects for changed, _ in found}) > 1:
        return True
    shared = aspects & {Aspect.MODE, Aspect.NAMES, Aspect.URLS, Aspect.ROLES}
    terms = [_terms(wanted.block_of(snapshot) or {}, snapshot) for _, snapshot in found]
    return any(_differing(terms[0], each) & shared for each in terms[1:])


def name_each_other(snapshots: Iterable[Snapshot]) -> bool:
    """Whether every one of these servers has a relationship in which all the others are, each by a name of its own."""
    blocks = [wanted.block_of(snapshot) for snapshot in snapshots]
    names = {str(block.get("this-server-name")) for block in blocks if block is not None}
    if None in blocks or len(names) != len(blocks):
        return False
    return all(names <= {str(peer.get("name")) for peer in (block or {}).get("peers") or ()} for block in blocks)


def _terms(block: Mapping[str, Any], snapshot: Snapshot) -> dict[Aspect, Any]:
    form = ha.normal_form(block, snapshot.version)
    main = {name: peer for name, peer in form["peers"].items() if peer.get("role") != Role.BACKUP}
    return {
        Aspect.MODE: form.get("mode"),
        Aspect.NAMES: sorted(main),
        Aspect.URLS: {name: peer["url"] for name, peer in main.items()},
        Aspect.LISTENER: wanted.listens_itself(form, snapshot),
        Aspect.TRUST: {name: peer["trust-anchor"] or form["trust-anchor"] for name, peer in main.items()},
        Aspect.ROLES: {name: peer.get("role") for name, peer in main.items()},
    }


def _differing(before: Mapping[Aspect, Any], after: Mapping[Aspect, Any]) -> frozenset[Aspect]:
    """Return the aspects that differ; where names do, only what differs beside them. That a backup becomes a partner,
    or a partner a backup, as with another mode, gives nobody another name.
    """
    found = {aspect for aspect in Aspect if before[aspect] != after[aspect]}
    names = [set(each[Aspect.NAMES]) for each in (before, after)]
    if Aspect.NAMES in found and (names[0] < names[1] or names[1] < names[0]):
        both = names[0] & names[1]
        alike = (each for each in (Aspect.URLS, Aspect.TRUST) if _of(before[each], both) == _of(after[each], both))
        found -= {Aspect.NAMES, *alike}
    elif Aspect.NAMES in found:
        by_name = (Aspect.URLS, Aspect.TRUST, Aspect.ROLES)
        found -= {each for each in by_name if sorted(before[each].values()) == sorted(after[each].values())}
    return frozenset(found)


def _of(values: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: values[name] for name in names}
