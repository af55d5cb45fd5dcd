"""DHCPv6 clients of the tests' own, behind a relay on loopback, which ask one server for one address (RFC 8415)."""

from __future__ import annotations

import socket
import struct
import time
from ipaddress import IPv6Address
from typing import TYPE_CHECKING

from lab.configurations import server_id
from tests.kea.relay import Client, Relay

if TYPE_CHECKING:
    from collections.abc import Iterator

RELAY = "::1"
SERVED = {"interfaces_config": {"interfaces": [f"lo/{RELAY}"]}}  # with which a server listens to the relay
BEHIND_RELAY = {"relay": {"ip-addresses": [RELAY]}}  # a part of the subnet that the clients are in
_REQUEST, _REPLY, _FORWARD = 3, 7, 12
_CLIENT, _SERVER, _IA, _ADDRESS, _ELAPSED, _RELAYED = 1, 2, 3, 5, 8, 9
_HEAD = 34  # octets of a relay's message before its options


class Clients6(Relay):
    """A relay with any number of DHCPv6 clients, for servers of these names; usable as a context manager."""

    family, address, daemon = socket.AF_INET6, RELAY, "kea-dhcp6"

    def request(self, name: str, address: str) -> Client:
        """Let one more client ask a server for an address; a server that gives it one has given it a lease."""
        number = len(self.asked)
        client = Client(time.monotonic())
        self.asked.append(client)
        own = _option(_ADDRESS, IPv6Address(address).packed + struct.pack("!II", 0, 0))
        options = (
            _option(_CLIENT, struct.pack("!HH6s", 3, 1, b"\x02\x00\x00\x00" + number.to_bytes(2, "big"))),
            _option(_SERVER, _duid(name)),
            _option(_ELAPSED, bytes(2)),
            _option(_IA, struct.pack("!III", 1, 0, 0) + own),
        )
        transaction = struct.pack("!BH", self.names.index(name), number)
        relayed = _option(_RELAYED, bytes([_REQUEST]) + transaction + b"".join(options))
        loopback = IPv6Address(RELAY).packed
        self.send(name, bytes([_FORWARD, 0]) + loopback + loopback + relayed)
        return client

    def hear(self, answer: bytes) -> None:
        """A reply with an address in it is a lease; what the server does not give has a status only."""
        reply = dict(_options(answer[_HEAD:]))[_RELAYED]
        place, number = struct.unpack("!BH", reply[1:4])
        association = dict(_options(reply[4:])).get(_IA, b"")
        given = dict(_options(association[12:])).get(_ADDRESS)
        if reply[0] == _REPLY and given is not None:
            self.asked[number].leases.add(self.names[place])
            self.asked[number].addresses[self.names[place]] = str(IPv6Address(given[:16]))


def _duid(name: str) -> bytes:
    """The DUID that the lab gives a server."""
    said = server_id(name)
    return struct.pack("!HI", 2, said["enterprise-id"]) + bytes.fromhex(said["identifier"])


def _option(code: int, data: bytes) -> bytes:
    return struct.pack("!HH", code, len(data)) + data


def _options(data: bytes) -> Iterator[tuple[int, bytes]]:
    while len(data) >= 4:
        code, length = struct.unpack("!HH", data[:4])
        yield code, data[4 : 4 + length]
        data = data[4 + length :]
