"""What lasted and what happened, on the line of a day."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from reconciler.model import Entry, Service, Standing
from reconciler.page.cards import Tone
from reconciler.page.timeline import WIDTH, Bar, time_line, tone_of
from reconciler.page.words import ago, rest, span
from tests.page.boards import NOW, day

if TYPE_CHECKING:
    from datetime import datetime


def at(hours: float) -> datetime:
    return NOW - timedelta(hours=hours)


def entry(number: int, hours: float, *, over: bool = False, severity: str = "warning") -> Entry:
    return Entry(
        number,
        at(hours),
        "drift",
        "hq",
        Service.DHCP4,
        summary="x",
        severity=severity,
        finding="drift:hq",
        is_over=over,
    )


def spans(*entries: Entry) -> list[tuple[int, int]]:
    return [(bar.x, bar.x + bar.width) for lane in time_line(entries, NOW).lanes for bar in lane.bars]


def test_what_lasts_is_a_bar_from_its_begin_to_its_end() -> None:
    assert spans(entry(1, 12), entry(2, 6, over=True)) == [(720, 1080)]


def test_what_lasts_still_goes_on_to_now() -> None:
    assert spans(entry(1, 12)) == [(720, WIDTH)]


def test_what_began_before_goes_on_from_the_left() -> None:
    assert spans(entry(1, 40), entry(2, 6, over=True)) == [(0, 1080)]
    assert spans(entry(2, 6, over=True)) == [(0, 1080)]
    assert spans(entry(1, 40)) == [(0, WIDTH)]


def test_what_becomes_another_is_two_bars() -> None:
    found = time_line([entry(1, 12), entry(2, 6, severity="error"), entry(3, 3, over=True)], NOW).lanes[0].bars
    assert [(bar.x, bar.width, bar.tone) for bar in found] == [(720, 360, Tone.WARNING), (1080, 180, Tone.BAD)]


def test_what_was_short_is_seen() -> None:
    bar: Bar = time_line([entry(1, 0.001)], NOW).lanes[0].bars[0]
    assert bar.width >= 4
    assert bar.x + bar.width <= WIDTH


def test_the_list_is_of_this_day_newest_first() -> None:
    line = time_line(day(), NOW)
    assert [each.words.partition(" ")[0] for each in line.lines[:2]] == ["berlin", "hq"]
    assert all("not yet as desired" not in each.words for each in line.lines)  # 30 hours ago
    assert [each.clock for each in line.lines][-1] == "Wed 22:26"
    assert line.ticks == ("17:26", "23:26", "05:26", "11:26")


def test_more_than_anybody_reads_is_counted() -> None:
    many = [Entry(number, at(1), "started", summary="x") for number in range(200)]
    line = time_line(many, NOW)
    assert (len(line.lines), line.more_lines) == (150, 50)


def test_what_was_cut_off_or_failed_is_bad() -> None:
    assert tone_of(Entry(1, NOW, "changed", standing=Standing.CUT_OFF)) is Tone.BAD
    assert tone_of(Entry(1, NOW, "operated", exit_code=3)) is Tone.BAD
    assert tone_of(Entry(1, NOW, "operated", exit_code=0)) is Tone.UNKNOWN


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0 s"), (59, "59 s"), (60, "1 min"), (3599, "59 min"), (7200, "2 h"), (200000, "2 d")]
)
def test_times_are_said_in_their_largest_unit(seconds: float, words: str) -> None:
    assert span(seconds) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-1, "0 s"), (90, "1 min"), (3600, "1 h"), (7190, "1 h 59 min"), (90000, "1 d 1 h")],
)
def test_what_is_left_of_a_suspension_is_said_more_exactly(seconds: float, words: str) -> None:
    assert rest(seconds) == words


def test_a_clock_that_was_set_back_makes_no_negative_time() -> None:
    assert ago(NOW + timedelta(minutes=3), NOW) == "just now"
