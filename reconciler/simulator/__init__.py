"""Simulated Kea servers that keep their state in this process and can be made to fail.

Contract tests hold them against real daemons.

with World() as world:
server = world.add_server("kea-a", {Service.DHCP4: {"subnet4": []}})
server.control                       # http://127.0.0.1:.../, a control agent in front of kea-dhcp4 2.2.0
server.endpoint().faults.add("disk-full")
"""

from __future__ import annotations

from reconciler.simulator.clock import Clock
from reconciler.simulator.endpoint import SimulatedEndpoint
from reconciler.simulator.faults import Fault, Faults, Kind
from reconciler.simulator.releases import Release
from reconciler.simulator.server import Entry, SimulatedServer
from reconciler.simulator.world import World

__all__ = ["Clock", "Entry", "Fault", "Faults", "Kind", "Release", "SimulatedEndpoint", "SimulatedServer", "World"]
