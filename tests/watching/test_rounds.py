"""What rounds keep between two looks: when to look again, and what is told once of all of them."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.cli.session import Session
from reconciler.cli.watch import edges_of
from reconciler.desired.load import load
from reconciler.kea.access import Credentials, Settings
from reconciler.model import Event, WatchMode
from reconciler.state.runs import open_store
from reconciler.watching.grouping import groups
from reconciler.watching.reading import Reader
from reconciler.watching.rounds import Habits, Rounds
from tests.cli.site import HURRIED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cli.site import Site

PACE = 600.0  # seconds; nothing in here comes about by it


class Watching:
    """Rounds over a site's relationships, one when it is asked for, which leave nothing to chance."""

    def __init__(self, site: Site, runner: asyncio.Runner) -> None:
        self.told: list[Event] = []
        edges = replace(edges_of(Session(Settings(), Credentials())), chance=lambda: 0.5)
        self.store, self._runner, self._reader = open_store(site.folder / "state"), runner, Reader(edges, 10)
        habits = Habits(WatchMode.REPLICATE, interval=PACE, steady=0.0)
        self._rounds = Rounds(edges, habits, self.store, self._reader, self.told.append)
        self._groups = {group.names: group for group in groups(load(site.desired))}
        self._rounds.adopt(tuple(self._groups.values()))

    def look(self, *names: str) -> float:
        """Have one round over a group, and return in how many seconds the next is due."""
        return self._runner.run(self._rounds.once(self._groups[names]))

    def close(self) -> None:
        """Let go of all connections."""
        self._runner.run(self._reader.close())
        self.store.close()

    def failures(self) -> list[tuple[str | None, bool]]:
        """Of which relationship was told that something fails, and whether that it is over."""
        return [(each.relationship, each.is_over) for each in self.told if each.kind == "failed"]


@pytest.fixture
def watching(site: Site) -> Iterator[Watching]:
    """Rounds over two pairs, which are as they should be."""
    site.add_pair("lab", servers=("kea-c", "kea-d"))
    site.made()
    with asyncio.Runner() as runner:
        made = Watching(site, runner)
        yield made
        made.close()


def drifted(site: Site, seconds: int) -> None:
    def edit(config: dict[str, Any]) -> None:
        config["valid-lifetime"] = seconds

    site.change("kea-b", edit)


def lost_touch(site: Site) -> None:
    """The two servers of a pair can be asked, and don't hear each other."""
    site.world.partition("kea-a", "kea-b")
    site.world.advance(2 * HURRIED["max-response-delay"] / 1000)


def test_what_comes_by_itself_is_waited_for_longer_each_time_and_from_the_start_the_next_time(
    site: Site, watching: Watching
) -> None:
    assert watching.look("hq") == PACE
    for seconds in (1234, 4321):
        drifted(site, seconds)
        lost_touch(site)
        assert [watching.look("hq") for _ in range(3)] == [2.0, 6.0, 18.0]
        assert site.endpoint("kea-b").config["valid-lifetime"] == seconds
        site.world.heal("kea-a", "kea-b")
        site.until_normal()
        assert watching.look("hq") == PACE
        assert site.endpoint("kea-b").config["valid-lifetime"] != seconds


def test_a_state_directory_that_cannot_be_read_is_told_once_and_so_is_its_end(site: Site, watching: Watching) -> None:
    watching.store.database.execute("ALTER TABLE work RENAME TO missing")
    for _ in range(2):
        watching.look("hq")
        watching.look("lab")
    assert watching.failures() == [(None, False)]
    drifted(site, 1234)
    site.forget()
    watching.store.database.execute("ALTER TABLE missing RENAME TO work")
    watching.look("lab")
    assert (watching.failures(), site.sent()) == ([(None, False)], [])  # it is not known of all yet
    watching.look("hq")
    assert watching.failures() == [(None, False), (None, True)]
    assert "config-set" in site.sent("kea-b")
