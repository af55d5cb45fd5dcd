"""Whether the authority lived through what was last replicated from it, told by a mark in its own memory: pure.

Commands for single objects count as no commit in Kea. So a server that they brought back to what it had earlier looks
like one that was started with an old file. The mark tells them apart: it is made of the running process alone, after
followers got their stamps, and a process that was started since, or put back with its memory, has none or an older one.
"""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.kea import single_commands as single
from reconciler.kea.stamps import witness_marks, witness_set_at, witnessed
from reconciler.kea.versions import Capability, can
from reconciler.model import Command, Relationship, RelationshipPlan, ServerPlan, Snapshot
from reconciler.planning.server_plan import stamp_in, stamp_of

_AT_START = 10  # seconds in which a daemon that starts has taken the configuration in its file
_A_BYTE = 1e-6  # seconds more: 2.2.0 took 20 on two busy cores for 10,000 subnets with 300,000 reservations
_SAME_COMMIT = 10  # seconds by which two readings of when a server committed last may differ on a busy machine


def is_as_started(snapshot: Snapshot) -> bool:
    """Whether a server runs what was in its file when it started, as far as commits tell. Kea counts its time from
    before it reads that, and the larger it is the longer that takes: rather too long, which holds more.
    """
    return snapshot.uptime - snapshot.reload <= _AT_START + _A_BYTE * snapshot.size


def has_witnessed(relationship: Relationship, source: Snapshot, follower: Snapshot) -> bool:
    """Whether a server was running already, with its memory, when it was replicated last to one that has a stamp.

    Where commands leave the stamp as it is, nothing tells when that was. One that commands renew may say for the moment
    that data are on their way: these came from what the server has had since the replication before.
    """
    stamp = stamp_of(relationship, follower)
    if stamp is None or (stamp.may_age and follower.carrier is None):
        return False
    return 0 < stamp.generation <= _seen(relationship, source)


def is_put_back(relationship: Relationship, source: Snapshot, follower: Snapshot) -> bool:
    """Whether a server seems to have a memory from before the last replication to one that has a stamp.

    Its mark is older than that, and nothing was committed since that mark was made: so it did not come with a
    configuration that somebody set. It is left so, too, by a run that ended before it could mark.
    """
    stamp, marked_at = stamp_of(relationship, follower), witness_set_at(source.config, relationship.name)
    if stamp is None or marked_at is None or source.set_at is None:
        return False
    return _seen(relationship, source) < stamp.generation and abs(source.set_at - marked_at) <= _SAME_COMMIT


def _seen(relationship: Relationship, source: Snapshot) -> int:
    """Return the newest generation of stamps that a server's memory tells of."""
    own = stamp_of(relationship, source)  # came to it in the same way
    return max(witnessed(source.config, relationship.name), own.generation if own and not own.may_age else 0)


def witness(plan: RelationshipPlan) -> str | None:
    """Return the name of the authority that is to be marked when a plan is done; None where none is.

    It is where it has the commands. What is changed itself gets a stamp that says the same.
    """
    found = next((each for each in plan.servers if each.peer.server == plan.authority.server), None)
    if found is None or found.outgoing is not None or not plan.replicates or not _can_be_marked(found.snapshot):
        return None
    is_told = any(_renews_stamp(plan.relationship, each) for each in plan.servers if each is not found)
    return found.peer.server if is_told else None


def _can_be_marked(snapshot: Snapshot) -> bool:
    is_able = can(snapshot.version, Capability.SINGLE_COMMANDS)
    return is_able and single.offers_stamping(snapshot.commands or (), snapshot.carrier)


def _renews_stamp(relationship: Relationship, server: ServerPlan) -> bool:
    stamp = None if server.outgoing is None else stamp_in(relationship, server.outgoing)
    return stamp is not None and not stamp.may_age


def marking(relationship: Relationship, source: Snapshot, followers: Iterable[Snapshot]) -> Command | None:
    """Return the command that marks a server with the newest of its followers' stamps, as they are now; None where it
    has that mark.
    """
    stamps = (stamp_of(relationship, each) for each in followers)
    newest = max((each.generation for each in stamps if each is not None and not each.may_age), default=0)
    if newest <= witnessed(source.config, relationship.name):
        return None
    marks = witness_marks(source.config, relationship.name, newest, source.set_at)
    return single.stamping(marks, source.commands or (), source.carrier)
