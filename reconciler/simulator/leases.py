"""The leases of one daemon, in memory."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

Lease = dict[str, Any]


class Leases:
    """Leases by address and, in DHCPv6, type, as the lease commands show them; in the order of their addresses."""

    def __init__(self, leases: Iterable[Mapping[str, Any]] = ()) -> None:
        self._held: dict[tuple[str, int], Lease] = {}
        for lease in leases:
            self.put(lease)

    def __iter__(self) -> Iterator[Lease]:
        return iter([self._held[key] for key in sorted(self._held)])

    def __len__(self) -> int:
        return len(self._held)

    def find(self, lease: Mapping[str, Any]) -> Lease | None:
        """The lease of the address, and type, that `lease` names."""
        return self._held.get(_key(lease))

    def put(self, lease: Mapping[str, Any]) -> None:
        """Keep a lease, over one of the same address."""
        self._held[_key(lease)] = dict(lease)

    def remove(self, lease: Mapping[str, Any]) -> bool:
        """Forget the lease of an address; whether there was one."""
        return self._held.pop(_key(lease), None) is not None

    def clear(self) -> None:
        """Forget all of them."""
        self._held.clear()


def number(lease: Mapping[str, Any]) -> int:
    """The address of a lease as a number."""
    return int(ipaddress.ip_address(lease["ip-address"]))


def _key(lease: Mapping[str, Any]) -> tuple[str, int]:
    return str(lease.get("type", "IA_NA")), number(lease)
