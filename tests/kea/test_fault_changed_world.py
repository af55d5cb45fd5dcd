"""Somebody changes a server between plan and apply: nothing that the plan did not show is overwritten."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from lab.generation import OLDEST
from lab.kea import GENERATIONS, base_configuration
from lab.proxy import Fault
from reconciler.kea.access import Credentials, Settings
from reconciler.kea.client import open_client
from reconciler.kea.versions import has_config_hash
from reconciler.model import Endpoint, Snapshot
from reconciler.running.observe import at_hand, snapshot
from tests.kea.standing import S, Standing
from tests.kea.world import subnet, until

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [pytest.mark.kea, pytest.mark.xdist_group("fault-changed-world")]


def edit(world: Standing, name: str, parts: dict[str, Any]) -> None:
    server = {"kea-a": world.a, "kea-b": world.b}[name]
    server.set_config(S, server.config(S) | parts)


def in_between(world: Standing, act: Callable[[], object], name: str = "kea-a") -> None:
    """Let something happen once the plan was made and agreed to, before anything is sent. kea-a is asked first."""
    world.at_first_look(name, act)


def settle(world: Standing, *, is_old: bool) -> None:
    """Let the last commits of both be too old, or too young, to be told from another by whole seconds."""
    if is_old:
        until(lambda: all(world.seconds_since_commit(server) >= 4 for server in world.servers), "older commits")
    else:
        for server in (world.b, world.a):
            server.set_config(S, server.config(S))
        world.until_normal()


@pytest.mark.parametrize("is_old", [True, False], ids=["old-commit", "fresh-commit"])
@pytest.mark.parametrize("name", ["kea-a", "kea-b"])
def test_a_hand_edit_is_not_overwritten(world: Standing, name: str, is_old: bool) -> None:
    added = world.move()
    settle(world, is_old=is_old)
    world.forget()
    in_between(world, lambda: edit(world, name, {"decline-probation-period": 4711}))
    done = world.apply("--format", "json")
    assert done.exit_code == 4, done
    assert world.outcome(done)[name]["result"] == "world-changed"
    assert world.story() == []
    assert (world.a if name == "kea-a" else world.b).config(S)["decline-probation-period"] == 4711
    assert not world.has(world.b, added)
    world.until_normal()
    edit(world, name, {"decline-probation-period": 86400})
    world.until_normal()


def test_a_daemon_of_another_version_in_its_place_gets_nothing(world: Standing) -> None:
    """It came there once the plan was made."""
    world.move()
    other = GENERATIONS[(GENERATIONS.index(world.lab.generation) + 1) % len(GENERATIONS)]
    newcomer = world.lab.server("kea-n", {S: base_configuration(S)}, generation=other)
    before = newcomer.config(S)
    world.forget()
    in_between(world, lambda: world.proxies["kea-b"].lead_to(newcomer.control), "kea-b")
    try:
        done = world.apply("--format", "json")
        # One that is older than 2.4 has no hash to be asked for.
        expected = (1, "failed") if other == OLDEST else (4, "world-changed")
        assert (done.exit_code, world.outcome(done)["kea-b"]["result"]) == expected, done
        assert world.story() == []
        assert newcomer.config(S) == before
    finally:
        world.proxies["kea-b"].lead_to(world.b.control)
        newcomer.stop()


def test_an_edit_that_changed_nothing_stops_nothing(world: Standing) -> None:
    added = world.move()

    def edit_nothing() -> None:
        edit(world, "kea-a", {})
        world.until_normal()

    in_between(world, edit_nothing)
    assert world.apply().exit_code == 0
    assert world.has(world.b, added)


def test_a_restart_from_an_older_file_is_noticed(world: Standing) -> None:
    world.move()  # in memory only
    in_between(world, lambda: world.restart(world.a))
    done = world.apply()
    assert done.exit_code == 4, done
    assert world.story() == []


def test_a_restart_with_the_same_configuration_is_waited_for_or_left_alone(world: Standing) -> None:
    added = world.move()
    in_between(world, lambda: world.restart(world.b))
    done = world.apply("--format", "json")
    told = world.outcome(done)["kea-b"]
    if done.exit_code == 0:
        assert world.has(world.b, added)
    else:
        assert (done.exit_code, told["result"]) == (1, "not-attempted"), done
        assert "is not well any more" in told["reason"]
        assert world.story() == []


def test_a_process_is_told_from_the_next_one_of_the_same_id_as_in_a_container(world: Standing) -> None:
    """By how long it runs, in Kea's whole seconds."""
    endpoint = Endpoint("kea-b", S, world.controls["kea-b"][S])

    async def is_at_hand(seen: Snapshot) -> bool:
        async with open_client(endpoint, Settings(), Credentials()) as client:
            return await at_hand(client, seen) is seen

    async def read_now() -> Snapshot:
        async with open_client(endpoint, Settings(), Credentials()) as client:
            return await snapshot(client, endpoint)

    seen = asyncio.run(read_now())
    for _ in range(40):
        assert asyncio.run(is_at_hand(seen))
        time.sleep(0.07)
    world.restart(world.b)
    pid = world.b.command(S, "status-get")["arguments"]["pid"]
    assert pid != seen.pid
    assert not asyncio.run(is_at_hand(replace(seen, pid=pid)))


def test_an_edit_right_after_the_set_is_put_back_only_where_kea_tells_no_hash(world: Standing) -> None:
    """2.2 gives no hash with its answer: what it has at the first look could be what it made of ours."""
    world.move()
    proxy = world.proxies["kea-b"]

    def edit_at_the_next_look(_: bytes) -> None:
        act = lambda _: edit(world, "kea-b", {"decline-probation-period": 4711})  # noqa: E731
        proxy.on(b'"status-get"', Fault.PASS, times=1, before=act)

    proxy.on(b'"config-set"', Fault.PASS, times=1, before=edit_at_the_next_look)
    done = world.apply("--format", "json")
    assert done.exit_code == 1, done
    told = world.outcome(done)["kea-b"]
    if has_config_hash(world.b.command(S, "version-get")["text"]):
        assert (told["result"], world.sets(world.b)) == ("failed", 1)
        assert "somebody else changed or restarted it" in told["reason"]
        assert world.b.config(S)["decline-probation-period"] == 4711
    else:
        assert (told["result"], world.sets(world.b)) == ("restored", 2)


def test_an_edit_of_the_primary_while_its_future_partner_is_set_undoes_the_create(lab: Any) -> None:
    world = Standing(lab)
    before = world.config(world.b)
    more = [subnet(S, 1), subnet(S, 2)]
    world.proxies["kea-b"].on(
        b'"config-set"', Fault.PASS, times=1, before=lambda _: edit(world, "kea-a", {"subnet4": more})
    )
    done = world.apply("--format", "json")
    assert done.exit_code == 1, done
    assert world.outcome(done)["kea-a"]["result"] == "world-changed"
    assert world.outcome(done)["kea-b"]["result"] == "restored"
    assert world.sent(world.a) == (["config-test", "config-test"] if world.can_config_test else [])
    assert len(world.config(world.a)["subnet4"]) == 2
    assert world.config(world.b) == before
    assert world.sent(world.b)[-1] == "dhcp-enable"
    world.must_apply()
