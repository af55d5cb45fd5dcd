"""What one server of a relationship is to become, and why each change is due."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from reconciler.kea import guards, ha, hooks, hubs
from reconciler.kea import single_commands as single
from reconciler.kea.fingerprints import fingerprints, section
from reconciler.kea.locality import replicated
from reconciler.kea.rapid_commit import written_out
from reconciler.kea.stamps import read_stamps, witnessed
from reconciler.kea.versions import Capability, Version, can, parse_version
from reconciler.model import (
    ABSENT,
    Action,
    Cause,
    Change,
    Command,
    FieldChange,
    Fingerprints,
    OnPrimaryReturn,
    Peer,
    Relationship,
    Role,
    ServerPlan,
    Service,
    Snapshot,
    Stamp,
)
from reconciler.planning import contested, remembered, renaming, wanted
from reconciler.planning.commands import single_commands
from reconciler.planning.diff import Difference, differences, field_changes
from reconciler.planning.division import Division
from reconciler.planning.risk import CLIENTS

_SHOWN = 12  # digits of a fingerprint that a change shows


def plan_server(
    relationship: Relationship,
    peer: Peer,
    snapshot: Snapshot,
    data: Mapping[str, Any] | None,
    truth: Division,
    revision: str,
    generation: int = 0,
    *,
    stands_in: bool = False,
    is_renewed: bool = False,
) -> ServerPlan:
    """Return what one server is to become.

    `data` is the authority's replicated part in this server's words, None where this server keeps its own; `truth`
    is the authority, which `stands_in` for a primary that is away or not, and `generation` that of the stamp which goes
    out. With `is_renewed` a stamp that tells of other data than the server has is renewed, be it for that alone.
    """
    is_alone = relationship.is_data_alone
    own = list(_lies(relationship, peer, snapshot)) if is_alone else list(_own_changes(relationship, peer, snapshot))
    service = relationship.service
    theirs = wanted.replicated_part(relationship, snapshot)
    goal, left_alone = contested.goal(relationship, peer, data, theirs)
    found = _data_differences(theirs, goal, service) if goal is not None else []
    if not own and not found and not is_renewed:
        return ServerPlan(peer, snapshot, left_alone=left_alone)
    stamp = stamp_of(relationship, snapshot)
    marks = fingerprints(theirs if data is None else data)
    renewal = tuple(_renewal(relationship, snapshot, stamp, marks)) if is_renewed else ()
    if not own and not found and not renewal:
        return ServerPlan(peer, snapshot, left_alone=left_alone)
    changes = (*own, *renewal, *_attributed(found, theirs, marks, relationship, snapshot, truth))
    config = wanted.outgoing(
        relationship,
        peer,
        snapshot,
        goal,
        marks=contested.marks_beside(marks, data, goal, theirs, stamp),
        block_changes=bool(own) and not is_alone,
        revision=revision,
        generation=generation,
        earlier=remembered.earlier(relationship, stamp, snapshot, marks, stands_in=stands_in),
        former=remembered.former(relationship, stamp, snapshot, truth, stands_in=stands_in),
        source=(peer if data is None else wanted.peer_of(relationship, truth.source)).name,
        kept=stamp if is_alone else None,
    )
    is_stamped = _was_set_by_us(relationship, snapshot)
    try_standing = may_refuse_its_own(snapshot.config, config, changes, service, is_stamped=is_stamped)
    is_promotion = is_primary(relationship, snapshot) and snapshot is not truth.source
    is_told_by_stamps = relationship.on_primary_return is OnPrimaryReturn.HOLD or is_promotion
    commands = () if own or renewal or is_told_by_stamps else _commands(relationship, snapshot, config)
    return ServerPlan(peer, snapshot, changes, config, try_standing, commands=commands, left_alone=left_alone)


def apart(relationship: Relationship, snapshot: Snapshot, source: Snapshot) -> tuple[Change, ...]:
    """Return what differs from the data of the authority `source` on a server that does not follow it. Who moved is
    told by each server's own stamp, which has the fingerprints of what that server had when it was set last.
    """
    data = wanted.in_words_of(relationship, source, snapshot.version).part
    found = _data_differences(wanted.replicated_part(relationship, snapshot), data, relationship.service)
    touched = {name for each in found for name in each.sections}
    moved = {}
    for each in (source, snapshot):
        stamp = stamp_of(relationship, each)
        moved[each.endpoint.server] = _moved_sections(relationship, each, stamp, touched) if stamp else set()
    return tuple(_caused(each, moved, source.endpoint.server, Cause.PRIMARY) for each in found)


def is_primary(relationship: Relationship, snapshot: Snapshot) -> bool:
    """Whether a snapshot is of the server that is the primary as desired wants it."""
    return snapshot.endpoint.server == relationship.primary.server


def next_generation(relationship: Relationship, snapshots: Iterable[Snapshot]) -> int:
    """Return the generation of the next stamp of a relationship: no server has, or is marked with, one as large."""
    known = [0]
    for snapshot in snapshots:
        stamp = stamp_of(relationship, snapshot)
        known += [stamp.generation if stamp is not None else 0, witnessed(snapshot.config, relationship.name)]
    return 1 + max(known)


def _renewal(
    relationship: Relationship, snapshot: Snapshot, stamp: Stamp | None, marks: Fingerprints
) -> Iterator[Change]:
    """Yield that a server's stamp is to tell of the data that it has, whose fingerprints are `marks`."""
    before, after = stamp and stamp.fingerprints.whole[:_SHOWN], marks.whole[:_SHOWN]
    if stamp is None or before != after:
        field = FieldChange("stamp", ABSENT if before is None else before, after)
        path = (("relationship", relationship.name),)
        yield Change(Action.CHANGE, path, (field,), cause=Cause.PRIMARY, moved=(snapshot.endpoint.server,))


def _commands(relationship: Relationship, snapshot: Snapshot, config: Mapping[str, Any]) -> tuple[Command, ...]:
    """Return the commands that do what setting `config` would do, none where they would leave it undone or unsaid.

    Where the stamp can't be renewed by one more command they leave it as it is. So there it must say everything but
    which data were replicated, and that this may be older than the data are; a server that we never set has none, and
    none is due for its own sake.
    """
    if not can(snapshot.version, Capability.SINGLE_COMMANDS) or not snapshot.commands:
        return ()
    before, after = stamp_of(relationship, snapshot), stamp_in(relationship, config)
    if before and after and not before.source:  # one that an older release left is not renewed for that alone
        after = replace(after, source="")
    is_left = before is not None and not single.offers_stamping(snapshot.commands, snapshot.carrier)
    if before and is_left and (not before.may_age or _but_for_data(before) != _but_for_data(after)):
        return ()
    return single_commands(snapshot.config, config, relationship.service, snapshot.commands)


def _but_for_data(stamp: Stamp | None) -> Stamp | None:
    """Return what a stamp says but for which data were replicated, and since when it says that."""
    return stamp and replace(stamp, revision="", fingerprints=Fingerprints("", {}), generation=0, earlier=(), former=())


def stamp_of(relationship: Relationship, snapshot: Snapshot) -> Stamp | None:
    """Return the stamp that a server carries of this relationship; another's says nothing about this one."""
    return stamp_in(relationship, snapshot.config)


def stamp_in(relationship: Relationship, config: Mapping[str, Any]) -> Stamp | None:
    """Return the stamp of this relationship in a configuration."""
    return next((stamp for stamp in read_stamps(config) if stamp.relationship == relationship.name), None)


def _was_set_by_us(relationship: Relationship, snapshot: Snapshot) -> bool:
    """Whether a server took this relationship's configuration from us with the Kea that it runs now.

    A stamp in an object of our own came by commands, as may much of what the server has by now: it doesn't say so.
    """
    stamp = stamp_of(relationship, snapshot)
    is_of_commands = snapshot.carrier is not None
    return stamp is not None and not is_of_commands and _version(stamp, snapshot) == parse_version(snapshot.version)


def _version(stamp: Stamp, snapshot: Snapshot) -> Version:
    return parse_version(stamp.version or snapshot.version)


def _own_changes(relationship: Relationship, peer: Peer, snapshot: Snapshot) -> Iterator[Change]:
    """Yield what is to change on a server for the relationship's sake, whatever the data of the authority are."""
    yield from _relationship_changes(relationship, peer, snapshot)
    yield from _tag_changes(relationship, snapshot)
    yield from _freed_pools(relationship, snapshot)


def _relationship_changes(relationship: Relationship, peer: Peer, snapshot: Snapshot) -> Iterator[Change]:
    """Yield what differs in the HA hook's entry, and what of the hooks is not as the configuration says."""
    path = (("relationship", relationship.name),)
    stamp = stamp_of(relationship, snapshot)
    is_ours = stamp is not None and stamp.desired == wanted.desired_digest(relationship)
    cause, moved = (Cause.PEER, (peer.server,)) if is_ours else (Cause.GIT, ())
    standing = wanted.block_of(snapshot)
    block = ha.wanted_block(relationship, peer, standing, snapshot.version)
    if stamp and is_ours and standing and _version(stamp, snapshot) != parse_version(snapshot.version):
        was, due = ha.comparable(standing, stamp.version), ha.comparable(block, stamp.version)
        cause, moved = (Cause.VERSION, ()) if was == due else (cause, moved)
    if standing is None:
        others = "; ".join(
            f"{other.role if Role.BACKUP in {peer.role, other.role} else 'partner'} {other.name} at {other.url}"
            for other in relationship.peers
            if other is not peer
        )
        summary = ", ".join(filter(None, [relationship.mode, f"{peer.role} {peer.name}", others]))
        yield Change(Action.ADD, path, summary=summary, cause=cause, moved=moved)
        yield from _enabling(relationship, snapshot)
        return
    yield from _enabling(relationship, snapshot)
    before, after = ha.comparable(standing, snapshot.version), ha.comparable(block, snapshot.version)
    before, after = ha.with_new_peers_in_short(before, after), ha.with_new_peers_in_short(after, before)
    names = sorted(before.keys() | after.keys())
    fields = [f for name in names for f in field_changes(name, before.get(name, ABSENT), after.get(name, ABSENT))]
    if fields:
        yield Change(Action.CHANGE, path, tuple(fields), cause=cause, moved=moved)
    if stamp is not None and stamp.on_remove is not relationship.on_remove:
        kept = FieldChange("on-remove", stamp.on_remove.value, relationship.on_remove.value)
        yield Change(Action.CHANGE, path, (kept,))
    if hooks.find(snapshot.config, hooks.LEASE_COMMANDS_LIBRARY) is None:
        yield Change(Action.ADD, (("hook", hooks.LEASE_COMMANDS_LIBRARY),), cause=cause, moved=moved)
    yield from _lies(relationship, peer, snapshot)


def _lies(relationship: Relationship, peer: Peer, snapshot: Snapshot) -> Iterator[Change]:
    """Yield what a server with the relationship is not, although its configuration says so: setting that mends it."""
    if wanted.block_of(snapshot) is None:
        return
    lies = []
    if not wanted.is_in_force(snapshot):
        lies.append(FieldChange("in force", before=False, after=True))
    if not snapshot.is_heard:
        is_paired = ha.hears_a_partner(relationship.mode, peer.role)
        lies.append(FieldChange("heard by its partner" if is_paired else "HA listener open", before=False, after=True))
    if wanted.is_idle(snapshot):
        lies.append(FieldChange("serving its scope", before=False, after=True))
    if lies:
        yield Change(Action.CHANGE, (("hook", hooks.HA_LIBRARY),), tuple(lies), cause=Cause.PEER, moved=(peer.server,))


def _tag_changes(relationship: Relationship, snapshot: Snapshot) -> Iterator[Change]:
    """Yield what of a hub's subnets and shared networks doesn't say yet that it is the relationship's."""
    for (kind, key), tag in wanted.untagged(relationship, snapshot).items():
        change = FieldChange(f"user-context.{hubs.TAG}", ABSENT, tag)
        yield Change(Action.CHANGE, ((kind, key),), (change,))


def _freed_pools(relationship: Relationship, snapshot: Snapshot) -> Iterator[Change]:
    """Yield which guards of split pools come off with the mode load-balancing."""
    after = wanted.without_pool_guards(relationship, snapshot)
    if after is not snapshot.config:
        before, freed = (replicated(config, relationship.service) for config in (snapshot.config, after))
        yield from (each.change for each in differences(before, freed, relationship.service))


def _enabling(relationship: Relationship, snapshot: Snapshot) -> Iterator[Change]:
    """Yield that a server which was disabled when it left a relationship serves again."""
    before, after = snapshot.config, wanted.without_guards(relationship, snapshot)
    if before is after:
        return
    service = relationship.service
    freed = guards.guarded_subnets(before, service).keys() - guards.guarded_subnets(after, service).keys()
    subnets = f"of {len(freed)} subnet{'' if len(freed) == 1 else 's'}"
    yield Change(Action.CHANGE, ((CLIENTS, subnets),), (FieldChange("answered", before=False, after=True),))


def _data_differences(theirs: Mapping[str, Any], data: Mapping[str, Any], service: Service) -> list[Difference]:
    if theirs == data:  # compared in C, and by far the commonest case
        return []
    return list(differences(written_out(theirs, service), written_out(data, service), service))


def _attributed(
    found: list[Difference],
    theirs: Mapping[str, Any],
    marks: Fingerprints,
    relationship: Relationship,
    snapshot: Snapshot,
    truth: Division,
) -> list[Change]:
    """Give every difference its cause, as fine as the server's stamp tells; `marks` are those of the authority's data
    in the server's words.
    """
    stamp, source = stamp_of(relationship, snapshot), truth.source
    if relationship.earlier is not None:
        return [replace(each.change, cause=Cause.ROLLBACK) for each in found]
    if snapshot is source:
        return _attributed_to_the_authority(found, marks, relationship, truth)
    if stamp is None:
        # Never replicated by us: either the relationship is new here, or it is older than we are.
        cause = Cause.GIT if wanted.block_of(snapshot) is None or truth.is_due else Cause.PRIMARY
        return [replace(each.change, cause=cause) for each in found]
    if stamp.desired == wanted.desired_digest(replace(relationship, replicate=False)):
        return [replace(each.change, cause=Cause.GIT) for each in found]
    if sorted(stamp.local) != sorted(relationship.local):
        return _attributed_beside(found, replace(relationship, local=stamp.local), snapshot, truth)
    giver = _giver(relationship, source, stamp)
    if giver is not None:
        return _attributed_to(giver, found, relationship, snapshot, stamp)
    if stamp.may_age:
        # Where data followed by commands since, a comparison with the stamp would name whoever moved for us.
        aged = single.sections(relationship.service)
        cause = Cause.GIT if truth.is_newly_due else Cause.PRIMARY
        untold = [replace(each.change, cause=cause) for each in found if not aged.isdisjoint(each.sections)]
        found = [each for each in found if aged.isdisjoint(each.sections)]
    else:
        untold = []
    touched = {name for each in found for name in each.sections}
    last = _last_replication(relationship, source, stamp)
    replicated = stamp.fingerprints.sections
    versions = {_version(stamp, snapshot), parse_version(source.version)}
    if last is not stamp:  # the authority itself was set later, by a `promote` for instance
        by_source = _moved_sections(relationship, source, last, touched)
        by_peer = _moved_sections(relationship, snapshot, last, touched)
        by_peer &= _moved_sections(relationship, snapshot, stamp, touched)
    elif versions == {parse_version(snapshot.version)} and not truth.is_due:
        by_source = {name for name in touched if marks.sections.get(name) != replicated.get(name)}
        # Where only one of two that differ is as it was, the other has moved: no digest of a large section for that.
        by_peer = {name for name in touched if name not in by_source or _digest(theirs, name) != replicated.get(name)}
    else:
        by_source = _moved_sections(relationship, source, stamp, touched)
        by_peer = _moved_sections(relationship, snapshot, stamp, touched)
    name = source.endpoint.server
    unmoved = Cause.GIT if truth.is_due else Cause.VERSION
    moved = {name: by_source, snapshot.endpoint.server: by_peer}
    return [*untold, *(_caused(each, moved, name, unmoved) for each in found)]


def _attributed_beside(
    found: list[Difference], then: Relationship, snapshot: Snapshot, truth: Division
) -> list[Change]:
    """Give its cause to what differs where `local` became another one in desired since the relationship was as `then`:
    what would differ then as well has the cause that it would have.
    """
    theirs = wanted.replicated_part(then, snapshot)
    data = wanted.in_words_of(then, truth.authority, snapshot.version).part
    paths = {each.change.path for each in _data_differences(theirs, data, then.service)}
    due = [replace(each.change, cause=Cause.GIT) for each in found if each.change.path not in paths]
    as_then = [each for each in found if each.change.path in paths]
    return [*due, *_attributed(as_then, theirs, fingerprints(data), then, snapshot, truth)]


def _last_replication(relationship: Relationship, source: Snapshot, stamp: Stamp) -> Stamp:
    """Return the newer of a server's stamp and that of the authority: what both had alike last is told by it."""
    other = stamp_of(relationship, source)
    is_newer = other is not None and other.generation > stamp.generation
    return other if other is not None and is_newer and other.local == stamp.local and not other.may_age else stamp


def _giver(relationship: Relationship, source: Snapshot, stamp: Stamp) -> str | None:
    """Return the server whose data a stamp tells of, where it is another one than the authority `source` and the
    authority was not given these data as well, as in a `promote`; None otherwise, or where the stamp doesn't say.
    """
    block = wanted.block_of(source) or {}  # it may have yet to get another name
    if stamp.source in {"", wanted.peer_of(relationship, source).name, block.get("this-server-name")}:
        return None
    own = stamp_of(relationship, source)
    if witnessed(source.config, relationship.name) >= stamp.generation or (own and _are_of_the_same(own, stamp)):
        return None
    servers = {peer.name: peer.server for peer in relationship.peers}
    return servers.get(stamp.source, stamp.source)  # one that is no peer any more


def _are_of_the_same(own: Stamp, stamp: Stamp) -> bool:
    """Whether the authority's own stamp tells of the data that this one tells of, as far as that can be said.

    Generations alone don't say it: what is replicated while a server is away may have one that it has already.
    """
    if own.may_age or own.fingerprints.whole == stamp.fingerprints.whole:
        return True
    return own.version != stamp.version and own.source == stamp.source and own.generation >= stamp.generation


def _attributed_to(
    giver: str, found: list[Difference], relationship: Relationship, snapshot: Snapshot, stamp: Stamp
) -> list[Change]:
    """Give its cause to what differs on a server that followed `giver` last, and not the authority: that is who moved,
    beside the server itself where its data are not what the stamp tells.
    """
    touched = {name for each in found for name in each.sections}
    touched -= single.sections(relationship.service) if stamp.may_age else set()
    own = _moved_sections(relationship, snapshot, stamp, touched)
    sections = {each: own for each in [snapshot.endpoint.server] if each != giver}
    changes = (_caused(each, sections, "", Cause.PEER) for each in found)
    return [replace(each, moved=(giver, *each.moved)) for each in changes]


def _attributed_to_the_authority(
    found: list[Difference], marks: Fingerprints, relationship: Relationship, truth: Division
) -> list[Change]:
    """Give its cause to what changes on the authority itself, which only its pools do: desired wants them otherwise,
    unless they were so when they were last replicated, or desired had them divided then already and no peer is to get
    another name. `marks` are those of what it is to have.
    """
    stamp, source = stamp_of(relationship, truth.source), truth.source
    touched = {name for each in found for name in each.sections}
    was_so = stamp is not None and all(marks.sections.get(n) == stamp.fingerprints.sections.get(n) for n in touched)
    was_asked = stamp is not None and not truth.is_newly_due and not renaming.moved(relationship, source)
    cause, moved = (Cause.PEER, (source.endpoint.server,)) if was_so or was_asked else (Cause.GIT, ())
    return [replace(each.change, cause=cause, moved=moved) for each in found]


def _moved_sections(relationship: Relationship, snapshot: Snapshot, stamp: Stamp, names: set[str]) -> set[str]:
    """Return in which of these sections a server's data are not what was last replicated, in the words of then.

    A server that was upgraded since reads otherwise though nobody touched it: what it had then is asked for too. What
    could not have been said then came later, wherever it is.
    """
    version = stamp.version or snapshot.version
    readings = [wanted.in_words_of(relationship, snapshot, version)]
    if parse_version(version) < parse_version(snapshot.version):
        readings.append(wanted.in_words_of(relationship, snapshot, version, upgraded=True))
    parts = [reading.part for reading in readings if not reading.inexpressible]
    sections = stamp.fingerprints.sections
    return {name for name in names if all(_digest(part, name) != sections.get(name) for part in parts)}


def _digest(part: Mapping[str, Any], name: str) -> str | None:
    return section(part, name) if name in part else None


def _caused(difference: Difference, sections: Mapping[str, set[str]], source: str, unmoved: Cause) -> Change:
    """Say which server moved away from what was last replicated; `sections` are those that each server moved in.

    Where none did, it is `unmoved`: desired wants the pools otherwise, or one of them reads otherwise since it runs
    another version of Kea.
    """
    moved = tuple(server for server, names in sections.items() if not names.isdisjoint(difference.sections))
    cause = Cause.PRIMARY if source in moved else Cause.PEER if moved else unmoved
    return replace(difference.change, cause=cause, moved=moved)


# What a server that took the whole configuration from us once, in this very form, takes again with other members.
_PLAIN = {"subnet", "shared-network", "option", "reservation"}


def may_refuse_its_own(
    standing: Mapping[str, Any],
    going_out: Mapping[str, Any],
    changes: tuple[Change, ...],
    service: Service,
    *,
    is_stamped: bool,
) -> bool:
    """Whether the server may refuse what it has itself, so that it could not be put back; trying a large configuration
    takes Kea many seconds.

    Always the first time: not everything that config-get shows can be set (a class's own option-def for code 43,
    seen on 2.2.0). Once it carries our stamp, it took this authority's configuration before; what may have come since
    and can't be set again are hooks, global parameters, definitions, classes, and interfaces that it hasn't got.
    """
    if not is_stamped or any(change.path[0][0] not in _PLAIN for change in changes):
        return True
    return not _interfaces(going_out, service) <= _interfaces(standing, service)


def _interfaces(config: Mapping[str, Any], service: Service) -> set[str]:
    networks = config.get("shared-networks") or []
    holders = [*networks, *(subnet for each in [config, *networks] for subnet in each.get(service.subnets) or ())]
    return {str(holder[key]) for holder in holders for key in ("interface", "4o6-interface") if holder.get(key)}
