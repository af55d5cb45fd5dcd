"""The daemon in enforce mode on real servers: what people and machines do to a pair is put right."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from lab.kea import base_configuration
from reconciler.model import Service
from tests.kea.by_hand import entries, unloadable
from tests.kea.world import World, run, subnet, until
from tests.watching.living import Living, lasting

if TYPE_CHECKING:
    from collections.abc import Callable

    from lab.laboratory import Laboratory

pytestmark = pytest.mark.kea

QUICK = ("--mode", "enforce", "--interval", "1", "--steady", "0")
STEADY = ("--mode", "enforce", "--interval", "1", "--steady", "10")


@pytest.fixture
def world(lab: Laboratory) -> World:
    body = {**base_configuration(Service.DHCP4), "subnet4": [subnet(Service.DHCP4, 1)]}
    made = World(lab, is_logged=True, configurations={"kea-a": body})
    made.must_apply()
    return made


def has_subnet(world: World, number: int) -> bool:
    wanted = subnet(world.service, number)["subnet"]
    return all(
        wanted in {each["subnet"] for each in world.config(server)[world.service.subnets]} for server in world.servers
    )


def add_subnet(number: int, world: World) -> Any:
    return lambda config: config[world.service.subnets].append(subnet(world.service, number))


def patient(config: dict[str, Any]) -> None:
    entries(config)[0]["max-ack-delay"] = 4321


def fight(daemon: Living, world: World, edit: Callable[[dict[str, Any]], object], *, times: int) -> str:
    """Make an edit on kea-b that the daemon undoes so many times, and once more; returns what it says then."""
    for _ in range(times):
        world.until_normal()
        daemon.forget()
        world.change(world.b, edit)
        daemon.until("drift", is_over=True)
    world.until_normal()
    world.change(world.b, edit)
    return str(daemon.until("contested", is_over=False)["message"])


def approve(world: World, code: str) -> None:
    """Approve by a file what `plan` shows."""
    file, approvals = world.lab.directory / "shown.json", world.desired / "approvals"
    assert world.run("plan", "--out", str(file)).exit_code == 3
    approvals.mkdir()
    (approvals / f"{json.loads(file.read_text())['fingerprint']}.yaml").write_text(
        f"approve:\n  - {{code: {code}, reason: CHG-1}}\n"
    )


def lifetime(config: dict[str, Any]) -> None:
    config["valid-lifetime"] = 1234


def test_hand_edits_and_changes_of_git_are_carried_out_and_a_contested_object_stays(world: World) -> None:
    with Living(world.desired, world.lab.directory, *QUICK) as daemon:
        world.change(world.b, lifetime)
        daemon.until("drift", is_over=True)
        assert world.config(world.b)["valid-lifetime"] == world.config(world.a)["valid-lifetime"]
        world.until_normal()

        daemon.forget()
        world.change(world.a, add_subnet(7, world))
        daemon.until("drift", is_over=True)
        assert has_subnet(world, 7)

        daemon.forget()
        world.document["parameters"]["max-ack-delay"] = 3000
        world.write()
        daemon.until("changes", is_over=True)

        assert "valid-lifetime on kea-b" in fight(daemon, world, lifetime, times=2)  # and the third time
        world.change(world.a, add_subnet(9, world))
        until(lambda: has_subnet(world, 9), "subnet that follows", 90)
        assert world.config(world.b)["valid-lifetime"] == 1234

        world.until_normal()
        world.change(world.a, lambda config: config.update({world.service.subnets: [subnet(world.service, 11)]}))
        assert "authority-shrunk" in daemon.until("waiting", is_over=False)["message"]
        approve(world, "authority-shrunk")
        until(lambda: has_subnet(world, 11), "subnet that follows", 90)
        assert not has_subnet(world, 9)
        assert world.config(world.b)["valid-lifetime"] == 1234
        assert daemon.stop() == 0
    world.until_normal()
    world.must_apply()  # a person's decision
    assert world.config(world.b)["valid-lifetime"] == world.config(world.a)["valid-lifetime"]


def test_beside_a_contested_entry_of_the_hook_another_server_gets_its_own_back(world: World) -> None:
    with Living(world.desired, world.lab.directory, *QUICK) as daemon:
        assert "relationship hq on kea-b" in fight(daemon, world, patient, times=3)
        good = world.config(world.a)
        assert world.a.command(world.service, "config-set", {"Dhcp4": unloadable(copy.deepcopy(good))})["result"] != 0
        assert world.ha(world.a) is None
        until(world.is_normal, "hook that is back", 90)
        assert entries(world.config(world.a)) == entries(good)
        assert entries(world.config(world.b))[0]["max-ack-delay"] == 4321
        assert daemon.stop() == 0


def test_nothing_is_sent_where_nothing_changes(world: World) -> None:
    with Living(world.desired, world.lab.directory, *QUICK) as daemon:
        world.forget()
        until(lambda: len(world.proxies[world.b.name].seen("status-get")) > 6, "a few looks", 90)
        assert world.story() == []
        if world.a.generation.series != "2.2":  # the daemon had read it whole before
            assert [len(proxy.seen("config-get")) for proxy in world.proxies.values()] <= [1, 1]
        assert daemon.stop() == 0


def test_the_pages_say_what_the_servers_do(world: World) -> None:
    with Living(world.desired, world.lab.directory, *QUICK) as daemon:
        until(lambda: daemon.get("readyz").status_code == 200, "first look", 90)
        assert daemon.get("healthz").text == "ok\n"
        assert lasting(daemon.get("status.json").json()) == lasting(world.run("status", "--format", "json").json)
        found = samples(daemon)
        for server in world.servers:
            assert found[f"ha_state {server.name} {world.mode.value}"] == 1
            assert found[f"server_in_sync {server.name}"] == 1
            assert found[f"request_duration_seconds_count {server.name}"] > 0
        assert (found["relationship_status ok"], found["peers_in_sync"], found["drift_differences"]) == (1, 2, 0)
        page = daemon.get().text
        assert all(word in page for word in ("The relationship is well.", world.a.name, world.b.name, world.mode))

        keep = ("--desired", str(world.desired), "--state-dir", str(daemon.state))
        assert run("suspend", "hq", "--reason", "new cables", "--for", "1h", *keep).exit_code == 0
        world.change(world.b, lambda config: config.update({"valid-lifetime": 1234}))
        daemon.until("drift", is_over=False)
        found = samples(daemon)
        assert (found["suspended"], found["peers_in_sync"], found["drift_differences"]) == (1, 1, 1)
        page = daemon.get().text
        assert "drifted: 1 difference" in page
        assert "new cables" in page
        world.until_normal()  # the edit by hand made kea-b wait: one look may be before that and one after it
        told = world.run("status", "--format", "json", "--state-dir", str(daemon.state)).json
        assert told["relationships"][0]["suspension"]["reason"] == "new cables"
        until(lambda: lasting(daemon.get("status.json").json()) == lasting(told), "page that says what status does", 90)
        assert daemon.stop() == 0


def samples(daemon: Living) -> dict[str, float]:
    """The metrics, by what they are of and what tells them from each other: `ha_state kea-a hot-standby`."""
    telling = ("server", "state", "status")
    families = text_string_to_metric_families(daemon.get("metrics").text)
    found = [sample for family in families for sample in family.samples]
    labels = [[sample.labels[key] for key in telling if key in sample.labels] for sample in found]
    names = [sample.name.removeprefix("kea_reconciler_") for sample in found]
    return {" ".join([name, *own]): each.value for name, own, each in zip(names, labels, found, strict=True)}


def test_the_primary_goes_and_comes_back(world: World) -> None:
    with Living(world.desired, world.lab.directory, *STEADY) as daemon:
        world.a.stop_daemon(world.service)
        daemon.until("status", is_over=False)
        assert world.b.name in daemon.until("authority")["message"]
        daemon.stop()
        daemon.forget()
        daemon.start()  # it knows nothing of what was before, and decides the same
        assert world.b.name in daemon.until("authority")["message"]

        daemon.forget()
        world.forget()
        world.a.start_daemon(world.service)
        world.until_normal()
        world.change(world.b, add_subnet(8, world))
        daemon.until("unsteady", is_over=False)
        assert world.story("config-set") == []
        daemon.until("applied")
        daemon.until("drift", is_over=True)
        assert world.a.name in daemon.events("authority")[-1]["message"]
        assert daemon.stop() == 0
    assert world.shared_part(world.a) == world.shared_part(world.b)
    assert not has_subnet(world, 8)
    world.must_be_done()


def test_a_primary_that_comes_and_goes_overwrites_nothing(world: World) -> None:
    with Living(world.desired, world.lab.directory, *STEADY) as daemon:
        world.change(world.a, lambda config: config.update({"valid-lifetime": 1234}))
        daemon.until("drift", is_over=True)
        world.a.command(world.service, "config-write")
        world.forget()
        daemon.forget()
        for number in (9, 10, 11):
            world.restart(world.a)
            world.until_normal()
            world.change(world.b, add_subnet(number, world))
        assert world.story("config-set", "subnet4-add", "subnet4-del") == []
        daemon.until("applied")
        daemon.until("drift", is_over=True)
        assert world.shared_part(world.a) == world.shared_part(world.b)
        assert daemon.stop() == 0


@pytest.mark.parametrize("word", ["checking that nothing changed", "setting the configuration", "waiting for all"])
def test_killed_while_it_changes_something_it_ends_in_the_same_world(world: World, word: str) -> None:
    with Living(world.desired, world.lab.directory, *QUICK) as daemon:
        world.document["parameters"]["max-ack-delay"] = 3000
        world.write()
        until(lambda: any(word in line["message"] for line in daemon.lines()), word, 90)
        daemon.kill()
        daemon.forget()
        daemon.start()
        until(lambda: world.run("plan", "--detailed-exitcode").exit_code == 0, "an empty plan", 120)
        assert daemon.stop() == 0
    world.until_normal()
    assert all(world.ha(server)["local"]["state"] == world.mode for server in world.servers)  # type: ignore[index]
    world.must_be_done()
