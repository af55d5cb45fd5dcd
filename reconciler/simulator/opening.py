"""What config-set finds out and config-test does not: whether everything can be opened and bound."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from reconciler.simulator.configuration import control_sockets
from reconciler.simulator.configuration.keywords import is_a
from reconciler.simulator.configuration.refusal import PLACE, RefusedError
from reconciler.simulator.releases import Release

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model import Json
    from reconciler.simulator.configuration.context import Machine

_NO_SERVER = "Can't connect to local server through socket '/run/mysqld/mysqld.sock' (2)"


def check(machine: Machine, shown: Mapping[str, Json]) -> None:
    """Refuse a configuration whose databases, files or queues cannot be opened, with Kea's words."""
    _check_databases(machine, shown)
    if not is_a("integer", shown["statistic-default-sample-count"]):
        reason = f"intValue() called on non-integer Element in {PLACE}"
        raise RefusedError(f"Error during command processing: {reason}")
    queue = shown["dhcp-queue-control"]
    if queue["enable-queue"] and not str(queue["queue-type"]).startswith("kea-ring"):
        reason = f"The type of the packet queue: '{queue['queue-type']}' is not supported"
        raise RefusedError(f"Error setting packet queue controls after server reconfiguration: {reason}")


def _check_databases(machine: Machine, shown: Mapping[str, Json]) -> None:
    """The databases' servers are never there, unless the machine says so; lease files need their folder."""
    databases = [shown["lease-database"], *shown.get("hosts-databases", [])]
    if any(database["type"] != "memfile" for database in databases) and not machine.has_databases:
        raise RefusedError(f"Unable to open database: {_NO_SERVER}")
    leases = shown["lease-database"]
    path = leases.get("name", "")
    is_kept = leases["type"] == "memfile" and leases.get("persist", True) and bool(path)
    folder = str(PurePosixPath(path).parent)
    if is_kept and machine.release >= Release.KEA_2_6 and folder not in (".", machine.data_folder):
        where = f"invalid path specified: '{folder}', supported path is '{machine.data_folder}'"
        raise RefusedError(f"Unable to open database: {where}")
    if is_kept and folder not in (".", *machine.folders):
        raise RefusedError(f"Unable to open database: unable to open '{path}'")
    backends = shown.get("config-control", {}).get("config-databases", [])
    if backends and not machine.has_databases:
        reason = f"The type of the configuration backend: '{backends[0]['type']}' is not supported"
        raise RefusedError(f"during update from config backend database: {reason}")


def check_control_socket(machine: Machine, shown: Mapping[str, Json]) -> None:
    """Refuse a control socket that can't be opened; the channel is gone by then."""
    if "control-socket" not in shown:
        return
    kind = shown["control-socket"].get("socket-type", "unix")
    if kind != "unix":
        raise RefusedError(f"Invalid 'socket-type' parameter value {kind}")
    if machine.release >= Release.KEA_2_6:
        control_sockets.check_path(machine, shown["control-socket"])
