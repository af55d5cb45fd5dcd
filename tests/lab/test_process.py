from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lab.errors import LabError
from lab.ports import Port
from lab.process import Process, wait_until

CHECKOUT = Path(__file__).parents[2]


def is_alive(pid: int) -> bool:
    """Whether the process runs; one that is dead and only not yet reaped by its new parent does not."""
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False


def sleeper(folder: Path, script: str = "sleep 1000 & echo $! > child; wait") -> Process:
    return Process(["sh", "-c", f"cd '{folder}'; {script}"], environment={}, output=folder / "output")


def child_of(folder: Path) -> int:
    file = folder / "child"
    assert wait_until(lambda: file.exists() and file.read_text().strip() != "", 5)
    return int(file.read_text())


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_the_whole_group_ends(tmp_path: Path, end: str) -> None:
    process = sleeper(tmp_path)
    process.start()
    child = child_of(tmp_path)
    assert is_alive(child)
    getattr(process, end)()
    assert wait_until(lambda: not is_alive(child), 5)
    assert not process.is_running
    with pytest.raises(LabError, match="is not running"):
        _ = process.pid


def test_one_that_ignores_the_request_to_end_is_killed(tmp_path: Path) -> None:
    process = sleeper(tmp_path, "trap '' TERM; sleep 1000 & echo $! > child; while :; do wait; done")
    process.start()
    child = child_of(tmp_path)
    process.stop(grace=0.2)
    assert wait_until(lambda: not is_alive(child), 5)


def test_an_end_by_itself_is_noticed_and_a_second_start_is_refused(tmp_path: Path) -> None:
    process = sleeper(tmp_path, "exit 3")
    process.start()
    assert wait_until(lambda: not process.is_running, 5)
    with pytest.raises(LabError, match="running already"):
        process.start()
    process.kill()
    process.start()
    process.kill()


def test_a_pid_file_that_names_somebody_else_is_not_believed(tmp_path: Path) -> None:
    process = Process(["sleep", "1000"], environment={}, output=tmp_path / "output", pid_file=tmp_path / "pid")
    process.start()
    (tmp_path / "pid").write_text(str(os.getpid()))
    process.signal(signal.SIGTERM)
    assert wait_until(lambda: not process.is_running, 5)
    process.kill()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_outlives_the_process_that_started_it(tmp_path: Path, number: signal.Signals) -> None:
    script = (
        "import sys, time, pathlib\n"
        "sys.path.insert(0, sys.argv[1])\n"
        "from lab.process import Process\n"
        "folder = pathlib.Path(sys.argv[2])\n"
        "Process(['sh', '-c', f'cd {folder}; sleep 1000 & echo $! > child; wait'],"
        " environment={}, output=folder / 'output').start()\n"
        "time.sleep(1000)\n"
    )
    command = [sys.executable, "-c", script, str(CHECKOUT), str(tmp_path)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as owner:
        child = child_of(tmp_path)
        owner.send_signal(number)
        owner.wait(10)
    assert wait_until(lambda: not is_alive(child), 5)


def test_a_port_that_is_held_is_given_to_nobody_else_not_even_another_process() -> None:
    script = "from lab.ports import Port; print(*(Port().number for _ in range(50)))"
    held = [Port() for _ in range(50)]
    others = subprocess.run([sys.executable, "-c", script], cwd=CHECKOUT, check=True, capture_output=True, text=True)
    numbers = {port.number for port in held}
    for port in held:
        port.release()
    assert len(numbers) == 50
    assert numbers.isdisjoint(map(int, others.stdout.split()))
