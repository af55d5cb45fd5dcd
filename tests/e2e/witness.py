"""Hears what clients ask and what they are told, on the wire.

    python witness.py eth0

prints a line for each DHCPDISCOVER, `TIME ask CLIENT`, and for each DHCPACK with a lease, `TIME ADDRESS CLIENT`, until
it is ended; times are those of time.time(), and a client goes by its MAC address. What a server's database says is not
the same as a promise: one that ends between writing a lease and sending it has promised nothing.
"""

from __future__ import annotations

import socket
import sys
import time
from pathlib import Path

_COOKIE = b"\x63\x82\x53\x63"
_DISCOVER, _ACK = bytes([53, 1, 1]), bytes([53, 1, 5])
_ALL_PACKETS = 3  # linux/if_ether.h: ETH_P_ALL
_HEADERS = 14 + 20 + 8  # Ethernet, IPv4 without options, UDP
_ASKED = "ask"
SCRIPT = Path(__file__)


class Heard:
    """What a witness has printed into a file, from the line `since` on."""

    def __init__(self, output: Path, since: int = 0) -> None:
        lines = [line.split() for line in output.read_text().splitlines()[since:]]
        self._times = [float(line[0]) for line in lines]
        self._lines = [line[1:] for line in lines]

    def __len__(self) -> int:
        return len(self._lines)

    def promised(self) -> dict[str, set[str]]:
        """Every address that was promised, and to whom."""
        clients: dict[str, set[str]] = {}
        for address, client in self._lines:
            if address != _ASKED:
                clients.setdefault(address, set()).add(client)
        return clients

    def given_twice(self) -> dict[str, float]:
        """The addresses that were promised to different clients, and when the last of those got it."""
        first: dict[tuple[str, str], float] = {}
        for moment, (address, client) in zip(self._times, self._lines, strict=True):
            first.setdefault((address, client), moment)
        twice = {address for address, found in self.promised().items() if len(found) > 1}
        return {each: max(at for (address, _), at in first.items() if address == each) for each in twice - {_ASKED}}

    def asked(self) -> int:
        """How often a client asked."""
        return len([address for address, _ in self._lines if address == _ASKED])

    def answered(self) -> int:
        """How often a client that asked was promised an address."""
        asking, answered = set[str](), 0
        for address, client in self._lines:
            if address == _ASKED:
                asking.add(client)
            elif client in asking:  # else a second server's answer
                asking.remove(client)
                answered += 1
        return answered

    def is_last_unanswered(self) -> bool:
        """Whether the client that asked last was promised nothing after it."""
        last = max((place for place, line in enumerate(self._lines) if line[0] == _ASKED), default=None)
        return last is not None and all(client != self._lines[last][1] for _, client in self._lines[last + 1 :])


def told(packet: bytes) -> str | None:
    """The line about a packet, None for one that is not of interest."""
    message = packet[_HEADERS:]
    if packet[12:14] != b"\x08\x00" or packet[23] != socket.IPPROTO_UDP or message[236:240] != _COOKIE:
        return None
    client, address = message[28:34].hex(":"), socket.inet_ntoa(message[16:20])
    if message[240:].startswith(_DISCOVER):
        return f"{_ASKED} {client}"
    return f"{address} {client}" if _ACK in message[240:] and any(message[16:20]) else None


def watch(interface: str) -> None:
    """Print what is heard on an interface, line by line."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ALL_PACKETS)) as wire:
        wire.bind((interface, 0))
        while True:
            line = told(wire.recv(2000))
            if line:
                print(f"{time.time():.3f} {line}", flush=True)  # noqa: T201


if __name__ == "__main__":
    watch(sys.argv[1])
