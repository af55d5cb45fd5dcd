"""`make demo`: the main job shown on two servers, real Kea daemons where they are installed, else simulated ones.

Every block of output comes from running the command above it. The servers are those of the desired/ folder of this
repository: two addresses of the loopback network, so nothing outside this machine is touched.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lab.kea import KeaServer, base_configuration, kea_is_installed
from lab.ports import is_taken
from reconciler.model import Service

DESIRED = "desired"
PORT = 8000
ADDRESSES = {"kea-a": "127.0.0.11", "kea-b": "127.0.0.12"}
CONTROLS = {name: f"http://{address}:{PORT}/" for name, address in ADDRESSES.items()}
LONGEST_WAIT = 120.0  # seconds until a pair with heartbeats every second has to be normal again


def main() -> int:
    """Show the main job and return 0; a step that ends otherwise than it should ends the demo with 1."""
    simulated = os.environ.get("DEMO") == "simulator" or not kea_is_installed()
    kind = "SIMULATED servers (no real Kea)" if simulated else "REAL Kea daemons (kea-dhcp4 behind kea-ctrl-agent)"
    narrate(f"This demo runs on {kind}: kea-a at {CONTROLS['kea-a']} and kea-b at {CONTROLS['kea-b']}.")
    refuse_taken_ports()
    servers = simulated_servers if simulated else real_servers
    with tempfile.TemporaryDirectory(prefix="kea-demo-") as folder, servers(Path(folder)):
        keep_apart(Path(folder))
        show()
    narrate(f"That was the main job, on {kind}. The servers are stopped and their files removed.")
    print("Next, with servers of your own:")
    print("  1. kea-reconciler import --desired mine --control URL --control URL (no pair yet? kea-reconciler init)")
    print("  2. kea-reconciler plan --desired mine      reads only; look at what would change, and why")
    print("  3. kea-reconciler apply --desired mine     asks before it changes anything")
    return 0


def refuse_taken_ports() -> None:
    """End the demo where another program has the port of one of its servers, or of every address."""
    for address in ADDRESSES.values():
        if is_taken(address, PORT):
            why = f"port {PORT} of {address}, where one of its servers is to listen, is taken"
            fail(f"{why}: end what listens there (`ss -ltnp` says who it is), and begin again")


def keep_apart(folder: Path) -> None:
    """Take no settings of the user's, and leave nothing among the runs that are remembered for the user: those here say
    nothing about servers of another relationship that happens to have the same name.
    """
    for name in [name for name in os.environ if name.startswith("KEA_RECONCILER_")]:
        del os.environ[name]
    os.environ["KEA_RECONCILER_STATE_DIR"] = str(folder / "state")


def show() -> None:
    """The story, step by step."""
    narrate("Two independent servers. kea-a serves 192.0.2.0/24, kea-b nobody yet. Is desired/ sound?")
    run("validate", "--desired", DESIRED)
    narrate("What would make them the hot-standby relationship that desired/ asks for?")
    run("plan", "--desired", DESIRED, "--detailed-exitcode", code=2)
    narrate("Do it. The standby first; its DHCP service is off until the primary knows of it.")
    run("apply", "--desired", DESIRED, "--yes")
    run("status", "--desired", DESIRED)

    narrate("Behind our back somebody adds a reservation on the primary, kea-a.")
    change("kea-a", add_reservation)
    wait_until_normal()
    run("drift", "--desired", DESIRED, "--detailed-exitcode", code=2)
    narrate("The primary is the truth: apply carries the reservation to kea-b.")
    run("apply", "--desired", DESIRED, "--yes")

    narrate("Now somebody edits the standby, kea-b, by hand: another router, and the pool is gone.")
    change("kea-b", damage)
    wait_until_normal()
    run("drift", "--desired", DESIRED, "--detailed-exitcode", code=2)
    narrate("The primary did not move, kea-b did: apply restores it.")
    run("apply", "--desired", DESIRED, "--yes")
    run("drift", "--desired", DESIRED, "--detailed-exitcode")
    run("status", "--desired", DESIRED)


# ------------------------------------------------------------------------------------------------ servers


def configurations() -> dict[str, dict[str, Any]]:
    """Two servers that know nothing of each other."""
    office = {
        "id": 1,
        "subnet": "192.0.2.0/24",
        "pools": [{"pool": "192.0.2.100 - 192.0.2.199"}],
        "option-data": [{"name": "routers", "data": "192.0.2.1"}],
        "reservations": [{"hw-address": "02:00:00:00:00:01", "ip-address": "192.0.2.10", "hostname": "printer"}],
    }
    classes = [{"name": "phones", "test": "substring(option[60].hex,0,5) == 'phone'"}]
    return {
        "kea-a": base_configuration(Service.DHCP4, subnets=[office], client_classes=classes),
        "kea-b": base_configuration(Service.DHCP4, subnets=[]),
    }


@contextlib.contextmanager
def real_servers(folder: Path) -> Iterator[None]:
    """Start the two real servers, and end them."""
    with contextlib.ExitStack() as stack:
        for name, body in configurations().items():
            server = KeaServer(folder, name, {Service.DHCP4: body}, address=ADDRESSES[name], port=PORT)
            stack.callback(server.stop)
            server.start()
        yield


@contextlib.contextmanager
def simulated_servers(folder: Path) -> Iterator[None]:
    """Start the two simulated servers in a process of their own, and end it."""
    command = [sys.executable, "-m", "reconciler.simulator"]
    for name, body in configurations().items():
        file = folder / f"{name}.json"
        file.write_text(json.dumps(body), encoding="utf-8")
        command += ["--server", f"{name}={ADDRESSES[name]}:{PORT}", "--config", f"{name}:dhcp4={file}"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None  # noqa: S101 - asked for above
        if not process.stdout.readline():
            fail("the simulated servers did not start")
        yield
    finally:
        process.terminate()
        process.wait(timeout=10)


# -------------------------------------------------------------------------------- behind the program's back


def change(name: str, edit: Any) -> None:
    """Edit a server's configuration the way a person with curl does: config-get, config-set, config-write."""
    config = command(name, "config-get")["arguments"]
    config.pop("hash", None)
    edit(config["Dhcp4"])
    for what, arguments in (("config-set", config), ("config-write", None)):
        reply = command(name, what, arguments)
        if reply["result"] != 0:
            fail(f"{what} on {name}: {reply.get('text')}")


def add_reservation(config: Mapping[str, Any]) -> None:
    """One more reservation in the first subnet."""
    new = {"hw-address": "02:00:00:00:00:02", "ip-address": "192.0.2.11", "hostname": "scanner"}
    config["subnet4"][0]["reservations"].append(new)


def damage(config: Mapping[str, Any]) -> None:
    """Another router, and no pool any more."""
    subnet = config["subnet4"][0]
    subnet["option-data"][0]["data"] = "192.0.2.254"
    subnet["pools"] = []


def command(name: str, what: str, arguments: Any = None) -> dict[str, Any]:
    """Send one command to a server's control agent and return its reply."""
    body: dict[str, Any] = {"command": what, "service": ["dhcp4"]}
    if arguments is not None:
        body["arguments"] = arguments
    request = urllib.request.Request(  # noqa: S310 - http, to loopback
        CONTROLS[name], json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        reply: dict[str, Any] = json.load(answer)[0]
    return reply


def wait_until_normal() -> None:
    """Wait until Kea has settled: after a config-set its HA state machine starts again."""
    limit = time.monotonic() + LONGEST_WAIT
    arguments = [program(), "status", "--desired", DESIRED, "--format", "json"]
    while time.monotonic() < limit:
        seen = subprocess.run(arguments, capture_output=True, text=True, check=False)
        if seen.returncode == 0:
            return
        time.sleep(0.5)
    fail("the two servers did not come back to their normal state")


# ------------------------------------------------------------------------------------------------ telling


def narrate(text: str) -> None:
    """Say what comes next."""
    print(f"\n# {text}", flush=True)


def run(*arguments: str, code: int = 0) -> None:
    """Run kea-reconciler as a user does, with its real output; end the demo if it does not end as it should."""
    print(f"\n$ kea-reconciler {' '.join(arguments)}", flush=True)
    ended = subprocess.run([program(), *arguments], check=False)
    if ended.returncode != code:
        fail(f"that should have ended with exit code {code}, but ended with {ended.returncode}")


def program() -> str:
    """The kea-reconciler of this Python's environment."""
    return str(Path(sys.executable).with_name("kea-reconciler"))


def fail(why: str) -> None:
    """End the demo."""
    print(f"demo: {why}", file=sys.stderr, flush=True)
    sys.exit(1)


if __name__ == "__main__":
    sys.exit(main())
