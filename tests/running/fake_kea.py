"""A pair of Keas in memory whose every command can be made to fail in every way, and a clock that never waits.

It keeps to what real daemons do where an apply depends on it: a failed set shows the old configuration and has lost
hooks and sockets; a set starts HA again at `waiting`; `reload` counts whole seconds; a frozen daemon carries out
what was sent to it once it thaws.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import orjson

from reconciler.errors import AccessRefusedError, NotReachedError, OutcomeUnknownError
from reconciler.kea import guards, hooks
from reconciler.kea.access import Settings
from reconciler.kea.channel import Answer, Patience
from reconciler.kea.client import Client
from reconciler.kea.fingerprints import digest
from reconciler.kea.versions import has_config_hash
from reconciler.model import Desired, Endpoint, Mode, Peer, Plan, Relationship, Role, Service
from reconciler.planning.plan import plan
from reconciler.running.hands import Hands
from reconciler.running.observe import observe

WRITES = {"config-set", "config-write", "dhcp-disable", "dhcp-enable"}
HOOKS = "/usr/lib/kea/hooks"
HEARTBEAT, MAX_RESPONSE = 1.0, 10.0


class Fault(StrEnum):
    """What happens to one command; `dies` and `freezes` also to all that come after it on that server."""

    NOT_REACHED = "not reached"
    LOST_REQUEST = "lost on the way there"
    LOST_REPLY = "lost on the way back"
    NONSENSE = "answered with nonsense, but executed"
    UNAUTHORISED = "refused with 401"
    FAILED = "result 1"
    DIES_BEFORE = "dies before"
    DIES_AFTER = "dies after"
    FREEZES = "freezes"


class Clock:
    """Time that passes only when somebody waits."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)


@dataclass
class Kea:
    """One daemon: what runs, what is on its disk, and what became of it."""

    name: str
    clock: Clock
    config: dict[str, Any]
    version: str = "2.2.0"
    disk: dict[str, Any] = field(default_factory=dict)
    partner: Kea | None = None
    pid: int = 1
    committed_at: float = 0.0
    started_at: float = 0.0
    is_harmed: bool = False  # no hooks, no sockets: serves nobody, whatever config-get says
    is_disabled: bool = False
    is_dead: bool = False
    is_frozen: bool = False
    is_deaf: bool = False  # hears nothing of its partner
    room: int | None = None  # bytes left on its disk
    accepts: Callable[[dict[str, Any]], bool] = lambda _: True  # whether config-set takes it
    tests: Callable[[dict[str, Any]], bool] = lambda _: True  # whether config-test takes it
    commands: tuple[str, ...] = ("config-get", "config-set", "status-get")
    clock_offset: float = 0.0  # its own clock against ours, in seconds
    refusals: list[str] = field(default_factory=list)  # texts with which the next sets are refused, nothing altered
    backlog: list[dict[str, Any]] = field(default_factory=list)
    asked_off: list[int | None] = field(default_factory=list)  # for how many seconds it was to be off, each time
    asked_for: list[str] | None = None  # the scopes that ha-scopes gave it, until its HA starts again

    def __post_init__(self) -> None:
        self.disk = deepcopy(self.config)

    # ------------------------------------------------------------------------------------------- state

    @property
    def block(self) -> dict[str, Any] | None:
        found = hooks.relationships_of(self.config)
        return dict(found[0]) if found and not self.is_harmed else None

    @property
    def hears(self) -> bool:
        other = self.partner
        return other is not None and other.block is not None and not (self.is_deaf or other.is_dead or other.is_frozen)

    @property
    def state(self) -> str:
        assert self.block is not None
        age = self.clock.now + self.clock_offset - self.committed_at
        if self.hears:
            return "waiting" if age < 2 * HEARTBEAT else str(self.block["mode"])
        return "waiting" if age < MAX_RESPONSE else "partner-down"

    @property
    def serves(self) -> bool:
        """Whether it hands out addresses now."""
        if self.is_harmed or self.is_disabled or self.is_dead or self.is_frozen or guards.is_silenced(self.config):
            return False
        return self.block is None or self.state != "waiting"

    def edit(self, key: str, value: Any) -> None:
        """Change its running configuration by hand."""
        self.config = {**self.config, key: value}
        self.committed_at = self.clock.now + self.clock_offset

    def restart(self) -> None:
        """Start it from its disk, as after a crash."""
        self.config, self.is_harmed, self.is_disabled, self.is_dead = deepcopy(self.disk), False, False, False
        self.backlog.clear()
        self.pid += 1
        self.started_at = self.committed_at = self.clock.now + self.clock_offset

    def revive(self) -> None:
        """Bring it back, whatever was done to it."""
        if self.is_dead:
            self.restart()
        else:
            self.thaw()

    def thaw(self) -> None:
        """Go on, beginning with what was sent meanwhile."""
        self.is_frozen = False
        while self.backlog:
            self.execute(self.backlog.pop(0))

    # ---------------------------------------------------------------------------------------- commands

    def execute(self, request: dict[str, Any]) -> dict[str, Any]:
        """Carry out one command and return the reply."""
        name = request["command"]
        reply: dict[str, Any] = getattr(self, "_" + name.replace("-", "_"))(request.get("arguments"))
        return {"result": 0, "text": "done"} | reply

    def _version_get(self, _: Any) -> dict[str, Any]:
        return {"text": self.version}

    def _build_report(self, _: Any) -> dict[str, Any]:
        return {"text": f"Hooks directory: {HOOKS}"}

    def _list_commands(self, _: Any) -> dict[str, Any]:
        return {"arguments": list(self.commands)}

    def _config_get(self, _: Any) -> dict[str, Any]:
        return {"arguments": {"Dhcp4": deepcopy(self.config)} | self._hash()}

    def _config_hash_get(self, _: Any) -> dict[str, Any]:
        return {"arguments": self._hash()}

    def _hash(self) -> dict[str, Any]:
        return {"hash": digest(self.config)} if has_config_hash(self.version) else {}

    def _statistic_get(self, arguments: Any) -> dict[str, Any]:
        return {"arguments": {arguments["name"]: [[0, f"started at {self.started_at} by {id(self)}"]]}}

    def _status_get(self, _: Any) -> dict[str, Any]:
        now = self.clock.now + self.clock_offset
        since = int(now) - int(self.committed_at)
        told = {"pid": self.pid, "uptime": int(now) - int(self.started_at), "reload": since}
        if self.block is None:
            return {"arguments": told}
        age = 0 if self.hears else since
        heard = self.partner.state if self.hears and self.partner else ""
        remote = {"age": age, "in-touch": self.hears, "last-state": heard, "communication-interrupted": False}
        local = {"role": "primary", "state": self.state, "scopes": self.scopes}
        return {"arguments": told | {"high-availability": [{"ha-servers": {"local": local, "remote": remote}}]}}

    @property
    def scopes(self) -> list[str]:
        roles = {peer["name"]: peer["role"] for peer in (self.block or {})["peers"]}
        own = [self.name] if roles.get(self.name) == "primary" else []
        return own if self.asked_for is None else self.asked_for

    def _ha_scopes(self, arguments: Any) -> dict[str, Any]:
        self.asked_for = list(arguments["scopes"])
        return {}

    def _ha_heartbeat(self, _: Any) -> dict[str, Any]:
        return {"arguments": {"date-time": ""}}

    def _config_test(self, arguments: Any) -> dict[str, Any]:
        return {} if self.tests(arguments["Dhcp4"]) else {"result": 1, "text": "it is not sane"}

    def _config_set(self, arguments: Any) -> dict[str, Any]:
        if self.refusals:
            return {"result": 1, "text": self.refusals.pop(0)}
        if not self.accepts(arguments["Dhcp4"]):
            self.is_harmed = True
            return {"result": 1, "text": "One or more hook libraries failed to load"}
        self.config, self.is_harmed, self.asked_for = deepcopy(arguments["Dhcp4"]), False, None
        self.committed_at = self.clock.now + self.clock_offset
        return {"arguments": self._hash()} if self._hash() else {}

    def _config_write(self, _: Any) -> dict[str, Any]:
        size = len(orjson.dumps({"Dhcp4": self.config}, option=orjson.OPT_INDENT_2))
        if self.room is not None and self.room < size:
            self.disk = {}
            return {"arguments": {"filename": "kea.conf", "size": -1}}
        self.disk = deepcopy(self.config)
        return {"arguments": {"filename": "kea.conf", "size": size}}

    def _dhcp_disable(self, arguments: Any) -> dict[str, Any]:
        self.asked_off.append((arguments or {}).get("max-period"))
        self.is_disabled = True
        return {}

    def _dhcp_enable(self, _: Any) -> dict[str, Any]:
        self.is_disabled = False
        return {}


@dataclass
class Channel:
    """The way to one Kea, on which the pair's fault lies in wait."""

    kea: Kea
    pair: Pair
    label: str
    names_service: bool = True

    async def exchange(self, request: bytes, patience: Patience, *, is_repeatable: bool) -> Answer:  # noqa: ARG002
        asked = orjson.loads(request)
        name = asked["command"]
        self.pair.clock.now += 0.01
        fault = self.pair.fault_for(self.kea, name)
        is_write = name in WRITES
        self.pair.writing += is_write
        try:
            assert self.pair.writing <= 1, "two servers of one relationship are being written at the same time"
            await asyncio.sleep(0)
            return await self._answer(asked, fault, patience)
        finally:
            self.pair.writing -= is_write
            self.pair.watch()

    async def close(self) -> None:
        pass

    async def _answer(self, asked: dict[str, Any], fault: Fault | None, patience: Patience) -> Answer:
        kea, unknown = self.kea, OutcomeUnknownError(f"{self.label}: the command may have been executed")
        if fault is Fault.DIES_BEFORE:
            kea.is_dead = True
            raise unknown
        if fault is Fault.FREEZES and not kea.is_dead:
            kea.is_frozen = True
        if kea.is_dead or fault is Fault.NOT_REACHED:
            raise NotReachedError(f"{self.label}: nothing was sent")
        if kea.is_frozen:
            kea.backlog.append(asked)
            await self.pair.clock.sleep(patience.silence)
            raise unknown
        if fault is Fault.UNAUTHORISED:
            raise AccessRefusedError(f"{self.label}: it wants other credentials")
        if fault is Fault.LOST_REQUEST:
            raise unknown
        if fault is Fault.FAILED:
            kea.is_harmed = kea.is_harmed or asked["command"] == "config-set"
            return _answer({"result": 1, "text": "it failed"})
        reply = kea.execute(asked)
        if fault is Fault.DIES_AFTER:
            kea.is_dead = True
        if fault in {Fault.DIES_AFTER, Fault.LOST_REPLY}:
            raise unknown
        return Answer(b"<html>what?</html>", 200, "text/html") if fault is Fault.NONSENSE else _answer(reply)


def _answer(reply: dict[str, Any]) -> Answer:
    return Answer(orjson.dumps([reply]), 200, "application/json")


class Pair:
    """kea-a, the primary, and kea-b; what is wanted of them; and one fault at one command.

    `story` holds (server, command) of all that was sent. `double` holds every moment at which both served without
    knowing of each other although they did not in the beginning.
    """

    def __init__(self, *, is_related: bool = False) -> None:
        self.clock = Clock()
        self.a = Kea("kea-a", self.clock, base(), started_at=1.0)
        self.b = Kea("kea-b", self.clock, base(), started_at=2.0)
        self.a.partner, self.b.partner = self.b, self.a
        self.routes = {kea.name: kea for kea in self.keas}  # where the control address of each server leads
        self.relationship = relationship()
        self.story: list[tuple[str, str]] = []
        self.faults: dict[int, Fault] = {}
        self.events: dict[int, Callable[[], object]] = {}  # what happens right before a command, by its number
        self.writing = 0
        self.double: list[int] = []
        if is_related:
            self.relate()

    @property
    def keas(self) -> tuple[Kea, Kea]:
        return self.a, self.b

    @property
    def desired(self) -> Desired:
        endpoints = {
            (kea.name, Service.DHCP4): Endpoint(kea.name, Service.DHCP4, f"http://127.0.0.1:{number}/")
            for number, kea in enumerate(self.keas, 8000)
        }
        return Desired(endpoints, (self.relationship,), "revision-1")

    def relate(self) -> None:
        """Make them what a create would have made them, long ago."""
        for each in asyncio.run(self.plan()).relationships[0].servers:
            kea = next(kea for kea in self.keas if kea.name == each.peer.server)
            assert each.outgoing is not None
            kea.config = deepcopy(dict(each.outgoing))
            kea.disk = deepcopy(kea.config)
        self.clock.now += 1000
        self.story.clear()

    def open_client(self, endpoint: Endpoint) -> Client:
        return Client(
            endpoint, Channel(self.routes[endpoint.server], self, str(endpoint)), Settings(), clock=self.clock
        )

    def hands(self, **options: Any) -> Hands:
        """`watching` and `behind` never come round: they go by the real clock, and every story is to be the same on any
        machine.
        """
        usual = {"patience": 60.0, "watching": 3600.0, "behind": 3600.0}
        return Hands(self.open_client, self.clock, self.clock.sleep, **usual | options)

    async def plan(self) -> Plan:
        return plan(self.desired, await observe(self.desired.endpoints.values(), self.open_client))

    def fault_for(self, kea: Kea, command: str) -> Fault | None:
        self.story.append((kea.name, command))
        self.events.get(len(self.story) - 1, lambda: None)()
        return self.faults.get(len(self.story) - 1)

    def watch(self) -> None:
        """Note when both hand out the same addresses, one of them alone in believing in the relationship."""
        blocks = [kea.block is not None for kea in self.keas]
        is_half = blocks[0] is not blocks[1]
        is_blind = all(blocks) and "partner-down" in [kea.state for kea in self.keas]
        if (is_half or is_blind) and all(kea.serves for kea in self.keas):
            self.double.append(len(self.story) - 1)


def base(**parts: Any) -> dict[str, Any]:
    """A configuration as config-get shows it, without HA."""
    return {
        "control-socket": {"socket-type": "unix", "socket-name": "/run/kea.sock"},
        "lease-database": {"type": "memfile", "persist": True},
        "hooks-libraries": [],
        "valid-lifetime": 4000,
        "subnet4": [{"id": 1, "subnet": "10.0.1.0/24", "pools": [{"pool": "10.0.1.10-10.0.1.20"}]}],
    } | parts


def relationship(**parameters: Any) -> Relationship:
    """A hot-standby relationship of kea-a and kea-b."""
    peers = (
        Peer("kea-a", "kea-a", Role.PRIMARY, "http://127.0.0.1:8000/"),
        Peer("kea-b", "kea-b", Role.STANDBY, "http://127.0.0.1:8001/"),
    )
    delays = {"heartbeat-delay": int(HEARTBEAT * 1000), "max-response-delay": int(MAX_RESPONSE * 1000)}
    return Relationship("hq", Service.DHCP4, Mode.HOT_STANDBY, peers, delays | parameters)


def positions(story: list[tuple[str, str]]) -> Iterator[tuple[int, str]]:
    """The position of each command of a story with a name to call a test by, repetitions while waiting left out."""
    for number, each in enumerate(story):
        if each[1] not in {"status-get", "config-get", "version-get"} or each not in story[max(0, number - 4) : number]:
            yield number, "-".join((f"{number:02}", *each))
