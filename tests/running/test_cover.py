"""A server answers another's clients for a while: for how long, and who stops it."""

from __future__ import annotations

import asyncio

import pytest

from reconciler.running.cover import Cover
from reconciler.running.hands import WATCHING
from reconciler.running.setting import Server
from tests.running.fake_kea import Pair


class Covering:
    """A pair, of which kea-b may answer for kea-a."""

    def __init__(self) -> None:
        self.pair = Pair(is_related=True)
        plan = asyncio.run(self.pair.plan()).relationships[0]
        self.a, self.b = (
            Server(each, self.pair.open_client(each.snapshot.endpoint), lambda _: True)
            for each in sorted(plan.servers, key=lambda each: each.peer.server)
        )
        self.cover = Cover(plan.relationship, self.pair.hands(watching=WATCHING))

    def scopes(self) -> tuple[list[str], list[str]]:
        return self.pair.a.scopes, self.pair.b.scopes


@pytest.fixture
def covering() -> Covering:
    return Covering()


@pytest.mark.parametrize("is_itself_set", [True, False])
def test_who_answers_for_another_goes_on_while_that_one_is_set_and_not_after_its_own(
    covering: Covering, *, is_itself_set: bool
) -> None:
    async def fall_back() -> None:
        covering.pair.b.asked_for = None
        await asyncio.sleep(0.3)

    async def go() -> None:
        assert await covering.cover.widen(covering.b) is None
        assert covering.scopes() == (["kea-a"], ["kea-a"])
        await covering.cover.keep_during(fall_back(), covering.b if is_itself_set else covering.a)

    asyncio.run(go())
    assert covering.scopes()[1] == ([] if is_itself_set else ["kea-a"])


def test_who_answers_for_a_hub_stops_as_soon_as_that_one_serves(covering: Covering) -> None:
    async def go() -> None:
        assert await covering.cover.rest(covering.a) is None
        assert covering.scopes() == ([], [])
        assert await covering.cover.widen(covering.b, until_back=covering.a) is None
        await covering.cover.keep()
        assert covering.scopes() == ([], ["kea-a"])
        covering.pair.a.asked_for = None  # it was set, and is back
        await covering.cover.keep()
        assert covering.scopes() == (["kea-a"], [])
        assert not covering.cover.is_on

    asyncio.run(go())


def test_a_hub_that_gave_its_scopes_up_for_nothing_gets_them_back(covering: Covering) -> None:
    async def go() -> None:
        assert await covering.cover.rest(covering.a) is None
        assert await covering.cover.give_back(covering.a, []) is None
        assert covering.scopes() == (["kea-a"], [])

    asyncio.run(go())
