"""Whose DHCP service may be switched off for a while (dhcp-disable), so that two don't serve the same clients.

Kea switches off a whole server, not one of its relationships: in every other one it would serve nobody either, and
not take over for a partner that dies meanwhile. So a server in several is never switched off, whatever is done to one
of them; who has it for a partner is. It is set last: as long as one of its state machines waits for a partner, be it
for max-response-delay, Kea answers nobody in any of its relationships (seen on 2.6.3 and 3.0.3).

In a hand-over Kea switches the service on by itself (max-period) should we be killed, or lose our way to the server.
Its partner may answer the same clients then, in which each could give one address to a client of its own for as long
as nobody applies again. That is the lesser evil: they know of each other and tell each other of every lease, while
nobody at all would be answered where we are gone before the partner answers, or after it has stopped to. A server
that is silenced since the two don't know of each other stays off until somebody looks, or both are seen to be normal.

Until the first set they do know of each other. So where another is about to answer for those that are silenced, they
are off for a time too at first, and for one that is as good as for good once it does: a set has Kea forget what runs.
"""

from __future__ import annotations

from reconciler.model import Disruption, Peer, RelationshipPlan, Snapshot, Stage
from reconciler.planning import wanted
from reconciler.planning.places import has_others

# Longer than a server may take for an answer while nothing can be sent to it, and no longer than a client that asks
# again waits in between at most (64 seconds, RFC 2131, 4.1).
LONGEST = 60
# Longer than it takes to the set, whatever keeps us; only another time takes the place of one that runs (see
# `running.switch`).
UNTIL_SET = 86_400


def may_be_silenced(peer: Peer, snapshot: Snapshot) -> bool:
    """Whether a server may be switched off for a while: it is in no other relationship, nor is to be."""
    return not peer.is_hub and not has_others(snapshot)


def longest(plan: RelationshipPlan, stage: Stage | None, server: str) -> int | None:
    """Return for how many seconds a server is switched off at most, should nobody be left who switches it on; None
    where it is to stay off then.
    """
    if stage is None or (server in stage.silenced and server not in returning(plan, stage)):
        return None
    return LONGEST


def returning(plan: RelationshipPlan, stage: Stage) -> list[str]:
    """Return which of the silenced serve again by themselves where nobody is left to have another answer for them: what
    they do then is what they did before. Not one that an earlier run has left off, which may have had reason to.
    """
    if not stage.covered_by or stage.method is Disruption.HAND_OVER:
        return []
    related = (each for each in plan.servers if wanted.block_of(each.snapshot) is not None)
    return [
        each.peer.server for each in related if each.peer.server in stage.silenced and not each.snapshot.is_off_by_us
    ]
