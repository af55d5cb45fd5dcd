"""The global maps and lists: loggers, dhcp-ddns, multi-threading and their like."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model import Service
from reconciler.simulator.configuration import defaults, keywords
from reconciler.simulator.configuration.addresses import address, octets
from reconciler.simulator.configuration.option_definitions import LARGEST_CODE, standard
from reconciler.simulator.configuration.refusal import PLACE, RefusedError, at
from reconciler.simulator.releases import Release

if TYPE_CHECKING:
    from reconciler.model import Json
    from reconciler.simulator.configuration.context import Shown

_CHECKS = ("none", "warn", "fix", "fix-del", "del")
_EXTENDED_CHECKS = ("none", "fix", "strict", "pedantic")
_COMPATIBILITY = {
    Service.DHCP4: (
        "lenient-option-parsing",
        "ignore-dhcp-server-identifier",
        "ignore-rai-link-selection",
        "exclude-first-last-24",
    ),
    Service.DHCP6: ("lenient-option-parsing",),
}
_MAC_ALIASES = {"rfc6939": "client-link-addr-option", "rfc4649": "remote-id", "rfc4580": "subscriber-id"}
_MAC_SOURCES = [
    "any",
    "raw",
    "duid",
    "ipv6-link-local",
    "client-link-addr-option",
    "rfc6939",
    "rfc4649",
    "remote-id",
    "rfc4580",
    "subscriber-id",
    "docsis-cmts",
    "docsis-modem",
]
_RELAYED = 65  # erp-local-domain-name is always among the options that a relay may supply


def compatibility(service: Service, value: Shown) -> Shown:
    """What is on in compatibility, as it is shown since 2.6; unknown keys are refused since then."""
    known = _COMPATIBILITY[service]
    for key, item in sorted(value.items()):
        if not isinstance(item, bool):
            raise RefusedError(f"compatibility parameter values must be boolean ({key} at {PLACE[1:]}")
        if key not in known:
            raise at(f"unsupported compatibility parameter: {key}")
    is_on: Shown = {key: True for key, item in value.items() if item}
    return {"compatibility": is_on} if is_on else {}


def ddns(value: Json) -> Shown:
    """dhcp-ddns, without the parameters that moved to the globals."""
    if "enable-updates" not in value:
        raise at("missing parameter 'enable-updates'")
    shown = defaults.DDNS | {key: value[key] for key in (*defaults.DDNS, "user-context") if key in value}
    try:
        server = address(shown["server-ip"])
        if "sender-ip" not in value and server.version == 6:
            shown["sender-ip"] = "::"
        sender = address(shown["sender-ip"])
    except RefusedError as refusal:
        text = str(refusal).split("'")[1]
        raise RefusedError(f"Failed to convert '{text}' to address: {refusal}{PLACE}") from None
    if shown["ncr-protocol"] != "UDP":
        raise at(f"D2ClientConfig error: NCR Protocol: {shown['ncr-protocol']} is not supported.")
    if server.version != sender.version:
        sides = f"server-ip: {server} is: IPv{server.version} while sender-ip: {sender} is: IPv{sender.version}"
        raise at(f"D2ClientConfig error: address family mismatch: {sides}")
    return shown


def expired_leases(value: Json) -> Shown:
    """expired-leases-processing; unknown keys are dropped without a word."""
    shown: Shown = {}
    for key, (default, limit) in defaults.EXPIRED_LEASES.items():
        number = shown[key] = value.get(key, default)
        if not keywords.is_a("integer", number):
            raise at(f"invalid type specified for parameter '{key}'")
        if number < 0:
            raise at(f"value for configuration parameter '{key}' must not be negative")
        if number > limit:
            reason = f"for configuration parameter '{key}', expected maximum value of '{limit}'"
            raise at(f"out range value '{number}' {reason}")
    return shown


def multi_threading(release: Release, value: Json) -> Shown:
    """multi-threading, unknown keys kept."""
    shown: Shown = defaults.multi_threading(release) | value
    for key, what in (("thread-pool-size", "thread pool size"), ("packet-queue-size", "packet queue size")):
        if not keywords.is_a("integer", shown[key]):
            raise at(f"invalid type specified for parameter '{key}'")
        if shown[key] < 0:
            raise at(f"{what} code must not be negative")
    if not isinstance(shown["enable-multi-threading"], bool):
        raise at("invalid type specified for parameter 'enable-multi-threading'")
    return shown


def sanity_checks(release: Release, value: Json) -> Shown:
    """sanity-checks."""
    check = value.get("lease-checks", "warn")
    if not isinstance(check, str):
        raise at("lease-checks must be a string")
    if check not in _CHECKS:
        names = ", ".join(_CHECKS)
        raise RefusedError(f"Unsupported lease-checks value: {check}, supported values are: {names}")
    if release < Release.KEA_2_6:
        return {"lease-checks": check}
    more = value.get("extended-info-checks", "fix")
    if not isinstance(more, str):
        raise RefusedError("extended-info-checks must be a string")
    if more not in _EXTENDED_CHECKS:
        names = ", ".join(_EXTENDED_CHECKS)
        raise RefusedError(f"Unsupported extended-info-checks value: {more}, supported values are: {names}")
    return {"lease-checks": check, "extended-info-checks": more}


def identifiers(service: Service, value: Json) -> list[str]:
    """host-reservation-identifiers."""
    allowed = {*defaults.IDENTIFIERS[service], "flex-id"}
    names = [keywords.as_text(name) for name in keywords.as_list(value)]
    for place, name in enumerate(names):
        if name not in allowed:
            raise at(f"unsupported identifier '{name}'")
        if name in names[:place]:
            raise at(f"duplicate host identifier '{name}'")
    if not names:
        raise at("'host-reservation-identifiers' list must not be empty")
    return names


def mac_sources(value: Json) -> list[str]:
    """mac-sources (DHCPv6)."""
    for name in keywords.as_list(value):
        if name not in _MAC_SOURCES:
            reason = f"Can't convert '{name}' to any known MAC source."
            raise at(f"Failed to convert '{name}' to any recognized MAC source:{reason}")
    if not value:
        raise RefusedError("If specified, MAC Sources cannot be empty")
    return [_MAC_ALIASES.get(name, name) for name in value]


def relay_supplied(release: Release, value: Json) -> list[str]:
    """relay-supplied-options (DHCPv6): codes, by number, the one that always belongs among them."""
    codes = {_RELAYED}
    for item in keywords.as_list(value):
        found = standard(Service.DHCP6, release)["dhcp6"].get(item)
        if not item.isdigit() and found is None:
            where = f"name '{item}' while parsing the list of enabled relay-supplied-options"
            raise at(f"unable to find option code for the  specified option {where}")
        code = int(item) if found is None else found.code
        if code > LARGEST_CODE[Service.DHCP6]:
            limit = f"the option code must not be greater than '{LARGEST_CODE[Service.DHCP6]}'"
            raise at(f"invalid option code value specified '{code}', {limit}")
        codes.add(code)
    return [str(code) for code in sorted(codes)]


def server_id(value: Json) -> Shown:
    """server-id (DHCPv6), as configured, not as it came out."""
    if "type" not in value:
        raise at("missing parameter 'type'")
    if value["type"] not in ("LLT", "EN", "LL"):
        raise at(f"unsupported DUID type '{value['type']}'. Expected: LLT, EN or LL")
    identifier = value.get("identifier", "")
    if identifier and octets(identifier) is None:
        reason = f"'{identifier}' is not a valid string of hexadecimal digits"
        raise at(f"identifier specified in the DUID configuration {reason}")
    given = {key: value[key] for key in (*defaults.SERVER_ID, "user-context") if key in value}
    return defaults.SERVER_ID | given | {"identifier": identifier.upper()}
