"""Real Kea servers on loopback: kea-dhcp4 and/or kea-dhcp6 behind one kea-ctrl-agent, started and stopped.

Nothing outside the given folder is written (the KEA_* variables move pid, lock, lease and log files there), so any
number of them run beside each other and beside a system's own.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from lab.configurations import base_configuration
from lab.errors import LabError
from lab.generation import GENERATIONS, OLDEST, Generation
from lab.server import KeaServer
from reconciler.model import Service

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

__all__ = [
    "GENERATIONS",
    "OLDEST",
    "Generation",
    "KeaServer",
    "LabError",
    "Service",
    "base_configuration",
    "kea_is_installed",
    "pair",
    "start_server",
]


def kea_is_installed(generation: Generation = OLDEST) -> bool:
    """Whether kea-dhcp4, kea-dhcp6 and kea-ctrl-agent of this generation can be started on this machine."""
    return generation.missing() is None


def start_server(
    directory: Path, name: str, configurations: Mapping[Service, Mapping[str, Any]], **options: Any
) -> KeaServer:
    """A running KeaServer in `directory`/`name`; `options` are those of KeaServer. The caller stops it."""
    server = KeaServer(directory, name, configurations, **options)
    try:
        server.start()
    except BaseException:
        server.stop()
        raise
    return server


@contextlib.contextmanager
def pair(
    directory: Path,
    services: Sequence[Service] = (Service.DHCP4,),
    configurations: Mapping[Service, Mapping[str, Any]] | None = None,
    **options: Any,
) -> Iterator[tuple[KeaServer, KeaServer]]:
    """Two unrelated running servers, kea-a and kea-b, both from `configurations` (default: empty `services`)."""
    bodies = configurations or {service: base_configuration(service) for service in services}
    with contextlib.ExitStack() as stack:
        servers: list[KeaServer] = []
        for name in ("kea-a", "kea-b"):
            servers.append(start_server(directory, name, bodies, **options))
            stack.callback(servers[-1].stop)
        yield servers[0], servers[1]
