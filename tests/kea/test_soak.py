"""Trouble at random over several pairs, for as long as `--soak` says, with the daemon in enforce mode.

Servers stop and are killed, people edit them by hand, git changes, the daemon is killed. At the end every pair is in
sync, and of everything that was overwritten the state directory has what there was before.
"""

from __future__ import annotations

import json
import random
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from lab.errors import LabError
from lab.faults import Fault
from lab.kea import KeaServer, base_configuration
from reconciler.model import Mode, Service
from reconciler.state import configurations
from reconciler.state.database import open_to_read
from tests.kea.world import World, relationship, subnet, until
from tests.watching.living import Living

if TYPE_CHECKING:
    from collections.abc import Callable

    from lab.laboratory import Laboratory

pytestmark = [pytest.mark.kea, pytest.mark.long, pytest.mark.generations("2.2", "3.0")]

PAIRS = ("hq", "branch")
SERVICE = Service.DHCP4
OPTIONS = ("--mode", "enforce", "--interval", "1", "--steady", "2", "--writes-per-hour", "1000")
RACE = (
    3.0  # seconds before a set in which an edit may come after the last look at the server: Kea has no compare-and-set
)


class Soak:
    """Pairs, the daemon, and a chance of everything; what each server had before each set is taken down."""

    def __init__(self, lab: Laboratory, seed: int) -> None:
        self.chance = random.Random(seed)
        subnets = [subnet(SERVICE, number) for number in (1, 251, 252, 253, 254)]
        body = {**base_configuration(SERVICE), "subnet4": subnets}
        self.world = World(lab, is_logged=True, configurations={"kea-a": body})
        world = self.world
        others = tuple(
            lab.server(name, {SERVICE: config})
            for name, config in (("kea-x", body), ("kea-y", base_configuration(SERVICE)))
        )
        for server in others:
            world.proxies[server.name] = lab.proxy(server)
            world.controls[server.name] = {SERVICE: world.proxies[server.name].control}
        world.documents.append(relationship("branch", SERVICE, Mode.HOT_STANDBY, *others))
        world.write()
        self.pairs: dict[str, tuple[KeaServer, ...]] = dict(zip(PAIRS, (world.servers, others), strict=True))
        self.servers = [server for pair in self.pairs.values() for server in pair]
        self.edited: dict[str, float] = {}
        self.overwritten: list[dict[str, Any]] = []
        self.story: list[str] = []
        for server in self.servers:
            world.proxies[server.name].on(b'"config-set"', Fault.PASS, before=self._noting(server))

    def _noting(self, server: KeaServer) -> Callable[[bytes], None]:
        def note(_: bytes) -> None:
            if time.monotonic() - self.edited.get(server.name, 0.0) > RACE:
                self.overwritten.append(server.config(SERVICE))

        return note

    # ------------------------------------------------------------------------------------------ trouble

    def trouble(self, daemon: Living) -> None:
        """Do one thing at random."""
        name = self.chance.choice(PAIRS)
        primary, standby = self.pairs[name]
        number = self.chance.randint(2, 250)
        kind = self.chance.choice(["standby edit", "primary edit", "git", "stop", "kill", "daemon", "quiet"])
        self.story.append(f"{kind} of {name}, {number}")
        match kind:
            case "standby edit":
                # Mostly something else each time: what drifts back again and again is fought no more.
                self.edit(standby, lambda config: _toggle(config, number))
            case "primary edit":
                self.edit(primary, lambda config: _toggle(config, number))
                primary.command(SERVICE, "config-write")
            case "git":
                document = self.world.documents[PAIRS.index(name)]
                document["parameters"]["max-ack-delay"] = 2000 + number
                self.world.write()
            case "stop":
                server = self.chance.choice([primary, standby])
                server.stop_daemon(SERVICE)
                time.sleep(self.chance.uniform(0.5, 3))
                server.start_daemon(SERVICE)
            case "kill":
                server = self.chance.choice([primary, standby])
                server.kill_daemon(SERVICE)
                server.start_daemon(SERVICE)
            case "daemon":
                daemon.kill()
                daemon.forget()
                daemon.start()
        time.sleep(self.chance.uniform(0.5, 3))

    def edit(self, server: KeaServer, change: Callable[[dict[str, Any]], None]) -> None:
        """Edit a server by hand, as a person who does not look at what else goes on; it may not take it just now."""
        self.edited[server.name] = time.monotonic()
        try:
            config = server.config(SERVICE)
            change(config)
            server.set_config(SERVICE, config)
        except (LabError, OSError) as error:
            self.story.append(f"refused: {error}")
        self.edited[server.name] = time.monotonic()

    def is_normal(self, name: str) -> bool:
        """Whether both servers of a pair are in their normal state."""
        return all(self.world.state(server) == Mode.HOT_STANDBY for server in self.pairs[name])


def _toggle(config: dict[str, Any], number: int) -> None:
    """Add a subnet by hand, or take it away; never the first."""
    made = subnet(SERVICE, number)
    there = [each for each in config["subnet4"] if each["subnet"] != made["subnet"]]
    config["subnet4"] = there if len(there) < len(config["subnet4"]) else [*there, made]


def test_after_all_trouble_every_pair_is_in_sync_and_nothing_is_lost(
    lab: Laboratory, pytestconfig: pytest.Config
) -> None:
    seed = random.randrange(1 << 30)
    soak = Soak(lab, seed)
    world = soak.world
    with Living(world.desired, lab.directory, *OPTIONS) as daemon:
        try:
            for name in PAIRS:
                daemon.until("changes", is_over=True, relationship=name)
            end = time.monotonic() + float(pytestconfig.getoption("--soak"))
            while time.monotonic() < end:
                soak.trouble(daemon)
            for name in PAIRS:
                until(lambda: soak.is_normal(name), f"normal servers of {name}", 60)  # noqa: B023
            until(lambda: world.run("plan", "--detailed-exitcode").exit_code == 0, "an empty plan", 120)
            assert daemon.stop() == 0
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {'; '.join(soak.story)}\n{error}\n{daemon.log[-6000:]}") from error
    for primary, standby in soak.pairs.values():
        assert world.shared_part(primary) == world.shared_part(standby)
    assert soak.overwritten
    lost = [each for each in soak.overwritten if _text(each) not in kept(daemon)]
    assert len(lost) == 0, f"seed {seed}: {len(lost)} of {len(soak.overwritten)}; {'; '.join(soak.story)}"


def kept(daemon: Living) -> set[str]:
    """The configurations in the state directory, as text."""
    database = open_to_read(daemon.state)
    assert database is not None
    with closing(database):
        rows = database.execute("SELECT digest FROM configuration").fetchall()
        return {_text(configurations.kept(database, digest)) for (digest,) in rows}


def _text(config: object) -> str:
    return json.dumps(config, sort_keys=True)
