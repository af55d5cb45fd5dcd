"""Relationships that servers already have, in the words of desired: the way from two servers made by hand to git."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from reconciler.kea import ha, hooks
from reconciler.kea.pools import are_divided_by_us
from reconciler.kea.stamps import read_stamps
from reconciler.model import ABSENT, Mode, Peer, Pools, Relationship, Role, Service, Snapshot
from reconciler.planning.diff import differences, field_changes
from reconciler.planning.places import at_place, with_live_hubs
from reconciler.planning.wanted import block_of, in_words_of, replicated_part

Remarks = Mapping[tuple[str | int, ...], str]

_ORDER = (Role.PRIMARY, Role.SECONDARY, Role.STANDBY, Role.BACKUP)

LONGEST_RELATIONSHIP, LONGEST_SERVER = 128, 240  # characters; the inventory takes 253, and a number may follow


@dataclass(frozen=True, slots=True)
class Imported:
    """A relationship that was found, what a reader of its file should know (by path in the document), and where
    the peers disagree, in words.
    """

    relationship: Relationship
    remarks: Remarks = field(default_factory=dict)
    disagreements: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NotImported:
    """A relationship that was seen on these servers but can't be described, and why."""

    servers: tuple[str, ...]
    reason: str


def find(snapshots: Sequence[Snapshot]) -> tuple[list[Imported], list[NotImported]]:
    """Return the relationships that these servers have, and those that can't be described, each sorted by server.

    The primary's word counts; where another peer says otherwise, that is remarked on and left for the plan to mend.
    """
    groups: dict[tuple[Service, frozenset[str]], list[Snapshot]] = {}
    left: list[NotImported] = []
    for snapshot in sorted(snapshots, key=lambda each: str(each.endpoint)):
        for number, block in enumerate(hooks.relationships_of(snapshot.config)):
            names = frozenset(str(peer.get("name")) for peer in block.get("peers") or ())
            groups.setdefault((snapshot.endpoint.service, names), []).append(
                snapshot if number == snapshot.place else at_place(snapshot, number)
            )
    found: list[Imported] = []
    for service, members in _joined(groups):
        each = _describe(service, members)
        found.append(each) if isinstance(each, Imported) else left.append(each)
    return _distinct(found), left


def _joined(
    groups: Mapping[tuple[Service, frozenset[str]], list[Snapshot]],
) -> Iterator[tuple[Service, list[Snapshot]]]:
    """Yield the servers that are in one relationship: those that name the same peers, and with them those that name
    more or fewer, as long as both know each other: one of them was changed and the other was not.
    """
    rest = dict(groups)
    for (service, names), members in sorted(groups.items(), key=lambda group: (-len(group[0][1]), sorted(group[0][1]))):
        if rest.pop((service, names), None) is None:
            continue
        mine = {_own_name(each) for each in members}
        joined = list(members)
        for other in [key for key in rest if key[0] is service and key[1] < names]:
            theirs = {_own_name(each) for each in rest[other]}
            if theirs <= names and mine & other[1] and not theirs & mine:
                joined += rest.pop(other)
                mine |= theirs
        yield service, sorted(joined, key=lambda each: str(each.endpoint))


def _distinct(found: Sequence[Imported]) -> list[Imported]:
    """Give relationships that have the same name, such as one from a copied stamp, names made of their servers'."""
    names = Counter(each.relationship.name for each in found)
    return [
        replace(each, relationship=replace(each.relationship, name=_made_name(each.relationship)))
        if names[each.relationship.name] > 1
        else each
        for each in found
    ]


def _own_name(snapshot: Snapshot) -> str:
    """The name by which a server knows itself in its relationship."""
    return str((block_of(snapshot) or {}).get("this-server-name"))


def _describe(service: Service, snapshots: Sequence[Snapshot]) -> Imported | NotImported:
    servers = tuple(snapshot.endpoint.server for snapshot in snapshots)
    members = {_own_name(snapshot): snapshot for snapshot in snapshots}
    if len(members) < len(snapshots):
        told = ", ".join(f"{each.endpoint.server} says it is {_own_name(each)!r}" for each in snapshots)
        return NotImported(servers, f"two servers have the same this-server-name ({told}); give each its own first")
    block = block_of(_primary(members) or next(iter(members.values()))) or {}
    names = {str(peer.get("name")) for peer in block.get("peers") or ()}
    missing = sorted(names - set(members))
    if missing:
        were_not = "is not among the servers that were read, or has another relationship"
        advice = "give its address too, by --control or in servers.yaml"
        return NotImported(servers, f"its peer {', '.join(missing)} {were_not}; {advice}")
    strangers = {name: members.pop(name) for name in sorted(set(members) - names)}
    roles = sorted(str(peer.get("role")) for peer in block.get("peers") or ())
    if not are_roles_of(str(block.get("mode")), roles):
        return NotImported(servers, f"mode {block.get('mode')} with roles {', '.join(roles)} is none that Kea has")
    found = _imported(service, members, block)
    unknown = tuple(
        f"{each.endpoint.server} takes itself for a peer named {name}, which the primary's configuration doesn't know"
        for name, each in strangers.items()
    )
    return replace(found, disagreements=(*found.disagreements, *unknown))


def are_roles_of(mode: str, roles: Sequence[str]) -> bool:
    """Whether a mode can have peers of these roles: any number of backups beside those that it needs."""
    needed = {each.value: [Role.PRIMARY, each.partner_role] for each in Mode}.get(mode)
    main = sorted(role for role in roles if role != Role.BACKUP)
    return needed is not None and main == sorted(role.value for role in needed if role)


def _primary(members: Mapping[str, Snapshot]) -> Snapshot | None:
    for name, snapshot in members.items():
        peers = (block_of(snapshot) or {}).get("peers") or ()
        if any(peer.get("name") == name and peer.get("role") == Role.PRIMARY for peer in peers):
            return snapshot
    return None


def as_it_stands(service: Service, members: Mapping[str, Snapshot], block: Mapping[str, Any]) -> Relationship:
    """Return the relationship, without a name, that the primary's entry `block` of the HA hook describes; `members` are
    the servers by the names of their peers.
    """
    source = _primary(members) or next(iter(members.values()))
    mode = Mode(str(block["mode"]))
    form = _with_agreed_files(ha.normal_form(block, source.version), members)
    peers = tuple(_peer(entry, members, form, source.version) for entry in block["peers"])
    is_balancing = mode is Mode.LOAD_BALANCING
    return Relationship(
        name="",
        service=service,
        mode=mode,
        peers=tuple(sorted(peers, key=lambda peer: (_ORDER.index(peer.role), peer.name))),
        parameters=_parameters(form, source.version),
        pools=Pools.SPLIT if are_divided_by_us(source.config, service) and is_balancing else Pools.SHARED,
    )


def _imported(service: Service, members: Mapping[str, Snapshot], block: Mapping[str, Any]) -> Imported:
    source = _primary(members) or next(iter(members.values()))
    relationship = as_it_stands(service, members, block)
    relationship = with_live_hubs(relationship, {each.endpoint.server: each for each in members.values()})
    name = _stamped_name(members)
    stamped = next((each for each in read_stamps(source.config) if each.relationship == name), None)
    if stamped is not None:
        relationship = replace(relationship, on_remove=stamped.on_remove)
    relationship = replace(relationship, name=name or _made_name(relationship))
    remarks: dict[tuple[str | int, ...], str] = {}
    remarks |= _credential_remarks(relationship, block)
    disagreements = [text for path, text in _disagreements(relationship, members, source, remarks)]
    relationship, data = _data_agreement(relationship, members, source, remarks)
    return Imported(relationship, remarks, (*disagreements, *data))


def _stamped_name(members: Mapping[str, Snapshot]) -> str | None:
    """The name in the servers' stamps where they agree on one that a relationship can have."""
    stamped = [{stamp.relationship for stamp in read_stamps(each.config)} for each in members.values()]
    names = list(set.intersection(*stamped))  # a hub carries those of its other relationships too
    return names[0] if len(names) == 1 and names[0] == fit_name(names[0], LONGEST_RELATIONSHIP) else None


def _made_name(relationship: Relationship) -> str:
    """A name made of the servers' names; the service tells apart what one pair of servers has twice."""
    servers = "-".join(sorted(peer.server for peer in relationship.peers))
    ending = f"-{relationship.service}"
    return fit_name(servers, LONGEST_RELATIONSHIP - len(ending)) + ending


def fit_name(text: str, longest: int) -> str:
    """Return a text as the name of a server or a relationship has to be: letters, digits, dots, hyphens and
    underscores, the first and the last a letter or a digit.
    """
    fit = re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("._-")[:longest].rstrip("._-")
    return fit or "unnamed"


def _peer(entry: Mapping[str, Any], members: Mapping[str, Snapshot], form: Mapping[str, Any], version: str) -> Peer:
    name = str(entry["name"])
    filled = form["peers"][name]
    names = [key for key in ha.PEER_DEFAULTS if not ha.is_unknown(key, version)]
    options = {key: filled[key] for key in names if filled.get(key) != ha.PEER_DEFAULTS[key]}
    return Peer(members[name].endpoint.server, name, Role(str(entry["role"])), str(entry["url"]), options)


def _with_agreed_files(form: dict[str, Any], members: Mapping[str, Snapshot]) -> dict[str, Any]:
    """Leave out the paths of files that are not the same on every server: each server keeps its own."""
    others = [ha.normal_form(block_of(each) or {}, each.version) for each in members.values()]

    def agreed(mine: Mapping[str, Any], theirs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        differing = {key for key in ha.FILES if any(each.get(key) != mine.get(key) for each in theirs)}
        return {key: "" if key in differing else value for key, value in mine.items()}

    peers = {
        name: agreed(peer, [each["peers"].get(name, {}) for each in others]) for name, peer in form["peers"].items()
    }
    return {**agreed(form, others), "peers": peers}


def _parameters(form: Mapping[str, Any], version: str) -> dict[str, Any]:
    """The parameters that differ from Kea's default; those that we, or this version, don't know stay untouched."""
    usual = ha.normal_form({"mode": form["mode"]}, version)
    names = [name for name in ha.defaults(form["mode"], version) if not ha.is_unknown(name, version)]
    chosen = {name: form[name] for name in names if form[name] != usual[name]}
    if "multi-threading" in chosen:
        threads = usual["multi-threading"]
        chosen["multi-threading"] = {k: v for k, v in chosen["multi-threading"].items() if v != threads.get(k)}
    if "state-machine" in chosen:
        states = [{"state": state, "pause": pause} for state, pause in chosen["state-machine"].items()]
        chosen["state-machine"] = {"states": states}
    return chosen


def _credential_remarks(relationship: Relationship, block: Mapping[str, Any]) -> dict[tuple[str | int, ...], str]:
    entries = {str(entry["name"]): entry for entry in block["peers"]}
    return {
        ("peers", place, "basic-auth-user"): "its password stays on the servers; better: basic-auth-password-file"
        for place, peer in enumerate(relationship.peers)
        if ha.PASSWORD in entries[peer.name] and "basic-auth-user" in peer.options
    }


def _disagreements(
    relationship: Relationship,
    members: Mapping[str, Snapshot],
    source: Snapshot,
    remarks: dict[tuple[str | int, ...], str],
) -> Iterator[tuple[str, str]]:
    """Yield where another peer's entry of the HA hook differs from the primary's, and note it in `remarks`."""
    ours = ha.normal_form(block_of(source) or {}, source.version)
    for snapshot in members.values():
        if snapshot is source:
            continue
        theirs = ha.normal_form(block_of(snapshot) or {}, snapshot.version)
        server = snapshot.endpoint.server
        theirs |= {key: ours[key] for key in _left_to_kea(relationship, ours, source, theirs, snapshot)}
        theirs = ha.with_new_peers_in_short(theirs, ours)
        for key in sorted((ours.keys() | theirs.keys()) - {"this-server-name"}):
            for change in field_changes(key, ours.get(key, ABSENT), theirs.get(key, ABSENT)):
                if change.name.rpartition(".")[2] in ha.FILES:
                    continue  # each server keeps its own
                text = f"{server} has {change.name} {change.after}, {source.endpoint.server} has {change.before}"
                path = ("parameters", key) if key in relationship.parameters else ("name",)
                remarks[path] = "; ".join(filter(None, [remarks.get(path), text]))
                yield change.name, text


def _left_to_kea(
    relationship: Relationship,
    ours: Mapping[str, Any],
    source: Snapshot,
    theirs: Mapping[str, Any],
    other: Snapshot,
) -> list[str]:
    """The parameters in which each of two servers has the default of its own version of Kea: those agree."""
    mine, usual = ha.defaults(relationship.mode, source.version), ha.defaults(relationship.mode, other.version)
    differing = ha.differing_defaults(relationship.mode, (source.version, other.version))
    return [key for key in differing if ours[key] == mine[key] and theirs[key] == usual[key]]


def _data_agreement(
    relationship: Relationship,
    members: Mapping[str, Snapshot],
    source: Snapshot,
    remarks: dict[tuple[str | int, ...], str],
) -> tuple[Relationship, tuple[str, ...]]:
    """Replicate only what already agrees: interfaces become local, any other difference waits for a person."""
    pattern = f"/{relationship.service.subnets}/*/interface"
    for candidate in (relationship, replace(relationship, local=(pattern,))):
        if not any(_count_differences(candidate, source, each) for each in members.values()):
            return candidate, ()
    texts = tuple(
        f"{count} objects on {each.endpoint.server} differ from {source.endpoint.server}"
        for each in members.values()
        if (count := _count_differences(relationship, source, each))
    )
    remarks[("replicate",)] = "; ".join(texts) + "; true makes the primary's data the truth (look at `plan` first)"
    return replace(relationship, replicate=False), texts


def _count_differences(relationship: Relationship, source: Snapshot, other: Snapshot) -> int:
    """Count what differs, what the other server's version of Kea can't say included."""
    ours, theirs = in_words_of(relationship, source, other.version), replicated_part(relationship, other)
    differing = 0 if ours.part == theirs else sum(1 for _ in differences(theirs, ours.part, relationship.service))
    return differing + len(ours.inexpressible)


def named(snapshots: Sequence[Snapshot]) -> dict[tuple[str, Service], Snapshot]:
    """Give servers that were read by address alone a name each: the one they have in their relationship, else the
    address. Two services behind one address are one server where their names agree. Kea takes any text for a name;
    a server's name in the inventory is made fit for it.
    """
    found: dict[tuple[str, Service], Snapshot] = {}
    for snapshot in snapshots:
        block = block_of(snapshot)
        name = fit_name(str(block.get("this-server-name")) if block else snapshot.endpoint.control, LONGEST_SERVER)
        if (name, snapshot.endpoint.service) in found:
            name = f"{name}-{len(found) + 1}"
        endpoint = replace(snapshot.endpoint, server=name)
        found[name, endpoint.service] = replace(snapshot, endpoint=endpoint)
    return found
