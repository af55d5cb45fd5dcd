"""When is a pair well, seen from both sides, and how long is it waited for?"""

from __future__ import annotations

import asyncio
import copy
from dataclasses import replace

import pytest

from reconciler.kea import ha
from reconciler.model import HaView, PartnerView, Peer, Role
from reconciler.running import waiting
from reconciler.running.setting import Server
from tests.running.fake_kea import MAX_RESPONSE, Pair, relationship

PARTNER = PartnerView("standby", "hot-standby", (), 0.0, in_touch=True, interrupted=False)
WELL = HaView("hot-standby", "primary", "hot-standby", ("kea-a",), PARTNER)


PEER = Peer("a", "a", Role.PRIMARY, "http://127.0.0.1:8000/")


@pytest.mark.parametrize(
    ("view", "said"),
    [
        (WELL, None),
        (None, "a has no HA hook in force"),
        (replace(WELL, state="waiting"), "a is in state waiting"),
        (replace(WELL, state="load-balancing"), "a is in state load-balancing"),
        (replace(WELL, partner=None), "a is out of touch with its partner"),
        (replace(WELL, partner=replace(PARTNER, interrupted=True)), "a is out of touch with its partner"),
        (replace(WELL, partner=replace(PARTNER, in_touch=False)), "a is out of touch with its partner"),
        (replace(WELL, partner=replace(PARTNER, last_state="ready")), "a last heard its partner in state ready"),
        (replace(WELL, partner=replace(PARTNER, last_state="")), "a last heard its partner in state unknown"),
    ],
)
def test_complaint(view: HaView | None, said: str | None) -> None:
    assert waiting.complaint(PEER.server, relationship().mode, PEER.role, view) == said


@pytest.mark.parametrize(
    ("age", "seconds", "is_deaf"), [(0, 0.0, True), (0, 1.0, True), (0, 1.1, False), (3, 4.0, True), (3, 4.1, False)]
)
def test_what_was_heard_before_the_change_does_not_count(age: int, seconds: float, is_deaf: bool) -> None:
    view = replace(WELL, partner=replace(PARTNER, age=float(age)))
    assert (waiting.deafness("a", view, seconds) is not None) is is_deaf


def test_the_limit_grows_with_the_delays() -> None:
    default = waiting.time_limit(replace(relationship(), parameters={}))
    assert default == 60 + 6 * 10 + 60
    assert waiting.time_limit(relationship(**{"sync-timeout": 600_000})) > default
    assert waiting.patience_before(replace(relationship(), parameters={})) == 32


class Watch:
    """Waits for a pair; `waited` is how long."""

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        plan = asyncio.run(pair.plan()).relationships[0]
        self.servers = [
            Server(each, pair.open_client(each.snapshot.endpoint), lambda _: True)
            for each in sorted(plan.servers, key=lambda each: each.peer.server)
        ]
        self.waited = 0.0

    def until_normal(self, seconds: float = 60.0, *, is_changed: bool = False, alone: bool = False) -> list[str]:
        began_at = self.pair.clock.now
        found = asyncio.run(
            waiting.until_normal(
                self.pair.relationship,
                self.servers,
                self.pair.hands(),
                seconds=seconds,
                is_changed=is_changed,
                alone=self.servers[1] if alone else None,
            )
        )
        self.waited = self.pair.clock.now - began_at
        return found


@pytest.fixture
def watch() -> Watch:
    return Watch(Pair(is_related=True))


@pytest.mark.parametrize(("delay", "beat"), [(None, 1.0), (500, 1.0), (4000, 4.0)])
def test_the_slowest_heartbeat_counts_of_what_is_desired_and_what_servers_have(
    watch: Watch, delay: int | None, beat: float
) -> None:
    if delay is not None:
        config = copy.deepcopy(watch.pair.b.config)
        library = next(each for each in config["hooks-libraries"] if "libdhcp_ha" in each["library"])
        library["parameters"]["high-availability"][0]["heartbeat-delay"] = delay
        watch.pair.b.config = config
        watch = Watch(watch.pair)
    assert ha.heartbeat_delay(waiting.as_it_stands(watch.pair.relationship, watch.servers)) == beat


def test_a_normal_pair_is_not_waited_for(watch: Watch) -> None:
    assert watch.until_normal() == []
    assert watch.waited < 1


def test_after_a_change_both_must_have_heard_each_other_since(watch: Watch) -> None:
    assert watch.until_normal(is_changed=True) == []
    assert 1 < watch.waited < 5


def test_a_server_whose_partner_hears_it_no_more_is_not_well(watch: Watch) -> None:
    """It still hears, and calls itself normal; only the other side knows that it is gone."""
    watch.pair.a.is_deaf = True
    watch.pair.a.committed_at = watch.pair.clock.now - 5
    assert "kea-a is in state waiting" in watch.until_normal(seconds=3)


def test_it_is_waited_until_the_time_is_over(watch: Watch) -> None:
    watch.pair.b.is_dead = True
    found = watch.until_normal(seconds=7)
    assert len(found) == 2
    assert 7 <= watch.waited < 9


def test_a_server_that_takes_over_beside_its_living_partner_is_not_waited_for(watch: Watch) -> None:
    watch.pair.a.is_deaf = watch.pair.b.is_deaf = True
    watch.pair.b.committed_at = watch.pair.clock.now
    assert "kea-b is in state partner-down" in watch.until_normal(alone=True)
    assert watch.waited < MAX_RESPONSE + 2


def test_two_that_never_hear_each_other_after_a_set_are_given_up_long_before_the_limit(watch: Watch) -> None:
    watch.pair.a.is_deaf = watch.pair.b.is_deaf = True
    assert "they have not heard each other for 16 s" in watch.until_normal(seconds=600, is_changed=True)
    assert 16 <= watch.waited < 19


def test_another_one_in_partner_down_is_waited_for(watch: Watch) -> None:
    """The partner of a server that took long to be set goes on alone meanwhile, and comes back."""
    watch.pair.a.is_deaf = True
    began_at = watch.pair.clock.now
    watch.pair.a.committed_at = began_at - 2 * MAX_RESPONSE
    assert watch.until_normal(seconds=20, alone=True) != []
    assert watch.waited >= 20


def test_an_error_is_a_complaint(watch: Watch) -> None:
    watch.pair.b.__dict__["_status_get"] = lambda _: {"arguments": {"high-availability": ["?"]}}
    assert watch.until_normal(seconds=1) == ["status-get: high-availability[0] is no map"]
