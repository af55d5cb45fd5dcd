"""The commands of host_cmds that change reservations, on the configuration in memory."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from reconciler.simulator import networks, replies
from reconciler.simulator.commands.subnets import reading, with_subnets
from reconciler.simulator.configuration import reservations
from reconciler.simulator.configuration.addresses import octets
from reconciler.simulator.configuration.refusal import RefusedError, at

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from reconciler.model import Json
    from reconciler.simulator.configuration.context import Shown
    from reconciler.simulator.endpoint import SimulatedEndpoint
    from reconciler.simulator.replies import Reply

_KINDS = ("hw-address", "duid", "circuit-id", "client-id", "flex-id")
_KEY = "reservations"
_TAKEN_6 = "There's already reservation for this address/prefix"
_NO_DATABASE = "Host database not available, cannot {} host."


def _is_of_memory(arguments: Json) -> bool:
    return bool(arguments.get("operation-target") == "memory")


def _subnet(endpoint: SimulatedEndpoint, number: int) -> Shown | None:
    every = networks.subnets(endpoint.service, endpoint.config)
    return next((subnet for subnet, _ in every if subnet["id"] == number), None)


def _held(endpoint: SimulatedEndpoint, number: int) -> list[Shown]:
    holder = _subnet(endpoint, number) if number else endpoint.config
    return list((holder or {}).get(_KEY, []))


def _put(endpoint: SimulatedEndpoint, number: int, hosts: Sequence[Shown]) -> None:
    if number:

        def changed(subnets: list[Shown]) -> list[Shown]:
            return [{**each, _KEY: list(hosts)} if each["id"] == number else each for each in subnets]

        endpoint.change(with_subnets(endpoint.config, endpoint.service.subnets, changed))
        return
    rest = {key: value for key, value in endpoint.config.items() if key != _KEY}
    endpoint.change(rest | ({_KEY: list(hosts)} if hosts else {}))


def _identity(host: Shown) -> tuple[str, bytes]:
    kind = next(each for each in _KINDS if each in host)
    return kind, octets(host[kind]) or b""


def _put_more(endpoint: SimulatedEndpoint, number: int, hosts: Sequence[Shown], given: Shown) -> None:
    """Add one to the reservations of a subnet; RefusedError with Kea's words.

    kea-dhcp6 says of an address that another one reserves that it is refused, and keeps it (measured).
    """
    subnet = _subnet(endpoint, number) if number else None
    if number and subnet is None:
        raise RefusedError(f"IPv{endpoint.family} subnet with ID of '{number}' is not configured")
    if subnet is not None:
        _check_inside(endpoint, given, subnet["subnet"])
    whole = {key: value for key, value in given.items() if key != "subnet-id"}
    any_ = reading(endpoint)
    any_.addresses_are_unique = False
    try:
        for other in hosts:  # those that are there already may contradict each other
            reservations.parse(reading(endpoint), [other, whole], number, None)
    except RefusedError as refusal:
        if str(refusal).endswith(_TAKEN_6):
            _put(endpoint, number, reservations.parse(any_, [*hosts, whole], number, None))
        raise
    _put(endpoint, number, reservations.parse(any_, [*hosts, whole], number, None))


def _check_inside(endpoint: SimulatedEndpoint, host: Shown, prefix: str) -> None:
    for text in [host["ip-address"]] if "ip-address" in host else host.get("ip-addresses", []):
        if ipaddress.ip_address(text) not in ipaddress.ip_network(prefix, strict=False):
            why = f"is not matching the IPv{endpoint.family} subnet prefix '{prefix}'"
            raise RefusedError(f"specified reservation '{text}' {why}")


def _add(endpoint: SimulatedEndpoint, arguments: Json) -> Reply:
    if arguments is None:
        return replies.error("no parameters specified for the command")
    if "reservation" not in arguments:
        return replies.error("reservation must be specified")
    if not _is_of_memory(arguments):
        return replies.error(_NO_DATABASE.format("add"))
    given = arguments["reservation"]
    try:
        number = given["subnet-id"]
        _put_more(endpoint, number, _held(endpoint, number), given)
    except RefusedError as refusal:
        return replies.error(str(refusal))
    return replies.success("Host added.")


def _update(endpoint: SimulatedEndpoint, arguments: Json) -> Reply:
    """Deletes the reservation and adds the new one: where that is refused, none is left."""
    if arguments is None:
        return replies.error("invalid command: does not contain mandatory 'arguments'")
    if "reservation" not in arguments:
        what = "expected 'reservation' as the sole parameter inside the 'arguments' map, didn't get it instead"
        return replies.error(f"invalid command: {what}")
    if not _is_of_memory(arguments):
        return replies.error(_NO_DATABASE.format("update"))
    given = arguments["reservation"]
    number = given["subnet-id"]
    held = _held(endpoint, number)
    rest = [host for host in held if _identity(host) != _identity(given)]
    if len(rest) == len(held):
        return replies.error("Host not updated (not found).")
    _put(endpoint, number, rest)
    try:
        _put_more(endpoint, number, rest, given)
    except RefusedError as refusal:
        return replies.error(str(refusal))
    return replies.success("Host updated.")


def _del(endpoint: SimulatedEndpoint, arguments: Json) -> Reply:
    if arguments is None:
        return replies.error("Parameters missing or are not a map.")
    if "subnet-id" not in arguments:
        return replies.error(str(at("missing parameter 'subnet-id'")))
    if not _is_of_memory(arguments):
        return replies.error(_NO_DATABASE.format("delete"))
    number = arguments["subnet-id"]
    wanted = arguments["identifier-type"], octets(arguments["identifier"]) or b""
    held = _held(endpoint, number)
    rest = [host for host in held if _identity(host) != wanted]
    if len(rest) == len(held):
        return replies.empty("Host not deleted (not found).")
    _put(endpoint, number, rest)
    return replies.success("Host deleted.")


COMMANDS: dict[str, Callable[[SimulatedEndpoint, Json], Reply]] = {
    "reservation-add": _add,
    "reservation-del": _del,
    "reservation-update": _update,
}
