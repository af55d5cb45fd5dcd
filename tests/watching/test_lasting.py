"""What lasts while the daemon is restarted, and while its relationship leaves the desired files."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from reconciler.cli import session
from reconciler.cli.watch import edges_of
from reconciler.desired.load import load
from reconciler.kea.access import Credentials, Settings
from reconciler.model import Event, EventKind, Probe, WatchMode
from reconciler.simulator import Release, World
from reconciler.state.events import EventKeeper
from reconciler.state.runs import open_store
from reconciler.watching.grouping import groups
from reconciler.watching.reading import Reader
from reconciler.watching.rounds import Habits, Rounds
from tests.cli.site import Site


def test_a_drift_goes_on_and_ends_with_the_revision_that_ended_it(site: Site) -> None:
    told: list[Event] = []

    async def watch() -> None:
        edges = edges_of(session.Session(Settings(), Credentials()))
        with closing(open_store(site.folder / "state")) as store:
            reader = Reader(edges, 10)
            keeper, habits = EventKeeper(store), Habits(WatchMode.REPORT, 60, 0)

            def tell(event: Event) -> None:
                keeper.keep(event)
                told.append(event)

            rounds = Rounds(edges, habits, store, reader, tell)
            desired = load(site.desired)
            rounds.adopt(groups(desired))
            (group,) = (each for each in groups(desired) if each.names)
            try:
                site.change("kea-b", lambda config: config.update({"valid-lifetime": 1234}))
                await rounds.once(group)
                assert [each.revision for each in told if each.kind is EventKind.DRIFT] == [desired.revision]
                since = rounds.records["hq"].watched.drifted_since
                anew = Rounds(edges, habits, store, reader, tell)  # as a daemon that was restarted
                anew.adopt(groups(desired))
                await anew.once(group)
                since_then = anew.records["hq"].watched.drifted_since
                assert since is not None
                assert since_then is not None
                assert abs(since_then - since) < timedelta(milliseconds=1)  # events are kept to the millisecond
                told.clear()
                rounds.adopt(groups(replace(desired, relationships=(), revision="git:next")))
            finally:
                await reader.close()

    asyncio.run(watch())
    (over,) = (each for each in told if each.finding == "drift:hq" and each.is_over)
    assert over.revision == "git:next"
    assert over.summary == "not watched any more: hq has drifted: 1 difference"


def test_a_backup_that_listens_no_more_is_told_although_nothing_else_moved(tmp_path: Path) -> None:
    found = Probe.OPEN
    asked: list[str] = []

    async def probe(urls: Iterable[str]) -> Mapping[str, Probe]:
        asked.extend(urls)
        return dict.fromkeys(urls, found)

    async def watch(site: Site) -> list[tuple[str, ...]]:
        nonlocal found
        edges = replace(edges_of(session.Session(Settings(), Credentials())), probe=probe)
        with closing(open_store(site.folder / "state")) as store:
            reader = Reader(edges, 10)
            rounds = Rounds(edges, Habits(), store, reader, lambda _: None)
            rounds.adopt(groups(load(site.desired)))
            (group,) = (each for each in groups(load(site.desired)) if each.names)
            reasons = []
            try:
                for each in (Probe.OPEN, Probe.REFUSED, Probe.OPEN, Probe.NO_ANSWER):
                    found = each
                    await rounds.once(group)
                    status = rounds.records["hq"].watched.status
                    assert status is not None
                    reasons.append(status.reasons)
            finally:
                await reader.close()
            return reasons

    with World() as world:
        site = Site(world, tmp_path, Release.KEA_3_0)
        site.add_pair(servers=("kea-a", "kea-b", "kea-c"))
        well, deaf, *rest = asyncio.run(watch(site.made()))
    assert asked
    assert (well, rest) == ((), [(), ()])
    (reason,) = deaf
    assert reason.startswith("kea-c is to listen at ")
