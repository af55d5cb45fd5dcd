"""The desired state in force, while somebody writes the files."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.desired.load import load
from reconciler.model import Desired
from reconciler.watching.source import STILL, Source

DESIRED = Path(__file__).resolve().parents[2] / "desired"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return shutil.copytree(DESIRED, tmp_path / "desired")


def looked(folder: Path, desired: Desired, change: Callable[[], None], *meanwhile: Callable[[], None]) -> Source:
    """Change the files, and look at them while more is written, each time that it waits."""
    waiting = list(meanwhile)

    async def sleep(seconds: float) -> None:
        assert seconds == STILL
        if waiting:
            waiting.pop(0)()

    async def work() -> Source:
        source = Source(folder, desired, sleep=sleep)
        change()
        await source.look()
        return source

    return asyncio.run(work())


def test_half_of_a_file_that_is_right_as_it_is_is_not_read(folder: Path) -> None:
    path = folder / "relationships" / "hq.yaml"
    before, whole = load(folder), path.read_text().replace("max-ack-delay: 5000", "max-ack-delay: 4000")
    half = whole.partition("parameters:")[0]
    path.write_text(half)
    assert load(folder).relationships[0].parameters == {}  # nothing wrong is found in it
    path.write_text(whole)
    wanted = load(folder)

    source = looked(folder, before, lambda: write(path, half), lambda: write(path, whole))
    assert source.desired == wanted
    assert source.problems == ()


def write(path: Path, text: str) -> None:
    path.write_text(text)


def test_what_is_written_all_the_time_is_said_and_not_read(folder: Path) -> None:
    path, before = folder / "relationships" / "hq.yaml", load(folder)

    def write_more() -> None:
        with path.open("a") as stream:
            stream.write("# more\n")

    source = looked(folder, before, write_more, *[write_more] * 100)
    assert source.desired is before
    assert "written all the time" in source.problems[0]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(5, "Input/output error"), "can't be looked through: Input/output error"),
        (ValueError("canary"), "internal error, please report it: ValueError at test_source.py"),
    ],
)
def test_whatever_goes_wrong_is_said_and_over_when_it_is_over(folder: Path, error: Exception, said: str) -> None:
    failures = [error]

    def pull() -> None:
        if failures:
            raise failures.pop()

    async def work() -> None:
        desired = load(folder)
        source = Source(folder, desired, pull, sleep=lambda _: asyncio.sleep(0))
        assert not await source.look()
        (problem,) = source.problems
        assert said in problem
        assert "canary" not in problem
        assert source.desired is desired
        assert not await source.look()
        assert source.problems == ()

    asyncio.run(work())
