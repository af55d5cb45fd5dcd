"""DHCPv4 clients of the tests' own, behind a relay on loopback: real packets without a network.

Kea serves the loopback interface with UDP sockets, and answers a relay at the port that -P names. Every client's
DISCOVER goes to all servers, as a broadcast does, so it can be told how many of them answer one client.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from itertools import pairwise
from typing import TYPE_CHECKING

from tests.kea.relay import Client, Relay

if TYPE_CHECKING:
    from collections.abc import Iterator

RELAY = "127.0.0.1"
SERVED = {  # parts of a configuration with which a server listens to the relay
    "interfaces_config": {"interfaces": [f"lo/{RELAY}"], "dhcp-socket-type": "udp"},
}
BEHIND_RELAY = {"relay": {"ip-addresses": [RELAY]}}  # a part of the subnet that the clients are in
_MAGIC = b"\x63\x82\x53\x63"
_DISCOVER, _OFFER, _REQUEST, _LEASE, _REFUSAL = (bytes([53, 1, kind]) for kind in (1, 2, 3, 5, 6))
_END, _NO_ADDRESS = b"\xff", socket.inet_ntoa(bytes(4))
_OF_SERVER = bytes([54, 4]) + socket.inet_aton(RELAY)  # the address that the server serves, and goes by


class Clients(Relay):
    """A relay with any number of clients, for servers of these names; usable as a context manager."""

    family, address, daemon = socket.AF_INET, RELAY, "kea-dhcp4"

    def ask(self) -> Client:
        """Let one more client send its DISCOVER to every server."""
        return self._ask_all(_NO_ADDRESS, _DISCOVER)

    def request(self, name: str, address: str) -> Client:
        """Let one more client ask a server for an address; a server that answers it has given it that lease."""
        number = len(self.asked)
        client = Client(time.monotonic())
        self.asked.append(client)
        self.send(name, _request(number, self.names.index(name), address))
        return client

    def renew(self, client: Client, address: str) -> None:
        """Let a client ask whether it may keep the address that it has."""
        self._send_to_all(client, _REQUEST, address)

    def ask_again(self, client: Client) -> None:
        """Let a client begin anew."""
        self._send_to_all(client, _DISCOVER, _NO_ADDRESS)

    def _send_to_all(self, client: Client, options: bytes, current: str) -> None:
        number = next(n for n in reversed(range(len(self.asked))) if self.asked[n] is client)
        for place, name in enumerate(self.names):
            self.send(name, _message(number, place, options, current))

    def rebind(self, address: str) -> Client:
        """Let one more client ask every server whether it may keep its address, as it does when its own is silent."""
        return self._ask_all(address, _REQUEST)

    def reboot(self, address: str) -> Client:
        """Let one more client ask every server for the address that it had before it was switched off."""
        return self._ask_all(_NO_ADDRESS, _REQUEST + bytes([50, 4]) + socket.inet_aton(address))

    def _ask_all(self, current: str, options: bytes) -> Client:
        client = Client(time.monotonic())
        self.asked.append(client)
        self._send_to_all(client, options, current)
        return client

    def offered(self, seconds: float = 0.5) -> set[str]:
        """The servers that answer one more client within that time."""
        client = self.ask()
        time.sleep(seconds)
        return client.offers

    @contextlib.contextmanager
    def asking(self, pause: float = 0.02) -> Iterator[None]:
        """While inside, let another client ask every `pause` seconds."""
        is_over = threading.Event()

        def work() -> None:
            while not is_over.wait(pause):
                self.ask()

        asking = threading.Thread(target=work)
        asking.start()
        try:
            yield
        finally:
            is_over.set()
            asking.join()
            time.sleep(0.3)  # for the last answers

    def longest_silence(self, start: int) -> float:
        """The longest time, in seconds, in which no server answered, of those who asked from a number on."""
        asked = self.asked[start:]
        answered = [asked[0].asked, *(each.asked for each in asked if each.offers), asked[-1].asked]
        assert len(answered) > 20, "clients are answered"
        return max(after - before for before, after in pairwise(answered))

    def hear(self, answer: bytes) -> None:
        """The transaction id tells which client it is for, and of which server."""
        place, number = struct.unpack("!BxH", answer[4:8])
        client, name = self.asked[number], self.names[place]
        for kind, told in ((_OFFER, client.offers), (_LEASE, client.leases), (_REFUSAL, client.refusals)):
            if kind in answer:
                told.add(name)
        client.addresses[name] = socket.inet_ntoa(answer[16:20])  # yiaddr


def _request(number: int, place: int, address: str) -> bytes:
    """Client `number`'s DHCPREQUEST of an address that the server at `place` is to have offered."""
    return _message(number, place, _REQUEST + bytes([50, 4]) + socket.inet_aton(address) + _OF_SERVER)


def _message(number: int, place: int, options: bytes, current: str = _NO_ADDRESS) -> bytes:
    """A client's message to the server at `place`, which the transaction id tells (RFC 2131, figure 1)."""
    transaction = struct.pack("!BxH", place, number)
    head = struct.pack("!BBBB", 1, 1, 6, 1) + transaction + bytes(4) + socket.inet_aton(current) + bytes(8)
    address = b"\x02\x00\x00\x00" + number.to_bytes(2, "big")
    return head + socket.inet_aton(RELAY) + address.ljust(16, b"\0") + bytes(192) + _MAGIC + options + _END
