"""A whole configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.simulator.configuration import (
    classes,
    control_sockets,
    databases,
    ddns,
    defaults,
    hooks,
    interfaces,
    keywords,
    loggers,
    names,
    networks,
    option_definitions,
    options,
    reservations,
    sections,
)
from reconciler.simulator.configuration.context import Machine, Reading, Shown
from reconciler.simulator.configuration.network_parameters import mode
from reconciler.simulator.configuration.refusal import RefusedError, at
from reconciler.simulator.releases import Release

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model import Json, Service

_MOVED = [
    "qualifying-suffix",
    "override-no-update",
    "override-client-update",
    "replace-client-name",
    "generated-prefix",
]  # from dhcp-ddns to the globals, with "ddns-" before
_SAME_NAME = ("hostname-char-set", "hostname-char-replacement")
_RENAMED = "ddns-use-conflict-resolution"
_TYPED = {"decline-probation-period": 2**32 - 1, "dhcp4o6-port": 65535}
_FLAGS = ("echo-client-id", "ip-reservations-unique")
_PLAIN = [
    "renew-timer",
    "rebind-timer",
    "min-valid-lifetime",
    "max-valid-lifetime",
    "preferred-lifetime",
    "min-preferred-lifetime",
    "max-preferred-lifetime",
    "offer-lifetime",
    "ddns-ttl",
    "ddns-ttl-min",
    "ddns-ttl-max",
    "ddns-ttl-percent",
    "cache-threshold",
    "cache-max-age",
    "user-context",
]


def parse(service: Service, machine: Machine, value: Json, *, is_test: bool = False) -> Shown:
    """What config-get shows once this is in force (parameters of hooks excepted); RefusedError with Kea's words.

    Nothing here depends on what is opened, bound or loaded afterwards. config-test (`is_test`) does no more than
    this, and does not look at the loggers.
    """
    try:
        return _parse(service, machine, value, is_test=is_test)
    except (TypeError, AttributeError, KeyError, IndexError, ValueError) as error:
        # A value of a type that Kea did not expect either; its words for that are not all known.
        raise RefusedError(f"Error during command processing: {error}") from error


def _parse(service: Service, machine: Machine, value: Json, *, is_test: bool) -> Shown:
    given = keywords.as_map(value)
    if machine.release < Release.KEA_2_6:
        given = _with_moved(given)
    reading = Reading(service, machine, addresses_are_unique=given.get("ip-reservations-unique", True))
    if _RENAMED in given and _RENAMED not in keywords.known(reading, "global"):
        raise RefusedError(f"invalid global parameter name '{_RENAMED}'")
    shown = _globals(reading, given)
    shown["option-def"], reading.spaces = option_definitions.parse(reading, given.get("option-def", []))
    shown["option-data"] = options.parse(reading, given.get("option-data", []))
    shown |= _maps(reading, given) | _lists(reading, given)
    if given.get("loggers") and not is_test:
        shown["loggers"] = loggers.parse(machine, given["loggers"])
    shown["shared-networks"] = networks.parse_shared(reading, given.get("shared-networks", []), shown)
    shown[service.subnets] = networks.parse_subnets(reading, given.get(service.subnets, []), shown)
    for key in sorted(given):
        if key not in keywords.known(reading, "global"):
            raise at(f"unsupported global configuration parameter: {key}")
    _check_lifetimes(reading, shown)
    ddns.times(shown)
    shown["hooks-libraries"] = hooks.parse(machine, given.get("hooks-libraries", []))
    return shown


def _with_moved(value: Mapping[str, Json]) -> dict[str, Json]:
    """With the parameters of dhcp-ddns that became global ones in 1.7.1 where they are now (done until 2.6)."""
    given = dict(value)
    old = given.get("dhcp-ddns", {})
    if not isinstance(old, dict):
        raise RefusedError("moveDdnsParams dhcp-ddns is not a map")
    for key in _MOVED:
        if key in old:
            given.setdefault(f"ddns-{key}", old[key])
    for key in _SAME_NAME:
        if key in old:
            given.setdefault(key, old[key])
    return given


def _globals(reading: Reading, given: Mapping[str, Json]) -> Shown:
    """The scalars. Kea looks at the types of few of them."""
    known = defaults.scalars(reading.service, reading.release)
    shown = known | {key: given[key] for key in given if key in known}
    shown |= {key: given[key] for key in _PLAIN if key in given and key in keywords.known(reading, "global")}
    shown |= mode(reading, given)
    for key, limit in _TYPED.items():
        if not keywords.is_a("integer", shown[key]):
            raise at(f"invalid type specified for parameter '{key}'")
        if not 0 <= shown[key] <= limit:
            raise at(f"out of range value ({shown[key]}) specified for parameter '{key}'")
    for key in _FLAGS:
        if not isinstance(shown.get(key, True), bool):
            raise at(f"invalid type specified for parameter '{key}'")
    if not isinstance(shown["reservations-lookup-first"], bool):
        raise at("boolValue() called on non-Bool Element in")
    return shown | _data_directory(reading, given)


def _data_directory(reading: Reading, given: Mapping[str, Json]) -> Shown:
    """Since 2.6.3 there is only one that may be named."""
    if reading.is_v4 or "data-directory" not in given:
        return {}
    path, machine = given["data-directory"], reading.machine
    if reading.release < Release.KEA_2_6:
        if keywords.as_text(path) not in machine.folders:
            raise RefusedError(f"Bad directory '{path}': No such file or directory")
        return {"data-directory": path}
    if not isinstance(path, str):
        raise at("invalid type specified for parameter 'data-directory'")
    if path != machine.data_folder:
        raise RefusedError(f"'data-directory' of '{path}' is invalid, supported path is '{machine.data_folder}'")
    return {"data-directory": path}


def _maps(reading: Reading, given: Mapping[str, Json]) -> Shown:
    service = reading.service
    shown: Shown = {
        "dhcp-ddns": sections.ddns(_map(given, "dhcp-ddns")) if "dhcp-ddns" in given else dict(defaults.DDNS),
        "dhcp-queue-control": defaults.queue(service) | _map(given, "dhcp-queue-control"),
        "expired-leases-processing": sections.expired_leases(_map(given, "expired-leases-processing")),
        "interfaces-config": interfaces.interfaces(reading, given.get("interfaces-config", {})),
        "lease-database": databases.database(reading, given.get("lease-database", {"type": "memfile"})),
        "multi-threading": sections.multi_threading(reading.release, _map(given, "multi-threading")),
        "sanity-checks": sections.sanity_checks(reading.release, _map(given, "sanity-checks")),
    }
    if shown["multi-threading"]["enable-multi-threading"]:
        shown["dhcp-queue-control"]["enable-queue"] = False  # the two exclude each other, and this one gives way
    shown |= _compatibility(reading, _map(given, "compatibility"))
    if not reading.is_v4:
        shown["server-id"] = sections.server_id(given.get("server-id", {"type": "LLT"}))
        shown["relay-supplied-options"] = sections.relay_supplied(
            reading.release, given.get("relay-supplied-options", [])
        )
        shown["mac-sources"] = sections.mac_sources(given.get("mac-sources", ["any"]))
    return shown | _sockets(reading, given)


def _sockets(reading: Reading, given: Mapping[str, Json]) -> Shown:
    shown = control_sockets.parse(reading, given)
    if "config-control" in given:
        control = _map(given, "config-control")
        if not isinstance(control.get("config-databases", []), list):
            raise at("config-databases must be a list")
        control["config-databases"] = [
            databases.database(reading, item) for item in control.get("config-databases", [])
        ]
        shown["config-control"] = control
    return shown


def _lists(reading: Reading, given: Mapping[str, Json]) -> Shown:
    service = reading.service
    wanted = given.get("host-reservation-identifiers", list(defaults.IDENTIFIERS[service]))
    shown: Shown = {"host-reservation-identifiers": sections.identifiers(service, wanted)}
    shown["client-classes"] = classes.parse(reading, given.get("client-classes", []))
    shown["reservations"] = reservations.parse(reading, given.get("reservations", []), 0, None)
    hosts = [given["hosts-database"]] if "hosts-database" in given else given.get("hosts-databases", [])
    shown["hosts-databases"] = [databases.database(reading, item) for item in keywords.as_list(hosts)]
    return {key: item for key, item in shown.items() if item}


def _map(given: Mapping[str, Json], key: str) -> Shown:
    value = given.get(key, {})
    if not isinstance(value, dict):
        raise at("get(string) called on a non-map Element in")
    return dict(value)


def _compatibility(reading: Reading, value: Shown) -> Shown:
    if reading.release >= Release.KEA_2_6:
        return sections.compatibility(reading.service, value)
    if not isinstance(value.get("lenient-option-parsing", False), bool):
        raise at("boolValue() called on non-Bool Element in")
    return {}


def _check_lifetimes(reading: Reading, shown: Shown) -> None:
    for name in ("valid-lifetime",) if reading.is_v4 else ("valid-lifetime", "preferred-lifetime"):
        for prefix in ("", "min-", "max-"):
            if not keywords.is_a("integer", shown.get(prefix + name, 0)):
                raise at("intValue() called on non-integer Element in")
        names.lifetime(shown, name, where="")
