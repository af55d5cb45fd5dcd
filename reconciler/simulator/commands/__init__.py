"""The commands of a daemon, by name: those it always has, and those that hook libraries add (HA's are in `ha`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.simulator.commands import basic, configuring, leases, serving

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.model import Json
    from reconciler.simulator.endpoint import SimulatedEndpoint
    from reconciler.simulator.replies import Reply

    Command = Callable[[SimulatedEndpoint, Json], Reply]

COMMANDS: dict[str, Command] = {**basic.COMMANDS, **configuring.COMMANDS, **serving.COMMANDS}
HOOK_COMMANDS: dict[str, Command] = leases.COMMANDS
