"""config-write where it can't be done: running, not persisted, said so, and only the write is tried again."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from lab.laboratory import Laboratory
from lab.proxy import Fault
from tests.kea.shared import shared_by
from tests.kea.standing import S, Standing, healed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.kea import Generation

pytestmark = [
    pytest.mark.kea,
    pytest.mark.xdist_group("fault-disk"),
    pytest.mark.root,
]


@contextlib.contextmanager
def made(generation: Generation) -> Iterator[Standing]:
    """A pair; the folder of kea-b's daemon is on a disk of its own with room for 300 kB."""
    folder = Path(tempfile.mkdtemp(prefix="kr-"))
    mounted = folder / "kea-b" / "dhcp4"
    mounted.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k,mode=0750", "tmpfs", str(mounted)], check=True)
    try:
        with Laboratory(folder, generation) as lab:
            world = Standing(lab)
            world.must_apply()
            yield world
    finally:
        subprocess.run(["umount", "--lazy", str(mounted)], check=True)
        shutil.rmtree(folder)


shared = shared_by(made)


@pytest.fixture
def disk(pair: Standing) -> Iterator[Path]:
    """The folder that is on the small disk, with room in it before and afterwards."""
    disk = pair.lab.directory / "kea-b" / "dhcp4"
    yield disk
    (disk / "ballast").unlink(missing_ok=True)


@pytest.fixture
def world(request: pytest.FixtureRequest, pair: Standing, disk: Path) -> Iterator[Standing]:
    pair.change(pair.a, lambda config: config["subnet4"][0].update(reservations=[]))
    pair.must_apply("--approve", "authority-shrunk", "--approve", "authority-older")  # it was started just now
    with healed(pair, request.node):
        yield pair


def fill(disk: Path) -> None:
    """Leave no room at all."""
    ballast = os.open(disk / "ballast", os.O_CREAT | os.O_WRONLY)
    try:
        while os.write(ballast, bytes(4096)):
            pass
    except OSError:
        pass
    finally:
        os.close(ballast)


def grow(world: Standing) -> dict[str, Any]:
    """Let the primary get so much that the file needs more room than the one that it replaces; returns the last."""
    added = world.move()
    more = [
        {"hw-address": f"02:00:00:{world.number:02x}:00:{n:02x}", "ip-address": f"10.0.1.{n}"} for n in range(110, 160)
    ]

    def edit(config: dict[str, Any]) -> None:
        config["subnet4"][0]["reservations"] += more

    world.change(world.a, edit)
    world.forget()
    return added


def must_run_without_being_persisted(world: Standing, *words: str) -> None:
    added = grow(world)
    done = world.apply("--format", "json")
    assert done.exit_code == 6, done
    told = world.outcome(done)["kea-b"]
    assert (told["result"], told["persisted"]) == ("applied", False)
    assert told["reason"].startswith("running, NOT persisted: ")
    for word in words:
        assert word in told["reason"]
    assert [name for name in world.sent(world.b) if name != "config-test"] == ["config-set", *["config-write"] * 3]
    assert world.sent(world.a) == []
    assert world.has(world.b, added)
    assert world.is_normal()


def test_a_full_disk(world: Standing, disk: Path) -> None:
    """Kea itself says that it was successful, and its file is cut."""
    fill(disk)
    must_run_without_being_persisted(world, "is the disk full?", "Kea would not start from it again")
    with pytest.raises(orjson.JSONDecodeError):
        world.file(world.b)
    (disk / "ballast").unlink()
    world.b.command(S, "config-write")
    assert world.file(world.b) == world.config(world.b)


def test_a_read_only_file(world: Standing) -> None:
    inside, file = world.b.in_sight(S, world.b.config_file(S))
    before = world.file(world.b)
    subprocess.run([*inside, "mount", "--bind", file, file], check=True)
    try:
        subprocess.run([*inside, "mount", "-o", "remount,ro,bind", file], check=True)
        must_run_without_being_persisted(world, "Unable to open file", "would bring its old configuration back")
        assert world.file(world.b) == before
    finally:
        subprocess.run([*inside, "umount", file], check=True)


def test_room_that_comes_back_in_time_is_written_to(world: Standing, disk: Path) -> None:
    added = grow(world)
    fill(disk)
    # The second of three tries finds room.
    world.proxies["kea-b"].on(
        b'"config-write"', Fault.PASS, times=1, before=lambda _: (disk / "ballast").unlink(missing_ok=True)
    )
    world.proxies["kea-b"].on(b'"config-write"', Fault.PASS, times=1)
    done = world.apply("--format", "json")
    assert done.exit_code == 0, done
    assert world.outcome(done)["kea-b"]["persisted"] is True
    assert [name for name in world.sent(world.b) if name != "config-test"] == ["config-set", *["config-write"] * 2]
    assert world.is_in(world.file(world.b), added)
