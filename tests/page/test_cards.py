"""How a relationship is drawn: which line leads where, and what is said beside it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from reconciler.model import Role, Service, Watched
from reconciler.page.cards import Line, Tone, card, cards
from reconciler.page.view import view
from tests.page.boards import NOW, backed_up, board, down, drifted, impaired, pair, server, sixty, watched


def lines(each: Watched) -> list[tuple[str, Line, Tone]]:
    return [(branch.box.server, branch.line, branch.tone) for branch in card(each, NOW, 60).branches]


def test_data_go_from_the_primary_to_all_others() -> None:
    assert lines(watched("hq")) == [("hq-b", Line.RIGHT, Tone.GOOD)]
    assert lines(backed_up()) == [
        ("tyo-b", Line.RIGHT, Tone.GOOD),
        ("tyo-c", Line.RIGHT, Tone.GOOD),
        ("tyo-d", Line.RIGHT, Tone.UNKNOWN),
    ]


def test_data_go_from_the_partner_while_the_primary_is_away() -> None:
    found = card(impaired(), NOW, 60)
    assert lines(impaired()) == [("ber-b", Line.LEFT, Tone.BAD), ("ber-c", Line.DOWN, Tone.GOOD)]
    assert [branch.box.is_authority for branch in found.branches] == [True, False]
    assert found.left is not None
    assert not found.left.is_authority


def test_data_go_nowhere_where_nobody_is_the_truth() -> None:
    assert lines(down()) == [("lis-b", Line.NONE, Tone.BAD)]


def test_a_server_that_differs_is_seen() -> None:
    found = card(drifted(), NOW, 60)
    assert (found.word, found.tone, found.sync_word, found.worst) == (
        "OK",
        Tone.GOOD,
        "drifted: 2 differences",
        Tone.WARNING,
    )
    assert found.branches[0].tone is Tone.WARNING


def test_what_differed_before_a_server_went_away_is_not_said_to_be_of_now() -> None:
    told = drifted()
    assert told.status is not None
    gone = replace(told, status=replace(told.status, in_sync=None))
    titles = [
        [note.title for note in card(each, NOW, 60).notes if "nobody asked for" in note.title] for each in (told, gone)
    ]
    assert titles == [titles[0], [f"{titles[0][0]}; they can't be compared now"]]


def test_a_server_that_serves_nobody_does_not_look_well_whatever_its_state() -> None:
    off = server("hq-a", Role.PRIMARY, reason="hq-a has its DHCP service switched off by dhcp-disable")
    found = card(watched("hq", pair("hq", off, server("hq-b", Role.STANDBY))), NOW, 60)
    assert found.left is not None
    assert (found.left.tone, found.branches[0].box.tone) == (Tone.WARNING, Tone.GOOD)


def test_a_primary_alone_has_no_lines() -> None:
    alone = pair("lone", server("one", Role.PRIMARY, "passive-backup"), mode="passive-backup", authority="one")
    found = card(watched("lone", alone), NOW, 60)
    assert found.left is not None
    assert found.branches == ()


def test_what_was_not_looked_at_yet_needs_nobody() -> None:
    found = card(Watched("new", Service.DHCP6), NOW, 60)
    assert (found.left, found.tone, found.needs_attention) == (None, Tone.UNKNOWN, False)


def test_the_worst_comes_first() -> None:
    names = [each.name for each in cards(sixty().relationships, NOW, 60)]
    assert names[:5] == ["lisbon", "berlin", "zurich", "hq", "tokyo"]


def test_many_lines_unfold_and_a_single_one_does_not() -> None:
    def of(number: int) -> tuple[int, int]:
        lines = tuple(f"line {each}" for each in range(number))
        (note,) = card(replace(drifted(), drift=lines, drift_counts={"kea-b": number}), NOW, 60).notes
        return len(note.lines), len(note.rest)

    assert (of(4), of(5), of(6)) == ((4, 0), (5, 0), (4, 2))


def test_what_is_old_is_said_to_be() -> None:
    old = watched("hq", looked_at=NOW - timedelta(minutes=4))
    assert [note.title for note in card(old, NOW, 60).notes] == ["Looked at 4 min ago: what stands here is old"]
    assert card(old, NOW, 90).notes == ()


def test_the_headline_says_how_they_all_are() -> None:
    assert view(board(), ()).headline == "No relationship is desired."
    assert view(board(watched("hq")), ()).headline == "The relationship is well."
    assert view(board(watched("a"), watched("b")), ()).headline == "All 2 relationships are well."
    assert view(board(watched("a"), drifted()), ()).headline == "1 of 2 relationships needs a look."
    assert view(board(watched("a"), down()), ()).headline == "1 relationship is down."
    assert view(board(Watched("a", Service.DHCP4), is_ready=False), ()).tone is Tone.UNKNOWN
