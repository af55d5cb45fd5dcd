"""Which server is the truth for a relationship's DHCP data now, and why."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.model import Authority, Live, Relationship, Unreachable


def authority(relationship: Relationship, live: Mapping[str, Live]) -> Authority:
    """Return the authority of a relationship.

    `live` holds what was read of each peer, by server name. The primary's in-memory configuration is the truth;
    while it can't be read its partner's is, and with neither there is none. A backup is never the truth: it answers
    nobody.
    """
    primary, partner = relationship.primary.server, relationship.partner
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
