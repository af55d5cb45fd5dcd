"""Our own part of a plan, without Kea's answer time: parsing two config-get replies and planning them.

    python -m benchmarks.ownwork parse|plan FILE FILE

prints the seconds it took, then `peak BYTES`. `parse` only parses both with the fastest parser (orjson, garbage
collection off): what `plan` is held against, in time and in memory.
"""

from __future__ import annotations

import gc
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import orjson

from benchmarks.configurations import changed, configuration
from benchmarks.measure import Row, own_peak, peak_of, side_by_side
from reconciler.kea.channel import Answer
from reconciler.kea.hooks import with_relationship
from reconciler.kea.replies import read_reply
from reconciler.model import Desired, Endpoint, HaView, Mode, Peer, Relationship, Role, Service, Snapshot
from reconciler.redaction import Scrubber

PROGRAM = [sys.executable, "-m", "benchmarks.ownwork"]
RUNS = 5
SERVICE = Service.DHCP4
PEERS = (
    Peer("kea-a", "kea-a", Role.PRIMARY, "http://127.0.0.11:8000/"),
    Peer("kea-b", "kea-b", Role.STANDBY, "http://127.0.0.12:8000/"),
)
RELATIONSHIP = Relationship("bench", SERVICE, Mode.HOT_STANDBY, PEERS)


def rows(folder: Path, size: tuple[int, int]) -> Iterator[Row]:
    """Yield time and memory for a pair in sync, and for one with 1 % of its subnets drifted."""
    base = configuration(SERVICE, *size)
    files = {"in sync": base, "1 % drifted": changed(base, SERVICE, 0.01)}
    first = _write(folder / "primary.json", base, 0)
    for name, config in files.items():
        second = _write(folder / f"{name.split()[0]}.json", config, 1)
        words = f"own work of a plan, {size[0]} subnets x {size[1]}, {name}"
        plan, parse = ([*PROGRAM, what, first, second] for what in ("plan", "parse"))
        ours, theirs = side_by_side(partial(_seconds, plan), partial(_seconds, parse), RUNS)
        yield Row(f"{words}: time / parsing both", ours, theirs, 2.0, RUNS)
        yield Row(f"{words}: peak memory / the parsed pair", peak_of(plan), peak_of(parse), 2.0, 1, "B")


def _write(path: Path, config: dict[str, object], place: int) -> str:
    peers = [{"name": peer.name, "role": peer.role.value, "url": peer.url} for peer in PEERS]
    block = {"this-server-name": PEERS[place].name, "mode": "hot-standby", "peers": peers}
    own = {"hooks-libraries": with_relationship({}, block, None, "/usr/lib/kea/hooks"), "control-socket": {}}
    path.write_bytes(orjson.dumps([{"result": 0, "arguments": {SERVICE.root: {**config, **own}}}]))
    return str(path)


def _seconds(command: list[str]) -> float:
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[0])


def _parse(bodies: list[bytes]) -> float:
    gc.disable()
    begun = time.perf_counter()
    kept = [orjson.loads(body) for body in bodies]
    took = time.perf_counter() - begun
    del kept
    return took


def _plan(bodies: list[bytes]) -> float:
    from reconciler.planning.plan import plan
    from reconciler.reports.text_plan import text_plan

    endpoints = {(peer.server, SERVICE): Endpoint(peer.server, SERVICE, peer.url) for peer in PEERS}
    begun = time.perf_counter()
    live = {}
    for (key, endpoint), body in zip(endpoints.items(), bodies, strict=True):
        reply = read_reply(Answer(body, 200, "application/json"), "bench", Scrubber(), asked_at=0, answered_at=0)
        config = reply.arguments[SERVICE.root]
        view = HaView("hot-standby", "primary", "hot-standby", (), None)
        live[key] = Snapshot(endpoint, "2.2.0", config, None, 1, 100, 100, 0.0, view)
    text_plan(plan(Desired(endpoints, (RELATIONSHIP,), "bench"), live))
    return time.perf_counter() - begun


if __name__ == "__main__":
    read = [Path(name).read_bytes() for name in sys.argv[2:]]
    print(_plan(read) if sys.argv[1] == "plan" else _parse(read))
    print("peak", own_peak())
