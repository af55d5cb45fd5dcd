"""Somebody else is at work on the servers that the daemon watches."""

from __future__ import annotations

import asyncio
from contextlib import closing
from dataclasses import replace

from reconciler.cli import session
from reconciler.cli.watch import edges_of
from reconciler.desired.load import load
from reconciler.kea.access import Credentials, Settings
from reconciler.model import Health, WatchMode
from reconciler.state.runs import Run, open_store
from reconciler.watching.grouping import groups
from reconciler.watching.reading import Reader
from reconciler.watching.rounds import Habits, Rounds
from tests.cli.site import Site


def test_who_is_at_work_for_long_hides_nothing_and_is_left_alone(site: Site) -> None:
    now = [0.0]
    edges = replace(edges_of(session.Session(Settings(), Credentials())), clock=lambda: now[0], chance=lambda: 0.5)

    async def watch() -> None:
        with closing(open_store(site.folder / "state")) as store:
            reader = Reader(edges, 10)
            rounds = Rounds(edges, Habits(WatchMode.ENFORCE, 60, 0), store, reader, lambda _: None)
            found = groups(load(site.desired))
            (group,) = (each for each in found if each.names)
            rounds.adopt(found)
            try:
                await rounds.once(group)
                other = Run(store, "kea-reconciler apply")
                other.claim({endpoint.control for endpoint in group.endpoints}, 0)
                site.change("kea-b", lambda config: config.update({"valid-lifetime": 1234}))
                site["kea-a"].stop_agent()
                site.forget()
                for seconds, is_ok in ((0, True), (200, True), (200, False)):
                    now[0] += seconds
                    await rounds.once(group)
                    status = rounds.records["hq"].watched.status
                    assert status is not None
                    assert (status.status is Health.OK) is is_ok
                assert site.sent() == []
                other.end(0)
            finally:
                await reader.close()

    asyncio.run(watch())
