"""The daemon's first moments: a signal does not kill it, and what it does not know yet is not over."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from contextlib import closing, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from watchfiles._rust_notify import WatchfilesRustInternalError

from reconciler.cli import session
from reconciler.cli.watch import edges_of
from reconciler.desired.load import load
from reconciler.kea.access import Credentials, Settings
from reconciler.model import Desired, Endpoint, Event, EventKind, Service, WatchMode
from reconciler.simulator import Kind, World
from reconciler.state.runs import open_store
from reconciler.watching import daemon as daemon_module
from reconciler.watching.daemon import Daemon
from reconciler.watching.edges import Edges
from reconciler.watching.rounds import Habits
from reconciler.watching.source import Source
from tests.cli.site import PROGRAM, Site
from tests.watching.living import Living

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.watching.grouping import Group

DESIRED = Path(__file__).resolve().parents[2] / "desired"
AT_ONCE = """
import os, signal
from reconciler.state import daemon

class NudgedAtOnce(daemon.DaemonLock):
    def __init__(self, directory):
        super().__init__(directory)
        os.kill(os.getpid(), signal.SIGHUP)

daemon.DaemonLock = NudgedAtOnce
from reconciler.cli import main
main()
"""


def test_reconcile_now_in_its_first_moment_does_not_kill_it(tmp_path: Path) -> None:
    options = ("watch", "--desired", str(DESIRED), "--state-dir", str(tmp_path / "state"), "--listen", "none")
    with subprocess.Popen([sys.executable, "-c", AT_ONCE, *options], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        lines = iter(process.stderr.readline, "")
        assert any("watching begins" in line for line in lines)
        process.terminate()
        process.stderr.read()
        assert process.wait(60) == 0


def test_nothing_is_over_before_desired_was_looked_at_too(tmp_path: Path) -> None:
    endpoint = Endpoint("kea-a", Service.DHCP4, "http://192.0.2.10:8000/")
    is_fetched = threading.Event()

    def fetch() -> None:
        assert is_fetched.wait(60)

    async def work(daemon: Daemon) -> None:
        running = asyncio.create_task(daemon.run())
        try:
            async with asyncio.timeout(60):
                while not daemon.board().is_ready:  # noqa: ASYNC110 - nobody tells
                    await asyncio.sleep(0.01)
            assert not daemon.is_settled
        finally:
            is_fetched.set()
        async with asyncio.timeout(60):
            while not daemon.is_settled:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.01)
        daemon.stop()
        await running

    with closing(open_store(tmp_path / "state")) as store:
        desired = Desired({("kea-a", Service.DHCP4): endpoint}, (), "git:1")
        edges = Edges(open_client=None, hands=None, probe=None)  # type: ignore[arg-type] # nobody is asked anything
        asyncio.run(work(Daemon(Source(tmp_path / "none", desired, fetch), edges, Habits(WatchMode.REPORT), store)))


def test_a_server_that_takes_long_keeps_no_other_waiting_at_the_start(tmp_path: Path) -> None:
    async def work(daemon: Daemon) -> None:
        running = asyncio.create_task(daemon.run())
        async with asyncio.timeout(60):
            while not looked_at(daemon):  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.01)
        assert looked_at(daemon) == ["quick"]  # the others have 20 s for their answer
        daemon.stop()
        await running

    def looked_at(daemon: Daemon) -> list[str]:
        return [each.name for each in daemon.board().relationships if each.looked_at]

    with World() as world, closing(open_store(tmp_path / "state")) as store:
        site = Site(world, tmp_path)
        site.add_pair("first", servers=("kea-a", "kea-b"))
        site.add_pair("quick", servers=("kea-c", "kea-d"))
        site.made()
        for name in ("kea-a", "kea-b"):
            site[name].faults.add(Kind.HANG)
        edges = replace(edges_of(session.Session(Settings(), Credentials())), chance=lambda: 0.5)
        source = Source(site.desired, load(site.desired))
        asyncio.run(work(Daemon(source, edges, Habits(WatchMode.REPORT), store, concurrency=1)))


def test_where_files_cannot_be_watched_they_are_looked_at_at_the_usual_pace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the system allows no more watches: watchfiles tells that by an exception of its own."""

    def too_many(*_: object, **__: object) -> None:
        raise WatchfilesRustInternalError("OS file watch limit reached")

    monkeypatch.setattr(daemon_module, "awatch", too_many)
    pulls: list[None] = []

    async def work(daemon: Daemon) -> None:
        running = asyncio.create_task(daemon.run())
        async with asyncio.timeout(60):
            while len(pulls) < 3:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.01)
        daemon.stop()
        await running

    with closing(open_store(tmp_path / "state")) as store:
        desired = load(DESIRED)
        edges = Edges(open_client=None, hands=None, probe=None, sleep=lambda _: asyncio.sleep(0))  # type: ignore[arg-type]
        source = Source(DESIRED, desired, lambda: pulls.append(None))
        asyncio.run(work(Daemon(source, edges, Habits(WatchMode.REPORT, 600), store)))


def test_another_desired_state_that_could_not_be_taken_over_is_tried_again(tmp_path: Path) -> None:
    told: list[Event] = []
    adopted: list[str] = []

    class Changing(Source):
        async def look(self, *, is_told: bool = False) -> bool:  # noqa: ARG002 - as the original
            before, self.desired = self.desired, replace(self.desired, revision="git:2")
            return before.revision != "git:2"

    async def work(daemon: Daemon) -> None:
        adopt = daemon._rounds.adopt

        def failing(groups: Sequence[Group]) -> None:
            adopted.append(groups[0].desired.revision)
            if adopted == ["git:1", "git:2"]:
                raise RuntimeError("nobody foresaw this")
            adopt(groups)

        daemon._rounds.adopt = failing  # type: ignore[method-assign]
        running = asyncio.create_task(daemon.run())
        try:
            async with asyncio.timeout(60):
                while EventKind.DESIRED not in {each.kind for each in told}:  # noqa: ASYNC110 - nobody tells
                    await asyncio.sleep(0.01)
        finally:
            daemon.stop()
            await running

    with closing(open_store(tmp_path / "state")) as store:
        edges = Edges(open_client=None, hands=None, probe=None)  # type: ignore[arg-type] # nobody is asked anything
        source = Changing(tmp_path / "none", Desired({}, (), "git:1"))
        asyncio.run(work(Daemon(source, edges, Habits(WatchMode.REPORT, 0.05), store, observers=[told.append])))
    assert adopted[:3] == ["git:1", "git:2", "git:2"]


@pytest.mark.parametrize("what", ["no folder", "wrong files", "wrong settings", "no remote", "another daemon"])
def test_what_goes_wrong_at_the_start_is_json_where_the_log_is(site: Site, what: str) -> None:
    options, code, said = {
        "no folder": (["--desired", str(site.folder / "none")], 1, "this directory does not exist"),
        "wrong files": ([], 1, "Look for a bracket"),
        "wrong settings": (["--settings", str(site.folder / "none.toml")], 1, "none.toml"),
        "no remote": (["--require-signed"], 64, "--require-signed goes with --git-remote"),
        "another daemon": ([], 5, "stop that one first"),
    }[what]
    if what == "wrong files":
        (site.desired / "servers.yaml").write_text("servers: [")
    with Living(site.desired, site.folder) if what == "another daemon" else nullcontext():
        line = ["watch", "--desired", str(site.desired), "--state-dir", str(site.folder / "watch-state")]
        line = [PROGRAM, *line, "--log-format", "json", "--listen", "none", *options]
        done = subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert done.returncode == code
    assert said in lines[-1]["message"]
    assert {each["level"] for each in lines} == {"error"}
