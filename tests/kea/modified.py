"""A relationship of real servers that stands, to change in git and by hand, and the changes to make to it.

A change takes the pair (with backups or without, in any mode) and alters what is desired; `apply` records the HA states
while it is carried out.
"""

from __future__ import annotations

import contextlib
import itertools
from dataclasses import dataclass, field
from functools import partial
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

import trustme

from lab.kea import Generation, base_configuration
from lab.laboratory import Laboratory
from lab.ports import Port
from reconciler.model import Mode, Role, Service
from tests.kea import clients as clients4
from tests.kea import clients6
from tests.kea.traces import Trace, relationship
from tests.kea.world import World, subnet, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from lab.kea import KeaServer

THREADS = {"enable-multi-threading": True, "thread-pool-size": 2, "packet-queue-size": 16}
PAUSES = {"states": [{"state": "waiting", "pause": "always"}, {"state": "ready", "pause": "once"}]}
APPROVED = ("--approve", "shared-pools", "--approve", "untested-version")
ROOMY = {Service.DHCP4: ip_network("10.1.0.0/16"), Service.DHCP6: ip_network("2001:db8:1::/112")}


Clients = clients4.Clients | clients6.Clients6


@dataclass
class Described:
    """A relationship as git describes it, and the ports, files and authority that changes to it need."""

    ports: list[Port] = field(default_factory=list, init=False)
    authority: trustme.CA | None = field(default=None, init=False)
    files: int = field(default=0, init=False)

    @property
    def document(self) -> dict[str, Any]:
        """What its file says."""
        raise NotImplementedError

    @property
    def folder(self) -> Path:
        """Where files are made that servers read."""
        raise NotImplementedError

    @property
    def peers(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.document["peers"]
        return found

    @property
    def parameters(self) -> dict[str, Any]:
        found: dict[str, Any] = self.document["parameters"]
        return found

    def fresh_url(self, scheme: str = "http") -> str:
        """A url at which nothing listens yet."""
        self.ports.append(Port())
        return f"{scheme}://127.0.0.1:{self.ports[-1].number}/"

    def fresh_file(self, name: str) -> Path:
        """A path at which there is nothing yet."""
        self.files += 1
        return self.folder / f"{self.files}-{name}"

    def release(self) -> None:
        """Give the ports back."""
        for port in self.ports:
            port.release()


@dataclass
class Pair(Described):
    """A standing relationship, and who asks its servers."""

    world: World
    clients: Clients | None = None
    addresses: Iterator[str] = field(default_factory=lambda: iter(()))

    @property
    def document(self) -> dict[str, Any]:
        return self.world.document

    @property
    def folder(self) -> Path:
        return self.world.lab.directory

    @property
    def is_dedicated(self) -> bool:
        """Whether the peers are to talk through listeners of the HA hook's own."""
        return bool(self.parameters["multi-threading"]["http-dedicated-listener"])

    def listen(self, *, dedicated: bool) -> None:
        """Let the peers talk through listeners of the HA hook, or through their agents."""
        threads = {"enable-multi-threading": dedicated, "http-dedicated-listener": dedicated}
        self.parameters["multi-threading"] = threads
        for peer, server in zip(self.peers, self.world.servers, strict=True):
            peer["url"] = self.fresh_url() if dedicated else server.control

    def block(self, server: KeaServer) -> dict[str, Any]:
        """The entry of the HA hook that a server has."""
        return dict(relationship(self.world.config(server)) or {})

    def server_of(self, role: str) -> KeaServer:
        """The first server that is to have a role."""
        peers = zip(self.peers, self.world.servers, strict=True)
        return next(server for peer, server in peers if peer["role"] == role)

    def name_of(self, server: KeaServer) -> str:
        """What a server is to be called in Kea."""
        return str(next(peer.get("name", peer["server"]) for peer in self.peers if peer["server"] == server.name))

    def set_on(self) -> list[str]:
        """The servers that were set, in order."""
        return [name for name, _ in self.world.story("config-set")]

    def apply(self, what: str, *approved: str) -> Trace:
        """Write what is desired, apply it, and let nothing be left to do; returns what was seen meanwhile."""
        world = self.world
        world.write()
        world.forget()
        backups = " with a backup" if world.mode is not Mode.PASSIVE_BACKUP and len(self.peers) > 2 else ""
        title = f"{world.lab.generation} {world.mode}{backups}: {what}"
        with Trace(world.servers, world.service, title, world.switched) as trace:
            world.must_apply(*APPROVED, *approved)
        return trace

    def must_be_well(self) -> None:
        """Status says so, and each server says its own state, and who it is."""
        status = self.world.run("status", "--format", "json")
        (found,) = status.json["relationships"]
        assert (status.exit_code, found["status"], found["in_sync"]) == (0, "ok", True), found
        for peer, server in zip(self.peers, self.world.servers, strict=True):
            normal = "backup" if peer["role"] == "backup" else self.world.document["mode"]
            assert self.world.state(server) == normal
            assert self.block(server)["this-server-name"] == self.name_of(server)

    def must_reach_backups(self) -> None:
        """What any server that serves leases to a client is soon known to every backup. Nothing else shows that they
        are reached: no heartbeats go to a backup.
        """
        world = self.world
        backups = [s for peer, s in zip(self.peers, world.servers, strict=True) if peer["role"] == "backup"]
        serving = [s for s, scopes in zip(world.servers, world.scopes(), strict=True) if scopes]
        for wanted in [self._leased(server) for server in serving] if self.clients else ():
            for backup in backups:
                asked = partial(backup.command, world.service, f"lease{world.service.value[-1]}-get", wanted)
                until(lambda asked=asked: asked()["result"] == 0, f"{wanted} on {backup.name}", 10.0)  # type: ignore[misc]

    def _leased(self, server: KeaServer) -> dict[str, str]:
        """An address that a server leased to one of several clients: in load-balancing it answers half of them."""
        assert self.clients is not None
        asking = [(self.clients.request(server.name, each), each) for each in itertools.islice(self.addresses, 16)]
        until(lambda: any(client.leases for client, _ in asking), f"lease of {server.name}", 10.0)
        return {"ip-address": next(address for client, address in asking if client.leases)}


@contextlib.contextmanager
def standing_pair(
    generation: Generation, mode: Mode, service: Service, backups: int = 0, clients: Clients | None = None
) -> Iterator[Pair]:
    """A relationship of servers with one subnet, whose peers talk as they do by default in this generation. They listen
    to `clients`, if there are any, who get addresses of ROOMY.
    """
    with Laboratory(generation=generation) as lab:
        own: dict[str, Any] = {"multi_threading": THREADS}
        relayed: dict[str, Any] = {}
        room = ROOMY[service]
        if clients:
            theirs = clients4 if service is Service.DHCP4 else clients6
            own |= theirs.SERVED
            relayed = {**theirs.BEHIND_RELAY, "subnet": str(room), "pools": [{"pool": str(room)}]}
        net = subnet(service, 1, **relayed)
        start = base_configuration(service, subnets=[net], **own)
        bodies = {f"kea-{letter}": start for letter in "abcd"}
        options = clients.options() if clients else None
        world = World(lab, service, mode, backups=backups, configurations=bodies, is_logged=True, options=options)
        pair = Pair(world, clients, map(str, room.hosts()))
        pair.listen(dedicated=generation.has_dedicated_listener)
        world.write()
        world.must_apply(*APPROVED)
        yield pair
        pair.release()


# ------------------------------------------------------------------------------------------- one by one


def slower(pair: Described) -> None:
    pair.parameters["heartbeat-delay"] = 700 + pair.parameters["heartbeat-delay"] % 2
    pair.parameters["max-response-delay"] += 1000


def logged_in(pair: Pair) -> None:
    """With a user, and with another one where there is one already."""
    file = pair.world.lab.directory / "ha.password"
    file.write_text("a password of the tests")
    user = "ha" if pair.peers[0].get("basic-auth-user") != "ha" else "another"
    for peer in pair.peers:
        peer |= {"basic-auth-user": user, "basic-auth-password-file": str(file)}


def logged_out(pair: Pair) -> None:
    """Without a user; they get one before where the test before did not leave one."""
    if "basic-auth-user" not in pair.peers[0]:
        logged_in(pair)
        pair.apply("a user to take away").must_be_safe()
    for peer in pair.peers:
        del peer["basic-auth-user"], peer["basic-auth-password-file"]


def pausing(pair: Pair) -> None:
    """Each stops in two states on its way back, until somebody lets it go on."""
    pair.parameters["state-machine"] = PAUSES


# ---------------------------------------------------------------------------------------------- together


def moved(pair: Pair) -> None:
    """Other urls: of the agents by another way, or other ports of the listeners."""
    for peer, server in zip(pair.peers, pair.world.servers, strict=True):
        peer["url"] = pair.fresh_url() if pair.is_dedicated else pair.world.lab.proxy(server).control


def listening_otherwise(pair: Pair) -> None:
    pair.listen(dedicated=not pair.is_dedicated)


def renamed(pair: Described) -> None:
    for number, peer in enumerate(pair.peers):
        peer["name"] = f"{peer.get('name', peer['server'])}-{number}"


def becomes(mode: Mode) -> Callable[[Pair], None]:
    """The change to another mode, in which the server beside the primary has the part that the mode has for it."""

    def change(pair: Pair) -> None:
        first, second = pair.peers[:2]
        other = second if first["role"] == "primary" else first
        other["role"] = str(mode.partner_role or Role.BACKUP)
        pair.world.document["mode"] = mode.value
        pair.world.mode = mode

    change.__name__ = f"in_{mode.value.replace('-', '_')}"
    return change


def in_the_other_mode(pair: Pair) -> None:
    """Hot-standby for load-balancing, and load-balancing for any other."""
    becomes(Mode.HOT_STANDBY if pair.world.mode is Mode.LOAD_BALANCING else Mode.LOAD_BALANCING)(pair)


def with_everything_at_once(pair: Pair) -> None:
    renamed(pair)
    in_the_other_mode(pair)
    swapped(pair)
    slower(pair)
    moved(pair)


def swapped(pair: Described) -> None:
    first, second = pair.peers[:2]
    first["role"], second["role"] = second["role"], first["role"]


def certified(pair: Described) -> None:
    """TLS between listeners of the HA hook's own; certificates are local files."""
    trusting_another(pair)
    for peer in pair.peers:
        peer["url"] = pair.fresh_url("https")


def trusting_another(pair: Described) -> None:
    """Another authority, and certificates of it."""
    pair.authority = trustme.CA()
    path = pair.fresh_file("ca.pem")
    pair.authority.cert_pem.write_to_path(str(path))
    pair.parameters["trust-anchor"] = str(path)
    certified_anew(pair)


def certified_anew(pair: Described) -> None:
    """Another key and certificate of the same authority, in files of other names."""
    assert pair.authority is not None
    issued = pair.authority.issue_cert("127.0.0.1")
    key, certificate = pair.fresh_file("key.pem"), pair.fresh_file("cert.pem")
    issued.private_key_pem.write_to_path(str(key))
    issued.cert_chain_pems[0].write_to_path(str(certificate))
    pair.parameters.update({"key-file": str(key), "cert-file": str(certificate)})


def uncertified(pair: Described) -> None:
    pair.parameters.update(dict.fromkeys(("trust-anchor", "cert-file", "key-file"), ""))
    for peer in pair.peers:
        peer["url"] = pair.fresh_url()
