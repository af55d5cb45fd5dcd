"""A pair of real servers, an office from which it is administered, and a place for clients, each a host of its own."""

from __future__ import annotations

import concurrent.futures
import contextlib
import itertools
import math
import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Any

from lab.kea import GENERATIONS, KeaServer, LabError, base_configuration
from lab.laboratory import Laboratory
from lab.network import Network
from lab.process import Process
from reconciler.model import Service
from tests.e2e import leases, witness
from tests.e2e.conditions import Change, Pair
from tests.e2e.load import Load, Report
from tests.kea.world import Run, World, run_process, until

if TYPE_CHECKING:
    from collections.abc import Iterator

FOUR = Service.DHCP4
HOSTS = {"kea-a": "10.77.0.1", "kea-b": "10.77.0.2", "office": "10.77.0.8", "clients": "10.77.0.9"}
_URGENT = {"kea-a": 20, "kea-b": 20, "clients": 20, "office": 15}  # so that a busy machine does not count
OLD_LEASES = IPv4Address("10.77.128.0")
_HALVES = {"kea-a": "10.77.16.0-10.77.63.255", "kea-b": "10.77.64.0-10.77.127.255"}
_COMMANDS = ("subnet_cmds", "host_cmds", "class_cmds")
_TIMERS = {"max-response-delay": 60000, "max-ack-delay": 10000, "sync-timeout": 60000}  # Kea's defaults
_HURRIED_TIMERS = {"max-response-delay": 4000, "max-ack-delay": 1000, "sync-timeout": 10000, "max-unacked-clients": 0}
_CHANGING = re.compile(
    r"^(\S+ \S+)\.(\d{3}) .*Received command '(?:config-set|dhcp-(?:dis|en)able|ha-scopes|(?:subnet|class)\S*-add)'",
    re.MULTILINE,
)
_FETCHING = re.compile(r"^(\S+ \S+)\.(\d{3}) .*HA_SYNC_(START|SUCCESSFUL) ", re.MULTILINE)
_LATE = 0.3  # seconds in which what a command has begun still shows
_DEAD = 8.0  # seconds that a killed server is away: longer than its partner waits before it takes over
_ON_ITS_WAY = 0.2  # seconds that an answer takes at most
_AROUND = 1.0  # seconds that clients ask before and after


@dataclass(frozen=True, slots=True)
class Measured:
    """What clients noticed of something: their report, the seconds that it took, and those for which a server fetched
    leases; addresses leased to two clients by it, and by Kea itself, before and after it.
    """

    report: Report
    seconds: float
    fetching: float
    doubled: tuple[str, ...]
    own: tuple[str, ...]

    @property
    def lost(self) -> int:
        """The exchanges in vain."""
        return self.report.lost


class Scene(World):
    """The servers of a pair on hosts of a network, in their relationship, both normal. The command line runs in the
    office, as a process of its own.
    """

    def __init__(self, lab: Laboratory, network: Network, pair: Pair, *, is_hurried: bool = False) -> None:
        self.pair, self.network = pair, network
        options: dict[str, dict[str, Any]] = {}
        for name in ("kea-a", "kea-b"):
            host = network.hosts[name]
            options[name] = {"address": host.address, "wrapper": host.wrapper}
            if lab.generation.has_http_socket:
                options[name]["direct"] = {}
            if pair.leases:
                leases.write_journal(lab.directory / name / FOUR, OLD_LEASES, pair.leases)
        timers = _HURRIED_TIMERS if is_hurried else _TIMERS
        super().__init__(
            lab,
            FOUR,
            pair.mode,
            configurations=dict.fromkeys(("kea-a", "kea-b"), _configuration(lab, pair)),
            parameters={"heartbeat-delay": pair.heartbeat, **timers},
            options=options,
        )
        if lab.generation.has_http_socket:
            self.controls = {server.name: {FOUR: server.direct(FOUR)} for server in self.servers}
            self.write()
        self._known: set[str] = set()  # addresses of two clients, counted already
        self._witnessed = lab.directory / "witness.output"
        clients = network.hosts["clients"]
        hearing = (*clients.wrapper, sys.executable, "-I", "-S", str(witness.SCRIPT), "eth0")
        self._witness = Process(hearing, environment={}, output=self._witnessed)
        self._witness.start()

    def close(self) -> None:
        """End the witness; all else belongs to the laboratory and the network."""
        self._witness.kill()

    def run(self, command: str, *arguments: str) -> Run:
        """Run `kea-reconciler COMMAND --desired ... ARGUMENTS` in the office."""
        office = self.network.hosts["office"].wrapper
        return run_process(command, "--desired", str(self.desired), *arguments, host=office, start_new_session=True)

    # ------------------------------------------------------------------------------------ what is done

    def prepare(self, change: Change) -> None:
        """Do what has to be done before, so that `apply` makes the change."""
        match change:
            case Change.TIMERS:
                self.document["parameters"]["max-response-delay"] -= 1
                self.write()
            case Change.RESERVATIONS | Change.SUBNETS:
                self.change(self.a, lambda config: _add(config, change))
            case Change.NOTHING:
                pass

    def predicted_pause(self) -> float:
        """The seconds for which the plan says that nobody is answered, since servers fetch leases."""
        planned = self.run("plan", "--format", "json").json["relationships"][0]["servers"]
        return sum(server["pause"] or 0.0 for server in planned)

    def set_naively(self, change: Change) -> None:
        """Make the change with config-set on both servers at once."""
        configs = [(server, self.config(server)) for server in self.servers]
        for _, config in configs:
            _add(config, change)
        with concurrent.futures.ThreadPoolExecutor() as pool:
            for setting in [pool.submit(server.set_config, FOUR, config) for server, config in configs]:
                setting.result()

    @property
    def patience(self) -> float:
        """Seconds within which a pair that was set becomes normal for sure."""
        return 30.0 + 6 * self.pair.heartbeat / 1000

    def with_primary_killed(self, action: Callable[[], object]) -> None:
        """Do something that sets the partner, kill the primary's daemon as soon as that is seen, and start it again
        after a while.
        """
        with concurrent.futures.ThreadPoolExecutor() as pool:
            doing = pool.submit(action)
            until(lambda: self._is_set(self.b), "set of the partner", self.patience)
            self.a.kill_daemon(FOUR)
            time.sleep(_DEAD)
            self.a.start_daemon(FOUR)
            with contextlib.suppress(OSError, LabError):  # a killed server gives no answer
                doing.result()

    def _is_set(self, server: KeaServer) -> bool:
        """Whether it has left its normal state, or does not even tell since it is just being set."""
        try:
            return self.state(server) not in {self.mode, "communication-recovery"}
        except (OSError, LabError):
            return True

    # ------------------------------------------------------------------------------- what clients notice

    def measured(self, action: Callable[[], object]) -> Measured:
        """What new clients notice while something is done, until both servers are normal again."""
        self.until_normal(self.patience)
        begin, logged = len(self.heard()), [len(server.log(FOUR)) for server in self.servers]
        with Load(self.network.hosts["clients"], self.lab.directory, self.pair.clients) as load:
            time.sleep(_AROUND)
            began = time.monotonic()
            action()
            self.until_normal(self.patience)
            seconds = time.monotonic() - began
            time.sleep(_AROUND)
            report = load.stop()
        time.sleep(_ON_ITS_WAY)
        heard = self.heard(begin)
        if heard.is_last_unanswered() or heard.answered() > report.ended:  # it was we who ended that exchange
            report = replace(report, begun=report.begun - 1)
        told = [server.log(FOUR)[start:] for server, start in zip(self.servers, logged, strict=True)]
        return Measured(report, seconds, sum(map(_fetching, told)), *self._doubled(heard, told))

    def _doubled(self, heard: witness.Heard, told: list[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The addresses of two clients: those that count, and Kea's own.

        An address counts where two clients were promised it, the second from the first command that changes a server
        to the last, or where the servers' databases have it for different clients at the end, unless that is Kea's own:
        promised twice before or after, by two load-balancing servers with shared pools. These do so by themselves when
        clients ask within the time that a lease update takes. No lease ends during these tests.
        """
        moments = [_moment(each) for log in told for each in _CHANGING.finditer(log)]
        began, ended = min(moments, default=0.0), max(moments, default=math.inf)
        twice = heard.given_twice()
        apart = {address for address, moment in twice.items() if not began <= moment <= ended + _LATE}
        own = apart if self.pair.has_races else set[str]()
        found = {*leases.doubled(self.servers), *twice} - own - self._known
        self._known |= found | own
        return tuple(sorted(found)), tuple(sorted(own))

    def heard(self, since: int = 0) -> witness.Heard:
        """What was heard on the wire."""
        return witness.Heard(self._witnessed, since)


def _moment(line: re.Match[str]) -> float:
    """When a line was logged, as time.time()."""
    return time.mktime(time.strptime(line[1], "%Y-%m-%d %H:%M:%S")) + int(line[2]) / 1000


def _fetching(log: str) -> float:
    """The seconds for which a server fetched its partner's leases, by its log; no server answers meanwhile."""
    found = list(_FETCHING.finditer(log))
    return sum(
        _moment(end) - _moment(start)
        for start, end in itertools.pairwise(found)
        if (start[3], end[3]) == ("START", "SUCCESSFUL")
    )


@contextlib.contextmanager
def scene(pair: Pair, *, is_hurried: bool = False) -> Iterator[Scene]:
    """A scene with everything of it, both servers normal."""
    generation = next(each for each in GENERATIONS if each.series == pair.series)
    with (
        Laboratory(generation=generation) as lab,
        Network(lab.directory / "network", HOSTS, urgent=_URGENT) as network,
        contextlib.closing(Scene(lab, network, pair, is_hurried=is_hurried)) as made,
    ):
        made.must_apply()
        made.until_normal(made.patience)
        yield made


def _configuration(lab: Laboratory, pair: Pair) -> dict[str, Any]:
    guard = "client-classes" if lab.generation.has_http_socket else "client-class"
    if pair.has_split_pools:
        classes = {name: f"HA_{name}" for name in _HALVES}
        pools = [
            {"pool": pool, guard: [classes[name]] if guard == "client-classes" else classes[name]}
            for name, pool in _HALVES.items()
        ]
    else:
        pools = [{"pool": pool} for pool in _HALVES.values()]
    subnets = [{"id": 1, "subnet": "10.77.0.0/16", "pools": pools}]
    parts: dict[str, Any] = {"interfaces_config": {"interfaces": ["eth0"]}}
    if pair.has_commands:
        hooks = lab.generation.hooks
        parts["hooks_libraries"] = [{"library": f"{hooks}/libdhcp_{name}.so"} for name in _COMMANDS]
    return base_configuration(FOUR, subnets=subnets, **parts)


def _add(config: dict[str, Any], change: Change) -> None:
    """Put a change into a configuration by hand; made twice it is another one."""
    match change:
        case Change.TIMERS:
            for library in config["hooks-libraries"]:
                for entry in (library.get("parameters") or {}).get("high-availability", ()):
                    entry["max-response-delay"] -= 1
        case Change.RESERVATIONS:
            known = config["subnet4"][0].setdefault("reservations", [])
            first = len(known)
            known += [
                {"hw-address": f"0a:00:00:00:{place >> 8:02x}:{place & 255:02x}", "ip-address": f"10.77.8.{place}"}
                for place in range(first, first + 60)
            ]
        case Change.SUBNETS:
            first = len(config["subnet4"]) + 1
            config["subnet4"] += [
                {"id": place, "subnet": f"10.{100 + (place >> 8)}.{place & 255}.0/24", "pools": []}
                for place in range(first, first + 1000)
            ]
        case Change.NOTHING:
            pass
