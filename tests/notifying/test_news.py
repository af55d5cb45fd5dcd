"""Once when it begins, once when it is over."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import orjson
import pytest

from reconciler.model import Event, EventKind, Gravity, Service, Told, Turn, Webhook, WebhookForm
from reconciler.notifying.bodies import body
from reconciler.notifying.news import Notice, concerns, notice, told_after

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
DRIFT = Event(
    AT,
    EventKind.DRIFT,
    Gravity.WARNING,
    "hq has drifted: 1 difference",
    "hq",
    Service.DHCP4,
    ("kea-b: + subnet",),
    "abcdef",
    "drift:hq",
)
OVER = replace(DRIFT, severity=Gravity.INFO, summary="hq has no drift any more", details=(), is_over=True)
SUSPENDED = Event(AT, EventKind.SUSPENDED, Gravity.WARNING, "hq is suspended by ann: CHG-1", "hq")
HOOK = Webhook("ops", "https://hooks.example/x", WebhookForm.JSON, Gravity.WARNING)


def turns(*events: Event) -> list[Turn | None]:
    told: dict[str, Told] = {}
    found: list[Turn | None] = []
    for event in events:
        news = notice(event, told)
        found.append(None if news is None else news.turn)
        if news is not None:
            told = told_after(told, news)
    return found


def test_a_finding_is_told_once_and_its_end_once() -> None:
    more = replace(DRIFT, summary="hq has drifted: 2 differences")
    assert turns(DRIFT, DRIFT, more, OVER, OVER, DRIFT) == [Turn.BEGUN, None, None, Turn.RECOVERED, None, Turn.BEGUN]


def test_what_matters_more_than_before_is_told_again() -> None:
    down = replace(DRIFT, severity=Gravity.ERROR)
    assert turns(DRIFT, down, DRIFT, down, OVER) == [Turn.BEGUN, Turn.WORSE, None, None, Turn.RECOVERED]


def parts(*names: str, severity: Gravity = Gravity.WARNING) -> Event:
    return replace(DRIFT, severity=severity, parts=frozenset(names))


def test_each_part_of_a_finding_is_told_when_it_begins_and_when_it_is_over() -> None:
    found = turns(parts("b"), parts("b", "c"), parts("b", "c"), parts("c"), parts("c"), parts("b"), OVER)
    assert found == [Turn.BEGUN, Turn.WORSE, None, Turn.BETTER, None, Turn.WORSE, Turn.RECOVERED]


def test_the_last_part_is_over_with_the_finding_unless_that_matters_less_by_then() -> None:
    down = parts("nobody serves", severity=Gravity.ERROR)
    assert turns(parts("b"), parts(), parts("b"), OVER) == [Turn.BEGUN, None, None, Turn.RECOVERED]
    assert turns(down, parts(), parts(), down) == [Turn.BEGUN, Turn.BETTER, None, Turn.WORSE]


def test_which_parts_began_and_which_are_over_is_in_the_details() -> None:
    news = notice(parts("b", "c"), {"drift:hq": Told(Gravity.ERROR, frozenset({"a", "b"}))})
    assert news is not None
    assert news.event.details == ("new: c", "over: a", *DRIFT.details)
    assert news.weight is Gravity.ERROR  # who was told of the worst is told of all that comes after


def test_where_it_is_not_known_which_parts_were_told_none_is_news() -> None:
    assert notice(parts("b"), {"drift:hq": Told(Gravity.WARNING, None)}) is None


def test_an_end_without_a_begin_is_no_news() -> None:
    assert turns(OVER) == [None]


def test_what_has_no_end_is_told_each_time() -> None:
    assert turns(SUSPENDED, SUSPENDED) == [Turn.ONCE, Turn.ONCE]


def test_a_failed_apply_is_told_by_its_finding_alone() -> None:
    failed = Event(AT, EventKind.APPLIED, Gravity.ERROR, "hq: kea-b failed", "hq")
    assert turns(failed, replace(failed, severity=Gravity.INFO)) == [None, Turn.ONCE]


@pytest.mark.parametrize(
    ("hook", "is_told"),
    [
        (HOOK, True),
        (replace(HOOK, severity=Gravity.ERROR), False),
        (replace(HOOK, relationships=frozenset({"hq"})), True),
        (replace(HOOK, relationships=frozenset({"branch"})), False),
    ],
)
def test_who_is_told_of_the_begin_is_told_of_the_end(hook: Webhook, is_told: bool) -> None:
    begin = notice(DRIFT, {})
    assert begin is not None
    end = notice(OVER, told_after({}, begin))
    assert end is not None
    assert [concerns(hook, begin), concerns(hook, end)] == [is_told, is_told]


def test_what_is_about_no_relationship_is_for_all() -> None:
    hook = replace(HOOK, relationships=frozenset({"branch"}))
    news = notice(Event(AT, EventKind.DESIRED_REFUSED, Gravity.ERROR, "bad", finding="desired-refused"), {})
    assert news is not None
    assert concerns(hook, news)


def test_the_generic_body() -> None:
    told = orjson.loads(body(WebhookForm.JSON, Notice(DRIFT, Turn.BEGUN, Gravity.WARNING), "host"))
    assert told == {
        "source": "kea-reconciler",
        "host": "host",
        "at": "2026-01-02T03:04:05+00:00",
        "turn": "begun",
        "kind": "drift",
        "severity": "warning",
        "relationship": "hq",
        "service": "dhcp4",
        "summary": "hq has drifted: 1 difference",
        "details": ["kea-b: + subnet"],
        "revision": "abcdef",
        "finding": "drift:hq",
    }


def test_no_text_of_a_server_makes_a_link_or_calls_everybody_in_slack() -> None:
    hostile = replace(DRIFT, summary="<!channel> *x* `y` & \x1b[31m\ud800\n# z", details=("<https://evil|click>",) * 12)
    told = orjson.loads(body(WebhookForm.SLACK, Notice(hostile, Turn.BEGUN, Gravity.WARNING), "host"))
    lines = told["text"].split("\n")
    assert lines[0].startswith(":warning: *&lt;!channel&gt; ")
    assert "<" not in told["text"]
    assert "\x1b" not in told["text"]
    assert lines[-2] == "> and 2 more"
    assert len(lines) == 13


def test_recovered_is_seen_at_once() -> None:
    told = orjson.loads(body(WebhookForm.SLACK, Notice(OVER, Turn.RECOVERED, Gravity.WARNING), "host"))
    assert told["text"].startswith(":white_check_mark: *recovered: hq has no drift any more*")
