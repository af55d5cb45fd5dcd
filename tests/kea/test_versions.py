from __future__ import annotations

import pytest

from reconciler.kea.versions import config_test_is_safe, has_config_hash, is_tested, parse_version


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("2.2.0", (2, 2, 0)),
        (" 3.0.3\n", (3, 0, 3)),
        ("2.7.9-git", (2, 7, 9)),
        ("2.6.3-P1", (2, 6, 3)),
        ("3.1", (3, 1, 0)),
        ("10.20.30", (10, 20, 30)),
        ("", (0, 0, 0)),
        ("unknown", (0, 0, 0)),
        ("v2.2.0", (0, 0, 0)),
    ],
)
def test_a_version_is_three_numbers(text: str, number: tuple[int, int, int]) -> None:
    assert parse_version(text) == number


def test_only_the_series_that_the_tests_run_is_tested() -> None:
    assert [text for text in ("2.2.0", "2.2.1", "2.3.0", "2.6.3", "3.0.3", "3.1.0", "nonsense") if is_tested(text)] == [
        "2.2.0",
        "2.2.1",
        "2.6.3",
        "3.0.3",
    ]


@pytest.mark.parametrize(
    ("text", "is_safe"),
    [
        ("2.2.0", True),
        ("2.7.2", True),
        ("2.7.3", False),
        ("3.0.3", False),
        ("3.0.4", True),
        ("3.1.0", False),
        ("3.1.2", False),
        ("3.1.3", True),
    ],
)
def test_config_test_closes_the_listener_of_some_versions(text: str, *, is_safe: bool) -> None:
    assert config_test_is_safe(text) is is_safe


def test_the_hash_came_with_2_4_0() -> None:
    assert [has_config_hash(text) for text in ("2.2.0", "2.3.8", "2.4.0", "3.0.3")] == [False, False, True, True]
