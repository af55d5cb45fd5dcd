"""The metrics: what they say, that docs/metrics.md has each of them, and that the alerts speak of them."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import promql_parser
import pytest
import yaml
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families

from reconciler.model import Role
from reconciler.page.metrics import exposition
from tests.page.asking import ask
from tests.page.boards import NOW, backed_up, board, down, drifted, impaired, pair, server, sixty, watched

if TYPE_CHECKING:
    from prometheus_client import Metric

    from reconciler.model import Board

ROOT = Path(__file__).parents[2]
ALERTS = yaml.safe_load((ROOT / "contrib" / "prometheus-alerts.yaml").read_text())
RULES = [rule for group in ALERTS["groups"] for rule in group["rules"]]


def families(shown: Board) -> dict[str, Metric]:
    content, _ = exposition(shown)
    return {each.name: each for each in text_string_to_metric_families(content.decode())}


def value(shown: Board, name: str, **labels: str) -> float | None:
    """The one sample with these labels; None where there is none."""
    found = [
        sample.value
        for family in families(shown).values()
        for sample in family.samples
        if sample.name == f"kea_reconciler_{name}" and labels.items() <= sample.labels.items()
    ]
    assert len(found) < 2, found
    return found[0] if found else None


def test_they_say_how_relationships_are() -> None:
    shown = sixty()
    assert value(shown, "relationship_status", relationship="lisbon", status="service-down") == 1
    assert value(shown, "relationship_status", relationship="lisbon", status="ok") == 0
    assert value(shown, "drift_differences", relationship="hq") == 2
    assert value(shown, "drift_age_seconds", relationship="hq") == 42 * 60
    assert value(shown, "drift_age_seconds", relationship="tokyo") == 0
    assert value(shown, "peers", relationship="hq") == 2
    assert value(shown, "peers_in_sync", relationship="hq") == 1
    assert value(shown, "suspended", relationship="tokyo") == 1
    assert value(shown, "suspended", relationship="hq") == 0
    assert value(shown, "consecutive_failures", relationship="berlin") == 4
    seen = (NOW - timedelta(minutes=7)).timestamp()
    assert value(shown, "last_success_timestamp_seconds", relationship="berlin") == seen


def test_they_say_how_servers_are() -> None:
    shown = board(impaired(), backed_up())
    assert value(shown, "ha_state", server="ber-b", state="partner-down") == 1
    assert value(shown, "ha_state", server="ber-a", state="unknown") == 1
    assert value(shown, "authority", server="ber-b") == 1
    assert value(shown, "authority", server="ber-a") == 0
    assert value(shown, "server_reachable", server="ber-a") == 0
    assert value(shown, "clock_skew_seconds", server="tyo-b") == -14
    assert value(shown, "clock_skew_seconds", server="ber-a") is None
    assert value(shown, "server_in_sync", server="tyo-d") is None


def test_they_say_how_requests_went() -> None:
    shown = board(drifted())
    assert value(shown, "request_duration_seconds_count", server="kea-a") == 1204
    assert value(shown, "request_duration_seconds_sum", server="kea-a") == 9.5
    assert value(shown, "request_failures_total", server="kea-a") == 3


def test_what_was_not_looked_at_has_no_status() -> None:
    assert value(sixty(), "relationship_status", relationship="zurich", status="ok") is None
    assert value(sixty(), "waiting", relationship="zurich") == 0


def test_a_server_cannot_make_series_of_its_own() -> None:
    strange = pair("hq", server("kea-a", Role.PRIMARY, 'x"} 1\nkea_reconciler_ready 5'), authority="kea-a")
    assert value(board(watched("hq", strange)), "ha_state", state="other") == 1
    names = {label for family in families(sixty()).values() for sample in family.samples for label in sample.labels}
    assert names == {"relationship", "service", "server", "role", "state", "status", "version", "mode"} | (
        names & {"implementation"}
    )


def test_how_many_there_are_depends_on_desired_alone() -> None:
    def number(shown: Board) -> int:
        return sum(len(family.samples) for family in families(shown).values())

    many = replace(drifted(), drift=tuple(f"line {each}" for each in range(50)), drift_counts={"kea-b": 4000})
    assert number(board(many)) == number(board(drifted()))


def test_both_forms_can_be_read() -> None:
    plain = ask(sixty(), "/metrics")
    assert plain.headers["content-type"].startswith("text/plain; version=")
    assert len(list(text_string_to_metric_families(plain.text))) > 30
    modern = ask(sixty(), "/metrics", accept="application/openmetrics-text; version=1.0.0")
    assert modern.headers["content-type"].startswith("application/openmetrics-text")
    assert len(list(open_metrics(modern.text))) > 30  # type: ignore[no-untyped-call]


def documented() -> set[str]:
    text = (ROOT / "docs" / "metrics.md").read_text()
    return set(re.findall(r"^\| `(kea_reconciler_\w+)` \|", text, re.MULTILINE))


def test_the_page_has_each_metric_and_no_other() -> None:
    found = families(board(drifted(), down(), watched("a", applied_at=NOW))).values()
    names = {f"{each.name}_total" if each.type == "counter" else each.name for each in found}
    assert {name for name in names if "_process_" not in name} == documented()
    assert any("_process_" in name for name in names)


@pytest.mark.parametrize("rule", RULES, ids=[rule["alert"] for rule in RULES])
def test_an_alert_is_one_that_prometheus_takes(rule: dict[str, Any]) -> None:
    assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
    assert re.fullmatch(r"\d+[smh]", rule.get("for", "1m"))
    assert rule["labels"]["severity"] in {"warning", "critical"}
    promql_parser.parse(rule["expr"])
    names = set(re.findall(r"kea_reconciler_\w+", rule["expr"]))
    assert names
    assert names <= documented()
    labels = set(re.findall(r"\$labels\.(\w+)", " ".join(rule["annotations"].values())))
    known = families(sixty())
    for name in names:
        has = {label for sample in known[name].samples for label in sample.labels} | {"instance", "job"}
        assert labels <= has


def test_a_bad_expression_is_noticed() -> None:
    with pytest.raises(ValueError, match=r".+"):
        promql_parser.parse("kea_reconciler_ready ==")
