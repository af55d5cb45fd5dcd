"""What is done about the clients of one server while it is set: the choice, with the measurements that it rests on.

Every config-set starts Kea's HA anew at `waiting`, where a server answers nobody until it has heard its partner and has
fetched the leases. Its partner can answer its clients meanwhile (ha-scopes). For not one moment may both: each gives
out the next free address before it hears of the other's lease. So the server's own DHCP service is off from before its
partner answers for it until after (see `steps`).
"""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.model import Disruption, Mode, Procedure, RelationshipPlan, Role, ServerPlan
from reconciler.planning import wanted

UNCOVERED = "no other server can answer for it"


@dataclass(frozen=True, slots=True)
class Choice:
    """A method and why it is the one; `pauses` as in `Stage`."""

    method: Disruption
    because: str
    pauses: bool = False


def choose(mode: Mode, *, serves: bool, is_covered: bool, is_dedicated: bool) -> Choice:
    """Choose for one server of a relationship of this mode.

    `serves`: it answers clients now. `is_covered`: another one is normal and could answer for it. `is_dedicated`: the
    peers talk through listeners of the HA hook's own, which a set closes for a moment. In load-balancing the first
    lease update that fails makes the partner keep back all others (communication-recovery) until a heartbeat tells it
    that the server is normal. If it dies before, nobody knows of those leases; if it has more of them than
    delayed-updates-limit then, both begin anew, and nobody is answered for several heartbeats. So the partner is
    switched off as well for the moment of the set: no update fails.

    | serves | covered | mode           | listeners | method                             |
    |--------|---------|----------------|-----------|------------------------------------|
    | no     |         |                |           | none                               |
    | yes    | no      |                |           | restart                            |
    | yes    | yes     | load-balancing | dedicated | hand-over, both off during the set |
    | yes    | yes     | otherwise      |           | hand-over                          |

    Measured, both servers set, 40 new clients a second: where both answered for a moment, one to nine addresses were
    given to two clients, in every mode, on 2.2.0 and 3.0.3, with pools shared and split; with the server's service off
    none were. On 3.0.3 in load-balancing without the pause, one where the primary was killed in the middle, and at a
    heartbeat of 10 s unanswered were 830 of 2109; with it none, and 10 of 1346. What clients lose otherwise is in the
    README's table.
    """
    if not serves:
        return Choice(Disruption.NONE, "it answers no client")
    if not is_covered:
        return Choice(Disruption.RESTART, UNCOVERED)
    pauses = mode is Mode.LOAD_BALANCING and is_dedicated
    return Choice(Disruption.HAND_OVER, "its partner can answer for it", pauses)


def is_commanded(plan: RelationshipPlan, server: ServerPlan) -> bool:
    """Whether a plan changes a server by commands for single objects, and not by setting its configuration."""
    return bool(server.commands) and (
        server.told_disruption is not None
        or any(stage.otherwise is not None and server.peer.server in stage.servers for stage in plan.stages)
    )


def disruption(plan: RelationshipPlan, server: ServerPlan) -> Disruption:
    """Return what the clients of one server of a plan notice of it.

    A server that answers nobody now costs nothing whatever is done to it, unless others wait for it (wait-backup-ack).
    """
    if server.told_disruption is not None:
        return server.told_disruption
    name, view = server.peer.server, server.snapshot.ha
    stage = next((each for each in plan.stages if name in each.servers), None)
    if stage is None:
        return Disruption.RESTART if any(name in each.silenced for each in plan.stages) else Disruption.NONE
    if is_commanded(plan, server):
        return Disruption.NONE
    if server.peer.role is Role.BACKUP and wanted.is_waited_for(each.snapshot for each in plan.servers):
        return Disruption.RESTART
    is_silent = plan.procedure is Procedure.MODIFY and view is not None and not view.scopes
    return Disruption.NONE if is_silent else stage.method
