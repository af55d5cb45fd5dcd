"""What a plan remarks on servers that are taken out of a relationship."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconciler.kea import hooks
from reconciler.model import OnRemove
from reconciler.planning.remnants import Member, Remains, stamps_of


def notes(remains: Remains, members: Sequence[Member], stays: Member) -> Iterator[str]:
    """Yield what a person is to know of a removal: `members` are all of them, and `stays` goes on alone."""
    yield from _other_names(remains, members)
    for name, url in remains.strangers:
        yield (
            f"the peer {name} at {url} is none of servers.yaml, so nothing can be done about it: if it still runs, "
            "and not as a backup, it takes over when it misses the others, and serves the same addresses; switch it off"
        )
    for member in members:
        if member is not stays and member.on_remove is OnRemove.KEEP:
            yield (
                f"on-remove is keep: {member.peer.server} and {stays.peer.server} will serve the same subnets without "
                "knowing of each other's leases"
            )
        yield from remaining_notes(member)


def _other_names(remains: Remains, members: Sequence[Member]) -> Iterator[str]:
    """Yield that the servers know the relationship by another name than the file that says it is absent."""
    stamps = {stamp.relationship: stamp for member in members for stamp in stamps_of(member)}
    for name, stamp in sorted(stamps.items()):
        if name != remains.name:
            yield (
                f"the servers know this relationship as {name}, with on-remove: {stamp.on_remove}; what counts is the "
                f"file of {remains.name}, which says on-remove: {members[0].on_remove}"
            )


def remaining_notes(member: Member) -> Iterator[str]:
    """Yield what of a server that leaves can't be settled here."""
    snapshot = member.snapshot
    entries = len(hooks.relationships_of(snapshot.config)) - (snapshot.place is not None)
    if entries:
        yield (
            f"{member.peer.server} stays in {entries} other relationship{'' if entries == 1 else 's'}: a client of a "
            "subnet that it no longer serves, and whose request reaches it when it reboots or rebinds, is refused by it"
        )
