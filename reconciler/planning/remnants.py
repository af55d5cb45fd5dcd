"""What still stands on servers of relationships that desired no longer has, or no longer has them in."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from reconciler.kea import hooks
from reconciler.kea.stamps import read_departures, read_stamps
from reconciler.model import (
    Desired,
    Live,
    Mode,
    OnRemove,
    Peer,
    Relationship,
    Role,
    Service,
    Snapshot,
    Stamp,
    Unmanaged,
    Unreachable,
)
from reconciler.planning.declared import Declared, entries_of
from reconciler.planning.places import at_place, located, place

LiveWorld = Mapping[tuple[str, Service], Live]


@dataclass(frozen=True, slots=True)
class Member:
    """A server that is to have no part in a relationship: `snapshot` is located at its entry, and `has_left` says that
    it went already, on the way to something that was not finished.
    """

    peer: Peer
    snapshot: Snapshot
    on_remove: OnRemove
    has_left: bool = False


@dataclass(frozen=True, slots=True)
class Remains:
    """What stands of a relationship that is not wanted any more, and why it is not.

    `strangers` are peers, by name and url, that its members name and no server of the inventory says it is;
    `unreachable` are endpoints that are members, or may be one of the strangers.
    """

    name: str
    service: Service
    mode: Mode
    reason: str
    members: tuple[Member, ...]
    strangers: tuple[tuple[str, str], ...] = ()
    unreachable: tuple[Unreachable, ...] = ()

    @property
    def is_gone(self) -> bool:
        """Whether no server has it any more."""
        return not self.unreachable and all(is_out(member) for member in self.members)


@dataclass(frozen=True, slots=True)
class Leavers:
    """The servers that are in a relationship which is to stay without them. `unread` are endpoints that may be one of
    them, since no relationship names them and they can't be read.
    """

    members: tuple[Member, ...] = ()
    unread: tuple[Unreachable, ...] = ()

    @property
    def names(self) -> frozenset[str]:
        """Their names in Kea."""
        return frozenset(member.peer.name for member in self.members)

    def refusal(self, departing: Collection[str]) -> str | None:
        """Return why they can't leave as desired says, None where they can; `departing` are all that are to leave."""
        for member in self.members:
            if member.peer.role is Role.PRIMARY:
                return (
                    f"{member.peer.server} is the primary and would leave; make its partner the primary first, apply "
                    f"that, and then take {member.peer.server} out"
                )
        missing = [name for name in departing if name not in self.names]
        if missing and self.unread:
            servers = " or ".join(each.endpoint.server for each in self.unread)
            return (
                f"{' and '.join(missing)}, which would leave, may be {servers}, which can't be reached: if it runs, it "
                "would take over once it misses the others. Bring it back, or take it out of servers.yaml if it is "
                "gone for good"
            )
        return None


NO_LEAVERS = Leavers()


@dataclass(frozen=True, slots=True)
class Remnants:
    """Everything that was found: relationships to be removed, servers that leave one that stays (by its name and
    service), relationships that are none of ours, and endpoints that no relationship names and that can't be read.
    """

    removed: tuple[Remains, ...] = ()
    leaving: Mapping[tuple[str, Service], tuple[Member, ...]] = field(default_factory=dict)
    unmanaged: tuple[Unmanaged, ...] = ()
    unread: tuple[Unreachable, ...] = ()

    def of(self, relationship: Relationship) -> Leavers:
        """Return the servers that leave one relationship."""
        unread = tuple(each for each in self.unread if each.endpoint.service is relationship.service)
        return Leavers(self.leaving.get((relationship.name, relationship.service), ()), unread)


@dataclass(frozen=True, slots=True)
class _Find:
    """What tells that a server is or was in a relationship which desired doesn't have it in: `block` is its entry of
    the HA hook, None where that is gone; `peer` is empty where its name in Kea can't be told.
    """

    snapshot: Snapshot
    relationship: str
    on_remove: OnRemove
    block: Mapping[str, Any] | None
    peer: str
    has_left: bool = False


def remnants(desired: Desired, live: LiveWorld) -> Remnants:
    """Return what of the live world desired no longer has.

    Only entries with our stamp count, and those of a relationship whose file says that it is absent. Where only some
    relationships were asked for, nothing is said about others.
    """
    declared = Declared(desired)
    finds = [find for each in live.values() if isinstance(each, Snapshot) for find in _finds(declared, each)]
    leaving: dict[tuple[str, Service], tuple[Member, ...]] = {}
    lost: dict[tuple[str, Service], list[_Find]] = {}
    for find in finds:
        service = find.snapshot.endpoint.service
        owner = _owner(declared, find, service)
        if owner is not None and not owner.is_absent:
            if find.block is not None:
                key = (owner.name, service)
                leaving[key] = (*leaving.get(key, ()), _member(find, [find.block], owner.on_remove))
        else:
            lost.setdefault((owner.name if owner else find.relationship, service), []).append(find)
    removed = [
        _told_absent(each, live, lost.pop((each.name, each.service), []))
        for each in desired.relationships
        if each.is_absent
    ]
    unread = _unread(declared, live)
    if desired.is_selection:
        return Remnants(tuple(removed), leaving, unread=unread)
    removed += [_forgotten(unread, *key, members) for key, members in lost.items()]
    kept = tuple(each for each in removed if not each.is_gone or each.name in {r.name for r in desired.relationships})
    return Remnants(kept, leaving, tuple(_unmanaged(declared, live)), unread)


def is_out(member: Member) -> bool:
    """Whether a server has no entry of the relationship any more."""
    return member.snapshot.place is None


def stamps_of(member: Member) -> list[Stamp]:
    """Return the stamps on a server that are of the entry that it still has."""
    block, config = _block_of(member.snapshot), member.snapshot.config
    number = len(hooks.relationships_of(config))
    return [stamp for stamp in read_stamps(config) if block is not None and _is_of(stamp.peers, block, number)]


# ------------------------------------------------------------------------------------------- searching


def _finds(declared: Declared, snapshot: Snapshot) -> Iterator[_Find]:
    """Yield the entries with our stamp, stamps without an entry, and departures, that no desired relationship has this
    server in.
    """
    blocks, claimed = hooks.relationships_of(snapshot.config), _claimed(declared, snapshot)
    named = {each.name for each in declared.on(snapshot.endpoint.server, snapshot.endpoint.service)}
    yield from (find for find in _unstamped(declared, snapshot, blocks, claimed))
    for stamp in read_stamps(snapshot.config):
        position = next((n for n, block in enumerate(blocks) if _is_of(stamp.peers, block, len(blocks))), None)
        if position is None and stamp.relationship not in named:
            yield _Find(at_place(snapshot, None), stamp.relationship, stamp.on_remove, None, "")
        elif position is not None and position not in claimed:
            peer = str(blocks[position].get("this-server-name"))
            yield _Find(at_place(snapshot, position), stamp.relationship, stamp.on_remove, blocks[position], peer)
    for departure in read_departures(snapshot.config):
        if departure.relationship not in named:
            departed = at_place(snapshot, None)
            yield _Find(departed, departure.relationship, departure.on_remove, None, departure.peer, has_left=True)


def _unstamped(
    declared: Declared, snapshot: Snapshot, blocks: list[Mapping[str, Any]], claimed: set[int | None]
) -> Iterator[_Find]:
    """Yield entries without our stamp that are of a desired relationship all the same: they name its peers."""
    stamps = read_stamps(snapshot.config)
    for position, block in enumerate(blocks):
        if position in claimed or any(_is_of(stamp.peers, block, len(blocks)) for stamp in stamps):
            continue
        owner = declared.sharing(block, snapshot.endpoint.service)
        if owner is not None:
            peer = str(block.get("this-server-name"))
            yield _Find(at_place(snapshot, position), owner.name, owner.on_remove, block, peer)


def _is_of(peers: tuple[str, ...], block: Mapping[str, Any], blocks: int) -> bool:
    """Whether a stamp is of this entry; release 0.1.0, which knew one relationship a server, didn't note its peers."""
    return bool(set(peers) & entries_of([block]).keys()) if peers else blocks == 1


def _claimed(declared: Declared, snapshot: Snapshot) -> set[int | None]:
    server = snapshot.endpoint.server
    return {place(each, snapshot.config, server) for each in declared.on(server, snapshot.endpoint.service)}


def _owner(declared: Declared, find: _Find, service: Service) -> Relationship | None:
    """Return the desired relationship that an entry was of: the one of its stamp, or, where that was renamed, one that
    it shares peers with.
    """
    named = declared.named(find.relationship, service)
    return named if named is not None or find.block is None else declared.sharing(find.block, service)


# ------------------------------------------------------------------------------------- putting together


def _member(find: _Find, blocks: list[Mapping[str, Any]], on_remove: OnRemove) -> Member:
    server = find.snapshot.endpoint.server
    entry = entries_of(blocks).get(find.peer, {})
    role = next((each for each in Role if each.value == entry.get("role")), Role.BACKUP)
    peer = Peer(server, find.peer, role, str(entry.get("url", "")))
    return Member(peer, find.snapshot, on_remove, has_left=find.has_left)


def _told_absent(relationship: Relationship, live: LiveWorld, finds: list[_Find]) -> Remains:
    """Put together a relationship whose file says that it is absent."""
    peers = {peer.server: (peer, live[peer.server, relationship.service]) for peer in relationship.peers}
    members = [_absent_member(relationship, peer, each) for peer, each in peers.values() if isinstance(each, Snapshot)]
    inside = [block for member in members if (block := _block_of(member.snapshot)) is not None]
    blocks = [*inside, *(find.block for find in finds if find.block is not None)]
    members += [_member(find, blocks, relationship.on_remove) for find in _unfinished(finds, blocks)]
    unreachable = tuple(each for _, each in peers.values() if isinstance(each, Unreachable))
    return Remains(
        relationship.name,
        relationship.service,
        relationship.mode,
        "its file says state: absent",
        tuple(members),
        unreachable=unreachable,
    )


def _absent_member(relationship: Relationship, peer: Peer, snapshot: Snapshot) -> Member:
    """A server that the file names. An entry is the one that is meant where it has our stamp, or these very peers; what
    the server is, and so who goes on alone, is what that entry says, whatever the file has made of it since.
    """
    there = located(relationship, snapshot)
    block = _block_of(there)
    stamped = any(stamp.relationship == relationship.name for stamp in read_stamps(snapshot.config))
    is_meant = block is not None and (
        stamped or entries_of([block]).keys() == {each.name for each in relationship.peers}
    )
    has_left = any(each.relationship == relationship.name for each in read_departures(snapshot.config))
    if block is None or not is_meant:
        return Member(peer, at_place(snapshot, None), relationship.on_remove, has_left=has_left)
    return Member(_as_it_is(peer, block), there, relationship.on_remove, has_left=has_left)


def _block_of(snapshot: Snapshot) -> Mapping[str, Any] | None:
    blocks = hooks.relationships_of(snapshot.config)
    return blocks[snapshot.place] if snapshot.place is not None and snapshot.place < len(blocks) else None


def _unfinished(finds: list[_Find], blocks: list[Mapping[str, Any]]) -> Iterator[_Find]:
    """Yield the finds but for servers that left earlier, and for good: `blocks`, the entries of those that are still
    in, don't have them for peers any more, be it that another has their name now. Where nobody is in, all are out.
    """
    told = {str(block.get("this-server-name")) for block in blocks}
    awaited = entries_of(blocks).keys() - told
    yield from (find for find in finds if not find.has_left or not blocks or find.peer in awaited)


def _as_it_is(peer: Peer, block: Mapping[str, Any]) -> Peer:
    """Return a peer with the name and role that its own entry of the HA hook gives it."""
    name = str(block.get("this-server-name", peer.name))
    told = entries_of([block]).get(name, {}).get("role")
    return replace(peer, name=name, role=next((each for each in Role if each.value == told), peer.role))


def _forgotten(unread: tuple[Unreachable, ...], name: str, service: Service, finds: list[_Find]) -> Remains:
    """Put together a relationship that only the stamps on its servers still tell of."""
    blocks = [find.block for find in finds if find.block is not None]
    members = tuple(_member(find, blocks, find.on_remove) for find in _named([*_unfinished(finds, blocks)], blocks))
    known = {member.peer.name for member in members}
    strangers = tuple((key, str(peer.get("url", ""))) for key, peer in entries_of(blocks).items() if key not in known)
    unreachable = tuple(each for each in unread if strangers and each.endpoint.service is service)
    mode = next((each for each in Mode for block in blocks if block.get("mode") == each.value), Mode.HOT_STANDBY)
    reason = "no file describes it any more, and its servers carry the stamp of it"
    return Remains(name, service, mode, reason, members, strangers, unreachable)


def _unread(declared: Declared, live: LiveWorld) -> tuple[Unreachable, ...]:
    return tuple(each for key, each in live.items() if isinstance(each, Unreachable) and not declared.on(*key))


def _named(finds: list[_Find], blocks: list[Mapping[str, Any]]) -> Iterator[_Find]:
    """Yield the finds, each with a peer's name: one that lost its entry is whom the others name and nobody is."""
    known = {find.peer for find in finds}
    free = [name for name in entries_of(blocks) if name not in known]
    nameless = [find for find in finds if not find.peer]
    for find in finds:
        sure = len(free) == len(nameless) == 1
        yield find if find.peer else replace(find, peer=free[0] if sure else find.snapshot.endpoint.server)


def _unmanaged(declared: Declared, live: LiveWorld) -> Iterator[Unmanaged]:
    for (server, service), each in sorted(live.items()):
        if not isinstance(each, Snapshot):
            continue
        blocks, claimed = hooks.relationships_of(each.config), _claimed(declared, each)
        stamps = read_stamps(each.config)
        for position, block in enumerate(blocks):
            is_ours = position in claimed or any(_is_of(stamp.peers, block, len(blocks)) for stamp in stamps)
            if not is_ours and declared.sharing(block, service) is None:
                yield Unmanaged(server, service, tuple(sorted(entries_of([block]))))
