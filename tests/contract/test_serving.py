"""Who answers a client: real clients behind a relay, and what the simulated world says of them."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

import pytest

from lab.kea import Generation
from lab.laboratory import Laboratory
from lab.ports import Port
from reconciler.model import Service
from reconciler.simulator import Clock, Release, World
from tests.contract.conftest import BOTH, SEVERAL
from tests.contract.group import Group, Peers
from tests.contract.sides import Real, Side, Simulated
from tests.kea.clients import BEHIND_RELAY, SERVED, Clients

NAMES = ("kea-a", "kea-b")
PREFIX = "10.1.0.0/24"
WHO = {"kea-a": "s1", "kea-b": "s2"}
PAIR: Peers = {"s1": ("kea-a", "primary"), "s2": ("kea-b", "standby")}
BALANCED: Peers = {"s1": ("kea-a", "primary"), "s2": ("kea-b", "secondary")}
PASSIVE: Peers = {"s1": ("kea-a", "primary"), "s2": ("kea-b", "backup")}
ALONE = {"kea-a"}
BOTH_SERVE = {"kea-a", "kea-b"}
CLIENTS = 6
"""Enough for both halves of a load-balancing pair: the hash puts some of them in each."""


class Network(Group, ABC):
    """Two servers and the clients of one subnet."""

    @abstractmethod
    def answers(self) -> list[set[str]]:
        """For several new clients, or for each half of all clients, the servers that answer."""

    @abstractmethod
    def give(self, server: str, address: str) -> None:
        """Have a server give one more client an address."""

    def leases(self, server: str) -> list[str]:
        """The addresses that a server knows to be given."""
        leases = self.ask(server, "lease4-get-all").get("arguments", {})["leases"]
        return [lease["ip-address"] for lease in leases]

    def until_leases(self, server: str, wanted: list[str]) -> None:
        """Wait until a server knows of these leases."""
        self.wait(lambda: self.leases(server) == wanted, f"{server} has {wanted}")

    def unsent(self, server: str) -> int:
        """How many leases its partner was never told of."""
        count: int = self.ask(server, "ha-heartbeat")["arguments"]["unsent-update-count"]
        return count

    def who(self) -> set[str]:
        """The servers that answer all clients; where clients are treated differently, that is a failure."""
        answers = self.answers()
        assert all(one == answers[0] for one in answers), answers
        return answers[0]

    def serve(self, server: str, *entries: dict[str, Any], subnet: dict[str, Any] | None = None, **parts: Any) -> None:
        """Give a server the subnet, relationships, and whatever else."""
        own = {"id": 1, "subnet": PREFIX, "pools": [{"pool": "10.1.0.10-10.1.0.250"}], **BEHIND_RELAY}
        listening = {**SERVED, "subnet4": [own | (subnet or {})], **parts}
        assert self.set(server, *entries, **listening)["result"] == 0


class RealNetwork(Network):
    """Real servers, and real packets."""

    clients: Clients

    def answers(self) -> list[set[str]]:
        asked = [self.clients.ask() for _ in range(CLIENTS)]
        self["kea-a"].let_pass(0.5)
        return [client.offers for client in asked]

    def give(self, server: str, address: str) -> None:
        """A client may be of the half that is not the server's: then another one asks."""
        for _ in range(20):
            self.clients.request(server, address)
            time.sleep(0.2)
            if address in self.leases(server):
                return


class SimulatedNetwork(Network):
    """What `World.serving` says."""

    world: World

    def answers(self) -> list[set[str]]:
        found = self.world.serving(PREFIX)
        return [set(found.first), set(found.second)]

    def give(self, server: str, address: str) -> None:
        endpoint = self.world.servers[server].endpoint()
        number = int(address.rpartition(".")[2])
        timed = {"cltt": int(self.world.clock.wall()), "valid-lft": 7200, "state": 0, "hostname": ""}
        who = {"ip-address": address, "hw-address": f"02:00:00:00:00:{number:02x}", "subnet-id": 1}
        endpoint.give_lease(timed | who | {"fqdn-fwd": False, "fqdn-rev": False})


def networks(kind: str, generation: Generation) -> Iterator[Network]:
    if kind == "kea":
        with Clients(NAMES) as clients, Laboratory(generation=generation) as laboratory:
            options = clients.options()
            sides: list[Side] = [Real(laboratory.server(name, {Service.DHCP4: {}}, **options[name])) for name in NAMES]
            real = RealNetwork(sides, Service.DHCP4)
            real.clients = clients
            yield real
        return
    version = next(release for release in Release if release.startswith(f"{generation}."))
    with World(Clock(speed=0)) as world:
        simulated = SimulatedNetwork(
            [Simulated(world.add_server(name, {Service.DHCP4: {}}, version=version)) for name in NAMES], Service.DHCP4
        )
        simulated.world = world
        yield simulated


@pytest.fixture(scope="module", params=BOTH)
def servers_and_clients(request: pytest.FixtureRequest) -> Iterator[Network]:
    yield from networks(*request.param)


@pytest.fixture
def network(servers_and_clients: Network) -> Iterator[Network]:
    servers_and_clients.reset()
    yield servers_and_clients
    servers_and_clients.reset()


def test_two_servers_that_know_nothing_of_each_other_both_answer(network: Network) -> None:
    for server in NAMES:
        network.serve(server)
    assert network.who() == BOTH_SERVE
    network.ask("kea-b", "dhcp-disable")
    assert network.who() == ALONE
    network.ask("kea-b", "dhcp-enable")
    assert network.who() == BOTH_SERVE
    network.serve("kea-b", subnet={"pools": []})
    assert network.who() == ALONE, "a subnet without a pool has nothing to give"


def test_a_time_without_service_can_be_renewed_and_is_forgotten_when_a_server_is_set(network: Network) -> None:
    for server in NAMES:
        network.serve(server)
    for seconds in (1, 86_400):
        network.ask("kea-b", "dhcp-disable", {"max-period": seconds})
    network["kea-b"].let_pass(1.5)
    assert network.who() == ALONE, "the second time has taken the place of the first"
    network.ask("kea-b", "dhcp-disable", {"max-period": 4})
    network.serve("kea-b")
    network["kea-b"].let_pass(4.5)
    assert network.who() == ALONE, "off for good"
    network.ask("kea-b", "dhcp-disable", {"max-period": 1})
    network["kea-b"].let_pass(2)
    assert network.who() == BOTH_SERVE, "it is over"


def test_a_guard_that_nothing_assigns_keeps_everybody_out(network: Network) -> None:
    network.serve("kea-b")
    key = "client-class"
    network.serve("kea-a", subnet={key: "kept-off"})
    assert network.who() == {"kea-b"}
    network.serve("kea-a", subnet={"pools": [{"pool": "10.1.0.10-10.1.0.20", key: "HA_s1"}]})
    assert network.who() == {"kea-b"}, "without the hook nobody is in HA_s1"
    tested = {"name": "everybody", "test": "member('ALL')"}
    network.serve("kea-a", subnet={key: "everybody"}, client_classes=[tested])
    assert network.who() == BOTH_SERVE
    network.serve("kea-a", subnet={key: "untested"}, client_classes=[{"name": "untested"}])
    assert network.who() == {"kea-b"}


def test_of_a_hot_standby_pair_one_answers_whatever_happens(network: Network) -> None:
    entries = {server: network.entry(name, PAIR) for server, name in WHO.items()}
    for server in NAMES:
        network.serve(server, entries[server])
    network.until(NAMES, [("hot-standby", ["s1"]), ("hot-standby", [])])
    assert network.who() == ALONE
    network.ask("kea-b", "ha-maintenance-start")
    assert network.who() == {"kea-b"}
    network.end_maintenance("kea-b", NAMES, [("hot-standby", ["s1"]), ("hot-standby", [])])
    assert network.ask("kea-b", "ha-scopes", {"scopes": ["s1"]})["result"] == 0
    assert network.who() == BOTH_SERVE, "scopes are handed over like this"
    assert network.ask("kea-b", "ha-scopes", {"scopes": []})["result"] == 0
    network["kea-a"].stop(network.service)
    network.until(["kea-b"], [("partner-down", ["s1"])])
    assert network.who() == {"kea-b"}


def test_both_told_to_be_standby_means_nobody(network: Network) -> None:
    swapped: Peers = {"s1": ("kea-a", "standby"), "s2": ("kea-b", "primary")}
    for server, name in WHO.items():
        network.serve(server, network.entry(name, PAIR))
    network.until(NAMES, [("hot-standby", ["s1"]), ("hot-standby", [])])
    network.serve("kea-a", network.entry("s1", swapped))
    network.until(NAMES, [("hot-standby", []), ("hot-standby", [])])
    assert network.who() == set()


def test_load_balancing_divides_the_clients_and_split_pools_follow(network: Network) -> None:
    pools = [
        {"pool": "10.1.0.10-10.1.0.120", "client-class": "HA_s1"},
        {"pool": "10.1.0.121-10.1.0.250", "client-class": "HA_s2"},
    ]
    for server, name in WHO.items():
        network.serve(server, network.entry(name, BALANCED, "load-balancing"), subnet={"pools": pools})
    network.until(NAMES, [("load-balancing", ["s1"]), ("load-balancing", ["s2"])])
    answers = network.answers()
    assert all(len(one) == 1 for one in answers)
    assert set.union(*answers) == BOTH_SERVE
    network["kea-b"].stop(network.service)
    network.until(["kea-a"], [("partner-down", ["s1", "s2"])])
    assert network.who() == ALONE
    network.serve("kea-a", network.entry("s1", BALANCED, "load-balancing"), subnet={"pools": pools[1:]})
    network.until(["kea-a"], [("partner-down", ["s1", "s2"])])
    answers = network.answers()
    assert set.union(*answers) == ALONE
    assert set() in answers, "nobody has a pool for the clients of s1"


def test_a_backup_answers_nobody_until_it_is_told_twice(network: Network) -> None:
    for server, name in WHO.items():
        network.serve(server, network.entry(name, PASSIVE, "passive-backup"))
    network.until(NAMES, [("passive-backup", ["s1"]), ("backup", [])])
    assert network.who() == ALONE
    network.ask("kea-b", "ha-scopes", {"scopes": ["s1"]})
    assert network.who() == ALONE
    own = {"origin": "ha-partner"} if network["kea-b"].release < Release.KEA_2_6 else {"origin-id": 1000}
    network.ask("kea-b", "dhcp-enable", own)
    assert network.who() == BOTH_SERVE


@pytest.mark.parametrize("servers_and_clients", SEVERAL, indirect=True, scope="module")
def test_a_hub_answers_for_the_relationship_that_a_subnet_names(network: Network) -> None:
    ports = Port(), Port()
    urls = [f"http://127.0.0.1:{port.number}/" for port in ports]
    lone: Peers = {"h1": (urls[0], "primary"), "b1": ("http://127.0.0.1:9/", "standby")}
    other: Peers = {"h2": (urls[1], "standby"), "b2": ("http://127.0.0.1:9/", "primary")}
    entries = [
        network.entry("h1", lone, max_response_delay=600),
        network.entry("h2", other, max_response_delay=600),
    ]
    network.serve("kea-a", *entries, subnet={"user-context": {"ha-server-name": "b1"}})
    network.until(["kea-a"], [("partner-down", ["h1"]), ("partner-down", ["b2"])])
    assert network.who() == ALONE
    network.ask("kea-a", "ha-scopes", {"scopes": [], "server-name": "h2"})
    assert network.who() == ALONE
    network.ask("kea-a", "ha-scopes", {"scopes": [], "server-name": "h1"})
    assert network.who() == set()
    network.serve("kea-a", *entries)
    network.until(["kea-a"], [("partner-down", ["h1"]), ("partner-down", ["b2"])])
    assert network.who() == set(), "a subnet that names no relationship is nobody's"
    for port in ports:
        port.release()


def test_the_partner_is_told_of_a_lease_and_of_what_it_missed(network: Network) -> None:
    for server, name in WHO.items():
        network.serve(server, network.entry(name, PAIR))
    network.until(NAMES, [("hot-standby", ["s1"]), ("hot-standby", [])])
    network.give("kea-a", "10.1.0.20")
    network.until_leases("kea-b", ["10.1.0.20"])
    assert network.leases("kea-a") == ["10.1.0.20"]
    first, second = (network.ask(server, "lease4-get", {"ip-address": "10.1.0.20"}) for server in NAMES)
    assert first == second
    assert network.unsent("kea-a") == 0
    network["kea-b"].stop(network.service)
    network.until(["kea-a"], [("partner-down", ["s1"])])
    network.give("kea-a", "10.1.0.21")
    network.until_leases("kea-a", ["10.1.0.20", "10.1.0.21"])
    assert network.unsent("kea-a") == 1
    network["kea-b"].start(network.service)
    network.serve("kea-b", network.entry("s2", PAIR))
    network.until(NAMES, [("hot-standby", ["s1"]), ("hot-standby", [])])
    assert network.leases("kea-b") == ["10.1.0.20", "10.1.0.21"]


def test_backups_are_told_of_leases_and_nobody_waits_for_them(network: Network) -> None:
    for server, name in WHO.items():
        network.serve(server, network.entry(name, PASSIVE, "passive-backup"))
    network.until(NAMES, [("passive-backup", ["s1"]), ("backup", [])])
    network.give("kea-a", "10.1.0.20")
    network.until_leases("kea-b", ["10.1.0.20"])
    network["kea-b"].stop(network.service)
    network.give("kea-a", "10.1.0.21")
    network.until_leases("kea-a", ["10.1.0.20", "10.1.0.21"])
    assert network.unsent("kea-a") == 0, "backups don't count"


def test_in_communication_recovery_a_server_answers_its_own_half(network: Network) -> None:
    entries = {server: network.entry(name, BALANCED, "load-balancing") for server, name in WHO.items()}
    entries["kea-a"]["max-response-delay"] = 30000
    for server in NAMES:
        network.serve(server, entries[server])
    network.until(NAMES, [("load-balancing", ["s1"]), ("load-balancing", ["s2"])])
    network["kea-b"].stop(network.service)
    network.until(["kea-a"], [("communication-recovery", ["s1"])])
    answers = network.answers()
    assert {"kea-a"} in answers
    assert set() in answers
    network.give("kea-a", "10.1.0.30")
    network.until_leases("kea-a", ["10.1.0.30"])
    assert network.unsent("kea-a") == 0, "it is kept for later"
