"""The desired state in force, while somebody writes the files."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from reconciler.desired.load import load
from reconciler.errors import NotCommittedError, ReconcilerError
from reconciler.model import Desired
from reconciler.watching.source import STILL, Source, read
from tests.cli.work_tree import git

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


@pytest.mark.parametrize("is_told", [False, True])
def test_half_of_a_file_that_is_begun_while_others_are_read_is_not_used(
    folder: Path, monkeypatch: pytest.MonkeyPatch, *, is_told: bool
) -> None:
    path = folder / "relationships" / "hq.yaml"
    whole = path.read_text().replace("max-ack-delay: 5000", "max-ack-delay: 4000")
    halves = [whole.partition("parameters:")[0]]

    def slow(*arguments: Any) -> Desired:
        if halves:
            write(path, halves.pop())
        return read(*arguments)

    async def sleep(_: float) -> None:
        if not halves and path.read_text() != whole:
            write(path, whole)

    monkeypatch.setattr("reconciler.watching.source.read", slow)
    source = Source(folder, load(folder), sleep=sleep)
    if not is_told:
        write(folder / "servers.yaml", (folder / "servers.yaml").read_text() + "# more\n")
    asyncio.run(source.look(is_told=is_told))
    assert (source.desired, source.problems) == (load(folder), ())
    assert source.desired.relationships[0].parameters["max-ack-delay"] == 4000


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


# ------------------------------------------------------------------------------------------ in a work tree


@pytest.fixture(params=["the root", "a folder"])
def committed(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """Files that are the root of a work tree, or a folder in one, as they were committed."""
    folder = shutil.copytree(DESIRED, tmp_path / "work" / "desired")
    git(folder if request.param == "the root" else folder.parent, "init", "-q", "-b", "main")
    commit(folder)
    return folder


def commit(folder: Path) -> str:
    """Commit what the files say; how the revision is called."""
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "--allow-empty", "-m", "change")
    return revision(folder)


def revision(folder: Path) -> str:
    return f"git:{git(folder, 'rev-parse', 'HEAD')[:12]}"


def edit(folder: Path, milliseconds: int) -> None:
    path = folder / "relationships" / "hq.yaml"
    path.write_text(path.read_text().replace("max-ack-delay: 5000", f"max-ack-delay: {milliseconds}"))


def delay(desired: Desired) -> object:
    (hq,) = (each for each in desired.relationships if each.parameters.get("max-ack-delay"))
    return hq.parameters["max-ack-delay"]


async def at_once(_: float) -> None:
    """Wait for no file to change."""


def test_a_commit_after_the_edit_gives_what_is_in_force_its_revision(committed: Path) -> None:
    before = revision(committed)

    async def work() -> None:
        source = Source(committed, load(committed), sleep=at_once)
        edit(committed, 4000)
        assert await source.look()
        assert source.desired.revision == f"{before}-dirty"
        named = commit(committed)
        assert await source.look()
        assert source.desired.revision == named
        assert not await source.look()
        named = commit(committed)  # of nothing below the folder
        assert await source.look()
        assert source.desired.revision == named

    asyncio.run(work())


def test_what_is_the_same_is_not_read_again_whatever_git_writes_for_itself(committed: Path) -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    async def work() -> None:
        source = Source(committed, load(committed), sleep=sleep)
        git(committed, "update-ref", "refs/kea-reconciler/main", "HEAD")
        git(committed, "gc", "-q")
        assert not await source.look()
        assert waits == []

    asyncio.run(work())


def test_where_commits_have_to_be_verified_no_other_files_are_used(committed: Path) -> None:
    before = revision(committed)
    refused: set[str] = set()

    def verified() -> str:
        head = git(committed, "rev-parse", "HEAD")
        if head in refused:
            raise ReconcilerError("it has no signature")
        return head

    async def work() -> None:
        source = Source(committed, load(committed), verified=verified, sleep=at_once)
        edit(committed, 4000)
        for _ in range(2):
            assert not await source.look()
            assert "commit it, signed" in source.problems[0]
        unsigned = commit(committed)
        refused.add(git(committed, "rev-parse", "HEAD"))
        for is_told in (False, True, False):
            assert not await source.look(is_told=is_told)
            assert source.problems == ("it has no signature",)
            assert (source.desired.revision, delay(source.desired)) == (before, 5000)
        refused.clear()  # git was told to take that key
        assert await source.look()
        assert source.problems == ()
        assert (source.desired.revision, delay(source.desired)) == (unsigned, 4000)

    asyncio.run(work())


def test_where_commits_have_to_be_verified_nor_is_an_approval_used_that_is_in_none(committed: Path) -> None:
    plan = "0123456789abcdef0123456789abcdef"

    async def work() -> None:
        head = partial(git, committed, "rev-parse", "HEAD")
        source = Source(committed, load(committed), verified=head, sleep=at_once)
        (committed / "approvals").mkdir()
        file = committed / "approvals" / f"{plan}.yaml"
        file.write_text("approve:\n  - code: remove-relationship\n    reason: CHG-1\n")
        assert not await source.look()
        assert "commit it, signed" in source.problems[0]
        assert source.desired.approvals == {}
        commit(committed)
        assert await source.look()
        assert [each.code for each in source.desired.approvals[plan]] == ["remove-relationship"]
        file.write_text(file.read_text().replace("remove-relationship", "split-pools"))
        assert not await source.look()
        assert [each.code for each in source.desired.approvals[plan]] == ["remove-relationship"]
        git(committed, "checkout", "-q", ".")
        await source.look()
        assert source.problems == ()

    asyncio.run(work())


def test_where_commits_have_to_be_verified_an_approval_that_is_there_only_while_it_is_read_is_not_used(
    committed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = committed / "approvals" / "0123456789abcdef0123456789abcdef.yaml"
    file.parent.mkdir()
    file.write_text("approve:\n  - code: remove-relationship\n    reason: CHG-1\n")
    real, program = shutil.which("git"), tmp_path / "bin" / "git"
    program.parent.mkdir()
    program.write_text(f"""#!/bin/sh
case "$*" in *ls-tree*) rm -f "{file}" ;; esac
exec "{real}" "$@"
""")
    program.chmod(0o755)
    head = git(committed, "rev-parse", "HEAD")
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
    with pytest.raises(NotCommittedError, match=f"approvals/{file.name} is not as in commit {head[:12]}"):
        read(committed, lambda: head)
    assert not file.exists()  # it was looked at, and taken away, between reading it and comparing it
    assert read(committed, lambda: head).approvals == {}


def test_it_is_said_which_files_are_not_those_of_the_signed_commit_and_what_to_do(committed: Path) -> None:
    head = git(committed, "rev-parse", "HEAD")
    edit(committed, 4000)
    (committed / "relationships" / "new.yaml").write_text("{}\n")
    with pytest.raises(ReconcilerError) as told:
        read(committed, lambda: head)
    assert "relationships/new.yaml" in str(told.value)
    (committed / "relationships" / "new.yaml").unlink()
    with pytest.raises(NotCommittedError) as told:
        read(committed, lambda: head)
    assert str(told.value) == (
        f"below {committed}, relationships/hq.yaml is not as in commit {head[:12]}, and only what a signed commit has "
        "may be used: commit it, signed (git commit -S), or put it back (git status shows what differs)"
    )


def test_files_of_a_commit_that_came_after_the_one_that_was_verified_are_not_used(committed: Path) -> None:
    before = revision(committed)
    head = git(committed, "rev-parse", "HEAD")

    def verified() -> str:
        if head == git(committed, "rev-parse", "HEAD"):
            edit(committed, 4000)
            commit(committed)  # a moment after it was looked at
        return head

    async def work() -> None:
        source = Source(committed, load(committed), verified=verified, sleep=at_once)
        assert not await source.look(is_told=True)
        assert source.problems
        assert (source.desired.revision, delay(source.desired)) == (before, 5000)

    asyncio.run(work())
