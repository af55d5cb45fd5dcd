"""The commands of lease_cmds that look at leases, on those in memory; and where each of the others is."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from reconciler.simulator import libraries, replies
from reconciler.simulator.commands import lease_changes, lease_statistics
from reconciler.simulator.configuration.addresses import of_family
from reconciler.simulator.leases import number
from reconciler.simulator.releases import Release

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from reconciler.model import Json
    from reconciler.simulator.endpoint import SimulatedEndpoint
    from reconciler.simulator.leases import Lease
    from reconciler.simulator.replies import Reply


def _held(endpoint: SimulatedEndpoint, family: int) -> list[Lease]:
    return list(endpoint.leases) if endpoint.family == family else []


def _found(leases: Sequence[Lease], family: int, more: dict[str, Json]) -> Reply:
    text = f"{len(leases)} IPv{family} lease(s) found."
    arguments = more | {"leases": list(leases)}
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
    after = [lease for lease in _held(endpoint, family) if start is None or number(lease) > int(start)]
    page = after[: arguments["limit"]]
    return _found(page, family, {"count": len(page)})


def _all(family: int, endpoint: SimulatedEndpoint, arguments: Json) -> Reply:
    if arguments is None:
        return _found(_held(endpoint, family), family, {})
    wanted = arguments.get("subnets") if isinstance(arguments, dict) else None
    if wanted is None:
        return replies.error("'subnets' parameter not specified")
    if not isinstance(wanted, list):
        return replies.error("'subnets' parameter must be a list")
    if not all(isinstance(item, int) for item in wanted):
        return replies.error("listed subnet identifiers must be numbers")
    return _found([lease for lease in _held(endpoint, family) if lease["subnet-id"] in wanted], family, {})


def _one(family: int, endpoint: SimulatedEndpoint, arguments: Json) -> Reply:
    """By address, or the first of a client in a subnet."""
    if not isinstance(arguments, dict):
        return replies.error("Parameters missing or are not a map.")
    if "ip-address" not in arguments:
        return _of_client(family, endpoint, arguments)
    if of_family(str(arguments["ip-address"]), family) is None:
        return replies.error(f"Failed to convert string to address '{arguments['ip-address']}': Invalid argument")
    lease = endpoint.leases.find(arguments) if endpoint.family == family else None
    return replies.empty("Lease not found.") if lease is None else _single(family, lease)


def _of_client(family: int, endpoint: SimulatedEndpoint, arguments: dict[str, Any]) -> Reply:
    for key in ("subnet-id", "identifier-type", "identifier"):
        if key not in arguments:
            return replies.error(f"Mandatory '{key}' parameter missing.")
    kind, identifier = arguments["identifier-type"], arguments["identifier"]
    for lease in _held(endpoint, family):
        if lease["subnet-id"] == arguments["subnet-id"] and lease.get(kind) == identifier:
            return _single(family, lease)
    return replies.empty("Lease not found.")


def _single(family: int, lease: Lease) -> Reply:
    return replies.success(f"IPv{family} lease found.", lease)


def _none(family: int, _: SimulatedEndpoint, __: Json) -> Reply:
    return _found([], family, {})


def _not_simulated(_: int, __: SimulatedEndpoint, ___: Json) -> Reply:
    return replies.error("the simulator does not carry this command out")


_BY_ENDING: dict[str, Callable[[int, SimulatedEndpoint, Json], Reply]] = {
    "-get-page": _page,
    "-get-all": _all,
    "-get": _one,
    "-add": lease_changes.add,
    "-update": lease_changes.update,
    "-del": lease_changes.delete,
    "-wipe": lease_changes.wipe,
    "-bulk-apply": lease_changes.apply_many,
    "-resend-ddns": _not_simulated,
    "-write": _not_simulated,
}


def _command(name: str) -> Callable[[SimulatedEndpoint, Json], Reply]:
    family = int(name.removeprefix("stat-").removeprefix("lease")[0])
    if name.startswith("stat-"):
        return functools.partial(lease_statistics.statistics, family)
    calls = (call for ending, call in _BY_ENDING.items() if name.endswith(ending))
    return functools.partial(next(calls, _none), family)


COMMANDS = {
    name: _command(name)
    for library in (libraries.LEASES, libraries.STATISTICS)
    for name in libraries.commands(Release.KEA_3_0)[library]
}
