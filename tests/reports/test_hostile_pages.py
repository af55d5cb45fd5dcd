"""Whatever a server says: it stays behind the fences of a page, and is no command to a runner that reads along."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from reconciler.model import Plan, Position, Problem, RelationshipOutcome, RelationshipStatus
from reconciler.planning.drift import only_drift
from reconciler.reports import pages, remarks
from reconciler.reports.annotations import MOST, Annotation, Level, commands, inert
from reconciler.reports.json_plan import json_plan
from reconciler.reports.json_text import json_text
from reconciler.reports.markdown import COMMENT, Block, Limit, Page, markdown, marker, summary_limit
from reconciler.reports.text_outcomes import text_outcomes
from reconciler.reports.text_plan import text_plan
from reconciler.reports.text_status import text_status
from tests.reports import samples
from tests.reports.runner import command, lines
from tests.reports.test_hostile_strings import OUTCOMES, PLANS, PROBLEMS, STATUSES, WORDS

GFM = MarkdownIt("commonmark").enable(["table", "strikethrough"])
LINES = st.lists(WORDS.map(lambda text: "".join(filter(str.isprintable, text))), max_size=6)
BLOCKS = st.builds(Block, st.sampled_from(["", "### Heading"]), LINES, st.sampled_from(["text", "diff"]), st.just(""))
FOLDED = BLOCKS.map(lambda block: replace(block, fold="words"))
PAGES = st.builds(Page, st.just("plan"), st.just("title"), st.just(("lead",)), st.lists(BLOCKS | FOLDED).map(tuple))


def skeleton(text: str) -> list[tuple[str, str]]:
    """All of a page but what stands behind its fences, which is left empty."""
    return [(token.type, "" if token.type == "fence" else token.content) for token in GFM.parse(text)]


def fenced(text: str) -> list[list[str]]:
    return [token.content.splitlines() for token in GFM.parse(text) if token.type == "fence"]


def emptied(page: Page) -> Page:
    return replace(page, blocks=tuple(replace(block, lines=["x" for _ in block.lines]) for block in page.blocks))


def assert_contained(page: Page) -> None:
    """The page is the same whatever its lines hold, and every line is there."""
    text = markdown(page)
    assert skeleton(text) == skeleton(markdown(emptied(page)))
    found = fenced(text)
    assert [len(each) for each in found] == [len(block.lines) for block in page.blocks]
    assert all(line.isprintable() for line in text.split("\n"))
    assert words_outside(GFM.parse(text)) <= OURS
    assert not any(token.type in {"link_open", "image", "html_inline"} for token in inner(GFM.parse(text)))


OURS = {"<details><summary>", "</summary>", "</details>", "<code>", "</code>", "<!--", "-->"}


def words_outside(tokens: Sequence[Token]) -> set[str]:
    """The tags of HTML outside of fences."""
    html = (token.content for token in tokens if token.type in {"html_block", "html_inline"})
    return {tag for text in html for tag in re.findall(r"<details><summary>|<!--|-->|</?\w+[^>]*>", text)}


def inner(tokens: Sequence[Token]) -> Iterator[Token]:
    for token in tokens:
        yield from token.children or ()


def pages_of_plan(plan: Plan, approved: tuple[str, ...] = ()) -> Iterator[Page]:
    for verbose in (False, True):
        yield pages.plan_page(plan, approved=approved, verbose=verbose)
        yield pages.drift_page(only_drift(plan), verbose=verbose)


@settings(deadline=None)
@given(PLANS)
def test_the_page_of_a_plan(plan: Plan) -> None:
    for page in pages_of_plan(plan):
        assert_contained(page)


@settings(deadline=None)
@given(STATUSES)
def test_the_page_of_a_status(statuses: list[RelationshipStatus]) -> None:
    assert_contained(pages.status_page(statuses))


@settings(deadline=None)
@given(OUTCOMES)
def test_the_page_of_outcomes(outcomes: list[RelationshipOutcome]) -> None:
    assert_contained(pages.outcome_page(outcomes))


@settings(deadline=None)
@given(PROBLEMS)
def test_the_page_of_problems(problems: list[Problem]) -> None:
    assert_contained(pages.problem_page(problems))


@settings(deadline=None)
@given(WORDS)
def test_a_page_of_any_text(text: str) -> None:
    assert_contained(pages.text_page("reset", text))


# ------------------------------------------------------------------------------------------ its length


@settings(deadline=None)
@given(PAGES, st.integers(0, 2500))
@example(Page("plan", "title", (), (Block("", ["`" * 30, "``` ", "~~~"]),)), 3000)
def test_a_page_is_never_too_long_and_says_what_it_leaves_out(page: Page, most: int) -> None:
    for limit in (Limit(most, COMMENT.measure), Limit(most, summary_limit().measure)):
        text = markdown(page, limit, "the artifact")
        assert limit.measure(text) <= most
        if not text:
            continue
        shown = sum(map(len, fenced(text)))
        lost = sum(len(block.lines) for block in page.blocks) - shown
        assert (f"**{lost} more line" in text) is bool(lost)
        assert ("the artifact" in text) is bool(lost)
        folds = [token.content for token in GFM.parse(text) if token.type == "html_block"][1:]
        assert len(folds) == 2 * sum("<details>" in each for each in folds)


def test_what_is_cut_is_cut_from_the_end() -> None:
    many = Page("plan", "title", (), (Block("### First", ["a" * 99] * 3), Block("", ["b" * 99] * 2000, fold="rest")))
    text = markdown(many)
    assert COMMENT.measure(text) <= 65_535
    assert len(fenced(text)[0]) == 3
    assert 600 < len(fenced(text)[1]) < 2000
    assert text.endswith(
        "more lines are left out here.** All of it: the log of the run and the artifacts that it keeps."
    )


def test_the_limits_are_those_of_github() -> None:
    assert COMMENT.most + len(" of ") + 64 <= 65_535  # with what `publish --as` adds
    assert COMMENT.measure("\U0001f600") == 2
    assert summary_limit().most == 1_048_575
    assert summary_limit(1_048_576).most == 0
    assert summary_limit().measure("é") == 2


def test_a_marker_begins_the_page() -> None:
    text = markdown(pages.plan_page(samples.plan()))
    assert text.startswith(f"{marker('plan')}\n")
    assert marker("plan") == "<!-- kea-reconciler: plan -->"


# ------------------------------------------------------------------------------------------ the runner

ANNOTATIONS = st.lists(
    st.builds(
        Annotation,
        st.sampled_from(Level),
        WORDS,
        WORDS,
        st.none() | st.builds(Position, WORDS, st.integers(1, 99), st.integers(1, 99)),
    ),
    max_size=40,
)


@settings(deadline=None)
@given(ANNOTATIONS)
def test_an_annotation_is_one_command_and_says_what_it_should(annotations: list[Annotation]) -> None:
    text = commands(annotations)
    found = [command(line) for line in lines(text)] if text else []
    levels = [each.name if each else None for each in found]
    wanted = [level.value for level in Level for each in annotations if each.level is level]
    kept = [level.value for level in Level for _ in range(min(MOST, wanted.count(level.value)))]
    assert levels == kept
    for each in found:
        assert each is not None
        assert set(each.properties) <= {"file", "line", "col", "title"}


def test_an_annotation_has_its_place_and_its_text() -> None:
    where = Position("desired/a,b:c.yaml", 3, 7)
    text = commands([Annotation(Level.WARNING, "a: b, c", "100%0A\n::error::x", where)])
    found = command(text)
    assert found is not None
    properties = {"file": "desired/a,b:c.yaml", "line": "3", "col": "7", "title": "a: b, c"}
    assert (found.name, found.properties) == ("warning", properties)
    assert text.endswith("::100%250A%0A::error::x")


def test_of_more_than_ten_the_tenth_says_how_many() -> None:
    told = lines(commands([Annotation(Level.ERROR, f"n{n}", "text") for n in range(12)]))
    assert len(told) == 10
    assert told[-1] == "::error title=3 more errors::The report has them all."


COMMANDLIKE = ("::error::owned", " ::set-output name=a::b", "##[error]owned", "x ##[add-mask]a", "::add-mask::kea")


@settings(deadline=None)
@given(PLANS, STATUSES, OUTCOMES)
def test_no_text_is_a_command(
    plan: Plan, statuses: list[RelationshipStatus], outcomes: list[RelationshipOutcome]
) -> None:
    for text in (text_plan(plan), json_plan(plan), text_status(statuses), text_outcomes(outcomes)):
        assert [line for line in lines(inert(text)) if command(line)] == []


@pytest.mark.parametrize("text", COMMANDLIKE)
def test_what_looks_like_a_command_is_none(text: str) -> None:
    assert command(text) is not None
    plan = samples.plan(replace(samples.quiet(notes=(text,)), relationship=samples.relationship(text)))
    shown = text_plan(plan)
    assert any(command(line) for line in lines(shown)) is text.strip().startswith("::")  # a name begins a line
    for each in (inert(shown), json_plan(plan)):
        assert [line for line in lines(each) if command(line)] == []


def test_all_else_is_left_as_it_is() -> None:
    for text in ("::1 is an address", "  2001:db8::/64 and fe80::1", "a ::error::b", "::", ":::: "):
        assert inert(text) == text
    assert json_text({"a": "##[x]"}) == '{\n  "a": "#\\u0023[x]"\n}'


def test_remarks_of_a_plan_hold_no_more_than_a_line_each() -> None:
    full = samples.plan(samples.modification(), samples.creation(), samples.unreachable())
    told = commands(tuple(remarks.of_plan(full)), lambda file: f"inside/{file}")
    assert "file=inside/desired/relationships/hq.yaml,line=5,col=5" in told
    assert all(command(line) for line in lines(told))
