"""By which other names the peers that answer clients are to go."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.model import Relationship, Role, Snapshot
from reconciler.planning.wanted import block_of

_SERVING = (Role.PRIMARY, Role.SECONDARY, Role.STANDBY)


def moved(relationship: Relationship, source: Snapshot) -> Mapping[str, str]:
    """Return the new names of the peers that answer clients, by those that the authority has them under."""
    old = _standing(source)
    new = [each.name for each in (relationship.primary, relationship.partner) if each is not None]
    return dict(zip((name for name in old if name not in new), (name for name in new if name not in old), strict=False))


def _standing(source: Snapshot) -> list[str]:
    """Return the names of the peers that answer clients, the primary first, as a server has them."""
    peers = (block_of(source) or {}).get("peers") or ()
    serving = [each for each in peers if each.get("role") in _SERVING]
    return [str(each.get("name")) for each in sorted(serving, key=lambda each: _SERVING.index(Role(each["role"])))]
