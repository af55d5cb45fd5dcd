from __future__ import annotations

import math
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from reconciler.desired.scalars import resolve


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("~", None),
        ("null", None),
        ("true", True),
        ("False", False),
        ("0", 0),
        ("10000", 10000),
        ("-7", -7),
        ("+7", 7),
        ("0x1F", 31),
        ("1.5", 1.5),
        ("-0.25", -0.25),
        (".inf", math.inf),
        ("-.INF", -math.inf),
        ("hot-standby", "hot-standby"),
        ("192.0.2.10", "192.0.2.10"),
        ("2001:db8::1", "2001:db8::1"),
        ("y", "y"),
        ("nullable", "nullable"),
        ("truth", "truth"),
        ("--", "--"),
    ],
)
def test_what_all_readers_agree_about(text: str, value: Any) -> None:
    scalar = resolve(text)
    assert (scalar.value, type(scalar.value), scalar.doubt) == (value, type(value), None)


def test_not_a_number() -> None:
    assert math.isnan(resolve(".NaN").value)


@pytest.mark.parametrize(
    ("text", "doubt"),
    [
        ("yes", "true or false to YAML 1.1 and text to YAML 1.2"),
        ("Off", "true or false to YAML 1.1 and text to YAML 1.2"),
        ("010", "an octal number to YAML 1.1 and a decimal number to YAML 1.2"),
        ("00", "an octal number to YAML 1.1 and a decimal number to YAML 1.2"),
        ("0o17", "text to YAML 1.1 and a number to YAML 1.2"),
        ("1_000", "a number to YAML 1.1 and text to YAML 1.2"),
        ("12:30:45", "a number to YAML 1.1 and text to YAML 1.2"),
        ("1e3", "text to YAML 1.1 and a number to YAML 1.2"),
        ("2026-01-31", "a date to YAML 1.1 and text to YAML 1.2"),
        ("<<", "a special value to YAML 1.1 and text to YAML 1.2"),
        ("9" * 41, "a number of 41 digits, which not every reader can hold"),
    ],
)
def test_what_readers_disagree_about_stays_text(text: str, doubt: str) -> None:
    scalar = resolve(text)
    assert (scalar.value, scalar.doubt) == (text, doubt)


@given(st.text("0123456789abefnotxyNOTF+-.:_~eE ", max_size=12))
def test_where_there_is_no_doubt_pyyaml_says_the_same(text: str) -> None:
    scalar = resolve(text)
    if scalar.doubt is None:
        loader: Any = yaml.SafeLoader("")
        loaded = loader.construct_object(yaml.ScalarNode(loader.resolve(yaml.ScalarNode, text, (True, False)), text))
        assert scalar.value == loaded or (scalar.value != scalar.value and loaded != loaded)
