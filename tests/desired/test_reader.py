from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.desired import composer
from reconciler.desired.decode import decode
from reconciler.desired.documents import Document
from reconciler.desired.limits import LIMITS, Limits
from reconciler.desired.reader import read_documents
from reconciler.model import Position, Problem

EXAMPLE = """\
# first line
name: hq
peers:
  - {server: kea-a, url: "http://192.0.2.10:8000/"}
  - server: kea-b
    options: &options
      - on-purpose
      - 10
again: *options
---
second: null
"""


@pytest.fixture(params=["CSafeLoader", "SafeLoader"])
def either_parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """PyYAML comes with its C parser or without; both must do."""
    if not hasattr(yaml, request.param):
        pytest.skip("this PyYAML has no C parser")
    monkeypatch.setattr(composer, "_Loader", getattr(yaml, request.param))
    return str(request.param)


def read(text: str, limits: Limits = LIMITS) -> tuple[list[Document], list[Problem]]:
    return read_documents(text, "f.yaml", limits)


def rules_of(text: str, limits: Limits = LIMITS) -> list[str]:
    return [problem.rule for problem in read(text, limits)[1]]


@pytest.mark.parametrize("end", ["---\n", "---", "--- # the end\n"])
def test_a_marker_at_the_end_begins_nothing(either_parser: str, end: str) -> None:
    assert [document.data for document in read(f"name: hq\n{end}")[0]] == [{"name": "hq"}]
    assert rules_of(f"name: hq\n{end}") == []
    assert rules_of(end) == ["yaml-empty"]


def test_data_and_places(either_parser: str) -> None:
    documents, problems = read(EXAMPLE)
    assert problems == []
    assert [document.data for document in documents] == [
        {
            "name": "hq",
            "peers": [
                {"server": "kea-a", "url": "http://192.0.2.10:8000/"},
                {"server": "kea-b", "options": ["on-purpose", 10]},
            ],
            "again": ["on-purpose", 10],
        },
        {"second": None},
    ]
    first, second = documents
    assert {trail: (first.at(trail).line, first.at(trail).column) for trail in first.values} == {
        (): (2, 1),
        ("name",): (2, 7),
        ("peers",): (4, 3),
        ("peers", 0): (4, 5),
        ("peers", 0, "server"): (4, 14),
        ("peers", 0, "url"): (4, 26),
        ("peers", 1): (5, 5),
        ("peers", 1, "server"): (5, 13),
        ("peers", 1, "options"): (6, 14),
        ("peers", 1, "options", 0): (7, 9),
        ("peers", 1, "options", 1): (8, 9),
        ("again",): (6, 14),
        ("again", 0): (7, 9),
        ("again", 1): (8, 9),
    }
    assert first.at_key(("peers", 1, "options")) == Position("f.yaml", 6, 5)
    assert first.at(("peers", 1, "role")) == Position("f.yaml", 5, 5), "what is missing: where it is missing"
    assert second.at(("second",)) == Position("f.yaml", 11, 9)


def test_a_place_in_a_line_counts_characters_not_bytes(either_parser: str) -> None:
    documents, _ = read('"ключ-ç": ä')
    assert documents[0].at(("ключ-ç",)) == Position("f.yaml", 1, 11)


@pytest.mark.parametrize(
    "text", ["[" * 500_000, "- " * 500_000, "{a: " * 250_000, "? " * 500_000, "[" * 66 + "]" * 66], ids=str.__len__
)
def test_deep_nesting_is_refused_and_ends_no_process(text: str, either_parser: str) -> None:
    assert rules_of(text) == ["yaml-depth"]


def test_nesting_up_to_the_limit(either_parser: str) -> None:
    assert rules_of("[" * 64 + "]" * 64) == []


def test_aliases_count_at_their_full_depth() -> None:
    text = "a: &a " + "[" * 40 + "]" * 40 + "\nb: &b " + "[" * 40 + "*a" + "]" * 40
    assert rules_of(text) == ["yaml-depth"]


def test_an_alias_bomb_is_refused(either_parser: str) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    assert rules_of("\n".join(lines)) == ["yaml-size"]


def test_the_number_of_values_is_bounded_over_all_documents_of_a_file() -> None:
    limits = Limits(nodes=10)
    assert rules_of("[1, 2, 3, 4]\n---\n[1, 2, 3, 4]", limits) == []
    assert rules_of("[1, 2, 3, 4]\n---\n[1, 2, 3, 4, 5]", limits) == ["yaml-size"]
    assert rules_of("{a: &a [1, 2], b: *a}", limits) == []
    assert rules_of("{a: &a [1, 2], b: *a, c: *a}", limits) == ["yaml-size"]


def test_an_anchor_may_be_used_again_and_does_not_reach_into_the_next_document() -> None:
    documents, problems = read("[&a 1, *a, &a 2, *a]\n---\n*a")
    assert [document.data for document in documents] == [[1, 1, 2, 2]]
    assert [problem.rule for problem in problems] == ["yaml-alias"]


def test_what_stands_before_a_fault_is_kept(either_parser: str) -> None:
    documents, problems = read("name: a\n---\nname: b\n---\n[")
    assert [document.data for document in documents] == [{"name": "a"}, {"name": "b"}]
    assert [problem.rule for problem in problems] == ["yaml-syntax"]


@pytest.mark.parametrize(
    "text",
    [
        "password: *swordfish",
        "password: !swordfish x",
        "password: !swordfish!x y",
        "password: &swordfish",
        "password: 'swordfish",
        'password: "\\swordfish"',
        "password: @swordfish",
        "password: sword: fish",
        "password: 'swordfish' fish",
        "swordfish\n: [",
        "password: [swordfish}",
        "%swordfish 1\n---\na: b: c",
    ],
)
def test_no_piece_of_the_file_is_repeated(text: str, either_parser: str) -> None:
    said = " ".join(map(str, read(text)[1])).lower()
    assert "sword" not in said
    assert "fish" not in said


def test_a_fault_behind_an_alias_is_said_once() -> None:
    _, problems = read("a: &a {x: yes}\nb: *a\nc: *a")
    assert len({problem.position for problem in problems}) == 1


@pytest.mark.parametrize(
    ("content", "position", "message"),
    [
        (b"name: \xff", "f:1:7", "the byte 0xff is not UTF-8"),
        (b"a: 1\nname: \xc3\xa4\xe4", "f:2:8", "the byte 0xe4 is not UTF-8"),
        ("name: x".encode("utf-16"), "f:1:1", "the file is UTF-16 or UTF-32, not UTF-8"),
        ("name: x".encode("utf-32"), "f:1:1", "the file is UTF-16 or UTF-32, not UTF-8"),
        (b"a: 1\r\nb: \x00", "f:2:4", "the control character U+0000 is not allowed in YAML"),
        (b"a: \x1b[31m", "f:1:4", "the control character U+001B is not allowed in YAML"),
        (b"a: \xef\xbf\xbf", "f:1:4", "the control character U+FFFF is not allowed in YAML"),
    ],
)
def test_what_is_no_text(content: bytes, position: str, message: str) -> None:
    problem = decode(content, "f")
    assert isinstance(problem, Problem)
    assert (str(problem.position), problem.message, problem.rule) == (position, message, "yaml-encoding")


def test_a_byte_order_mark_is_fine() -> None:
    assert decode(b"\xef\xbb\xbfname: x", "f") == "name: x"


plain_data: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.text(st.characters(codec="utf-8", exclude_categories=["C", "Zl", "Zp"]).filter(str.isprintable)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abcdefgh-10", max_size=6), inner, max_size=4),
    max_leaves=20,
)


@given(plain_data, st.booleans())
def test_whatever_pyyaml_writes_is_read_as_it_was_or_called_ambiguous(data: Any, flow: bool) -> None:
    text = yaml.safe_dump(data, default_flow_style=flow, allow_unicode=True, width=100_000)
    documents, problems = read(text)
    assert {problem.rule for problem in problems} <= {"yaml-empty", "ambiguous-value", "yaml-key"}
    if not problems:
        assert [document.data for document in documents] == [data]


@settings(deadline=None, max_examples=300)
@given(st.text("ab:-[]{}&*!|>'\"%@`#,?~<=0.1 \n\t", max_size=60))
def test_no_text_is_too_strange(text: str) -> None:
    documents, problems = read(text)
    assert documents or problems


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=80))
def test_no_bytes_are_too_strange(content: bytes) -> None:
    text = decode(content, "f")
    assert isinstance(text, Problem) or any(read(text))
