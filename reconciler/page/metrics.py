"""What the daemon knows, as metrics for Prometheus (docs/metrics.md): a picture of the board at each scrape.

Every name begins with `kea_reconciler_`. Labels name relationships, services and servers, never a subnet, a client or a
text of a server's: how many series there are depends on `desired/` alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric, SummaryMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from reconciler import __version__
from reconciler.model import Board
from reconciler.page.metrics_relationships import of_relationships

PREFIX = "kea_reconciler"
_PROCESS = ProcessCollector(namespace=PREFIX, registry=None)


class _Picture(Collector):
    def __init__(self, found: Iterable[Metric]) -> None:
        self._found = tuple(found)

    def collect(self) -> Iterator[Metric]:
        yield from self._found


def exposition(board: Board, accept: str = "") -> tuple[bytes, str]:
    """Return the metrics in the form that `accept` asks for, as Prometheus' text without it; and its content type."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Picture([*of_board(board), *of_relationships(board), *_PROCESS.collect()]))
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


def of_board(board: Board) -> Iterator[Metric]:
    """Yield what is known of the daemon itself, and of its requests to each endpoint."""
    info = GaugeMetricFamily(
        f"{PREFIX}_build_info", "1; which version runs, and what it may do.", labels=["version", "mode"]
    )
    info.add_metric([__version__, board.mode.value], 1)
    yield info
    for name, text, value in (
        ("start_timestamp_seconds", "When the daemon began.", board.started_at.timestamp()),
        ("tick_timestamp_seconds", "When its loop ran last.", board.ticked_at.timestamp()),
        ("ready", "Whether every relationship was looked at once.", float(board.is_ready)),
        ("interval_seconds", "How often every server is looked at.", board.interval),
        (
            "desired_problems",
            "What is wrong with the files, or the git branch, of desired.",
            float(len(board.problems)),
        ),
        ("relationships", "Relationships that are watched.", float(len(board.relationships))),
        ("unmanaged_relationships", "Relationships on our servers that nobody declared.", float(len(board.unmanaged))),
    ):
        yield GaugeMetricFamily(f"{PREFIX}_{name}", text, value=value)
    yield from _of_requests(board)


def _of_requests(board: Board) -> Iterator[Metric]:
    labels = ["server", "service"]
    durations = SummaryMetricFamily(
        f"{PREFIX}_request_duration_seconds",
        "How long requests to a server took, and how many there were.",
        labels=labels,
    )
    failures = CounterMetricFamily(
        f"{PREFIX}_request_failures", "Requests to a server without an answer.", labels=labels
    )
    last = GaugeMetricFamily(
        f"{PREFIX}_last_request_seconds", "How long the last request to a server took.", labels=labels
    )
    for (server, service), each in sorted(board.requests.items()):
        names = [server, service.value]
        durations.add_metric(names, each.count, each.seconds)
        failures.add_metric(names, each.failures)
        last.add_metric(names, each.last_seconds)
    yield from (durations, failures, last)
