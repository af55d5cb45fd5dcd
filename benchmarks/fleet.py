"""Planning many pairs at once, on simulated servers, beside `curl --parallel` fetching the same configurations."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import PROGRAM, Row, side_by_side, wall

RUNS = 3
PARALLEL = 100
THROUGH_AGENTS = {"multi-threading": {"enable-multi-threading": False}}
HOOKS = "/usr/lib/x86_64-linux-gnu/kea/hooks"


def rows(folder: Path, size: tuple[int, int]) -> Iterator[Row]:
    """Yield the row of a plan over a thousand pairs (a tenth of the first of `size`)."""
    pairs = size[0] // 10
    with served(folder, pairs):
        plan = [PROGRAM, "plan", "--desired", str(folder / "desired")]
        curl = ["curl", "--silent", "--fail", "--parallel", "--parallel-max", str(PARALLEL)]
        curl += ["--config", str(folder / "curl.txt")]
        ours, theirs = side_by_side(lambda: wall(plan), lambda: wall(curl), RUNS)
        yield Row(f"plan of {pairs} simulated pairs / curl --parallel config-get", ours, theirs, None, RUNS)


@contextlib.contextmanager
def served(folder: Path, pairs: int, version: str = "2.2.0") -> Iterator[None]:
    """Have pairs of simulated servers in a process of their own, and `desired` about them in the folder."""
    command = [sys.executable, "-m", "benchmarks.fleet", str(folder), str(pairs), version]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True) as servers:
        try:
            if servers.stdout is None or servers.stdout.readline().strip() != "ready":
                raise RuntimeError("the simulated servers did not start")
            yield
        finally:
            servers.communicate("", timeout=60)


def _serve(folder: Path, pairs: int, version: str) -> None:
    """Start the simulated servers, write desired/ and curl's list for them, say ready, and wait for the end."""
    from benchmarks.configurations import configuration
    from lab.ports import Port
    from reconciler.kea.hooks import with_relationship
    from reconciler.model import Service
    from reconciler.simulator import World

    service = Service.DHCP4
    data = configuration(service, 10, 10)
    held = [Port() for _ in range(2 * pairs)]  # as long as they are held nobody else is given them
    ports = [port.number for port in held]
    servers: dict[str, dict[str, dict[str, str]]] = {}
    wanted = folder / "desired" / "relationships"
    wanted.mkdir(parents=True)
    with World() as world, (folder / "curl.txt").open("w", encoding="utf-8") as curl:
        for number in range(pairs):
            names = [f"kea-{number:04}-a", f"kea-{number:04}-b"]
            mine = ports[2 * number : 2 * number + 2]
            peers = [
                {"server": name, "role": role, "url": f"http://127.0.0.1:{port}/"}
                for name, role, port in zip(names, ("primary", "standby"), mine, strict=True)
            ]
            for name, port in zip(names, mine, strict=True):
                config = {**data, "hooks-libraries": with_relationship({}, _block(name, peers), None, HOOKS)}
                control = world.add_server(name, {service: config}, port=port, version=version).control
                servers[name] = {service.value: {"control": control}}
                curl.write(_curl_entry(control, service.value, is_first=port == ports[0]))
            name = f"pair-{number:04}"
            relationship = {"name": name, "mode": "hot-standby", "peers": peers, "parameters": THROUGH_AGENTS}
            (wanted / f"{number:04}.yaml").write_text(json.dumps(relationship), encoding="utf-8")
        (folder / "desired" / "servers.yaml").write_text(json.dumps({"servers": servers}), encoding="utf-8")
        curl.flush()
        print("ready", flush=True)
        sys.stdin.read()


def _block(name: str, peers: list[dict[str, str]]) -> dict[str, object]:
    entries = [{"name": peer["server"], "role": peer["role"], "url": peer["url"]} for peer in peers]
    return {"this-server-name": name, "mode": "hot-standby", "peers": entries, **THROUGH_AGENTS}


def _curl_entry(control: str, service: str, *, is_first: bool) -> str:
    body = json.dumps(json.dumps({"command": "config-get", "service": [service]}))
    lines = ["" if is_first else "next", f'url = "{control}"', 'header = "Content-Type: application/json"']
    return "\n".join([*lines, f"data = {body}", 'output = "/dev/null"', ""])


if __name__ == "__main__":
    _serve(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
