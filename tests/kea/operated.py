"""A pair of real servers to do operations on: what was done, and every HA state that the two went through meanwhile."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from lab.errors import LabError
from lab.kea import base_configuration
from reconciler.model import Mode, Service
from tests.kea.by_hand import pausing
from tests.kea.traces import Trace
from tests.kea.world import HURRIED, THROUGH_AGENTS, Run, World, subnet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lab.kea import KeaServer
    from lab.laboratory import Laboratory

Seen = tuple[str | None, str | None]  # the states of kea-a and kea-b


class Operated(World):
    """A standing pair with one subnet. With `is_parted` each peer reaches the other through a proxy in front of its
    agent, `between[name]` on the way to that server.
    """

    def __init__(self, lab: Laboratory, service: Service, mode: Mode, *, is_parted: bool = False, **parts: Any) -> None:
        bodies = {f"kea-{x}": base_configuration(service, **{service.subnets: [subnet(service, 1)]}) for x in "abc"}
        parameters = {**HURRIED, **parts.pop("parameters", {}), **(THROUGH_AGENTS if is_parted else {})}
        super().__init__(lab, service, mode, configurations=bodies, parameters=parameters, is_logged=True, **parts)
        self.between = {server.name: lab.proxy(server) for server in self.servers} if is_parted else {}
        for peer in self.document["peers"] if is_parted else ():
            peer["url"] = self.between[peer["server"]].control
        self.write()
        self.must_apply()
        self.forget()

    def operate(self, command: str, *arguments: str) -> Run:
        """Run an operation without a question, as JSON."""
        return self.run(command, *arguments, "--yes", "--format", "json")

    def must(self, command: str, *arguments: str, result: str = "done", code: int = 0) -> Any:
        """The same; it must end so. Its report."""
        done = self.operate(command, *arguments)
        assert (done.exit_code, done.json["result"]) == (code, result), done
        return done.json

    def compared(self, code: int = 0) -> Any:
        """What `leases compare` reports."""
        done = self.run("leases", "compare", "hq", "--format", "json", "--detailed-exitcode")
        assert done.exit_code == code, done.json["counts"] or done.stderr
        return done.json

    def answers(self) -> bool:
        """Whether both servers can be read through what the reconciler reads them by."""
        report = self.run("status", "--format", "json").json["relationships"][0]
        return all(each["reachable"] for each in report["servers"])

    def part(self) -> None:
        """Keep the peers from each other."""
        for proxy in self.between.values():
            proxy.refuse()

    def join(self) -> None:
        """Let them talk again."""
        for proxy in self.between.values():
            proxy.accept()

    def pause_in(self, server: KeaServer, state: str) -> None:
        """Let a server begin anew and pause, once, when it comes to a state, as its configuration can say."""
        server.set_config(self.service, pausing(self.config(server), state))

    def states(self) -> Seen:
        """The states of both now; None for a server that does not answer or has no HA."""
        return self._seen(self.a), self._seen(self.b)

    def _seen(self, server: KeaServer) -> str | None:
        try:
            return self.state(server)
        except (OSError, LabError):
            return None

    @contextlib.contextmanager
    def traced(self, *rules: Callable[[Trace], None]) -> Iterator[list[Seen]]:
        """Record what is seen in the block, which no two servers may serve, and hold it against further rules. At its
        end the list has every pair of states, each once in a row.
        """
        found: list[Seen] = []
        with Trace(self.servers, self.service, switched=self.switched) as trace:
            yield found
        for rule in (Trace.must_serve_nobody_twice, *rules):
            rule(trace)
        for _, seen in trace.samples:
            now = seen["kea-a"].state, seen["kea-b"].state
            if found[-1:] != [now] and "busy" not in now:
                found.append(now)

    # ---------------------------------------------------------------------------------------- leases

    def address(self, number: int) -> str:
        """Address `number` (16 to 99) of the subnet's pool."""
        return f"10.0.1.{number}" if self.service is Service.DHCP4 else f"2001:db8:1::{number}"

    def lease(self, server: KeaServer, number: int, client: int | None = None, **parts: Any) -> None:
        """Give an address to a client on one server only."""
        who = number if client is None else client
        if self.service is Service.DHCP4:
            own: dict[str, Any] = {"hw-address": f"aa:bb:cc:00:00:{who:02x}"}
        else:
            own = {"duid": f"00:03:00:01:aa:bb:cc:00:00:{who:02x}", "iaid": 1}
        wanted = {"ip-address": self.address(number), "subnet-id": 1, **own, **parts}
        reply = server.command(self.service, f"lease{self.service.value[-1]}-add", wanted)
        assert reply["result"] == 0, reply

    def drop(self, server: KeaServer, number: int) -> None:
        """Take a lease off one server only."""
        command = f"lease{self.service.value[-1]}-del"
        reply = server.command(self.service, command, {"ip-address": self.address(number)})
        assert reply["result"] == 0, reply


NAMES = ("kea-a", "kea-b")
