"""The commands of Kea's hooks that change one object of a configuration in memory: pure.

libdhcp_subnet_cmds, libdhcp_host_cmds and libdhcp_class_cmds come with Kea from 3.0 on. What they do takes effect at
once, shows in config-get and is written by config-write; no hook is loaded anew for it (seen on 3.0.3). None of them
changes what stands at the top level itself, such as global parameters, options and the user-context. So what we say of
a server there goes into an object of our own (see `stamps`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from reconciler.kea import hooks
from reconciler.kea.objects import IDENTIFIERS, Object
from reconciler.kea.stamps import as_class, as_reservation
from reconciler.kea.versions import Capability, can
from reconciler.model import Carrier, Command, Service

LIBRARIES = ("libdhcp_subnet_cmds.so", "libdhcp_host_cmds.so", "libdhcp_class_cmds.so")
_CARRYING = {Carrier.CLASS: LIBRARIES[2], Carrier.RESERVATION: LIBRARIES[1]}  # what comes first is taken where both can
RESERVATIONS = "reservations"
GLOBAL = 0  # the subnet-id of reservations that are no subnet's
_IN_MEMORY = {"operation-target": "memory"}  # without it a hosts database would be meant


def sections(service: Service) -> frozenset[str]:
    """Return the top-level keys that these commands change."""
    return frozenset({service.subnets, "shared-networks", RESERVATIONS, "client-classes"})


def are_loaded(config: Mapping[str, Any], version: str) -> bool:
    """Whether a server with this configuration has any of the hooks, with commands that we know."""
    return can(version, Capability.SINGLE_COMMANDS) and any(hooks.find(config, name) for name in LIBRARIES)


def can_stamp(config: Mapping[str, Any]) -> bool:
    """Whether a server with this configuration has a hook by whose commands a stamp can be renewed."""
    return any(hooks.find(config, name) for name in _CARRYING.values())


def offers_stamping(commands: Collection[str], there: Carrier | None) -> bool:
    """Whether a server that offers these commands lets its stamp be renewed by them; `there` is what carries it now."""
    return _carrier(commands, there) is not None


def _carrier(commands: Collection[str], there: Carrier | None) -> Carrier | None:
    """Return what is to carry the stamp: what does so now, so that never two do."""
    able = [each for each in _CARRYING if {f"{each}-add", f"{each}-update"} <= set(commands)]
    return next((each for each in able if there in {None, each}), None)


def stamping(
    marks: Sequence[Any], commands: Collection[str], there: Carrier | None, *, is_there: bool | None = None
) -> Command:
    """Make or renew the object that carries our marks on a server that offers these commands; `there` is what carries
    them now, and `is_there` whether it will be by then. Raises LookupError where the server does not offer that.
    """
    carrier = _carrier(commands, there)
    is_renewed = there is not None if is_there is None else is_there
    if carrier is Carrier.CLASS:
        return (class_update if is_renewed else class_add)(as_class(marks))
    if carrier is Carrier.RESERVATION:
        return (reservation_update if is_renewed else reservation_add)(GLOBAL, as_reservation(marks))
    raise LookupError("none of these commands changes what could carry a stamp")


# ------------------------------------------------------------------------------------------------- subnets


def subnet_add(service: Service, subnet: Object) -> Command:
    """Add a subnet outside of all shared networks, without its reservations: Kea wants those one by one."""
    return Command(f"{service.subnets}-add", {service.subnets: [without_reservations(subnet)]})


def subnet_update(service: Service, subnet: Object) -> Command:
    """Replace everything of the subnet with this id but its reservations and its place in a shared network."""
    return Command(f"{service.subnets}-update", {service.subnets: [without_reservations(subnet)]})


def subnet_del(service: Service, subnet: Object) -> Command:
    """Delete a subnet with its reservations, wherever it is; its leases stay."""
    return Command(f"{service.subnets}-del", {"id": subnet["id"]})


def network_add(service: Service, network: Object, subnets: Iterable[Object]) -> Command:
    """Add a shared network with these new subnets in it. Kea would drop their reservations without a word."""
    whole = {**network, service.subnets: [without_reservations(each) for each in subnets]}
    return Command(f"{_network(service)}-add", {"shared-networks": [whole]})


def network_del(service: Service, name: str, *, with_subnets: bool) -> Command:
    """Delete a shared network; its subnets go with it, or go on alone."""
    return Command(f"{_network(service)}-del", {"name": name, "subnets-action": "delete" if with_subnets else "keep"})


def network_subnet_add(service: Service, name: str, subnet: Object) -> Command:
    """Put a subnet that is in none into a shared network."""
    return Command(f"{_network(service)}-subnet-add", {"name": name, "id": subnet["id"]})


def network_subnet_del(service: Service, name: str, subnet: Object) -> Command:
    """Take a subnet out of its shared network."""
    return Command(f"{_network(service)}-subnet-del", {"name": name, "id": subnet["id"]})


def _network(service: Service) -> str:
    return service.subnets.replace("subnet", "network")


def without_reservations(subnet: Object) -> Object:
    """Return a subnet as subnet commands take it: even an empty list of reservations is refused (seen on 3.0.3)."""
    return {key: value for key, value in subnet.items() if key != RESERVATIONS}


# -------------------------------------------------------------------------------- reservations and classes


def reservation_add(subnet_id: int, reservation: Object) -> Command:
    """Add a reservation to a subnet, or to the global ones."""
    return Command("reservation-add", {"reservation": {**reservation, "subnet-id": subnet_id}, **_IN_MEMORY})


def reservation_update(subnet_id: int, reservation: Object) -> Command:
    """Replace the reservation with this identifier. Kea deletes it first, so one that it then refuses is gone."""
    return Command("reservation-update", {"reservation": {**reservation, "subnet-id": subnet_id}, **_IN_MEMORY})


def reservation_del(subnet_id: int, reservation: Object) -> Command:
    """Delete the reservation with this identifier."""
    kind = next(each for each in IDENTIFIERS if each in reservation)
    named = {"subnet-id": subnet_id, "identifier-type": kind, "identifier": reservation[kind]}
    return Command("reservation-del", {**named, **_IN_MEMORY})


def class_add(client_class: Object) -> Command:
    """Add a class behind all others."""
    return Command("class-add", {"client-classes": [client_class]})


def class_update(client_class: Object) -> Command:
    """Replace a class where it stands."""
    return Command("class-update", {"client-classes": [client_class]})


def class_del(client_class: Object) -> Command:
    """Delete a class, for which no other class may ask then."""
    return Command("class-del", {"name": client_class["name"]})


# ------------------------------------------------------------------------------------------- what they take

# Microseconds for each subnet that the server has: Kea counts the addresses of all of them anew. Measured on 3.0.3, of
# 100 to 10,000 subnets, on a machine of two cores; everything else takes less than a millisecond.
_PER_SUBNET = {"subnet-add": 14, "subnet-update": 55, "subnet-del": 52, "network-add": 14, "network-del": 75}
_EACH = 300


def busy_seconds(commands: Sequence[Command], subnets: int) -> float:
    """Return for about how long these commands keep a server busy that has so many subnets. Kea carries out one after
    the other and does nothing else meanwhile.
    """
    kinds = (command.name.replace("4", "").replace("6", "") for command in commands)
    return sum(_EACH + _PER_SUBNET.get(kind, 0) * subnets for kind in kinds) / 1e6
