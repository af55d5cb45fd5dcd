"""A server dies while it is being changed, or a person switches one off after the plan was made."""

from __future__ import annotations

import functools
import signal
import threading
from typing import TYPE_CHECKING

import pytest

from lab.proxy import Fault
from reconciler.model import Mode
from tests.kea.standing import SET, S, Standing, run_and_signal
from tests.kea.world import WRITING, until

if TYPE_CHECKING:
    from lab.laboratory import Laboratory

pytestmark = pytest.mark.kea


@pytest.mark.generations("2.2", "3.0")
@pytest.mark.parametrize("mode", [Mode.HOT_STANDBY, Mode.LOAD_BALANCING])
def test_who_took_over_goes_on_serving_all_when_the_other_died_right_after_its_set(lab: Laboratory, mode: Mode) -> None:
    """The apply waits for the dead one as long as it may, and then gives up."""
    world = Standing(lab, mode)
    world.document["parameters"]["sync-timeout"] = 3000
    world.write()
    approved = ("--approve", "shared-pools")
    world.must_apply(*approved)
    world.document["parameters"]["max-ack-delay"] += 1000
    world.write()
    world.forget()
    proxy = world.proxies["kea-a"]

    def die_soon(_: bytes) -> None:
        threading.Timer(0.2, world.a.kill_daemon, (S,)).start()

    proxy.on(
        SET, Fault.PASS, times=1, before=lambda _: proxy.on(b'"list-commands"', Fault.PASS, times=1, before=die_soon)
    )
    done = world.apply("--format", "json", *approved)
    assert done.exit_code != 0, done
    told = world.outcome(done)
    assert "kea-b serves all clients now" in told["kea-a"]["reason"], told
    view = world.ha(world.b)
    assert view is not None
    assert view["local"]["state"] == "partner-down"
    assert sorted(view["local"]["scopes"]) == (["kea-a"] if mode is Mode.HOT_STANDBY else ["kea-a", "kea-b"])
    assert not world.is_off(world.b)
    world.a.start_daemon(S)
    world.until_normal()
    world.must_apply(*approved)


@pytest.mark.xdist_group("fault-deaths")
@pytest.mark.generations("3.0")
def test_where_both_died_a_stop_ends_it_in_seconds_and_the_next_apply_goes_on(world: Standing) -> None:
    """Unasked it would wait for them for more than a minute."""
    world.move()

    def die() -> None:
        for server in world.servers:
            server.kill_daemon(S)

    done = run_and_signal(
        world,
        "kea-b",
        b'"list-commands"',
        signal.SIGTERM,
        *("apply", "--yes", "--format", "json"),
        after=SET,
        first=threading.Timer(0.2, die).start,
    )
    assert done.exit_code == 130, done
    told = world.outcome(done)["kea-b"]
    assert (told["result"], told["persisted"]) == ("failed", False), told
    assert "stopped on request while no server could be reached; what it runs may not be on its disk" in told["reason"]
    for server in world.servers:
        server.start_daemon(S)
    world.until_normal()
    world.must_apply("--approve", "authority-older")


@pytest.mark.xdist_group("fault-deaths")
@pytest.mark.generations("2.6", "3.0")
@pytest.mark.parametrize("name", ["kea-a", "kea-b"])
def test_what_a_person_switched_off_after_the_plan_was_made_stays_off(world: Standing, name: str) -> None:
    """Kea tells from 2.6.2 on. Nothing is sent: nobody may be handed over to a server that is off."""
    server = {"kea-a": world.a, "kea-b": world.b}[name]
    world.move()
    world.forget()
    world.at_first_look("kea-a", functools.partial(server.command, S, "dhcp-disable"))
    try:
        done = world.apply("--format", "json")
        assert done.exit_code == 4, done
        assert "was switched off (dhcp-disable) since the plan was made" in world.outcome(done)[name]["reason"]
        assert world.is_off(server)
        assert world.story(*WRITING) == []
    finally:
        server.command(S, "dhcp-enable")
    until(lambda: not world.is_off(server), "service that is on")
    world.must_apply()


@pytest.mark.xdist_group("fault-deaths")
@pytest.mark.generations("2.6", "3.0")
def test_what_a_person_switched_on_after_the_plan_was_made_is_on_after_it(world: Standing) -> None:
    """Names change, so the apply switches it off for a while."""
    world.b.command(S, "dhcp-disable")
    peer = world.document["peers"][0]
    try:
        peer["name"] = "one"
        world.write()
        world.at_first_look("kea-a", functools.partial(world.b.command, S, "dhcp-enable"))
        world.must_apply()
        assert "dhcp-disable" in world.sent(world.b)
        assert not world.is_off(world.b)
    finally:
        world.b.command(S, "dhcp-enable")
        peer["name"] = peer["server"]
        world.write()
    world.must_apply()
