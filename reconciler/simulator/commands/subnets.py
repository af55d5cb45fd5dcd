"""The commands of subnet_cmds that change subnets and shared networks, on the configuration in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.simulator import networks, replies
from reconciler.simulator.configuration import networks as parsing
from reconciler.simulator.configuration import option_definitions
from reconciler.simulator.configuration.context import Reading
from reconciler.simulator.configuration.refusal import PLACE, RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from reconciler.model import Json
    from reconciler.simulator.configuration.context import Shown
    from reconciler.simulator.endpoint import SimulatedEndpoint
    from reconciler.simulator.replies import Reply

    Command = Callable[[SimulatedEndpoint, Json], Reply]

_NETWORKS = "shared-networks"
_ACTIONS = ("keep", "delete")


def reading(endpoint: SimulatedEndpoint, *, without: int | None = None) -> Reading:
    """A reading that knows the ids and prefixes of all subnets, but for that of one, and the option definitions."""
    found = Reading(endpoint.service, endpoint.machine)
    found.addresses_are_unique = endpoint.config.get("ip-reservations-unique", True)
    _, found.spaces = option_definitions.parse(found, endpoint.config.get("option-def", []))
    for subnet, _ in networks.subnets(endpoint.service, endpoint.config):
        if subnet["id"] != without:
            found.ids.add(subnet["id"])
            found.prefixes.add(subnet["subnet"])
    return found


def without_place(refusal: RefusedError) -> str:
    """What is refused because it is there already is said without the place in what was received."""
    text = str(refusal)
    is_there = ("is already in use", "already exists", "has already been defined")
    plain = text.removesuffix(f" {PLACE}")
    return plain if plain.endswith(is_there) else text


def with_subnets(config: Shown, key: str, change: Callable[[list[Shown]], list[Shown]]) -> Shown:
    """A configuration with every list of subnets changed."""
    told = [{**network, key: change(network[key])} for network in config.get(_NETWORKS, [])]
    return {**config, key: change(config.get(key, [])), _NETWORKS: told}


def _named(endpoint: SimulatedEndpoint, what: str, text: str) -> str:
    return f"IPv{endpoint.family} {what} {text}"


def _told(subnet: Shown) -> Json:
    return {"subnets": [{"id": subnet["id"], "subnet": subnet["subnet"]}]}


def _one_subnet(endpoint: SimulatedEndpoint, verb: str, arguments: Json) -> Shown:
    """The one subnet in the arguments of an add or update; RefusedError with Kea's words where it is not that."""
    key = endpoint.service.subnets
    name = f"{key}-{verb}"
    if arguments is None:
        raise RefusedError(f"no arguments specified for the '{name}' command")
    if len(arguments) != 1:
        raise RefusedError(
            f"invalid number of arguments {len(arguments)} for the '{name}' command. Expecting '{key}' list"
        )
    if len(arguments[key]) != 1:
        raise RefusedError(f"invalid number of subnets specified for the '{name}' command. Expected one subnet")
    found: Shown = arguments[key][0]
    if "reservations" in found:
        way = "Use 'reservation-add' to add a reservation to a subnet" if verb == "add" else ""
        raise RefusedError(f"must not specify host reservations with '{name}'. {way}".rstrip())
    return found


def _add(endpoint: SimulatedEndpoint, arguments: Json) -> Reply:
    try:
        given = _one_subnet(endpoint, "add", arguments)
        subnet = parsing.parse_subnets(reading(endpoint), [given], endpoint.config)[0]
    except RefusedError as refusal:
        return replies.error(without_place(refusal))
    key = endpoint.service.subnets
    endpoint.change({**endpoint.config, key: _by_id([*endpoint.config.get(key, []), subnet])})
    return replies.success(_named(endpoint, "subnet", "added"), _told(subnet))


def _by_id(subnets: Sequence[Shown]) -> list[Shown]:
    return sorted(subnets, key=lambda subnet: int(subnet["id"]))


def _update(endpoint: SimulatedEndpoint, arguments: Json) -> Reply:
    """Everything is replaced but the reservations, and the place in a network."""
    try:
        given = _one_subnet(endpoint, "update", arguments)
        number = given.get("id")
        standing = _find(endpoint, number)
        if standing is None:
            return replies.error(f"Can't find subnet '{number}' to update")
        seen = reading(endpoint, without=number)
        if given.get("subnet") in seen.prefixes:
            return replies.error(f"Unable to update subnet '{number}' in the configuration")
        subnet = parsing.parse_subnets(seen, [given], endpoint.config)[0]
    except RefusedError as refusal:
        return replies.error(str(refusal))
    subnet["reservations"] = standing["reservations"]
    key = endpoint.service.subnets
    replaced = with_subnets(
        endpoint.config, key, lambda all_: [subnet if each["id"] == number else each for each in all_]
    )
    endpoint.change(replaced)
    return replies.success(_named(endpoint, "subnet", "updated"), _told(subnet))


def _find(endpoint: SimulatedEndpoint, number: Json) -> Shown | None:
    every = networks.subnets(endpoint.service, endpoint.config)
    return next((subnet for subnet, _ in every if subnet["id"] == number), None)


def _del(endpoint: SimulatedEndpoint, arguments: Json) -> Reply:
    key = endpoint.service.subnets
    if arguments is None:
        return replies.error(f"no arguments specified for the '{key}-del' command")
    if len(arguments) != 1:
        return replies.error(
            f"invalid number of arguments specified for the '{key}-del command. Expected subnet identifier"
        )
    number = arguments["id"]
    subnet = _find(endpoint, number)
    if subnet is None:
        return replies.empty(f"no subnet with id {number} found")
    endpoint.change(with_subnets(endpoint.config, key, lambda all_: [each for each in all_ if each["id"] != number]))
    return replies.success(_named(endpoint, "subnet", f"{subnet['subnet']} (id {number}) deleted"), _told(subnet))


# ------------------------------------------------------------------------------------------ shared networks


def _network_add(endpoint: SimulatedEndpoint, arguments: Json) -> Reply:
    """Reservations in it are dropped without a word. One with a subnet that is there already is added all the same."""
    name = f"network{endpoint.family}-add"
    if arguments is None:
        return replies.error(f"no arguments specified for the '{name}' command")
    if _NETWORKS not in arguments:
        return replies.error(f"missing '{_NETWORKS}' argument for the '{name}' command")
    given = arguments[_NETWORKS][0]
    standing = endpoint.config.get(_NETWORKS, [])
    if given.get("name") in [network["name"] for network in standing]:
        return replies.error(f"duplicate network '{given['name']}' found in the configuration")
    seen, fresh = reading(endpoint), reading(endpoint)
    fresh.ids, fresh.prefixes = set(), set()
    try:
        network = parsing.parse_shared(fresh, [given], endpoint.config)[0]
    except RefusedError as refusal:
        return replies.error(str(refusal))
    key = endpoint.service.subnets
    network[key] = [{**subnet, "reservations": []} for subnet in network[key]]
    endpoint.change({**endpoint.config, _NETWORKS: _by_name([*standing, network])})
    for subnet in network[key]:
        if subnet["id"] in seen.ids:
            return replies.error(f"ID of the new IPv{endpoint.family} subnet '{subnet['id']}' is already in use")
        if subnet["subnet"] in seen.prefixes:
            return replies.error(f"subnet with the prefix of '{subnet['subnet']}' already exists")
    return replies.success(
        f"A new IPv{endpoint.family} shared network '{network['name']}' added", _told_network(network)
    )


def _by_name(all_: Sequence[Shown]) -> list[Shown]:
    return sorted(all_, key=lambda network: str(network["name"]))


def _told_network(network: Shown) -> Json:
    return {_NETWORKS: [{"name": network["name"]}]}


def _network_del(endpoint: SimulatedEndpoint, arguments: Json) -> Reply:
    name = f"network{endpoint.family}-del"
    if arguments is None:
        return replies.error(f"no arguments specified for the '{name}' command")
    if "name" not in arguments:
        return replies.error(f"network name ('name') is required for the '{name}' command")
    action = arguments.get("subnets-action", _ACTIONS[0])
    if action not in _ACTIONS:
        supported = " and ".join(f"'{each}'" for each in _ACTIONS)
        return replies.error(f"Invalid value for subnets-action parameter: {action}, Supported values: {supported}.")
    network = _network(endpoint, arguments["name"])
    if network is None:
        return replies.empty(f"no shared network with name '{arguments['name']}' found")
    key = endpoint.service.subnets
    kept = network[key] if action == _ACTIONS[0] else []
    rest = [each for each in endpoint.config[_NETWORKS] if each is not network]
    endpoint.change({**endpoint.config, _NETWORKS: rest, key: _by_id([*endpoint.config.get(key, []), *kept])})
    return replies.success(_named(endpoint, "shared network", f"'{network['name']}' deleted"), _told_network(network))


def _network(endpoint: SimulatedEndpoint, name: Json) -> Shown | None:
    return next((each for each in endpoint.config.get(_NETWORKS, []) if each["name"] == name), None)


def _network_subnet_add(endpoint: SimulatedEndpoint, arguments: Json) -> Reply:
    problem, network = _addressed(endpoint, arguments, "add")
    if network is None:
        return problem
    number, key = arguments["id"], endpoint.service.subnets
    subnet = _find(endpoint, number)
    if subnet is None:
        return replies.empty(_named_missing(endpoint, number))
    if subnet in network[key]:
        return replies.error(f"attempted to add subnet with a duplicated subnet identifier {number}")
    if subnet not in endpoint.config.get(key, []):
        why = "being added to a shared network already belongs to a shared network"
        return replies.error(f"subnet {number} {why}")
    alone = [each for each in endpoint.config[key] if each is not subnet]
    _put(endpoint, network, [*network[key], subnet], alone)
    what = f"{subnet['subnet']} (id {number}) is now part of shared network '{network['name']}'"
    return replies.success(_named(endpoint, "subnet", what))


def _named_missing(endpoint: SimulatedEndpoint, number: Json) -> str:
    return f"no IPv{endpoint.family} subnet with id '{number}' found"


def _put(endpoint: SimulatedEndpoint, network: Shown, inside: Sequence[Shown], alone: Sequence[Shown]) -> None:
    key = endpoint.service.subnets
    changed = {**network, key: _by_id(inside)}
    told = [changed if each is network else each for each in endpoint.config[_NETWORKS]]
    endpoint.change({**endpoint.config, _NETWORKS: told, key: _by_id(alone)})


def _network_subnet_del(endpoint: SimulatedEndpoint, arguments: Json) -> Reply:
    problem, network = _addressed(endpoint, arguments, "del")
    if network is None:
        return problem
    number, key = arguments["id"], endpoint.service.subnets
    subnet = next((each for each in network[key] if each["id"] == number), None)
    if subnet is None:
        where = f"is not part of the shared network with name '{network['name']}' found"
        return replies.empty(f"The IPv{endpoint.family} subnet with id {number} {where}")
    inside = [each for each in network[key] if each is not subnet]
    _put(endpoint, network, inside, [*endpoint.config.get(key, []), subnet])
    what = f"{subnet['subnet']} (id {number}) is now removed from shared network '{network['name']}'"
    return replies.success(_named(endpoint, "subnet", what))


def _addressed(endpoint: SimulatedEndpoint, arguments: Json, verb: str) -> tuple[Reply, Shown | None]:
    """The network that networkX-subnet-add or -del is about, or the answer where there is none."""
    name = f"network{endpoint.family}-subnet-{verb}"
    if arguments is None:
        return replies.error(f"no arguments specified for the '{name}' command"), None
    for key in ("name", "id"):
        if key not in arguments:
            return replies.error(f"missing '{key}' argument for the '{name}' command"), None
    network = _network(endpoint, arguments["name"])
    missing = f"no IPv{endpoint.family} shared network with name '{arguments['name']}' found"
    return replies.empty(missing), network


_EACH: dict[str, Command] = {
    "subnet{}-add": _add,
    "subnet{}-update": _update,
    "subnet{}-del": _del,
    "network{}-add": _network_add,
    "network{}-del": _network_del,
    "network{}-subnet-add": _network_subnet_add,
    "network{}-subnet-del": _network_subnet_del,
}
COMMANDS: dict[str, Command] = {name.format(family): command for family in (4, 6) for name, command in _EACH.items()}
