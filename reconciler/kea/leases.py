"""Leases as the hook lease_cmds gives them: reading one, and whether it counts.

Sources: Kea manual, "The lease4-get-page and lease6-get-page Commands"; the fields as seen on 2.2.0, 2.6.3 and 3.0.3.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.kea import hooks
from reconciler.model import Service

INFINITE = 0xFFFFFFFF  # a valid lifetime that never ends
DEFAULT, DECLINED = 0, 1
# 2 is expired-reclaimed, 3 released (lease.h): what is left of a lease then is each server's own to keep or to remove.
_GONE = frozenset({2, 3})
ANY_TYPE = "V4"  # DHCPv4 knows one type of lease, and its replies name none

_OWN_HOST = frozenset({"", "localhost", "127.0.0.1", "::1"})

Key = tuple[str, str]  # type and address


@dataclass(frozen=True, slots=True)
class Lease:
    """One lease. `type` is `V4`, `IA_NA`, `IA_TA` or `IA_PD`; `cltt` is when the client was last heard, in seconds
    since 1970 by the server's clock; lifetimes are in seconds. What a lease does not have is empty or None.
    """

    address: str
    type: str
    hw_address: str
    client_id: str
    duid: str
    iaid: int | None
    prefix_len: int | None
    subnet_id: int
    valid_lft: int
    cltt: int
    state: int

    @property
    def key(self) -> Key:
        """What two servers have in common when they speak of the same lease."""
        return self.type, self.address

    @property
    def client(self) -> tuple[str, str]:
        """Which client it is of, as Kea tells them apart: by DUID, by client id, else by hardware address."""
        if self.duid:
            return "duid", self.duid
        return ("client-id", self.client_id) if self.client_id else ("hw-address", self.hw_address)

    def is_active(self, now: float) -> bool:
        """Whether the address is taken at `now`, in seconds since 1970 by the clock of the server that has it."""
        return self.state not in _GONE and (self.valid_lft == INFINITE or self.cltt + self.valid_lft > now)


def read_lease(value: Mapping[str, Any]) -> Lease:
    """Return one member of `leases`. KeyError, TypeError or ValueError where it is no lease of Kea's."""
    prefix_len, iaid = value.get("prefix-len"), value.get("iaid")
    return Lease(
        address=str(ipaddress.ip_address(str(value["ip-address"]))),
        type=str(value.get("type", ANY_TYPE)),
        hw_address=str(value.get("hw-address") or "").lower(),
        client_id=str(value.get("client-id") or "").lower(),
        duid=str(value.get("duid") or "").lower(),
        iaid=None if iaid is None else int(iaid),
        prefix_len=None if prefix_len is None else int(prefix_len),
        subnet_id=int(value["subnet-id"]),
        valid_lft=int(value["valid-lft"]),
        cltt=int(value["cltt"]),
        state=int(value.get("state", DEFAULT)),
    )


def place(address: str) -> int:
    """Return where an address stands in the order in which Kea pages."""
    return int(ipaddress.ip_address(address))


def subnet_ids(config: Mapping[str, Any], service: Service, peers: Collection[str]) -> frozenset[int] | None:
    """Return the ids of the subnets that a relationship of these peers serves; None where it serves all.

    A server in several relationships has each subnet, or its shared network, name a peer in `user-context` under
    `ha-server-name` (Kea manual, "Hub and Spoke Configuration").
    """
    if len(hooks.relationships_of(config)) < 2:
        return None
    found = set()
    for network in [config, *(config.get("shared-networks") or ())]:
        above = _owner(network)
        found |= {
            int(subnet["id"]) for subnet in network.get(service.subnets) or () if (_owner(subnet) or above) in peers
        }
    return frozenset(found)


def _owner(holder: Mapping[str, Any]) -> str | None:
    context = holder.get("user-context")
    name = context.get("ha-server-name") if isinstance(context, Mapping) else None
    return None if name is None else str(name)


def shared_database(configs: Collection[Mapping[str, Any]]) -> bool:
    """Whether all servers keep their leases in one and the same database, so that there is nothing to compare.

    A database on the server's own host is one of its own.
    """
    named = [config.get("lease-database") or {} for config in configs]
    if any(str(each.get("type", "memfile")) == "memfile" or str(each.get("host", "")) in _OWN_HOST for each in named):
        return False
    return len({tuple(str(each.get(key, "")) for key in ("type", "name", "host", "port")) for each in named}) == 1
