"""A plan that takes long keeps neither the daemon's loop nor another relationship waiting."""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

from reconciler.cli import session
from reconciler.cli.watch import edges_of
from reconciler.desired.load import load
from reconciler.kea.access import Credentials, Settings
from reconciler.model import Service, WatchMode
from reconciler.planning.plan import plan
from reconciler.running import planned
from reconciler.simulator import World
from reconciler.state.runs import open_store
from reconciler.watching.daemon import Daemon
from reconciler.watching.rounds import Habits
from reconciler.watching.source import Source
from tests.cli.site import Site, subnet

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest

    from reconciler.model import Desired, Plan

S = Service.DHCP4
LARGE = {S.subnets: [{**subnet(S, 1), "user-context": {"note": "x" * 1_200_000}}]}
PATIENCE = 120.0


class Held:
    """Planning in which every plan of the large relationship waits until it is let go."""

    def __init__(self) -> None:
        self.has_begun, self.may_end = threading.Event(), threading.Event()

    def plan(self, desired: Desired, *arguments: Any, **options: Any) -> Plan:
        if "large" in {each.name for each in desired.relationships}:
            self.has_begun.set()
            assert self.may_end.wait(PATIENCE), "nobody else got on meanwhile"
        return plan(desired, *arguments, **options)


async def until(holds: Callable[[], bool], what: str) -> None:
    limit = time.monotonic() + PATIENCE / 2
    while not holds():
        assert time.monotonic() < limit, f"no {what}"
        await asyncio.sleep(0.05)


def test_others_go_on_while_a_large_relationship_is_planned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held = Held()

    async def watch(site: Site, daemon: Daemon) -> None:
        running = asyncio.create_task(daemon.run())
        try:
            await until(held.has_begun.is_set, "plan of the large one")
            began = daemon.board().ticked_at
            site.endpoint("kea-d").edit(lambda config: config.update({"valid-lifetime": 1234}))
            daemon.look_now()
            await until(lambda: drifts(daemon) == {"large": 0, "small": 1}, "drift of the small one that is told")
            await until(lambda: daemon.board().ticked_at > began, "sign of life")
            assert not daemon.board().is_ready
        finally:
            held.may_end.set()
        await until(lambda: daemon.board().is_ready, "look at the large one")
        daemon.stop()
        await running

    with World() as world:
        site = Site(world, tmp_path)
        site.add_pair("large", configurations={"kea-a": LARGE})
        site.add_pair("small", servers=("kea-c", "kea-d"))
        site.made()
        monkeypatch.setattr(planned, "plan", held.plan)
        edges = edges_of(session.Session(Settings(), Credentials()))
        with closing(open_store(tmp_path / "watched")) as store:
            source, habits = Source(site.desired, load(site.desired)), Habits(WatchMode.REPORT, 600)
            asyncio.run(watch(site, Daemon(source, edges, habits, store)))


def drifts(daemon: Daemon) -> dict[str, int]:
    """How many differences are known of each relationship."""
    return {each.name: each.drift_count for each in daemon.board().relationships}
