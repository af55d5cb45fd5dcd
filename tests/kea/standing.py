"""A pair of real servers that stands already, for tests that hurt it: every test gets it healed and in step, and leaves
the DHCP service of no server off.

The reconciler, and each server on its way to the other, goes through proxies that can cut, garble, delay and refuse.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from lab.kea import OLDEST, Generation, KeaServer, base_configuration
from lab.laboratory import Laboratory
from lab.proxy import Fault, Proxy
from reconciler.kea.versions import has_config_hash
from reconciler.model import Mode, Service
from tests.kea.safety import must_not_be
from tests.kea.shared import has_failed
from tests.kea.world import THROUGH_AGENTS, Run, World, subnet, until

if TYPE_CHECKING:
    import signal
    from collections.abc import Callable, Iterator

    import pytest

S = Service.DHCP4
SET = b'"config-set"'
# A peer that hears nothing takes over after five seconds; a silent server is given up after two.
PARAMETERS = {"heartbeat-delay": 500, "max-response-delay": 5000, "max-unacked-clients": 0, **THROUGH_AGENTS}
LIMITS = {"connect-seconds": 1.0, "answer-seconds": 2.0, "configuration-seconds": 3.0}


class Standing(World):
    """A World with proxies before the agents and between the peers, small time limits, and one subnet on both.

    `between[name]` is the proxy on the way to that server from its peer. `body` is what both start from, if given.
    """

    def __init__(
        self, lab: Laboratory, mode: Mode = Mode.HOT_STANDBY, *, body: dict[str, Any] | None = None, **options: Any
    ) -> None:
        bodies = dict.fromkeys(("kea-a", "kea-b"), body or base_configuration(S, subnets=[subnet(S, 1)]))
        super().__init__(lab, S, mode, configurations=bodies, parameters=PARAMETERS, is_logged=True, **options)
        self.between = {server.name: lab.proxy(server) for server in self.servers}
        for peer in self.document["peers"]:
            peer["url"] = self.between[peer["server"]].control
        self.settings = lab.directory / "kea-reconciler.toml"
        self.settings.write_text("[limits]\n" + "".join(f"{key} = {value}\n" for key, value in LIMITS.items()))
        self.number = 1
        self._were_off: set[str] = set()
        self.write()

    def run(self, command: str, *arguments: str) -> Run:
        """Run a command with the small limits."""
        return super().run(command, *arguments, "--settings", str(self.settings))

    def move(self) -> dict[str, Any]:
        """Let the primary get one more reservation, and return it: something to replicate to kea-b."""
        self.number += 1
        number = self.number
        added = {"hw-address": f"aa:bb:cc:dd:ee:{number:02x}", "ip-address": f"10.0.1.{100 + number}"}
        self.change(self.a, lambda config: config["subnet4"][0]["reservations"].append(added))
        self.forget()
        return added

    def has(self, server: KeaServer, reservation: dict[str, Any]) -> bool:
        """Whether a server runs with this reservation."""
        return self.is_in(self.config(server), reservation)

    @staticmethod
    def is_in(config: dict[str, Any], reservation: dict[str, Any]) -> bool:
        """Whether a configuration holds this reservation."""
        found = [each["hw-address"] for each in config["subnet4"][0]["reservations"]]
        return reservation["hw-address"] in found

    def outcome(self, run: Run) -> dict[str, dict[str, Any]]:
        """What `apply --format json` told of each server, by name."""
        return {each["server"]: each for each in run.json["relationships"][0]["servers"]}

    def sets(self, server: KeaServer) -> int:
        """How many config-set were sent to a server."""
        return self.sent(server).count("config-set")

    def at_first_look(self, name: str, act: Callable[[], object]) -> None:
        """Do something when a server is looked at for the first time after the plan was made and agreed to."""
        if has_config_hash(self.a.command(S, "version-get")["text"]):
            self.proxies[name].on(b'"config-hash-get"', Fault.PASS, times=1, before=lambda _: act())
            return

        def look_again(_: bytes) -> None:  # while planning it was asked for its commands too
            self.proxies[name].on(b'"list-commands"', Fault.PASS, times=1, before=lambda _: act())

        self.proxies[name].on(b'"list-commands"', Fault.PASS, times=1, before=look_again)

    def is_off(self, server: KeaServer) -> bool:
        """Whether its DHCP service is off by a user's command; before Kea 2.6.2, by what it was sent last."""
        told = server.command(S, "status-get")["arguments"].get("dhcp-state")
        return self._was_left_off(server) if told is None else bool(told["disabled-by-user"])

    def _was_left_off(self, server: KeaServer) -> bool:
        switched = [each for each in self.proxies[server.name].seen("dhcp-disable", "dhcp-enable") if each.result == 0]
        return switched[-1].command == "dhcp-disable" if switched else server.name in self._were_off

    def forget(self) -> None:
        """Forget what was sent, but not who is off by it."""
        self._were_off = {server.name for server in self.servers if self._was_left_off(server)}
        super().forget()

    def switch_on(self) -> list[str]:
        """Switch on all that are off, and return which these are; forgets what was sent."""
        off = [server for server in self.servers if self.is_off(server)]
        for server in off:
            server.command(S, "dhcp-enable")
        super().forget()
        self._were_off.clear()
        return [server.name for server in off]

    def revive(self) -> None:
        """Bring back processes and connections."""
        for server in self.servers:
            if server.is_running(S):
                server.thaw(S)
            else:  # its next process is on
                self.proxies[server.name].forget()
                self._were_off.discard(server.name)
            server.start()
        for proxy in (*self.proxies.values(), *self.between.values()):
            proxy.heal()

    def heal(self) -> None:
        """Bring everything back: processes, connections, desired, and both servers in step and normal."""
        self.revive()
        self.write()
        until(lambda: self.apply("--approve", "authority-older").exit_code == 0, "apply that succeeds", 60.0)
        self.until_normal()
        for server in self.servers:  # a set that was carried out after we gave up is not on disk
            server.command(S, "config-write")
        self.forget()


@contextlib.contextmanager
def standing(generation: Generation = OLDEST) -> Iterator[Standing]:
    """A pair that has been created."""
    with Laboratory(generation=generation) as lab:
        world = Standing(lab)
        world.must_apply()
        yield world


@contextlib.contextmanager
def healed(world: Standing, test: pytest.Item) -> Iterator[None]:
    """Heal it for a test, which is to leave nobody's DHCP service off: nobody who applies later would know whose doing
    that was.
    """
    world.heal()
    yield
    world.revive()
    off = world.switch_on()
    if not has_failed(test):
        must_not_be(off, "left with its DHCP service off")


def both(world: Standing) -> tuple[Proxy, Proxy]:
    """The proxies between the peers."""
    first, second = world.between.values()
    return first, second


def run_and_signal(
    world: Standing,
    name: str,
    match: bytes,
    sign: signal.Signals,
    *arguments: str,
    is_carried_out: bool = True,
    behind: bytes | None = None,
    after: bytes | None = None,
    first: Callable[[], object] = lambda: None,
) -> Run:
    """Run the command in a process of its own, and send it a signal while this request is on its way to a server,
    which then carries it out or never gets it. With `behind` it is one that is sent while the process waits for the
    answer to that request, which the server has carried out; with `after` one that comes after that. `first` is done
    before it.
    """
    command = [sys.executable, "-c", "from reconciler.cli import main; main()", *arguments]
    options = ["--desired", str(world.desired), "--settings", str(world.settings)]
    process = subprocess.Popen([*command, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    fault = Fault.DELAY if is_carried_out else Fault.SWALLOW
    proxy = world.proxies[name]

    def end(_: bytes) -> None:
        if behind is not None:
            until(lambda: all(each.ended is not None for each in proxy.seen()[:-1]), "end of what it is behind")
        first()
        os.kill(process.pid, sign)

    def wait_for_it(_: bytes = b"") -> None:
        proxy.on(match, fault, times=1, seconds=0.3, before=end)

    if after is not None:
        proxy.on(after, Fault.PASS, times=1, before=wait_for_it)
    elif behind is None:
        wait_for_it()
    else:
        proxy.on(behind, Fault.DELAY, times=1, seconds=5.0, before=wait_for_it)
    out, err = process.communicate(timeout=60)
    return Run(process.returncode, out, err)
