"""Servers are read beside each other: a slow one keeps no other waiting."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from reconciler.cli import session
from reconciler.cli.watch import edges_of
from reconciler.kea.access import Credentials, Settings
from reconciler.model import Endpoint, Live, Service
from reconciler.watching.reading import Reader
from tests.planning.cases import read_case

WORLD = {name: read_case("nothing-to-do").live[name, Service.DHCP4] for name in ("kea-a", "kea-b")}
SLOW, QUICK = (WORLD[name].endpoint for name in ("kea-a", "kea-b"))


class Reading(Reader):
    """Reads at most one server at a time, and those that are slow not before `gate` is open."""

    def __init__(self) -> None:
        self.now = 0.0
        self.gate = asyncio.Event()
        self.gate.set()
        edges = edges_of(session.Session(Settings(), Credentials()))
        super().__init__(replace(edges, clock=lambda: self.now), 1)

    async def _read(self, endpoint: Endpoint) -> Live:
        if endpoint == SLOW:
            await self.gate.wait()
            self.now += 5.0
        return WORLD[endpoint.server]


def test_who_was_slow_once_keeps_no_other_waiting() -> None:
    async def work() -> None:
        reader = Reading()
        await reader.read([SLOW])
        reader.gate.clear()
        waiting = asyncio.create_task(reader.read([SLOW]))
        await asyncio.sleep(0)
        async with asyncio.timeout(10):
            await reader.read([QUICK])
        assert not waiting.done()
        reader.gate.set()
        await waiting

    asyncio.run(work())
