"""One simulated daemon: kea-dhcp4 or kea-dhcp6 of one server."""

from __future__ import annotations

import copy
import dataclasses
import hashlib
from typing import TYPE_CHECKING

import orjson

from reconciler.simulator import networks, replies
from reconciler.simulator.commands import COMMANDS, HOOK_COMMANDS, names
from reconciler.simulator.dhcp import DhcpSwitch, Origin
from reconciler.simulator.direct import DirectSockets
from reconciler.simulator.faults import Faults, Kind
from reconciler.simulator.ha.commands import COMMANDS as HA_COMMANDS
from reconciler.simulator.ha.service import HaService
from reconciler.simulator.leases import Leases
from reconciler.simulator.libraries import Loaded
from reconciler.simulator.releases import Release
from reconciler.simulator.setting import load_file, put_as_is

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from reconciler.model import Json, Service
    from reconciler.simulator.clock import Timer
    from reconciler.simulator.configuration.context import Machine, Shown
    from reconciler.simulator.faults import Fault
    from reconciler.simulator.replies import Reply
    from reconciler.simulator.server import Entry, SimulatedServer


_HALF_LOADED = "the HA hook was loaded and not started"
_ONLY_LISTED = "the simulator lists this command and does not carry it out"


class SimulatedEndpoint:
    """A daemon with its configuration, its file and its half of a relationship; made by `World.add_server`.

    `config` is what config-get shows; `faults` are of this daemon alone (`server.faults` of the whole server);
    `hears_peers` set to False is a listener that is not bound: peers get no answer, the agent does.
    `is_in_test_mode`: a config-test of 3.0.3 has spoilt it: no configuration opens the HA listener any more until it
    is started anew. `direct`: its own HTTP sockets. `daemon_log` has the reasons that Kea only writes to its log.
    `leases` are what the lease commands find.
    """

    def __init__(self, server: SimulatedServer, service: Service) -> None:
        self.server = server
        self.service = service
        self.family = int(service.value[-1])
        self.faults = Faults()
        self.config: Shown = {}
        self.loaded = Loaded()
        self.relationships: tuple[HaService, ...] = ()
        self.pid = 0
        self.is_running = self.is_frozen = self.was_killed = False
        self.has_sockets = self.is_in_test_mode = False
        self.is_reachable = self.hears_peers = True
        self.started_at = self.committed_at = 0.0
        self.daemon_log: list[str] = []
        self.leases = Leases()
        self.agent_socket = ""
        self.dhcp = DhcpSwitch(self)
        self.original: Mapping[str, Json] | None = None
        self.direct = DirectSockets(self)
        self._shown_bytes: bytes | None = None
        self._hash: str | None = None

    def __repr__(self) -> str:
        return f"<SimulatedEndpoint {self.server.name} {self.service}>"

    # ----------------------------------------------------------------------------------- looking at it

    @property
    def release(self) -> Release:
        """The Kea that it is."""
        return self.server.machine.release

    @property
    def path(self) -> str:
        """The file that it starts from and that config-write writes."""
        return f"/etc/kea/kea-{self.service}.conf"

    @property
    def written(self) -> dict[str, Json] | None:
        """What stands under `Dhcp4` or `Dhcp6` in that file; None where it holds no configuration."""
        try:
            found: dict[str, Json] = orjson.loads(self.server.disk.contents[self.path])[self.service.root]
        except (KeyError, orjson.JSONDecodeError):
            return None
        return found

    @property
    def log(self) -> tuple[Entry, ...]:
        """The commands that came for it through the agent."""
        return tuple(entry for entry in self.server.log if entry.service == self.service)

    @property
    def ha(self) -> HaService | None:
        """Its half of its first relationship, which is its only one as a rule."""
        return self.relationships[0] if self.relationships else None

    @property
    def serves(self) -> tuple[str, ...]:
        """The scopes whose clients it answers now; ("*",) where it answers everybody, without HA."""
        if not (self.is_running and self.has_sockets and self.is_serving()):
            return ()
        if not self.relationships:
            return ("*",)
        return tuple(scope for relationship in self.relationships for scope in relationship.scopes)

    @property
    def machine(self) -> Machine:
        """The machine that it runs on, with the libraries that it has loaded."""
        loaded = frozenset(str(item["library"]) for item in self.loaded.shown)
        return dataclasses.replace(self.server.machine, loaded=loaded, folders=self.server.disk.folders)

    # ------------------------------------------------------------------------------------------- life

    def start(self) -> None:
        """Start from the file, as a new process. Where that does not work it is simply not running."""
        self.server.world.call(self._start)

    def stop(self, *, killed: bool = False) -> None:
        """End the process; the agent stays."""
        self.server.world.call(self._stop, killed)

    def restart(self, config: Mapping[str, Json] | None = None) -> None:
        """End it and start it again: from what was last written, or from another file that holds `config`."""
        if config is not None:
            self.write_file(config)
        self.stop()
        self.start()

    def write_file(self, config: Mapping[str, Json]) -> None:
        """Put a configuration into the file that it starts from, behind its back.

        The control socket that its agent knows is added unless there is one.
        """
        socket = {"socket-type": "unix", "socket-name": self.agent_socket}
        body = {**config} if "control-sockets" in config else {"control-socket": socket, **config}
        self.server.disk.contents[self.path] = orjson.dumps({self.service.root: body})

    def freeze(self) -> None:
        """SIGSTOP: requests are accepted, nothing answers, heartbeats stop."""
        self.is_frozen = True

    def thaw(self) -> None:
        """SIGCONT: everything that was sent meanwhile is carried out now."""
        self.is_frozen = False
        self.server.world.call(self.server.thaw, self)

    def command(self, name: str, arguments: Json = None) -> Reply:
        """Send a command straight to the daemon, past the agent, its faults and the log."""
        reply: Reply = self.server.world.call(self.execute, name, arguments)
        return reply

    def set_config(self, config: Mapping[str, Json]) -> None:
        """config-set by hand; ValueError with Kea's text where the result is not 0."""
        reply = self.command("config-set", {self.service.root: config})
        if reply["result"] != replies.SUCCESS:
            raise ValueError(reply["text"])

    def edit(self, change: Callable[[dict[str, Json]], None]) -> None:
        """What an operator does behind everybody's back: read the configuration, change the copy, set it."""
        config = copy.deepcopy(self.config)
        change(config)
        self.set_config(config)

    def _start(self) -> None:
        world = self.server.world
        self.pid = world.new_pid()
        self.is_running, self.was_killed, self.is_reachable = True, False, True
        self.is_in_test_mode = False
        self.started_at = world.clock.now()
        self.dhcp = DhcpSwitch(self)
        if self.original is not None and self.path not in self.server.disk.contents:
            put_as_is(self, dict(self.original))
            return
        reply = load_file(self)
        if reply["result"] != replies.SUCCESS:
            self.daemon_log.append(str(reply["text"]))
            self._stop()

    def _stop(self, killed: bool = False) -> None:  # noqa: FBT001, FBT002 (called through World.call)
        self.unload()
        self.is_running, self.is_frozen, self.was_killed = False, False, killed
        self.has_sockets = False
        self.direct.close()

    # ---------------------------------------------------------------------------------- as the HA host

    def now(self) -> float:
        """Simulated seconds."""
        return self.server.world.clock.now()

    def wall(self) -> float:
        """The server's own clock: seconds since 1970."""
        return self.server.world.clock.wall() + self.server.clock_offset

    def after(self, seconds: float, call: Callable[[], None]) -> Timer:
        """Call something later, unless the daemon is stopped by then; a frozen one does nothing."""
        return self.server.world.scheduler.after(seconds, lambda: self._due(call))

    def _due(self, call: Callable[[], None]) -> None:
        if self.is_frozen:
            self.after(1.0, call)
        else:
            call()

    def ask(self, url: str, command: str, arguments: Mapping[str, Json] | None = None) -> Mapping[str, Json] | None:
        """Send a command to a peer."""
        return self.server.world.deliver(self, url, command, arguments)

    def switch_dhcp(self, origin: int, *, on: bool) -> None:
        """Switch DHCP on or off on behalf of a relationship, or of its partner."""
        origin = Origin.PARTNER if self.release < Release.KEA_2_6 else origin
        self.dhcp.enable(origin) if on else self.dhcp.disable(origin)

    def take_lease(self, lease: Mapping[str, Json]) -> None:
        """Keep a peer's lease, unless one that is as new is here."""
        held = self.leases.find(lease)
        if held is None or held["cltt"] < lease["cltt"]:
            self.leases.put(lease)

    def subnets_of(self, names: Collection[str]) -> frozenset[int]:
        """The ids of the subnets that say they are of one of these peers."""
        every = networks.subnets(self.service, self.config)
        return frozenset(subnet["id"] for subnet, network in every if networks.server_name(subnet, network) in names)

    def give_lease(self, lease: Mapping[str, Json]) -> bool:
        """Give a client a lease, and tell the peers; whether the client gets its answer. Whose subnet it is counts."""
        answer: bool = self.server.world.call(self._give_lease, lease)
        return answer

    def _give_lease(self, lease: Mapping[str, Json]) -> bool:
        self.leases.put(lease)
        of_it = [one for one in self.relationships if lease["subnet-id"] in self.subnets_of(one.settings.peers)]
        only = self.relationships if len(self.relationships) == 1 else ()
        return all(relationship.updates.give(lease) for relationship in of_it[:1] or only)

    def is_serving(self) -> bool:
        """Whether DHCP is switched on."""
        return self.dhcp.is_on

    def is_heard(self) -> bool:
        """Whether a peer that asks would get an answer."""
        return self.is_running and self.is_reachable and self.hears_peers and not self.is_frozen

    def own_listeners(self) -> list[str]:
        """The urls of the HA hook's dedicated listeners, where both kinds of multi-threading are on."""
        if not self.config.get("multi-threading", {}).get("enable-multi-threading"):
            return []
        every = [relationship.settings for relationship in self.relationships]
        return [str(settings.peers[settings.name]["url"]) for settings in every if settings.has_listener]

    # ------------------------------------------------------------------------------- hooks and commands

    def unload(self) -> None:
        """Unload every hook library."""
        for relationship in self.relationships:
            relationship.stop()
        self.server.world.listen(self, [])
        self.relationships, self.loaded = (), Loaded()

    def open_http_sockets(self, entries: Sequence[Shown]) -> None:
        """Listen at these control sockets; RefusedError where that is not possible."""
        self.direct.listen(entries)

    def put_in_force(self, shown: Shown, loaded: Loaded) -> str:
        """Commit a configuration whose libraries are loaded; what kept the HA hook's own listener from opening."""
        self.config = shown | {"hooks-libraries": [dict(item) for item in loaded.shown]}
        self.loaded = loaded
        self.has_sockets = True
        self.committed_at = self.now()
        self._shown_bytes = self._hash = None
        self.dhcp.take_back_all()
        seconds = self.server.world.sync_seconds
        self.relationships = tuple(HaService(settings, self, sync_seconds=seconds) for settings in loaded.ha)
        problem = self.server.world.listen(self, [] if self.is_in_test_mode else self.own_listeners())
        for relationship in self.relationships:
            relationship.start()
        return problem

    def change(self, shown: Shown) -> None:
        """Take another configuration as the commands of hooks do: nothing is loaded or committed anew."""
        self.config = shown
        self._shown_bytes = self._hash = None

    def hashes(self) -> dict[str, Json] | None:
        """What the answers of config-get and config-set carry of the configuration's hash, since 2.4."""
        if self.release < Release.KEA_2_6:
            return None
        if self._hash is None:
            self._hash = hashlib.sha256(replies.encoded(self.config)).hexdigest().upper()
        return {"hash": self._hash}

    def knows(self, command: str) -> bool:
        """Whether list-commands has it."""
        return command in names(self.release, self.service) or command in self.loaded.adds

    def command_names(self) -> list[str]:
        """What list-commands shows."""
        return sorted([*names(self.release, self.service), *self.loaded.adds])

    def fault(self, kind: Kind, command: str) -> Fault | None:
        """The fault of one kind that strikes a command, of this daemon or of its server."""
        kinds = frozenset({kind})
        own = self.faults.strike(kinds, command, self.service) if self.faults else None
        return own or (self.server.faults.strike(kinds, command, self.service) if self.server.faults else None)

    def execute(self, name: str, arguments: Json = None) -> Reply:
        """Carry out a command; only to be called in the world's thread."""
        if not isinstance(name, str) or not self.knows(name):
            return replies.unsupported(name)
        failing = self.fault(Kind.FAILS, name)
        if failing is not None:
            return replies.error(failing.text)
        if name in COMMANDS:
            return COMMANDS[name](self, arguments)
        if name in HA_COMMANDS:
            ready = self.relationships
            return HA_COMMANDS[name](ready, arguments) if ready else replies.error(_HALF_LOADED)
        return HOOK_COMMANDS[name](self, arguments) if name in HOOK_COMMANDS else replies.error(_ONLY_LISTED)

    def execute_to_bytes(self, name: str, arguments: Json = None) -> bytes:
        """The same as JSON; what config-get says is kept until the configuration changes."""
        if name == "config-get" and not self.faults and not self.server.faults:
            if self._shown_bytes is None:
                self._shown_bytes = replies.encoded(self.execute(name, arguments))
            return self._shown_bytes
        return replies.encoded(self.execute(name, arguments))
