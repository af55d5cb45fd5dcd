"""Servers are read beside each other: a slow one keeps no other waiting."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from reconciler.cli import session
from reconciler.cli.watch import edges_of
from reconciler.kea.access import Credentials, Settings
from reconciler.model import Endpoint, Live, Service
from reconciler.watching import reading
from reconciler.watching.reading import Reader
from tests.planning.cases import read_case

NAMES = ("kea-a", "kea-b", "kea-c")
WORLD = {name: read_case("nothing-to-do-with-a-backup").live[name, Service.DHCP4] for name in NAMES}
SLOW, QUICK, ALSO_SLOW = (WORLD[name].endpoint for name in NAMES)


class Reading(Reader):
    """Reads at most one server at a time, and those that are slow not before `gate` is open."""

    def __init__(self) -> None:
        self.now = 0.0
        self.gate = asyncio.Event()
        self.gate.set()
        self.begun: list[Endpoint] = []
        edges = edges_of(session.Session(Settings(), Credentials()))
        super().__init__(replace(edges, clock=lambda: self.now), 1)

    async def _read(self, endpoint: Endpoint) -> Live:
        self.begun.append(endpoint)
        if endpoint != QUICK:
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


def test_who_turns_out_to_be_slow_gives_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_SLOW", 0.01)

    async def work() -> None:
        reader = Reading()
        reader.gate.clear()
        first, second = (asyncio.create_task(reader.read([each])) for each in (SLOW, ALSO_SLOW))
        await asyncio.sleep(0)
        async with asyncio.timeout(10):
            await reader.read([QUICK])
        assert not first.done()
        assert not second.done()
        reader.gate.set()
        async with asyncio.timeout(10):
            await asyncio.gather(first, second)
        # The first went on where it was, and left no place for the second there.
        assert reader.begun == [SLOW, ALSO_SLOW, QUICK, ALSO_SLOW]

    asyncio.run(work())


def test_who_is_read_no_more_is_asked_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_SLOW", 0.01)

    async def work() -> None:
        reader = Reading()
        reader.gate.clear()
        slow = asyncio.create_task(reader.read([SLOW]))
        await asyncio.sleep(0.05)
        slow.cancel()
        await asyncio.gather(slow, return_exceptions=True)
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(work())
