"""What one reading of a configuration carries along."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from reconciler.simulator.releases import Release

if TYPE_CHECKING:
    from reconciler.model import Json, Service
    from reconciler.simulator.configuration.option_definitions import Spaces


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine a daemon runs on, as far as its configuration can name it.

    `release`: the Kea that is installed; `interfaces`: names of network interfaces; `libraries`: full paths of the
    hook libraries that exist; `loaded`: those in the process already, which Kea finds by their bare names too;
    `folders`: where files can be written; `data_folder`, `log_folder` and `socket_folder`: the only ones for leases,
    logs and control sockets since 2.6.3; `has_databases`: whether every database that a configuration names answers.
    """

    interfaces: frozenset[str]
    libraries: frozenset[str]
    loaded: frozenset[str] = frozenset()
    folders: frozenset[str] = frozenset()
    has_databases: bool = False
    release: Release = Release.KEA_2_2
    data_folder: str = "/var/lib/kea"
    log_folder: str = "/var/log/kea"
    socket_folder: str = "/run/kea"


@dataclass(slots=True)
class Reading:
    """The state of one reading: what was seen so far, to find duplicates and to number subnets."""

    service: Service
    machine: Machine
    spaces: Spaces = field(default_factory=dict)
    addresses_are_unique: bool = True
    next_id: int = 0
    ids: set[int] = field(default_factory=set)
    prefixes: set[str] = field(default_factory=set)

    @property
    def release(self) -> Release:
        """The Kea that reads."""
        return self.machine.release

    @property
    def version(self) -> int:
        """4 or 6."""
        return int(self.service.value[-1])

    @property
    def is_v4(self) -> bool:
        """Whether this is a configuration of kea-dhcp4."""
        return self.version == 4

    def subnet_id(self, wanted: int) -> int:
        """The id of the next subnet: the configured one, or the next of a row that starts at 1."""
        if wanted:
            return wanted
        self.next_id += 1
        return self.next_id


Shown = dict[str, "Json"]
