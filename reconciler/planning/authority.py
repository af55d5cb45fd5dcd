"""Which server is the truth for a relationship's DHCP data now, and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from reconciler.kea.ha import same_url
from reconciler.model import Authority, Live, Mode, Relationship, Role, Snapshot, Unreachable
from reconciler.planning import wanted
from reconciler.planning.places import located
from reconciler.planning.server_plan import stamp_of
from reconciler.planning.standing import own_entry


def authority(relationship: Relationship, live: Mapping[str, Live], *, is_settling: bool = False) -> Authority:
    """Return the authority of a relationship.

    `live` holds what was read of each peer, by server name. The in-memory configuration of the primary is the truth;
    while it can't be read its partner's is, and with neither there is none. Who these two are, the servers say as long
    as desired gives the roles to others (`acting`). A backup is never the truth: it answers nobody. `is_settling` says
    that the primary is back too short a time to be relied on: its partner goes on to be the truth where that answers.
    """
    works = acting(relationship, live)
    primary, partner = works.primary.server, works.partner
    if is_settling and partner is not None and not isinstance(live[partner.server], Unreachable):
        return Authority(
            partner.server,
            f"the primary {primary} is back, but not for long enough; its {partner.role} {partner.server} is the truth "
            "until then",
        )
    if not isinstance(live[primary], Unreachable):
        until = "" if primary == relationship.primary.server else " until the roles are changed,"
        return Authority(primary, f"{primary} is the primary{until} and answers")
    if partner is None:
        why = "passive-backup has no other" if works.mode is Mode.PASSIVE_BACKUP else "its partner is no peer any more"
        return Authority(None, f"the primary {primary} can't be reached, and {why}")
    if not isinstance(live[partner.server], Unreachable):
        return Authority(
            partner.server,
            f"the primary {primary} can't be reached; its {partner.role} {partner.server} is the truth until then",
        )
    return Authority(None, f"neither {primary} nor {partner.server} can be reached")


def promoted_authority(relationship: Relationship, live: Mapping[str, Live]) -> Authority:
    """Return the partner as the authority, because a person asked for it; none where that can't be."""
    works = acting(relationship, live)
    primary, partner = works.primary.server, works.partner
    if partner is None:
        return Authority(None, f"passive-backup has no server beside {primary} that answers clients", is_promoted=True)
    away = [name for name in (primary, partner.server) if isinstance(live[name], Unreachable)]
    if away:
        return Authority(None, f"{' and '.join(away)} can't be reached", is_promoted=True)
    reason = f"what the {partner.role} {partner.server} has is taken over to {primary}, as asked for"
    return Authority(partner.server, reason, is_promoted=True)


def acting(relationship: Relationship, live: Mapping[str, Live]) -> Relationship:
    """Return the relationship with the mode and the roles in which its servers work now; as desired has it, where they
    work so, don't say how, or name no primary that is among its servers, or more than one.

    `live` is as for `authority`, but may lack what can't be read. The word of those counts on whom a change in desired
    is still due. A server whose stamp says that it was given the very relationship that is desired has no say: what it
    has otherwise is a person's doing. Nor has a backup, which may have missed a change, beside a server that answers
    clients. One that can't be read, or has no entry, is known by the url, or else the name, that the others have for
    it.
    """
    if relationship.is_absent:
        return relationship
    inside = [located(relationship, each) for each in live.values() if isinstance(each, Snapshot)]
    inside = [each for each in inside if wanted.block_of(each) is not None]
    blocks = [wanted.block_of(each) or {} for each in _with_a_say(relationship, inside)]
    roles: dict[str, Role] = {}
    for entry in (entry for block in blocks for entry in block.get("peers") or ()):
        server = _server_of(entry, relationship, inside)
        role = str(entry.get("role"))
        if server is not None and role in {Role.PRIMARY, Role.SECONDARY, Role.STANDBY}:
            roles.setdefault(server, Role(role))
    modes = {str(block.get("mode")) for block in blocks}
    mode = next((Mode(each) for each in modes if each in list(Mode) and len(modes) == 1), relationship.mode)
    peers = tuple(replace(peer, role=roles.get(peer.server, Role.BACKUP)) for peer in relationship.peers)
    is_clear = len(_primaries(blocks)) == 1 and list(roles.values()).count(Role.PRIMARY) == 1
    if not is_clear or (mode, peers) == (relationship.mode, relationship.peers):
        return relationship
    return replace(relationship, mode=mode, peers=peers)


def still_to_be_applied(relationship: Relationship, works: Relationship) -> Iterator[str]:
    """Yield the mode and the roles that desired has, where the servers work in others (see `acting`)."""
    due = [] if relationship.mode is works.mode else [f"mode {relationship.mode}"]
    pairs = zip(relationship.peers, works.peers, strict=True)
    due += [f"{peer.server} as {peer.role}" for peer, now in pairs if peer.role is not now.role]
    if due:
        yield f"still to be applied: {', '.join(due)}"


def _with_a_say(relationship: Relationship, inside: Sequence[Snapshot]) -> Iterator[Snapshot]:
    """Yield those of the servers with an entry whose word counts."""
    main = [each for each in inside if (own_entry(each) or {}).get("role") != Role.BACKUP]
    digest = wanted.desired_digest(relationship)
    for each in main or inside:
        stamp = stamp_of(relationship, each)
        if stamp is None or stamp.desired != digest:
            yield each


def _primaries(blocks: Sequence[Mapping[str, Any]]) -> set[str]:
    peers = (peer for block in blocks for peer in block.get("peers") or ())
    return {str(peer.get("name")) for peer in peers if peer.get("role") == Role.PRIMARY}


def _server_of(entry: Mapping[str, Any], relationship: Relationship, inside: Sequence[Snapshot]) -> str | None:
    """Return which of the servers an entry of `peers` means, None where that can't be said."""
    name, url = str(entry.get("name")), str(entry.get("url"))
    own = [each for each in inside if str((wanted.block_of(each) or {}).get("this-server-name")) == name]
    if own:  # two of one name: a copied configuration, no witness
        return own[0].endpoint.server if len(own) == 1 else None
    told = {each.endpoint.server for each in inside}
    silent = [peer for peer in relationship.peers if peer.server not in told]
    named = [peer for peer in silent if peer.name == name]
    found = [*(peer for peer in silent if same_url(peer.url, url)), *named]
    return found[0].server if found else None
