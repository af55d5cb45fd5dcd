"""Large configurations for benchmarks, in the very form in which Kea 2.2's config-get shows them.

What `configuration` makes is accepted by config-set and comes back unchanged from config-get (seen on 2.2.0), so one
file serves for real daemons and for measuring without any. 10,000 subnets of 10 reservations are about 42 MB.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from reconciler.model import Service

NETWORK_SHARE, NETWORK_SIZE = 10, 4  # one subnet in ten stands in a shared network, four to a network
LARGEST = 50_000  # subnets: so many prefixes there are in 10.0.0.0/8 as used here


def configuration(service: Service, subnets: int, reservations_each: int, seed: int = 0) -> dict[str, Any]:
    """Return what stands under Dhcp4 or Dhcp6 in config-get; the same for the same arguments.

    A subnet has two pools, four options, a relay and a user-context; a reservation has a hostname, one in five has
    classes, one in four options, one in three a user-context. `reservations_each` is at most 100. What a server has
    to itself (control socket, lease database, hooks, loggers) is not in it.
    """
    if not (0 <= subnets <= LARGEST and 0 <= reservations_each <= 100):
        raise ValueError(f"at most {LARGEST} subnets of at most 100 reservations")
    chance = random.Random(seed)
    made = [_subnet(service, number, reservations_each, chance) for number in range(1, subnets + 1)]
    inside = len(made) // NETWORK_SHARE
    return _globals(service) | {
        "client-classes": [_client_class(service, number) for number in range(10)],
        service.subnets: made[inside:],
        "shared-networks": [
            _shared_network(service, place, made[start : min(start + NETWORK_SIZE, inside)])
            for place, start in enumerate(range(0, inside, NETWORK_SIZE))
        ],
    }


def changed(config: dict[str, Any], service: Service, share: float, seed: int = 0) -> dict[str, Any]:
    """Return a configuration in which that share of the subnets differs in one thing each; the rest is shared."""
    chance = random.Random(seed)

    def edited(subnet: dict[str, Any]) -> dict[str, Any]:
        if chance.random() >= share:
            return subnet
        reservations = list(subnet["reservations"])
        if not reservations or chance.random() < 0.2:
            lifetimes = ("valid-lifetime", "min-valid-lifetime", "max-valid-lifetime")
            return {**subnet, **{key: subnet[key] + 60 for key in lifetimes}}
        place = chance.randrange(len(reservations))
        reservations[place] = {**reservations[place], "hostname": f"renamed-{chance.randrange(10**6)}"}
        return {**subnet, "reservations": reservations}

    return _with_subnets(config, service, lambda subnets: [edited(subnet) for subnet in subnets])


def _with_subnets(config: dict[str, Any], service: Service, edit: Any) -> dict[str, Any]:
    networks = [{**network, service.subnets: edit(network[service.subnets])} for network in config["shared-networks"]]
    return {**config, "shared-networks": networks, service.subnets: edit(config[service.subnets])}


# -------------------------------------------------------------------------------------------------- parts


def _globals(service: Service) -> dict[str, Any]:
    shared: dict[str, Any] = {
        "interfaces-config": {"interfaces": [], "re-detect": True},
        "valid-lifetime": 7200,
        "option-def": [],
        "expired-leases-processing": {
            "flush-reclaimed-timer-wait-time": 25,
            "hold-reclaimed-time": 3600,
            "max-reclaim-leases": 100,
            "max-reclaim-time": 250,
            "reclaim-timer-wait-time": 10,
            "unwarned-reclaim-cycles": 5,
        },
    }
    if service is Service.DHCP4:
        servers = _option("domain-name-servers", 6, "192.0.2.53, 198.51.100.53", service)
        return shared | {"option-data": [servers]}
    return shared | {"option-data": [_option("dns-servers", 23, "2001:db8::53", service)], "preferred-lifetime": 3600}


def _client_class(service: Service, number: int) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": f"class-{number}", "option-data": [], "test": f"option[{60 + number}].exists"}
    if service is Service.DHCP4:
        entry |= {"boot-file-name": "", "next-server": "0.0.0.0", "option-def": [], "server-hostname": ""}  # noqa: S104
    return entry


def _shared_network(service: Service, number: int, subnets: list[dict[str, Any]]) -> dict[str, Any]:
    network = {
        "name": f"network-{number:05}",
        "option-data": [],
        "relay": {"ip-addresses": []},
        service.subnets: subnets,
    }
    return _lease_times(service) | network


def _lease_times(service: Service) -> dict[str, Any]:
    """What Kea shows in every subnet and network, derived from the globals."""
    times: dict[str, Any] = {
        "calculate-tee-times": service is Service.DHCP6,
        "max-valid-lifetime": 7200,
        "min-valid-lifetime": 7200,
        "store-extended-info": False,
        "t1-percent": 0.5,
        "t2-percent": 0.875 if service is Service.DHCP4 else 0.8,
        "valid-lifetime": 7200,
    }
    if service is Service.DHCP6:
        lifetimes = ("max-preferred-lifetime", "min-preferred-lifetime", "preferred-lifetime")
        times |= dict.fromkeys(lifetimes, 3600) | {"rapid-commit": False}
    return times


def _subnet(service: Service, number: int, reservations_each: int, chance: random.Random) -> dict[str, Any]:
    make = _places4 if service is Service.DHCP4 else _places6
    return (
        _lease_times(service)
        | make(number)
        | {
            "id": number,
            "option-data": list(_subnet_options(service, number)),
            "reservations": [_reservation(service, number, host, chance) for host in range(reservations_each)],
            "user-context": {"floor": number % 40, "building": f"building {number % 300}"},
        }
    )


def _places4(number: int) -> dict[str, Any]:
    net = f"10.{number // 250}.{number % 250}"
    return {
        "4o6-interface": "",
        "4o6-interface-id": "",
        "4o6-subnet": "",
        "subnet": f"{net}.0/24",
        "relay": {"ip-addresses": [f"{net}.1"]},
        "pools": [
            {"option-data": [], "pool": f"{net}.{first}-{net}.{last}"} for first, last in ((130, 180), (190, 250))
        ],
    }


def _places6(number: int) -> dict[str, Any]:
    net = f"2001:db8:{number:x}"
    return {
        "subnet": f"{net}::/48",
        "relay": {"ip-addresses": [f"{net}::1"]},
        "pools": [{"option-data": [], "pool": f"{net}:{part}::/64"} for part in (1, 2)],
        "pd-pools": [{"delegated-len": 64, "option-data": [], "prefix": f"{net}:8000::", "prefix-len": 56}],
    }


def _subnet_options(service: Service, number: int) -> Iterator[dict[str, Any]]:
    if service is Service.DHCP4:
        net = f"10.{number // 250}.{number % 250}"
        yield _option("routers", 3, f"{net}.1", service)
        yield _option("domain-name", 15, f"site-{number}.example.org", service)
        yield _option("ntp-servers", 42, "192.0.2.123", service)
        yield _option("domain-search", 119, f"site-{number}.example.org.", service)
    else:
        yield _option("sip-server-addr", 22, "2001:db8::5060", service)
        yield _option("domain-search", 24, f"site-{number}.example.org.", service)
        yield _option("sntp-servers", 31, "2001:db8::123", service)
        yield _option("information-refresh-time", 32, "3600", service)


def _reservation(service: Service, subnet: int, host: int, chance: random.Random) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "client-classes": ["class-1", f"class-{2 + host % 8}"] if chance.random() < 0.2 else [],
        "hostname": f"host-{host}.site-{subnet}.example.org",
        "option-data": [_boot_option(service, subnet)] if chance.random() < 0.25 else [],
    }
    if chance.random() < 1 / 3:
        entry["user-context"] = {"asset": chance.randrange(10**6), "comment": f"owned by team {chance.randrange(50)}"}
    octets = f"{subnet >> 8 & 255:02x}:{subnet & 255:02x}:00:{host:02x}"
    if service is Service.DHCP6:
        address = f"2001:db8:{subnet:x}::{0x100 + host:x}"
        return entry | {"duid": f"00:03:00:01:02:00:{octets}", "ip-addresses": [address], "prefixes": []}
    address = f"10.{subnet // 250}.{subnet % 250}.{10 + host}"
    boot = {"boot-file-name": "", "next-server": "0.0.0.0", "server-hostname": ""}  # noqa: S104 - Kea's "none"
    return entry | boot | {"hw-address": f"02:00:{octets}", "ip-address": address}


def _boot_option(service: Service, subnet: int) -> dict[str, Any]:
    if service is Service.DHCP4:
        return _option("tftp-server-name", 66, f"boot-{subnet % 10}.example.org", service)
    return _option("bootfile-url", 59, f"http://boot-{subnet % 10}.example.org/", service)


def _option(name: str, code: int, data: str, service: Service) -> dict[str, Any]:
    return {
        "always-send": False,
        "code": code,
        "csv-format": True,
        "data": data,
        "name": name,
        "space": service.value,
    }
