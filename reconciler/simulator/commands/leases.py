"""The commands of lease_cmds and stat_cmds, on the leases that a test put there (none, as a rule)."""

from __future__ import annotations

import functools
import ipaddress
from typing import TYPE_CHECKING, Any

from reconciler.simulator import libraries, replies
from reconciler.simulator.configuration.addresses import of_family
from reconciler.simulator.releases import Release

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.model import Json
    from reconciler.simulator.endpoint import SimulatedEndpoint
    from reconciler.simulator.replies import Reply

_CHANGING = ("-add", "-del", "-update", "-resend-ddns", "-bulk-apply", "-write")


def _held(endpoint: SimulatedEndpoint, family: int) -> list[dict[str, Any]]:
    own = int(endpoint.service.value[-1]) == family
    return sorted(endpoint.leases, key=lambda lease: int(ipaddress.ip_address(lease["ip-address"]))) if own else []


def _found(leases: list[dict[str, Any]], family: int, more: dict[str, Json]) -> Reply:
    text = f"{len(leases)} IPv{family} lease(s) found."
    arguments = more | {"leases": leases}
    return replies.success(text, arguments) if leases else replies.empty(text, arguments)


def _page_problem(arguments: Json, family: int) -> str:
    if arguments is None:
        return f"no parameters specified for the lease{family}-get-page command"
    for key in ("from", "limit"):
        if key not in arguments:
            return f"'{key}' parameter not specified"
    start = arguments["from"]
    if start != "start" and of_family(str(start), family) is None:
        return f"'from' parameter value is neither 'start' keyword nor a valid IPv{family} address"
    if not isinstance(arguments["limit"], int):
        return "'limit' parameter must be a number"
    return "" if arguments["limit"] else "page size of retrieved leases must not be 0"


def _page(family: int, endpoint: SimulatedEndpoint, arguments: Json) -> Reply:
    problem = _page_problem(arguments, family)
    if problem:
        return replies.error(problem)
    start = of_family(str(arguments["from"]), family)
    after = [lease for lease in _held(endpoint, family) if start is None or _number(lease) > int(start)]
    page = after[: arguments["limit"]]
    return _found(page, family, {"count": len(page)})


def _number(lease: dict[str, Any]) -> int:
    return int(ipaddress.ip_address(lease["ip-address"]))


def _all(family: int, endpoint: SimulatedEndpoint, arguments: Json) -> Reply:
    wanted = (arguments or {}).get("subnets")
    leases = [lease for lease in _held(endpoint, family) if wanted is None or lease.get("subnet-id") in wanted]
    return _found(leases, family, {})


def _one(family: int, endpoint: SimulatedEndpoint, arguments: Json) -> Reply:
    for lease in _held(endpoint, family):
        if lease["ip-address"] == (arguments or {}).get("ip-address"):
            return replies.success(f"IPv{family} lease found.", lease)
    return replies.empty("Lease not found.")


def _wipe(family: int, _: SimulatedEndpoint, __: Json) -> Reply:
    return replies.empty(f"Deleted 0 IPv{family} lease(s) from subnet(s)")


def _none(family: int, _: SimulatedEndpoint, __: Json) -> Reply:
    return _found([], family, {})


def _change(_: int, __: SimulatedEndpoint, ___: Json) -> Reply:
    return replies.error("leases of the simulator are changed through its Python API")


def _statistics(family: int, _: SimulatedEndpoint, __: Json) -> Reply:
    reason = "no matching data, selected ID range: 0 through 0 includes no known subnets"
    return replies.empty(f"stat-lease{family}-get[all subnets]: {reason}", {})


def _command(name: str) -> Callable[[SimulatedEndpoint, Json], Reply]:
    family = int(name.removeprefix("stat-").removeprefix("lease")[0])
    if name.startswith("stat-"):
        return functools.partial(_statistics, family)
    for ending, call in (("-get-page", _page), ("-get-all", _all), ("-get", _one), ("-wipe", _wipe)):
        if name.endswith(ending):
            return functools.partial(call, family)
    return functools.partial(_change if name.endswith(_CHANGING) else _none, family)


COMMANDS = {
    name: _command(name)
    for library in (libraries.LEASES, libraries.STATISTICS)
    for name in libraries.commands(Release.KEA_3_0)[library]
}
