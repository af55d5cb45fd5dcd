"""The daemon forgets what is old by itself, in every mode."""

from __future__ import annotations

import asyncio
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from reconciler.desired.load import load
from reconciler.model import WatchMode
from reconciler.state.runs import open_store
from reconciler.watching.daemon import Daemon
from reconciler.watching.edges import Edges
from reconciler.watching.rounds import Habits
from reconciler.watching.source import Source

DESIRED = Path(__file__).resolve().parents[2] / "desired"
AN_HOUR = 3600.0


def test_what_is_old_goes_at_the_start_and_each_hour_although_nothing_is_changed(tmp_path: Path) -> None:
    hours = asyncio.Event()

    async def sleep(seconds: float) -> None:
        assert seconds == AN_HOUR
        await hours.wait()
        hours.clear()

    with closing(open_store(tmp_path / "state")) as store:

        def age() -> None:
            row = ("2020-01-01T00:00:00.000+00:00", "drift")
            store.database.executemany("INSERT INTO event (at, kind) VALUES (?, ?)", [row] * 9)

        async def are_gone() -> None:
            while store.database.execute("SELECT count(*) FROM event").fetchone() != (0,):  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.01)

        async def work() -> None:
            edges = Edges(open_client=None, hands=None, probe=None)  # type: ignore[arg-type] # nobody is asked anything
            source = Source(DESIRED, load(DESIRED))
            daemon = Daemon(source, replace(edges, sleep=sleep), Habits(WatchMode.REPORT), store)
            age()
            running = asyncio.create_task(daemon.run())
            async with asyncio.timeout(60):
                await are_gone()
                age()
                hours.set()
                await are_gone()
                daemon.stop()
                await running

        asyncio.run(work())
