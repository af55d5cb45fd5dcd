"""A standing relationship is changed in git: every kind of change, with the HA states recorded meanwhile."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
import threading
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lab.proxy import Fault
from reconciler.model import Mode, Service
from tests.kea.modified import (
    APPROVED,
    Pair,
    certified,
    certified_anew,
    in_the_other_mode,
    listening_otherwise,
    logged_in,
    logged_out,
    moved,
    pausing,
    renamed,
    slower,
    standing_pair,
    swapped,
    trusting_another,
    uncertified,
    with_everything_at_once,
)
from tests.kea.shared import Shared, shared_by
from tests.kea.world import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lab.kea import KeaServer

pytestmark = pytest.mark.kea

PAIRS = [
    pytest.param((mode, service), id=f"{mode}-{service}", marks=pytest.mark.xdist_group(f"modify-{mode}-{service}"))
    for mode, service in ((Mode.HOT_STANDBY, Service.DHCP4), (Mode.LOAD_BALANCING, Service.DHCP6))
]


standing = shared_by(lambda generation, pair: standing_pair(generation, *pair), PAIRS)


@pytest.fixture
def pair(request: pytest.FixtureRequest, standing: Shared[Pair]) -> Iterator[Pair]:
    """The pair as the test before left it: normal, whatever its mode, roles and names are."""
    with standing.lent(request.node) as pair:
        pair.must_be_well()
        yield pair


# ------------------------------------------------------------------------------------------- one by one


@pytest.mark.parametrize("change", [slower, logged_in, logged_out])
def test_parameters_reach_one_server_after_the_other(pair: Pair, change: Callable[[Pair], None]) -> None:
    primary = pair.server_of("primary")
    change(pair)
    trace = pair.apply(change.__name__)
    assert pair.set_on() == [*(s.name for s in pair.world.servers if s is not primary), primary.name]
    pair.must_be_well()
    trace.must_be_safe()


# ---------------------------------------------------------------------------------------------- together


@pytest.mark.parametrize(
    ("change", "again"),
    [
        *((change, "") for change in (moved, renamed)),  # whose way back is the same change
        *product((listening_otherwise, in_the_other_mode, with_everything_at_once), ("", " and back")),
    ],
)
def test_what_would_part_them_is_changed_on_both_together(
    pair: Pair, change: Callable[[Pair], None], again: str
) -> None:
    serving = pair.server_of("primary")
    other = next(server for server in pair.world.servers if server is not serving)
    change(pair)
    pair.world.write()
    planned = pair.world.run("plan", "--format", "json").json["relationships"][0]
    (stage,) = planned["stages"]
    assert (stage["servers"], stage["silenced"]) == ([other.name, serving.name], [other.name])
    trace = pair.apply(f"{change.__name__}{again}")
    assert pair.set_on() == [other.name, serving.name]
    story = [(name, each.command) for name, each in pair.world.story("config-set", "dhcp-disable", "dhcp-enable")]
    assert story[0] == (other.name, "dhcp-disable")
    assert story[-1] == (other.name, "dhcp-enable")
    pair.must_be_well()
    trace.must_be_safe()
    for server in pair.world.servers:
        assert pair.world.file(server) == pair.world.config(server)


def test_peers_talk_tls_and_then_plain_again(pair: Pair) -> None:
    if not pair.is_dedicated:
        listening_otherwise(pair)
        pair.apply("a listener for TLS").must_be_safe()
    for change in (certified, certified_anew, trusting_another, uncertified):
        change(pair)
        pair.world.write()
        stages = pair.world.run("plan", "--format", "json").json["relationships"][0]["stages"]
        assert len(stages) == (2 if change is certified_anew else 1)  # peers that don't trust each other don't talk
        trace = pair.apply(change.__name__)
        pair.must_be_well()
        trace.must_be_safe()


# ----------------------------------------------------------------------------------------------- relayed


def test_roles_are_swapped_while_each_serves_for_the_other(pair: Pair) -> None:
    for _ in range(2):
        before, after = (
            pair.server_of("primary"),
            next(s for s in pair.world.servers if s is not pair.server_of("primary")),
        )
        swapped(pair)
        trace = pair.apply("roles swapped")
        expected = [before.name, after.name]
        assert pair.set_on() == (expected if pair.world.mode is Mode.HOT_STANDBY else expected[::-1])
        for command in ("dhcp-disable", "dhcp-enable"):  # never do both answer the same clients
            assert {name for name, _ in pair.world.story(command)} == {before.name, after.name}
        if pair.world.mode is Mode.LOAD_BALANCING and pair.is_dedicated:  # no lease update fails while one is set
            story = [
                (name, each.command) for name, each in pair.world.story("dhcp-disable", "config-set", "dhcp-enable")
            ]
            for name, other in ((before.name, after.name), (after.name, before.name)):
                at = story.index((name, "config-set"))
                assert story[at - 1] == (other, "dhcp-disable")
                assert (other, "dhcp-enable") in story[at : at + 4]
        assert not any(is_off(server, pair.world.service) for server in pair.world.servers)
        pair.must_be_well()
        trace.must_be_safe()
        scopes = dict(zip((server.name for server in pair.world.servers), pair.world.scopes(), strict=True))
        assert scopes[after.name] == [pair.name_of(after)]


# ---------------------------------------------------------------------------------------------- pausing


def test_an_apply_lets_those_go_on_that_pause_on_their_way_back(pair: Pair) -> None:
    """They pause in all that follows too: where a change is undone, and where a run is killed."""
    pausing(pair)
    trace = pair.apply("pauses")
    pair.must_be_well()
    trace.must_be_safe()
    renamed(pair)
    trace = pair.apply("renamed with pauses")
    pair.must_be_well()
    trace.must_be_safe()


# ----------------------------------------------------------------------------------------------- half-way


def is_off(server: KeaServer, service: Service) -> bool | None:
    """Whether a user switched its service off; None before Kea 2.6.2, which doesn't tell."""
    state = server.command(service, "status-get")["arguments"].get("dhcp-state")
    return bool(state["disabled-by-user"]) if state else None


@pytest.mark.parametrize("change", [renamed, in_the_other_mode, swapped])
def test_a_second_set_that_fails_puts_both_back(pair: Pair, change: Callable[[Pair], None]) -> None:
    world = pair.world
    before = [world.config(server) for server in world.servers]
    was = copy.deepcopy(world.document), world.mode
    change(pair)
    world.write()
    (stage,) = world.run("plan", "--format", "json").json["relationships"][0]["stages"]
    last = stage["servers"][-1]
    refusal = b'[{"result": 2, "text": "\'config-set\' command not supported."}]'
    world.proxies[last].on(b'"config-set"', Fault.ANSWER, reply=refusal, times=1)
    ended = world.apply(*APPROVED)
    assert ended.exit_code == 1, ended
    world.document.clear()
    world.document.update(was[0])
    world.mode = was[1]
    world.write()
    until(lambda: world.run("status").exit_code == 0, "well again")
    assert [world.config(server) for server in world.servers] == before
    pair.must_be_well()
    assert not any(is_off(server, world.service) for server in world.servers)


def test_who_answers_for_a_server_is_off_for_the_moment_in_which_that_is_put_back(pair: Pair) -> None:
    """As for that of its set, where a lease update would fail in it: with listeners of their own in load-balancing."""
    world = pair.world
    was = copy.deepcopy(world.document)
    primary = pair.server_of("primary")
    (other,) = (server for server in world.servers if server is not primary)
    before = world.config(other)
    deaf = other.command(world.service, "status-get")
    servers = deaf["arguments"]["high-availability"][0]["ha-servers"]
    servers["local"]["state"], servers["remote"]["in-touch"] = "waiting", False
    proxy = world.proxies[other.name]

    def lies(_: bytes) -> None:
        rule = proxy.on(b'"status-get"', Fault.ANSWER, reply=json.dumps([deaf]).encode())

        def ends(_: bytes) -> None:
            rule.times = 0

        proxy.on(b'"config-set"', Fault.PASS, times=1, before=ends)

    proxy.on(b'"config-set"', Fault.PASS, times=1, before=lies)
    slower(pair)
    world.write()
    is_dedicated = world.mode is Mode.LOAD_BALANCING and pair.is_dedicated
    world.forget()
    ended = world.apply(*APPROVED)
    world.document.clear()
    world.document.update(was)
    world.write()
    assert ended.exit_code == 1, ended
    assert world.config(other) == before
    moment = [(primary.name, "dhcp-disable"), (other.name, "config-set"), (primary.name, "dhcp-enable")]
    story = [(name, each.command) for name, each in world.story("dhcp-disable", "config-set", "dhcp-enable")]
    expected = moment if is_dedicated else [(other.name, "config-set")]
    assert [each for each in story if each in moment] == 2 * expected
    until(lambda: world.run("status").exit_code == 0, "well again")
    pair.must_be_well()
    assert not any(is_off(server, world.service) for server in world.servers)


@pytest.mark.parametrize("change", [renamed, in_the_other_mode, swapped])
def test_a_run_that_is_killed_between_two_sets_is_finished_by_the_next(
    pair: Pair, change: Callable[[Pair], None]
) -> None:
    world = pair.world
    change(pair)
    world.write()
    (stage,) = world.run("plan", "--format", "json").json["relationships"][0]["stages"]
    first, last = stage["servers"]
    here = threading.Event()
    rule = world.proxies[last].on(b'"config-set"', Fault.SWALLOW, before=lambda _: here.set())
    script = Path(sys.executable).with_name("kea-reconciler")
    command = [str(script), "apply", "--yes", "--desired", str(world.desired), *APPROVED]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run:
        assert here.wait(60)
        run.kill()
    rule.times = 0
    if stage["silenced"]:
        assert is_off(next(s for s in world.servers if s.name == first), world.service) in {True, None}
    planned = world.run("plan", "--format", "json").json["relationships"][0]
    assert planned["unplanned"] is None
    assert [each["code"] for each in planned["objections"] if each["code"] not in APPROVED] == []
    assert [each["server"] for each in planned["servers"] if each["changes"]] == [last]
    world.forget()
    world.must_apply(*APPROVED)
    if not stage["silenced"]:  # nor does the next leave anybody off for good, should it be killed too
        assert world.silences() == []
    pair.must_be_well()
    assert not any(is_off(server, world.service) for server in world.servers)
