"""What is done about the clients of one server while it is set: the choice, with the measurements that it rests on.

Every config-set starts Kea's HA anew at `waiting`, where a server answers nobody until it has heard its partner and has
fetched the leases. What the partner can do meanwhile depends on what Kea does with the leases that it gives then.
"""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.model import Disruption, Mode, Procedure, RelationshipPlan, Role, ServerPlan
from reconciler.planning import wanted


@dataclass(frozen=True, slots=True)
class Choice:
    """A method and why it is the one; `gives_back_early` as in `Stage`."""

    method: Disruption
    because: str
    gives_back_early: bool = False


def choose(mode: Mode, *, serves: bool, is_covered: bool, are_split: bool, is_dedicated: bool) -> Choice:
    """Choose for one server of a relationship of this mode.

    `serves`: it answers clients now. `is_covered`: another one is normal and could answer for it. `are_split`: the
    pools are divided by the classes of the HA hook. `is_dedicated`: the peers talk through listeners of the hook's own,
    which a set closes for a moment; the partner then keeps back its lease updates (communication-recovery), and the
    server, once it is back, doesn't know of addresses that were given meanwhile.

    | serves | covered | mode           | pools  | listeners | method                                            |
    |--------|---------|----------------|--------|-----------|---------------------------------------------------|
    | no     |         |                |        |           | none                                              |
    | yes    | no      |                |        |           | restart                                           |
    | yes    | yes     | hot-standby    |        |           | hand-over                                         |
    | yes    | yes     | load-balancing | split  |           | hand-over, given back once the leases are fetched |
    | yes    | yes     | load-balancing | shared | none      | hand-over                                         |
    | yes    | yes     | load-balancing | shared | dedicated | maintenance                                       |

    Measured on 3.0.3 with dedicated listeners and shared pools, 959 new clients, both servers set twice: one after the
    other 139 unanswered and 41 addresses given to two clients, hand-over 11 and 34, maintenance 41 and none. With
    split pools hand-over: 8 to 13 and none; through the agents (2.2.0, shared pools): 3 and none; in hot-standby: 1 to
    3 and none.
    """
    if not serves:
        return Choice(Disruption.NONE, "it answers no client")
    if not is_covered:
        return Choice(Disruption.RESTART, "no other server can answer for it")
    if mode is not Mode.LOAD_BALANCING:
        return Choice(Disruption.HAND_OVER, "its partner can answer for it")
    if are_split:
        return Choice(Disruption.HAND_OVER, "its partner can answer for it, from its part of the pools", is_dedicated)
    if not is_dedicated:
        return Choice(Disruption.HAND_OVER, "its partner can answer for it, and goes on to send it every lease")
    return Choice(
        Disruption.MAINTENANCE,
        "the pools are shared, and with HA listeners of their own a hand-over could lease one address to two clients",
    )


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
