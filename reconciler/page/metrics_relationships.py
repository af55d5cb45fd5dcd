"""What the daemon knows of relationships and their servers, as metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Final

from prometheus_client.core import GaugeMetricFamily, Metric

from reconciler.model import HA_STATES, Board, Health, RelationshipStatus, ServerStatus, Watched

_PREFIX: Final = "kea_reconciler"
_LABELS: Final = ("relationship", "service")
OTHER_STATE, NO_STATE = "other", "unknown"  # one that we don't know, and none: not reached, or no HA

_Number = float | None


def of_relationships(board: Board) -> Iterator[Metric]:
    """Yield what is known of every relationship, then of their servers; what is not known has no sample."""
    for name, text, value in _OF_RELATIONSHIP:
        yield _family(name, text, _LABELS, [(_names(each), value(each, board)) for each in board.relationships])
    known = [(each, each.status) for each in board.relationships if each.status is not None]
    yield _family(
        "relationship_status",
        "1 for the status that a relationship has, 0 for the others.",
        (*_LABELS, "status"),
        [
            ((*_names(each), health.value), float(status.status is health))
            for each, status in known
            for health in Health
        ],
    )
    servers = [(each, status, server) for each, status in known for server in status.servers]
    labels = (*_LABELS, "server", "role")
    for name, text, of_server in _OF_SERVER:
        rows = [((*_names(each), s.server, s.role.value), of_server(s, status)) for each, status, s in servers]
        yield _family(name, text, labels, rows)
    yield _family(
        "ha_state",
        "1 for the HA state that a server is in.",
        (*labels, "state"),
        [((*_names(each), s.server, s.role.value, state_label(s.ha_state)), 1.0) for each, _, s in servers],
    )


def state_label(state: str | None) -> str:
    """Return a state as a label: only states that Kea has, so that no server can make series without end."""
    if state is None:
        return NO_STATE
    return state if state in HA_STATES else OTHER_STATE


def _family(
    name: str, text: str, labels: Sequence[str], rows: Sequence[tuple[tuple[str, ...], _Number]]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"{_PREFIX}_{name}", text, labels=labels)
    for names, value in rows:
        if value is not None:
            family.add_metric(names, value)
    return family


def _names(each: Watched) -> tuple[str, str]:
    return each.name, each.service.value


def _timestamp(at: datetime | None) -> _Number:
    return None if at is None else at.timestamp()


def _claim(claim: bool | None) -> _Number:  # noqa: FBT001 - a claim to be put in a number, not a switch
    return None if claim is None else float(claim)


def _age(since: datetime | None, board: Board) -> float:
    return 0.0 if since is None else max(0.0, (board.at - since).total_seconds())


def _peers(each: Watched) -> _Number:
    return None if each.status is None else float(len(each.status.servers))


def _peers_in_sync(each: Watched) -> _Number:
    known = [] if each.status is None else [each.in_sync for each in each.status.servers if each.in_sync is not None]
    return float(sum(known)) if known else None


_OF_RELATIONSHIP: Final[tuple[tuple[str, str, Callable[[Watched, Board], _Number]], ...]] = (
    ("peers", "Servers of a relationship.", lambda each, _: _peers(each)),
    ("peers_in_sync", "Those that have what the authority has.", lambda each, _: _peers_in_sync(each)),
    ("drift_differences", "What differs although nobody changed desired.", lambda each, _: float(each.drift_count)),
    ("drift_age_seconds", "For how long anything does; 0 without.", lambda each, at: _age(each.drifted_since, at)),
    ("pending_changes", "What desired asks for and is not done.", lambda each, _: float(each.change_count)),
    ("waiting", "Whether something is to be done and is not, for a reason.", lambda each, _: float(bool(each.waits))),
    ("contested_objects", "Objects that drift back again and again.", lambda each, _: float(len(each.contested))),
    ("suspended", "Whether a person suspended a relationship.", lambda each, _: float(each.suspension is not None)),
    ("at_work", "Whether a relationship is being changed.", lambda each, _: float(each.is_at_work)),
    ("consecutive_failures", "Looks or applies that failed in a row.", lambda each, _: float(each.failures)),
    ("look_duration_seconds", "How long the last look took.", lambda each, _: each.seconds),
    ("last_look_timestamp_seconds", "When servers were read last.", lambda each, _: _timestamp(each.looked_at)),
    (
        "last_success_timestamp_seconds",
        "When all servers answered last, and nothing failed.",
        lambda each, _: _timestamp(each.succeeded_at),
    ),
    ("last_apply_timestamp_seconds", "When something was changed last.", lambda each, _: _timestamp(each.applied_at)),
)

_OF_SERVER: Final[tuple[tuple[str, str, Callable[[ServerStatus, RelationshipStatus], _Number]], ...]] = (
    ("server_reachable", "Whether a server could be read.", lambda server, _: float(server.is_reachable)),
    ("server_in_sync", "Whether it has what the authority has.", lambda server, _: _claim(server.in_sync)),
    ("authority", "Whether it is the truth.", lambda server, status: float(server.server == status.authority)),
    ("heartbeat_age_seconds", "How long ago it heard its partner.", lambda server, _: server.heartbeat_age),
    ("clock_skew_seconds", "How far its clock is from the others'.", lambda server, _: server.clock_skew),
)
