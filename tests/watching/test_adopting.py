"""Other files come while a round is under way."""

from __future__ import annotations

import asyncio
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.cli import session
from reconciler.cli.watch import edges_of
from reconciler.desired.load import load
from reconciler.kea.access import Credentials, Settings
from reconciler.model import Event, EventKind, WatchMode
from reconciler.running.planned import planned
from reconciler.state.runs import open_store
from reconciler.watching.grouping import groups
from reconciler.watching.parts import with_parts
from reconciler.watching.reading import Reader
from reconciler.watching.rounds import Habits, Rounds

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.cli.site import Site


def watching(site: Site, act: Callable[[Rounds], Awaitable[None]]) -> list[Event]:
    """Do something with the rounds of a daemon that enforces; returns what they told."""
    told: list[Event] = []

    async def work() -> None:
        edges = edges_of(session.Session(Settings(), Credentials()))
        with closing(open_store(site.folder / "state")) as store:
            reader = Reader(edges, 10)
            try:
                await act(Rounds(edges, Habits(WatchMode.ENFORCE, 60, 0), store, reader, told.append))
            finally:
                await reader.close()

    asyncio.run(work())
    return told


def test_what_is_known_of_quiet_groups_outlives_the_end_of_one_that_is_gone(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[None] = []

    async def counted(*arguments: Any) -> Any:
        calls.append(None)
        return await planned(*arguments)

    monkeypatch.setattr("reconciler.watching.rounds.planned", counted)

    async def watch(rounds: Rounds) -> None:
        found = groups(load(site.desired))
        (group,) = (each for each in found if each.names)
        rounds.adopt(found)
        await rounds.once(group)
        rounds.adopt(found)  # as when a round ends of a group that desired has no more
        await rounds.once(group)
        assert len(calls) == 1
        anew = groups(load(site.desired))
        rounds.adopt(anew)
        await rounds.once(next(each for each in anew if each.names))
        assert len(calls) == 2  # another desired state may ask for something else

    watching(site, watch)


def test_files_that_come_between_a_plan_and_the_deed_are_no_failure(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.change("kea-b", lambda config: config.update({"valid-lifetime": 1234}))

    async def watch(rounds: Rounds) -> None:
        async def interrupted(*arguments: Any) -> Any:
            found = await with_parts(*arguments)
            rounds.adopt(groups(load(site.desired)))
            return found

        monkeypatch.setattr("reconciler.watching.rounds.with_parts", interrupted)
        found = groups(load(site.desired))
        rounds.adopt(found)
        await rounds.once(next(each for each in found if each.names))

    told = watching(site, watch)
    assert EventKind.APPLIED in {each.kind for each in told}
