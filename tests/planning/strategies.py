"""Random configurations, in the form and order in which Kea's config-get shows one."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from reconciler.model import (
    Endpoint,
    HaView,
    Mode,
    PartnerView,
    Peer,
    Relationship,
    Role,
    Service,
    Snapshot,
)

Config = dict[str, Any]

HOOKS = "/usr/lib/kea/hooks"
PREFIXES = {
    Service.DHCP4: ("10.0.0.0/24", "10.0.1.0/24", "10.0.2.0/24", "10.0.3.0/24"),
    Service.DHCP6: ("2001:db8:0::/48", "2001:db8:1::/48", "2001:db8:2::/48", "2001:db8:3::/48"),
}
NETWORKS = ("annex", "campus")
CLASSES = ("cameras", "phones", "upstairs")

words = st.sampled_from(("", "alpha", "beta", "two words"))
flags = st.booleans()
numbers = st.sampled_from((2, 3600, 7200))  # neither 0 nor 1, which Python holds for equal to false and true
json_values = st.recursive(
    numbers | words | flags,
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(("a", "__b", "c~/d")), inner, max_size=2)
    ),
    max_leaves=4,
)
contexts = st.dictionaries(st.sampled_from(("a", "__b", "c~/d")), json_values, max_size=3)


def _maybe(**keys: st.SearchStrategy[Any]) -> st.SearchStrategy[Config]:
    """Maps in which each of these keys may be."""
    return st.fixed_dictionaries({}, optional={key.replace("_", "-"): value for key, value in keys.items()})


def _joined(*parts: st.SearchStrategy[Config]) -> st.SearchStrategy[Config]:
    return st.tuples(*parts).map(lambda maps: {key: value for each in maps for key, value in each.items()})


@st.composite
def _named(draw: st.DrawFn, key: str, names: tuple[str, ...], rest: st.SearchStrategy[Config]) -> list[Config]:
    """A list of objects, one for each of some of these names, in the order of the names."""
    return [{key: name, **draw(rest)} for name in sorted(draw(st.sets(st.sampled_from(names))))]


def options(service: Service) -> st.SearchStrategy[list[Config]]:
    """Lists of option-data in any order; an option may be given twice."""
    kinds = (
        (3, "routers", service.value),
        (15, "domain-name", service.value),
        (1, "colour", "acme"),
        (2, None, "acme"),
    )
    option = st.tuples(st.sampled_from(kinds), words, flags).map(
        lambda drawn: {
            "always-send": drawn[2],
            "code": drawn[0][0],
            "csv-format": True,
            "data": drawn[1],
            **({"name": drawn[0][1]} if drawn[0][1] else {}),
            "space": drawn[0][2],
        }
    )
    return st.lists(option, max_size=3)


def option_definitions() -> st.SearchStrategy[list[Config]]:
    rest = st.fixed_dictionaries({"code": numbers, "space": st.just("acme"), "type": words})
    return _named("name", ("colour", "shape", "size"), rest).flatmap(st.permutations)


def pools(service: Service) -> st.SearchStrategy[list[Config]]:
    rest = _joined(
        st.fixed_dictionaries({"option-data": options(service)}), _maybe(client_class=words, user_context=contexts)
    )
    return _named("pool", ("10.0.0.10-10.0.0.19", "10.0.0.128/26"), rest)


def prefix_pools() -> st.SearchStrategy[list[Config]]:
    places = ("2001:db8:0:8000::", "2001:db8:0:9000::")
    rest = {
        "prefix-len": st.just(52),
        "delegated-len": st.sampled_from((56, 60)),
        "option-data": options(Service.DHCP6),
    }
    excluded = _maybe(excluded_prefix=words, excluded_prefix_len=numbers)
    return _named("prefix", places, _joined(st.fixed_dictionaries(rest), excluded))


def reservations(service: Service) -> st.SearchStrategy[list[Config]]:
    address = {"ip-address": words} if service is Service.DHCP4 else {"ip-addresses": st.lists(words, max_size=2)}
    rest: dict[str, Any] = {
        "client-classes": st.lists(st.sampled_from(CLASSES), max_size=2),
        "hostname": words,
        "option-data": options(service),
        **address,
    }
    identified = _named("hw-address", ("02:00:00:00:00:01", "02:00:00:00:00:02"), st.fixed_dictionaries(rest))
    others = _named(
        "duid", ("01:02:03:04:05:06:07",), _joined(st.fixed_dictionaries(rest), _maybe(user_context=contexts))
    )
    return st.tuples(others, identified).map(lambda lists: lists[0] + lists[1])


def subnets(service: Service) -> st.SearchStrategy[list[Config]]:
    """Subnets of which each prefix occurs once; the key `place` says in which shared network, or None."""
    parts: dict[str, Any] = {
        "place": st.sampled_from((None, *NETWORKS)),
        "id": numbers,
        "option-data": options(service),
        "pools": pools(service),
        "relay": st.fixed_dictionaries({"ip-addresses": st.lists(words, max_size=1)}),
        "reservations": reservations(service),
        "valid-lifetime": numbers,
    }
    if service is Service.DHCP6:
        parts["pd-pools"] = prefix_pools()
    rest = _joined(
        st.fixed_dictionaries(parts), _maybe(interface=st.sampled_from(("eth0", "ens3")), user_context=contexts)
    )
    return _named("subnet", PREFIXES[service], rest)


@st.composite
def shared_data(draw: st.DrawFn, service: Service) -> Config:
    """What follows the authority."""
    found = draw(subnets(service))
    rest = _joined(
        st.fixed_dictionaries({"option-data": options(service), "valid-lifetime": numbers}), _maybe(interface=words)
    )
    networks = draw(_named("name", NETWORKS, rest))
    inside: dict[str | None, list[Config]] = {network["name"]: [] for network in networks}
    outside: list[Config] = []
    for subnet in found:
        inside.get(subnet.pop("place"), outside).append(subnet)
    classes = _joined(
        st.fixed_dictionaries({"test": words, "option-data": options(service)}), _maybe(user_context=contexts)
    )
    config: Config = {
        service.subnets: outside,
        "shared-networks": [{**network, service.subnets: inside[network["name"]]} for network in networks],
        "client-classes": draw(_named("name", CLASSES, classes).flatmap(st.permutations)),
        "option-data": draw(options(service)),
        "option-def": draw(option_definitions()),
        "valid-lifetime": draw(numbers),
        "expired-leases-processing": {"max-reclaim-time": draw(numbers), "hold-reclaimed-time": draw(numbers)},
        "host-reservation-identifiers": draw(st.permutations(("hw-address", "duid"))),
    }
    reserved = draw(reservations(service))
    config |= {"reservations": reserved} if reserved else {}  # Kea leaves this one out where there are none
    return config | draw(_maybe(user_context=contexts, renew_timer=numbers))


def own_parts(name: str) -> st.SearchStrategy[Config]:
    """What a server has to itself; other hooks than ours may be among it."""
    hooks = st.lists(st.sampled_from(("/opt/libone.so", "/opt/libtwo.so")), unique=True)
    return _joined(
        st.fixed_dictionaries(
            {
                "control-socket": st.just({"socket-type": "unix", "socket-name": f"/run/{name}"}),
                "lease-database": st.just({"type": "memfile", "name": f"/var/lib/{name}.csv"}),
                "hooks-libraries": hooks.map(lambda paths: [{"library": path} for path in paths]),
            }
        ),
        _maybe(interfaces_config=contexts, loggers=st.just([{"name": name}]), dhcp_ddns=contexts),
    )


def configurations(service: Service, name: str) -> st.SearchStrategy[Config]:
    """What stands under Dhcp4 or Dhcp6 of one server, without a relationship."""
    return _joined(shared_data(service), own_parts(name))


def patterns(service: Service) -> st.SearchStrategy[tuple[str, ...]]:
    """Some local patterns of a relationship."""
    subnet, key = PREFIXES[service][0].replace("/", "~1"), service.subnets
    known = (
        f"/{key}/*/interface",
        f"/{key}/*/user-context/a",
        f"/{key}/*/pools/*/client-class",
        f"/{key}/*/pools/*",
        f"/{key}/{subnet}",
        f"/{key}/{subnet}/reservations/*/hostname",
        f"/{key}/*",
        f"/{key}",
        "/shared-networks/*/interface",
        "/shared-networks/campus",
        f"/shared-networks/campus/{key}/*/valid-lifetime",
        "/client-classes/phones",
        "/client-classes/*/user-context",
        "/option-data/*",
        "/option-data/routers/data",
        "/reservations/*",
        "/valid-lifetime",
        "/user-context",
        "/user-context/*",
        "/user-context/c~0~1d",
        "/expired-leases-processing/*",
        "/host-reservation-identifiers/*",
        "/no-such-key/*/at-all",
        "/*",
    )
    return st.lists(st.sampled_from(known), max_size=3, unique=True).map(tuple)


services = st.sampled_from(tuple(Service))

RELATIONSHIP = {
    service: Relationship(
        "hq",
        service,
        Mode.HOT_STANDBY,
        (
            Peer("kea-a", "kea-a", Role.PRIMARY, "http://192.0.2.10:8001/"),
            Peer("kea-b", "kea-b", Role.STANDBY, "http://192.0.2.11:8001/"),
        ),
    )
    for service in Service
}


def snapshot(relationship: Relationship, peer: Peer, config: Config) -> Snapshot:
    """Return a normal server of a pair that has this configuration."""
    partner = next(other for other in relationship.peers if other is not peer)
    mode = relationship.mode.value
    seen = PartnerView(partner.role.value, mode, (), 1.0, in_touch=True, interrupted=False)
    return Snapshot(
        endpoint=Endpoint(peer.server, relationship.service, "http://192.0.2.1:8000/"),
        version="2.2.0",
        config=config,
        kea_hash=None,
        pid=1,
        uptime=100,
        reload=100,
        read_at=0.0,
        ha=HaView(mode, peer.role.value, mode, (), seen),
        hooks_directory=HOOKS,
    )
