"""Real clients: perfdhcp asks for new leases at a steady rate, and says how many exchanges came to their end."""

from __future__ import annotations

import re
import signal
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Self

from lab.errors import LabError
from lab.generation import found
from lab.process import Process, wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from lab.network import Host

PROGRAM = "perfdhcp"
RATE = 40  # exchanges a second: little enough for a busy machine with two processors
_BATCHES = count(1)
# It polls as often as timers can be: a millisecond is often enough, and leaves the processors to the servers.
_CALMLY = ("sh", "-c", '{ echo 1000000 > /proc/self/timerslack_ns; } 2> /dev/null; exec "$@"', "sh")
_COUNTED = re.compile(r"sent packets: (\d+)\nreceived packets: (\d+)\n")


@dataclass(frozen=True, slots=True)
class Report:
    """What perfdhcp counted: exchanges begun (DISCOVERs), and those that ended with the client's lease (ACKs)."""

    begun: int
    ended: int

    @property
    def lost(self) -> int:
        """The exchanges that a client began in vain."""
        return self.begun - self.ended


class Load:
    """Clients on a host, from `with` until `stop()`: each exchange is that of one of so many, drawn by chance."""

    def __init__(self, host: Host, directory: Path, clients: int) -> None:
        self._host = host
        batch = next(_BATCHES)
        self._output = directory / f"{PROGRAM}-{batch}.output"
        base = f"mac=02:{batch // 256:02x}:{batch % 256:02x}:00:00:00"  # no client of an earlier load
        asking = (found(PROGRAM) or PROGRAM, "-4", "-l", "eth0", "-r", str(RATE), "-R", str(clients), "-b", base)
        self._process = Process((*host.wrapper, *_CALMLY, *asking), environment={}, output=self._output)

    def __enter__(self) -> Self:
        self._process.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()

    def stop(self) -> Report:
        """End it; the report. An exchange that is on its way just then counts as lost in it."""
        self._process.signal(signal.SIGINT)
        if not wait_until(lambda: not self._process.is_running, 10.0):
            raise LabError(f"{PROGRAM} does not end")
        text = self._output.read_text()
        counts = _COUNTED.findall(text)
        if len(counts) != 2:
            raise LabError(f"{PROGRAM} gives no report: {text[-500:]}")
        (begun, _), (_, ended) = counts
        return Report(int(begun), int(ended))
