"""Why nothing can be planned for servers that all answered: what is out of reach of any order of steps."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from reconciler.kea import ha, hooks
from reconciler.kea.translation import Translation
from reconciler.kea.versions import has_several_relationships
from reconciler.model import Relationship, Role, Snapshot
from reconciler.planning import wanted
from reconciler.planning.server_plan import stamp_of
from reconciler.planning.standing import main_of, name_each_other


def undecidable(
    relationship: Relationship, snapshots: Mapping[str, Snapshot], leaving: Collection[str] = ()
) -> Iterator[str]:
    """Yield every reason why nothing can be planned for servers that all answered.

    `leaving` are the names of peers that are taken out of the relationship.
    """
    yield from unable(relationship, snapshots)
    yield from _another(relationship, snapshots, leaving)


def unable(relationship: Relationship, snapshots: Mapping[str, Snapshot]) -> Iterator[str]:
    """Yield why single servers, whatever the others are, can't be in the relationship."""
    for name, snapshot in snapshots.items():
        blocks = hooks.relationships_of(snapshot.config)
        peer = next(peer for peer in relationship.peers if peer.server == name)
        if peer.is_hub and not has_several_relationships(snapshot.version):
            yield (
                f"{name} runs Kea {snapshot.version}, which takes one relationship only; "
                "a server can be in several (hub and spoke) from 2.5.5 on"
            )
        if not blocks and wanted.hooks_directory(snapshot) is None:
            yield f"{name} does not tell where its hook libraries are; give hooks-directory in the inventory"


_MOST_LACKS, _MOST_PLACES = 5, 3  # that are named of what a server's version can't say


def inexpressible(source: Snapshot, snapshots: Mapping[str, Snapshot], words: Mapping[str, Translation]) -> str | None:
    """Return which servers run a version of Kea that can't say what the authority's data say, and what that is; None
    where all can.

    `words` are the authority's data in the words of the versions of the other servers. Nothing of a relationship is
    changed then: the server would do something else than the authority, and a client would get the one or the other.
    """
    told = {
        name: f"{name} runs {each.version}, which has {_lacking(words[each.version])}"
        for name, each in snapshots.items()
        if each is not source and each.version in words and words[each.version].inexpressible
    }
    if not told:
        return None
    authority = source.endpoint.server
    way = f"take it out of {authority}'s configuration, or bring {' and '.join(told)} to the version of {authority}"
    return f"{'. '.join(told.values())}; {way}"


def unknown_parameters(relationship: Relationship, snapshots: Mapping[str, Snapshot]) -> str | None:
    """Return which parameters that desired names the Kea of a server does not know, None where all do.

    Kea takes them without a word and does without, so that the two servers would not do the same.
    """
    found = {name: ha.unknown(relationship, each.version)[0] for name, each in snapshots.items()}
    told = [
        f"{name} runs {snapshots[name].version}, which has no {'; no '.join(lacking)}"
        for name, lacking in found.items()
        if lacking
    ]
    if not told:
        return None
    servers = " and ".join(name for name, lacking in found.items() if lacking)
    return f"{'. '.join(told)}; take it out of desired, or bring {servers} to a version that has it"


def _lacking(words: Translation) -> str:
    places: dict[str, list[str]] = {}
    for each in words.inexpressible:
        places.setdefault(each.lacks, []).append(each.where)
    parts = [f"no {lacks}: {_some(found, _MOST_PLACES, ', ')}" for lacks, found in places.items()]
    return _some(parts, _MOST_LACKS, "; ")


def _some(texts: list[str], most: int, between: str) -> str:
    more = f" and {len(texts) - most} more" if len(texts) > most else ""
    return between.join(texts[:most]) + more


def _another(relationship: Relationship, snapshots: Mapping[str, Snapshot], leaving: Collection[str]) -> Iterator[str]:
    """Yield that servers are in another relationship than the desired one.

    What names, urls, mode and roles they have otherwise is a change, or drift, of this one where it carries our stamp,
    where any server has it as desired already, or where all the servers have each other for peers.
    """
    blocks = {peer.server: wanted.block_of(snapshots[peer.server]) for peer in relationship.peers}
    standing = {name: block for name, block in blocks.items() if block is not None}
    if not standing:
        return
    main = main_of(relationship, [(peer, snapshots[peer.server]) for peer in relationship.peers])
    staying = {str((standing.get(peer.server) or {}).get("this-server-name")) for peer in relationship.peers}
    staying |= {peer.name for peer in relationship.peers}
    for peer in relationship.peers:
        block = standing.get(peer.server)
        if block is None:
            continue
        if _structure(block) == _structure(ha.wanted_block(relationship, peer, block)):
            return
    if any(stamp_of(relationship, snapshot) for snapshot in snapshots.values()) or name_each_other(
        snapshot for _, snapshot in main
    ):
        yield from dict.fromkeys(_leaving(standing, staying | set(leaving)))
        return
    for server, block in standing.items():
        peers = ", ".join(sorted(_structure(block)["peers"]))
        yield (
            f"{server} already is in another relationship, of the peers {peers}; "
            "describe that one (`kea-reconciler import`), or take the HA hook off the server first"
        )


def _leaving(standing: Mapping[str, Mapping[str, Any]], staying: set[str]) -> Iterator[str]:
    """Yield which peers that answer clients, or would, are not to be one any more: nobody would tell them so."""
    for block in standing.values():
        for name, peer in _structure(block)["peers"].items():
            if peer["role"] != Role.BACKUP and name not in staying:
                yield (
                    f"{name}, the {peer['role']}, is none of the peers any more, and it can't be told whether a server "
                    "that is one was called so: apply its new name alone first"
                )


def _structure(block: Mapping[str, Any]) -> dict[str, Any]:
    form = ha.normal_form(block, "0")
    peers = {name: {key: peer.get(key) for key in ("role", "url")} for name, peer in form["peers"].items()}
    return {"mode": form.get("mode"), "peers": peers}
