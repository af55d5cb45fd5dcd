"""Kea's reading of a configuration, without Kea: whole results, and what holds for every configuration."""

from __future__ import annotations

import contextlib
import copy
import random
from typing import Any

import pytest

from reconciler.model import Service
from reconciler.simulator.configuration.context import Machine
from reconciler.simulator.configuration.parse import parse
from reconciler.simulator.configuration.refusal import RefusedError
from reconciler.simulator.libraries import installed
from reconciler.simulator.releases import Release
from tests.contract.generator import configuration
from tests.contract.loading import accepted, differences, refused

ODD: list[Any] = [None, 5, "x", True, [], {}, [None], [5], ["x"], [{}], [[]], {"x": 1}, -1, 1e9]
MACHINES = {
    release: Machine(frozenset({"lo"}), installed(release), folders=frozenset({"/var/lib/kea"}), release=release)
    for release in Release
}
MACHINE = MACHINES[Release.KEA_2_2]


def test_a_subnet_shows_what_it_inherits_and_its_parts_in_order() -> None:
    shown = parse(
        Service.DHCP4,
        MACHINE,
        {
            "valid-lifetime": 600,
            "renew-timer": 100,
            "subnet4": [
                {
                    "subnet": "192.0.2.0/24",
                    "id": 9,
                    "pools": [{"pool": "192.0.2.128 - 192.0.2.191"}, {"pool": "192.0.2.10-192.0.2.20"}],
                    "option-data": [{"name": "routers", "data": "192.0.2.1"}],
                    "reservations": [
                        {"hw-address": "AA:BB:CC:DD:EE:FF", "ip-address": "192.0.2.5"},
                        {"circuit-id": "'abc'", "hostname": "h"},
                    ],
                },
                {"subnet": "198.51.100.0/24", "id": 2, "renew-timer": 50},
            ],
        },
    )
    inherited = {
        "4o6-interface": "",
        "4o6-interface-id": "",
        "4o6-subnet": "",
        "calculate-tee-times": False,
        "max-valid-lifetime": 600,
        "min-valid-lifetime": 600,
        "relay": {"ip-addresses": []},
        "store-extended-info": False,
        "t1-percent": 0.5,
        "t2-percent": 0.875,
        "valid-lifetime": 600,
    }
    boot = {"boot-file-name": "", "next-server": "0.0.0.0", "server-hostname": ""}  # noqa: S104
    empty: dict[str, list[str]] = {"client-classes": [], "option-data": []}
    routers = {"code": 3, "name": "routers", "space": "dhcp4", "data": "192.0.2.1"}
    assert shown["subnet4"] == [
        inherited
        | {"id": 2, "subnet": "198.51.100.0/24", "renew-timer": 50, "option-data": [], "pools": [], "reservations": []},
        inherited
        | {
            "id": 9,
            "subnet": "192.0.2.0/24",
            "renew-timer": 100,
            "option-data": [routers | {"always-send": False, "csv-format": True}],
            "pools": [
                {"option-data": [], "pool": "192.0.2.10-192.0.2.20"},
                {"option-data": [], "pool": "192.0.2.128/26"},
            ],
            "reservations": [
                boot | empty | {"circuit-id": "616263", "hostname": "h"},
                boot | empty | {"hw-address": "aa:bb:cc:dd:ee:ff", "hostname": "", "ip-address": "192.0.2.5"},
            ],
        },
    ]


@pytest.mark.parametrize("release", Release)
@pytest.mark.parametrize("service", Service)
def test_reading_what_was_shown_changes_nothing_and_spoils_no_input(service: Service, release: Release) -> None:
    machine = MACHINES[release]
    generated = (configuration(random.Random(seed), service, release) for seed in range(40))
    for config in (*accepted(service, release), *generated):
        given = copy.deepcopy(config)
        shown = parse(service, machine, config)
        assert config == given
        if '"code": 43' in str(config.get("client-classes")).replace("'", '"'):
            continue  # Kea shows a class's own definition of it in a way that it does not read (tests/contract)
        assert differences(shown, parse(service, machine, shown)) == []


@pytest.mark.parametrize("release", Release)
@pytest.mark.parametrize("service", Service)
def test_every_recorded_refusal_is_refused_and_nothing_ever_breaks(service: Service, release: Release) -> None:
    for case in refused(service):
        config = case.config(release)
        is_read = case.text(release) is None or not (case.is_found_by_test or "loggers" in config)
        with contextlib.nullcontext() if is_read else pytest.raises(RefusedError):
            parse(service, MACHINES[release], config)


@pytest.mark.parametrize("release", Release)
@pytest.mark.parametrize("service", Service)
def test_a_value_of_any_other_type_is_refused_or_taken_and_never_breaks(service: Service, release: Release) -> None:
    rng = random.Random(1)
    config = configuration(rng, service, release)
    for key in config:
        for value in ODD:
            try:
                parse(service, MACHINES[release], config | {key: value})
            except RefusedError:
                continue
