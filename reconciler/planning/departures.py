"""Servers that leave a relationship which stays: a backup no longer wanted, a partner whose place another takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from reconciler.model import Objection, OnRemove, Procedure, Relationship, RelationshipPlan, Role, Snapshot, Stage
from reconciler.planning import wanted
from reconciler.planning.remnants import Member
from reconciler.planning.removal import CODE, answers_now, covered, departed, fate, hazards, not_normal
from reconciler.planning.removal_notes import remaining_notes
from reconciler.planning.silence import may_be_silenced
from reconciler.planning.standing import own_entry

Strangers = Mapping[str, str]  # url by name


def departing(relationship: Relationship, snapshots: Mapping[str, Snapshot]) -> dict[str, str]:
    """Return the peers, url by name, that servers of a relationship have and it is to have no more.

    A server that is only to be called otherwise leaves nothing: its present name is one of the relationship's. So is
    the one by which a server still knows another that has its new name already.
    """
    blocks = [block for each in snapshots.values() if (block := wanted.block_of(each)) is not None]
    staying = {peer.name for peer in relationship.peers} | {str(block.get("this-server-name")) for block in blocks}
    members = [own for each in snapshots.values() if (own := own_entry(each)) is not None]
    return {
        str(peer.get("name")): str(peer.get("url", ""))
        for block in blocks
        for peer in block.get("peers") or ()
        if peer.get("name") not in staying and not _is_renamed(peer, block, members)
    }


def _is_renamed(peer: Mapping[str, Any], block: Mapping[str, Any], members: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a peer of an entry is a member that has another name by now, which the entry doesn't know: it is at the
    same address.
    """
    known = {each.get("name") for each in block.get("peers") or ()}
    hosts = {urlsplit(str(own.get("url", ""))).hostname for own in members if own.get("name") not in known}
    return urlsplit(str(peer.get("url", ""))).hostname in hosts


def with_departures(plan: RelationshipPlan, members: Sequence[Member], strangers: Strangers) -> RelationshipPlan:
    """Return the plan of the servers that stay with that of those that leave put before it.

    A backup goes on its own. A partner goes in the stage in which the primary gets another, which is whole or not at
    all; it is switched off until those two are normal.
    """
    name = plan.relationship.name
    everybody = (*plan.relationship.peers, *(member.peer for member in members))
    names = frozenset([*(peer.name for peer in everybody), *strangers])
    leaving = tuple(departed(name, member, names, keeps_serving=False) for member in members)
    return replace(
        plan,
        procedure=Procedure.MODIFY if plan.procedure is Procedure.NOTHING else plan.procedure,
        servers=(*leaving, *plan.servers),
        stages=_stages(plan, members),
        objections=(*_objections(plan, members, strangers), *plan.objections),
        notes=(*plan.notes, *_notes(members, strangers)),
    )


def _stages(plan: RelationshipPlan, members: Sequence[Member]) -> tuple[Stage, ...]:
    alone = [member for member in members if member.peer.role is Role.BACKUP]
    partners = [member for member in members if member.peer.role is not Role.BACKUP]
    together = tuple(member.peer.server for member in partners)
    own = [_alone(member) for member in alone]
    primary = plan.relationship.primary.server
    place = next((n for n, stage in enumerate(plan.stages) if primary in stage.servers), None)
    if not together:
        return (*own, *plan.stages)
    if place is None:
        return (*own, *map(_alone, partners), *plan.stages)
    stage = plan.stages[place]
    standing = next(server.snapshot for server in plan.servers if server.peer.server == primary)
    merged = replace(
        stage,
        servers=(*together, *stage.servers),
        silenced=(*_silenced(partners), *stage.silenced),
        needs_normal=False,
        covered_by=covered(together, primary, standing),
    )
    return (*own, *plan.stages[:place], merged, *plan.stages[place + 1 :])


def _alone(member: Member) -> Stage:
    return Stage((member.peer.server,), _silenced([member]), needs_normal=False)


def _silenced(members: Sequence[Member]) -> tuple[str, ...]:
    return tuple(member.peer.server for member in members if may_be_silenced(member.peer, member.snapshot))


def farewell(relationship: str, members: Sequence[Member], strangers: Strangers) -> list[Objection]:
    """Return what of these servers' leaving a relationship, by its name, has to be approved."""
    gone = [*(member.peer.server for member in members), *strangers]
    return [
        Objection(
            CODE,
            f"{' and '.join(gone)} would leave {relationship}" + "".join(map(fate, members)),
            "approve if that is meant; if not, bring the peer back into the file",
            object=relationship,
        ),
        *hazards(members, None),
    ]


def _objections(plan: RelationshipPlan, members: Sequence[Member], strangers: Strangers) -> list[Objection]:
    found = farewell(plan.relationship.name, members, strangers)
    partners = [member for member in members if member.peer.role is not Role.BACKUP]
    if partners:
        staying = [Member(each.peer, each.snapshot, OnRemove.KEEP) for each in plan.servers]
        found += not_normal([*partners, *(each for each in staying if wanted.block_of(each.snapshot) is not None)])
    return found


def _notes(members: Sequence[Member], strangers: Strangers) -> list[str]:
    told = [
        f"the peer {name} at {url} is none of servers.yaml, so nothing can be done about it: if it still runs, "
        "and not as a backup, it takes over when it misses the others, and serves the same addresses; switch it off"
        for name, url in strangers.items()
    ]
    begins = {True: "goes on serving", False: "begins to serve"}
    kept = [
        f"on-remove is keep: {member.peer.server} {begins[answers_now(member)]} its subnets, without knowing of the "
        "others' leases"
        for member in members
        if member.on_remove is OnRemove.KEEP
    ]
    return [*told, *kept, *(note for member in members for note in remaining_notes(member))]
