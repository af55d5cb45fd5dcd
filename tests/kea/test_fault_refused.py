"""Configurations that Kea refuses, or takes and can't live with: found before, or put back at once."""

from __future__ import annotations

import os
import socket
import subprocess
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from lab.kea import base_configuration
from lab.laboratory import Laboratory
from lab.proxy import Fault
from reconciler.running import waiting
from tests.kea.standing import SET, S, Standing, both, healed
from tests.kea.world import Run, World, subnet

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.kea

TOUCHING = {"config-set", "dhcp-disable", "dhcp-enable", "config-write"}


def with_password_file(world: World, path: Path) -> None:
    """Let desired name a file on the Kea host: neither our rules nor config-test can see whether it is there."""
    for peer in world.document["peers"]:
        peer |= {"basic-auth-user": "ha", "basic-auth-password-file": str(path)}
    world.write()


def told(run: Run) -> dict[str, dict[str, Any]]:
    return {each["server"]: each for each in run.json["relationships"][0]["servers"]}


def touched(world: World) -> list[tuple[str, str]]:
    return [(server, each.command) for server, each in world.story() if each.command in TOUCHING]


# ---------------------------------------------------------------------------------------------- modify


@pytest.fixture
def world(request: pytest.FixtureRequest, pair: Standing) -> Iterator[Standing]:
    document = dict(pair.document, peers=[dict(peer) for peer in pair.document["peers"]])
    with healed(pair, request.node):
        yield pair
    pair.documents[0] = document


@pytest.mark.xdist_group("fault-refused-modify")
def test_broken_parameters_of_a_standing_pair_are_put_back_and_the_other_server_is_not_touched(
    world: Standing, tmp_path: Path
) -> None:
    before = {server.name: world.config(server) for server in world.servers}
    with_password_file(world, tmp_path / "missing")
    done = world.apply("--format", "json")
    assert done.exit_code == 1, done
    assert told(done)["kea-b"]["result"] == "restored"
    assert "One or more hook libraries failed to load" in told(done)["kea-b"]["reason"]
    assert told(done)["kea-a"]["result"] == "not-attempted"
    assert touched(world) == [("kea-b", "config-set")] * 2
    assert {server.name: world.config(server) for server in world.servers} == before
    assert world.ha(world.b) is not None
    world.until_normal()
    assert world.scopes() == (["kea-a"], [])


@pytest.mark.xdist_group("fault-refused-modify")
def test_a_pair_that_lost_each_other_in_the_set_is_put_back_as_soon_as_the_set_server_took_over(
    world: Standing,
) -> None:
    added = world.move()
    before = world.config(world.b)

    def part(_: bytes) -> None:
        for proxy in both(world):
            proxy.refuse()

    world.proxies["kea-b"].on(SET, Fault.PASS, times=1, before=part)
    done = world.apply("--format", "json")
    assert done.exit_code == 1, done
    assert told(done)["kea-b"]["result"] == "restored"
    assert "kea-b is in state partner-down" in told(done)["kea-b"]["reason"]
    assert world.config(world.b) == before
    assert not world.is_in(world.file(world.b), added)
    assert touched(world) == [("kea-b", "config-set")] * 2


# ---------------------------------------------------------------------------------------------- create


class Unrelated(Standing):
    """A pair that is not one yet; `before` holds what each server had, by name."""

    def __init__(self, lab: Laboratory) -> None:
        super().__init__(lab)
        self.before = {server.name: self.config(server) for server in self.servers}

    def must_be_as_before(self) -> None:
        """Both servers have what they had, no HA, the very same on disk, and nobody is left switched off."""
        assert {server.name: self.config(server) for server in self.servers} == self.before
        assert [self.ha(server) for server in self.servers] == [None, None]
        switches = [command for _, command in touched(self) if command.startswith("dhcp-")]
        assert switches in ([], ["dhcp-disable", "dhcp-enable"])


@pytest.fixture
def unrelated(lab: Laboratory) -> Unrelated:
    return Unrelated(lab)


@pytest.mark.xdist_group("fault-refused-create-1")
def test_broken_parameters_of_a_new_pair_are_put_back(unrelated: Unrelated, tmp_path: Path) -> None:
    with_password_file(unrelated, tmp_path / "missing")
    done = unrelated.apply("--format", "json")
    assert done.exit_code == 1, done
    assert told(done)["kea-b"]["result"] == "restored"
    assert told(done)["kea-a"]["result"] == "not-attempted"
    assert touched(unrelated) == [
        ("kea-b", "dhcp-disable"),
        ("kea-b", "config-set"),
        ("kea-b", "config-set"),
        ("kea-b", "dhcp-enable"),
    ]
    unrelated.must_be_as_before()


@pytest.mark.xdist_group("fault-refused-create-1")
def test_a_primary_that_fails_after_its_partner_was_set_undoes_both(unrelated: Unrelated, lab: Laboratory) -> None:
    password = lab.directory / "password"
    password.write_text("not-so-secret")
    with_password_file(unrelated, password)
    unrelated.proxies["kea-a"].on(SET, Fault.PASS, times=1, before=lambda _: password.unlink())
    done = unrelated.apply("--format", "json")
    assert done.exit_code == 1, done
    assert [each["result"] for each in told(done).values()] == ["restored", "restored"]
    assert touched(unrelated) == [
        ("kea-b", "dhcp-disable"),
        ("kea-b", "config-set"),
        ("kea-a", "config-set"),
        ("kea-a", "config-set"),
        ("kea-b", "config-set"),
        ("kea-b", "dhcp-enable"),
    ]
    unrelated.must_be_as_before()


@pytest.mark.xdist_group("fault-refused-create-2")
def test_a_new_pair_that_does_not_become_normal_is_undone(
    unrelated: Unrelated, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "time_limit", lambda _: 8.0)
    unrelated.document["peers"][1]["url"] = "http://127.0.0.1:9/"  # nobody is there
    unrelated.write()
    refused = unrelated.apply("--format", "json")
    assert (refused.exit_code, touched(unrelated)) == (3, [])
    done = unrelated.apply("--format", "json", "--approve", "listener-port")
    assert done.exit_code == 1, done
    assert [each["result"] for each in told(done).values()] == ["restored", "restored"]
    assert "not normal after 8 s" in told(done)["kea-a"]["reason"]
    unrelated.must_be_as_before()


@pytest.mark.xdist_group("fault-refused-create-1")
def test_a_listener_whose_port_is_taken_is_noticed_by_the_other_side(
    unrelated: Unrelated, monkeypatch: pytest.MonkeyPatch
) -> None:
    """kea-a starts, and hears kea-b well; only kea-b knows that kea-a listens to nobody."""
    monkeypatch.setattr(waiting, "time_limit", lambda _: 6.0)
    threads = {"enable-multi-threading": True, "thread-pool-size": 1, "packet-queue-size": 8}
    for server in unrelated.servers:
        server.set_config(S, server.config(S) | {"multi-threading": threads})
        unrelated.before[server.name] = server.config(S)
    for peer, server in zip(unrelated.document["peers"], unrelated.servers, strict=True):
        peer["url"] = server.peer_url(S)
    dedicated = {"enable-multi-threading": True, "http-dedicated-listener": True}
    unrelated.document["parameters"]["multi-threading"] = dedicated
    unrelated.write()
    address = urlsplit(unrelated.a.peer_url(S))
    with socket.create_server((address.hostname or "", address.port or 0)):
        refused = unrelated.apply("--format", "json")
        assert (refused.exit_code, touched(unrelated)) == (3, [])
        done = unrelated.apply("--format", "json", "--approve", "listener-port")
    assert done.exit_code == 1, done
    assert [each["result"] for each in told(done).values()] == ["restored", "restored"]
    unrelated.must_be_as_before()
    unrelated.must_apply()


def refused_by_test(world: World, *words: str) -> None:
    """An apply that config-test stops before anything is touched; where it does harm, the first set is put back."""
    done = world.apply("--format", "json")
    assert done.exit_code == 1, done
    if not world.can_config_test:
        (put_back,) = [each for each in told(done).values() if each["result"] == "restored"]
        for word in words:
            assert word in put_back["reason"]
        assert {server for server, _ in touched(world)} == {"kea-b"}
        return
    (failed,) = [each for each in told(done).values() if each["result"] == "failed"]
    assert "the server refuses the configuration" in failed["reason"]
    assert failed["reason"].endswith("nothing was changed")
    for word in words:
        assert word in failed["reason"]
    assert touched(world) == []


@pytest.mark.xdist_group("fault-refused-create-2")
@pytest.mark.parametrize(
    "there", [(), ("libdhcp_lease_cmds.so",), ("libdhcp_ha.so",)], ids=["none", "no-ha", "no-cmds"]
)
def test_missing_libraries_are_found_before_anything_is_touched_or_put_back(
    unrelated: Unrelated, lab: Laboratory, there: tuple[str, ...]
) -> None:
    folder = lab.directory / "hooks"
    folder.mkdir()
    for name in there:
        (folder / name).symlink_to(f"{unrelated.a.generation.hooks}/{name}")
    inventory = unrelated.desired / "servers.yaml"
    text = inventory.read_text()
    inventory.write_text(text.replace("control:", f"hooks-directory: {folder}\n      control:"))
    refused_by_test(unrelated, "hook")
    unrelated.must_be_as_before()


@pytest.mark.xdist_group("fault-refused-create-2")
def test_an_interface_of_the_primary_alone_is_found_before_anything_is_touched_or_put_back(
    lab: Laboratory,
) -> None:
    """kea-b's daemon runs in a network of its own, where this machine's interface is not."""
    (name, *_) = [name for _, name in socket.if_nameindex() if name != "lo"]
    bodies = {"kea-a": base_configuration(S, subnets=[subnet(S, 1, interface=name)])}
    elsewhere = {"kea-b": {"executables": {"kea-dhcp4": ("unshare", "--net", "kea-dhcp4")}}}
    world = World(lab, S, configurations=bodies, is_logged=True, options=elsewhere)
    refused_by_test(world, name, "not present in the system")
    world.document["local"] = ["/subnet4/*/interface"]
    world.write()
    planned = world.run("plan", "--format", "json")
    assert planned.exit_code == 0
    assert name not in planned.stdout


@pytest.fixture
def interface() -> Iterator[str]:
    """The name of a network interface of this machine, gone after the test or when it is deleted in it."""
    name = f"kr{os.getpid()}"
    subprocess.run(["ip", "link", "add", name, "type", "veth", "peer", f"{name}p"], check=True)
    yield name
    subprocess.run(["ip", "link", "del", name], check=False, capture_output=True)


@pytest.mark.root
@pytest.mark.xdist_group("fault-refused-modify")
def test_an_interface_that_came_to_the_primary_later_is_found_as_well(world: Standing, interface: str) -> None:
    world.change(world.a, lambda _: None)  # from 2.3.6 on a set looks for interfaces after it has checked the subnets
    world.change(world.a, lambda config: config["subnet4"][0].update(interface=interface))
    world.forget()
    subprocess.run(["ip", "link", "del", interface], check=True)
    before = world.config(world.b)
    refused_by_test(world, interface)
    assert world.config(world.b) == before
    world.until_normal()
    world.change(world.a, lambda config: config["subnet4"][0].pop("interface"))
