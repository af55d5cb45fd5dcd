"""A real pair with a large configuration: planning it and replicating it, beside what Kea itself needs for that."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.configurations import changed, configuration
from benchmarks.measure import PROGRAM, Row, side_by_side, wall
from lab.kea import KeaServer
from reconciler.model import Service

SERVICE = Service.DHCP4
RUNS = 3
NAMES = ("kea-a", "kea-b")


def rows(folder: Path, size: tuple[int, int]) -> Iterator[Row]:
    """Yield the rows of planning and of replicating one percent of changes; takes minutes at 10,000 subnets."""
    config = configuration(SERVICE, *size)
    servers = [KeaServer(folder / f"{size[0]}", name, {SERVICE: config}) for name in NAMES]
    try:
        for server in servers:
            server.start()
        desired = _desired(folder / f"desired-{size[0]}", servers)
        wall([PROGRAM, "apply", "--desired", str(desired), "--yes"])
        yield from _measured(folder, size, servers, desired, config)
    finally:
        for server in servers:
            server.stop()


def _measured(
    folder: Path, size: tuple[int, int], servers: list[KeaServer], desired: Path, config: Mapping[str, Any]
) -> Iterator[Row]:
    words = f"{size[0]} subnets x {size[1]}, real Kea 2.2"
    plan = [PROGRAM, "plan", "--desired", str(desired)]
    ours, theirs = side_by_side(lambda: wall(plan), lambda: _fetched_together(servers), RUNS)
    yield Row(f"plan of a pair, {words} / two curl in parallel", ours, theirs, 1.25, RUNS)
    primary, standby = servers
    live = primary.config(SERVICE)
    primary.set_config(SERVICE, {**live, **_data(changed({**live, **_data(config)}, SERVICE, 0.01, seed=1))})
    _wait_until_normal(desired)
    ours = wall([PROGRAM, "apply", "--desired", str(desired), "--yes"])
    # The very commands that replication can't do without, one after the other, by curl.
    body = folder / "set.json"
    arguments = {SERVICE.root: standby.config(SERVICE)}
    body.write_text(json.dumps({"command": "config-set", "service": [SERVICE], "arguments": arguments}))
    # The first config-get is that of both servers at once, as planning needs it.
    steps = [f"@{body}", _command("config-write"), _command("config-get")]
    theirs = _fetched_together(servers) + sum(wall(_curl(standby.control, step)) for step in steps)
    yield Row(f"replicate 1 %, {words} / get+set+write+get", ours, theirs, 1.1, 1)


def _data(config: Mapping[str, Any]) -> dict[str, Any]:
    return {key: config[key] for key in (SERVICE.subnets, "shared-networks")}


def _command(name: str) -> str:
    return json.dumps({"command": name, "service": [SERVICE]})


def _curl(control: str, body: str) -> list[str]:
    kind = "Content-Type: application/json"
    return ["curl", "--silent", "--fail", "--header", kind, "--data-binary", body, "--output", "/dev/null", control]


def _fetched_together(servers: list[KeaServer]) -> float:
    begun = time.perf_counter()
    running = [subprocess.Popen(_curl(server.control, _command("config-get"))) for server in servers]
    for process in running:
        if process.wait() != 0:
            raise RuntimeError("curl did not get the configuration")
    return time.perf_counter() - begun


def _wait_until_normal(desired: Path) -> None:
    """Our own config-set on the primary restarted its HA state machine; that wait is not what is measured."""
    limit = time.monotonic() + 300
    command = [PROGRAM, "status", "--desired", str(desired)]
    while subprocess.run(command, capture_output=True, check=False).returncode != 0:
        if time.monotonic() > limit:
            raise RuntimeError("the pair did not become normal again")


def _desired(folder: Path, servers: list[KeaServer]) -> Path:
    (folder / "relationships").mkdir(parents=True)
    controls = {server.name: {SERVICE.value: {"control": server.control}} for server in servers}
    roles = ("primary", "standby")
    relationship = {
        "name": "bench",
        "mode": "hot-standby",
        "peers": [
            {"server": server.name, "role": role, "url": server.control}
            for server, role in zip(servers, roles, strict=True)
        ],
        # Long enough that a server that is busy for a quarter of a minute is not taken for dead.
        "parameters": {"heartbeat-delay": 1000, "max-response-delay": 60000},
    }
    (folder / "servers.yaml").write_text(json.dumps({"servers": controls}))
    (folder / "relationships" / "bench.yaml").write_text(json.dumps(relationship))
    return folder
