"""What of two or more lease databases differs, and by how much it matters. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

from reconciler.kea.leases import DECLINED, Key, Lease, place
from reconciler.model import Role

# What Kea sends to the partner of a lease, by our names for it and Kea's.
_FIELDS = {
    "duid": "duid",
    "hw_address": "hw-address",
    "client_id": "client-id",
    "iaid": "iaid",
    "prefix_len": "prefix-len",
    "subnet_id": "subnet-id",
    "valid_lft": "valid-lft",
    "cltt": "cltt",
    "state": "state",
}


class Kind(StrEnum):
    """How leases differ, the worst first."""

    TWO_CLIENTS = "two-clients"
    MISSING = "missing"
    DIFFERS = "differs"


_WORST_FIRST = list(Kind)


@dataclass(frozen=True, slots=True)
class LeaseDifference:
    """One address about which the servers disagree. `leases` holds what each server has, by name; None where it has no
    lease, or one that has run out. `fields` names, in Kea's words, what differs.
    """

    kind: Kind
    type: str
    address: str
    leases: Mapping[str, Lease | None]
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LeaseSource:
    """One server whose leases were compared. `leases` is how many it has, None where they were not read, `reason`
    then why not.
    """

    server: str
    role: Role
    ha_state: str | None
    leases: int | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class LeaseComparison:
    """What the lease databases of a relationship have in common.

    `differences` are those that lasted, the worst first; `passing` counts those that were gone at a second look.
    `not_compared` says why there is nothing to compare, and `notes` what may explain what was found.
    """

    name: str
    service: str
    mode: str
    sources: tuple[LeaseSource, ...]
    differences: tuple[LeaseDifference, ...] = ()
    passing: int = 0
    notes: tuple[str, ...] = ()
    not_compared: str | None = None

    @property
    def is_complete(self) -> bool:
        """Whether every server's leases were read, or needn't be."""
        return self.not_compared is not None or all(each.leases is not None for each in self.sources)

    def count(self, kind: Kind) -> int:
        """How many differences of a kind there are."""
        return sum(each.kind is kind for each in self.differences)


def difference(key: Key, found: Mapping[str, Lease | None], now: Mapping[str, float]) -> LeaseDifference | None:
    """Return how the servers disagree about one address, None where they agree.

    `found` is what each server has, `now` the time by each server's clock, in seconds since 1970. A lease that has run
    out is as good as none: each server reclaims them by itself, and says nothing of it to its partner.
    """
    present = [lease for lease in found.values() if lease is not None]
    if len(present) == len(found) and all(lease == present[0] for lease in present):
        return None
    counting = {name: lease if lease and lease.is_active(now[name]) else None for name, lease in found.items()}
    active = [lease for lease in counting.values() if lease is not None]
    if not active:
        return None
    type_, address = key
    fields = _differing(active)
    if _are_of_two_clients(active):
        return LeaseDifference(Kind.TWO_CLIENTS, type_, address, counting, fields)
    if len(active) < len(counting):
        return LeaseDifference(Kind.MISSING, type_, address, counting, fields)
    return LeaseDifference(Kind.DIFFERS, type_, address, counting, fields)


def _are_of_two_clients(leases: Collection[Lease]) -> bool:
    """Whether one address is with two clients. A declined lease is nobody's.

    Where one server knows the client's id and the other doesn't, the hardware address decides.
    """
    held = [lease for lease in leases if lease.state != DECLINED]
    if len({lease.client[0] for lease in held}) > 1:
        return len({lease.hw_address for lease in held}) > 1
    return len({lease.client for lease in held}) > 1


def _differing(leases: Collection[Lease]) -> tuple[str, ...]:
    return tuple(told for name, told in _FIELDS.items() if len({getattr(lease, name) for lease in leases}) > 1)


def worst_first(differences: Collection[LeaseDifference]) -> tuple[LeaseDifference, ...]:
    """Return differences in the order in which they are reported: by kind, then by address."""
    return tuple(sorted(differences, key=lambda each: (_WORST_FIRST.index(each.kind), place(each.address), each.type)))
