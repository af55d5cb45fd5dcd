"""Every key of every kind of object: the simulator's table of keys against what the daemons know."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.model import Service
from reconciler.simulator.tables import keywords
from tests.contract.sides import LEASE_COMMANDS, Side, placed

KINDS = ("subnet", "pool", "network", "option-data", "option-def", "reservation", "pd-pool")
FOREIGN = "no-such-key"
SUBNET = {Service.DHCP4: {"id": 1, "subnet": "192.0.2.0/24"}, Service.DHCP6: {"id": 1, "subnet": "2001:db8::/64"}}


def around(service: Service, kind: str, item: dict[str, Any]) -> dict[str, Any]:
    """A configuration with one object of a kind in it."""
    subnet = SUBNET[service]
    inside: dict[str, tuple[str, dict[str, Any]]] = {
        "pool": ("pools", {"pool": subnet["subnet"]}),
        "pd-pool": ("pd-pools", {"prefix": "2001:db8:1::", "prefix-len": 48, "delegated-len": 64}),
        "reservation": ("reservations", {"hw-address": "00:00:00:00:00:01", "hostname": "h"}),
    }
    if kind in inside:
        key, whole = inside[kind]
        return {service.subnets: [subnet | {key: [whole | item]}]}
    wholes: dict[str, dict[str, Any]] = {
        "network": {"name": "n", service.subnets: []},
        "option-data": {"code": 250, "csv-format": False, "data": "01"},
        "option-def": {"name": "o", "code": 250, "type": "string"},
    }
    if kind == "subnet":
        return {service.subnets: [subnet | item]}
    name = "shared-networks" if kind == "network" else kind
    return {name: [wholes[kind] | item]}


@pytest.mark.parametrize("kind", KINDS)
def test_a_key_of_no_or_the_wrong_type_is_told_apart(side: Side, service: Service, kind: str) -> None:
    table = keywords(side.release)[service].get(kind)
    if table is None:
        assert kind == "pd-pool"
        return
    found = {key: side.test(service, around(service, kind, {key: None})) for key in [*table, FOREIGN]}
    texts = {key: placed(answer["text"]).removesuffix(" (<place>)") for key, answer in found.items()}
    wanted = {key: f"'{key}' parameter is not {_named(name)}" for key, name in table.items() if name != "any"}
    assert {key: texts[key] for key in wanted if key != service.subnets} == {
        key: text for key, text in wanted.items() if key != service.subnets
    }
    unknown = "unsupported configuration parameter 'KEY'" if kind == "reservation" else "spurious 'KEY' parameter"
    assert texts[FOREIGN] == unknown.replace("KEY", FOREIGN)
    assert not [key for key in table if texts[key] == unknown.replace("KEY", key)]


def _named(kind: str) -> str:
    return f"{'an' if kind == 'integer' else 'a'} {kind}"


def test_an_unknown_global_parameter_is_refused_and_the_known_are_not(side: Side, service: Service) -> None:
    table = keywords(side.release)[service]["global"]
    found = {key: side.test(service, {key: None})["text"] for key in [*table, FOREIGN]}
    unknown = {key for key, text in found.items() if text.startswith("unsupported global configuration parameter")}
    assert unknown == {FOREIGN}


def test_keys_of_the_other_places(side: Side, service: Service) -> None:
    """Where an unknown key is refused, and where it is silently ignored."""
    configs: dict[str, tuple[dict[str, Any], str]] = {
        "hook": (
            {"hooks-libraries": [LEASE_COMMANDS | {FOREIGN: 1}]},
            f"unknown hooks library parameter: {FOREIGN}(<place>)",
        ),
        "interfaces": ({"interfaces-config": {FOREIGN: 1}}, f"unsupported parameter '{FOREIGN}' (<place>)"),
        "leases": (
            {"lease-database": {"type": "memfile", FOREIGN: 1}},
            f"invalid value type specified for parameter '{FOREIGN}' (<place>)",
        ),
        "class": ({"client-classes": [{"name": "c", FOREIGN: 1}]}, ""),
        "expired": ({"expired-leases-processing": {FOREIGN: 1}}, ""),
        "threads": ({"multi-threading": {FOREIGN: 1}}, ""),
        "checks": ({"sanity-checks": {FOREIGN: 1}}, ""),
    }
    for config, text in configs.values():
        answer = side.test(service, config)
        assert (answer["result"], placed(answer["text"]) if text else "") == (1 if text else 0, text)
