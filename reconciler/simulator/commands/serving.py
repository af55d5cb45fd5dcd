"""The commands that switch DHCP off and on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.simulator import replies
from reconciler.simulator.dhcp import Origin
from reconciler.simulator.releases import Release

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.model import Json
    from reconciler.simulator.endpoint import SimulatedEndpoint
    from reconciler.simulator.replies import Reply


_NAMED = {"user": Origin.USER, "ha-partner": Origin.PARTNER}


def _origin(command: str, arguments: Json, *, is_numbered: bool) -> tuple[int, str]:
    """Who asks, and what is wrong with the arguments. Since 2.5.8 (`is_numbered`) a side can be named by its number."""
    if arguments is not None and not replies.is_map(arguments):
        return Origin.USER, f"arguments for the '{command}' command must be a map"
    given = (arguments or {}).get("origin", "user")
    if is_numbered:
        given = (arguments or {}).get("origin-id", given)
        if "origin-id" in (arguments or {}) and not isinstance(given, int):
            return Origin.USER, "'origin-id' argument must be a number"
        if isinstance(given, int):
            return given, ""
    if not isinstance(given, str):
        return Origin.USER, "'origin' argument must be a string"
    if given not in _NAMED:
        return Origin.USER, f"invalid value used for 'origin' parameter: {given}"
    return _NAMED[given], ""


def _disable(endpoint: SimulatedEndpoint, arguments: Json) -> Reply:
    origin, problem = _origin("dhcp-disable", arguments, is_numbered=endpoint.release >= Release.KEA_2_6)
    period = (arguments or {}).get("max-period") if not problem else None
    if not problem and period is not None and not isinstance(period, int):
        problem = "'max-period' argument must be a number"
    if not problem and period is not None and period <= 0:
        problem = "'max-period' must be positive integer"
    if problem:
        return replies.error(problem)
    endpoint.dhcp.disable(origin, period)
    duration = f" for {period} seconds" if period else ""
    return replies.success(f"DHCPv{endpoint.service.value[-1]} service disabled{duration}")


def _enable(endpoint: SimulatedEndpoint, arguments: Json) -> Reply:
    origin, problem = _origin("dhcp-enable", arguments, is_numbered=endpoint.release >= Release.KEA_2_6)
    if problem:
        return replies.error(problem)
    endpoint.dhcp.enable(origin)
    return replies.success("DHCP service successfully enabled")


COMMANDS: dict[str, Callable[[SimulatedEndpoint, Json], Reply]] = {
    "dhcp-disable": _disable,
    "dhcp-enable": _enable,
}
