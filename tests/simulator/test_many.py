"""Many servers in one process."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

from reconciler.model import Service
from reconciler.simulator import Clock, World
from reconciler.simulator.limits import raise_open_files
from tests.simulator.asking import ask, post, relate

COUNT = 300


def test_hundreds_of_pairs_with_one_configuration_become_well_and_answer() -> None:
    assert raise_open_files() > 3 * COUNT
    with World(Clock(speed=0)) as world:
        for number in range(COUNT):
            world.add_server(f"kea-{number}", {Service.DHCP4: {}})
        servers = list(world.servers.values())
        for one, two in zip(servers[::2], servers[1::2], strict=True):
            relate(one, two)
        world.advance(5)
        with ThreadPoolExecutor(8) as pool:
            views = list(pool.map(lambda server: ask(server, "ha-heartbeat")["arguments"]["state"], servers))
        assert set(views) == {"hot-standby"}


def test_a_large_configuration_is_made_into_bytes_once() -> None:
    subnets = [{"id": number, "subnet": f"10.{number >> 8}.{number & 255}.0/24"} for number in range(1, 3000)]
    config = {"subnet4": subnets, "hooks-libraries": []}
    with World() as world:
        server = world.add_server("kea-a", {Service.DHCP4: config}, as_is=True)
        endpoint = server.endpoint()
        first = endpoint.execute_to_bytes("config-get")
        assert endpoint.execute_to_bytes("config-get") is first
        shown = json.loads(post(server, b'{"command": "config-get", "service": ["dhcp4"]}')[1])
        assert shown == [json.loads(first)]
        endpoint.command("config-set", {"Dhcp4": endpoint.config | {"valid-lifetime": 5}})
        assert endpoint.execute_to_bytes("config-get") is not first
