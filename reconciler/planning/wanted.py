"""What one server is to be set to: the whole configuration, spliced from its own and the authority's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from reconciler.kea import guards, ha, hooks, hubs, pools, single_commands
from reconciler.kea.fingerprints import digest
from reconciler.kea.locality import LOCAL, overlay, replicated
from reconciler.kea.stamps import read_stamps, with_stamp
from reconciler.kea.translation import Translation, in_all_words, translate
from reconciler.model import Fingerprints, Former, Mode, OnPrimaryReturn, Peer, Relationship, Role, Snapshot, Stamp
from reconciler.planning.places import left_others


def block_of(snapshot: Snapshot) -> Mapping[str, Any] | None:
    """Return the entry of the HA hook that a server has configured for the relationship at hand, None without one."""
    blocks = hooks.relationships_of(snapshot.config)
    return blocks[snapshot.place] if snapshot.place is not None and snapshot.place < len(blocks) else None


def is_broken(snapshot: Snapshot) -> bool:
    """Whether a server has the relationship configured and doesn't do its part: its hook is not loaded, its partner
    gets no answer from it, or it answers nobody in passive-backup.
    """
    is_lying = not is_in_force(snapshot) or not snapshot.is_heard or is_idle(snapshot)
    return block_of(snapshot) is not None and is_lying


def is_in_force(snapshot: Snapshot) -> bool:
    """Whether the HA hook does its work. Status-get tells: after a set that failed list-commands may still name the
    hook's commands (a lease database that can't be opened; seen on 2.6.3 and 3.0.3).
    """
    return snapshot.ha is not None


def is_idle(snapshot: Snapshot) -> bool:
    """Whether a server says passive-backup and serves no scope, as after `ha-reset`: Kea takes up the scopes of that
    state at the next heartbeat, of which there are none, so only a set ends it (seen on 2.2.0, 2.6.3 and 3.0.3).
    """
    return snapshot.ha is not None and snapshot.ha.state == Mode.PASSIVE_BACKUP and not snapshot.ha.scopes


def desired_digest(relationship: Relationship) -> str:
    """Return a digest of what desired wants of Kea, the same for two ways of writing the same.

    It doesn't change when a parameter is written out that has the same default in all versions of Kea. Where versions
    differ, leaving it out is one thing and writing it another.
    """
    block = ha.normal_form(ha.wanted_block(relationship, relationship.primary, None), ha.OLDEST)
    del block["this-server-name"]
    told = [block, relationship.replicate, sorted(relationship.local)]
    differing = ha.differing_defaults(relationship.mode, (ha.OLDEST, ha.NEWEST))
    chosen = {name: relationship.parameters[name] for name in differing if name in relationship.parameters}
    return digest([*told, chosen] if chosen else told)


def local_patterns(relationship: Relationship) -> tuple[str, ...]:
    """Return what is local as a stamp says it."""
    return tuple(sorted(relationship.local))


def stamp_for(relationship: Relationship, revision: str, marks: Fingerprints, version: str) -> Stamp:
    """Return the stamp that travels with a set to a server of that version, whose words `marks` are of."""
    return Stamp(
        relationship.name,
        revision,
        desired_digest(relationship),
        local_patterns(relationship),
        marks,
        version,
        relationship.on_remove,
        tuple(sorted(peer.name for peer in relationship.peers)),
    )


def hooks_directory(snapshot: Snapshot) -> str | None:
    """Return where a server's hook libraries are: the inventory's word, what is loaded, or build-report's."""
    return snapshot.endpoint.hooks_directory or hooks.directory_in_use(snapshot.config) or snapshot.hooks_directory


def replicated_part(relationship: Relationship, snapshot: Snapshot) -> dict[str, Any]:
    """Return what of a server's configuration follows the authority in this relationship.

    Where a server of it is in other relationships too, these are the relationship's subnets and shared networks only:
    everything else of such a server serves the others as well.
    """
    snapshot = cleared(relationship, snapshot)
    config = _own_part(relationship, snapshot) if relationship.is_spoke else snapshot.config
    return replicated(config, relationship.service, _local(relationship))


def _local(relationship: Relationship) -> tuple[str, ...]:
    """Return the path patterns of what is local, in the words of every version."""
    tags = hubs.tag_patterns(relationship.service) if relationship.is_spoke else ()
    return (*in_all_words(relationship.local), *tags)


def _own_part(relationship: Relationship, snapshot: Snapshot) -> Mapping[str, Any]:
    peer = peer_of(relationship, snapshot)
    if not peer.is_hub:
        return {key: snapshot.config[key] for key in hubs.keys(relationship.service) if key in snapshot.config}
    names = _all_names(relationship, snapshot)
    return hubs.part_of(snapshot.config, relationship.service, names, with_untagged=_is_alone(relationship, snapshot))


def _all_names(relationship: Relationship, snapshot: Snapshot) -> set[str]:
    """Return by which names a hub may have what is the relationship's: its peers', and those that they are to lose."""
    now = (block_of(snapshot) or {}).get("peers") or ()
    return {each.name for each in relationship.peers} | {str(each.get("name")) for each in now}


def peer_of(relationship: Relationship, snapshot: Snapshot) -> Peer:
    """Return the peer that a server is in the relationship."""
    return next(peer for peer in relationship.peers if peer.server == snapshot.endpoint.server)


def _is_alone(relationship: Relationship, snapshot: Snapshot) -> bool:
    """Whether a server is in this relationship only, so far: all that it has is the relationship's then. What one that
    was in others has without a mark is its own, as it was then.
    """
    is_only = len(hooks.relationships_of(snapshot.config)) == 1 and block_of(snapshot) is not None
    return is_only and not left_others(relationship, snapshot.config)


def untagged(relationship: Relationship, snapshot: Snapshot) -> Mapping[tuple[str, str], str]:
    """Return what of a hub's configuration doesn't say yet whose it is, by (kind, key), with the name it is to say.

    That is the relationship's own and, before the server gets this one as its second, what is the first one's.
    """
    if not peer_of(relationship, snapshot).is_hub:
        return {}
    other = _first_of_two(snapshot)
    part, tag = _own_part(relationship, snapshot), relationship.primary.name
    if other:
        part, tag = snapshot.config, other
    return dict.fromkeys(hubs.untagged(part, relationship.service), tag)


def _first_of_two(snapshot: Snapshot) -> str | None:
    """Return the name of the primary of the one relationship that a server is in, where that is not the one at hand."""
    blocks = hooks.relationships_of(snapshot.config)
    if len(blocks) != 1 or block_of(snapshot) is not None:
        return None
    return next((str(peer["name"]) for peer in blocks[0]["peers"] if peer.get("role") == Role.PRIMARY), None)


def _on_hub(relationship: Relationship, snapshot: Snapshot, data: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return a hub's configuration with the relationship's part replaced, or only tagged where it keeps its own."""
    service, own, other = relationship.service, snapshot.config, _first_of_two(snapshot)
    if other:
        own = hubs.all_tagged(own, service, other)
    part = (
        _own_part(relationship, snapshot) if data is None else overlay(dict(data), own, service, _local(relationship))
    )
    names = _all_names(relationship, snapshot)
    tag = relationship.primary.name
    return hubs.joined(own, service, names, part, tag, with_untagged=_is_alone(relationship, snapshot))


def in_words_of(relationship: Relationship, snapshot: Snapshot, version: str, *, upgraded: bool = False) -> Translation:
    """Return what of a server's configuration follows the authority, in the words of a version of Kea.

    `upgraded` as in `translation.translate`. What is local stays out, in whichever words.
    """
    part = replicated_part(relationship, snapshot)
    said = translate(part, relationship.service, snapshot.version, version, upgraded=upgraded)
    if said.part is part or not (relationship.local or relationship.is_spoke):
        return said
    filled = overlay(dict(said.part), {}, relationship.service, _local(relationship))
    if relationship.is_spoke:  # translating adds what a version shows at the top by itself
        filled = {key: value for key, value in filled.items() if key in part}
    return replace(said, part=filled)


def cleared(relationship: Relationship, snapshot: Snapshot) -> Snapshot:
    """Return a snapshot of a server as if nothing kept it from serving, as what it becomes in a relationship again."""
    config = without_pool_guards(relationship, replace(snapshot, config=without_guards(relationship, snapshot)))
    return snapshot if config is snapshot.config else replace(snapshot, config=config)


def without_pool_guards(relationship: Relationship, snapshot: Snapshot) -> Mapping[str, Any]:
    """Return a server's configuration without the guards of split pools, where the relationship leaves load-balancing;
    what we divided is joined.

    In hot-standby nobody is in the class of the standby, so its half of the pools would serve nobody.
    """
    block = block_of(snapshot)
    if block is None or block.get("mode") != Mode.LOAD_BALANCING or relationship.mode is Mode.LOAD_BALANCING:
        return snapshot.config
    names = {str(peer.get("name")) for peer in block["peers"]} | {peer.name for peer in relationship.peers}
    return pools.without_guards(snapshot.config, relationship.service, names).config


def without_guards(relationship: Relationship, snapshot: Snapshot) -> Mapping[str, Any]:
    """Return a server's configuration without the guards that kept it from serving while it was in no relationship.

    On a server that is in others too, or was, those of subnets that this relationship is not about stay.
    """
    names = _all_names(relationship, snapshot)
    entries = len(hooks.relationships_of(snapshot.config))
    has_others = entries > (block_of(snapshot) is not None) or (
        entries > 0 and hubs.has_disabled_of_others(snapshot.config, relationship.service, names)
    )
    networks = snapshot.config.get(hubs.NETWORKS) or () if has_others else ()
    inside = {
        str(subnet.get("subnet"))
        for network in networks
        if hubs.tag_of(network) in names
        for subnet in network.get(relationship.service.subnets) or ()
    }

    def concerns(subnet: Mapping[str, Any]) -> bool:
        return not has_others or hubs.tag_of(subnet) in names or subnet.get("subnet") in inside

    return guards.enabled(snapshot.config, relationship.service, concerns=concerns)


def outgoing(
    relationship: Relationship,
    peer: Peer,
    snapshot: Snapshot,
    data: Mapping[str, Any] | None,
    *,
    marks: Fingerprints,
    block_changes: bool,
    revision: str,
    generation: int = 0,
    earlier: tuple[str, ...] = (),
    former: tuple[Former, ...] = (),
    source: str = "",
    kept: Stamp | None = None,
) -> dict[str, Any]:
    """Return the whole configuration (what stands under Dhcp4 or Dhcp6) to set on a server.

    `data` is the authority's replicated part in the server's words, None where the server keeps its own; `marks` are
    the fingerprints of the one or the other. `generation`, `earlier`, `former` and `source` are the stamp's; from the
    stamp `kept` comes what it says of the relationship itself, where that stays as the server has it. Local parts,
    hooks that aren't ours and unknown keys are the server's own; values are shared with the inputs, nothing is altered.
    """
    snapshot = cleared(relationship, snapshot)
    own = snapshot.config
    config = with_data(relationship, snapshot, data)
    standing = block_of(snapshot)
    block = standing
    if block_changes or block is None:
        block = ha.wanted_block(relationship, peer, standing, snapshot.version)
    config["hooks-libraries"] = hooks.with_relationship(own, block, snapshot.place, hooks_directory(snapshot) or "")
    stamp = stamp_for(relationship, revision, marks, snapshot.version)
    may_age = (
        relationship.on_primary_return is not OnPrimaryReturn.HOLD  # who moved has to be known then
        and single_commands.are_loaded(config, snapshot.version)
        and not single_commands.can_stamp(config)
    )
    stamp = replace(stamp, may_age=may_age, generation=generation, earlier=earlier, former=former, source=source)
    if kept is not None:
        stamp = replace(stamp, desired=kept.desired, on_remove=kept.on_remove, peers=kept.peers)
    left = left_others(relationship, snapshot.config) if peer.is_hub else ()
    return with_stamp(config, stamp, kept=other_stamps(relationship, snapshot), left=left)


def with_data(relationship: Relationship, snapshot: Snapshot, data: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return a server's configuration with `data` for its replicated part, its own where that is None; what is local to
    it stays. Without a stamp, where the data take the place of all that is not local.
    """
    own = snapshot.config
    if peer_of(relationship, snapshot).is_hub:
        return _on_hub(relationship, snapshot, data)
    if data is None:
        return dict(own)
    if relationship.is_spoke:
        return {**own, **overlay(dict(data), own, relationship.service, _local(relationship))}
    config = {**data, **{key: own[key] for key in LOCAL if key in own}}
    return overlay(config, own, relationship.service, in_all_words(relationship.local))


def other_stamps(relationship: Relationship, snapshot: Snapshot) -> tuple[Stamp, ...]:
    """Return the stamps that a server carries of other relationships that it still is in."""
    entries = len(hooks.relationships_of(snapshot.config)) - (block_of(snapshot) is not None)
    if not entries:
        return ()
    return tuple(stamp for stamp in read_stamps(snapshot.config) if stamp.relationship != relationship.name)


def dedicated_listener_is_on(relationship: Relationship, snapshot: Snapshot) -> bool:
    """Whether the peers talk through listeners of the HA hook itself, which a reload closes for a moment.

    The hook falls back to the control channel where the server as a whole is single-threaded.
    """
    form = ha.normal_form(ha.wanted_block(relationship, relationship.primary, None), snapshot.version)
    return listens_itself(form, snapshot)


def listens_itself(form: Mapping[str, Any], snapshot: Snapshot) -> bool:
    """Whether a server with this entry of the HA hook, in normal form, opens a listener of the hook's own."""
    threads = form["multi-threading"]
    whole = (snapshot.config.get("multi-threading") or {}).get("enable-multi-threading", False)
    return bool(whole and threads["enable-multi-threading"] and threads["http-dedicated-listener"])


def is_waited_for(snapshots: Iterable[Snapshot]) -> bool:
    """Whether one of these servers waits for every backup, as it is now."""
    return any(waits_for_backups(block_of(each)) for each in snapshots)


def waits_for_backups(block: Mapping[str, Any] | None) -> bool:
    """Whether a server with this entry of the HA hook gives a lease only once every backup has acknowledged it.

    With one that does not, an exchange ends without an answer to the client (seen on 2.2.0, 2.6.3 and 3.0.3).
    """
    return bool(block and block.get("mode") == Mode.PASSIVE_BACKUP and block.get("wait-backup-ack"))
