"""Random valid configurations, the same for the same seed."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any

from reconciler.model import Service
from reconciler.simulator import Release

if TYPE_CHECKING:
    import random

_CLASSES = ("voice", "guests", "printers")


def configuration(rng: random.Random, service: Service, release: Release = Release.KEA_2_2) -> dict[str, Any]:
    """What stands under `Dhcp4` or `Dhcp6` of a release, but for what belongs to a server."""
    maker = _Maker(rng, service, release)
    config: dict[str, Any] = {
        service.subnets: [maker.subnet() for _ in range(rng.randrange(6))],
        "shared-networks": [maker.network(number) for number in range(rng.randrange(3))],
        "client-classes": [maker.client_class(name) for name in _CLASSES[: rng.randrange(4)]],
        "option-data": maker.options(),
        "reservations": maker.reservations(None),
    }
    config |= maker.some(
        {
            "valid-lifetime": rng.randrange(1000, 9000),
            "renew-timer": rng.randrange(100, 500),
            "rebind-timer": rng.randrange(500, 900),
            "calculate-tee-times": rng.random() < 0.5,
            "ddns-qualifying-suffix": f"d{rng.randrange(9)}.example.",
            "ddns-send-updates": rng.random() < 0.5,
            "store-extended-info": True,
            "cache-threshold": round(rng.uniform(0.1, 0.9), 2),
            "user-context": {"revision": rng.randrange(100), "nested": {"list": [1, 2.5, None, "x"]}},
            "reservations-global": True,
            "host-reservation-identifiers": ["duid", "hw-address"],
            "decline-probation-period": rng.randrange(10, 10000),
            "expired-leases-processing": {"max-reclaim-leases": rng.randrange(500)},
            "sanity-checks": {"lease-checks": rng.choice(["none", "fix", "del"])},
        }
    )
    return config


def between(rng: random.Random, before: dict[str, Any], other: dict[str, Any], service: Service) -> dict[str, Any]:
    """A configuration between two: some objects of the one, some of the other, some moved and some edited."""
    after = {**before, **{key: rng.choice((before, other)).get(key, []) for key in ("reservations", "client-classes")}}
    after["client-classes"] = [*before.get("client-classes", []), {"name": "later"}]
    key = service.subnets
    taken: set[Any] = set()
    homes: dict[str, list[Any]] = {"": []}
    networks = {n["name"]: n for n in [*before["shared-networks"], *other["shared-networks"]] if rng.random() < 0.7}
    homes |= {name: [] for name in networks}
    for config in (before, other):
        for home in [config, *config["shared-networks"]]:
            for subnet in home.get(key, []):
                own = {subnet["id"], subnet["subnet"]}
                if rng.random() < 0.7 and not taken & own:
                    taken |= own
                    place = str(home.get("name", "")) if rng.random() < 0.7 else rng.choice(list(homes))
                    homes[place if place in homes else ""].append(_edited(rng, subnet))
    edits = {"valid-lifetime": 4321} if rng.random() < 0.3 else {}
    after["shared-networks"] = [{**network, **edits, key: homes[name]} for name, network in networks.items()]
    return {**after, key: homes[""]}


def _edited(rng: random.Random, subnet: dict[str, Any]) -> dict[str, Any]:
    hosts = [host | ({"hostname": "edited"} if rng.random() < 0.3 else {}) for host in subnet["reservations"]]
    kept = [host for host in hosts if rng.random() < 0.8]
    return {**subnet, "reservations": kept, **({"cache-max-age": 5} if rng.random() < 0.3 else {})}


class _Maker:
    def __init__(self, rng: random.Random, service: Service, release: Release) -> None:
        self.rng = rng
        self.service = service
        self.release = release
        self.is_v4 = service is Service.DHCP4
        self.used: set[str] = set()
        self.numbers = rng.sample(range(1, 5000), 40)

    def some(self, parts: dict[str, Any]) -> dict[str, Any]:
        """About a third of them."""
        return {key: value for key, value in parts.items() if self.rng.random() < 0.35}

    def prefix(self) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
        while True:
            number = self.rng.randrange(1, 250)
            text = f"10.{number}.0.0/{self.rng.choice([16, 20, 24])}"
            found = ipaddress.ip_network(text if self.is_v4 else f"2001:db8:{number:x}::/{self.rng.choice([48, 64])}")
            if str(found.network_address) not in self.used:
                self.used.add(str(found.network_address))
                return found

    def address(self, prefix: ipaddress.IPv4Network | ipaddress.IPv6Network) -> str:
        return str(prefix.network_address + self.rng.randrange(1, 200))

    def options(self) -> list[dict[str, Any]]:
        host = "192.0.2.1" if self.is_v4 else "2001:DB8::1"
        known: list[dict[str, Any]] = [
            {"code": 6 if self.is_v4 else 23, "data": f"{host}, {host}"},
            {"name": "domain-search", "data": "Example.org, a.example"},
            {"name": "ntp-servers" if self.is_v4 else "sntp-servers", "data": host, "always-send": True},
            {"code": 12 if self.is_v4 else 41, "data": f"name {self.rng.randrange(9)}"},
            {"code": 230, "data": "0x0102", "csv-format": False},
            {"code": 2 if self.is_v4 else 32, "space": "vendor-4491", "data": host},
            {"code": 66 if self.is_v4 else 59, "data": "tftp://h/x,y", "user-context": {"for": "phones"}},
        ]
        found = self.rng.sample(known, self.rng.randrange(len(known)))
        if self.release >= Release.KEA_2_6:
            found = [option | self.some({"never-send": self.rng.random() < 0.5}) for option in found]
        if self.release >= Release.KEA_3_0:
            found = [option | self.some({"client-classes": self.rng.sample(_CLASSES, 2)}) for option in found]
        return found

    def lifetimes(self) -> dict[str, Any]:
        """A subnet's own; a shared network has none, since its limits could contradict those of a subnet in it."""
        low = self.rng.randrange(100, 1000)
        return self.rng.choice(
            [
                {},
                {"valid-lifetime": low},
                {"min-valid-lifetime": low, "valid-lifetime": low + 50, "max-valid-lifetime": low + 90},
            ]
        )

    def common(self) -> dict[str, Any]:
        host = "10.255.0.1" if self.is_v4 else "2001:db8:ff::1"
        parts: dict[str, Any] = {
            "relay": {"ip-addresses": [host]},
            "client-class": self.rng.choice(_CLASSES),
            "require-client-classes": self.rng.sample(_CLASSES, 2),
            "user-context": {"site": self.rng.randrange(9)},
            "renew-timer": self.rng.randrange(10, 90),
            "cache-max-age": self.rng.randrange(90),
            "ddns-generated-prefix": "g",
            "hostname-char-set": "[^a-z]",
            "reservations-in-subnet": self.rng.random() < 0.5,
            "reservations-out-of-pool": True,
            "store-extended-info": self.rng.random() < 0.5,
        }
        if self.is_v4:
            parts |= {"next-server": "192.0.2.9", "boot-file-name": "pxe", "match-client-id": False}
        else:
            parts |= {"interface-id": f"port{self.rng.randrange(9)}"}
        parts |= self.newer()
        return self.some(parts) | {"option-data": self.options()}

    def newer(self) -> dict[str, Any]:
        """What only the later releases know."""
        if self.release < Release.KEA_2_6:
            return {}
        parts: dict[str, Any] = {
            "allocator": self.rng.choice(["random", "iterative"]),
            "ddns-conflict-resolution-mode": self.rng.choice(["no-check-with-dhcid", "check-exists-with-dhcid"]),
        }
        parts |= {"offer-lifetime": self.rng.randrange(90)} if self.is_v4 else {"pd-allocator": "flq"}
        if self.release < Release.KEA_3_0:
            return parts | {"ddns-ttl-percent": 0.5}
        parts |= {"ddns-ttl-min": self.rng.randrange(9), "ddns-ttl-max": self.rng.randrange(10, 90)}
        del parts[self.rng.choice(["allocator", "ddns-ttl-min"])]
        return parts

    def subnet(self) -> dict[str, Any]:
        prefix = self.prefix()
        subnet = self.common() | self.lifetimes() | {"subnet": str(prefix), "pools": self.pools(prefix)}
        subnet["id"] = self.numbers.pop()
        subnet["reservations"] = self.reservations(prefix)
        if not self.is_v4 and self.rng.random() < 0.5:
            number = self.rng.randrange(1, 250)
            subnet["pd-pools"] = [
                {"prefix": f"3000:{number:x}:{place:x}::", "prefix-len": 48, "delegated-len": 60, "option-data": []}
                for place in (9, 3)
            ]
        return subnet

    def network(self, number: int) -> dict[str, Any]:
        subnets = [self.subnet() for _ in range(self.rng.randrange(4))]
        name = f"net {self.rng.randrange(1000)}-{number}"
        return self.common() | {"name": name, self.service.subnets: subnets}

    def pools(self, prefix: ipaddress.IPv4Network | ipaddress.IPv6Network) -> list[dict[str, Any]]:
        starts = self.rng.sample([16, 64, 128, 192], self.rng.randrange(4))
        pools = []
        for start in starts:
            first = prefix.network_address + start
            last = first + self.rng.choice([0, 7, 10, 15])
            pools.append(
                {"pool": f"{first} - {last}"}
                | self.some({"client-class": "voice", "user-context": {"p": 1}} | self.pool_parts())
            )
        return pools

    def pool_parts(self) -> dict[str, Any]:
        """What only the pools of later releases have."""
        parts = {"pool-id": self.rng.randrange(1, 99)} if self.release >= Release.KEA_2_6 else {}
        more = {"ddns-send-updates": self.rng.random() < 0.5, "hostname-char-set": "[^a]", "ddns-ttl": 77}
        return parts | (more if self.release >= Release.KEA_3_0 else {})

    def reservations(self, prefix: ipaddress.IPv4Network | ipaddress.IPv6Network | None) -> list[dict[str, Any]]:
        hosts: dict[str, dict[str, Any]] = {}
        for _ in range(self.rng.randrange(6)):
            digits = f"{self.rng.randrange(2**40):012x}"
            kinds = ("hw-address", "duid", "flex-id") + (("client-id", "circuit-id") if self.is_v4 else ())
            host: dict[str, Any] = {self.rng.choice(kinds): digits.upper(), "hostname": f"H{digits}"}
            host |= self.some(
                {"client-classes": ["voice", "guests"], "user-context": {"n": 1}, "option-data": self.options()}
            )
            if prefix is not None and self.rng.random() < 0.7:
                own = self.address(prefix)
                if own not in self.used:
                    self.used.add(own)
                    host |= {"ip-address": own} if self.is_v4 else {"ip-addresses": [own.upper()]}
            hosts[digits] = host
        return list(hosts.values())

    def client_class(self, name: str) -> dict[str, Any]:
        test = self.rng.choice(["member('KNOWN')", "option[61].hex == 0x0102", "not member('ALL')"])
        return {"name": name, "option-data": self.options()} | self.some(
            {"test": test, "only-if-required": True, "user-context": {"c": 1}, "valid-lifetime": 77}
        )
