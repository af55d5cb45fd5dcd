"""The state directory and the lock, from the command line."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from reconciler.simulator import Kind
from reconciler.state.runs import Run, open_store
from tests.cli.site import Site, until

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.state.runs import Store


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


def held(state: Path, site: Site, name: str = "kea-a") -> tuple[Store, Run]:
    """Another run that has a server."""
    store = open_store(state)
    run = Run(store, "kea-reconciler apply")
    run.claim({site[name].control}, 0)
    return store, run


def test_a_second_apply_ends_with_5_and_says_who_is_at_work(site: Site, state: Path) -> None:
    store, run = held(state, site)
    done = site.run("apply", "--yes", "--state-dir", str(state), "--lock-timeout", "0.5")
    assert done.exit_code == 5, done
    assert "`kea-reconciler apply` of " in done.stderr
    assert f"pid {os.getpid()}" in done.stderr
    assert site.sent() == []
    run.end(0)
    store.close()
    assert site.run("apply", "--yes", "--state-dir", str(state)).exit_code == 0


@pytest.mark.parametrize("command", [("maintenance", "start", "kea-b"), ("reset", "kea-b"), ("enable", "kea-a")])
def test_every_command_that_writes_waits_for_its_turn(pair: Site, state: Path, command: tuple[str, ...]) -> None:
    store, run = held(state, pair)
    done = pair.run_line(
        *command, "--desired", str(pair.desired), "--yes", "--state-dir", str(state), "--lock-timeout", "0"
    )
    assert done.exit_code == 5, done
    assert pair.sent() == []
    run.end(0)
    store.close()


def test_one_that_only_looks_waits_for_nobody(pair: Site, state: Path) -> None:
    store, run = held(state, pair)
    assert pair.run("plan", "--state-dir", str(state)).exit_code == 0
    assert pair.run("status", "--state-dir", str(state)).exit_code == 0
    run.end(0)
    store.close()


def test_of_two_processes_the_second_waits_for_the_first(site: Site, state: Path) -> None:
    """The first is held up by a slow server; both end well, and the second finds nothing to do."""
    site["kea-b"].faults.add(Kind.DELAY, "config-set", seconds=4.0, times=1)
    line = site.line("apply", "--yes", "--state-dir", str(state))
    first = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    until(lambda: "dhcp-disable" in site.sent(), "beginning of the first")
    second = site.run_process("apply", "--yes", "--state-dir", str(state), "--log-level", "info")
    out, err = first.communicate(timeout=60)
    assert (first.returncode, second.exit_code) == (0, 0), (out, err, second)
    assert f"pid {first.pid}" in second.stderr
    assert "Nothing" in second.stdout or "No changes" in second.stdout
    assert site.sent().count("config-set") == 2


def test_a_killed_process_holds_nobody_up_and_is_spoken_of(site: Site, state: Path) -> None:
    site["kea-a"].faults.add(Kind.DELAY, "config-set", seconds=2.0, times=1)
    line = site.line("apply", "--yes", "--state-dir", str(state))
    process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    until(lambda: site.sent("kea-a").count("config-set") == 1, "set of the primary")
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    time.sleep(2.0)  # what was sent is still carried out
    for command in ("plan", "status"):
        told = site.run(command, "--state-dir", str(state)).stdout
        assert "cut off" in told
        assert "switched its DHCP service off" in told
    site.until_normal()
    done = site.run("apply", "--yes", "--state-dir", str(state), "--lock-timeout", "0")
    assert done.exit_code == 0, done
    assert "its DHCP service is on again" in done.stdout
    assert site.sent("kea-b")[-1] in {"dhcp-enable", "config-write"}
    assert site.run("plan", "--detailed-exitcode", "--state-dir", str(state)).exit_code == 0
    assert "cut off" not in site.run("status", "--state-dir", str(state)).stdout


def test_without_a_place_to_write_nothing_is_touched(site: Site, state: Path) -> None:
    state.mkdir(mode=0o755)
    state.chmod(0o755)
    done = site.run("apply", "--yes", "--state-dir", str(state))
    assert done.exit_code == 1
    assert f"chmod 700 {state}" in done.stderr
    assert site.sent() == []
    assert all(server.log == [] for server in site.world.servers.values())


def test_a_damaged_memory_stops_an_apply_and_not_a_look(site: Site, state: Path) -> None:
    state.mkdir(mode=0o700)
    (state / "state.db").write_bytes(b"")
    done = site.run("apply", "--yes", "--state-dir", str(state))
    assert done.exit_code == 1
    assert "damaged" in done.stderr
    assert site.sent() == []
    looked = site.run("plan", "--state-dir", str(state))
    assert looked.exit_code == 0
    assert "can't be told" in looked.stderr


def test_the_environment_names_the_place(site: Site, state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEA_RECONCILER_STATE_DIR", str(state))
    assert site.run("apply", "--yes").exit_code == 0
    assert (state / "state.db").exists()
    assert list(state.glob("run-*.lock")) == []
