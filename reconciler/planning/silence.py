"""Whose DHCP service may be switched off for a while (dhcp-disable), so that two don't serve the same clients.

Kea switches off a whole server, not one of its relationships: in every other one it would serve nobody either, and
not take over for a partner that dies meanwhile. So a server in several is never switched off, whatever is done to one
of them; who has it for a partner is. It is set last: as long as one of its state machines waits for a partner, be it
for max-response-delay, Kea answers nobody in any of its relationships (seen on 2.6.3 and 3.0.3).
"""

from __future__ import annotations

from reconciler.model import Peer, Snapshot
from reconciler.planning.places import has_others


def may_be_silenced(peer: Peer, snapshot: Snapshot) -> bool:
    """Whether a server may be switched off for a while: it is in no other relationship, nor is to be."""
    return not peer.is_hub and not has_others(snapshot)
