"""A life in which the process is killed at a command of its own, and the scenes in which that is tried."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest

from reconciler.model import Mode, Service
from reconciler.simulator import Release, World
from reconciler.state.directory import default_directory
from reconciler.state.runs import Run
from tests.cli.life import USUAL, WRITES, Life
from tests.cli.site import subnet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from reconciler.model import Endpoint
    from reconciler.simulator import SimulatedEndpoint, SimulatedServer
    from reconciler.simulator.serving import Serving

PREFIX = "10.0.1.0/24"
ELSEWHERE = ("10.0.11.0/24",)
PREFIXES = {Service.DHCP4: PREFIX, Service.DHCP6: "2001:db8:1::/64"}
CHANGING = WRITES | {"ha-scopes", "ha-maintenance-start", "ha-maintenance-cancel"}


class KilledError(BaseException):
    """The process is gone."""


class Mortal(Life):
    """A life in which the process is killed at a command of its own, counted from 0 in `story`: before it goes out, or
    after it was carried out. `double` is every moment at which two servers answered the same clients unawares.
    """

    skips_http = True

    def __init__(self, folder: Path, release: Release) -> None:
        super().__init__(folder, release)
        self.dies_at: tuple[int, bool] | None = None
        self.double: list[str] = []
        self.was_made: Made | None = None
        self.service = Service.DHCP4
        self.elsewhere: tuple[str, ...] = ()  # prefixes of a hub's other relationship
        self._changing: set[str] = set()
        self._watched_at: float | None = None

    def begins(self, endpoint: Endpoint, command: str) -> None:
        self.watch(command)
        if command in CHANGING:
            self._changing.add(str(endpoint))
        if self.dies_at == (len(self.story), False):
            raise KilledError
        super().begins(endpoint, command)

    def ends(self, endpoint: Endpoint) -> None:
        super().ends(endpoint)
        if str(endpoint) in self._changing:
            self._changing.discard(str(endpoint))
            self._watched_at = None
            self.watch("an answer")
        if self.dies_at is not None and self.dies_at[1] and len(self.story) > self.dies_at[0]:
            raise KilledError  # another server may have been asked meanwhile

    def let_pass(self, seconds: float) -> None:
        self.world.call(self._passing, int(seconds))

    def _passing(self, seconds: int) -> None:
        for _ in range(seconds):
            super().let_pass(1)
            self.watch("time")

    def watch(self, what: str) -> None:
        """Look who answers, unless nothing was changed and no time has passed since the last look."""
        now = self.world.clock.now()
        if now == self._watched_at:
            return
        self._watched_at = now
        if is_double(self):
            self.double.append(f"{len(self.story)} {what}: {standing(self)}")

    def killed_apply(self, *arguments: str) -> None:
        """Apply until the process dies."""
        self.killed("apply", *arguments)

    def killed(self, command: str, *arguments: str) -> None:
        """Run a command until the process dies: nothing that it would do at its end happens, but the kernel lets go of
        its locks.
        """
        with mock.patch.object(Run, "end", lambda mine, _: mine.release()), pytest.raises(KilledError):
            self.run(command, "--yes", *arguments)
        self.dies_at = None
        self._writing.clear()

    def is_killed_in_apply(self, *arguments: str) -> bool:
        """Like `killed_apply`; False where the apply came to its end before the command at which it was to die. Two
        servers asked at once answer in either order, and one that is seen normal a look earlier makes a shorter story.
        """
        assert self.dies_at is not None
        number, _ = self.dies_at
        try:
            self.killed_apply(*arguments)
        except pytest.fail.Exception:
            if len(self.story) > number:
                raise
            self.dies_at = None
            return False
        return True


def killed_after(life: Mortal, server: str, command: str, *arguments: str) -> None:
    """Apply until a command was carried out, and the process is gone."""
    with mock.patch.object(Mortal, "ends", _dying_after(server, command)):
        life.killed_apply(*arguments)


def _dying_after(server: str, command: str) -> Callable[[Mortal, Endpoint], None]:
    def ends(life: Mortal, endpoint: Endpoint) -> None:
        Life.ends(life, endpoint)
        theirs = [each for each in life.story if each[0] == endpoint.server]  # others may be asked meanwhile
        if endpoint.server == server and theirs[-1:] == [(server, command)]:
            raise KilledError

    return ends


def endpoints(life: Life) -> list[SimulatedEndpoint]:
    return [endpoint for server in life.world.servers.values() for endpoint in server.endpoints.values()]


def answering(life: Mortal) -> Serving:
    return life.world.serving(PREFIXES[life.service], life.service)


def is_double(life: Mortal) -> bool:
    """Whether two servers answer the same clients, one of them not in its normal state with a partner that it hears."""
    elsewhere = [life.world.serving(prefix, life.service) for prefix in life.elsewhere]
    for found in (answering(life), *elsewhere):
        names = {name for half in found if len(half) > 1 for name in half}
        if not all(_is_aware(life.endpoint(name, life.service)) for name in names):
            return True
    return False


def _is_aware(endpoint: SimulatedEndpoint) -> bool:
    halves = endpoint.relationships
    return bool(halves) and all(half.state == half.settings.normal_state for half in halves)


def standing(life: Life) -> str:
    return ", ".join(
        f"{each.server.name}: {each.ha.state if each.ha else 'no HA'} {each.serves} off={list(each.dhcp._off)}"
        for each in endpoints(life)
    )


# --------------------------------------------------------------------------------------- what is done


@dataclass(frozen=True)
class Scene:
    """What the killed apply is to do: `before` makes the world in which it begins, after the pair was made if
    `is_related`. `arguments` are those of apply; with `ends_without` no relationship is left at the end.
    """

    name: str
    change: Callable[[Mortal], None] = lambda _: None
    is_related: bool = True
    mode: Mode = Mode.HOT_STANDBY
    arguments: tuple[str, ...] = ()
    ends_without: bool = False
    backups: int = 0
    is_together: bool = False  # both are set without a wait between them
    service: Service = Service.DHCP4
    leaving: tuple[str, ...] = ()  # servers that have no HA at the end
    is_hub: bool = False  # kea-a is the primary of another relationship too, with kea-x
    is_split: bool = False  # its pools are divided between the two


def replicate(life: Mortal) -> None:
    life.change("kea-a", lambda config: config["subnet4"].append(subnet(Service.DHCP4, 2)))
    life.endpoint("kea-a").command("config-write")


def timers(life: Mortal) -> None:
    life.documents[0]["parameters"]["max-ack-delay"] = 3000
    life.write()


def rename(life: Mortal) -> None:
    life.documents[0]["peers"][0]["name"] = "one"
    life.write()


def swap(life: Mortal) -> None:
    peers = life.documents[0]["peers"]
    peers[0]["role"], peers[1]["role"] = peers[1]["role"], peers[0]["role"]
    life.write()


def remove(life: Mortal) -> None:
    life.documents[0]["state"] = "absent"
    life.write()


def forget(life: Mortal) -> None:
    """The file is gone; another relationship stays, since nothing at all would be an error."""
    life.documents.clear()
    life.add_pair("other", servers=("kea-x", "kea-y"), configurations={"kea-x": {"subnet4": []}})
    life.documents[-1]["parameters"] = dict(USUAL)
    life.write()
    assert life.run("apply", "--yes", "--relationship", "other").exit_code == 0
    (life.desired / "relationships" / "hq.yaml").unlink()


APPROVED = ("--approve", "remove-relationship")
SCENES = [
    Scene("create", is_related=False),
    Scene("create-load-balancing", is_related=False, mode=Mode.LOAD_BALANCING),
    Scene("replicate", replicate),
    Scene("modify", timers),
    Scene("rename", rename, is_together=True),
    Scene("swap", swap),
    Scene("swap-load-balancing", swap, mode=Mode.LOAD_BALANCING),
    Scene("remove", remove, arguments=APPROVED, ends_without=True),
    Scene("forget", forget, arguments=APPROVED, ends_without=True),
    Scene("replicate-to-backup", replicate, backups=1),
    Scene("modify-load-balancing", timers, mode=Mode.LOAD_BALANCING),
]
KINDS = [(scene, Release.KEA_2_2) for scene in SCENES if scene.name != "modify-load-balancing"]
# Where Kea tells whether its service is off (2.6), and listens for its partner itself.
KINDS += [
    (scene, release)
    for release in (Release.KEA_2_6, Release.KEA_3_0)
    for scene in SCENES
    if scene.name in {"create", "rename", "remove"}
    or (release is Release.KEA_3_0 and scene.name in {"modify", "modify-load-balancing"})
]


@dataclass(frozen=True)
class Made:
    """How a pair was made: at which ports its servers are, what they were sent and when, and the state directory after
    that. The same can be had again without an apply, in a tenth of the time.
    """

    ports: dict[str, int]
    requests: tuple[tuple[float, str, bytes], ...]
    seconds: float
    state: Path

    @classmethod
    def by_apply(cls, life: Mortal, *arguments: str) -> Made:
        """Make it, the usual way."""
        done = life.run("apply", "--yes", *arguments)
        assert done.exit_code == 0, done
        state = life.folder / "state-when-made"
        shutil.copytree(default_directory(os.environ), state)
        ports = {name: server.port for name, server in life.world.servers.items()}
        return cls(ports, tuple(life.requests), life.world.clock.now(), state)

    def again(self, life: Mortal) -> None:
        """Let servers that stand at these ports be sent the same at the same time."""
        for at, server, request in self.requests:
            life.world.advance(at - life.world.clock.now())
            life.world.call(life[server].answer, request)
        life.world.advance(self.seconds - life.world.clock.now())
        shutil.copytree(self.state, default_directory(os.environ))

    def at_its_ports(self) -> contextlib.AbstractContextManager[object]:
        """Servers are added at these ports meanwhile; OSError where somebody else has one of them."""
        add = World.add_server

        @functools.wraps(add)
        def added(world: World, name: str, *arguments: Any, **options: Any) -> SimulatedServer:
            return add(world, name, *arguments, **{**options, "port": self.ports[name]})

        return mock.patch.object(World, "add_server", added)


@contextlib.contextmanager
def begun(folder: Path, scene: Scene, release: Release, made: Made | None = None) -> Iterator[Mortal]:
    """A world right before the apply that is to be killed; `made` is that of an earlier one, if there was one."""
    with contextlib.ExitStack() as ending:
        life = ending.enter_context(Mortal(folder, release))
        try:
            with made.at_its_ports() if made is not None else contextlib.nullcontext():
                _add_servers(life, scene)
        except OSError:
            ending.close()
            yield ending.enter_context(begun(folder, scene, release))
        else:
            _prepare(life, scene, made)
            yield life


def _add_servers(life: Mortal, scene: Scene) -> None:
    life.add_pair("hq", scene.service, scene.mode, servers=("kea-a", "kea-b", "kea-c")[: 2 + scene.backups])
    if scene.is_hub:
        add_branch(life)


def _prepare(life: Mortal, scene: Scene, made: Made | None) -> None:
    life.service = scene.service
    life.elsewhere = ELSEWHERE if scene.is_hub else ()
    for document in life.documents:
        document["parameters"] = dict(USUAL)
    if scene.is_split:
        life.documents[0]["pools"] = "split"
    life.write()
    if made is not None:
        made.again(life)
        life.was_made = made
    elif scene.is_related:
        life.was_made = Made.by_apply(life, *scene.arguments)
    scene.change(life)
    life.let_pass(20)
    life.is_waived = scene.is_together
    life.story.clear()
    life.double.clear()


def add_branch(life: Mortal) -> None:
    """Let the primary of the pair be a hub, with another relationship in which its partner is kea-x."""
    life.world.add_server("kea-x", {Service.DHCP4: {"subnet4": []}}, version=life.release)
    life.inventory["kea-x"] = {"dhcp4": {"control": life["kea-x"].control}}
    host, _, port = life["kea-a"].ha_url(Service.DHCP4).rstrip("/").rpartition(":")
    hub = {"server": "kea-a", "name": "hub", "role": "primary", "url": f"{host}:{int(port) + 1000}/"}
    other = {"server": "kea-x", "role": "standby", "url": life["kea-x"].ha_url(Service.DHCP4)}
    life.documents.append({**life.documents[0], "name": "west", "peers": [hub, other]})
    tags = {1: "kea-a", 11: "hub"}
    subnets = [subnet(Service.DHCP4, each, user_context={"ha-server-name": name}) for each, name in tags.items()]
    life.endpoint("kea-a").edit(lambda config: config.update(subnet4=subnets))
    life.endpoint("kea-a").command("config-write")
