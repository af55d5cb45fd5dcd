"""Everything that one test or one demonstration starts, ended together."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import orjson

from lab.kea import OLDEST, Generation, KeaServer, base_configuration, start_server
from lab.proxy import Proxy
from reconciler.model import Service
from reconciler.redaction import Scrubber, hide_named_secrets, secret_values

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Laboratory:
    """Starts servers and proxies in a folder of its own; `close()`, or the end of `with`, ends and deletes all.

    Without a `directory` it makes a short one: a control socket's path has room for 107 bytes only. Servers are of
    `generation` where they do not say otherwise.
    """

    def __init__(self, directory: Path | None = None, generation: Generation = OLDEST) -> None:
        self.generation = generation
        self.directory = directory or Path(tempfile.mkdtemp(prefix="kea-lab-"))
        self.servers: list[KeaServer] = []
        self._ending = contextlib.ExitStack()
        if directory is None:
            self._ending.callback(shutil.rmtree, self.directory, ignore_errors=True)

    def server(self, name: str, configurations: Mapping[Service, Mapping[str, Any]], **options: Any) -> KeaServer:
        """A running server; `options` are those of KeaServer."""
        server = start_server(self.directory, name, configurations, **{"generation": self.generation, **options})
        self.servers.append(server)
        self._ending.callback(server.stop)
        return server

    def pair(
        self,
        services: Sequence[Service] = (Service.DHCP4,),
        configurations: Mapping[Service, Mapping[str, Any]] | None = None,
        **options: Any,
    ) -> tuple[KeaServer, KeaServer]:
        """Two unrelated running servers, kea-a and kea-b, both from `configurations` (default: empty `services`)."""
        bodies = configurations or {service: base_configuration(service) for service in services}
        return self.server("kea-a", bodies, **options), self.server("kea-b", bodies, **options)

    def proxy(self, server: KeaServer) -> Proxy:
        """A proxy in front of the server's agent."""
        return self._ending.enter_context(Proxy(server.control))

    def logs(self, lines: int = 60) -> dict[str, str]:
        """The last `lines` lines of what each program of each server logged, without the secrets they know of."""
        scrubber = Scrubber(secret for server in self.servers for secret in _secrets(server))
        return {
            label: hide_named_secrets(scrubber.scrub("".join(text.splitlines(keepends=True)[-lines:])))
            for server in self.servers
            for label, text in server.logs().items()
        }

    def close(self) -> None:
        """End every server and proxy, the latest first, and delete the folder if it was made here."""
        self._ending.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _secrets(server: KeaServer) -> frozenset[str]:
    """The secrets in the server's configuration files as they are now."""
    files = (path for path in server.directory.glob("*/kea.conf") if path.stat().st_size)
    found: set[str] = set()
    for file in files:
        with contextlib.suppress(orjson.JSONDecodeError):  # a test may have broken it on purpose
            found |= secret_values(orjson.loads(file.read_bytes()))
    return frozenset(found)
