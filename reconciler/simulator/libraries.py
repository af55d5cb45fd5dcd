"""The hook libraries of the Debian packages, and what loading them adds."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.simulator.configuration import hooks
from reconciler.simulator.ha import commands as ha_commands
from reconciler.simulator.ha import parameters as ha_parameters
from reconciler.simulator.releases import Release
from reconciler.simulator.tables import library_commands

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reconciler.model import Json
    from reconciler.simulator.configuration.context import Shown
    from reconciler.simulator.ha.settings import Settings

DIRECTORY = hooks.DIRECTORY
HA, LEASES, STATISTICS = "libdhcp_ha.so", "libdhcp_lease_cmds.so", "libdhcp_stat_cmds.so"


@functools.cache
def commands(release: Release) -> Mapping[str, Sequence[str]]:
    """Library that a release's packages have -> the commands that it adds."""
    return library_commands(release) | {HA: tuple(ha_commands.COMMANDS)}


def installed(release: Release) -> frozenset[str]:
    """The full paths of the libraries."""
    return frozenset(f"{DIRECTORY}/{name}" for name in commands(release))


@dataclass(frozen=True, slots=True)
class Loaded:
    """Libraries that were loaded: their names, what config-get shows of them, and the relationships of the HA hook.

    `adds`: the commands that they add to list-commands.
    """

    names: tuple[str, ...] = ()
    shown: tuple[Shown, ...] = ()
    ha: tuple[Settings, ...] = ()
    adds: tuple[str, ...] = ()


def load(release: Release, wanted: Sequence[Shown]) -> Loaded:
    """Load libraries; RefusedError with the reason that only the daemon's log has where one does not want to."""
    shown: list[Shown] = []
    settings: tuple[Settings, ...] = ()
    for item in wanted:
        entry = dict(item)
        if hooks.name(item["library"]) == HA:
            filled: Json
            filled, settings = ha_parameters.read(release, item.get("parameters"))
            entry["parameters"] = filled
        shown.append(entry)
    names = tuple(hooks.name(item["library"]) for item in wanted)
    adds = tuple(command for name in names for command in commands(release).get(name, ()))
    return Loaded(names, tuple(shown), settings, adds)
