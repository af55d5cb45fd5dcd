"""Random configurations of one real Kea, set on another in its own words, and read back as they were said."""

from __future__ import annotations

import contextlib
import random
import socket
import struct
from typing import TYPE_CHECKING, Any

import pytest

from lab.kea import GENERATIONS, Generation, KeaServer
from lab.laboratory import Laboratory
from lab.ports import Port
from reconciler.kea.locality import LOCAL, replicated
from reconciler.kea.translation import translate
from reconciler.model import Service
from reconciler.planning.diff import differences
from tests.contract.generator import configuration

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.kea, pytest.mark.xdist_group("translation")]

SEEDS = range(12)
OLDEST = GENERATIONS[0]
TRANSLATED = [(source, target) for source in GENERATIONS for target in GENERATIONS if source != target]

Config = dict[str, Any]


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[Generation, KeaServer]]:
    with Laboratory() as lab:
        bodies: dict[Service, Config] = {service: {} for service in Service}
        yield {each: lab.server(f"kea-{each}", bodies, generation=each) for each in GENERATIONS}


def more(rng: random.Random, config: Config, service: Service, generation: Generation) -> Config:
    """The configuration with words and values of this generation put into it."""
    is_new, is_newest = generation != OLDEST, generation == GENERATIONS[-1]
    networks = config.get("shared-networks", [])
    subnets = [subnet for holder in (config, *networks) for subnet in holder.get(service.subnets, [])]
    for holder in (config, *networks, *subnets):
        if service is Service.DHCP6:
            holder.update(rng.choice([{}, {}, {"preferred-lifetime": rng.choice([60, 3600])}]))
        if is_new:
            mode = rng.choice(["check-with-dhcid", "no-check-with-dhcid"])
            holder.update(rng.choice([{}, {"allocator": "iterative"}, {"ddns-conflict-resolution-mode": mode}]))
        else:
            holder.update(rng.choice([{}, {"ddns-use-conflict-resolution": rng.random() < 0.5}]))
        if is_newest:
            holder.update(rng.choice([{}, {"ddns-ttl": 0}, {"cache-threshold": 0.25}]))
    for pool in (pool for subnet in subnets for key in ("pools", "pd-pools") for pool in subnet.get(key, [])):
        pool.update(rng.choice([{}, {"client-class": "voice"}, {"require-client-classes": ["guests"]}]))
    for option in config["option-data"]:
        option.update({"never-send": False} if is_new else {})
    return config


def made(server: KeaServer, rng: random.Random, service: Service) -> Config | None:
    """The replicated part of a random configuration that the server has taken, None where it refuses it."""
    config = more(rng, configuration(rng, service), service, server.generation)
    if not taken(server, service, config):
        return None
    return replicated(server.config(service), service)


def taken(server: KeaServer, service: Service, part: Config) -> bool:
    own = {key: value for key, value in server.config(service).items() if key in LOCAL}
    reply = server.command(service, "config-set", {service.root: {**part, **own}})
    return bool(reply["result"] == 0)


@pytest.mark.parametrize("service", list(Service), ids=str)
@pytest.mark.parametrize(("source", "target"), TRANSLATED, ids=str)
def test_what_was_set_is_what_was_said(
    servers: dict[Generation, KeaServer], service: Service, source: Generation, target: Generation
) -> None:
    versions = str(source.version), str(target.version)
    compared = 0
    for seed in SEEDS:
        part = made(servers[source], random.Random(f"{source} {service} {seed}"), service)
        if part is None:
            continue
        said = translate(part, service, *versions)
        if said.inexpressible:
            continue
        assert taken(servers[target], service, dict(said.part)), seed
        found = replicated(servers[target].config(service), service)
        assert list(differences(found, said.part, service)) == [], seed
        compared += 1
    assert compared > 3


# --------------------------------------------------------------------------------------------- what clients get

SERVED = {"interfaces-config": {"interfaces": ["lo/::1"]}}
SUBNET = {"id": 1, "subnet": "2001:db8::/64", "pools": [{"pool": "2001:db8::/80"}]}
LIFETIMES: list[Config] = [
    {},
    {"valid-lifetime": 2000},
    {"valid-lifetime": 2000, "preferred-lifetime": 1900},
    {"valid-lifetime": 2000, "preferred-lifetime": 3600},
    {"valid-lifetime": 9000, "client-classes": [{"name": "short", "test": "member('ALL')", "valid-lifetime": 80}]},
]


def lifetimes(port: Port, relay: socket.socket) -> tuple[int, int]:
    """The preferred and the valid lifetime of the address that the server advertises to a client behind a relay."""
    client, association = option(1, bytes.fromhex("00030001020000000001")), option(3, struct.pack("!III", 1, 0, 0))
    solicit = b"\x01\x00\x00\x01" + client + association + option(8, b"\x00\x00")
    link = socket.inet_pton(socket.AF_INET6, "2001:db8::1") + socket.inet_pton(socket.AF_INET6, "fe80::1")
    relay.sendto(b"\x0c\x00" + link + option(9, solicit), ("::1", port.number))
    answer = relay.recv(4096)
    place = answer.index(struct.pack("!HH", 5, 24)) + 4 + 16  # in an IA address, after the address
    preferred, valid = struct.unpack("!II", answer[place : place + 8])
    return preferred, valid


def option(code: int, data: bytes) -> bytes:
    return struct.pack("!HH", code, len(data)) + data


@pytest.mark.parametrize("lifetime", LIFETIMES, ids=str)
def test_a_client_gets_the_same_lifetimes_of_a_2_6_and_of_the_2_2_that_follows_it(lifetime: Config) -> None:
    """2.6 calculates what nobody set, 2.2 takes 3600 seconds, which may be longer than the address is valid."""
    with Laboratory() as lab, contextlib.ExitStack() as ending:
        relay = ending.enter_context(socket.socket(socket.AF_INET6, socket.SOCK_DGRAM))
        relay.bind(("::1", 0))
        relay.settimeout(10)
        found, said, ports = [], {"subnet6": [SUBNET], **SERVED, **lifetime}, [Port("::1"), Port("::1")]
        for port, generation in zip(ports, (GENERATIONS[1], OLDEST), strict=True):
            ending.callback(port.release)
            program = ("/usr/sbin/kea-dhcp6", "-p", str(port.number), "-P", str(relay.getsockname()[1]))
            options = {"generation": generation, "executables": {"kea-dhcp6": program}}
            server = lab.server(f"kea-{generation}", {Service.DHCP6: said}, **options)
            found.append(lifetimes(port, relay))
            part = replicated(server.config(Service.DHCP6), Service.DHCP6)
            said = {**SERVED, **translate(part, Service.DHCP6, str(generation.version), str(OLDEST.version)).part}
        assert found[0] == found[1]
        assert found[0][0] < found[0][1]
