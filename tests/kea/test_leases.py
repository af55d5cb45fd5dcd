"""Comparing the leases of real servers: equal ones, ones on their way, and real differences put there."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from lab.proxy import Fault
from reconciler.model import Mode, Service
from tests.kea.operated import Operated
from tests.kea.world import Run

if TYPE_CHECKING:
    from lab.laboratory import Laboratory

pytestmark = pytest.mark.kea


def kinds(report: Any) -> list[tuple[str, str]]:
    return [(each["kind"], each["address"]) for each in report["differences"]]


@pytest.mark.parametrize("service", Service)
def test_what_differs_and_lasts_is_reported_the_worst_first(lab: Laboratory, service: Service) -> None:
    world = Operated(lab, service, Mode.LOAD_BALANCING)
    assert world.compared()["servers"][0]["leases"] == 0
    now = int(time.time())
    for number in range(20, 30):
        for server in world.servers:
            world.lease(server, number, expire=now + 3600, **{"valid-lft": 3600})
    report = world.compared()
    assert [each["leases"] for each in report["servers"]] == [10, 10]
    world.lease(world.a, 40)
    world.lease(world.b, 41)
    world.lease(world.a, 42, client=1)
    world.lease(world.b, 42, client=2)
    for server, expires in ((world.a, now + 3600), (world.b, now + 3700)):
        world.lease(server, 43, expire=expires, **{"valid-lft": 3600})
    world.lease(world.a, 44, expire=now - 100, **{"valid-lft": 3600})  # has run out: nobody else need have it
    report = world.compared(code=2)
    two, *missing, differs = kinds(report)
    assert two == ("two-clients", world.address(42))
    assert missing == [("missing", world.address(number)) for number in (40, 41)]
    assert differs == ("differs", world.address(43))
    assert report["differences"][-1]["fields"] == ["cltt"]
    assert report["counts"] == {"two-clients": 1, "missing": 2, "differs": 1}
    text = world.run("leases", "compare", "hq")
    assert text.exit_code == 0, "only --detailed-exitcode makes it 2"
    assert f"{world.address(42)}" in text.stdout.splitlines()[4]
    assert world.story() == [], "nothing is changed"
    if service is Service.DHCP6:
        for server, client in ((world.a, 1), (world.b, 2)):
            world.lease(server, 0, client, **{"ip-address": "2001:db8:1:0:5::", "type": "IA_PD", "prefix-len": 80})
        report = world.compared(code=2)
        assert report["counts"] == {"two-clients": 2, "missing": 2, "differs": 1}
        assert ("two-clients", "2001:db8:1:0:5::") in kinds(report)


def test_what_is_on_its_way_is_not_reported(lab: Laboratory) -> None:
    """A lease that one server has and the other gets while they are compared."""
    world = Operated(lab, Service.DHCP4, Mode.HOT_STANDBY)
    world.lease(world.a, 20, expire=int(time.time()) + 3600)

    def arrives(_: bytes) -> None:
        world.lease(world.b, 20, expire=world_expiry(world))

    world.proxies["kea-b"].on(b'"lease4-get"', Fault.PASS, times=1, before=arrives)
    report = world.compared()
    assert (report["passing"], report["differences"]) == (1, [])


def world_expiry(world: Operated) -> int:
    """When the lease of kea-a runs out."""
    lease = world.a.command(world.service, "lease4-get", {"ip-address": world.address(20)})["arguments"]
    return int(lease["cltt"] + lease["valid-lft"])


def test_more_leases_than_a_page_and_more_differences_than_are_looked_at_one_by_one(lab: Laboratory) -> None:
    world = Operated(lab, Service.DHCP4, Mode.HOT_STANDBY)
    many = [f"10.0.{high}.{low}" for high in range(8) for low in range(1, 251)]
    config = world.config(world.a)
    for server in world.servers:
        lines = leases(many if server is world.a else many[::2], int(time.time()))
        server.stop_daemon(world.service)
        (server.folder(world.service) / "kea-leases4.csv").write_text(lines)
        server.start_daemon(world.service)
    world.until_normal()
    assert config == world.config(world.a)
    report = world.compared()  # the standby fetched them when it started
    assert [each["leases"] for each in report["servers"]] == [2000, 2000]
    for address in many[1:1400:2]:
        world.b.command(world.service, "lease4-del", {"ip-address": address})
    report = world.compared(code=2)
    assert report["counts"]["missing"] == 700
    assert [each["leases"] for each in report["servers"]] == [2000, 1300]
    world.must("sync", "kea-b")
    assert world.compared()["differences"] == []


def leases(addresses: list[str], now: int) -> str:
    """A lease file of memfile with these addresses, as Kea 2.2 writes it and later versions read it."""
    head = "address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state,user_context"
    rows = [f"{each},{_client(each)},,36000,{now + 36000},1,0,0,,0," for each in addresses]
    return "\n".join([head, *rows]) + "\n"


def _client(address: str) -> str:
    """A hardware address that goes with an address."""
    return ":".join(["aa", "bb", *(f"{int(part):02x}" for part in address.split("."))])


def test_leases_that_cannot_be_read_are_an_error(lab: Laboratory) -> None:
    world = Operated(lab, Service.DHCP4, Mode.HOT_STANDBY)
    config = world.config(world.b)
    config["hooks-libraries"] = [each for each in config["hooks-libraries"] if "lease_cmds" not in each["library"]]
    world.b.set_config(world.service, config)
    report = world.compared(code=1)
    assert not report["complete"]
    assert "libdhcp_lease_cmds.so is not loaded" in report["servers"][1]["reason"]
    world.b.stop_daemon(world.service)
    report = world.compared(code=1)
    assert report["servers"][1]["reason"]
    ended: Run = world.run("leases", "compare", "nobody")
    assert ended.exit_code == 64
