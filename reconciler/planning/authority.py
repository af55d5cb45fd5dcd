"""Which server is the truth for a relationship's DHCP data now, and why."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.model import Authority, Live, Relationship, Role, Snapshot, Unreachable
from reconciler.planning import wanted
from reconciler.planning.server_plan import stamp_of


def authority(relationship: Relationship, live: Mapping[str, Live], *, is_settling: bool = False) -> Authority:
    """Return the authority of a relationship.

    `live` holds what was read of each peer, by server name. The primary's in-memory configuration is the truth;
    while it can't be read its partner's is, and with neither there is none. A backup is never the truth: it answers
    nobody. `is_settling` says that the primary is back too short a time to be relied on: its partner goes on to be the
    truth where that answers.
    """
    primary, partner = relationship.primary.server, relationship.partner
    if is_settling and partner is not None and not isinstance(live[partner.server], Unreachable):
        return Authority(
            partner.server,
            f"the primary {primary} is back, but not for long enough; its {partner.role} {partner.server} is the truth "
            "until then",
        )
    if not isinstance(live[primary], Unreachable):
        return Authority(primary, f"{primary} is the primary and answers")
    if partner is None:
        return Authority(None, f"the primary {primary} can't be reached, and passive-backup has no other")
    if not isinstance(live[partner.server], Unreachable):
        return Authority(
            partner.server,
            f"the primary {primary} can't be reached; its {partner.role} {partner.server} is the truth until then",
        )
    return Authority(None, f"neither {primary} nor {partner.server} can be reached")


def promoted_authority(relationship: Relationship, live: Mapping[str, Live]) -> Authority:
    """Return the partner as the authority, because a person asked for it; none where that can't be."""
    primary, partner = relationship.primary.server, relationship.partner
    if partner is None:
        return Authority(None, f"passive-backup has no server beside {primary} that answers clients", is_promoted=True)
    away = [name for name in (primary, partner.server) if isinstance(live[name], Unreachable)]
    if away:
        return Authority(None, f"{' and '.join(away)} can't be reached", is_promoted=True)
    reason = f"what the {partner.role} {partner.server} has is taken over to {primary}, as asked for"
    return Authority(partner.server, reason, is_promoted=True)


def acting_authority(relationship: Relationship, snapshots: Mapping[str, Snapshot]) -> Authority | None:
    """Return the present primary as the authority as long as desired gives that role to another of the servers.

    It is the one that all servers say it is on whom a change in desired is still due. A server whose stamp says that it
    was given the very relationship that is desired has no say: what it has otherwise is a person's doing.
    """
    names: dict[str, str | None] = {}
    primaries = set()
    for server, snapshot in snapshots.items():
        block = wanted.block_of(snapshot)
        if block is None:
            continue
        name = str(block.get("this-server-name"))
        names[name] = None if name in names else server  # two of one name: a copied configuration, no witness
        stamp = stamp_of(relationship, snapshot)
        if stamp is None or stamp.desired != wanted.desired_digest(relationship):
            peers = block.get("peers") or ()
            primaries |= {str(peer.get("name")) for peer in peers if peer.get("role") == Role.PRIMARY}
    acting = names.get(primaries.pop()) if len(primaries) == 1 else None
    if acting in {None, relationship.primary.server}:
        return None
    return Authority(acting, f"{acting} is the primary until the roles are changed, and answers")
