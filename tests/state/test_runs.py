"""Runs lock each other out of the same servers, of no others, and no lock outlives its process."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING

import pytest

from reconciler.errors import LockedError, StateError
from reconciler.state import machine
from reconciler.state.runs import Run, Store, holder, open_store, user, wait_for_others

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    found = open_store(tmp_path / "state")
    yield found
    found.close()


def test_of_two_runs_on_one_server_the_second_is_told_who_has_it(store: Store) -> None:
    first, second = Run(store, "kea-reconciler apply"), Run(store, "kea-reconciler reset")
    first.claim({"http://a/", "http://b/"}, 0)
    with pytest.raises(LockedError, match=r"`kea-reconciler apply` of \S+ on \S+ \(pid \d+, since 20.*--lock-timeout"):
        second.claim({"http://b/", "http://c/"}, 0)
    first.end(0)
    second.claim({"http://b/", "http://c/"}, 0)
    second.end(0)


def test_runs_on_different_servers_don_t_wait(store: Store) -> None:
    first, second = Run(store, "apply"), Run(store, "apply")
    first.claim({"http://a/"}, 0)
    second.claim({"http://b/"}, 0)
    first.end(0)
    second.end(0)


def test_the_second_waits_for_the_first_and_says_so(store: Store) -> None:
    first, second = Run(store, "apply"), Run(store, "apply")
    first.claim({"http://a/"}, 0)
    said: list[str] = []
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            first.end(0)

    second.claim({"http://a/"}, 60, said.append, sleep=sleep)
    assert len(pauses) == 3
    assert "waiting for `apply`" in said[0]
    second.end(0)


def test_who_wants_servers_left_alone_waits_for_those_at_work_now_and_for_no_other(store: Store) -> None:
    first, elsewhere, later = Run(store, "watch"), Run(store, "reset"), Run(store, "apply")
    first.claim({"http://a/", "http://b/"}, 0)
    elsewhere.claim({"http://c/"}, 0)
    said: list[str] = []
    moments = iter(range(100))

    def sleep(_: float) -> None:
        if next(moments) == 3:
            first.end(0)
            later.claim({"http://b/"}, 0)

    assert wait_for_others(store, {"http://a", "http://b"}, 60, said.append, clock=lambda: 0.0, sleep=sleep) is None
    assert len(said) == 1
    assert "`watch`" in said[0]
    assert next(moments) == 4
    still = wait_for_others(store, {"http://b"}, 5, clock=lambda: float(next(moments)), sleep=lambda _: None)
    assert still is not None
    assert "`apply`" in still
    later.end(0)
    elsewhere.end(0)


def test_while_a_person_is_asked_others_may_work(store: Store) -> None:
    """And where one did, what was shown is no more: unless it was on other servers."""
    asking, other = Run(store, "apply"), Run(store, "watch")
    asking.claim({"http://a/"}, 0)
    with asking.aside():
        other.claim({"http://a/"}, 0)
        other.end(0)
    with pytest.raises(LockedError, match="`apply` of "):
        Run(store, "watch").claim({"http://a/"}, 0)

    working, aside = Run(store, "sync"), asking.aside()
    aside.__enter__()
    working.claim({"http://a/"}, 0)
    with pytest.raises(LockedError, match="`sync` of "):
        aside.__exit__(None, None, None)
    working.end(0)


def test_it_waits_no_longer_than_it_was_told(store: Store) -> None:
    first, second = Run(store, "apply"), Run(store, "apply")
    first.claim({"http://a/"}, 0)
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    with pytest.raises(LockedError, match="not done within 5 s"):
        second.claim({"http://a/"}, 5, clock=lambda: now[0], sleep=sleep)
    assert 5 <= now[0] < 5.5
    first.end(0)
    second.end(None)


KILLED = """
    import os, signal, sys
    from pathlib import Path
    from reconciler.state.runs import Run, open_store
    Run(open_store(Path(sys.argv[1])), "apply").claim({"http://a/"}, 0)
    os.kill(os.getpid(), signal.SIGKILL)
"""


HOLDING = """
    import sys
    from pathlib import Path
    from reconciler.state import machine
    from reconciler.state.runs import Run, open_store
    machine.PREFIX = sys.argv[2]
    run = Run(open_store(Path(sys.argv[1])), "apply")
    run.claim({"http://a/", "http://b/"}, 0)
    print("claimed", flush=True)
    sys.stdin.read()
"""


def test_a_run_with_another_state_directory_is_seen_and_told_apart(store: Store, tmp_path: Path) -> None:
    """A daemon under a user of its own, and CI on the same host, can't have one together."""
    program = [sys.executable, "-c", textwrap.dedent(HOLDING), str(tmp_path / "other"), machine.PREFIX]
    mine = Run(store, "apply")
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "claimed\n"
        whose = rf"another state directory, of {user()} on \S+ \(pid {other.pid}\)"
        for _ in range(3):
            with pytest.raises(LockedError, match=f"{whose}, is at work on the same servers"):
                mine.claim({"http://b/", "http://c/"}, 0)
        assert re.search(whose, holder(store, {"http://a/"}) or "")
        assert holder(store, {"http://c/"}) is None
        other.communicate("")
    mine.claim({"http://b/", "http://c/"}, 0)
    mine.end(0)


def test_what_nobody_got_is_free_for_others(store: Store, tmp_path: Path) -> None:
    """All or nothing, on the machine too."""
    elsewhere = open_store(tmp_path / "other")
    first, second = Run(elsewhere, "apply"), Run(store, "apply")
    first.claim({"http://b/"}, 0)
    with pytest.raises(LockedError):
        second.claim({"http://a/", "http://b/"}, 0)
    third = Run(open_store(tmp_path / "third"), "apply")
    third.claim({"http://a/"}, 0)
    for run in (first, second, third):
        run.end(0)
    assert holder(store, {"http://a/", "http://b/"}) is None


def test_a_run_that_was_killed_holds_nothing(store: Store) -> None:
    program = [sys.executable, "-c", textwrap.dedent(KILLED), str(store.directory)]
    assert subprocess.run(program, check=False).returncode == -9
    mine = Run(store, "apply")
    mine.claim({"http://a/"}, 0)
    mine.end(0)


def test_a_disk_that_is_full_leaves_nobody_locked_out(store: Store, tmp_path: Path) -> None:
    control = str(tmp_path / "kea.sock")
    run = Run(store, "watch")
    run.claim({control}, 0)
    store.database.execute("PRAGMA query_only=ON")
    with pytest.raises(StateError):
        run.end(0)
    assert machine.holder([control]) is None
    with pytest.raises(StateError):
        Run(store, "watch")
    assert list(store.directory.glob("run-*.lock")) == []


@pytest.mark.parametrize("other", ["http://localhost:8000", "http://[::1]:8000/", "https://LOCALHOST:8000/kea"])
def test_one_server_by_two_addresses_is_one(store: Store, tmp_path: Path, other: str) -> None:
    elsewhere = open_store(tmp_path / "other")
    first, beside, second = Run(store, "apply"), Run(store, "apply"), Run(elsewhere, "apply")
    first.claim({"http://127.0.0.1:8000/"}, 0)
    for run in (beside, second):
        with pytest.raises(LockedError):
            run.claim({other}, 0)
    assert holder(store, {other})
    second.claim({other.replace("8000", "8001"), "http://192.0.2.1:8000/", "unix:/run/kea"}, 0)
    for run in (first, beside, second):
        run.end(0)
