"""Is it safe? Objections to a plan, and the last look at every configuration before it goes out."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reconciler.kea import ha, hooks
from reconciler.kea.locality import LOCAL
from reconciler.kea.objects import subnets_of
from reconciler.kea.versions import is_tested
from reconciler.model import Action, Objection, Peer, Procedure, Relationship, Role, ServerPlan, Snapshot, Stage
from reconciler.planning import identity, subnet_ids
from reconciler.planning.authority import acting
from reconciler.planning.division import Division, are_split
from reconciler.planning.standing import SEVERING, is_torn, main_of, standing
from reconciler.planning.terminated import is_terminated, way_out
from reconciler.planning.wanted import dedicated_listener_is_on, is_broken

SKEW_WARNING, SKEW_ERROR = 30.0, 60.0  # seconds; above 60 Kea ends the HA service (communication_state.cc)
DEEPEST = 64  # Kea from 2.6.5 and 3.0.3 on refuses nesting above 100; no real configuration comes near


@dataclass(frozen=True, slots=True)
class Case:
    """What the objections look at: the plan so far, and what was read. `written` are the servers that would be set.

    `pools` is what becomes of the authority's pools, `stages` how the servers are changed. `is_promoted` says that a
    person asked for this authority.
    """

    relationship: Relationship
    procedure: Procedure
    authority: Snapshot
    snapshots: Mapping[str, Snapshot]
    written: Sequence[ServerPlan]
    pools: Division
    stages: Sequence[Stage] = ()
    is_promoted: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether the primary could be read, and its partner where it has one."""
        return all(peer.server in self.snapshots for peer in self.relationship.peers if peer.role is not Role.BACKUP)

    @property
    def read(self) -> list[tuple[Peer, Snapshot]]:
        """The peers whose servers could be read, which are all of them wherever there is a plan."""
        servers = self.snapshots
        return [(peer, servers[peer.server]) for peer in self.relationship.peers if peer.server in servers]

    @property
    def source(self) -> str:
        """In words where the data come from: the authority, or in a rollback the history."""
        return "the earlier data" if self.relationship.earlier else self.authority.endpoint.server


def promotion(relationship: Relationship) -> str:
    """Return the command that takes the partner's data over to the primary."""
    return f"kea-reconciler promote {relationship.name}"


def promoting(case: Case, server: ServerPlan) -> str:
    """Return how the authority gets what a server has, before other advice: nothing but of the partner of the primary
    that is the authority, as roles are now.
    """
    works, name = acting(case.relationship, case.snapshots), case.authority.endpoint.server
    if case.is_promoted or case.relationship.earlier is not None or works.partner is None:
        return ""
    is_between_them = (works.primary.server, works.partner.server) == (name, server.peer.server)
    return f"`{promotion(case.relationship)}` gives {name} what {server.peer.server} has; " if is_between_them else ""


Rules = Sequence[Callable[[Case], Iterator[Objection]]]


def objections(case: Case, rules: Rules | None = None) -> tuple[Objection, ...]:
    """Return every reason not to carry out a plan that would write something, by all rules or by these, in a fixed
    order.
    """
    return tuple(objection for rule in (RULES if rules is None else rules) for objection in rule(case))


def _untested_version(case: Case) -> Iterator[Objection]:
    for peer, snapshot in case.read:
        if not is_tested(snapshot.version):
            yield Objection(
                "untested-version",
                f"{peer.server} runs Kea {snapshot.version}, which this release has not been tested with",
                "try it on a pair that serves nobody first",
                object=peer.server,
            )


def _authority_empty(case: Case) -> Iterator[Objection]:
    if subnets_of(case.pools.authority.config, case.relationship.service.subnets):
        return
    for server in case.written:
        lost = sum(change.action is Action.DELETE and change.path[-1][0] == "subnet" for change in server.changes)
        if lost:
            way = promoting(case, server)
            yield Objection(
                "authority-empty",
                f"{case.source} {'have' if case.relationship.earlier else 'has'} no subnet at all, "
                f"{server.peer.server} has {lost}",
                f"{way}{'or ' if way else ''}restore the authority's configuration: a server that came back with a "
                "wrong file looks so",
                object=server.peer.server,
            )


def _not_normal(case: Case) -> Iterator[Objection]:
    """A server whose hook is not in force serves nobody and is mended first; all else waits until all are normal."""
    if case.procedure is not Procedure.MODIFY:
        return
    servers = [each for each in case.read if case.is_whole or each[0].role is Role.BACKUP]
    if any(is_broken(snapshot) for _, snapshot in servers):
        return  # apply goes on to the next server only when all have become normal
    if is_torn(case.relationship, main_of(case.relationship, servers), by=SEVERING):
        return  # what was done to one and not to the other is why they are not well
    stuck = [peer.server for peer, snapshot in servers if is_terminated([snapshot])]
    for peer, snapshot in servers:
        view, normal = snapshot.ha, ha.normal_state(*standing(case.relationship, peer, snapshot))
        if view is None:  # a backup that is yet to become one
            continue
        if view.state != normal:
            yield Objection(
                "partner-not-normal",
                f"{peer.server} is in state {view.state}, not {normal}",
                way_out(stuck[0])
                if stuck
                else "wait until all servers are in their normal state (`kea-reconciler status`), then plan again",
                object=peer.server,
            )
        if view.partner and not view.partner.is_heard:
            yield Objection(
                "out-of-touch",
                f"{peer.server} is out of touch with its partner; a set now would make both serve the same scope",
                way_out(stuck[0]) if stuck else "mend the connection between the two servers first",
                object=peer.server,
            )


def _clock_skew(case: Case) -> Iterator[Objection]:
    skew = clock_skew(list(case.snapshots.values()))
    if skew is not None and skew >= SKEW_ERROR:
        yield Objection(
            "clock-skew",
            describe_skew(skew),
            "synchronise the clocks (NTP) first",
            object=case.relationship.name,
        )


def clock_skew(snapshots: Sequence[Snapshot]) -> float | None:
    """Return how far apart the clocks of the servers are, in seconds, None unless two or more are known."""
    offsets = [snapshot.clock_offset for snapshot in snapshots if snapshot.clock_offset is not None]
    return max(offsets) - min(offsets) if len(offsets) > 1 else None


def describe_skew(skew: float) -> str:
    """Return a clock skew in words. Servers tell whole seconds, so it is rounded: an unchanged world reads the same."""
    return (
        f"the servers' clocks are about {5 * round(skew / 5)} s apart; above {SKEW_ERROR:.0f} s Kea ends the HA service"
    )


def _leases_not_persistent(case: Case) -> Iterator[Objection]:
    for server in case.written:
        database = server.snapshot.config.get("lease-database") or {}
        if database.get("type", "memfile") == "memfile" and database.get("persist") is False:
            yield Objection(
                "leases-not-persistent",
                f"{server.peer.server} keeps its leases in memory only (persist: false): "
                "setting its configuration drops them",
                "set persist to true on that server; approve if its leases may be lost",
                object=server.peer.server,
            )


def _shared_pools(case: Case) -> Iterator[Objection]:
    states = (case.pools.source, case.pools.authority)  # whichever of the two is set first
    if case.procedure is not Procedure.MODIFY or all(are_split(case.relationship, each) for each in states):
        return
    if all(server.peer.role is Role.BACKUP or server.commands for server in case.written):
        return
    # Any other change is made with everybody set at once, or by maintenance (see `method`).
    is_handed_over = any(stage.in_turn for stage in case.stages)
    is_dedicated = any(dedicated_listener_is_on(case.relationship, each) for each in case.snapshots.values())
    if is_handed_over and is_dedicated:
        yield Objection(
            "shared-pools",
            "both servers of this load-balancing relationship hand out addresses of the same pools, with HA listeners "
            "of their own: while one reloads, the two can lease one address to two clients (measured on 3.0.3)",
            "split the pools by the classes HA_<peer>, as Kea's manual asks; approve in a quiet hour",
            object=case.relationship.name,
        )


def _split_pools(case: Case) -> Iterator[Objection]:
    pools, name = case.pools, case.authority.endpoint.server
    if pools.classed:
        yield Objection(
            "split-pools",
            not_divisible(pools),
            "divide it by hand, each part with a class of its own whose test asks for member('HA_<peer>') too, or use "
            "pools: shared",
            approvable=False,
            object=f"{name}: pools",
        )
    if pools.divided:
        yield Objection(
            "split-pools",
            f"{_counted(pools.divided)} on {name} would be divided between the two servers; a client whose address "
            "lies in the other server's part gets another one when it renews",
            "approve in a quiet hour, or use pools: shared",
            object=f"{name}: pools",
        )
    if pools.joined:
        yield Objection(
            "split-pools",
            f"{_counted(pools.joined)} on {name} would no longer be divided between the two servers",
            "approve if that is meant",
            object=f"{name}: pools",
        )


def not_divisible(pools: Division) -> str:
    """Return in words which pools are to be divided and can't be."""
    why = "asks for a class of its own" if len(pools.classed) == 1 else "ask for classes of their own"
    return f"{_counted(pools.classed)} {why} and can't be divided"


def _counted(pools: Sequence[str]) -> str:
    """Return one pool's name, or how many there are and some of their names."""
    if len(pools) == 1:
        return pools[0]
    more = f" and {len(pools) - 3} more" if len(pools) > 3 else ""
    return f"{len(pools)} pools ({'; '.join(pools[:3])}{more})"


RULES = (
    _untested_version,
    *identity.RULES,
    _authority_empty,
    *subnet_ids.RULES,
    _not_normal,
    _clock_skew,
    _leases_not_persistent,
    _shared_pools,
    _split_pools,
)
# What can be told while some servers can't be read, and what where it is open which relationship they are in.
PARTIAL_RULES = tuple(rule for rule in RULES if rule not in {_not_normal, _shared_pools})
PLAIN_RULES = (_untested_version, _clock_skew, _leases_not_persistent)

CODES = (
    "authority-empty",
    "authority-older",
    "authority-shrunk",
    "clock-skew",
    "hub-clash",
    "hub-untagged",
    "identity",
    "large-change",
    "leases-not-persistent",
    "leases-would-go",
    "listener-port",
    "nobody-would-serve",
    "out-of-touch",
    "partner-changed",
    "partner-not-normal",
    "remove-relationship",
    "shared-pools",
    "split-pools",
    "subnet-id-conflict",
    "two-would-serve",
    "untested-version",
)


def violations(
    peer: Peer,
    standing: Mapping[str, Any],
    going_out: Mapping[str, Any],
    *,
    place: int | None = None,
    leaves: bool = False,
) -> list[str]:
    """Return why a configuration must not be sent to a server, empty where it may.

    This trusts nothing that planning did: `standing` is what the server has, `going_out` what would be set; only where
    the server `leaves` its relationship its entry of the HA hook may go. The one at `place` of the hook's list (where
    that is None, the one that has the peer's name) may become another. Kea itself takes an empty configuration or one
    without a control socket with result 0.
    """
    found = [
        f"{key} would change, which is the server's own"
        for key in LOCAL
        if key != "hooks-libraries" and standing.get(key) != going_out.get(key)
    ]
    if not any(key in going_out for key in ("control-socket", "control-sockets")):
        found.append("there is no control socket: the server could never be reached again")
    found += (
        _wrong_after_leaving(peer, standing, going_out)
        if leaves
        else _wrong_relationship(peer, standing, going_out, place)
    )
    found += _strange_libraries(standing, going_out, may_go=hooks.HA_LIBRARY if leaves else None)
    if depth(going_out) > DEEPEST:
        found.append(f"it is nested more than {DEEPEST} levels deep")
    return found


def _wrong_relationship(
    peer: Peer, standing: Mapping[str, Any], going_out: Mapping[str, Any], place: int | None
) -> list[str]:
    found = []
    blocks = hooks.relationships_of(going_out)
    mine = [block for block in blocks if block.get("this-server-name") == peer.name]
    if len(mine) != 1 or (len(blocks) > 1 and not peer.is_hub):
        found.append(f"the HA hook is missing or does not say this-server-name {peer.name!r}")
    elif peer.name not in [other.get("name") for other in mine[0].get("peers") or ()]:
        # Kea would let go of all hooks and of its sockets, and config-test doesn't find it (seen on 2.2.0 to 3.0.3).
        found.append(f"{peer.name!r} is not among the peers of its own HA hook")
    if hooks.find(going_out, hooks.LEASE_COMMANDS_LIBRARY) is None:
        found.append(f"{hooks.LEASE_COMMANDS_LIBRARY} is missing, which HA needs")
    if peer.is_hub:
        others = [
            each
            for position, each in enumerate(hooks.relationships_of(standing))
            if (each.get("this-server-name") != peer.name if place is None else position != place)
        ]
        found += ["another relationship of the server would change or vanish" for each in others if each not in blocks]
    return found


def _wrong_after_leaving(peer: Peer, standing: Mapping[str, Any], going_out: Mapping[str, Any]) -> list[str]:
    """A server that leaves has the entries of other relationships that it had, and no other."""
    others = [each for each in hooks.relationships_of(standing) if each.get("this-server-name") != peer.name]
    return [] if hooks.relationships_of(going_out) == others else ["another entry of the HA hook would change"]


def _strange_libraries(
    standing: Mapping[str, Any], going_out: Mapping[str, Any], *, may_go: str | None = None
) -> list[str]:
    """A hook library is code: none but our two may appear, and none may vanish but the one that may."""
    before = {str(entry.get("library")) for entry in standing.get("hooks-libraries") or ()}
    after = {str(entry.get("library")) for entry in going_out.get("hooks-libraries") or ()}
    ours = {hooks.HA_LIBRARY, hooks.LEASE_COMMANDS_LIBRARY}
    new = [path for path in sorted(after - before) if posixpath.basename(path) not in ours]
    gone = [path for path in sorted(before - after) if posixpath.basename(path) != may_go]
    return [f"it would load {path}" for path in new] + [f"it would unload {path}" for path in gone]


_CONTAINERS = frozenset({dict, list})


def depth(value: Any) -> int:
    """Return how deep a JSON value of dicts and lists is nested: 0 for a plain value, 1 for an empty list.

    Iterative, so that nothing is too deep for it; level by level and without a call for each value, so that a large
    configuration takes half the time of parsing it.
    """
    deepest, level = 0, [value] if type(value) in _CONTAINERS else []
    while level:
        deepest += 1
        level = [
            item
            for node in level
            for item in (node.values() if type(node) is dict else node)
            if type(item) in _CONTAINERS
        ]
    return deepest
