"""Data that were overwritten come back, on the primary first and then on all others, on every generation of Kea."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from lab.kea import GENERATIONS, base_configuration
from reconciler.model import Mode, Service
from tests.kea.hub import Hub
from tests.kea.world import World, run, subnet

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lab.laboratory import Laboratory

pytestmark = pytest.mark.kea

FOUR = Service.DHCP4


def newest(relationship: str = "hq") -> Mapping[str, Any]:
    """The newest entry of the history."""
    done = run("history", relationship, "--limit", "1", "--format", "json")
    assert done.exit_code == 0, done
    (entry,) = done.json["entries"]
    return dict(entry)


def roll_back(world: World, number: int, *arguments: str) -> None:
    done = world.run("rollback", "hq", "--to", str(number), "--yes", *arguments)
    assert done.exit_code == 0, done
    assert newest()["back_to"] == number
    world.must_be_done()


LAST = ("--approve", "authority-shrunk")  # the only reservation goes


def parts(world: World) -> list[dict[str, Any]]:
    return [world.shared_part(server) for server in world.servers]


def full(service: Service) -> dict[str, Any]:
    return base_configuration(service, subnets=[subnet(service, 1), subnet(service, 2)])


def grow(service: Service) -> Any:
    """A subnet with a reservation more, a pool less, another option, and a class."""

    def edit(config: dict[str, Any]) -> None:
        identifier = {"hw-address": "aa:bb:cc:00:00:01"} if service is FOUR else {"duid": "00:01:02:03:04:05"}
        config[service.subnets].append(subnet(service, 7, reservations=[{**identifier, "hostname": "printer"}]))
        config[service.subnets][0]["pools"] = []
        name = "domain-name-servers" if service is FOUR else "dns-servers"
        data = "192.0.2.53" if service is FOUR else "2001:db8::53"
        config["option-data"] = [{"name": name, "data": data}]
        config["client-classes"] = [{"name": "phones", "test": "member('KNOWN')"}]

    return edit


@pytest.mark.parametrize("service", list(Service), ids=str)
def test_all_servers_have_again_what_was_there_before_and_back_again(lab: Laboratory, service: Service) -> None:
    start = full(service)
    world = World(lab, service, backups=1, configurations={"kea-a": start})
    world.must_apply()
    before = parts(world)
    world.change(world.a, grow(service))
    world.must_apply()
    after = parts(world)
    assert before[0] == before[1] == before[2] != after[0] == after[1] == after[2]
    number = newest()["id"]

    roll_back(world, number, *LAST)
    assert parts(world) == before
    assert world.is_normal()
    assert {key: value for key, value in world.file(world.a).items() if key == service.subnets} == {
        service.subnets: world.config(world.a)[service.subnets]
    }
    shown = run("history", "show", str(newest()["id"])).stdout
    assert f"a rollback to {number}" in shown
    assert "- client-class phones" in shown

    roll_back(world, newest()["id"])
    assert parts(world) == after


def test_what_somebody_did_on_the_partner_comes_to_both(lab: Laboratory) -> None:
    """An apply puts an edit of the partner back; it was meant, and this is the way to it."""
    world = World(lab, configurations={"kea-a": full(FOUR)})
    world.must_apply()
    world.change(world.b, grow(FOUR))
    meant = world.shared_part(world.b)
    world.must_apply()
    assert world.shared_part(world.b) != meant
    roll_back(world, newest()["id"])
    assert parts(world) == [meant, meant]


def test_divided_pools_stay_divided(lab: Laboratory) -> None:
    world = World(lab, mode=Mode.LOAD_BALANCING, configurations={"kea-a": full(FOUR)})
    world.must_apply()
    whole = parts(world)
    world.document["pools"] = "split"
    world.write()
    world.must_apply("--approve", "split-pools")
    divided = parts(world)
    assert divided != whole
    number = newest()["id"]
    refused = world.run("rollback", "hq", "--to", str(number), "--yes")
    assert refused.exit_code == 0, refused
    assert parts(world) == divided  # as desired wants them
    world.must_be_done()


def test_data_of_another_version_come_back_in_the_words_of_this_one(lab: Laboratory) -> None:
    """The partner runs another Kea than the primary: what it had is said in the primary's words."""
    other = next(each for each in GENERATIONS if each != lab.generation)
    world = World(lab, configurations={"kea-a": full(FOUR)}, options={"kea-b": {"generation": other}})
    world.must_apply()
    before = world.shared_part(world.a)

    def edit(config: dict[str, Any]) -> None:
        config["client-classes"] = [{"name": "phones", "test": "substring(option[60].hex,0,5) == 'phone'"}]
        key = "client-classes" if "client-classes" in config["subnet4"][0]["pools"][0] else "client-class"
        is_newest = world.b.generation == GENERATIONS[-1]
        config["subnet4"][0]["pools"][0]["client-classes" if is_newest else key] = ["phones"] if is_newest else "phones"

    world.change(world.b, edit)
    world.must_apply()
    roll_back(world, newest()["id"])
    (pool,) = world.config(world.a)["subnet4"][0]["pools"]
    asked = pool.get("client-classes") or [pool.get("client-class")]
    assert asked == ["phones"]
    after = world.shared_part(world.a)
    assert after["valid-lifetime"] == before["valid-lifetime"]
    assert [each["name"] for each in after["client-classes"]] == ["phones"]


@pytest.mark.generations("2.6", "3.0")
def test_of_a_hub_only_the_relationship_s_own_part_comes_back(lab: Laboratory) -> None:
    with Hub(lab, FOUR) as world:
        world.write("east", "west")
        world.must_apply()
        world.must_be_normal()
        config = world.east.config(FOUR)
        config["subnet4"].append(subnet(FOUR, 5))
        world.east.set_config(FOUR, config)
        world.must_be_normal()
        world.must_apply()
        assert 5 in world.subnets(world.hub)
        west = world.config(world.west)
        done = world.run("rollback", "east", "--to", str(newest("east")["id"]), "--yes")
        assert done.exit_code == 0, done
        assert world.subnets(world.hub) == {1: "east", 2: "east", 11: "west"}
        assert world.subnets(world.east) == {1: None, 2: None}
        assert world.config(world.west) == west
        world.must_be_done()
