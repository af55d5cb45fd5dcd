"""The daemon ends whenever it is told to, be it in its first moment."""

from __future__ import annotations

import asyncio
from contextlib import closing
from pathlib import Path

import pytest

from reconciler.desired.load import load
from reconciler.model import WatchMode
from reconciler.state.runs import open_store
from reconciler.watching.daemon import Daemon
from reconciler.watching.edges import Edges
from reconciler.watching.rounds import Habits
from reconciler.watching.source import Source

DESIRED = Path(__file__).resolve().parents[2] / "desired"


@pytest.mark.parametrize("turns", range(12))
def test_it_ends_after_any_number_of_turns_of_the_loop(tmp_path: Path, turns: int) -> None:
    async def work(daemon: Daemon) -> None:
        running = asyncio.create_task(daemon.run())
        for _ in range(turns):
            await asyncio.sleep(0)
        daemon.stop()
        await asyncio.wait_for(running, 15)

    with closing(open_store(tmp_path / "state")) as store:
        edges = Edges(open_client=None, hands=None, probe=None)  # type: ignore[arg-type] # nobody is asked anything
        asyncio.run(work(Daemon(Source(DESIRED, load(DESIRED)), edges, Habits(WatchMode.REPORT), store)))
