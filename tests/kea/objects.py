"""Every kind of object that a Kea configuration holds, each with a way to add, change and delete one by hand.

A hand edits what config-get gave, as people and scripts do. Where a kind has no members that can come and go (a
global parameter, the order of classes, the network of a subnet), add, change and delete are three values of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lab.kea import base_configuration
from reconciler.model import Service
from tests.kea.things import Config, Member, Parameter, Path, Thing
from tests.kea.world import subnet

if TYPE_CHECKING:
    from collections.abc import Callable


def base(service: Service) -> Config:
    """The configuration that the things are added to: subnets 1 to 4, two networks, classes, a definition.

    The many reservations of subnet 4 are there so that ten fewer are no reason to worry.
    """
    four = service is Service.DHCP4
    identifier = {"hw-address": "02:00:00:00:00:99"} if four else {"duid": "00:03:00:01:99"}
    crowd = [{"hw-address": f"02:00:00:00:04:{number:02x}", "hostname": f"h{number}"} for number in range(40)]
    delegated = {"prefix": "2001:db8:9000::", "prefix-len": 40, "delegated-len": 56}
    prefixes = {} if four else {"pd-pools": [delegated]}  # so is this pool, which is never the only one
    return base_configuration(
        service,
        subnets=[
            subnet(service, 1, reservations=[{**identifier, "hostname": "fixed"}]),
            subnet(service, 2, **prefixes),
        ],
        shared_networks=[
            {"name": "floor", service.subnets: [subnet(service, 3)]},
            {"name": "cellar", service.subnets: [subnet(service, 4, reservations=crowd)]},
        ],
        client_classes=[{"name": "alpha"}, {"name": "mu"}, {"name": "zeta"}],
        option_def=[{"name": "shade", "code": 222, "type": "string"}],
        user_context={"site": "hq"},
    )


def things(service: Service) -> list[Thing]:
    """One of each kind that the service has."""
    return [
        *_networks(service),
        *_pools(service),
        *_reservations(service),
        *_options(service),
        *_classes(),
        *_globals(),
        *_contexts(service),
    ]


def _root(config: Config) -> Config:
    return config


def _subnet(service: Service, number: int) -> Callable[[Config], Config]:
    return lambda config: next(each for each in config[service.subnets] if each["id"] == number)


def _network(name: str) -> Callable[[Config], Config]:
    return lambda config: next(each for each in config["shared-networks"] if each["name"] == name)


def _prefix(service: Service, number: int) -> str:
    return str(subnet(service, number)["subnet"])


def _networks(service: Service) -> list[Thing]:
    return [
        Member(
            "subnet",
            [["subnet", _prefix(service, 50)]],
            _root,
            service.subnets,
            "subnet",
            subnet(service, 50),
            "store-extended-info",
            before=False,
            after=True,
        ),
        Member(
            "subnet-in-network",
            [["subnet", _prefix(service, 51)]],
            _network("floor"),
            service.subnets,
            "subnet",
            subnet(service, 51),
            "store-extended-info",
            before=False,
            after=True,
        ),
        Member(
            "shared-network",
            [["shared-network", "roof"]],
            _root,
            "shared-networks",
            "name",
            {"name": "roof", service.subnets: []},
            "store-extended-info",
            before=False,
            after=True,
        ),
        Parameter(
            "subnet-moved",
            [["subnet", _prefix(service, 2)]],
            "shared-network",
            None,
            "floor",
            "cellar",
            lambda config, name: _move(config, service, name),
        ),
    ]


def _move(config: Config, service: Service, name: str | None) -> None:
    """Put subnet 2 into the network of that name, or into none."""
    for holder in (config, *config["shared-networks"]):
        for each in holder.get(service.subnets, []):
            if each["id"] == 2:
                holder[service.subnets].remove(each)
                (_network(name)(config) if name else config)[service.subnets].append(each)
                return


def _pools(service: Service) -> list[Thing]:
    start = _prefix(service, 1).removesuffix("0/24").removesuffix(":/64")
    low, high = (f"{start}200", f"{start}210") if service is Service.DHCP4 else (f"{start}:200", f"{start}:2ff")
    shown = f"{low}-{high}" if service is Service.DHCP4 else f"{start}:200/120"
    pool = {"pool": f"{low} - {high}" if service is Service.DHCP4 else shown}
    outer = ["subnet", _prefix(service, 1)]
    found: list[Thing] = [
        Member(
            "pool",
            [outer, ["pool", shown]],
            _subnet(service, 1),
            "pools",
            "pool",
            pool,
            "client-class",
            before=None,
            after="alpha",
        )
    ]
    if service is Service.DHCP6:
        item = {"prefix": "2001:db8:8000::", "prefix-len": 40, "delegated-len": 56}
        path = [outer, ["pd-pool", "2001:db8:8000::/40 delegated 56"]]
        found.append(
            Member("pd-pool", path, _subnet(service, 1), "pd-pools", "prefix", item, "client-class", None, "alpha")
        )
    return found


_IDENTIFIERS = {
    "hw-address": "02:00:00:00:01:0{n}",
    "duid": "00:03:00:01:02:0{n}",
    "circuit-id": "63697263756974{n:02X}",
    "client-id": "636C69656E74{n:02X}",
    "flex-id": "666C6578{n:02X}",
}


def _reservations(service: Service) -> list[Thing]:
    four = service is Service.DHCP4
    kinds = list(_IDENTIFIERS) if four else ["hw-address", "duid", "flex-id"]
    found: list[Thing] = []
    for place, holder in (("subnet", _subnet(service, 1)), ("global", _root)):
        for number, kind in enumerate(kinds, 1 if place == "subnet" else 6):
            value = _IDENTIFIERS[kind].format(n=number)
            address = {"ip-address": f"10.0.1.{number}"} if four else {"ip-addresses": [f"2001:db8:1::{number}"]}
            item = {kind: value, "hostname": "one"} | (address if place == "subnet" else {})
            path = [["subnet", _prefix(service, 1)]] * (place == "subnet") + [["reservation", f"{kind} {value}"]]
            found.append(
                Member(
                    f"{place}-reservation-{kind}",
                    path,
                    holder,
                    "reservations",
                    kind,
                    item,
                    "hostname",
                    before="one",
                    after="two",
                )
            )
    return found


def _options(service: Service) -> list[Thing]:
    name, data, other = (
        ("domain-name-servers", "192.0.2.1", "192.0.2.2")
        if service is Service.DHCP4
        else ("dns-servers", "2001:db8::1", "2001:db8::2")
    )
    prefix = _prefix(service, 1)
    first_pool = subnet(service, 1)["pools"][0]["pool"].replace(" ", "")

    def pool(config: Config) -> Config:
        return next(each for each in _subnet(service, 1)(config)["pools"] if each["pool"] == first_pool)

    def reservation(config: Config) -> Config:
        return next(each for each in _subnet(service, 1)(config)["reservations"] if each["hostname"] == "fixed")

    def alpha(config: Config) -> Config:
        return next(each for each in config["client-classes"] if each["name"] == "alpha")

    identifier = "hw-address 02:00:00:00:00:99" if service is Service.DHCP4 else "duid 00:03:00:01:99"
    places: list[tuple[str, Path, Callable[[Config], Config]]] = [
        ("global", [], _root),
        ("network", [["shared-network", "floor"]], _network("floor")),
        ("subnet", [["subnet", prefix]], _subnet(service, 1)),
        ("pool", [["subnet", prefix], ["pool", first_pool]], pool),
        ("reservation", [["subnet", prefix], ["reservation", identifier]], reservation),
        ("class", [["client-class", "alpha"]], alpha),
    ]
    found: list[Thing] = [
        Member(
            f"option-{place}",
            [*path, ["option", name]],
            holder,
            "option-data",
            "name",
            {"name": name, "data": data},
            "data",
            before=data,
            after=other,
        )
        for place, path, holder in places
    ]
    definition = {"name": "colour", "code": 223, "type": "string"}
    return [
        *found,
        Member(
            "option-def",
            [["option-def", "colour"]],
            _root,
            "option-def",
            "name",
            definition,
            "type",
            before="string",
            after="uint32",
        ),
        Member(
            "option-custom",
            [["option", "shade"]],
            _root,
            "option-data",
            "name",
            {"name": "shade", "data": "dark"},
            "data",
            before="dark",
            after="light",
        ),
    ]


def _classes() -> list[Thing]:
    item = {"name": "guests", "test": "member('KNOWN')"}
    found: list[Thing] = [
        Member(
            "client-class",
            [["client-class", "guests"]],
            _root,
            "client-classes",
            "name",
            item,
            "test",
            before=item["test"],
            after="member('UNKNOWN')",
        ),
        Parameter(
            "client-class-order",
            [["client-class", "order"]],
            "order",
            ["alpha", "mu", "zeta"],
            ["zeta", "alpha", "mu"],
            ["mu", "zeta", "alpha"],
            _order_classes,
            ("order", ["zeta", "alpha", "mu", "guests"], ["mu", "zeta", "alpha", "guests"]),
        ),
    ]
    return found


def _order_classes(config: Config, names: list[str]) -> None:
    """Put these classes first, in that order."""
    known = {each["name"]: each for each in config["client-classes"]}
    rest = [each for name, each in known.items() if name not in names]
    config["client-classes"] = [known[name] for name in names] + rest


def _globals() -> list[Thing]:
    def put(name: str) -> Callable[[Config, Any], object]:
        return lambda config, value: config.update({name: value})

    nested = "expired-leases-processing"
    return [
        Parameter(
            "global-lifetime",
            [["global", "decline-probation-period"]],
            "decline-probation-period",
            86400,
            1000,
            2000,
            put("decline-probation-period"),
        ),
        Parameter(
            "global-nested",
            [["global", nested]],
            f"{nested}.hold-reclaimed-time",
            3600,
            1800,
            900,
            lambda config, value: config[nested].update({"hold-reclaimed-time": value}),
        ),
    ]


def _contexts(service: Service) -> list[Thing]:
    return [
        Parameter(
            "user-context",
            [["global", "user-context"]],
            "user-context.site",
            "hq",
            "branch",
            "harbour",
            lambda config, value: config["user-context"].update({"site": value}),
        ),
        Parameter(
            "user-context-of-subnet",
            [["subnet", _prefix(service, 3)]],
            "user-context",
            None,
            {"floor": 1},
            {"floor": 2},
            lambda config, value: _set_context(_network("floor")(config)[service.subnets], value),
            ("user-context.floor", 1, 2),
        ),
    ]


def _set_context(subnets: list[Config], value: Config | None) -> None:
    one = next(each for each in subnets if each["id"] == 3)
    one.pop("user-context", None)
    if value is not None:
        one["user-context"] = value
