"""The hook libraries of the Debian package, and what loading them adds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.simulator.configuration import hooks
from reconciler.simulator.ha import commands as ha_commands
from reconciler.simulator.ha import parameters as ha_parameters

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.model import Json
    from reconciler.simulator.configuration.context import Shown
    from reconciler.simulator.ha.settings import Settings

DIRECTORY = "/usr/lib/x86_64-linux-gnu/kea/hooks"
HA, LEASES, STATISTICS = "libdhcp_ha.so", "libdhcp_lease_cmds.so", "libdhcp_stat_cmds.so"
NAMES = (
    "libdhcp_bootp.so",
    "libdhcp_flex_option.so",
    HA,
    LEASES,
    "libdhcp_mysql_cb.so",
    "libdhcp_pgsql_cb.so",
    "libdhcp_run_script.so",
    STATISTICS,
)
INSTALLED = frozenset(f"{DIRECTORY}/{name}" for name in NAMES)

_LEASE_COMMANDS = (
    "lease4-add",
    "lease4-del",
    "lease4-get",
    "lease4-get-all",
    "lease4-get-by-client-id",
    "lease4-get-by-hostname",
    "lease4-get-by-hw-address",
    "lease4-get-page",
    "lease4-resend-ddns",
    "lease4-update",
    "lease4-wipe",
    "lease6-add",
    "lease6-bulk-apply",
    "lease6-del",
    "lease6-get",
    "lease6-get-all",
    "lease6-get-by-duid",
    "lease6-get-by-hostname",
    "lease6-get-page",
    "lease6-resend-ddns",
    "lease6-update",
    "lease6-wipe",
)
COMMANDS = {
    HA: tuple(ha_commands.COMMANDS),
    LEASES: _LEASE_COMMANDS,
    STATISTICS: ("stat-lease4-get", "stat-lease6-get"),
}
"""Library -> the commands that it adds."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """Libraries that were loaded: their names, what config-get shows of them, and the relationship of the HA hook."""

    names: tuple[str, ...] = ()
    shown: tuple[Shown, ...] = ()
    ha: Settings | None = None

    @property
    def commands(self) -> tuple[str, ...]:
        """What they add to list-commands."""
        return tuple(command for name in self.names for command in COMMANDS.get(name, ()))


def load(wanted: Sequence[Shown]) -> Loaded:
    """Load libraries; RefusedError with the reason that only the daemon's log has where one does not want to."""
    shown: list[Shown] = []
    settings: Settings | None = None
    for item in wanted:
        entry = dict(item)
        if hooks.name(item["library"]) == HA:
            filled: Json
            filled, settings = ha_parameters.read(item.get("parameters"))
            entry["parameters"] = filled
        shown.append(entry)
    return Loaded(tuple(hooks.name(item["library"]) for item in wanted), tuple(shown), settings)
