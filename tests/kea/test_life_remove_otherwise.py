"""A relationship of real servers ends that isn't as its file has it: roles or names that never came about, or a server
that is gone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.kea import guards
from reconciler.model import Mode, Service
from tests.kea.removed import delete_file, must_be_removed, related, removal, say_absent, subnets
from tests.kea.world import World, is_lasting, subnet

if TYPE_CHECKING:
    from lab.laboratory import Laboratory

pytestmark = pytest.mark.kea

FOUR, SIX = Service.DHCP4, Service.DHCP6


@pytest.mark.parametrize("mode", [Mode.HOT_STANDBY, Mode.LOAD_BALANCING])
def test_the_primary_that_lives_goes_on_whatever_role_the_file_gives_it(lab: Laboratory, mode: Mode) -> None:
    """Roles are swapped, and servers renamed, in the very change that says absent."""
    world = related(lab, mode, FOUR)
    swap_roles(world)
    first, second = world.document["peers"]
    first["name"], second["name"] = "one", "two"
    say_absent(world)
    planned = world.run("plan")
    assert (planned.exit_code, "kea-a goes on alone" in planned.stdout) == (3, True), planned
    trace = removal(world, "removed with other roles in its file")
    must_be_removed(world)
    trace.must_be_safe()
    trace.must_be_served()
    told = world.story("dhcp-disable", "config-set", "dhcp-enable")
    assert [(name, each.command) for name, each in told if is_lasting(each)] == [
        ("kea-b", "dhcp-disable"),
        ("kea-b", "config-set"),
        ("kea-a", "config-set"),
        ("kea-b", "dhcp-enable"),
    ]


def test_a_server_that_was_disabled_comes_back_as_the_primary_only_if_that_is_meant(lab: Laboratory) -> None:
    """What the other got while it served alone would be lost with it."""
    world = related(lab, Mode.HOT_STANDBY, FOUR)
    world.change(world.b, lambda config: config.update({"sanity-checks": {"lease-checks": "del"}}))
    say_absent(world, **{"on-remove": "delete"})
    (planned,) = world.run("plan", "--format", "json").json["relationships"]
    assert {each["code"] for each in planned["objections"]} == {"remove-relationship", "leases-would-go"}
    say_absent(world, **{"on-remove": "disable"})
    removal(world, "removed, to come back")
    world.forget()
    swap_roles(world)
    say_absent(world, state="present")
    refused = world.apply()
    assert (refused.exit_code, "nobody-would-serve" in refused.stdout) == (3, True), refused
    assert world.story() == []
    swap_roles(world)
    world.write()
    world.must_apply()
    world.until_normal()


@pytest.mark.generations("3.0")
def test_both_ways_back_for_a_server_that_was_disabled_and_is_to_be_the_primary(lab: Laboratory) -> None:
    """As the objection advises, with the data of the one that served meanwhile; and approved, with its own."""
    world = related(lab, Mode.HOT_STANDBY, FOUR)
    say_absent(world)
    removal(world, "removed, to come back the long way")
    added_alone(world, 3)
    say_absent(world, state="present")
    world.must_apply()
    swap_roles(world)
    world.write()
    world.must_apply()
    assert networks(world) == [[1, 2, 3], [1, 2, 3]]
    assert world.scopes() == ([], ["kea-b"])
    say_absent(world)
    removal(world, "removed, to come back the short way")
    added_alone(world, 4)
    swap_roles(world)
    say_absent(world, state="present")
    assert world.apply().exit_code == 3
    came_back = removal(world, "come back with the one that was disabled as primary", "--approve", "nobody-would-serve")
    came_back.must_be_safe()
    world.until_normal()
    assert networks(world) == [[1, 2, 3], [1, 2, 3]], "what kea-b got meanwhile is gone, as the objection says"
    assert world.scopes() == (["kea-a"], [])


def swap_roles(world: World) -> None:
    first, second = world.document["peers"]
    first["role"], second["role"] = second["role"], first["role"]


def added_alone(world: World, number: int) -> None:
    """The one that serves alone gets a subnet."""
    (server,) = (each for each in world.servers if not guards.is_guarded(world.config(each), FOUR))
    config = world.config(server)
    config["subnet4"].append(subnet(FOUR, number))
    server.set_config(FOUR, config)


def networks(world: World) -> list[list[int]]:
    return [sorted(each["id"] for each in subnets(world.config(server), FOUR)) for server in world.servers]


def test_status_tells_of_a_removal_that_waits_for_its_primary(lab: Laboratory) -> None:
    world = related(lab, Mode.HOT_STANDBY, SIX)
    world.a.stop_daemon(SIX)
    say_absent(world)
    must_wait(world, "its file says state: absent", "kea-a can't be reached")
    say_absent(world, state="present")
    delete_file(world)
    must_wait(world, "no file describes it any more")


def must_wait(world: World, *reasons: str) -> None:
    """Status is reported, in text and as JSON, and says why the removal has not come yet."""
    text, report = world.run("status"), world.run("status", "--format", "json")
    assert text.exit_code == report.exit_code, text
    (found,) = (each for each in report.json["relationships"] if each["name"] == "hq")
    assert (found["status"], found["in_sync"]) in {("service-down", None), ("impaired", None)}, found
    for reason in reasons:
        assert reason in text.stdout, text
        assert any(reason in each for each in (*found["reasons"], found["authority_reason"])), found["reasons"]
