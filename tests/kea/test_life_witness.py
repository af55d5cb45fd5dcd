"""A primary that commands brought back to what it had earlier, and one that was started with that, on real daemons."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from lab.laboratory import Laboratory
from reconciler.kea.single_commands import LIBRARIES
from reconciler.kea.stamps import OURS, carrier, witnessed
from reconciler.kea.views import configuration
from reconciler.model import Endpoint, Mode, Service
from tests.kea.test_authority import requests_of
from tests.kea.test_life_single_commands import (
    NEWEST,
    STARTED,
    body,
    change,
    only,
    renew_after,
    sent,
    until_started,
    uptime,
)
from tests.kea.world import World, subnet, until
from tests.watching.living import Living

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from lab.kea import Generation, KeaServer

pytestmark = [pytest.mark.kea, pytest.mark.generations("3.0")]

KINDS = [
    pytest.param((mode, service), id=f"{mode}-{service}", marks=pytest.mark.xdist_group(f"witness-{mode}-{service}"))
    for mode, service in ((Mode.HOT_STANDBY, Service.DHCP4), (Mode.LOAD_BALANCING, Service.DHCP6))
]


@pytest.fixture(params=KINDS)
def world(request: pytest.FixtureRequest, generation: Generation) -> Iterator[World]:
    """A pair with all of the hooks and nothing to do, whose primary runs what it was started with."""
    mode, service = request.param
    with Laboratory(generation=generation) as lab:
        bodies = {name: body(service, NEWEST, *LIBRARIES) for name in ("kea-a", "kea-b")}
        made = World(lab, service, mode, configurations=bodies, is_logged=True)
        made.must_apply()
        made.restart(made.a)
        made.until_normal()
        made.must_be_done()
        made.forget()
        yield made


def tell(server: KeaServer, service: Service, command: str, arguments: object) -> None:
    reply = server.command(service, command, arguments)
    assert reply["result"] == 0, reply


def add(world: World, number: int) -> None:
    service = world.service
    tell(world.a, service, f"{service.subnets}-add", {service.subnets: [subnet(service, number)]})


def take(world: World, number: int) -> None:
    prefix = subnet(world.service, number)
    tell(world.a, world.service, f"{world.service.subnets}-del", {"id": prefix["id"]})


def seen(world: World) -> int:
    """Which generation the primary witnessed, by what it has in its memory."""
    endpoint = Endpoint("kea-a", world.service, "")
    root = world.service.root
    return witnessed(configuration(endpoint, {root: world.config(world.a)}), "hq")


def age(world: World) -> int:
    """The whole seconds since the primary was set or started last."""
    return int(world.a.command(world.service, "status-get")["arguments"]["reload"])


def prefixes(world: World, server: KeaServer) -> set[str]:
    return {each["subnet"] for each in world.config(server)[world.service.subnets]}


def test_what_commands_undo_on_the_primary_follows_from_any_host_and_an_old_file_does_not(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = prefixes(world, world.a)
    add(world, 31)
    world.must_apply()
    assert [name for name in sent(world, world.a) if name.startswith("class")] == ["class-add"]
    assert world.sent(world.a) == []  # nothing is set, and nothing is written
    world.must_be_done()
    assert world.run("drift", "--detailed-exitcode").exit_code == 0
    first = seen(world)
    assert first > 0

    take(world, 31)
    assert uptime(world, world.a) - age(world) <= 10  # no command counts as a commit
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("XDG_STATE_HOME", str(tmp_path / "another-host"))
        world.must_apply()
    assert prefixes(world, world.b) == before
    assert seen(world) > first
    world.must_be_done()

    add(world, 31)
    world.must_apply()
    world.restart(world.a)  # with its file, in which there is none of it
    world.until_normal()
    assert not carrier(world.config(world.a))
    held = world.apply("--format", "json")  # on the host that saw it all
    assert held.exit_code == 3, held
    assert "authority-older" in [each["code"] for each in held.json["relationships"][0]["blocked_by"]]
    assert prefixes(world, world.b) > before
    assert world.run("promote", "hq", "--yes").exit_code == 0
    world.until_normal()
    world.must_be_done()
    assert not carrier(world.config(world.a))


@pytest.mark.parametrize("is_set", [False, True], ids=["as-started", "set-since"])
def test_a_memory_that_is_put_back_is_held_and_what_a_person_sets_is_not(world: World, *, is_set: bool) -> None:
    """By commands all that a virtual machine's older memory would hold is brought back, the mark too."""
    if is_set:
        until_started(world)
        change(world, world.a, renew_after(77))
        world.must_apply()
        world.until_normal()
    add(world, 31)
    world.must_apply()
    old = next(each for each in world.config(world.a)["client-classes"] if each["name"] == OURS)
    add(world, 32)
    world.must_apply()
    take(world, 32)
    tell(world.a, world.service, "class-update", {"client-classes": [old]})
    held = world.apply("--format", "json")
    assert held.exit_code == 3, held
    assert "authority-older" in [each["code"] for each in held.json["relationships"][0]["blocked_by"]]
    assert "put back, with its memory" in held.json["relationships"][0]["blocked_by"][0]["message"]
    until(lambda: age(world) >= STARTED, "configuration that was not set just now")
    change(world, world.a, lambda *_: None)  # that very configuration, with the mark in it, set by hand
    world.must_apply()
    assert prefixes(world, world.a) == prefixes(world, world.b)
    world.until_normal()
    world.must_be_done()


def decided(world: World, daemon: Living, elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether the primary is held as older: for this host, one that remembers nothing, a daemon that has seen it all,
    and that daemon after another start.
    """

    def by_command() -> bool:
        told = world.run("plan", "--format", "json").json["relationships"][0]
        return "authority-older" in [each["code"] for each in told["objections"]]

    def by_daemon() -> bool:
        def told() -> dict[str, Any]:
            found = daemon.get("status.json").json()["relationships"]
            return dict(*found)

        until(lambda: told().get("in_sync") is False, "a look of the daemon that finds the difference", 60)
        asked = requests_of(daemon)  # it may have looked while something else differed
        until(lambda: requests_of(daemon) >= asked + 30, "further looks of the daemon", 60)
        return any("held (authority-older)" in note for note in told()["notes"])

    found = [by_command()]
    with monkeypatch.context() as there:
        there.setenv("XDG_STATE_HOME", str(elsewhere))
        found.append(by_command())
    found.append(by_daemon())
    assert daemon.stop() == 0
    daemon.start()
    return [*found, by_daemon()]


@pytest.mark.xdist_group("witness-everywhere")
@pytest.mark.parametrize(
    ("hooks", "is_told"), [(("subnet", "class"), True), (("subnet", "host"), True), (("subnet",), False)], ids=str
)
def test_every_host_and_daemon_decides_the_same(
    generation: Generation, hooks: Sequence[str], *, is_told: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no command can mark anything it can't be told who is older, and each of them asks."""
    libraries = [library for name in hooks for library in only(name)]
    with Laboratory(generation=generation) as lab:
        bodies = {name: body(Service.DHCP4, NEWEST, *libraries) for name in ("kea-a", "kea-b")}
        world = World(lab, Service.DHCP4, Mode.HOT_STANDBY, configurations=bodies, is_logged=True)
        world.must_apply()
        world.restart(world.a)
        world.until_normal()
        world.must_be_done()
        with Living(world.desired, tmp_path, "--mode", "report", "--interval", "0.5", "--steady", "0") as daemon:
            add(world, 31)
            world.must_apply()
            world.must_be_done()
            take(world, 31)
            assert decided(world, daemon, tmp_path / "elsewhere", monkeypatch) == [not is_told] * 4
            world.must_apply(*([] if is_told else ["--approve", "authority-older"]))
            add(world, 31)
            world.must_apply()
            world.restart(world.a)  # with its file, in which there is none of it
            world.until_normal()
            assert decided(world, daemon, tmp_path / "elsewhere", monkeypatch) == [True] * 4
