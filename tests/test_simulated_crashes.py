"""The process is killed at every command of an apply, before it arrives and after it was carried out; the next apply
reaches the goal, and at no moment do two servers answer for one scope without knowing of each other.
"""

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
from reconciler.simulator import Kind, Release, World
from reconciler.simulator.dhcp import Origin
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


def begun(folder: Path, scene: Scene, release: Release, made: Made | None = None) -> Mortal:
    """A world right before the apply that is to be killed; `made` is that of an earlier one, if there was one."""
    life = Mortal(folder, release)
    life.__enter__()
    servers = ("kea-a", "kea-b", "kea-c")[: 2 + scene.backups]
    try:
        with made.at_its_ports() if made is not None else contextlib.nullcontext():
            life.add_pair("hq", scene.service, scene.mode, servers=servers)
            if scene.is_hub:
                add_branch(life)
    except OSError:
        life.__exit__()
        return begun(folder, scene, release)
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
    return life


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


def points(story: list[tuple[str, str]]) -> Iterator[tuple[int, bool]]:
    """The commands before or after which the process is killed; reading again while waiting is left out."""
    for number, (server, command) in enumerate(story):
        if command in CHANGING:
            yield number, False
            yield number, True
        elif (server, command) not in story[max(0, number - 8) : number]:
            yield number, False


def must_be_in_order(life: Mortal, scene: Scene) -> None:
    """The goal is reached, on disk too, and nobody is left in maintenance, with others' scopes or switched off."""
    planned = life.run("plan", "--detailed-exitcode")
    assert planned.exit_code == 0, planned
    assert "earlier run" not in planned.stdout
    assert "cut off" not in planned.stdout
    for endpoint in endpoints(life):
        assert not endpoint.dhcp.is_off_by(Origin.USER), standing(life)
        assert endpoint.written == endpoint.config, endpoint.server.name
        if endpoint.server.name in {"kea-a", "kea-b", "kea-c"}:
            assert (endpoint.ha is None) is (scene.ends_without or endpoint.server.name in scene.leaving)
        for half in endpoint.relationships:
            assert half.state == half.settings.normal_state, standing(life)
            assert set(half.scopes) <= {half.settings.name}, standing(life)
    found = answering(life)
    assert not any(each.is_nobody for each in (found, *(life.world.serving(p, life.service) for p in life.elsewhere)))
    assert not found.is_double or life.documents[0]["mode"] == Mode.LOAD_BALANCING.value
    assert life.double == []
    assert life.violations == []


def undisturbed(folder: Path, scene: Scene, release: Release) -> tuple[list[tuple[str, str]], Made | None]:
    """What an apply sends that nobody kills, and how the pair was made before."""
    life = begun(folder, scene, release)
    try:
        done = life.run("apply", "--yes", *scene.arguments)
        assert done.exit_code == 0, done
        story = list(life.story)
        life.let_pass(20)
        must_be_in_order(life, scene)
        return story, life.was_made
    finally:
        life.__exit__()


@pytest.mark.long
@pytest.mark.parametrize(("scene", "release"), KINDS, ids=lambda each: getattr(each, "name", str(each)))
def test_the_next_apply_finishes_what_was_cut_off_at_any_command(
    tmp_path: Path, scene: Scene, release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    must_be_finished(tmp_path, scene, release, monkeypatch)


def must_be_finished(tmp_path: Path, scene: Scene, release: Release, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kill the apply of a scene at each of its points, and let the next one finish."""
    story, made = undisturbed(tmp_path / "whole", scene, release)
    planned = list(points(story))
    missed = 0
    for number, point in enumerate(planned):
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / f"state-{number}"))
        life = begun(tmp_path / str(number), scene, release, made)
        try:
            life.dies_at = point
            where: tuple[object, ...] = point
            missed += not life.is_killed_in_apply(*scene.arguments)
            where = (*point, *life.story[-1:])
            life.let_pass((0, 3, 30)[number % 3])
            status = life.run("status")
            assert "internal error" not in status.stderr, status
            done = life.run("apply", "--yes", *scene.arguments)
            assert done.exit_code == 0, (where, done)
            life.let_pass(20)
            must_be_in_order(life, scene)
        except AssertionError as error:
            raise AssertionError(f"killed at {where}: {standing(life)}\n{error}") from error
        finally:
            life.__exit__()
    assert missed * 10 < len(planned), (missed, len(planned))


@pytest.mark.parametrize("name", ["replicate", "replicate-to-backup", "modify-load-balancing"])
def test_a_pair_that_is_made_again_is_the_same(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = next(each for each in SCENES if each.name == name)
    seen = []
    made = None
    for number in range(2):
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / f"state-{number}"))
        life = begun(tmp_path / str(number), scene, Release.KEA_3_0, made)
        try:
            made = life.was_made
            halves = [each.ha for each in endpoints(life)]
            looks = [(each.config, each.written, each.pid, each.log, each.committed_at) for each in endpoints(life)]
            partners = [half and (half.state, half.partner.state, half.partner.heard_at) for half in halves]
            history = life.run("history").stdout
            seen.append((looks, partners, standing(life), life.world.clock.now(), history.replace(str(tmp_path), "")))
        finally:
            life.__exit__()
    assert seen[0] == seen[1]


# ------------------------------------------------------------------------------- whose doing it was


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


MODIFY = next(scene for scene in SCENES if scene.name == "modify-load-balancing")
CREATE, REPLICATE = SCENES[0], next(scene for scene in SCENES if scene.name == "replicate")


def test_what_a_person_switched_off_stays_off_after_a_killed_create(tmp_path: Path) -> None:
    life = begun(tmp_path, CREATE, Release.KEA_3_0)
    try:
        life.endpoint("kea-b").command("dhcp-disable")
        killed_after(life, "kea-b", "config-set")
        assert life.run("apply", "--yes").exit_code == 0
        assert life.endpoint("kea-b").dhcp.is_off_by(Origin.USER)
        assert "nothing here tells that an apply did it" in life.run("plan").stdout
    finally:
        life.__exit__()


def test_who_answers_for_another_is_off_only_while_that_one_is_set(tmp_path: Path) -> None:
    """Nobody answers then: not for one command more."""
    life = begun(tmp_path, MODIFY, Release.KEA_3_0)
    try:
        done = life.run("apply", "--yes")
        assert done.exit_code == 0, done
        for name, other in (("kea-b", "kea-a"), ("kea-a", "kea-b")):
            at = life.story.index((name, "config-set"))
            asked = [each for each in life.story[at - 1 : at + 8] if each[1] != "status-get"]  # by who keeps it wide
            assert asked[:3] == [(other, "dhcp-disable"), (name, "config-set"), (other, "dhcp-enable")]
    finally:
        life.__exit__()


@pytest.mark.parametrize("release", [Release.KEA_2_2, Release.KEA_3_0], ids=str)
def test_a_server_that_was_left_off_serves_before_it_is_to_answer_for_another(tmp_path: Path, release: Release) -> None:
    life = begun(tmp_path, MODIFY, release)
    try:
        killed_after(life, "kea-b", "config-set")
        life.let_pass(30)
        life.story.clear()
        done = life.run("apply", "--yes")
        assert done.exit_code == 0, done
        switches = {"ha-scopes", "dhcp-enable", "dhcp-disable", "config-set"}
        story = [each for each in life.story if each[1] in switches]
        off = story.index(("kea-a", "dhcp-disable"))
        assert story[0] == ("kea-a", "ha-scopes")
        assert ("kea-b", "dhcp-enable") in story[:off]
        assert story[off + 1] == ("kea-b", "ha-scopes")
        life.let_pass(20)
        must_be_in_order(life, MODIFY)
    finally:
        life.__exit__()


@pytest.mark.parametrize("release", [Release.KEA_2_6, Release.KEA_3_0], ids=str)
@pytest.mark.parametrize("scene", [each for each in SCENES if each.name in {"rename", "remove"}], ids=lambda s: s.name)
def test_what_a_person_switched_off_stays_off_when_two_are_at_odds(
    tmp_path: Path, scene: Scene, release: Release
) -> None:
    life = begun(tmp_path, scene, release)
    try:
        life.endpoint("kea-b").command("dhcp-disable")
        killed_after(life, "kea-b", "config-set", *scene.arguments)
        done = life.run("apply", "--yes", *scene.arguments)
        assert done.exit_code == 0, done
        life.let_pass(20)
        assert life.run("plan", "--detailed-exitcode").exit_code == 0
        assert life.endpoint("kea-b").dhcp.is_off_by(Origin.USER)
    finally:
        life.__exit__()


def test_another_host_leaves_off_what_it_can_t_explain_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    life = begun(tmp_path, CREATE, Release.KEA_3_0)
    try:
        killed_after(life, "kea-a", "config-set")
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "elsewhere"))
        life.let_pass(20)
        assert "send dhcp-enable to it" in life.run("status").stdout
        assert life.run("apply", "--yes").exit_code == 0
        assert life.endpoint("kea-b").dhcp.is_off_by(Origin.USER)
    finally:
        life.__exit__()


def test_any_host_gives_back_scopes_that_were_left_widened(tmp_path: Path) -> None:
    life = begun(tmp_path, REPLICATE, Release.KEA_2_2)
    try:
        assert life.run("apply", "--yes").exit_code == 0
        life.endpoint("kea-b").command("ha-scopes", {"scopes": ["kea-a"]})
        assert life.run("plan", "--detailed-exitcode").exit_code == 2
        assert "serves kea-a beside its own" in life.run("status").stdout
        done = life.run("apply", "--yes")
        assert done.exit_code == 0
        assert "it serves its own scopes again" in done.stdout
        assert life.endpoint("kea-b").serves == ()
        assert life.run("plan", "--detailed-exitcode").exit_code == 0
    finally:
        life.__exit__()


def test_a_server_that_a_killed_run_left_without_hooks_gets_its_last_configuration_back(tmp_path: Path) -> None:
    life = begun(tmp_path, REPLICATE, Release.KEA_2_2)
    try:
        fault = life.endpoint("kea-b").faults.add(Kind.SET_FAILS, "config-set", times=1)
        killed_after(life, "kea-b", "config-set")
        assert life.endpoint("kea-b").ha is None
        life.endpoint("kea-b").faults.remove(fault)
        told = life.run("plan").stdout
        assert "gets back the configuration before that" in told
        done = life.run("apply", "--yes")
        assert done.exit_code == 0, done
        assert "it has its last good configuration again" in done.stdout
        life.let_pass(20)
        must_be_in_order(life, REPLICATE)
    finally:
        life.__exit__()


@pytest.mark.parametrize("way", [remove, forget])
def test_a_removal_goes_on_after_a_server_got_its_hooks_back(tmp_path: Path, way: Callable[[Mortal], None]) -> None:
    """What it does is still what was shown: one apply is enough."""
    life = begun(tmp_path, REPLICATE, Release.KEA_2_2)
    try:
        fault = life.endpoint("kea-b").faults.add(Kind.SET_FAILS, "config-set", times=1)
        killed_after(life, "kea-b", "config-set")
        life.endpoint("kea-b").faults.remove(fault)
        way(life)
        done = life.run("apply", "--yes", *APPROVED)
        assert done.exit_code == 0, done
        assert "it has its last good configuration again" in done.stdout
        life.let_pass(20)
        must_be_in_order(life, Scene("removed", ends_without=True))
    finally:
        life.__exit__()
