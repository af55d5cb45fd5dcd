"""Pairs of different Kea versions: created, kept replicated, and refused by name what the older can't say.

One pair of servers for each combination lives through all steps; what is asked of it afterwards is cheap.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from lab.laboratory import Laboratory
from reconciler.model import Action, Service
from tests.kea.mixed import MIDDLE, NEW, OLD, PAIRS, V4, V6, mixed, on
from tests.kea.objects import base, things
from tests.kea.shared import Shared
from tests.kea.world import Run, World, run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from lab.kea import Generation

pytestmark = pytest.mark.kea

# What this test knows of other names and defaults; deliberately not the reconciler's own table.
WORDS = {
    "allocator",
    "cache-threshold",
    "client-class",
    "client-classes",
    "ddns-conflict-resolution-mode",
    "ddns-use-conflict-resolution",
    "evaluate-additional-classes",
    "extended-info-checks",
    "max-preferred-lifetime",
    "min-preferred-lifetime",
    "never-send",
    "only-if-required",
    "only-in-additional-list",
    "pd-allocator",
    "preferred-lifetime",
    "require-client-classes",
    "stash-agent-options",
}

Config = dict[str, Any]


EVERY_PAIR = pytest.mark.parametrize(
    ("service", "generations"), [on("mixed", *pair) for pair in PAIRS], scope="module", indirect=False
)


@dataclass(frozen=True)
class Seen:
    """The plan while the servers differed, how apply ended, the plan after it, and what both had then."""

    planned: Run
    applied: Run
    planned_after: Run
    after: tuple[Config, Config]


@dataclass(frozen=True)
class Stage:
    """A pair, and how it was made."""

    world: World
    created: Seen


@dataclass(frozen=True)
class Refused:
    """The plan and the end of an apply while the authority had what the other can't say, and what was sent."""

    planned: Run
    applied: Run
    sent: list[str]


@contextlib.contextmanager
def made(service: Service, generations: tuple[Generation, Generation]) -> Iterator[Stage]:
    """The pair, made."""
    with Laboratory() as lab:
        world = mixed(lab, service, generations, {"kea-a": rich(service)})
        yield Stage(world, carried_out(world))


@pytest.fixture(scope="module")
def making(service: Service, generations: tuple[Generation, Generation]) -> Iterator[Shared[Stage]]:
    with Shared(lambda: made(service, generations)) as shared:
        yield shared


@pytest.fixture
def stage(request: pytest.FixtureRequest, making: Shared[Stage]) -> Iterator[Stage]:
    with making.lent(request.node) as stage:
        yield stage


@pytest.fixture
def world(stage: Stage) -> World:
    return stage.world


@pytest.fixture
def created(stage: Stage) -> Seen:
    return stage.created


def rich(service: Service) -> Config:
    """Every kind of object, and those that versions name differently, in words that all of them take."""
    config = base(service)
    guarded, other = config[service.subnets]
    guarded |= {"client-class": "alpha", "require-client-classes": ["mu"]}
    other["pools"][0]["client-class"] = "zeta"
    config["client-classes"][1] = {"name": "mu", "test": "member('KNOWN')"}
    config["shared-networks"][0]["cache-threshold"] = 0.5
    return config


@pytest.fixture(scope="module")
def moves(request: pytest.FixtureRequest, making: Shared[Stage]) -> dict[tuple[str, Action], Seen]:
    """Every kind of object added on the primary, then changed on the other server."""
    with making.lent(request.node) as stage:
        assert stage.created.applied.exit_code == 0, stage.created.applied
        return {step: moved(stage.world, *step) for step in (("primary", Action.ADD), ("peer", Action.CHANGE))}


def moved(world: World, mover: str, action: Action) -> Seen:
    def edit(config: Config) -> None:
        for thing in things(world.service):
            thing.edit(config, action)

    world.change(world.a if mover == "primary" else world.b, edit)
    return carried_out(world)


def carried_out(world: World) -> Seen:
    planned = world.run("plan", "--format", "json", "--detailed-exitcode")
    applied = world.apply()
    must_not_be_held_off(world)
    after = tuple(common(world.shared_part(server)) for server in world.servers)
    return Seen(planned, applied, world.run("plan", "--detailed-exitcode"), (after[0], after[1]))


def must_not_be_held_off(world: World) -> None:
    """No server has its service off since its partner forgot to switch it on again, as far as its version tells."""
    held = [server.command(world.service, "status-get")["arguments"].get("dhcp-state", {}) for server in world.servers]
    assert [each.get("disabled-by-remote-command", []) for each in held] == [[], []]


def common(value: Any) -> Any:
    """A configuration without what versions say differently."""
    if isinstance(value, dict):
        return {
            key: common(each)
            for key, each in value.items()
            if key not in WORDS or (isinstance(each, list) and each and isinstance(each[0], dict))
        }
    return [common(each) for each in value] if isinstance(value, list) else value


@EVERY_PAIR
def test_a_pair_is_made(created: Seen) -> None:
    assert created.applied.exit_code == 0, created.applied
    assert created.planned_after.exit_code == 0, created.planned_after
    assert created.after[0] == created.after[1]


@EVERY_PAIR
def test_each_server_has_it_in_its_own_words(world: World, created: Seen) -> None:
    assert created.applied.exit_code == 0
    for server in world.servers:
        config = world.config(server)
        guarded, other = config[world.service.subnets]
        pool = other["pools"][0]
        if server.generation == NEW:
            assert (guarded["client-classes"], pool["client-classes"]) == (["alpha"], ["zeta"])
            assert guarded["evaluate-additional-classes"] == ["mu"]
        else:
            assert (guarded["client-class"], pool["client-class"]) == ("alpha", "zeta")
            assert guarded["require-client-classes"] == ["mu"]


@EVERY_PAIR
def test_both_do_the_same_with_what_nobody_set(world: World, created: Seen) -> None:
    """Lease caching has a default from 3.0 on, and a DHCPv6 address is preferred for 3600 seconds in 2.2."""
    assert created.applied.exit_code == 0
    caching, preferred = [], []
    for server in world.servers:
        config = world.config(server)
        subnet = config[world.service.subnets][0]
        caching.append(
            [holder.get("cache-threshold", 0.0) for holder in (config, subnet, config["shared-networks"][1])]
        )
        preferred.append(subnet.get("preferred-lifetime", 5 * subnet["valid-lifetime"] // 8))
    assert caching[0] == caching[1]
    assert preferred[0] == preferred[1]
    assert caching[0][2] == 0.5


@EVERY_PAIR
@pytest.mark.parametrize(("mover", "action"), [("primary", Action.ADD), ("peer", Action.CHANGE)])
def test_every_kind_of_object_follows_the_primary(
    world: World, moves: dict[tuple[str, Action], Seen], mover: str, action: Action
) -> None:
    seen = moves[mover, action]
    assert seen.planned.exit_code == 2
    (partner, primary) = seen.planned.json["relationships"][0]["servers"]
    assert (partner["server"], primary["changes"]) == ("kea-b", [])
    assert sorted(change["path"] for change in partner["changes"]) == sorted(
        each.path for each in things(world.service)
    )
    moved = "kea-a" if mover == "primary" else "kea-b"
    assert {(change["cause"], *change["moved"]) for change in partner["changes"]} == {(mover, moved)}
    assert seen.applied.exit_code == 0, seen.applied
    assert seen.planned_after.exit_code == 0, seen.planned_after
    assert seen.after[0] == seen.after[1]


@pytest.fixture(scope="module")
def refused(request: pytest.FixtureRequest, making: Shared[Stage], moves: dict[tuple[str, Action], Seen]) -> Refused:
    """What happens while the primary has something that its peer can't say; it is taken away again."""
    assert all(seen.planned_after.exit_code == 0 for seen in moves.values())
    with making.lent(request.node) as stage:
        world = stage.world
        before = world.config(world.a)
        world.change(world.a, unsayable(world)[0])
        world.forget()
        planned, applied = world.run("plan"), world.apply()
        sent = [name for server in world.servers for name in world.sent(server)]
        world.a.set_config(world.service, before)
        world.until_normal()
        return Refused(planned, applied, sent)


def unsayable(world: World) -> tuple[Callable[[Config], object], str]:
    """Something that the primary takes and the other does not, and how it is named."""
    primary, peer = (server.generation for server in world.servers)
    if peer == OLD:
        return (
            lambda config: config["option-data"][0].update({"never-send": True}),
            "no `never-send`: option ",
        )
    if primary == NEW:
        return (
            lambda config: config[world.service.subnets][0].update({"client-classes": ["alpha", "mu"]}),
            "no `client-classes` with more than one class: subnet ",
        )
    code = {(V4, OLD): 121, (V6, OLD): 136, (V4, MIDDLE): 122, (V6, MIDDLE): 148}[world.service, primary]
    return (
        lambda config: config["option-def"].append({"name": "ours", "code": code, "type": "binary"}),
        f"no own definition of code {code} ",
    )


@EVERY_PAIR
def test_what_the_other_cannot_say_is_refused_by_name_and_nothing_is_sent(world: World, refused: Refused) -> None:
    version = world.b.command(world.service, "version-get")["text"]
    told = f"kea-b runs {version}, which has {unsayable(world)[1]}"
    assert told in " ".join(refused.planned.stdout.split()), refused.planned
    assert refused.applied.exit_code != 0
    assert refused.sent == []
    world.must_be_done()


@EVERY_PAIR
def test_operations_leave_nobody_held_off(world: World, created: Seen) -> None:
    """Kea 2.2 does not tell a newer partner in its words that it has fetched the leases."""
    assert created.applied.exit_code == 0
    world.until_normal()
    for words in ("maintenance start kea-b", "maintenance stop kea-b", "sync kea-b", "sync kea-a", "reset kea-b"):
        done = world.run(*words.split(), "--yes")
        assert done.exit_code == 0, done
        must_not_be_held_off(world)
        if words != "maintenance start kea-b":
            world.until_normal()
    world.must_be_done()


@EVERY_PAIR
def test_importing_the_pair_finds_nothing_in_which_the_two_disagree(
    world: World, created: Seen, refused: Refused, tmp_path: Path
) -> None:
    assert (created.applied.exit_code, refused.planned.exit_code) == (0, 1)
    desired = tmp_path / "imported"
    controls = [argument for server in world.servers for argument in ("--control", server.control)]
    done = run("import", "--desired", str(desired), *controls)
    assert done.exit_code == 0, done
    assert "differ" not in done.stderr
    (document,) = (desired / "relationships").iterdir()
    told = yaml.safe_load(document.read_text())
    assert told.get("replicate", True)
    assert not told["parameters"].keys() & {"multi-threading", "restrict-commands"}
    planned = run("plan", "--desired", str(desired), "--detailed-exitcode")
    assert planned.exit_code == 0, planned


# --------------------------------------------------------------------------------------- upgrades in place


@pytest.mark.parametrize(
    ("service", "generations"), [(V4, (OLD, MIDDLE)), (V6, (OLD, MIDDLE)), (V4, (MIDDLE, NEW))], ids=str
)
def test_a_rolling_upgrade_leaves_nothing_to_do_but_what_versions_do_differently(
    service: Service, generations: tuple[Generation, Generation]
) -> None:
    """The standby first, then the primary, each from the file that it had."""
    before, after = generations
    pinned = {
        "multi-threading": {"enable-multi-threading": False, "http-dedicated-listener": False},
        "restrict-commands": False,
    }
    with Laboratory(generation=before) as lab:
        world = World(lab, service, configurations={"kea-a": rich(service)}, parameters=pinned)
        for peer, server in zip(world.document["peers"], world.servers, strict=True):
            peer["url"] = server.control
        world.write()
        world.must_apply()
        for server in world.servers:
            server.command(service, "config-write")
        causes = []
        for name in ("b", "a"):
            upgrade(world, name, after)
            planned = world.run("plan", "--format", "json")
            changes = [each for server in planned.json["relationships"][0]["servers"] for each in server["changes"]]
            causes.append({each["cause"] for each in changes})
            assert all(each["path"][-1][0] != "relationship" for each in changes), changes
            world.must_apply()
        # 3.0 caches leases by default. The standby that does so is no longer what it was; then the primary leads.
        assert causes == ([{"version"}, {"primary"}] if after == NEW else [set(), set()])


def upgrade(world: World, name: str, generation: Generation) -> None:
    """Put a server of another generation in the place of one, with its file and at its address."""
    old = getattr(world, name)
    own = {"control-socket", "control-sockets", "lease-database", "loggers"}
    body = {key: value for key, value in world.file(old).items() if key not in own}
    port = int(old.control.rstrip("/").rpartition(":")[2])
    old.stop()
    new = world.lab.server(f"{old.name}-upgraded", {world.service: body}, generation=generation, port=port)
    setattr(world, name, new)
    world.servers = (world.a, world.b)
    world.until_normal()
