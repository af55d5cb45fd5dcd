"""The command line at a terminal: a process whose streams are a pseudo terminal, and a person who types."""

from __future__ import annotations

import contextlib
import os
import pty
import subprocess
import threading
from typing import TYPE_CHECKING, Self

from tests.cli.site import until

if TYPE_CHECKING:
    from collections.abc import Sequence

PATIENCE = 30.0


class Terminal:
    """A program running at a terminal; use it as a context manager. `has_stdout`: its result goes there too, else
    into a pipe. `screen` is all that was shown so far, `piped` what came through the pipe.
    """

    def __init__(self, program: Sequence[str], *, has_stdout: bool = True, **environment: str) -> None:
        self._screen = bytearray()
        self._master, slave = pty.openpty()
        streams = {"stdin": slave, "stderr": slave, "stdout": slave if has_stdout else subprocess.PIPE}
        env = {**os.environ, "TERM": "xterm", "COLUMNS": "200", **environment}
        try:
            self._process = subprocess.Popen(program, env=env, start_new_session=True, **streams)  # type: ignore[call-overload]
        finally:
            os.close(slave)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.piped = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._reader.join(PATIENCE)
        os.close(self._master)

    def _read(self) -> None:
        with contextlib.suppress(OSError):  # EIO: nobody has the other end open any more
            while piece := os.read(self._master, 65536):
                self._screen += piece

    @property
    def screen(self) -> str:
        return self._screen.decode().replace("\r\n", "\n")

    @property
    def pid(self) -> int:
        return int(self._process.pid)

    def wait_for(self, text: str) -> None:
        """Wait until a text is shown."""
        until(lambda: text in self.screen or self._process.poll() is not None, repr(text), PATIENCE)
        assert text in self.screen, self.screen

    def type(self, text: str) -> None:
        """Type; a line ends with a line end, and \\x04 is Ctrl-D."""
        os.write(self._master, text.encode())

    def end(self) -> int:
        """Wait until the program ends; its exit code."""
        out, _ = self._process.communicate(timeout=PATIENCE)
        self.piped = (out or b"").decode()
        self._reader.join(PATIENCE)
        return int(self._process.returncode)
