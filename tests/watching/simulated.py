"""The daemon's rounds over a life in simulated time."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.cli import session
from reconciler.cli.watch import edges_of
from reconciler.desired.load import load
from reconciler.kea.access import Credentials, Settings
from reconciler.model import WatchMode
from reconciler.state.directory import default_directory
from reconciler.state.runs import open_store
from reconciler.watching.grouping import Group, groups
from reconciler.watching.reading import Reader
from reconciler.watching.rounds import Habits, Rounds

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from tests.mortal import Mortal


@asynccontextmanager
async def rounds_of(life: Mortal) -> AsyncIterator[tuple[Rounds, Sequence[Group], Reader]]:
    """The rounds of a daemon that may change all, with the groups that it works with, and what reads servers for it."""
    run = session.Session(Settings(), Credentials())
    edges = replace(edges_of(run), clock=life.world.clock.now, chance=lambda: 0.5)
    with closing(open_store(default_directory(os.environ))) as store:
        reader = Reader(edges, 100)
        rounds = Rounds(edges, Habits(WatchMode.ENFORCE, 60, 0), store, reader, lambda _: None)
        found = groups(load(life.desired))
        rounds.adopt(found)
        try:
            yield rounds, found, reader
        finally:
            await reader.close()
