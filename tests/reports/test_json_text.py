from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.reports.json_text import json_text

TEXT = st.text(st.characters(codec=None))  # every code point, lone surrogates too
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)


def without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, list):
        return [without_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {without_surrogates(key): without_surrogates(item) for key, item in value.items()}
    return value


@settings(deadline=None)
@given(VALUES)
def test_it_comes_back_as_it_was_and_prints_as_it_is(value: Any) -> None:
    text = json_text(value)
    assert all(line.isprintable() for line in text.split("\n"))
    assert json.loads(text) == without_surrogates(value)
    assert text.encode().decode() == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"b": 1, "a": [None, True]}, '{\n  "a": [\n    null,\n    true\n  ],\n  "b": 1\n}'),
        ({"b": 2**70, "a": [None]}, '{\n  "a": [\n    null\n  ],\n  "b": 1180591620717411303424\n}'),
        ("\x1b[31m\x7f\x9b", r'"\u001b[31m\u007f\u009b"'),
        ("\u202e\u2066", r'"\u202e\u2066"'),
        ("\U000e0001", r'"\udb40\udc01"'),
        ("büro 東京", '"büro 東京"'),
        ("\udcff", r'"\\udcff"'),
        (["\udcff", float("nan"), float("inf")], '[\n  "\\\\udcff",\n  null,\n  null\n]'),
        ([float("nan")], "[\n  null\n]"),
    ],
)
def test_these_values_are_these_texts(value: Any, text: str) -> None:
    assert json_text(value) == text


def test_what_is_nested_deeper_than_the_fast_writer_goes() -> None:
    value: Any = 1
    for _ in range(300):
        value = [value]
    assert json.loads(json_text(value)) == value
