"""A relationship as the HA hook of one server works with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.simulator.releases import Release

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model import Json


@dataclass(frozen=True, slots=True)
class Settings:
    """A relationship as this server's hook works with it: its own peer entry, the partner's, and the parameters.

    `release`: the Kea whose hook it is. `number`: its place among the relationships of this server, from 0 on.
    """

    name: str
    mode: str
    peers: Mapping[str, Mapping[str, Json]]
    values: Mapping[str, Json]
    pauses: Mapping[str, str]
    release: Release = Release.KEA_2_2
    number: int = 0

    @property
    def role(self) -> str:
        """The role of this server."""
        return str(self.peers[self.name]["role"])

    @property
    def partner(self) -> str | None:
        """The name of the server that this one fails over for; none for a backup and in passive-backup."""
        if self.role == "backup" or self.mode == "passive-backup":
            return None
        active = (name for name, peer in self.peers.items() if peer["role"] != "backup")
        return next(name for name in active if name != self.name)

    @property
    def has_listener(self) -> bool:
        """Whether the hook listens for peers itself, as far as its own parameters say."""
        threads = self.values["multi-threading"]
        return bool(threads["enable-multi-threading"] and threads["http-dedicated-listener"])

    @property
    def main_scope(self) -> str:
        """The scope that every client is in, but for load-balancing."""
        return next(name for name, peer in self.peers.items() if peer["role"] == "primary")

    @property
    def scopes(self) -> list[str]:
        """The names of the scopes that clients are divided into."""
        return sorted(name for name, peer in self.peers.items() if peer["role"] in ("primary", "secondary"))

    @property
    def normal_state(self) -> str:
        """The state that this server works in when all is well."""
        return "backup" if self.role == "backup" else self.mode

    def seconds(self, name: str) -> float:
        """A parameter that Kea wants in milliseconds."""
        return float(self.values[name]) / 1000
