"""The commands of a daemon, by name: those it always has, and those that hook libraries add (HA's are in `ha`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model import Service
from reconciler.simulator.commands import basic, classes, configuring, hosts, leases, serving, subnets
from reconciler.simulator.releases import Release

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.model import Json
    from reconciler.simulator.endpoint import SimulatedEndpoint
    from reconciler.simulator.replies import Reply

    Command = Callable[[SimulatedEndpoint, Json], Reply]

COMMANDS: dict[str, Command] = {**basic.COMMANDS, **configuring.COMMANDS, **serving.COMMANDS}


def names(release: Release, service: Service) -> frozenset[str]:
    """The commands that a release's daemons always have."""
    return _NAMES[release] | (_SINCE_3_0[service] if release >= Release.KEA_3_0 else frozenset())


_SINCE_2_6 = {"config-hash-get"}
_UNTIL_2_6 = {"libreload"}
_SINCE_3_0 = {
    Service.DHCP4: frozenset({"subnet4-select-test", "subnet4o6-select-test"}),
    Service.DHCP6: frozenset({"subnet6-select-test"}),
}
_NAMES = {
    release: frozenset(COMMANDS) - (_SINCE_2_6 if release < Release.KEA_2_6 else _UNTIL_2_6) for release in Release
}
HOOK_COMMANDS: dict[str, Command] = {**leases.COMMANDS, **subnets.COMMANDS, **hosts.COMMANDS, **classes.COMMANDS}
