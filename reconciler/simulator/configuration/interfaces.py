"""interfaces-config."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.simulator.configuration import keywords
from reconciler.simulator.configuration.addresses import of_family
from reconciler.simulator.configuration.refusal import PLACE, RefusedError, at

if TYPE_CHECKING:
    from reconciler.model import Json
    from reconciler.simulator.configuration.context import Reading, Shown


def interfaces(reading: Reading, value: Json) -> Shown:
    """interfaces-config."""
    shown: Shown = {"interfaces": [], "re-detect": True}
    for key, item in keywords.as_map(value).items():
        if key == "interfaces":
            shown[key] = _interface_names(reading, item)
        elif key in ("dhcp-socket-type", "outbound-interface"):
            shown |= _socket(reading, key, item)
        elif key in ("re-detect", "user-context"):
            shown[key] = item
        elif key in ("service-sockets-max-retries", "service-sockets-retry-wait-time"):
            shown |= {key: item} if item else {}
        elif key == "service-sockets-require-all":
            shown |= {key: True} if item else {}
        else:
            raise at(f"unsupported parameter '{key}'")
    if "service-sockets-max-retries" in shown:
        shown.setdefault("service-sockets-retry-wait-time", 5000)
    return shown


def _socket(reading: Reading, key: str, item: Json) -> Shown:
    if not reading.is_v4:
        raise at(f"{key} is not supported in DHCPv6")
    usual, other = ("raw", "udp") if key == "dhcp-socket-type" else ("same-as-inbound", "use-routing")
    if item not in (usual, other):
        what = "socket type" if key == "dhcp-socket-type" else "outbound interface type"
        raise at(f"unsupported {what} '{item}'")
    return {key: item} if item == other else {}


def _interface_names(reading: Reading, value: Json) -> list[str]:
    shown: list[str] = []
    for item in keywords.as_list(value):
        name, _, own = keywords.as_text(item).partition("/")
        reason = ""
        if not name:
            reason = "empty interface name used in configuration"
        elif item in shown:
            reason = f"interface '{name}' has already been specified"
        elif name != "*" and name not in reading.machine.interfaces:
            reason = f"interface '{name}' doesn't exist in the system"
        elif own and not reading.is_v4 and of_family(own, 6) is None:
            reason = f"address '{own}' is not a valid IPv6 unicast address"
        if reason:
            raise RefusedError(f"Failed to select interface: {reason} {PLACE} {PLACE}")
        shown.append(item)
    return sorted(shown)
