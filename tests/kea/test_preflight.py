"""Another url for a server of a relationship that stands: what can be known before is said before, on real Kea."""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from lab.kea import base_configuration
from lab.laboratory import Laboratory
from lab.ports import Port
from reconciler.model import Service
from tests.kea.shared import Shared, has_failed, shared_by
from tests.kea.world import World, subnet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.kea import Generation

pytestmark = [pytest.mark.kea, pytest.mark.xdist_group("preflight")]

S = Service.DHCP4
THREADS = {"enable-multi-threading": True, "thread-pool-size": 1, "packet-queue-size": 8}
DEDICATED = {"multi-threading": {"enable-multi-threading": True, "http-dedicated-listener": True}}


@contextlib.contextmanager
def made(generation: Generation) -> Iterator[World]:
    """A pair with HA listeners of its own, whatever the default of its version is."""
    parameters = {} if generation.has_dedicated_listener else DEDICATED
    with Laboratory(generation=generation) as lab:
        start = base_configuration(S, subnets=[subnet(S, 1)], multi_threading=THREADS)
        world = World(lab, S, configurations={"kea-a": start, "kea-b": start}, parameters=parameters, is_logged=True)
        for peer, server in zip(world.document["peers"], world.servers, strict=True):
            peer["url"] = server.peer_url(S)
        world.write()
        world.must_apply()
        yield world


standing = shared_by(made)


@pytest.fixture
def world(request: pytest.FixtureRequest, standing: Shared[World]) -> Iterator[World]:
    """The pair as it was made."""
    with standing.lent(request.node) as world:
        url = world.document["peers"][1]["url"]
        yield world
        world.document["peers"][1]["url"] = url
        world.write()
        if not has_failed(request.node):
            world.must_be_done()
            world.until_normal()


def objections(world: World, url: str) -> list[dict[str, Any]]:
    """What an apply says against another url for kea-b, which sends nothing."""
    world.document["peers"][1]["url"] = url
    world.write()
    world.forget()
    done = world.apply("--format", "json")
    assert done.exit_code == 3, done
    assert world.story() == []
    (told,) = done.json["relationships"]
    found: list[dict[str, Any]] = told["blocked_by"]
    assert {each["code"] for each in found} == {"listener-port"}
    return found


@pytest.mark.generations("2.6", "3.0")
def test_the_control_channel_of_the_server_is_refused_for_good(world: World) -> None:
    """Where the version makes the listener; one that desired names is refused by `validate` already."""
    (found,) = objections(world, world.controls["kea-b"][S])
    assert "could not" in found["message"]
    assert not found["approvable"]


def test_a_port_that_somebody_has_is_told_and_undone_where_it_was_approved(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kea opens the listener when the configuration is in force already, and from 2.5.7 on says so (fact)."""
    from reconciler.running import waiting

    monkeypatch.setattr(waiting, "time_limit", lambda _: 6.0)
    before = [world.config(server) for server in world.servers]
    port = Port()
    url = f"http://127.0.0.1:{port.number}/"
    port.release()
    address = urlsplit(url)
    with socket.create_server((address.hostname or "", address.port or 0)):
        (found,) = objections(world, url)
        assert found["message"].startswith(f"something listens at {url} already")
        done = world.apply("--format", "json", "--approve", "listener-port")
        assert done.exit_code == 1, done
        assert [world.config(server) for server in world.servers] == before


def test_a_free_port_is_taken_and_the_plan_says_what_it_can_not_know(world: World) -> None:
    port = Port()
    url = f"http://127.0.0.1:{port.number}/"
    port.release()
    before = world.document["peers"][1]["url"]
    for each in (url, before):
        world.document["peers"][1]["url"] = each
        world.write()
        (planned,) = world.run("plan", "--format", "json").json["relationships"]
        assert planned["objections"] == []
        assert any(f"reach kea-b at {each} shows in the apply" in note for note in planned["notes"])
        world.must_apply()
