"""Random configurations of one real Kea, set on another in its own words, and read back as they were said."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from lab.kea import GENERATIONS, Generation, KeaServer
from lab.laboratory import Laboratory
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
