"""`python -m reconciler.simulator`."""

from __future__ import annotations

import errno
import json
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from reconciler.simulator import World
from reconciler.simulator.__main__ import main
from reconciler.simulator.configuration.refusal import RefusedError
from reconciler.simulator.direct import bound

ROOT = Path(__file__).parents[2]


def started(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "reconciler.simulator", *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_it_says_where_it_listens_answers_and_ends_when_told(tmp_path: Path) -> None:
    file = tmp_path / "kea.json"
    file.write_text(json.dumps({"Dhcp4": {"valid-lifetime": 77}}))
    two = ("--server", "kea-a=127.0.0.1:0", "--server", "kea-b=127.0.0.1:0")
    program = started(*two, "--service", "dhcp4", "--config", f"kea-a:dhcp4={file}")
    try:
        assert program.stdout is not None
        line = program.stdout.readline()
        found = re.fullmatch(r"ready kea-a=(http://127\.0\.0\.1:\d+/) kea-b=(http://127\.0\.0\.1:\d+/)\n", line)
        assert found is not None
        lifetimes = []
        for url in found.groups():
            body = json.dumps({"command": "config-get", "service": ["dhcp4"]}).encode()
            with urlopen(Request(url, body, {"Content-Type": "application/json"}), timeout=10) as answer:  # noqa: S310
                lifetimes.append(json.load(answer)[0]["arguments"]["Dhcp4"]["valid-lifetime"])
        assert lifetimes == [77, 7200]
    finally:
        program.send_signal(signal.SIGTERM)
        output, errors = program.communicate(timeout=20)
    assert (program.returncode, output, errors) == (0, "", "")


def test_what_cannot_be_started_is_said_and_ends_it(tmp_path: Path) -> None:
    file = tmp_path / "kea.json"
    file.write_text(json.dumps({"Dhcp4": {"no-such-key": 77}}))
    program = started("--server", "kea-a=127.0.0.1:0", "--config", f"kea-a:dhcp4={file}")
    output, errors = program.communicate(timeout=20)
    assert (program.returncode, output) == (1, "")
    assert "unsupported global configuration parameter: no-such-key" in errors


def refused(capsys: pytest.CaptureFixture[str], place: str) -> str:
    assert main(["--server", f"kea-a={place}", "--service", "dhcp4"]) == 1
    return capsys.readouterr().err


def test_a_place_where_it_cannot_listen_is_said_with_what_to_do(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = f"127.0.0.1:{other.getsockname()[1]}"
        told = f"kea-a can't listen at {taken}: Address already in use; take another port, or 0 for a free one\n"
        assert refused(capsys, taken) == told
    told = "kea-a can't listen at 192.0.2.1:0: Cannot assign requested address; "
    assert refused(capsys, "192.0.2.1:0") == f"{told}take an address of this host, such as 127.0.0.1\n"

    def forbidden(*_: object, **__: object) -> None:  # as for all but root, which tests may be run as
        raise PermissionError(errno.EACCES, "error while attempting to bind on address ('127.0.0.1', 80)")

    monkeypatch.setattr(World, "add_server", forbidden)
    told = "kea-a can't listen at 127.0.0.1:80: Permission denied; ports below 1024 are for root; "
    assert refused(capsys, "127.0.0.1:80") == f"{told}take one from 1024 on, or 0 for a free one\n"


@pytest.mark.parametrize("place", ["127.0.0.1:65536", "127.0.0.1:x", "127.0.0.1"])
def test_what_is_no_place_is_wrong_usage(capsys: pytest.CaptureFixture[str], place: str) -> None:
    with pytest.raises(SystemExit):
        main(["--server", f"kea-a={place}"])
    assert "wanted: NAME=HOST:PORT, with a port from 0 to 65535" in capsys.readouterr().err


def test_a_daemon_says_that_a_port_is_not_its_own_to_take(monkeypatch: pytest.MonkeyPatch) -> None:
    class Forbidding(socket.socket):
        def bind(self, _: object) -> None:
            raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(socket, "socket", Forbidding)
    with pytest.raises(RefusedError, match=r"bind: Permission denied \[system:13 at /usr/include/boost/"):
        bound("127.0.0.1", 80)


def test_it_is_the_version_that_was_asked_for() -> None:
    program = started("--server", "kea-a=127.0.0.1:0", "--service", "dhcp6", "--version", "3.0.3")
    try:
        assert program.stdout is not None
        url = program.stdout.readline().partition("=")[2].strip()
        body = json.dumps({"command": "version-get", "service": ["dhcp6"]}).encode()
        with urlopen(Request(url, body, {"Content-Type": "application/json"}), timeout=10) as answer:  # noqa: S310
            assert json.load(answer)[0]["text"] == "3.0.3"
    finally:
        program.send_signal(signal.SIGTERM)
        program.communicate(timeout=20)


def test_its_help_says_what_every_option_means(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    said = capsys.readouterr().out
    assert "2.2.0, 2.6.3, 3.0.3" in " ".join(said.split())
    options = re.split(r"\n  (?=-)", said)[1:]
    assert len(options) == 5
    assert all(re.search(r"[A-Za-z] {2,}\S|\n {10,}\S", each) for each in options)
