"""Whether a server's DHCP service can answer clients, whatever its HA says: a person may have switched it off
(dhcp-disable, told by Kea 2.6.2 and later), or its sockets may not be ready. HA doesn't look at either: such a server
takes scopes, and answers nobody (seen on 2.6.3 and 3.0.3).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from reconciler.model import Leftover, Live, Service, Snapshot

LiveWorld = Mapping[tuple[str, Service], Live]


def with_ours(live: LiveWorld, left: Sequence[Leftover]) -> dict[tuple[str, Service], Live]:
    """Return what was read, with a mark on the servers whose service an earlier run of ours switched off: the next
    one switches it on again.
    """
    ours = {(each.server, each.service): each for each in left}
    return {
        key: replace(each, is_off_by_us=True)
        if isinstance(each, Snapshot) and key in ours and is_silenced_still(ours[key], each)
        else each
        for key, each in live.items()
    }


def is_silenced_still(leftover: Leftover, snapshot: Snapshot) -> bool:
    """Whether a server's service is off, or may be, because a run of ours switched it off. One that was started anew
    since was on again: if it is off, a person did that.
    """
    is_another = snapshot.process.is_another_than(leftover.process)
    return leftover.is_silenced and not is_another and snapshot.disabled_by_user is not False


def is_off(snapshot: Snapshot) -> bool:
    """Whether a person switched the service off, as far as can be told."""
    return bool(snapshot.disabled_by_user) and not snapshot.is_off_by_us


def why_unable(snapshot: Snapshot) -> str | None:
    """Return in words, after the server's name, why it can't answer clients; None where it can, as far as it tells."""
    if is_off(snapshot):
        return "has its DHCP service switched off by dhcp-disable"
    if not snapshot.sockets_ready:
        return "has DHCP sockets that are not ready"
    return None


def remedy(snapshot: Snapshot) -> str:
    """Return what a person is to do about a server that can't."""
    server = snapshot.endpoint.server
    return f"send dhcp-enable to {server} first" if is_off(snapshot) else f"look at the interfaces of {server} first"
