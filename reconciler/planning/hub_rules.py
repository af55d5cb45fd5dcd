"""Objections to changing a server that is in several relationships."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconciler.kea import ha, hooks, hubs
from reconciler.model import Mode, Objection, ServerPlan, Snapshot, Stage
from reconciler.planning.guard import Case
from reconciler.planning.silence import may_be_silenced

_MOST = 3  # that are named


def objections(case: Case, stages: Sequence[Stage]) -> Iterator[Objection]:
    """Yield every reason of this kind not to carry out a plan in these stages, in the order of the servers."""
    for stage in stages:
        yield from _neither_silenced(case, stage)
    for server in case.written:
        if server.peer.is_hub and server.outgoing is not None:
            yield from _clashes(case, server)
            yield from _untagged(case, server)
            yield from others_not_normal(server.snapshot)


def _clashes(case: Case, server: ServerPlan) -> Iterator[Objection]:
    found = hubs.duplicates(server.outgoing or {}, case.relationship.service)
    advice = "give the two different prefixes, ids and names on their primaries"
    if found and all(found.values()):
        advice = (
            f"{server.peer.server} has them already, for no relationship: where that is the same data, delete them "
            f"there, or put `{hubs.TAG}` with the name of one of this relationship's peers into their user-context"
        )
    if found:
        yield Objection(
            "hub-clash",
            f"{server.peer.server} would have {_some(list(found))} twice, once for this relationship",
            advice,
            approvable=False,
            object=server.peer.server,
        )


def _untagged(case: Case, server: ServerPlan) -> Iterator[Objection]:
    if len(hooks.relationships_of(server.outgoing or {})) < 2:
        return
    found = [f"{kind} {key}" for kind, key in hubs.untagged(server.outgoing or {}, case.relationship.service)]
    if found:
        yield Objection(
            "hub-untagged",
            f"on {server.peer.server} {_some(found)} would belong to no relationship, and a server in several drops "
            "packets for such",
            f"put `{hubs.TAG}` with the name of a peer into their user-context, or delete them",
            object=server.peer.server,
        )


def others_not_normal(snapshot: Snapshot) -> Iterator[Objection]:
    """A set starts all state machines of a server again: one that stands in for a dead partner would stop serving."""
    for place, view in enumerate(snapshot.views):
        is_heard = view.partner is None or view.partner.is_heard
        is_normal = is_heard and view.state == Mode.HOT_STANDBY
        if place != snapshot.place and not is_normal:
            yield Objection(
                "partner-not-normal",
                f"{snapshot.endpoint.server} is in another relationship as well, there in state {view.state}; a set "
                "would start that one again too",
                "wait until all relationships of the server are normal (`kea-reconciler status`), then plan again",
                object=snapshot.endpoint.server,
            )


def _neither_silenced(case: Case, stage: Stage) -> Iterator[Objection]:
    """Two hubs that are changed together: there is no order in which neither may come to serve beside the other."""
    hubs_of = [s for s in case.written if s.peer.server in stage.servers and not may_be_silenced(s.peer, s.snapshot)]
    if len(stage.servers) < 2 or not stage.reason or stage.in_turn or len(hubs_of) < len(stage.servers):
        return
    first, last = stage.servers[0], stage.servers[-1]
    limit = ha.max_response_delay(case.relationship)
    yield Objection(
        "two-would-serve",
        f"{first} and {last} are both in other relationships, so neither can be switched off while they are set: "
        f"{first} answers nobody in any of its own until {last} is set too, and takes over beside it where that is "
        f"later than max-response-delay ({limit:g} s)",
        "approve while both answer quickly; or take one of them out of its other relationships first",
        object=f"{first} and {last}",
    )


def _some(texts: list[str]) -> str:
    more = f" and {len(texts) - _MOST} more" if len(texts) > _MOST else ""
    return ", ".join(texts[:_MOST]) + more
