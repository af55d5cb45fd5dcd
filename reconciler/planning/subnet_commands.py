"""Which single commands bring subnets and shared networks from where and what they are to what they shall be: pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.kea import single_commands as single
from reconciler.kea.fingerprints import canonical, digest
from reconciler.kea.objects import SHARED_NETWORK, SUBNET, Kind, Object, index, subnets_of
from reconciler.model import Command, Service

Subnets = Mapping[str, tuple[str | None, Object]]  # by prefix, with the name of the shared network that each is in


def are_same(one: Object, other: Object, kind: Kind) -> bool:
    """Whether two objects of a kind differ at most in the order of options."""
    return one == other or digest(canonical([one], kind)) == digest(canonical([other], kind))


@dataclass(frozen=True, slots=True)
class Layout:
    """All subnets and shared networks of a server as they are and as they shall be.

    Kea has no command that changes a shared network: one that differs is deleted without its subnets, and added anew.
    """

    service: Service
    old: Subnets
    new: Subnets
    old_networks: Mapping[str, Object]
    new_networks: Mapping[str, Object]

    @classmethod
    def of(cls, before: Mapping[str, Any], after: Mapping[str, Any], service: Service) -> Layout:
        """Return the layout of two whole configurations."""
        old, new = (subnets_of(config, service.subnets) for config in (before, after))
        networks = (index(config.get("shared-networks"), SHARED_NETWORK) for config in (before, after))
        return cls(service, old, new, *networks)

    def deletions(self) -> Iterator[Command]:
        """Yield what takes subnets and networks away, and subnets out of networks."""
        removed = [name for name in self.old_networks if self._is_removed(name)]
        kept_in = {network for prefix, (network, _) in self.old.items() if self._stays(prefix)}
        emptied = [name for name in removed if name not in kept_in]
        for prefix, (network, subnet) in self.old.items():
            if not self._stays(prefix) and network not in emptied:
                yield single.subnet_del(self.service, subnet)
        for name in removed:
            yield single.network_del(self.service, name, with_subnets=name in emptied)
        for prefix, (network, subnet) in self.old.items():
            if (
                network is not None
                and network not in removed
                and self._stays(prefix)
                and network != self.new[prefix][0]
            ):
                yield single.network_subnet_del(self.service, network, subnet)

    def additions(self) -> Iterator[Command]:
        """Yield what adds and changes them, networks first, so that subnets are without theirs as short as can be."""
        made = [name for name in self.new_networks if name not in self.old_networks or self._is_removed(name)]
        for name in made:
            inside = index(self.new_networks[name].get(self.service.subnets), SUBNET)
            fresh = (subnet for prefix, subnet in inside.items() if not self._stays(prefix))
            yield single.network_add(self.service, self.new_networks[name], fresh)
        for prefix, (network, subnet) in self.new.items():
            if network is not None and self._stays(prefix) and (network in made or network != self.old[prefix][0]):
                yield single.network_subnet_add(self.service, network, subnet)
        for prefix, (network, subnet) in self.new.items():
            if self._stays(prefix):
                if not self._has_same_parameters(prefix):
                    yield single.subnet_update(self.service, subnet)
            elif network not in made:
                yield single.subnet_add(self.service, subnet)
                if network is not None:
                    yield single.network_subnet_add(self.service, network, subnet)

    def _stays(self, prefix: str) -> bool:
        """Whether a subnet is there before and after under one id, by which Kea knows it."""
        if prefix not in self.old or prefix not in self.new:
            return False
        return bool(self.old[prefix][1].get("id") == self.new[prefix][1].get("id"))

    def _has_same_parameters(self, prefix: str) -> bool:
        one, other = self.old[prefix][1], self.new[prefix][1]
        return one == other or are_same(single.without_reservations(one), single.without_reservations(other), SUBNET)

    def _is_removed(self, name: str) -> bool:
        """Whether a shared network has to go as it is: it shall not be there, or shall have other parameters."""
        one, other = self.old_networks.get(name), self.new_networks.get(name)
        if one is None or other is None:
            return one is not None
        return not are_same(self._parameters(one), self._parameters(other), SHARED_NETWORK)

    def _parameters(self, network: Object) -> Object:
        return {key: value for key, value in network.items() if key != self.service.subnets}
