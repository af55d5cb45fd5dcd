from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from reconciler.model import ABSENT, Json
from reconciler.model.moments import moment
from reconciler.planning.diff import HIDDEN, HIDDEN_CHANGED
from reconciler.reports.values import LONGEST_NAME, shown_name, shown_pair


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("10.0.0.5", "10.0.0.5"),
        ("2001:db8::1", "2001:db8::1"),
        ("aa:bb:cc:dd:ee:01", "aa:bb:cc:dd:ee:01"),
        ("http://192.0.2.10:8001/", "http://192.0.2.10:8001/"),
        ("büro", "büro"),
        ("", '""'),
        ("8.8.8.8, 8.8.4.4", '"8.8.8.8, 8.8.4.4"'),
        ("3600", '"3600"'),
        ("-1.5e3", '"-1.5e3"'),
        (".5", '".5"'),
        ("true", '"true"'),
        ("null", '"null"'),
        ("(absent)", '"(absent)"'),
        ('a"b', r'"a\"b"'),
        (3600, "3600"),
        (0.25, "0.25"),
        (True, "true"),
        (None, "null"),
        ([], "[]"),
        ({"b": [1, "x"], "a": None}, '{"a": null, "b": [1, "x"]}'),
        (ABSENT, "(absent)"),
        (HIDDEN, "(hidden)"),
        (HIDDEN_CHANGED, "(hidden, another value)"),
    ],
)
def test_a_value_is_short_and_can_be_taken_for_no_other(value: Json, text: str) -> None:
    assert shown_pair(value, 1) == (text, "1")
    assert shown_pair(1, value) == ("1", text)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a\x1b]0;title\x07", r'"a\u001b]0;title\u0007"'),
        ("a\nb", r'"a\nb"'),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("\x9b2J", r"\x9b2J"),
        ("a\u200bb", r"a\u200bb"),
        (["\u2066x"], r'["\u2066x"]'),
        ("\udcff", r"\udcff"),
    ],
)
def test_what_does_not_print_stands_as_an_escape(value: Json, text: str) -> None:
    assert shown_pair(value, 1) == (text, "1")


def test_a_long_value_loses_its_middle_and_says_its_length() -> None:
    text = "a" * 200 + "z" * 100
    (before, after) = shown_pair(ABSENT, text)
    assert before == "(absent)"
    assert after == f"{'a' * 45}...{'z' * 24} (300 characters)"


def test_of_two_long_values_the_difference_is_shown() -> None:
    one = "x" * 100 + "member('HA_kea-a')" + "y" * 100
    other = "x" * 100 + "member('HA_kea-bcd')" + "y" * 100
    assert shown_pair(one, other) == (
        "...ber('HA_kea-a')yyyyyyyyyy... (218 characters)",
        "...ber('HA_kea-bcd')yyyyyyyyyy... (220 characters)",
    )


def test_long_lists_that_differ_at_the_end() -> None:
    names = [f"class-{number}" for number in range(50)]
    assert shown_pair(names, [*names[:-2], names[-1], names[-2]]) == (
        '...7", "class-48", "class-49"] (590 characters)',
        '...7", "class-49", "class-48"] (590 characters)',
    )


def test_one_long_value_beside_a_short_one() -> None:
    assert shown_pair("x" * 90, "y") == (f"{'x' * 45}...{'x' * 24} (90 characters)", "y")


def test_text_inserted_in_a_long_value_is_seen() -> None:
    assert shown_pair("a" * 80, "a" * 40 + "NEW" + "a" * 40) == (
        f"...{'a' * 24}... (80 characters)",
        f"...{'a' * 12}NEW{'a' * 12}... (83 characters)",
    )


def test_text_taken_from_a_long_run_of_the_same() -> None:
    """What is equal at the start and at the end may not overlap."""
    assert shown_pair("a" * 100, "a" * 80) == (
        f"...{'a' * 32} (100 characters)",
        f"...{'a' * 12} (80 characters)",
    )


def test_a_name_is_whole_up_to_its_limit() -> None:
    assert shown_name("n" * LONGEST_NAME) == "n" * LONGEST_NAME
    assert shown_name("n" * (LONGEST_NAME + 1)).endswith(f"nnn ({LONGEST_NAME + 1} characters)")


def test_a_time_says_how_far_it_is_from_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    at = datetime(2026, 11, 26, 23, 2, 41, 123_000, tzinfo=UTC)
    for zone, text in (("UTC0", "2026-11-26 23:02:41+00:00"), ("CET-1", "2026-11-27 00:02:41+01:00")):
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        try:
            assert moment(at) == text
            assert moment(at, "minutes") == f"{text[:16]}{text[19:]}"
        finally:
            monkeypatch.undo()
            time.tzset()
