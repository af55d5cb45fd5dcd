"""A daemon as people run it: a process of its own, of whose log every line is read."""

from __future__ import annotations

import os
import signal
import subprocess
from typing import TYPE_CHECKING, Any, Self

import httpx
import orjson

from tests.cli.site import PROGRAM
from tests.kea.world import until

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Line = dict[str, Any]
_PASSING = ("heartbeat_age", "clock_skew")  # of a server's status: another at each look
_PATIENCE = 90.0  # seconds; on a busy machine Python alone takes a while to start


class Living:
    """`kea-reconciler watch` on a desired folder, with a state directory and a log in `folder`; a context manager.

    Each start has the same options, unless it is given others; the log goes on.
    """

    def __init__(
        self, desired: Path, folder: Path, *options: str, environment: Mapping[str, str] | None = None
    ) -> None:
        self.desired, self.folder, self.options = desired, folder, options
        self.state, self._log = folder / "watch-state", folder / "watch.log"
        self._environment = dict(environment or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._mark = 0  # lines before this one are of the past

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def start(self, *options: str) -> None:
        """Start it, and wait until it watches."""
        begun = len(self.events("started"))
        line = [
            PROGRAM,
            "watch",
            "--desired",
            str(self.desired),
            "--state-dir",
            str(self.state),
            "--log-format",
            "json",
            "--listen",
            "127.0.0.1:0",
        ]
        with self._log.open("ab") as log:
            environment = {**os.environ, **self._environment}
            self._process = subprocess.Popen([*line, *(options or self.options)], stderr=log, env=environment)
        try:
            until(lambda: len(self.events("started")) > begun or self.has_ended, "start of the daemon", _PATIENCE)
            assert not self.has_ended, self.log
        except BaseException:
            self.kill()
            raise

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The process."""
        assert self._process is not None
        return self._process

    @property
    def url(self) -> str:
        """Where its status page is."""
        said = [each["message"] for each in self.lines() if each["message"].startswith("the status page is at ")]
        return str(said[-1].rpartition(" ")[2])

    def get(self, path: str = "", **headers: str) -> httpx.Response:
        """Ask for one of its pages."""
        return httpx.get(f"{self.url}{path}", headers=headers, timeout=20, trust_env=False)

    @property
    def has_ended(self) -> bool:
        """Whether the process is gone."""
        return self.process.poll() is not None

    def stop(self) -> int:
        """Ask it to end, as systemd does, and return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    def kill(self) -> None:
        """Kill it in whatever it is doing."""
        self.process.kill()
        self.process.wait()

    # ------------------------------------------------------------------------------------- what it said

    @property
    def log(self) -> str:
        """All that it wrote."""
        return self._log.read_text() if self._log.exists() else ""

    def lines(self) -> list[Line]:
        """What it logged since `forget`, each as a value."""
        found = [line for line in self.log.splitlines() if line.startswith("{")]
        whole = [orjson.loads(line) for line in found if line.endswith("}")]
        return whole[self._mark :]

    def forget(self) -> None:
        """Take all that was said for the past."""
        self._mark += len(self.lines())

    def events(self, kind: str, *, is_over: bool | None = None, relationship: str | None = None) -> list[Line]:
        """The events of a kind since `forget`."""
        return [
            each
            for each in self.lines()
            if each.get("kind") == kind
            and (is_over is None or each["is_over"] is is_over)
            and (relationship is None or each["relationship"] == relationship)
        ]

    def until(
        self, kind: str, *, is_over: bool | None = None, relationship: str | None = None, seconds: float = _PATIENCE
    ) -> Line:
        """Wait for an event, and return the first."""
        try:
            until(lambda: bool(self.events(kind, is_over=is_over, relationship=relationship)), f"event {kind}", seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}; it said:\n{self.log}") from None
        return self.events(kind, is_over=is_over, relationship=relationship)[0]


def lasting(status: dict[str, Any]) -> dict[str, Any]:
    """What of a status as JSON is the same at the next look."""
    for relationship in status["relationships"]:
        for server in relationship["servers"]:
            server.update(dict.fromkeys(_PASSING))
    return status
