"""Data that follow by single commands: the HA of nobody moves, and all is as a whole set would have left it."""

from __future__ import annotations

import contextlib
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from lab.kea import GENERATIONS, base_configuration
from lab.laboratory import Laboratory
from reconciler.kea.single_commands import LIBRARIES
from reconciler.kea.stamps import OURS, carrier
from reconciler.model import Carrier, Mode, Service
from tests.kea.shared import Shared, shared_by
from tests.kea.traces import Trace
from tests.kea.world import World, subnet, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from lab.kea import Generation, KeaServer

    Edit = Callable[[dict[str, Any], Service], object]
    Causes = set[tuple[str, tuple[str, ...]]]

pytestmark = [pytest.mark.kea, pytest.mark.generations("3.0")]

NEWEST = GENERATIONS[-1]
S4 = Service.DHCP4
STARTED = 12  # seconds after which a set is none of its start
SINGLE = ("subnet", "network", "reservation", "class")
KINDS = [
    pytest.param((mode, service), id=f"{mode}-{service}", marks=pytest.mark.xdist_group(f"single-{mode}-{service}"))
    for mode, service in ((Mode.HOT_STANDBY, Service.DHCP4), (Mode.LOAD_BALANCING, Service.DHCP6))
]


def body(service: Service, generation: Generation, *libraries: str) -> dict[str, Any]:
    """What a server starts from: four subnets, two of them in a shared network, two classes, and these hooks."""
    inside = [subnet(service, number) for number in (11, 12)]
    return base_configuration(
        service,
        subnets=[subnet(service, number, reservations=[host(service, number, 5)]) for number in (1, 2)],
        shared_networks=[{"name": "net", service.subnets: inside}],
        client_classes=[{"name": "one", "test": "option[61].hex == 0x01"}, {"name": "two", "test": "member('one')"}],
        hooks_libraries=[{"library": f"{generation.hooks}/{name}"} for name in libraries],
    )


def host(service: Service, number: int, place: int, **more: Any) -> dict[str, Any]:
    """A reservation in subnet `number`."""
    if service is Service.DHCP4:
        return {"hw-address": f"aa:bb:cc:dd:{number:02x}:{place:02x}", "ip-address": f"10.0.{number}.{place}", **more}
    return {"duid": f"01:02:03:{number:02x}:{place:02x}", "ip-addresses": [f"2001:db8:{number:x}::{place:x}"], **more}


def pool(service: Service, number: int, first: int, last: int) -> str:
    """A pool of subnet `number`, beside the one that it has."""
    if service is Service.DHCP4:
        return f"10.0.{number}.{first} - 10.0.{number}.{last}"
    return f"2001:db8:{number:x}::1:{first} - 2001:db8:{number:x}::1:{last}"


def made(lab: Laboratory, mode: Mode, service: Service, libraries: Sequence[str] = LIBRARIES, **options: Any) -> World:
    """A pair whose kea-b is a 3.0 with these hooks, and kea-a one with none; `options` are those of World."""
    bodies = {"kea-a": body(service, NEWEST), "kea-b": body(service, NEWEST, *libraries)}
    world = World(lab, service, mode, configurations=bodies, is_logged=True, **options)
    world.must_apply()
    return world


@dataclass
class Standing:
    """A pair whose servers have all of the hooks, and how many of the edits its data have seen; None: unknown."""

    world: World
    edits: int | None = 0

    def __post_init__(self) -> None:
        config = self.world.config(self.world.a)
        names = (self.world.service.subnets, "shared-networks", "client-classes", "reservations")
        self._first = {name: config.get(name, []) for name in names}

    def before(self, edit: Edit) -> World:
        """The pair as this edit finds it, normal and with nothing to do: be it that another edit was left out."""
        place = EDITS.index(edit)
        if self.edits != place:

            def again(config: dict[str, Any], service: Service) -> None:
                config.update(deepcopy(self._first))
                for each in EDITS[:place]:
                    each(config, service)

            until_started(self.world)
            change(self.world, self.world.a, again)
            self.world.must_apply()
        self.edits = None
        self.world.until_normal()
        self.world.must_be_done()
        self.world.forget()
        return self.world


@contextlib.contextmanager
def stood(generation: Generation, kind: tuple[Mode, Service]) -> Iterator[Standing]:
    with Laboratory(generation=generation) as lab:
        yield Standing(made(lab, *kind))


shared = shared_by(stood, KINDS)


@pytest.fixture
def standing(request: pytest.FixtureRequest, shared: Shared[Standing]) -> Iterator[Standing]:
    with shared.lent(request.node) as standing:
        yield standing


@pytest.fixture
def world(standing: Standing) -> World:
    """The pair with the data that it began with, normal and with nothing to do."""
    return standing.before(EDITS[0])


def until_started(world: World) -> None:
    """Wait until what is set on the primary is no longer taken for what it was started with."""
    until(lambda: uptime(world, world.a) >= STARTED, "primary that runs for a while")


def uptime(world: World, server: KeaServer) -> int:
    """The whole seconds since the server was started."""
    return int(server.command(world.service, "status-get")["arguments"]["uptime"])


def sent(world: World, server: KeaServer) -> list[str]:
    """The commands for single objects that a server got, and what else changes it."""
    return [name for name in world.proxies[server.name].commands() if name.startswith(SINGLE)] + world.sent(server)


def subnets(config: dict[str, Any]) -> list[Any]:
    found: list[Any] = config["subnet4" if "subnet4" in config else "subnet6"]
    return found


def change_reservations(config: dict[str, Any], service: Service) -> None:
    first = subnets(config)[0]["reservations"]
    first[0]["hostname"] = "renamed"
    first.append(host(service, 1, 6))
    subnets(config)[1]["reservations"].clear()


def swap_addresses(config: dict[str, Any], service: Service) -> None:
    one, two = subnets(config)[0]["reservations"][:2]
    key = "ip-address" if service is Service.DHCP4 else "ip-addresses"
    one[key], two[key] = two[key], one[key]


def change_subnets(config: dict[str, Any], service: Service) -> None:
    own = subnets(config)
    own[0]["renew-timer"] = 77
    own[0]["pools"].append({"pool": pool(service, 1, 110, 120)})
    own.pop(1)
    own.append(subnet(service, 3, reservations=[host(service, 3, 7)]))


def change_networks(config: dict[str, Any], service: Service) -> None:
    key = service.subnets
    networks = config["shared-networks"]
    moved = networks[0][key].pop(0)
    networks[0]["renew-timer"] = 88
    networks[0][key].append(subnet(service, 13))
    networks[0][key][0]["pools"].append({"pool": pool(service, 12, 110, 120)})
    networks.append({"name": "other", key: [moved, subnet(service, 14)]})


def change_classes(config: dict[str, Any], service: Service) -> None:
    config["client-classes"][0]["test"] = "option[61].hex == 0x02"
    config["client-classes"].append({"name": "three", "test": "member('two')"})
    subnets(config)[0]["client-classes"] = ["three"]
    assert service


def take_back_most(config: dict[str, Any], service: Service) -> None:
    config["shared-networks"] = config["shared-networks"][:1]
    del subnets(config)[0]["client-classes"]
    config["client-classes"] = config["client-classes"][:1]
    config["reservations"] = [host(service, 9, 9, hostname="everywhere")]
    config["reservations"][0].pop("ip-address" if service is Service.DHCP4 else "ip-addresses")


EDITS: list[Edit] = [
    change_reservations,
    swap_addresses,
    change_subnets,
    change_networks,
    change_classes,
    take_back_most,
]


@pytest.mark.parametrize("edit", EDITS)
def test_the_ha_of_nobody_moves(standing: Standing, edit: Edit) -> None:
    world = standing.before(edit)
    change(world, world.a, edit)
    committed = world.seconds_since_commit(world.b)
    scopes = world.scopes()
    with Trace(world.servers, world.service, f"single commands {getattr(edit, '__name__', edit)}") as trace:
        done = world.apply()
    assert done.exit_code == 0, done
    assert trace.states() == {world.mode}
    trace.must_be_safe()
    assert world.scopes() == scopes
    assert world.seconds_since_commit(world.b) >= committed
    world.must_be_done()
    told = sent(world, world.b)
    assert told[-1] == "config-write"
    assert len(told) > 1
    assert "config-set" not in told
    assert sent(world, world.a) == []
    assert stripped(world.shared_part(world.b)) == stripped(world.shared_part(world.a))
    before = world.shared_part(world.b)
    world.restart(world.b)
    world.until_normal()
    assert world.shared_part(world.b) == before
    world.must_be_done()
    standing.edits = EDITS.index(edit) + 1


def stripped(part: dict[str, Any]) -> dict[str, Any]:
    """A configuration without what Kea shows or hands down: rapid-commit of subnets in shared networks."""
    for network in part.get("shared-networks", []):
        for each in network.get("subnet6", []):
            each.pop("rapid-commit", None)
    return part


def only(name: str) -> list[str]:
    return [f"libdhcp_{name}_cmds.so"]


def change(world: World, server: KeaServer, edit: Edit) -> None:
    """Change a server by hand."""
    world.change(server, lambda config: edit(config, world.service))
    world.forget()


def reserve(place: int, number: int = 1) -> Edit:
    """A reservation that is added."""

    def edit(config: dict[str, Any], service: Service) -> None:
        own = next(each for each in subnets(config) if each["id"] == number)
        own["reservations"].append(host(service, number, place))

    return edit


def load_hooks(config: dict[str, Any], _: Service, libraries: Sequence[str] = LIBRARIES) -> None:
    config["hooks-libraries"].extend({"library": f"{NEWEST.hooks}/{name}"} for name in libraries)


@pytest.mark.xdist_group("single-some-hooks")
@pytest.mark.parametrize(
    ("libraries", "by_command"),
    [
        (only("host"), [change_reservations]),
        (only("subnet"), [change_networks]),
        (only("class"), []),
        ([], []),
    ],
    ids=["host_cmds", "subnet_cmds", "class_cmds", "none"],
)
def test_what_the_hooks_of_a_server_can_not_do_is_set_whole(
    lab: Laboratory, libraries: list[str], by_command: list[Any]
) -> None:
    world = made(lab, Mode.HOT_STANDBY, S4, libraries)
    until_started(world)
    for edit in (change_reservations, change_networks):
        change(world, world.a, edit)
        world.must_apply()
        told = sent(world, world.b)
        is_set = edit not in by_command
        assert ("config-set" in told) is is_set
        assert any(name.startswith(SINGLE) for name in told) is not is_set
        assert stripped(world.shared_part(world.b)) == stripped(world.shared_part(world.a))
        world.until_normal()


@pytest.mark.xdist_group("single-mixed")
@pytest.mark.parametrize("service", Service)
def test_a_newer_peer_follows_an_older_primary_by_commands(lab: Laboratory, service: Service) -> None:
    world = made(lab, Mode.HOT_STANDBY, service, options={"kea-a": {"generation": GENERATIONS[1]}})
    for edit in (change_reservations, change_subnets, change_networks):
        change(world, world.a, edit)
        with Trace(world.servers, service) as trace:
            world.must_apply()
        assert trace.states() == {"hot-standby"}
        told = sent(world, world.b)
        assert "config-set" not in told
        assert any(name.startswith(SINGLE) for name in told)


def test_the_primary_s_own_pools_are_divided_by_commands(lab: Laboratory) -> None:
    world = made(lab, Mode.LOAD_BALANCING, S4)
    change(world, world.a, load_hooks)
    world.document["parameters"]["max-ack-delay"] = 3000  # kea-a is set, now that it has the hooks
    world.write()
    world.must_apply()
    world.until_normal()
    world.document["pools"] = "split"
    world.write()
    world.forget()
    with Trace(world.servers, world.service) as trace:
        world.must_apply("--approve", "split-pools")
    assert trace.states() == {"load-balancing"}
    for server in world.servers:
        told = sent(world, server)
        assert ("config-set" in told, "subnet4-update" in told) == (False, True)


def causes(world: World) -> Causes:
    (found,) = world.run("plan", "--format", "json").json["relationships"]
    return {(each["cause"], tuple(each["moved"])) for server in found["servers"] for each in server["changes"]}


def test_after_commands_it_is_told_who_moved(world: World) -> None:
    by_a: Causes = {("primary", ("kea-a",))}
    by_b: Causes = {("peer", ("kea-b",))}
    steps: list[tuple[KeaServer, Edit, Causes]] = [
        (world.a, reserve(40), by_a),
        (world.a, lambda config, _: subnets(config)[0]["reservations"][-1].update(hostname="told"), by_a),
        (world.b, reserve(41), by_b),
        (world.b, lambda config, _: config.update({"valid-lifetime": 4001}), by_b),
        (world.a, lambda config, _: config.update({"valid-lifetime": 4002}), by_a),
    ]
    for server, edit, wanted in steps:
        change(world, server, edit)
        assert causes(world) == wanted
        world.must_apply()
        world.until_normal()


def test_an_older_primary_is_held_by_a_host_that_remembers_nothing(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was changed in memory and followed by commands, but never written to its disk, is gone with its process."""
    world.a.command(world.service, "config-write")
    change(world, world.a, reserve(60))
    world.must_apply()
    assert "config-set" not in sent(world, world.b)
    world.restart(world.a)
    world.until_normal()
    world.forget()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "another-host"))
    held = world.apply("--format", "json")
    assert held.exit_code == 3, held
    (objection,) = held.json["relationships"][0]["blocked_by"]
    assert objection["code"] == "authority-older"
    assert "kea-a was started with what it had before the last replication to kea-b" in objection["message"]
    assert sent(world, world.b) == []
    assert world.run("promote", "hq", "--yes").exit_code == 0
    world.until_normal()
    world.must_be_done()
    assert stripped(world.shared_part(world.a)) == stripped(world.shared_part(world.b))
    assert OURS not in [each["name"] for each in world.config(world.a)["client-classes"]]


def test_a_stamp_is_renewed_by_a_set_first_where_no_command_can(lab: Laboratory) -> None:
    """Somebody loads a hook later: the next change sets the server once, and those after it go by commands. With
    host_cmds or class_cmds they begin at once, and the stamp goes with them, where it went first.
    """
    world = made(lab, Mode.HOT_STANDBY, S4, [])
    until_started(world)
    steps = [
        ("subnet", renew_after(50), True, None),
        (None, renew_after(51), False, None),
        ("host", reserve(52), False, Carrier.RESERVATION),
        ("class", reserve(53), False, Carrier.RESERVATION),
        (None, lambda config, _: config.update({"valid-lifetime": 4321}), True, None),
        (None, reserve(54), False, Carrier.CLASS),
    ]
    for library, edit, is_set, carried in steps:
        if library:
            change(world, world.b, partial(load_hooks, libraries=only(library)))
        change(world, world.a, edit)
        world.must_apply()
        assert ("config-set" in sent(world, world.b)) is is_set
        assert carrier(world.config(world.b)) is carried
        world.until_normal()
        world.must_be_done()


def renew_after(seconds: int) -> Edit:
    """Give a subnet another renew-timer."""
    return lambda config, _: subnets(config)[0].update({"renew-timer": seconds})
