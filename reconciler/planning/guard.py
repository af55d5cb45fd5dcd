"""Is it safe? Objections to a plan, and the last look at every configuration before it goes out."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reconciler.kea import ha, hooks
from reconciler.kea.locality import LOCAL
from reconciler.kea.objects import RESERVATION, index, subnets_of
from reconciler.kea.versions import is_tested
from reconciler.model import Objection, Peer, Procedure, Relationship, Snapshot
from reconciler.planning.wanted import block_of, dedicated_listener_is_on, pools_are_split

SKEW_WARNING, SKEW_ERROR = 30.0, 60.0  # seconds; above 60 Kea ends the HA service (communication_state.cc)
LARGEST_LOSS, SMALLEST_COUNT = 0.30, 10
DEEPEST = 64  # Kea from 2.6.5 and 3.0.3 on refuses nesting above 100; no real configuration comes near


@dataclass(frozen=True, slots=True)
class Case:
    """What the objections look at. `written` are the servers that would be set, `replicated_to` those of them that
    would get the authority's data.
    """

    relationship: Relationship
    procedure: Procedure
    authority: Snapshot
    snapshots: Mapping[str, Snapshot]
    written: Sequence[Peer]
    replicated_to: Sequence[Peer]


def objections(case: Case) -> tuple[Objection, ...]:
    """Return every reason not to carry out a plan that would write something, in a fixed order."""
    return tuple(objection for rule in RULES for objection in rule(case))


def _untested_version(case: Case) -> Iterator[Objection]:
    for peer in case.relationship.peers:
        version = case.snapshots[peer.server].version
        if not is_tested(version):
            yield Objection(
                "untested-version",
                f"{peer.server} runs Kea {version}, which this release has not been tested with",
                "try it on a pair that serves nobody first",
            )


def _identity(case: Case) -> Iterator[Objection]:
    for peer in case.relationship.peers:
        block = block_of(case.snapshots[peer.server])
        name = block.get("this-server-name") if block else peer.name
        if name != peer.name:
            yield Objection(
                "identity",
                f"{peer.server} says it is {name!r}, not {peer.name!r}: its address leads to another server, "
                "or another server's configuration was copied onto it",
                f"check the control address of {peer.server} in the inventory; approve only if it was copied",
            )


def _authority_empty(case: Case) -> Iterator[Objection]:
    key = case.relationship.service.subnets
    for peer in case.replicated_to:
        theirs = subnets_of(case.snapshots[peer.server].config, key)
        if theirs and not subnets_of(case.authority.config, key):
            yield Objection(
                "authority-empty",
                f"{case.authority.endpoint.server} has no subnet at all, {peer.server} has {len(theirs)}",
                "restore the authority's configuration first: a server that came back with a wrong file looks so",
            )


def _authority_shrunk(case: Case) -> Iterator[Objection]:
    key = case.relationship.service.subnets
    kept = _identities(case.authority, key)
    for peer in case.replicated_to:
        theirs = _identities(case.snapshots[peer.server], key)
        for what, names in theirs.items():
            lost = len(names - kept[what])
            if len(names) >= SMALLEST_COUNT and lost > LARGEST_LOSS * len(names):
                yield Objection(
                    "authority-shrunk",
                    f"{lost} of the {len(names)} {what} on {peer.server} are not on "
                    f"{case.authority.endpoint.server} and would be deleted",
                    "look at the plan's deletions; approve if they are meant",
                )


def _identities(snapshot: Snapshot, key: str) -> dict[str, set[str]]:
    subnets = subnets_of(snapshot.config, key)
    reservations = {
        f"{prefix} {name}"
        for prefix, (_, subnet) in subnets.items()
        for name in index(subnet.get("reservations"), RESERVATION)
    }
    reservations |= index(snapshot.config.get("reservations"), RESERVATION).keys()
    return {"subnets": set(subnets), "reservations": reservations}


def _subnet_id_conflict(case: Case) -> Iterator[Objection]:
    key = case.relationship.service.subnets
    wanted = {prefix: subnet.get("id") for prefix, (_, subnet) in subnets_of(case.authority.config, key).items()}
    for peer in case.replicated_to:
        theirs = subnets_of(case.snapshots[peer.server].config, key)
        differing = [
            f"{prefix} is {subnet.get('id')}, not {wanted[prefix]}"
            for prefix, (_, subnet) in theirs.items()
            if prefix in wanted and subnet.get("id") != wanted[prefix]
        ]
        if differing:
            more = f" and {len(differing) - 3} more" if len(differing) > 3 else ""
            yield Objection(
                "subnet-id-conflict",
                f"subnet ids on {peer.server} differ for the same prefix ({'; '.join(differing[:3])}{more}); "
                "its leases carry the old ids",
                f"approve to give {peer.server} the authority's ids; its leases with the old ids then match no subnet",
            )


def _not_normal(case: Case) -> Iterator[Objection]:
    """A server whose hook is not in force serves nobody and is repaired; all else waits for two normal servers."""
    if case.procedure is not Procedure.MODIFY:
        return
    normal = ha.normal_state(case.relationship.mode)
    broken = {peer.server for peer in case.relationship.peers if case.snapshots[peer.server].ha is None}
    if broken >= {peer.server for peer in case.written}:
        return
    for peer in case.relationship.peers:
        view = case.snapshots[peer.server].ha
        if view is None:
            continue
        if view.state != normal:
            yield Objection(
                "partner-not-normal",
                f"{peer.server} is in state {view.state}, not {normal}",
                "wait until both servers are in their normal state (`kea-reconciler status`), then plan again",
            )
        if view.partner and (view.partner.interrupted or not view.partner.in_touch):
            yield Objection(
                "out-of-touch",
                f"{peer.server} is out of touch with its partner; a set now would make both serve the same scope",
                "mend the connection between the two servers first",
            )


def _clock_skew(case: Case) -> Iterator[Objection]:
    skew = clock_skew(list(case.snapshots.values()))
    if skew is not None and skew >= SKEW_ERROR:
        yield Objection(
            "clock-skew",
            describe_skew(skew),
            "synchronise the clocks (NTP) first",
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
    for peer in case.written:
        database = case.snapshots[peer.server].config.get("lease-database") or {}
        if database.get("type", "memfile") == "memfile" and database.get("persist") is False:
            yield Objection(
                "leases-not-persistent",
                f"{peer.server} keeps its leases in memory only (persist: false): setting its configuration drops them",
                "set persist to true on that server; approve if its leases may be lost",
            )


def _shared_pools(case: Case) -> Iterator[Objection]:
    if case.procedure is not Procedure.MODIFY or pools_are_split(case.relationship, case.authority):
        return
    if any(dedicated_listener_is_on(case.relationship, snapshot) for snapshot in case.snapshots.values()):
        yield Objection(
            "shared-pools",
            "both servers of this load-balancing relationship hand out addresses of the same pools, with HA listeners "
            "of their own: while one reloads, the two can lease one address to two clients (measured on 3.0.3)",
            "split the pools by the classes HA_<peer>, as Kea's manual asks; approve in a quiet hour",
        )


RULES = (
    _untested_version,
    _identity,
    _authority_empty,
    _authority_shrunk,
    _subnet_id_conflict,
    _not_normal,
    _clock_skew,
    _leases_not_persistent,
    _shared_pools,
)

CODES = (
    "authority-empty",
    "authority-shrunk",
    "clock-skew",
    "identity",
    "leases-not-persistent",
    "out-of-touch",
    "partner-not-normal",
    "shared-pools",
    "subnet-id-conflict",
    "untested-version",
)


def violations(peer: Peer, standing: Mapping[str, Any], going_out: Mapping[str, Any]) -> list[str]:
    """Return why a configuration must not be sent to a server, empty where it may.

    This trusts nothing that planning did: `standing` is what the server has, `going_out` what would be set. Kea
    itself takes an empty configuration or one without a control socket with result 0.
    """
    found = [
        f"{key} would change, which is the server's own"
        for key in LOCAL
        if key != "hooks-libraries" and standing.get(key) != going_out.get(key)
    ]
    if not any(key in going_out for key in ("control-socket", "control-sockets")):
        found.append("there is no control socket: the server could never be reached again")
    blocks = hooks.relationships_of(going_out)
    if len(blocks) != 1 or blocks[0].get("this-server-name") != peer.name:
        found.append(f"the HA hook is missing or does not say this-server-name {peer.name!r}")
    if hooks.find(going_out, hooks.LEASE_COMMANDS_LIBRARY) is None:
        found.append(f"{hooks.LEASE_COMMANDS_LIBRARY} is missing, which HA needs")
    found += _strange_libraries(standing, going_out)
    if depth(going_out) > DEEPEST:
        found.append(f"it is nested more than {DEEPEST} levels deep")
    return found


def _strange_libraries(standing: Mapping[str, Any], going_out: Mapping[str, Any]) -> list[str]:
    """A hook library is code: none but our two may appear, and none may vanish."""
    before = {str(entry.get("library")) for entry in standing.get("hooks-libraries") or ()}
    after = {str(entry.get("library")) for entry in going_out.get("hooks-libraries") or ()}
    ours = {hooks.HA_LIBRARY, hooks.LEASE_COMMANDS_LIBRARY}
    new = [path for path in sorted(after - before) if posixpath.basename(path) not in ours]
    gone = sorted(before - after)
    return [f"it would load {path}" for path in new] + [f"it would unload {path}" for path in gone]


def depth(value: Any) -> int:
    """Return how deep a JSON value is nested: 0 for a plain value. Iterative, so that nothing is too deep for it."""
    deepest, level = 0, [value]
    while level:
        inner: list[Any] = []
        for node in level:
            if isinstance(node, Mapping):
                inner += [item for item in node.values() if isinstance(item, Mapping | list)]
            elif isinstance(node, list):
                inner += [item for item in node if isinstance(item, Mapping | list)]
        if not any(isinstance(node, Mapping | list) for node in level):
            break
        deepest, level = deepest + 1, inner
    return deepest
