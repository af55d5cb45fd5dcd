"""What becomes of lease updates that can't be sent, or are refused; and of those who wait for one another."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.model import Service
from reconciler.simulator import SimulatedServer, World
from tests.simulator.asking import hook, make_pair, states, subnet


def lease(world: World, number: int, subnet_id: int = 1) -> dict[str, Any]:
    who = {"ip-address": f"10.0.{subnet_id}.{number}", "hw-address": f"02:00:00:00:00:{number:02x}"}
    return who | {"subnet-id": subnet_id, "cltt": int(world.clock.wall()), "valid-lft": 4000, "state": 0}


def known(server: SimulatedServer) -> list[str]:
    return [one["ip-address"] for one in server.endpoint().leases]


@pytest.fixture
def two(world: World) -> tuple[SimulatedServer, SimulatedServer]:
    """Two servers of 2.6.3 with a subnet."""
    config = {"subnet4": [subnet(1) | {"pools": []}]}
    one, other = (world.add_server(name, {Service.DHCP4: config}, version="2.6.3") for name in ("kea-a", "kea-b"))
    return one, other


def balance(two: tuple[SimulatedServer, SimulatedServer], **parameters: Any) -> None:
    """Make them a load-balancing pair that waits long for its partner."""
    urls = [(server.ha_url(), role) for server, role in zip(two, ("primary", "secondary"), strict=True)]
    peers = [{"name": f"s{number}", "url": url, "role": role} for number, (url, role) in enumerate(urls, 1)]
    make_pair(*two, mode="load-balancing", peers=peers, max_response_delay=60000, **parameters)
    assert states(*two) == ["load-balancing"] * 2


def test_what_was_kept_in_communication_recovery_is_sent_afterwards(
    world: World, two: tuple[SimulatedServer, SimulatedServer]
) -> None:
    balance(two)
    world.partition("kea-a", "kea-b")
    world.advance(3)
    assert states(*two) == ["communication-recovery"] * 2
    for number in (10, 11):
        assert two[0].endpoint().give_lease(lease(world, number))
    assert known(two[1]) == []
    world.heal("kea-a", "kea-b")
    world.advance(3)
    assert states(*two) == ["load-balancing"] * 2
    assert known(two[1]) == ["10.0.1.10", "10.0.1.11"]


def test_more_than_can_be_kept_is_pulled_instead(world: World, two: tuple[SimulatedServer, SimulatedServer]) -> None:
    balance(two, delayed_updates_limit=1)
    world.partition("kea-a", "kea-b")
    world.advance(3)
    for number in (10, 11, 12):
        two[0].endpoint().give_lease(lease(world, number))
    world.heal("kea-a", "kea-b")
    world.advance(10)
    assert states(*two) == ["load-balancing"] * 2
    assert known(two[1]) == ["10.0.1.10", "10.0.1.11", "10.0.1.12"]


def test_a_partner_that_refuses_too_many_leases_ends_the_relationship(
    world: World, two: tuple[SimulatedServer, SimulatedServer]
) -> None:
    """Its subnet has another id, say; and the client that asked gets no answer."""
    balance(two, max_rejected_lease_updates=2)
    two[1].endpoint().edit(lambda config: config.update(subnet4=[subnet(1) | {"id": 7}]))
    world.advance(10)
    assert not two[0].endpoint().give_lease(lease(world, 10))
    assert states(*two) == ["load-balancing"] * 2
    assert not two[0].endpoint().give_lease(lease(world, 11))
    world.advance(3)
    assert states(*two) == ["terminated"] * 2


def test_a_client_waits_for_backups_where_that_is_wanted(world: World) -> None:
    config = {"subnet4": [subnet(1) | {"pools": []}]}
    one, other = (world.add_server(name, {Service.DHCP4: config}) for name in ("kea-a", "kea-b"))
    peers = [
        {"name": "s1", "url": one.control, "role": "primary"},
        {"name": "s2", "url": other.control, "role": "backup"},
    ]
    for waits in (True, False):
        parts: dict[str, Any] = {"mode": "passive-backup", "peers": peers, "wait_backup_ack": waits}
        for server, name in ((one, "s1"), (other, "s2")):
            hooks = hook(name, (one, other), **parts)
            server.endpoint().edit(lambda config, hooks=hooks: config.update({"hooks-libraries": hooks}))  # type: ignore[misc]
        assert states(one, other) == ["passive-backup", "backup"]
        assert one.endpoint().give_lease(lease(world, 10))
        other.endpoint().stop()
        assert one.endpoint().give_lease(lease(world, 11)) is not waits
        other.endpoint().start()
    assert "10.0.1.10" in known(other)


def test_a_server_waits_for_its_terminated_partner_for_ten_minutes(
    world: World, two: tuple[SimulatedServer, SimulatedServer]
) -> None:
    balance(two)
    two[1].clock_offset = 90.0
    world.advance(3)
    assert states(*two) == ["terminated"] * 2
    two[1].clock_offset = 0.0
    two[1].endpoint().edit(lambda config: config.update({"valid-lifetime": 77}))
    world.advance(500)
    assert states(*two) == ["terminated", "waiting"]
    world.advance(200)
    assert states(*two) == ["terminated", "terminated"]
    for server in two:
        assert server.endpoint().command("ha-reset")["result"] == 0
    world.advance(10)
    assert states(*two) == ["terminated", "terminated"], "the skew that was seen last is still known"
    for server in two:
        server.endpoint().edit(lambda config: config.update({"valid-lifetime": 78}))
    world.advance(10)
    assert states(*two) == ["load-balancing"] * 2
